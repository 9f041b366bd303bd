//! Errors of SNS, with a detail and a help text.

use aws_sdk_sns::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    types::BatchResultErrorEntry,
};
use cloudevents_aws::Service;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::refused;

/// What errors of SNS mean.
const SNS: Service = Service { name: "SNS", own };

/// An error of a request.
pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    SNS.error(error)
}

/// An entry of a batch that failed.
pub(super) fn of_entry(entry: &BatchResultErrorEntry) -> Error {
    SNS.coded(entry.code(), entry.message().unwrap_or_default(), !entry.sender_fault())
}

fn own(name: &str, detail: &str) -> Option<Error> {
    match name {
        "NotFound" | "NotFoundException" => Some(
            refused(detail).with_help("create the topic, or correct region, account and name in the URL"),
        ),
        "InvalidParameter" if detail.contains("too long") => {
            Some(Error::new(ErrorKind::TooLarge).with_detail(detail.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let kind = |code, message| {
            let error = SNS.coded(code, message, false);
            (error.kind(), error.is_temporary())
        };
        assert_eq!(kind("NotFound", "Topic does not exist"), (ErrorKind::Refused, false));
        assert_eq!(kind("InvalidParameter", "Invalid parameter: Message too long").0, ErrorKind::TooLarge);
        assert_eq!(kind("InvalidParameter", "Invalid parameter: TopicArn"), (ErrorKind::Refused, false));
        assert_eq!(kind("Throttled", "Rate exceeded"), (ErrorKind::Refused, true));
        assert_eq!(kind("KMSThrottling", ""), (ErrorKind::Refused, true));
        assert_eq!(kind("AuthorizationError", ""), (ErrorKind::Refused, false));
    }
}
