//! Exchanges as they are on the wire.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use reqwest::{Request, Url};
use std::fmt;

/// One side of an exchange, for [`HttpSenderOptions::trace`](crate::reqwest013::HttpSenderOptions::trace).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Traced<'a> {
    /// A request, before it is sent. The client adds headers of the connection: `Host`, `Content-Length`, `Accept`.
    Request(TracedMessage<'a>),
    /// The response to a request, with the beginning of its body, at most 64 KiB.
    Response(StatusCode, Version, TracedMessage<'a>),
}

/// Headers and body of a request or response. `Debug` shows names and sizes, never contents.
#[derive(Clone, Copy)]
pub struct TracedMessage<'a> {
    target: Option<(&'a Method, &'a Url)>,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl<'a> TracedMessage<'a> {
    pub(super) fn new(headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self { target: None, headers, body }
    }

    pub(super) fn of_request(request: &'a Request) -> Self {
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        Self { target: Some((request.method(), request.url())), headers: request.headers(), body }
    }

    /// The method. `None` for a response.
    pub fn method(&self) -> Option<&'a Method> {
        self.target.map(|(method, _)| method)
    }

    /// The host and port, and the path with the query, of a request.
    pub fn target(&self) -> Option<(String, String)> {
        let (_, url) = self.target?;
        let host = url.host_str()?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.path();
        Some((host, url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))))
    }

    /// The headers. Headers with secrets are marked as sensitive.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The body.
    pub fn body(&self) -> Bytes {
        Bytes::copy_from_slice(self.body)
    }
}

impl fmt::Debug for TracedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedMessage")
            .field("method", &self.method())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}
