//! Errors of SQS, with a detail and a help text.

use aws_sdk_sqs::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    types::BatchResultErrorEntry,
};
use cloudevents_aws::{Service, is_ended_session};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::{disconnected, refused};

/// What errors of SQS mean.
pub(super) const SQS: Service = Service { name: "SQS", own };

/// An error of a request.
pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    SQS.error(error)
}

/// An entry of a batch that failed.
pub(super) fn of_entry(entry: &BatchResultErrorEntry) -> Error {
    SQS.coded(entry.code(), entry.message().unwrap_or_default(), !entry.sender_fault())
}

/// The same for a receiver, which fails with a session that has ended as with a login that is refused. A sender keeps its events for a new
/// session.
pub(super) fn of_receiver(error: Error) -> Error {
    let is_temporary = error.is_temporary() && !is_ended_session(&error);
    error.with_temporary(is_temporary)
}

fn own(name: &str, detail: &str) -> Option<Error> {
    Some(match name {
        "QueueDoesNotExist" | "NonExistentQueue" => {
            refused(detail).with_help("create the queue, or correct region, account and name in the URL")
        }
        "QueueDeletedRecently" => refused(detail).with_temporary(true),
        "AccessDenied" | "AccessDeniedException" => {
            refused(detail).with_help("allow this user the action on the queue")
        }
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => stale(detail),
        "InvalidParameterValue" if detail.contains("receipt handle") => stale(detail),
        "InvalidParameterValue" if detail.contains("must be shorter than") => {
            Error::new(ErrorKind::TooLarge).with_detail(detail.to_owned())
        }
        "OverLimit" => refused(detail)
            .with_temporary(true)
            .with_help("so many messages of the queue are not settled: let receivers settle them"),
        _ => return None,
    })
}

/// The message is not this receiver's any more.
fn stale(detail: &str) -> Error {
    disconnected(detail)
        .with_help("its lock has ended, so that it comes again: raise `lock`, or settle sooner")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let kind = |code, message, temporary| {
            let error = SQS.coded(code, message, temporary);
            (error.kind(), error.is_temporary())
        };
        let refused = |temporary| (ErrorKind::Refused, temporary);
        assert_eq!(kind("AWS.SimpleQueueService.NonExistentQueue", "", false), refused(false));
        assert_eq!(kind("com.amazonaws.sqs#QueueDoesNotExist", "", false), refused(false));
        assert_eq!(kind("OverLimit", "", false), refused(true));
        for code in ["ThrottlingException", "RequestThrottled", "AWS.SimpleQueueService.RequestThrottled"] {
            assert_eq!(kind(code, "", false), refused(true), "{code}");
        }
        assert_eq!(kind("ReceiptHandleIsInvalid", "", false).0, ErrorKind::Disconnected);
        assert_eq!(
            kind("InvalidParameterValue", "Value x for receipt handle", false).0,
            ErrorKind::Disconnected
        );
        assert_eq!(kind("InvalidParameterValue", "Value x for DelaySeconds", false), refused(false));
        let shorter = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.";
        assert_eq!(kind("InvalidParameterValue", shorter, false).0, ErrorKind::TooLarge);
    }
}
