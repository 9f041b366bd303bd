//! Headers that are not attributes.

use crate::name;
use cloudevents_core::Error;
use cloudevents_transport::{Outgoing, binding::header_not_carried};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_TYPE},
};
use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
};

/// The names that are remembered as logged. Beyond them, each loss is logged.
const TOLD: usize = 64;

/// Adds the headers of messages to requests and responses, except headers that belong to an exchange or to its peers.
///
/// The producer of a message cannot set the target's credentials or the framing of a request. A [sender](crate::reqwest013::sender),
/// replies of the receiver and webhooks add headers with this type. So do bridges and outboxes over them. A handshake of WebSockets has no
/// headers of messages.
///
/// | not added | because |
/// |---|---|
/// | `Connection`, the headers it names, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings` | they are about one connection (RFC 9110, section 7.6.1) |
/// | `Host`, `Content-*`, `Digest`, `Repr-Digest`, `Want-*`, `Expect`, `Range`, `If`, `If-*`, `Max-Forwards`, `Accept*`, `Date`, `User-Agent`, `Early-Data`, `Origin`, `Referer`, `Sec-*`, `X-HTTP-*`, `X-Requested-With`, `X-Middleware-*` | they frame or steer this request |
/// | `Destination`, `Overwrite`, `Depth`, `Timeout` | they steer WebDAV (RFC 4918, section 10) |
/// | `Location`, `Retry-After`, `Refresh`, `Server`, `Access-Control-*`, `Cross-Origin-*`, `Alt-Svc`, `Clear-Site-Data`, `Strict-Transport-Security` | they steer the client of a response |
/// | `Authorization`, `Authentication-*`, `WWW-Authenticate`, `Proxy*`, `Cookie*`, `Set-Cookie*`, `Client-Cert*`, `DPoP`, API keys and tokens under their usual names, and names that end with `-Authorization`, `-Token`, `-Api-Key`, `-Secret` or `-Assertion` | they are credentials (RFC 9110, section 11; RFC 6265; RFC 9440; RFC 9449), or configure a CGI program (`Proxy`: RFC 3875, section 4.1.18) |
/// | `Forwarded`, `X-Forward*`, `Via`, `X-Real-IP`, `X-Host`, `X-Original-*`, `X-Remote-*`, `Remote-*`, `Impersonate-*`, `CF-*`, `X-Amz*`, `X-MS-*`, `X-Goog-*`, and others that proxies, gateways and clouds set to the client's address or identity | servers trust them (RFC 7239; the documentation of each product) |
/// | `Signature*`, names that end with `-Signature`, `WebHook-*`, `X-Webhook-*`, `Svix-*`, `Idempotency-Key`, `X-Hub-Signature*`, `aeg-*` | they describe another delivery |
/// | a header that the sender itself has | the program decides, not the producer |
///
/// Names compare without regard to letter case, and a character other than a letter or digit counts as `-`. The reason is servers that pass
/// headers as variables (RFC 3875, section 4.1.18): they take `X_Real_IP` for `X-Real-IP`, and `ce_type` for an attribute.
///
/// `traceparent`, `tracestate`, `baggage` and all other headers are added. Headers that the program sets for all requests of a sender are
/// not restricted. The first loss of each name is logged at DEBUG, without the value. A client with unknown headers of its own (see
/// `HttpSenderOptions::client_headers`) is an exception: only these three are added, and losses are logged at WARN.
#[derive(Debug, Default)]
pub struct MessageHeaders {
    told: Mutex<Vec<HeaderName>>,
    client: ClientHeaders,
}

/// The headers that a client adds by itself, after the headers of messages, and only if these are absent.
#[derive(Debug)]
enum ClientHeaders {
    Known(Vec<HeaderName>),
    #[cfg(feature = "reqwest013")]
    Unknown,
}

impl Default for ClientHeaders {
    fn default() -> Self {
        Self::Known(Vec::new())
    }
}

