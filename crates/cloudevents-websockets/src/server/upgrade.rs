//! The handshake of a server (RFC 6455, section 4.2; binding, section 1.4).

use super::WsServerOptions;
use crate::{
    Subprotocol, select,
    tungstenite029::{Connection, Inbox, Io, Metered, Reader, Via, config},
};
use cloudevents_transport::Received;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version,
    header::{
        CONNECTION, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
    uri::Authority,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

/// A handshake that succeeds.
pub(crate) struct Accepted {
    pub(crate) subprotocol: Subprotocol,
    upgrade: OnUpgrade,
}

/// Checks the handshake. Returns the response to it, and the connection that follows if it succeeds.
pub(crate) fn accept(parts: &mut Parts, options: &WsServerOptions) -> (Response<String>, Option<Accepted>) {
    match check(parts, options) {
        Ok((response, accepted)) => (response, Some(accepted)),
        Err(response) => (*response, None),
    }
}

type Refusal = Box<Response<String>>;

fn check(parts: &mut Parts, options: &WsServerOptions) -> Result<(Response<String>, Accepted), Refusal> {
    let headers = &parts.headers;
    if !has_host(headers) {
        return Err(refusal(StatusCode::BAD_REQUEST, "a request has one valid Host (RFC 9112, section 3.2)"));
    }
    if parts.method != Method::GET {
        return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "open a WebSocket with GET"));
    }
    if parts.version != Version::HTTP_11 {
        return Err(refusal(StatusCode::BAD_REQUEST, "open a WebSocket over HTTP/1.1"));
    }
    if !has(headers, &CONNECTION, "upgrade") || !has(headers, &UPGRADE, "websocket") {
        let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "this is the address of a WebSocket");
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        return Err(response);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version != b"13") {
        let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "the version of WebSockets is 13");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let Some(key) = key else {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "there is no one Sec-WebSocket-Key in base64 of 16 bytes",
        ));
    };
    let accept = derive_accept_key(key);
    if headers.get(ORIGIN).is_some_and(|origin| !options.lets_in(origin.as_bytes())) {
        return Err(refusal(StatusCode::FORBIDDEN, "pages of this origin may not connect"));
    }
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok());
    let supported = options.supported();
    let Some(subprotocol) = select(offered, &supported) else {
        let names: Vec<_> = supported.iter().map(|known| known.name()).collect();
        let words = format!("offer one of the subprotocols {} (CloudEvents, WS-1.4-b)", names.join(", "));
        return Err(refusal(StatusCode::BAD_REQUEST, &words));
    };
    let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
        return Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, "this server does not support upgrades"));
    };
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol.name()));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok((response, Accepted { subprotocol, upgrade }))
}

/// Whether there is one `Host`, of the form `host` or `host:port` (RFC 9110, section 7.2).
pub(super) fn has_host(headers: &HeaderMap) -> bool {
    let Some(host) = only(headers, &HOST).filter(|host| !host.contains(&b'@')) else { return false };
    let Ok(authority) = Authority::try_from(host) else { return false };
    match authority.as_str().strip_prefix(authority.host()) {
        Some("" | ":") => true,
        Some(port) => {
            let digits = port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
            digits.is_some_and(|port| port.parse::<u16>().is_ok())
        }
        None => false,
    }
}

/// The value of a header that appears once (RFC 6455, section 11.3).
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}

/// Whether a header that is a list of tokens has this one.
fn has(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|found| found.trim().eq_ignore_ascii_case(token)))
}

fn is_key(key: &[u8]) -> bool {
    base64_simd::STANDARD.decode_to_vec(key).is_ok_and(|key| key.len() == 16)
}

#[cold]
fn refusal(status: StatusCode, words: &str) -> Refusal {
    let mut response = Response::new(format!("{words}\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Box::new(response)
}

impl Accepted {
    /// Waits until the response was sent, and starts the connection. Messages go to this inbox. Without it, the connection has its own
    /// inbox.
    pub(crate) async fn connect(
        self,
        via: Via,
        options: &WsServerOptions,
        inbox: Option<Inbox>,
    ) -> Result<Connection, hyper::Error> {
        let stream: Io = Box::new(TokioIo::new(self.upgrade.await?));
        let decoding = &options.receiver.decoding;
        let share = options.arriving.share(options.receiver.in_flight.bytes);
        let stream = WebSocketStream::from_raw_socket(
            Metered::new(stream, decoding.limits.bytes, share),
            Role::Server,
            Some(config(decoding.limits.bytes)),
        );
        let stream = stream.await;
        let reader = Reader::new(self.subprotocol, decoding, via);
        let liveness = options.liveness();
        Ok(match inbox {
            Some(inbox) => Connection::with_inbox(stream, reader, liveness, Some(inbox), None),
            None => Connection::start(stream, reader, liveness, true),
        })
    }
}

/// A message that a connection hands over, with its permit.
pub(crate) type Taken = (Received, cloudevents_transport::binding::Permit);
