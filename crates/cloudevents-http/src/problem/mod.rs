//! Refusals and failures as responses: problem details of RFC 9457, written and read.

mod document;

use crate::{name, negotiate};
use bytes::Bytes;
use cloudevents_core::{BuildError, DecodeOptions, Error, ErrorKind, codec::one_line};
use document::Document;
pub(crate) use document::is_problem;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, RETRY_AFTER},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    borrow::Cow,
    fmt,
    time::{Duration, SystemTime},
};

/// A response that reports a failure: a status, and a document under `application/problem+json` (RFC 9457).
///
/// There are four ways to make one. They differ in the party that made the mistake:
///
/// | made with | status | the document has |
/// |---|---|---|
/// | [`new`](Self::new) | the given status | the given detail |
/// | [`rejection`](Self::rejection), [`of_request`](Self::of_request): the client sent a message that cannot be decoded | see below | detail, and `code`, `attribute`, `index`, `offset` and `clause` of the error |
/// | `?` on an [`Error`] or [`BuildError`]: the server failed | 503 when the error is temporary, otherwise 500 | title and status alone |
/// | [`from_http`](Self::from_http): a peer answered with it | the status of the response | the members that the peer wrote |
///
/// Statuses of a rejection:
///
/// | status | kinds of error |
/// |---|---|
/// | 408 | `timeout` |
/// | 413 | `too-large`, `too-many` |
/// | 415 | `unknown-format`, `content-encoding`, `batched`, `unsupported`, `unexpected-content-type`; `not-a-cloudevent` if there is a content type |
/// | 422 | `unexpected-event-type` |
/// | 400 | all others |
///
/// [`Error::help`] is for the developers of the server and is never in the document. [`error`](Self::error) keeps the whole error for logs.
/// As a response of axum or with [`into_http`](Self::into_http), the error is also among the extensions of the response.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Error, ErrorKind};
/// use cloudevents_http::Problem;
/// use http::StatusCode;
///
/// let error = cloudevents_http::decode([("ce-id", "1")], bytes::Bytes::new(), &DecodeOptions::strict()).unwrap_err();
/// let response = Problem::rejection(error).into_http();
/// assert_eq!(response.status(), 400);
/// assert_eq!(
///     response.body(),
///     r#"{"title":"Bad Request","status":400,"detail":"attribute `specversion` is required and missing","code":"missing-attribute","attribute":"specversion","clause":"CE-specversion-a"}"#,
/// );
///
/// fn place(total: i64) -> Result<(), Problem> {
///     if total <= 0 {
///         return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "total must be positive"));
///     }
///     Err(Error::new(ErrorKind::Transport).with_detail("the database of orders at 10.0.0.7 is read-only"))?
/// }
/// assert_eq!(place(0).unwrap_err().detail(), Some("total must be positive"));
/// let response = place(1).unwrap_err().into_http();
/// assert_eq!(response.body(), r#"{"title":"Internal Server Error","status":500}"#);
/// ```
#[derive(Clone)]
pub struct Problem(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    document: Document,
    error: Option<Error>,
    /// The header with the media types or codings that the peer accepts.
    accept: Option<(http::HeaderName, HeaderValue)>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of this status, with an explanation for the people at the client. An empty explanation is left out.
    #[cold]
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::of_status(status);
        problem.0.document.detail = Some(detail.into()).filter(|detail| !detail.is_empty());
        problem
    }

    /// The rejection of a request that cannot be decoded, for this error. The document describes the fault of the request.
    #[cold]
    pub fn rejection(error: Error) -> Self {
        let mut problem = Self::of_status(match error.kind() {
            ErrorKind::Timeout => StatusCode::REQUEST_TIMEOUT,
            ErrorKind::TooLarge | ErrorKind::TooMany => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::UnknownFormat
            | ErrorKind::ContentEncoding
            | ErrorKind::Batched
            | ErrorKind::Unsupported
            | ErrorKind::UnexpectedContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorKind::UnexpectedEventType => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        });
        problem.0.document.describe(&error);
        problem.0.error = Some(error);
        problem
    }

    /// The rejection of a request with these headers.
    ///
    /// If the media type is at fault, the response lists in `Accept` the media types that these options understand, batches only with
    /// `batches`. If the content coding is at fault, `Accept-Encoding` says `identity`.
    #[cold]
    pub fn of_request<N: AsRef<str>, V>(
        error: Error,
        headers: impl IntoIterator<Item = (N, V)>,
        with: &DecodeOptions,
        batches: bool,
    ) -> Self {
        let kind = error.kind();
        let mut problem = Self::rejection(error);
        if kind == ErrorKind::NotACloudEvent
            && headers.into_iter().any(|(header, _)| name::kind(header.as_ref()) == name::Kind::ContentType)
        {
            problem = problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        problem.0.accept = match kind {
            ErrorKind::ContentEncoding => Some((ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            // The trouble is with the payload.
            ErrorKind::UnexpectedContentType => None,
            _ if problem.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Some((ACCEPT, negotiate::understood(&with.formats, batches)))
            }
            _ => None,
        };
        problem
    }

    /// Returns the problem with the accepted content codings, if the coding of the request is not accepted.
    #[cfg(any(feature = "axum08", feature = "exchange"))]
    pub(crate) fn accepting(mut self, decompression: crate::Decompression) -> Self {
        if let Some((ACCEPT_ENCODING, value)) = &mut self.0.accept {
            *value = decompression.accepted();
        }
        self
    }

    /// Reads the problem that a peer answered with, at any status.
    ///
    /// A body under another media type than `application/problem+json` is not read: the problem then has its status alone. As RFC 9457
    /// demands, members of the wrong type are ignored, and the problem has the status of the response.
    ///
    /// Errors are of kind [`InvalidDocument`](ErrorKind::InvalidDocument) when a body under `application/problem+json` is not a
    /// JSON object.
    ///
    /// ```
    /// use cloudevents_http::Problem;
    ///
    /// let response = http::Response::builder()
    ///     .status(403)
    ///     .header("content-type", "application/problem+json")
    ///     .body(r#"{"type":"https://example.com/probs/out-of-credit","title":"You do not have enough credit.","balance":30}"#.into())?;
    /// let problem = Problem::from_http(&response)?;
    /// assert_eq!((problem.status().as_u16(), problem.title()), (403, Some("You do not have enough credit.")));
    /// assert_eq!(problem.problem_type(), "https://example.com/probs/out-of-credit");
    /// assert_eq!(problem.member::<u32>("balance"), Some(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_http(response: &Response<Bytes>) -> Result<Self, Error> {
        Self::read(response.status(), response.headers(), response.body())
    }

    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Self, Error> {
        let mut problem = Self::of_head(status, headers);
        if is_problem(headers) {
            problem.0.document = Document::read(body)?;
        }
        Ok(problem)
    }

    /// The problem of a response without its body.
    pub(crate) fn of_head(status: StatusCode, headers: &HeaderMap) -> Self {
        let retry_after = crate::retry_after(headers, SystemTime::now());
        let document = Document::default();
        Self(Box::new(Inner { status, document, error: None, accept: None, retry_after }))
    }

    fn of_status(status: StatusCode) -> Self {
        let title = status.canonical_reason().map(Cow::Borrowed);
        let document = Document { title, ..Document::default() };
        Self(Box::new(Inner { status, document, error: None, accept: None, retry_after: None }))
    }

    /// Returns the problem with another status, and the title of that.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.document.title = status.canonical_reason().map(Cow::Borrowed);
        self.0.status = status;
        self
    }

    /// Returns the problem with a `Retry-After`, rounded up to whole seconds and to one second at least.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Returns the problem with the error that it was made from, for logs. The document stays as it is, and does not mention the error.
    pub fn with_error(mut self, error: Error) -> Self {
        self.0.error = Some(error);
        self
    }

    /// Returns the problem with a stable code for programs, such as `out-of-credit`.
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.document.code = Some(code.into());
        self
    }

    /// Returns the problem with the URI of its type.
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.document.problem_type = Some(uri.into());
        self
    }

    /// Returns the problem with another member in its document. A member that has its own accessor, and a value that
    /// `serde` cannot write as JSON, are left out.
    pub fn with_member(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value)
            && !document::KNOWN.contains(&name)
        {
            self.0.document.others.insert(name.to_owned(), value);
        }
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The explanation of this occurrence, for people.
    pub fn detail(&self) -> Option<&str> {
        self.0.document.detail.as_deref()
    }

    /// The summary of the type of problem, for people.
    pub fn title(&self) -> Option<&str> {
        self.0.document.title.as_deref()
    }

    /// The URI of the type of problem. `about:blank` if there is none (RFC 9457, section 4.2.1).
    pub fn problem_type(&self) -> &str {
        self.0.document.problem_type.as_deref().unwrap_or("about:blank")
    }

    /// The URI of this occurrence.
    pub fn instance(&self) -> Option<&str> {
        self.0.document.instance.as_deref()
    }

    /// The code of the mistake: for servers of this toolkit, [`ErrorKind::code`].
    pub fn code(&self) -> Option<&str> {
        self.0.document.code.as_deref()
    }

    /// The attribute that the mistake is in.
    pub fn attribute(&self) -> Option<&str> {
        self.0.document.attribute.as_deref()
    }

    /// The index of the event in its batch, counted from 0.
    pub fn index(&self) -> Option<u64> {
        self.0.document.index
    }

    /// The byte offset of the mistake in the document that was sent.
    pub fn offset(&self) -> Option<u64> {
        self.0.document.offset
    }

    /// The id of the clause that was broken.
    pub fn clause(&self) -> Option<&str> {
        self.0.document.clause.as_deref()
    }

    /// Any other member of the document. `None` also if its value is not a `T`.
    pub fn member<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.0.document.others.get(name)?).ok()
    }

    /// The error that the problem was made from. `None` for a problem that was read or made by hand.
    pub fn error(&self) -> Option<&Error> {
        self.0.error.as_ref()
    }

    /// How long to wait before the next attempt (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether another attempt may succeed: after 408, 425, 429, and 5xx other than 501 and 505.
    pub fn is_temporary(&self) -> bool {
        crate::status::is_temporary(self.0.status)
    }

    /// The response, for any server.
    pub fn into_http(self) -> Response<Bytes> {
        let Inner { status, document, error, accept, retry_after } = *self.0;
        let mut response = Response::new(document.write(status));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::REQUEST_TIMEOUT {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        headers.extend(accept);
        if let Some(after) = retry_after {
            headers.insert(RETRY_AFTER, crate::status::seconds(after).into());
        }
        if let Some(error) = error {
            response.extensions_mut().insert(error);
        }
        response
    }
}

