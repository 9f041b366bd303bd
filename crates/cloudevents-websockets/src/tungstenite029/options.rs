//! Options of the connection, and how a URL sets them.

use super::{failure, urls::URLS};
use crate::Subprotocol;
use cloudevents_core::{Error, ErrorKind, Formats};
#[cfg(not(feature = "tls"))]
use cloudevents_transport::binding::CertificateFiles;
use cloudevents_transport::{
    Endpoint, Host, Scheme, Secret, Side,
    binding::connect::{Addresses, Backoff},
};
use std::{fmt, time::Duration};
use tokio_tungstenite::tungstenite::{
    client::IntoClientRequest,
    handshake::client::Request,
    http::{
        HeaderMap, HeaderValue,
        header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
    },
};

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_websockets::{Subprotocol, tungstenite029::WsConnection};
/// use std::time::Duration;
///
/// let mut connection = WsConnection::default();
/// connection.subprotocols = vec![Subprotocol::Avro, Subprotocol::Json];
/// connection.keep_alive = Duration::from_secs(5);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct WsConnection {
    /// The subprotocols that the client offers, the most wanted first: `format` in a URL. Default: `cloudevents.json`.
    ///
    /// Their formats have to be among the formats of the options. JSON is always included.
    pub subprotocols: Vec<Subprotocol>,
    /// Headers of the handshake, such as `Authorization` and `Origin`. A user and password in the URL become
    /// an `Authorization` header. Default: none.
    pub headers: HeaderMap,
    /// How long opening a connection may take, the handshake included. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon it connects again after a loss, and for how long a refused login is tried again: see [`Backoff`]. Its limit for one attempt
    /// is [`connect_timeout`](Self::connect_timeout). Default: the default `Backoff`.
    pub backoff: Backoff,
    /// How long the peer may be silent before it is pinged: `keep-alive` in a URL. Default: 20 seconds.
    ///
    /// When the peer is silent for twice as long, the connection is lost.
    pub keep_alive: Duration,
    /// How long the peer may take to send the whole of one message, with any number of fragments: `message-deadline` in a URL. Default: 30
    /// seconds.
    pub message_deadline: Duration,
    /// Certificates, `ca`, `cert` and `cert-key` in a URL, for `wss` URLs. Default: the default [`Tls`](super::Tls).
    #[cfg(feature = "tls")]
    pub tls: super::Tls,
}

impl Default for WsConnection {
    fn default() -> Self {
        Self {
            subprotocols: vec![Subprotocol::Json],
            headers: HeaderMap::new(),
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            keep_alive: KEEP_ALIVE,
            message_deadline: MESSAGE_DEADLINE,
            #[cfg(feature = "tls")]
            tls: super::Tls::default(),
        }
    }
}

/// Shows the names of headers, not their values.
impl fmt::Debug for WsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsConnection")
            .field("subprotocols", &self.subprotocols)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("connect_timeout", &self.connect_timeout)
            .field("backoff", &self.backoff)
            .field("keep_alive", &self.keep_alive)
            .field("message_deadline", &self.message_deadline)
            .finish_non_exhaustive()
    }
}

/// The default of [`WsConnection::keep_alive`].
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The default of [`WsConnection::message_deadline`].
pub(crate) const MESSAGE_DEADLINE: Duration = Duration::from_secs(30);

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liveness {
    pub(crate) keep_alive: Duration,
    pub(crate) message_deadline: Duration,
}

impl Liveness {
    /// How often to look after the peer.
    pub(crate) fn tick(self) -> Duration {
        let half = |time: Duration| time.checked_div(2).unwrap_or(time);
        half(self.keep_alive.min(self.message_deadline)).max(Duration::from_millis(1))
    }
}

/// The options that are part of the query of the handshake.
const QUERY: &str = "query.";

/// The address and the way to connect.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(super) tls: bool,
    pub(super) hosts: Vec<Host>,
    /// The path and the query of the handshake. The query may be secret.
    pub(super) path: Box<str>,
    query: Secret,
    /// The addresses of the hosts.
    pub(super) addresses: Addresses,
    pub(super) options: WsConnection,
}

