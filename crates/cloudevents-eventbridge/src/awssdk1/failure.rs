//! Errors of EventBridge, with a detail and a help text.

use aws_sdk_eventbridge::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use cloudevents_aws::Service;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::refused;

/// What errors of EventBridge mean.
pub(super) const EVENT_BRIDGE: Service = Service { name: "EventBridge", own };

/// An error of a request.
pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    EVENT_BRIDGE.error(error)
}

fn own(name: &str, detail: &str) -> Option<Error> {
    Some(match name {
        "ResourceNotFoundException" => {
            refused(detail).with_help("create the bus, or correct region, account and name in the URL")
        }
        // Of one entry, after which others may still be taken.
        "MalformedDetail" | "InvalidArgument" => Error::new(ErrorKind::Unsupported)
            .with_detail(detail.to_owned())
            .with_help("send the event in another way"),
        "NotAuthorizedForSource"
        | "NotAuthorizedForSourceException"
        | "NotAuthorizedForDetailType"
        | "NotAuthorizedForDetailTypeException" => refused(detail)
            .with_help("allow this user events of this source and type, in the policy of the bus"),
        "ValidationException" if detail.contains("over the limit") => {
            Error::new(ErrorKind::TooLarge).with_detail(detail.to_owned())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let kind = |code, message| {
            let error = EVENT_BRIDGE.coded(code, message, false);
            (error.kind(), error.is_temporary())
        };
        assert_eq!(kind("ResourceNotFoundException", "").0, ErrorKind::Refused);
        assert_eq!(kind("ThrottlingException", "Rate exceeded"), (ErrorKind::Refused, true));
        assert_eq!(kind("InternalFailure", ""), (ErrorKind::Refused, true));
        assert_eq!(kind("MalformedDetail", "Detail is malformed."), (ErrorKind::Unsupported, false));
        assert_eq!(kind("NotAuthorizedForSourceException", ""), (ErrorKind::Refused, false));
        let large = "Total size of the entries in the request is over the limit.";
        assert_eq!(kind("ValidationException", large).0, ErrorKind::TooLarge);
    }
}