/// The server failed, not the client: 503 when the error is temporary, otherwise 500. The document does not mention the error.
///
/// Use [`rejection`](Problem::rejection) for a request that cannot be decoded.
impl From<Error> for Problem {
    #[cold]
    fn from(error: Error) -> Self {
        let mut problem = Self::of_status(match error.is_temporary() {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        });
        problem.0.retry_after = error.retry_after();
        problem.0.error = Some(error);
        problem
    }
}

/// The server built an event that is not valid: 500.
impl From<BuildError> for Problem {
    #[cold]
    fn from(mistakes: BuildError) -> Self {
        Self::from(Error::from(mistakes)).with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The error that the problem was made from, otherwise an error of kind [`Refused`](ErrorKind::Refused) with the problem as its source.
impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        match &problem.0.error {
            Some(error) => error.clone(),
            None => {
                let error = Error::new(ErrorKind::Refused).with_detail(without_code(&problem.to_string()));
                let error = match problem.retry_after() {
                    Some(after) => error.with_retry_after(after),
                    None => error.with_temporary(problem.is_temporary()),
                };
                error.with_source(problem)
            }
        }
    }
}

/// The text of a refusal without the code, which the error has, too.
pub(crate) fn without_code(text: &str) -> String {
    text.trim_end_matches(&format!(" [{}]", ErrorKind::Refused.code())).to_owned()
}

/// The status, and the error or the detail of the document: `422 Unprocessable Entity: total must be positive`.
///
/// It is one line, even if the peer wrote several.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.status)?;
        if let Some(error) = &self.0.error {
            return write!(f, ": {error}");
        }
        let title = self.title().filter(|title| self.0.status.canonical_reason() != Some(*title));
        if let Some(words) = self.detail().or(title) {
            write!(f, ": {}", one_line(words))?;
        }
        if let Some(code) = self.code() {
            write!(f, " [{}]", one_line(code))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Problem");
        shown.field("status", &self.0.status).field("document", &self.0.document);
        shown.field("error", &self.0.error).field("retry_after", &self.0.retry_after).finish()
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.error.as_ref().map(|error| error as &(dyn std::error::Error + 'static))
    }
}
