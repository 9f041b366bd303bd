//! Options of the connection, and how a URL sets them.

use super::{login::Login, urls::URLS};
use cloudevents_core::{Error, ErrorKind};
#[cfg(not(feature = "tls"))]
use cloudevents_transport::binding::CertificateFiles;
use cloudevents_transport::{
    Endpoint, Host, Logins, Scheme, Secret, Side,
    binding::connect::{Addresses, Backoff},
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_rabbitmq::lapin4::{RabbitConnection, Sasl};
///
/// let mut connection = RabbitConnection::default();
/// connection.name = Some("billing".into());
/// connection.sasl = Some(Sasl::plain("billing", "hunter2"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RabbitConnection {
    /// The name of the connection in the broker's tools: `name` in a URL. Default: a random name.
    pub name: Option<String>,
    /// How to log in: `sasl` in a URL. A user in the URL selects [`Plain`](Sasl::Plain). Default: the user
    /// `guest` with the password `guest`, which RabbitMQ lets in from its own host only.
    pub sasl: Option<Sasl>,
    /// A source of changing credentials, called before each connection. Its credentials take precedence over all other settings. Default:
    /// none.
    pub logins: Option<Arc<dyn Logins<Login>>>,
    /// How long opening a connection may take, until messages can be sent or received: `connect-timeout` in a URL. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon it connects again after a loss, and for how long a refused login is tried again: see [`Backoff`]. Its limit for one attempt
    /// is [`connect_timeout`](Self::connect_timeout). Default: the default `Backoff`.
    pub backoff: Backoff,
    /// The interval of heartbeats, in whole seconds: `keep-alive` in a URL. A connection that is silent for two of
    /// them is lost. The broker may shorten it. Default: 30 seconds.
    pub heartbeat: Duration,
    /// Certificates for `rabbitmqs` URLs: `ca`, `cert` and `cert-key` in a URL. Default: the default [`Tls`](super::Tls).
    #[cfg(feature = "tls")]
    pub tls: super::Tls,
}

impl Default for RabbitConnection {
    fn default() -> Self {
        Self {
            name: None,
            sasl: None,
            logins: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            heartbeat: Duration::from_secs(30),
            #[cfg(feature = "tls")]
            tls: super::Tls::default(),
        }
    }
}

/// How to log in, with SASL.
///
/// ```
/// use cloudevents_rabbitmq::lapin4::Sasl;
///
/// let sasl = Sasl::plain("guest", "hunter2");
/// assert!(!format!("{sasl:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Sasl {
    /// PLAIN: user and password. Without TLS, anyone who observes the connection can read them. For OAuth 2.0,
    /// the password is the token.
    Plain {
        /// The user.
        user: Secret,
        /// The password.
        password: Secret,
    },
    /// EXTERNAL: the user of the client certificate.
    External,
}

impl Sasl {
    /// Logs in with PLAIN, with this user and password.
    pub fn plain(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        Self::Plain { user: Secret::new(user), password: Secret::new(password) }
    }
}

/// The type of a queue that is declared.
///
/// ```
/// use cloudevents_rabbitmq::lapin4::QueueType;
///
/// assert_eq!(QueueType::Quorum.to_string(), "quorum");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueType {
    /// On one node.
    Classic,
    /// Replicated, with a count of deliveries.
    Quorum,
}

impl QueueType {
    /// Reads the URL option of this name.
    pub(super) fn from_url(endpoint: &Endpoint, name: &str) -> Result<Option<Self>, Error> {
        match endpoint.option(name) {
            None => Ok(None),
            Some("classic") => Ok(Some(Self::Classic)),
            Some("quorum") => Ok(Some(Self::Quorum)),
            Some(_) => {
                Err(endpoint.invalid(format!("the option `{name}` is neither `classic` nor `quorum`")))
            }
        }
    }

    /// The arguments that declare such a queue.
    pub(super) fn arguments(self) -> FieldTable {
        let mut arguments = FieldTable::default();
        arguments.insert(fixed("x-queue-type"), AMQPValue::LongString(self.to_string().into()));
        arguments
    }
}

