//! Errors of Pub/Sub and of the client, with a detail and a help text.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::{disconnected, reasons, refused};
use serde::Deserialize;
use std::{collections::HashMap, fmt::Display, time::Duration};

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Where Pub/Sub answers for each acknowledgement id: the reasons of those that failed. The others of the request have succeeded.
    pub(super) by_id: HashMap<String, String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, by_id: HashMap::new() }
    }
}

/// The body of such an answer: <https://google.aip.dev/193>.
#[derive(Deserialize)]
struct Body {
    error: Status,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

/// One of `google.rpc.ErrorInfo`, `google.rpc.RetryInfo` and others.
#[derive(Deserialize)]
struct Detail {
    /// Of an `ErrorInfo` of acknowledgements: the reasons by the ids.
    #[serde(default)]
    metadata: HashMap<String, String>,
    /// Of a `RetryInfo`: seconds, and an `s`.
    #[serde(default, rename = "retryDelay")]
    retry_delay: Option<String>,
}

/// The meaning of an answer with this status, and the pause that its header requests.
pub(super) fn of_answer(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Failure {
    let Ok(Body { error: told }) = serde_json::from_slice::<Body>(body) else {
        return match status {
            413 => too_large("the request is too large").into(),
            429 | 500.. => paused(
                refused(format!("an answer with the status {status} and no error")).with_temporary(true),
                retry_after,
            )
            .into(),
            _ => garbled(format_args!("an answer with the status {status} and no error")).into(),
        };
    };
    let delay = told.details.iter().find_map(|detail| seconds(detail.retry_delay.as_deref()?));
    let error = coded(&told.status, &told.message, status);
    let by_id = told.details.into_iter().flat_map(|detail| detail.metadata);
    // An `ErrorInfo` may have metadata of other kinds.
    let by_id = by_id.filter(|(_, reason)| is_reason(reason)).collect();
    Failure { error: paused(error, delay.or(retry_after)), by_id }
}

/// The meaning of a reason for one acknowledgement id.
pub(super) fn of_id(reason: &str) -> Error {
    match reason {
        "PERMANENT_FAILURE_INVALID_ACK_ID" => disconnected(reason).with_help(
            "the deadline of the message has passed, so that it comes again: raise `lock`, or settle sooner",
        ),
        _ => refused(reason).with_temporary(is_transient(reason)),
    }
}

/// Whether another try for this acknowledgement id may succeed.
pub(super) fn is_transient(reason: &str) -> bool {
    reason.starts_with("TRANSIENT_")
}

/// Whether Pub/Sub refuses the contents of the request. Of several messages, it does not say which.
pub(super) fn is_of_contents(error: &Error) -> bool {
    error.kind() == ErrorKind::TooLarge || error.detail().starts_with(INVALID)
}

/// An error of the client: a connection that fails. It does not show the URL.
pub(super) fn of_client(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
    let reasons = reasons(&error);
    let lacks_tls = reasons.contains("scheme is not http");
    let failed = Error::new(kind).with_detail(reasons).with_source(error);
    match lacks_tls {
        true => failed.with_temporary(false).with_help("turn on a TLS feature of reqwest, such as `rustls`"),
        false => failed,
    }
}

/// The error for a peer that is not Pub/Sub.
#[cold]
pub(super) fn garbled(what: impl Display) -> Error {
    disconnected(format!("this is not an answer of Pub/Sub: {what}")).with_help("check the option `endpoint`")
}

const INVALID: &str = "INVALID_ARGUMENT";

/// The meaning of a code of `google.rpc.Code`.
fn coded(code: &str, message: &str, status: u16) -> Error {
    let detail = if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
    match code {
        "NOT_FOUND" => refused(detail)
            .with_help("create the topic or the subscription, or correct project and name in the URL"),
        "UNAUTHENTICATED" => refused(detail)
            .with_help("these credentials are not known: check the environment, or log in again"),
        "PERMISSION_DENIED" => refused(detail).with_help(
            "give this account the role `roles/pubsub.publisher` on the topic, or `roles/pubsub.subscriber` on the subscription",
        ),
        INVALID if message.contains("payload size exceeds") || message.contains("too large") => {
            too_large(&detail)
        }
        "RESOURCE_EXHAUSTED" | "UNAVAILABLE" | "ABORTED" | "INTERNAL" | "DEADLINE_EXCEEDED" | "CANCELLED"
        | "UNKNOWN" => refused(detail).with_temporary(true),
        _ => refused(detail).with_temporary(status >= 500 || status == 429),
    }
}

fn too_large(detail: &str) -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_detail(detail.to_owned())
        .with_help("store the payload elsewhere, and send a reference to it, such as the extension `dataref`")
}

fn paused(error: Error, pause: Option<Duration>) -> Error {
    match pause {
        Some(pause) if error.is_temporary() => error.with_retry_after(pause),
        _ => error,
    }
}

fn is_reason(text: &str) -> bool {
    text.starts_with("PERMANENT_FAILURE") || is_transient(text)
}

/// `1.5s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> (ErrorKind, bool) {
        let error = of_answer(status, None, body.as_bytes()).error;
        (error.kind(), error.is_temporary())
    }

    fn told(status: u16, code: &str, message: &str) -> (ErrorKind, bool) {
        let body = format!(r#"{{"error":{{"code":{status},"message":"{message}","status":"{code}"}}}}"#);
        answer(status, &body)
    }

    #[test]
    fn codes() {
        let refused = |temporary| (ErrorKind::Refused, temporary);
        assert_eq!(told(404, "NOT_FOUND", "Resource not found (resource=x)."), refused(false));
        assert_eq!(told(401, "UNAUTHENTICATED", ""), refused(false));
        assert_eq!(told(403, "PERMISSION_DENIED", ""), refused(false));
        assert_eq!(told(400, "INVALID_ARGUMENT", "Message failed schema validation"), refused(false));
        let size = "Request payload size exceeds the limit: 10485760 bytes.";
        assert_eq!(told(400, "INVALID_ARGUMENT", size).0, ErrorKind::TooLarge);
        for (status, code) in
            [(429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE"), (409, "ABORTED"), (504, "DEADLINE_EXCEEDED")]
        {
            assert_eq!(told(status, code, ""), refused(true), "{code}");
        }
        assert_eq!(told(500, "SOMETHING_NEW", ""), refused(true));
        assert_eq!((answer(503, "<html>"), answer(429, "")), (refused(true), refused(true)));
        assert_eq!(answer(404, "<html>").0, ErrorKind::Disconnected);
        assert_eq!(answer(413, "").0, ErrorKind::TooLarge);
        assert_eq!(answer(200, r#"{"error":1}"#).0, ErrorKind::Disconnected);
    }

    #[test]
    fn throttling_says_when_to_go_on() {
        let body = r#"{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","metadata":{"service":"pubsub.googleapis.com"}},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}}"#;
        let failure = of_answer(429, Some(Duration::from_secs(7)), body.as_bytes());
        assert_eq!(failure.error.retry_after(), Some(Duration::from_millis(1500)));
        assert!(failure.by_id.is_empty());
        let header = of_answer(503, Some(Duration::from_secs(7)), b"").error;
        assert_eq!(header.retry_after(), Some(Duration::from_secs(7)));
        // A refusal that is no throttling is not tried again.
        let body = br#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#;
        assert!(!of_answer(403, Some(Duration::from_secs(7)), body).error.is_temporary());
        assert_eq!((seconds("-1s"), seconds("1"), seconds("nans")), (None, None, None));
    }

    /// With exactly-once delivery, an answer has the reasons by the ids.
    #[test]
    fn acknowledgements_fail_one_by_one() {
        let body = r#"{"error":{"code":400,"message":"Some acknowledgement ids in the request were invalid.","status":"FAILED_PRECONDITION","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"EXACTLY_ONCE_ACKID_FAILURE","domain":"pubsub.googleapis.com","metadata":{"one":"PERMANENT_FAILURE_INVALID_ACK_ID","two":"TRANSIENT_FAILURE_UNORDERED_ACK_ID"}}]}}"#;
        let by_id = of_answer(400, None, body.as_bytes()).by_id;
        let error = |id: &str| of_id(&by_id[id]);
        assert_eq!(error("one").kind(), ErrorKind::Disconnected);
        assert_eq!((error("two").kind(), error("two").is_temporary()), (ErrorKind::Refused, true));
        assert_eq!((is_transient(&by_id["one"]), is_transient(&by_id["two"])), (false, true));
    }
}
