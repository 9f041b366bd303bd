//! Faults of a target, planted on purpose.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use std::str::FromStr;

/// How a response differs from the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Responds to deliveries with the second status where the first is right.
    Status(StatusCode, StatusCode),
    /// Responds to handshakes with this header, or without it.
    Handshake(HeaderName, Option<HeaderValue>),
    /// Agrees to origins that are not allowed.
    AgreesToAll,
    /// Responds to handshakes as to any other method that is not known.
    NoHandshake,
    /// Redirects handshakes.
    RedirectsHandshake,
    /// Accepts with a payload that has no content type.
    Untyped,
    /// Leaves out the `Cache-Control` and `Retry-After` of responses.
    Bare,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "agrees-to-all" => return Ok(Self::AgreesToAll),
            "no-handshake" => return Ok(Self::NoHandshake),
            "redirects-handshake" => return Ok(Self::RedirectsHandshake),
            "untyped-payload" => return Ok(Self::Untyped),
            "bare-headers" => return Ok(Self::Bare),
            _ => {}
        }
        let unknown = || "not a fault: see --help".to_owned();
        let (left, right) = text.split_once('=').ok_or_else(unknown)?;
        if let (Ok(right_status), Ok(wrong)) = (left.parse(), right.parse()) {
            return Ok(Self::Status(right_status, wrong));
        }
        let name = match left {
            "origin" => "webhook-allowed-origin",
            "rate" => "webhook-allowed-rate",
            "allow" => "allow",
            _ => return Err(unknown()),
        };
        let value = match right {
            "" => None,
            value => Some(value.parse().map_err(|_| unknown())?),
        };
        Ok(Self::Handshake(HeaderName::from_static(name), value))
    }
}

impl Fault {
    /// The wrong response, for a request with this method and origin.
    pub(super) fn apply(
        &self,
        method: &Method,
        origin: Option<&HeaderValue>,
        response: &mut Response<Bytes>,
    ) {
        let handshake = *method == Method::OPTIONS;
        match self {
            Self::Status(right, wrong) if response.status() == *right && !handshake => {
                *response = empty(*wrong);
                if wrong.is_redirection() {
                    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
                }
            }
            Self::Handshake(name, value) if handshake && response.status().is_success() => match value {
                Some(value) => drop(response.headers_mut().insert(name, value.clone())),
                None => drop(response.headers_mut().remove(name)),
            },
            Self::AgreesToAll if handshake => {
                *response = empty(StatusCode::OK);
                let headers = response.headers_mut();
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
                headers.insert("webhook-allowed-rate", HeaderValue::from_static("*"));
                headers.extend(
                    origin.map(|origin| (HeaderName::from_static("webhook-allowed-origin"), origin.clone())),
                );
            }
            Self::NoHandshake if handshake => *response = empty(StatusCode::NOT_FOUND),
            Self::RedirectsHandshake if handshake => {
                *response.status_mut() = StatusCode::FOUND;
                response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
            }
            Self::Untyped if !handshake && response.status().is_success() => {
                *response = empty(StatusCode::OK);
                *response.body_mut() = Bytes::from_static(b"thank you");
            }
            Self::Bare => {
                response.headers_mut().remove(header::CACHE_CONTROL);
                response.headers_mut().remove(header::RETRY_AFTER);
            }
            _ => {}
        }
    }
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