impl MessageHeaders {
    /// Adds the headers of a message to `headers`, which has the headers of the sender already.
    ///
    /// A header that [`lost`](Self::lost) names is an error of kind [`Inexact`](cloudevents_core::ErrorKind::Inexact): senders have applied
    /// their policy to it before. `headers` is unchanged then.
    pub fn add(&self, headers: &mut HeaderMap, outgoing: &Outgoing) -> Result<(), Error> {
        if outgoing.headers().len() == 0 {
            return Ok(());
        }
        let mut of_message = HeaderMap::new();
        for (name, value) in outgoing.headers() {
            match header(name, value) {
                Ok(Some((name, value))) => {
                    of_message.append(name, value);
                }
                Ok(None) => {}
                Err(reason) => return Err(header_not_carried(name, reason)),
            }
        }
        let is_own = |name: &HeaderName| {
            headers.contains_key(name)
                || headers.keys().any(|own| plain(own.as_str()) == plain(name.as_str()))
        };
        let own: Vec<HeaderName> = of_message.keys().filter(|name| is_own(name)).cloned().collect();
        for (name, value) in &of_message {
            if is_of_exchange(&of_message, name.as_str()) {
                self.tell(name, "it belongs to an exchange or its peers");
            } else if own.contains(name) {
                self.tell(name, "the sender has its own");
            } else if !self.is_client_without(name) {
                self.tell(name, "the client may have its own");
            } else {
                headers.append(name, value.clone());
            }
        }
        Ok(())
    }

    /// The headers of a message that no request or response can have, by index, and the reasons.
    ///
    /// They are names or values that no header may have, attributes (`ce-*`) and `Content-Type`. Headers that belong to an exchange are not
    /// among them: they are left out. For [`Transmit::lost_headers`](cloudevents_transport::binding::Transmit::lost_headers).
    pub fn lost(outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        outgoing.lost_headers(|name, value| header(name, value).err())
    }

    /// For a client that adds the headers of these names. `None` if they are unknown.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn beside_client(names: Option<Vec<HeaderName>>) -> Self {
        let client = names.map_or(ClientHeaders::Unknown, ClientHeaders::Known);
        Self { client, ..Self::default() }
    }

    /// Whether the client is known not to add this header.
    fn is_client_without(&self, name: &HeaderName) -> bool {
        match &self.client {
            ClientHeaders::Known(names) => {
                !names.iter().any(|own| plain(own.as_str()) == plain(name.as_str()))
            }
            #[cfg(feature = "reqwest013")]
            ClientHeaders::Unknown => matches!(name.as_str(), "traceparent" | "tracestate" | "baggage"),
        }
    }

    #[cold]
    fn tell(&self, name: &HeaderName, reason: &str) {
        let is_unknown = !matches!(self.client, ClientHeaders::Known(_));
        if !is_unknown && !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(name) {
            return;
        }
        if told.len() < TOLD {
            told.push(name.clone());
        }
        drop(told);
        if is_unknown {
            tracing::warn!(header = %name, reason, "a header of a message is left out");
        } else {
            tracing::debug!(header = %name, reason, "a header of a message is left out");
        }
    }
}

/// A header that is not an attribute. `None` for a header that is not added anyway. The error says why it cannot be a header.
fn header(name: &str, value: &[u8]) -> Result<Option<(HeaderName, HeaderValue)>, &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "a name of HTTP is one or more letters, digits and some signs of ASCII")?;
    if name::kind(name.as_str()) == name::Kind::Attribute || name == CONTENT_TYPE {
        return Err("over HTTP it would be an attribute of the event");
    }
    match HeaderValue::from_bytes(value) {
        Ok(value) => Ok(Some((name, value))),
        Err(_) if is_listed(&plain(name.as_str())) => Ok(None),
        Err(_) => Err("a value of HTTP has no control characters"),
    }
}

/// Whether a header, in lower case, stays in the exchange that it came with: by the table of [`MessageHeaders`], or because `Connection`
/// names it.
pub(crate) fn is_of_exchange(headers: &HeaderMap, name: &str) -> bool {
    let name = plain(name);
    is_listed(&name)
        || headers.get_all(CONNECTION).iter().any(|value| {
            let mut named = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            named.any(|named| same(named, name.as_bytes()))
        })
}

/// A name in lower case as servers may read it: each character other than a letter or digit is `-`.
fn plain(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match name.bytes().all(is_plain) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
    }
}

/// Whether this name, in any letter case, is the plain one.
fn same(name: &[u8], plain: &[u8]) -> bool {
    let folded = name.iter().map(|byte| match byte.to_ascii_lowercase() {
        byte if byte.is_ascii_alphanumeric() => byte,
        _ => b'-',
    });
    folded.eq(plain.iter().copied())
}

fn is_listed(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        || [CONNECTION_WIDE, STEERING, CREDENTIALS, PROXIES, DELIVERIES]
            .iter()
            .any(|names| names.contains(&name))
}