impl fmt::Display for QueueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        })
    }
}

/// The address and the way to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) hosts: Vec<Host>,
    pub(super) vhost: String,
    pub(super) name: String,
    pub(super) sasl: Sasl,
    /// The addresses of the hosts.
    pub(super) addresses: Addresses,
    pub(super) options: RabbitConnection,
    /// The largest message that the broker may send.
    pub(super) limit: Arc<Limit>,
}

/// The largest message. Larger messages are taken, too, to be settled as errors, up to eight times the size.
///
/// A message above that ends the connection. It is among the first messages of the next connection, with all other prefetched messages. So
/// the next connections take every message that RabbitMQ can send: version 4 deletes messages that come back to a quorum queue 20 times.
/// Each receiver of the queue may lose a connection to such a message.
#[derive(Debug)]
pub(super) struct Limit {
    given: u64,
    is_exceeded: AtomicBool,
}

impl Limit {
    /// How much more than it was given a connection takes.
    const MORE: u64 = 8;
    /// The largest message of RabbitMQ, at any `max_message_size`.
    const MOST: u64 = 512 << 20;
    /// How many unsettled messages a connection has if it takes messages of any size. The broker counts messages, not bytes.
    const FEW: u16 = 8;

    pub(super) fn new(given: u64) -> Self {
        Self { given, is_exceeded: AtomicBool::new(false) }
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }

    /// The most unsettled messages of the next connection.
    pub(super) fn prefetch(&self, wanted: u16) -> u16 {
        if self.is_exceeded() { wanted.min(Self::FEW) } else { wanted }
    }

    /// An error for a message that ends a connection.
    pub(super) fn take(&self, size: u64) -> Result<(), Error> {
        let most = match self.is_exceeded() {
            true => Self::MOST,
            false => self.given.saturating_mul(Self::MORE).min(Self::MOST),
        };
        let taken = check_size(size, most.max(self.given));
        if taken.is_err() && !self.is_exceeded.swap(true, Ordering::Relaxed) {
            let (given, messages) = (self.given, Self::FEW);
            tracing::warn!(
                given,
                size,
                messages,
                "the broker sends a much larger message, which ends the connection; the next ones take any, and have so many messages at most, until the program starts again"
            );
        }
        taken
    }

    /// An error for a message above the given size.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), Error> {
        check_size(u64::try_from(body.len()).unwrap_or(u64::MAX), self.given)
    }
}

fn check_size(size: u64, most: u64) -> Result<(), Error> {
    if size <= most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge)
        .with_detail(format!("a message has {size} bytes"))
        .with_help("raise `max_message_size` if messages of this size are expected"))
}

impl Target {
    /// Reads the URL. The options apply if the URL sets nothing. `side` says whether a sender or a receiver reads it.
    pub(super) fn new(endpoint: &Endpoint, mut options: RabbitConnection, side: Side) -> Result<Self, Error> {
        let Scheme { tls, port, .. } = *URLS.check(endpoint, side)?;
        #[cfg(feature = "tls")]
        {
            options.tls = options.tls.with_url(endpoint, "rabbitmqs")?;
        }
        #[cfg(not(feature = "tls"))]
        CertificateFiles::from_url(endpoint, false, "the scheme with TLS is `rabbitmqs`")?;
        let hosts = endpoint.hosts_with(port)?;
        let mut segments = endpoint.segments();
        let vhost = match (segments.next(), segments.next()) {
            (None, _) => "/".to_owned(),
            (Some(vhost), None) => String::from(vhost),
            (Some(_), Some(_)) => {
                return Err(endpoint
                    .invalid("the path has more than one part, and is the virtual host")
                    .with_help("write `%2F` for a slash; the queue is the option `queue`"));
            }
        };
        drop(segments);
        let said = match (endpoint.option("sasl"), endpoint.user(), endpoint.password()) {
            (None | Some("plain"), Some(user), password) => {
                let password = password.cloned().unwrap_or_else(|| Secret::new(""));
                Some(Sasl::Plain { user: user.clone(), password })
            }
            (None, None, _) => None,
            (Some("plain"), None, _) => return Err(endpoint.invalid("`sasl=plain` needs a user")),
            (Some("external"), ..) => Some(Sasl::External),
            (Some(_), ..) => return Err(endpoint.invalid("`sasl` is neither `plain` nor `external`")),
        };
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        options.heartbeat = endpoint.duration("keep-alive")?.unwrap_or(options.heartbeat);
        let name = endpoint.option("name").map(str::to_owned).or_else(|| options.name.clone());
        Ok(Self {
            tls,
            hosts,
            vhost,
            name: name.unwrap_or_else(|| format!("cloudevents-{}", random())),
            sasl: said.or_else(|| options.sasl.clone()).unwrap_or_else(|| Sasl::plain("guest", "guest")),
            addresses: Addresses::default(),
            options,
            limit: Arc::new(Limit::new(u64::MAX)),
        })
    }
}

