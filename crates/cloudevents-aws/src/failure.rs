//! Errors of a client and of a service, with a detail and a help text.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::{disconnected, reasons, refused};
use std::fmt::Display;

/// A service of AWS, with the meaning of its errors.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name, for people: `SQS`.
    pub name: &'static str,
    /// The meaning of a code that this service alone has, by the code and the detail of the error. The rest is the meaning of all services.
    pub own: fn(code: &str, detail: &str) -> Option<Error>,
}

impl Service {
    /// The meaning of an error of a request: an error of the service is about the request; any other error is about the connection.
    pub fn error<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                match answer.err().code() {
                    Some(code) => self.coded(code, answer.err().message().unwrap_or_default(), status >= 500),
                    None if status >= 500 || status == 429 => {
                        refused(format!("an answer with the status {status} and no code"))
                            .with_temporary(true)
                    }
                    None => self.garbled(format!("an answer with the status {status} and no code")),
                }
            }
            SdkError::TimeoutError(_) => {
                Error::new(ErrorKind::Timeout).with_detail(format!("{} did not answer in time", self.name))
            }
            SdkError::ResponseError(_) => self.garbled(reasons(error)),
            _ => disconnected(reasons(error)),
        }
    }

    /// The meaning of a code, also of a single entry. `temporary` is whether the service says that it is its own fault.
    pub fn coded(&self, code: &str, message: &str, temporary: bool) -> Error {
        // "AWS.SimpleQueueService.NonExistentQueue", "com.amazonaws.sqs#QueueDoesNotExist"
        let name = code.rsplit(['.', '#']).next().unwrap_or(code);
        let detail = if message.is_empty() { name.to_owned() } else { format!("{name}: {message}") };
        if let Some(error) = (self.own)(name, &detail) {
            return error;
        }
        match name {
            // The message repeats the text that was signed.
            "SignatureDoesNotMatch" | "InvalidSignatureException" => refused(name).with_help(
                "the secret access key is not that of this key id, or the clock of this machine is wrong",
            ),
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "InvalidSecurity"
            | "MissingAuthenticationToken"
            | "IncompleteSignature" => refused(detail)
                .with_help("these credentials are not known: check the environment or the profile"),
            name if name.starts_with(ENDED) || name == "RequestExpired" => {
                refused(detail).with_temporary(true).with_help("the session has ended: renew the credentials")
            }
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "AuthorizationErrorException" => refused(detail).with_help("allow this user the action"),
            "BatchRequestTooLong" | "BatchRequestTooLongException" => {
                Error::new(ErrorKind::TooLarge).with_detail(detail)
            }
            "RequestThrottled"
            | "Throttled"
            | "ThrottledException"
            | "Throttling"
            | "ThrottlingException"
            | "KmsThrottled"
            | "KMSThrottling"
            | "KMSThrottlingException"
            | "TooManyRequestsException"
            | "ServiceUnavailable"
            | "InternalError"
            | "InternalErrorException"
            | "InternalException"
            | "InternalFailure" => refused(detail).with_temporary(true),
            _ => refused(detail).with_temporary(temporary),
        }
    }

    /// The error for a peer that is not this service.
    #[cold]
    pub fn garbled(&self, what: impl Display) -> Error {
        disconnected(format!("this is not an answer of {}: {what}", self.name))
            .with_help("check the option `endpoint`")
    }
}

/// Whether the refusal is that the session has ended.
pub fn is_ended_session(error: &Error) -> bool {
    error.detail().starts_with(ENDED)
}

/// The begin of the codes of a session that has ended.
const ENDED: &str = "ExpiredToken";

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: Service =
        Service { name: "it", own: |code, detail| (code == "Own").then(|| disconnected(detail)) };

    #[test]
    fn codes() {
        let kind = |code, message, temporary| {
            let error = SERVICE.coded(code, message, temporary);
            (error.kind(), error.is_temporary())
        };
        let refused = |temporary| (ErrorKind::Refused, temporary);
        assert_eq!(kind("com.amazonaws.it#Own", "", false).0, ErrorKind::Disconnected);
        assert_eq!(kind("SomethingNew", "", true), refused(true));
        assert_eq!(kind("SomethingNew", "", false), refused(false));
        assert_eq!(kind("ThrottlingException", "", false), refused(true));
        assert_eq!(kind("ExpiredTokenException", "", false), refused(true));
        assert!(is_ended_session(&SERVICE.coded("ExpiredToken", "it has", false)));
        for code in ["SignatureDoesNotMatch", "com.amazon.coral.service#InvalidSignatureException"] {
            let signed = SERVICE.coded(code, "The Canonical String: x-amz-security-token:s3cret", false);
            assert!(!signed.detail().contains("s3cret"), "{code}");
        }
    }
}
