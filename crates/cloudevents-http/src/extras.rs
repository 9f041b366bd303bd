//! Headers that are not attributes.

use crate::name;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Outgoing;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_TYPE},
};
use std::sync::{Mutex, PoisonError};

/// The names that are remembered as logged. Beyond them, each loss is logged.
const TOLD: usize = 64;

/// Adds the headers of messages to requests and responses, except those that belong to an exchange or to its peers: whoever produced a
/// message sets neither the target's credentials nor the framing of a request. [`HttpSender`](crate::HttpSender), replies of the receiver
/// and webhooks add headers with this, so bridges and outboxes over them do, too.
///
/// | not added | because |
/// |---|---|
/// | `Connection`, the headers it names, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings` | they are about one connection (RFC 9110, section 7.6.1) |
/// | `Host`, `Content-*`, `Digest`, `Repr-Digest`, `Want-*`, `Expect`, `Range`, `If-*`, `Max-Forwards`, `Accept*`, `Date`, `User-Agent`, `Early-Data`, `Origin`, `Referer`, `Sec-*` | they frame or steer this request |
/// | `Location`, `Retry-After`, `Refresh`, `Server`, `Access-Control-*`, `Alt-Svc`, `Clear-Site-Data`, `Strict-Transport-Security` | they steer the client of a response |
/// | `Authorization`, `Authentication-Info`, `WWW-Authenticate`, `Proxy-*`, `Cookie*`, `Set-Cookie*`, `Client-Cert*`, API keys and tokens under their usual names (`X-Api-Key`, `X-Amz-Security-Token`, ...) | they are credentials (RFC 9110, section 11; RFC 6265; RFC 9440) |
/// | `Forwarded`, `X-Forwarded*`, `Via`, `X-Real-IP`, other names of a client's address or identity, `X-Original-URL`, `X-HTTP-Method*`, `X-Accel-*`, ... | proxies and servers trust them (RFC 7239) |
/// | `Signature*`, `WebHook-*`, `Idempotency-Key`, `X-Hub-Signature*`, `Stripe-Signature`, `aeg-*` | they describe another delivery |
/// | a header that the sender itself has | the program decides, not the producer |
///
/// `traceparent`, `tracestate`, `baggage` and all others are added. Headers that the program sets for all requests of a sender are not
/// restricted. The first loss of each name is logged at DEBUG, without the value.
#[derive(Debug, Default)]
pub struct MessageHeaders {
    told: Mutex<Vec<HeaderName>>,
}

impl MessageHeaders {
    /// Adds the headers of a message to `headers`, where those of the sender already are.
    ///
    /// Errors are of kind [`InvalidName`](ErrorKind::InvalidName): a name or value that no header may have, an attribute (`ce-*`) or
    /// `Content-Type`. `headers` is unchanged then.
    pub fn add(&self, headers: &mut HeaderMap, outgoing: &Outgoing) -> Result<(), Error> {
        if outgoing.headers().len() == 0 {
            return Ok(());
        }
        let mut of_message = HeaderMap::new();
        for (name, value) in outgoing.headers() {
            let (name, value) = header(name, value)?;
            of_message.append(name, value);
        }
        let own: Vec<HeaderName> =
            of_message.keys().filter(|name| headers.contains_key(*name)).cloned().collect();
        for (name, value) in &of_message {
            if is_of_exchange(&of_message, name.as_str()) {
                self.tell(name, "it belongs to an exchange or its peers");
            } else if own.contains(name) {
                self.tell(name, "the sender has its own");
            } else {
                headers.append(name, value.clone());
            }
        }
        Ok(())
    }

    fn tell(&self, name: &HeaderName, reason: &str) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(name) {
            return;
        }
        if told.len() < TOLD {
            told.push(name.clone());
        }
        tracing::debug!(header = %name, reason, "a header of a message is left out");
    }
}

/// Checks a header that is not an attribute.
fn header(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), Error> {
    let invalid = |what: &str| {
        Error::new(ErrorKind::InvalidName).with_detail(format!("the header `{}` {what}", name.escape_debug()))
    };
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("has no valid name"))?;
    if name::kind(header.as_str()) == name::Kind::Attribute || header == CONTENT_TYPE {
        return Err(invalid("would be an attribute").with_help("set the attribute of the event"));
    }
    Ok((header, HeaderValue::from_bytes(value).map_err(|_| invalid("has a value that no header may have"))?))
}

/// Whether a header, in lower case, stays in the exchange that it came with: by the table of [`MessageHeaders`], or because `Connection`
/// names it.
pub(crate) fn is_of_exchange(headers: &HeaderMap, name: &str) -> bool {
    is_listed(name)
        || headers.get_all(CONNECTION).iter().any(|value| {
            let mut named = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            named.any(|named| named.eq_ignore_ascii_case(name.as_bytes()))
        })
}

fn is_listed(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || [CONNECTION_WIDE, STEERING, CREDENTIALS, PROXIES, DELIVERIES]
            .iter()
            .any(|names| names.contains(&name))
}

/// The beginnings of names.
const PREFIXES: &[&str] = &[
    "accept",
    "access-control-",
    "aeg-",
    "client-cert",
    "content-",
    "cookie",
    "if-",
    "proxy-",
    "sec-",
    "set-cookie",
    "signature",
    "ssl-client-",
    "want-",
    "webhook-",
    "x-accel-",
    "x-auth-request-",
    "x-client-cert",
    "x-envoy-",
    "x-forwarded",
    "x-http-method",
    "x-hub-signature",
    "x-ssl-",
];

/// About one connection (RFC 9110, section 7.6.1).
const CONNECTION_WIDE: &[&str] =
    &["connection", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// They frame or steer one request or response.
const STEERING: &[&str] = &[
    "alt-svc",
    "clear-site-data",
    "date",
    "digest",
    "early-data",
    "expect",
    "host",
    "location",
    "max-forwards",
    "origin",
    "range",
    "referer",
    "refresh",
    "repr-digest",
    "retry-after",
    "server",
    "strict-transport-security",
    "user-agent",
];

/// Credentials, and what is said about them.
const CREDENTIALS: &[&str] = &[
    "api-key",
    "apikey",
    "authentication-info",
    "authorization",
    "ocp-apim-subscription-key",
    "private-token",
    "www-authenticate",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-functions-key",
    "x-gitlab-token",
    "x-goog-api-key",
    "x-vault-token",
    "x-xsrf-token",
];

/// What proxies add, and servers behind them trust.
const PROXIES: &[&str] = &[
    "cdn-loop",
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "remote-user",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-method-override",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-remote-user",
    "x-rewrite-url",
    "x-sendfile",
];

/// They describe one delivery.
const DELIVERIES: &[&str] = &["idempotency-key", "stripe-signature"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_an_exchange() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("close, X-Hop"));
        headers.append(CONNECTION, HeaderValue::from_static("x-other"));
        for name in ["x-hop", "x-other", "te", "host", "x-forwarded-proto", "webhook-id", "proxy-connection"]
        {
            assert!(is_of_exchange(&headers, name), "{name}");
        }
        for name in ["traceparent", "tracestate", "baggage", "x-hops", "x-request-id", "priority", "tenant"] {
            assert!(!is_of_exchange(&headers, name), "{name}");
        }
    }
}
