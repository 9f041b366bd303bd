//! Invocations with a request of HTTP.

use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, codec::decode_base64};
use http::{HeaderMap, Request, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reads the request that invokes a function by its URL, or through an API gateway:
/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>
///
/// The payload has the format 2.0 or 1.0. With `cloudevents-http`, the request is an event in any mode, or a batch. A program on the crate
/// `lambda_http` has the request already.
///
/// Errors: [`InvalidDocument`](ErrorKind::InvalidDocument) if it is no request, and
/// [`InvalidBinary`](ErrorKind::InvalidBinary) if its body is not the base64 that it claims to be.
///
/// ```
/// use cloudevents_adapters::lambda;
///
/// let request = lambda::request(r#"{"version": "2.0", "rawPath": "/events", "rawQueryString": "", "headers": {"ce-id": "1"},
///     "requestContext": {"http": {"method": "POST"}}, "body": "e30=", "isBase64Encoded": true}"#)?;
/// assert_eq!((request.uri().path(), request.headers()["ce-id"].as_bytes()), ("/events", &b"1"[..]));
/// assert_eq!(request.body(), "{}");
/// // With cloudevents-http: decode(request.headers(), request.body().clone(), &options)
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn request(document: &str) -> Result<Request<Bytes>, Error> {
    let given: Given = serde_json::from_str(document).map_err(invalid)?;
    let body = given.body.unwrap_or_default();
    let body = if given.is_base64_encoded { decode_base64(body)?.into() } else { Bytes::from(body) };
    let mut uri = encoded(given.path.as_deref().unwrap_or("/"));
    if let Some(query) = given.query.filter(|query| !query.is_empty()) {
        uri.push('?');
        uri.push_str(&query);
    }
    let method = given.method.or(given.context.http.method).ok_or_else(no_request)?;
    let mut request = Request::builder().method(method.as_str()).uri(uri);
    for (name, value) in given.headers.iter().flatten() {
        request = request.header(name, value);
    }
    request.body(body).map_err(invalid)
}

/// The response of a function to a request. It is what such a function returns, in JSON.
///
/// ```
/// use cloudevents_adapters::lambda::HttpResponse;
///
/// let response = http::Response::builder().status(202).header("ce-id", "1").body(bytes::Bytes::from("{}")).unwrap();
/// assert_eq!(
///     serde_json::to_string(&HttpResponse::from(response)).unwrap(),
///     r#"{"statusCode":202,"headers":{"ce-id":"1"},"body":"{}","isBase64Encoded":false}"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status.
    pub status_code: u16,
    /// The headers. Values of one name are one text, with commas between them.
    pub headers: BTreeMap<String, String>,
    /// The body: text, or base64 if it is not text.
    pub body: String,
    /// Whether the body is base64.
    pub is_base64_encoded: bool,
}

impl From<Response<Bytes>> for HttpResponse {
    fn from(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let (body, is_base64_encoded) = match std::str::from_utf8(&body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (base64_simd::STANDARD.encode_to_string(&body), true),
        };
        Self { status_code: parts.status.as_u16(), headers: joined(&parts.headers), body, is_base64_encoded }
    }
}

/// The members of a request that its event is in. Format 1.0 has other names for method and path.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    headers: Option<BTreeMap<String, String>>,
    #[serde(alias = "rawPath")]
    path: Option<String>,
    #[serde(rename = "rawQueryString")]
    query: Option<String>,
    #[serde(rename = "httpMethod")]
    method: Option<String>,
    #[serde(default, rename = "requestContext")]
    context: Context,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    http: ContextHttp,
}

#[derive(Default, Deserialize)]
struct ContextHttp {
    method: Option<String>,
}

/// Format 1.0 has paths without percent-encoding.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '\0'..=' ' | '"' | '#' | '<' | '>' | '?' | '`' => {
                encoded.push_str(&format!("%{:02X}", u32::from(character)))
            }
            other => encoded.push(other),
        }
    }
    encoded
}

fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.to_string())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    all
}

#[cold]
fn no_request() -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail("it is no request of a function URL or an API gateway")
        .with_help("let a function URL or an API gateway invoke the function")
}

#[cold]
fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    no_request().with_source(error)
}