/// Shows the target in logs, without user and password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rabbitmqs://" } else { "rabbitmq://" })?;
        for (index, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        write!(f, "/{}", self.vhost.replace('/', "%2F"))
    }
}

/// Returns a unique name, which is not secret.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

/// A short text of this program.
pub(super) fn fixed(text: &'static str) -> ShortString {
    ShortString::try_new(text).unwrap_or_default()
}

/// A text in a field of at most 255 bytes. `what` names it in the error, which is about the message.
pub(super) fn short(what: &str, text: &str) -> Result<ShortString, Error> {
    ShortString::try_new(text).map_err(|_| {
        let detail = format!("{what} has {} bytes, and AMQP 0.9.1 allows 255", text.len());
        Error::new(ErrorKind::TooLarge).with_detail(detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, RabbitConnection::default(), Side::Both)
    }

    #[test]
    fn what_a_url_says() {
        let at =
            target("rabbitmq://al%40ice:s%2Fp@one:7,[::1]/pro%2Fd?name=c&keep-alive=10s&queue=x").unwrap();
        assert_eq!((at.vhost.as_str(), at.name.as_str(), at.tls), ("pro/d", "c", false));
        assert_eq!(at.to_string(), "rabbitmq://one:7,[::1]:5672/pro%2Fd");
        assert_eq!(at.options.heartbeat, Duration::from_secs(10));
        let Sasl::Plain { user, password } = &at.sasl else { panic!("{:?}", at.sasl) };
        assert_eq!((user.expose(), password.expose()), ("al@ice", "s/p"));
        assert!(!format!("{at:?} {at}").contains("s/p"));
        assert!(matches!(target("rabbitmq://h?sasl=external").unwrap().sasl, Sasl::External));
        assert_eq!(target("rabbitmq://h/?queue=q").unwrap().vhost, "/");
        assert_eq!(target("rabbitmq://h?queue=q").unwrap().vhost, "/");
        assert_eq!(target("rabbitmq://h/%2F").unwrap().vhost, "/");
    }

    #[test]
    fn the_url_goes_before_the_options() {
        let with = |url: &str| {
            let mut options = RabbitConnection::default();
            (options.name, options.sasl) = (Some("options".into()), Some(Sasl::External));
            Target::new(&Endpoint::parse(url).unwrap(), options, Side::Both).unwrap()
        };
        assert!(matches!(with("rabbitmq://h").sasl, Sasl::External));
        assert!(matches!(with("rabbitmq://u:p@h").sasl, Sasl::Plain { .. }));
        assert_eq!(with("rabbitmq://h").name, "options");
        assert_eq!(with("rabbitmq://h?name=url").name, "url");
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "rabbitmq:///v",
            "amqp://h",
            "rabbitmq://h/a/b",
            "rabbitmq://h?sasl=plain",
            "rabbitmq://h?sasl=kerberos",
            "rabbitmq://h?queu=x",
        ] {
            assert_eq!(target(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
    }
}