impl Target {
    /// Reads the URL. The options apply if the URL sets nothing. `side` says whether a sender or a receiver reads it.
    pub(super) fn new(endpoint: &Endpoint, mut options: WsConnection, side: Side) -> Result<Self, Error> {
        // A client that receives also has the options of a client that sends.
        let family = URLS.family(endpoint.scheme()).filter(|_| side == Side::Receive);
        let more = family.map_or(&[][..], |family| family.options);
        let Scheme { tls, port, .. } = *URLS.check_with(endpoint, side, more)?;
        #[cfg(feature = "tls")]
        {
            options.tls = options.tls.with_url(endpoint, "wss")?;
        }
        #[cfg(not(feature = "tls"))]
        CertificateFiles::from_url(endpoint, false, "the scheme with TLS is `wss`")?;
        let hosts = endpoint.hosts_with(port)?;
        if let Some(names) = endpoint.option("format") {
            let named =
                |name: &str| Subprotocol::ALL.iter().copied().find(|known| known.format().as_str() == name);
            let named: Option<Vec<_>> = names.split(',').map(named).collect();
            options.subprotocols = named.ok_or_else(|| {
                endpoint.invalid("the option `format` is not a list of `json`, `avro` and `protobuf`")
            })?;
        }
        if options.subprotocols.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("no subprotocol is offered")
                .with_clause("WS-1.4-b"));
        }
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        options.keep_alive = endpoint.duration("keep-alive")?.unwrap_or(options.keep_alive);
        options.message_deadline = endpoint.duration("message-deadline")?.unwrap_or(options.message_deadline);
        if let Some(user) = endpoint.user()
            && !options.headers.contains_key(AUTHORIZATION)
        {
            let password = endpoint.password().map_or("", |password| password.expose());
            let basic = base64_simd::STANDARD.encode_to_string(format!("{}:{password}", user.expose()));
            let mut basic = HeaderValue::from_str(&format!("Basic {basic}"))
                .map_err(|_| endpoint.invalid("user and password cannot be sent"))?;
            basic.set_sensitive(true);
            options.headers.insert(AUTHORIZATION, basic);
        }
        Ok(Self {
            tls,
            hosts,
            path: format!("/{}", endpoint.path()).into(),
            query: Secret::new(query(endpoint)),
            addresses: Addresses::default(),
            options,
        })
    }

    /// Fails if the format of an offered subprotocol is not among these.
    pub(super) fn check_formats(&self, formats: &Formats) -> Result<(), Error> {
        for subprotocol in &self.options.subprotocols {
            cloudevents_json::find(&subprotocol.format(), formats)?;
        }
        Ok(())
    }

    /// Returns the request of the handshake with this host.
    pub(super) fn request(&self, host: &Host) -> Result<Request, Error> {
        let scheme = if self.tls { "wss" } else { "ws" };
        // The default port is not part of the header `Host` (RFC 6455, section 4.1).
        let default = if self.tls { 443 } else { 80 };
        let shown = host.to_string();
        let authority = match host.port() {
            Some(port) if port == default => shown.strip_suffix(&format!(":{port}")).unwrap_or(&shown),
            _ => &shown,
        };
        let url = format!("{scheme}://{authority}{}{}", self.path, self.query.expose());
        let mut request = url.into_client_request().map_err(|_| {
            Error::new(ErrorKind::InvalidUrl).with_detail("path or query of the URL cannot be sent")
        })?;
        let offered = crate::offer(self.options.subprotocols.iter().copied());
        let offered = HeaderValue::from_str(&offered).map_err(failure::refused)?;
        for (name, value) in &self.options.headers {
            request.headers_mut().append(name, value.clone());
        }
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered);
        Ok(request)
    }

    pub(super) fn liveness(&self) -> Liveness {
        Liveness { keep_alive: self.options.keep_alive, message_deadline: self.options.message_deadline }
    }
}

/// The query of the handshake: `?token=x` of the URL option `query.token=x`, percent-encoded again.
fn query(endpoint: &Endpoint) -> String {
    let mut query = String::new();
    for (name, value) in endpoint.options() {
        let Some(name) = name.strip_prefix(QUERY) else { continue };
        query.push(if query.is_empty() { '?' } else { '&' });
        escape(name, &mut query);
        query.push('=');
        escape(value, &mut query);
    }
    query
}

/// Keeps the unreserved characters (RFC 3986, section 2.3).
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Shows the target in logs, without credentials and query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "wss://" } else { "ws://" })?;
        for (index, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, WsConnection::default(), Side::Send)
    }

    #[test]
    fn what_a_url_says() {
        let at = target(
            "ws://al%40ice:s%2Fp@one:7,[::1]/a%20b?format=avro,json&keep-alive=5s&query.t%26=x%20y&query.u=2",
        )
        .unwrap();
        assert_eq!(at.options.subprotocols, [Subprotocol::Avro, Subprotocol::Json]);
        assert_eq!(at.options.keep_alive, Duration::from_secs(5));
        assert_eq!(at.to_string(), "ws://one:7,[::1]:80/a%20b");
        let request = at.request(&at.hosts[0]).unwrap();
        assert_eq!(request.uri(), "ws://one:7/a%20b?t%26=x%20y&u=2");
        assert_eq!(request.headers()["sec-websocket-protocol"], "cloudevents.avro, cloudevents.json");
        assert_eq!(request.headers()["authorization"], "Basic YWxAaWNlOnMvcA==");
        assert_eq!(request.headers()["host"], "one:7");
        assert_eq!(at.request(&at.hosts[1]).unwrap().headers()["host"], "[::1]");
        let shown = format!("{at:?} {at}");
        assert!(!shown.contains("s/p") && !shown.contains("YWxA") && !shown.contains("x%20y"), "{shown}");
        assert_eq!(target("ws://h").unwrap().request(&at.hosts[0]).unwrap().uri(), "ws://one:7/");
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "ws:///q",
            "http://h/q",
            "ws://h/?format=xml",
            "ws://h/?format=",
            "ws://h/?token=x",
            "ws://h/?keep-alive=x",
        ] {
            assert_eq!(target(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
        let unknown = target("ws://h/?token=x").unwrap_err();
        assert!(unknown.help().is_some_and(|help| help.contains("`query.token`")), "{unknown}");
    }
}