/// The beginnings of names.
const PREFIXES: &[&str] = &[
    "accept",
    "access-control-",
    "aeg-",
    "akamai-",
    "authentication-",
    // Attributes are not headers of messages, so only `ce_` remains.
    "ce-",
    "cf-",
    "client-cert",
    "cloudfront-",
    "content-",
    "cookie",
    "cross-origin-",
    "dapr-",
    "es-security-",
    "fastly-",
    "fly-",
    "if-",
    "impersonate-",
    "incap-",
    "iv-",
    "k-",
    "knative-",
    "l5d-",
    "oidc-",
    "proxy-",
    "remote-",
    "sec-",
    "set-cookie",
    "signature",
    "sm-",
    "ssl-client-",
    "svix-",
    "tailscale-",
    "teleport-",
    "want-",
    "webhook-",
    "wl-proxy-",
    "x-accel-",
    "x-akamai-",
    "x-amz",
    "x-anonymous-",
    "x-apigateway-",
    "x-appengine-",
    "x-appservice-",
    "x-arr-",
    "x-auth-",
    "x-authenticated-",
    "x-authentik-",
    "x-azure-",
    "x-cf-",
    "x-clickhouse-",
    "x-client-cert",
    "x-consumer-",
    "x-credential-",
    "x-endpoint-api-",
    "x-envoy-",
    "x-fd-",
    "x-forward",
    "x-goog-",
    "x-google-",
    "x-hasura-",
    "x-http-",
    "x-hub-signature",
    "x-istio-",
    "x-middleware-",
    "x-ms-",
    "x-original-",
    "x-pomerium-",
    "x-presto-",
    "x-proxy",
    "x-remote-",
    "x-rewrite-",
    "x-scope-",
    "x-ssl-",
    "x-trino-",
    "x-vercel-",
    "x-vouch-",
    "x-webauth-",
    "x-webhook-",
];

/// The ends of names.
const SUFFIXES: &[&str] = &[
    "-access-key",
    "-api-key",
    "-apikey",
    "-assertion",
    "-authorization",
    "-master-key",
    "-rapidapi-key",
    "-secret",
    "-signature",
    "-token",
];

/// About one connection (RFC 9110, section 7.6.1).
const CONNECTION_WIDE: &[&str] =
    &["connection", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// They frame or steer one request or response.
const STEERING: &[&str] = &[
    "alt-svc",
    "clear-site-data",
    "date",
    "depth",
    "destination",
    "digest",
    "early-data",
    "expect",
    "host",
    "if",
    "location",
    "max-forwards",
    "origin",
    "overwrite",
    "path-info",
    "query-string",
    "range",
    "referer",
    "refresh",
    "repr-digest",
    "request-uri",
    "retry-after",
    "script-name",
    "server",
    "strict-transport-security",
    "timeout",
    "translate",
    "user-agent",
    "x-request-uri",
    "x-requested-with",
    "x-script-name",
    "x-sendfile",
];

/// Credentials, and headers about them.
const CREDENTIALS: &[&str] = &[
    "api-key",
    "apikey",
    "authorization",
    "dpop",
    "ocp-apim-subscription-key",
    "sudo",
    "token",
    "www-authenticate",
    "x-functions-key",
    "x-userinfo",
];

/// Headers that proxies add, and that servers behind them trust.
const PROXIES: &[&str] = &[
    "cdn-loop",
    "client-ip",
    "forwarded",
    "front-end-https",
    "proxy",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-method-override",
    "x-real-ip",
    "x-scheme",
    "x-url-scheme",
];

/// They describe one delivery.
const DELIVERIES: &[&str] = &["idempotency-key"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_an_exchange() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("close, X-Hop"));
        headers.append(CONNECTION, HeaderValue::from_static("x-other"));
        for name in [
            "x-hop",
            "x_hop",
            "x.other",
            "x-other",
            "te",
            "host",
            "x-forwarded-proto",
            "webhook-id",
            "proxy-connection",
            "k-network-probe",
            "knative-serving-tag",
            "x-cf-app-instance",
            "l5d-dst-override",
            "x-clickhouse-key",
            "x-access-key",
        ] {
            assert!(is_of_exchange(&headers, name), "{name}");
        }
        for name in
            ["traceparent", "tracestate", "baggage", "x-hops", "x-request-id", "priority", "tenant", "b3"]
        {
            assert!(!is_of_exchange(&headers, name), "{name}");
        }
    }
}
