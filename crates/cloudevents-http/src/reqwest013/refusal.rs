//! Responses other than 2xx.

use crate::{Problem, problem, status};
use cloudevents_core::{Error, ErrorKind, codec::one_line};
use cloudevents_transport::binding::{Secrets, later};
use http::{HeaderMap, StatusCode};
use reqwest::{Request, Response};
use std::{error::Error as _, fmt, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The bytes that are kept of the body of a refusal.
const EXCERPT: usize = 1024;

/// The bytes that are read of a problem document.
const DOCUMENT: usize = 64 << 10;

/// The peer's response to a message that it did not accept: the source of an error of kind [`Refused`](ErrorKind::Refused).
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_http::reqwest013::Refusal;
/// use std::error::Error as _;
///
/// /// The attribute that the peer did not accept.
/// fn attribute(error: &Error) -> Option<&str> {
///     error.source()?.downcast_ref::<Refusal>()?.problem().attribute()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    problem: Problem,
    excerpt: Box<str>,
}

impl Refusal {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.problem.status()
    }

    /// How long to wait before the next attempt, if the peer states it (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem.retry_after()
    }

    /// The problem that the peer describes (RFC 9457). Of a response without such a document, the status and `Retry-After` alone.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The beginning of the body, at most 1 KiB, as text.
    ///
    /// If the body repeats credentials of the request, or identifiers of its URL, it is a note instead. The problem has nothing of such a
    /// body, either. Headers that a client of yours adds are not known here.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }

    /// Whether another attempt may succeed: after 408, 425, 429, and 5xx other than 501 and 505.
    pub fn is_temporary(&self) -> bool {
        self.problem.is_temporary()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let described = self.problem.detail().or(self.problem.code()).is_some();
        if described || self.excerpt.is_empty() {
            return fmt::Display::fmt(&self.problem, f);
        }
        write!(f, "{}: {}", self.status(), one_line(&self.excerpt))
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

/// Whether the peer refused this very message, by its status. `None` if the error is not a response.
pub(super) fn refuses_message(error: &Error) -> Option<bool> {
    let refusal = error.source()?.downcast_ref::<Refusal>()?;
    Some(error.retry_after().is_none() && status::refuses_message(refusal.status()))
}

/// The texts that the peer must not repeat in its response to a request: credentials, and identifiers in its URL.
pub(super) fn secrets(request: &Request) -> Secrets {
    request.headers().iter().fold(Secrets::of_url(request.url().as_str()), |secrets, (name, value)| {
        secrets.with_header(name.as_str(), value.as_bytes(), value.is_sensitive())
    })
}

pub(super) async fn refused(response: Response, secrets: &Secrets) -> Error {
    let (status, headers) = (response.status(), response.headers().clone());
    let limit = if problem::is_problem(&headers) { DOCUMENT } else { EXCERPT };
    let body = beginning(response, limit.saturating_add(secrets.longest()).min(DOCUMENT), PATIENCE).await;
    refusal(status, &headers, &body, secrets)
}

/// The error of a response that was read.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], secrets: &Secrets) -> Error {
    // A document that cannot be read, or not shown, says no more than its head.
    let read = Problem::read(status, headers, body).ok();
    // Its members are looked at as JSON has them: other escapes are guesses.
    let members = read.clone().map(|problem| problem.into_http().into_body()).unwrap_or_default();
    let repeats = [body, &members].iter().any(|text| secrets.are_in(&String::from_utf8_lossy(text)));
    let excerpt = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(body));
    let excerpt = if repeats { Secrets::NOT_SHOWN } else { excerpt.trim_ascii() }.into();
    let problem = read.filter(|_| !repeats).unwrap_or_else(|| Problem::of_head(status, headers));
    let refusal = Refusal { problem, excerpt };
    // Too large for now is about the message alone (RFC 9110, section 15.5.14).
    let is_too_large = status == StatusCode::PAYLOAD_TOO_LARGE && refusal.retry_after().is_some();
    let kind = if is_too_large { ErrorKind::TooLarge } else { ErrorKind::Refused };
    let error = Error::new(kind).with_detail(problem::without_code(&refusal.to_string()));
    let error = match refusal.retry_after() {
        Some(after) => error.with_retry_after(after).with_help(format!("try again after {after:?}")),
        None if status.is_redirection() => {
            error.with_help("send to where it redirects: redirects are not followed")
        }
        None => error.with_temporary(refusal.is_temporary()),
    };
    error.with_source(refusal)
}

/// How long the body of a response may take that a sender waits for no longer than it must: it holds a permit.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the beginning of the body of a response: at most `limit` bytes, and what comes within this time.
///
/// A failure of the body ends it, too. A client uses a connection again only if the body was read to its end.
pub async fn beginning(mut response: Response, limit: usize, time: Duration) -> Vec<u8> {
    let (mut read, end) = (Vec::new(), later(Instant::now(), time));
    while let Ok(Ok(Some(chunk))) = timeout_at(end, response.chunk()).await {
        let room = limit.saturating_sub(read.len());
        read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if read.len() >= limit {
            break;
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::time::Duration;

    #[test]
    fn what_the_headers_request_stands_beside_a_document_that_cannot_be_read() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("3600"));
        headers.insert("content-type", HeaderValue::from_static("application/problem+json"));
        for (status, body) in [(429, "<html>"), (413, ""), (409, "[]")] {
            let error = refusal(
                StatusCode::from_u16(status).unwrap(),
                &headers,
                body.as_bytes(),
                &Secrets::default(),
            );
            assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)), "{status}");
            assert_eq!(refuses_message(&error), Some(false), "{status}");
        }
    }

    /// What is behind a backslash looks like an escape, where the signs of a secret are escaped as well.
    #[test]
    fn members_of_a_problem_are_looked_at_as_they_are_shown() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/problem+json"));
        let secrets = Secrets::default().with("n0Wo&rd<9");
        let refused =
            |body: &str| refusal(StatusCode::BAD_REQUEST, &headers, body.as_bytes(), &secrets).to_string();
        let shown = refused(r#"{"detail":"unknown key shop\\n0Wo\u0026rd\u003C9"}"#);
        assert!(!shown.contains("n0Wo"), "{shown}");
        let shown = refused(r#"{"detail":"unknown \u006Bey"}"#);
        assert!(shown.contains("unknown key"), "{shown}");
    }
}
