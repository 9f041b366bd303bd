//! Errors of the client and of SQS, with a detail and a help text.

use aws_sdk_sqs::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    types::BatchResultErrorEntry,
};
use cloudevents_core::{Error, ErrorKind};
use std::fmt::Display;

/// An error of SQS is about the request; any other error is about the connection.
pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            match answer.err().code() {
                Some(code) => coded(code, answer.err().message().unwrap_or_default(), status >= 500),
                None if status >= 500 || status == 429 => {
                    refused(format!("an answer with the status {status} and no code")).with_temporary(true)
                }
                None => garbled(format!("an answer with the status {status} and no code")),
            }
        }
        SdkError::TimeoutError(_) => Error::new(ErrorKind::Timeout).with_detail("SQS did not answer in time"),
        SdkError::ResponseError(_) => garbled(reasons(error)),
        _ => disconnected(reasons(error)),
    }
}

/// An error and its causes.
fn reasons(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut reasons: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        if !reasons.iter().any(|known| known.contains(&cause)) {
            reasons.push(cause);
        }
    }
    reasons.join(": ")
}

/// An entry of a batch that failed.
pub(super) fn of_entry(entry: &BatchResultErrorEntry) -> Error {
    coded(entry.code(), entry.message().unwrap_or_default(), !entry.sender_fault())
}

/// The meaning of a code. `temporary` is whether SQS says that it is its own fault.
pub(super) fn coded(code: &str, message: &str, temporary: bool) -> Error {
    // "AWS.SimpleQueueService.NonExistentQueue", "com.amazonaws.sqs#QueueDoesNotExist"
    let name = code.rsplit(['.', '#']).next().unwrap_or(code);
    let detail = if message.is_empty() { name.to_owned() } else { format!("{name}: {message}") };
    match name {
        "QueueDoesNotExist" | "NonExistentQueue" => {
            refused(detail).with_help("create the queue, or correct region, account and name in the URL")
        }
        "QueueDeletedRecently" => refused(detail).with_temporary(true),
        // The message repeats the text that was signed.
        "SignatureDoesNotMatch" => {
            refused(name).with_help("the secret access key is not that of this key id")
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "InvalidSecurity"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => {
            refused(detail).with_help("these credentials are not known: check the environment or the profile")
        }
        name if name.starts_with(ENDED) || name == "RequestExpired" => {
            refused(detail).with_temporary(true).with_help("the session has ended: renew the credentials")
        }
        "AccessDenied" | "AccessDeniedException" => {
            refused(detail).with_help("allow this user the action on the queue")
        }
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => stale(detail),
        "InvalidParameterValue" if message.contains("receipt handle") => stale(detail),
        "InvalidParameterValue" if message.contains("must be shorter than") => {
            Error::new(ErrorKind::TooLarge).with_detail(detail)
        }
        "BatchRequestTooLong" => Error::new(ErrorKind::TooLarge).with_detail(detail),
        "OverLimit" => refused(detail)
            .with_temporary(true)
            .with_help("so many messages of the queue are not settled: let receivers settle them"),
        "RequestThrottled"
        | "Throttling"
        | "ThrottlingException"
        | "KmsThrottled"
        | "TooManyRequestsException"
        | "ServiceUnavailable"
        | "InternalError"
        | "InternalFailure" => refused(detail).with_temporary(true),
        _ => refused(detail).with_temporary(temporary),
    }
}

/// The same for a receiver, which fails with a session that has ended as with a login that is refused. A sender keeps its events for a new
/// session.
pub(super) fn of_receiver(error: Error) -> Error {
    let is_temporary = error.is_temporary() && !error.detail().starts_with(ENDED);
    error.with_temporary(is_temporary)
}

/// The begin of the codes of a session that has ended.
const ENDED: &str = "ExpiredToken";

/// The message is not this receiver's any more.
fn stale(detail: String) -> Error {
    disconnected(detail)
        .with_help("its lock has ended, so that it comes again: raise `lock`, or settle sooner")
}

pub(super) fn disconnected(detail: impl Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

pub(super) fn refused(detail: impl Display) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail.to_string())
}

#[cold]
pub(super) fn garbled(what: impl Display) -> Error {
    disconnected(format!("this is not an answer of SQS: {what}")).with_help("check the option `endpoint`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let kind = |code, message, temporary| {
            let error = coded(code, message, temporary);
            (error.kind(), error.is_temporary())
        };
        let refused = |temporary| (ErrorKind::Refused, temporary);
        assert_eq!(kind("AWS.SimpleQueueService.NonExistentQueue", "", false), refused(false));
        assert_eq!(kind("com.amazonaws.sqs#QueueDoesNotExist", "", false), refused(false));
        assert_eq!(kind("OverLimit", "", false), refused(true));
        assert_eq!(kind("SomethingNew", "", true), refused(true));
        assert_eq!(kind("ReceiptHandleIsInvalid", "", false).0, ErrorKind::Disconnected);
        assert_eq!(
            kind("InvalidParameterValue", "Value x for receipt handle", false).0,
            ErrorKind::Disconnected
        );
        assert_eq!(kind("InvalidParameterValue", "Value x for DelaySeconds", false), refused(false));
        let shorter = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.";
        assert_eq!(kind("InvalidParameterValue", shorter, false).0, ErrorKind::TooLarge);
        let signed =
            coded("SignatureDoesNotMatch", "The Canonical String: x-amz-security-token:s3cret", false);
        assert!(!signed.detail().contains("s3cret"));
    }
}
