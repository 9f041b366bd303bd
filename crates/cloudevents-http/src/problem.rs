//! Refusals as responses: problem details of RFC 9457.

use crate::negotiate;
use bytes::Bytes;
use cloudevents_core::{Decoding, Error, ErrorKind};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, RETRY_AFTER},
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Why a message is refused, as the response that says so: a status, and a document under `application/problem+json`.
///
/// The document has the members `title`, `status` and `detail` of RFC 9457, and of the [`Error`], where it has them: `code` (that of
/// its kind), `attribute`, `index`, `offset`, `clause`, `help`.
///
/// | status | kinds of error |
/// |---|---|
/// | 408 | `timeout` |
/// | 413 | `too-large`, `too-many` |
/// | 415 | `unknown-format`, `content-encoding`, `batched`, `unsupported`, `unexpected-content-type`; `not-a-cloudevent` where there is a content type |
/// | 422 | `unexpected-event-type` |
/// | 400 | all others |
///
/// ```
/// use cloudevents_core::Decoding;
/// use cloudevents_http::Problem;
///
/// let request = http::Request::post("/").header("ce-id", "1").body(bytes::Bytes::new())?;
/// let error = cloudevents_http::decode(request.headers(), bytes::Bytes::new(), &Decoding::strict()).unwrap_err();
/// let response = Problem::from(error).into_http();
/// assert_eq!(response.status(), 400);
/// assert_eq!(
///     response.body(),
///     r#"{"title":"Bad Request","status":400,"detail":"attribute `specversion` is required and missing","code":"missing-attribute","attribute":"specversion","clause":"CE-specversion-a"}"#,
/// );
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    error: Error,
    status: StatusCode,
    header: Option<(http::HeaderName, HeaderValue)>,
}

impl Problem {
    /// The refusal of a message with these headers. Where a media type is the trouble, the response says in `Accept` what this
    /// decoding takes, `batches` among it or not; where it is the content encoding, `Accept-Encoding` does.
    #[cold]
    pub fn of_request(error: Error, headers: &HeaderMap, with: &Decoding, batches: bool) -> Self {
        let mut problem = Self::from(error);
        let kind = problem.error.kind();
        if kind == ErrorKind::NotACloudEvent && headers.contains_key(CONTENT_TYPE) {
            problem.status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        }
        problem.header = match kind {
            ErrorKind::ContentEncoding => Some((ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            // The trouble is with the payload.
            ErrorKind::UnexpectedContentType => None,
            _ if problem.status == StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Some((ACCEPT, negotiate::understood(&with.formats, batches)))
            }
            _ => None,
        };
        problem
    }

    /// The same with another status.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with a `Retry-After` of so many seconds, and of a second at least.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        let up = u64::from(after.subsec_nanos() > 0);
        self.header = Some((RETRY_AFTER, after.as_secs().saturating_add(up).max(1).into()));
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The response, for any server.
    pub fn into_http(self) -> Response<Bytes> {
        let document = Document {
            title: self.status.canonical_reason().unwrap_or("Refused"),
            status: self.status.as_u16(),
            detail: self.error.message().to_string(),
            code: self.error.kind().code(),
            attribute: self.error.attribute(),
            index: self.error.index(),
            offset: self.error.offset(),
            clause: self.error.clause(),
            help: self.error.help(),
        };
        // Writing text and numbers to memory cannot fail.
        let mut response = Response::new(serde_json::to_vec(&document).unwrap_or_default().into());
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::REQUEST_TIMEOUT {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[derive(Serialize)]
struct Document<'a> {
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

impl From<Error> for Problem {
    #[cold]
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Timeout => StatusCode::REQUEST_TIMEOUT,
            ErrorKind::TooLarge | ErrorKind::TooMany => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::UnknownFormat
            | ErrorKind::ContentEncoding
            | ErrorKind::Batched
            | ErrorKind::Unsupported
            | ErrorKind::UnexpectedContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorKind::UnexpectedEventType => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { error, status, header: None }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        problem.error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.error)
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
