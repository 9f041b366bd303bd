//! Options of the connection, and how a URL sets them.

use super::{CredentialsFile, Login, Tls, urls::URLS};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Host, Logins, Scheme, Side, binding::connect::Backoff};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_nats::async_nats051::{Login, NatsConnection};
///
/// let mut connection = NatsConnection::default();
/// connection.name = Some("billing".into());
/// connection.login = Login::token("s3cret");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NatsConnection {
    /// The name of this client, which the server shows: `name` in a URL. Default: a random name.
    pub name: Option<String>,
    /// How to log in. In a URL, `user:password@` is a password, and `token@` a token. Default:
    /// [`Anonymous`](Login::Anonymous).
    pub login: Login,
    /// A source of changing credentials, called before each connection. It takes precedence over all other
    /// settings but a URL's `credentials`, which names a [`CredentialsFile`]. Default: none.
    pub logins: Option<Arc<dyn Logins<Login>>>,
    /// The beginning of the subjects at which this client receives replies and confirmations. The user has to be allowed to publish and to
    /// subscribe there. Default: `_INBOX`.
    pub inbox_prefix: Option<String>,
    /// The JetStream domain: `domain` in a URL. Default: the domain of the server.
    pub domain: Option<String>,
    /// How long opening a connection may take, until messages can be sent or received. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon it connects again after a loss, and for how long a refused login is tried again: see [`Backoff`]. Its limit for one attempt
    /// is [`connect_timeout`](Self::connect_timeout). Default: the default `Backoff`.
    pub backoff: Backoff,
    /// The interval of pings: `keep-alive` in a URL. Default: 20 seconds. A connection that leaves two pings unanswered is lost.
    pub ping_interval: Duration,
    /// Certificates for URLs with TLS: `ca`, `cert` and `cert-key` in a URL. Default: the default [`Tls`](super::Tls).
    pub tls: Tls,
}

impl Default for NatsConnection {
    fn default() -> Self {
        Self {
            name: None,
            login: Login::Anonymous,
            logins: None,
            inbox_prefix: None,
            domain: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            ping_interval: Duration::from_secs(20),
            tls: Tls::default(),
        }
    }
}

/// The address and the way to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) jetstream: bool,
    pub(super) hosts: Vec<Host>,
    /// The subject, which may be empty.
    pub(super) subject: String,
    pub(super) name: String,
    pub(super) login: Login,
    pub(super) options: NatsConnection,
}

impl Target {
    /// Reads the URL. The options apply if the URL sets nothing. `side` says whether a sender or a receiver reads it.
    pub(super) fn new(endpoint: &Endpoint, mut options: NatsConnection, side: Side) -> Result<Self, Error> {
        let Scheme { name, tls, port, .. } = *URLS.check(endpoint, side)?;
        let is_jetstream = name.starts_with("nats+jetstream");
        options.tls =
            options.tls.with_url(endpoint, if is_jetstream { "nats+jetstream+tls" } else { "nats+tls" })?;
        let hosts = endpoint.hosts_with(port)?;
        let subject = endpoint.segments().collect::<Vec<_>>().join("/");
        if subject.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(endpoint.invalid("the path is not a subject"));
        }
        let login = match (endpoint.user(), endpoint.password()) {
            (None, _) => options.login.clone(),
            (Some(token), None) => Login::Token(token.clone()),
            (Some(user), Some(password)) => {
                Login::Password { user: user.clone(), password: password.clone() }
            }
        };
        let given = |name: &str| endpoint.option(name).map(str::to_owned);
        let name = given("name").or_else(|| options.name.clone());
        options.domain = given("domain").or(options.domain);
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        options.ping_interval = endpoint.duration("keep-alive")?.unwrap_or(options.ping_interval);
        if let Some(file) = given("credentials") {
            if endpoint.user().is_some() {
                return Err(endpoint.invalid("there is a user beside the option `credentials`"));
            }
            options.logins = Some(Arc::new(CredentialsFile(file.into())));
        }
        Ok(Self {
            tls,
            jetstream: is_jetstream,
            hosts,
            subject,
            name: name.unwrap_or_else(|| format!("cloudevents-{}", random())),
            login,
            options,
        })
    }

    /// Returns another subject of the same server, for dead letters.
    pub(super) fn at(&self, subject: &str) -> Self {
        Self { subject: subject.to_owned(), ..self.clone() }
    }

    /// The context of JetStream, in which a message has to be confirmed within this time, and as many as this
    /// may be unconfirmed.
    pub(super) fn context(
        &self,
        client: async_nats::Client,
        timeout: Duration,
        in_flight: usize,
    ) -> async_nats::jetstream::Context {
        let builder = async_nats::jetstream::context::ContextBuilder::new();
        let in_flight = in_flight.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        match &self.options.domain {
            None => builder.timeout(timeout).max_ack_inflight(in_flight).build(client),
            Some(domain) => builder.domain(domain).timeout(timeout).max_ack_inflight(in_flight).build(client),
        }
    }

    /// The beginning of the subjects of JetStream's API.
    pub(super) fn api(&self) -> String {
        match &self.options.domain {
            None => "$JS.API".into(),
            Some(domain) => format!("$JS.{domain}.API"),
        }
    }
}

/// Shows the target in logs, without user and password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nats")?;
        f.write_str(if self.jetstream { "+jetstream" } else { "" })?;
        f.write_str(if self.tls { "+tls://" } else { "://" })?;
        for (index, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        write!(f, "/{}", self.subject)
    }
}

/// Returns a unique name, which is not secret.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

/// The error of an option that does not apply to the URL.
pub(super) fn unsupported(detail: &'static str, help: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(detail).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, NatsConnection::default(), Side::Both)
    }

    #[test]
    fn what_a_url_says() {
        let at =
            target("nats+jetstream+tls://al%40ice:s%2Fp@one:7,[::1]/orders.*?name=c&keep-alive=10s&domain=hub&stream=S")
                .unwrap();
        assert_eq!(
            (at.subject.as_str(), at.name.as_str(), at.tls, at.jetstream),
            ("orders.*", "c", true, true)
        );
        assert_eq!(at.to_string(), "nats+jetstream+tls://one:7,[::1]:4222/orders.*");
        assert_eq!((at.options.domain.as_deref(), at.api().as_str()), (Some("hub"), "$JS.hub.API"));
        assert_eq!(at.options.ping_interval, Duration::from_secs(10));
        let Login::Password { user, password } = &at.login else { panic!("{:?}", at.login) };
        assert_eq!((user.expose(), password.expose()), ("al@ice", "s/p"));
        assert!(!format!("{at:?} {at}").contains("s/p"));
        let Login::Token(token) = target("nats://tok@h/s").unwrap().login else { panic!() };
        assert_eq!(token.expose(), "tok");
        assert!(matches!(target("nats://h/s").unwrap().login, Login::Anonymous));
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "nats:///s",
            "http://h/s",
            "nats://h/s?stream=S",
            "nats://h/s?domain=d",
            "nats://h/a%20b",
            "nats+jetstream://h/s?queue=q",
            "nats://h/s?naem=x",
            "nats://user:secret@h/s?credentials=/a",
        ] {
            assert_eq!(target(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
    }
}
