//! Options of the connection, and how a URL sets them.

use super::{Login, token::Tokens, urls::URLS};
use cloudevents_core::Error;
#[cfg(not(feature = "tls"))]
use cloudevents_transport::binding::CertificateFiles;
use cloudevents_transport::{
    Endpoint, Host, Logins, Scheme, Secret, Side,
    binding::connect::{Addresses, Backoff},
};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::{AmqpConnection, Sasl};
///
/// let mut connection = AmqpConnection::default();
/// connection.name = Some("billing".into());
/// connection.sasl = Some(Sasl::Anonymous);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AmqpConnection {
    /// The name of this client, its container id: `name` in a URL. Default: a random name.
    pub name: Option<String>,
    /// The host name sent to the broker, which selects a virtual host in some brokers: `hostname` in a URL. Default: the host of the URL.
    pub hostname: Option<String>,
    /// How to log in: `sasl` in a URL. A user in the URL selects [`Plain`](Sasl::Plain). Default:
    /// [`Anonymous`](Sasl::Anonymous).
    pub sasl: Option<Sasl>,
    /// A source of changing credentials, called before each connection. Its credentials take precedence over all other settings. Default:
    /// none.
    pub logins: Option<Arc<dyn Logins<Login>>>,
    /// The source of tokens for claims-based security, which Azure uses. With `sasl=cbs` in a URL, its user
    /// and password are the name and key of a shared access policy. Default: none.
    pub tokens: Option<Arc<dyn Tokens>>,
    /// How long opening a connection may take, until messages can be sent or received: `connect-timeout` in a URL. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon it connects again after a loss, and for how long a refused login is tried again: see [`Backoff`]. Its limit for one attempt
    /// is [`connect_timeout`](Self::connect_timeout). Default: the default `Backoff`.
    pub backoff: Backoff,
    /// The idle timeout: a connection that is silent for this long is lost. The broker is requested to send
    /// something more often. `keep-alive` in a URL is half of it. Default: 60 seconds.
    pub idle_timeout: Duration,
    /// Certificates for `amqps` URLs: `ca`, `cert` and `cert-key` in a URL. Default: the default [`Tls`](super::Tls).
    #[cfg(feature = "tls")]
    pub tls: super::Tls,
}

impl Default for AmqpConnection {
    fn default() -> Self {
        Self {
            name: None,
            hostname: None,
            sasl: None,
            logins: None,
            tokens: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            idle_timeout: Duration::from_secs(60),
            #[cfg(feature = "tls")]
            tls: super::Tls::default(),
        }
    }
}

/// How to log in, with SASL.
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::Sasl;
///
/// let sasl = Sasl::plain("guest", "hunter2");
/// assert!(!format!("{sasl:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Sasl {
    /// ANONYMOUS: without a user.
    Anonymous,
    /// PLAIN: user and password. Without TLS, anyone who observes the connection can read them.
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

/// The address and the way to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) hosts: Vec<Host>,
    pub(super) address: String,
    pub(super) name: String,
    pub(super) sasl: Sasl,
    /// The addresses of the hosts.
    pub(super) addresses: Addresses,
    pub(super) options: AmqpConnection,
}

impl Target {
    /// Reads the URL. The options apply if the URL sets nothing. `side` says whether a sender or a receiver reads it.
    pub(super) fn new(endpoint: &Endpoint, mut options: AmqpConnection, side: Side) -> Result<Self, Error> {
        let Scheme { tls, port, .. } = *URLS.check(endpoint, side)?;
        #[cfg(feature = "tls")]
        {
            options.tls = options.tls.with_url(endpoint, "amqps")?;
        }
        #[cfg(not(feature = "tls"))]
        CertificateFiles::from_url(endpoint, false, "the scheme with TLS is `amqps`")?;
        let hosts = endpoint.hosts_with(port)?;
        let address = endpoint.segments().collect::<Vec<_>>().join("/");
        if address.is_empty() {
            return Err(endpoint.invalid("the address is missing, which is the path"));
        }
        let given = |name: &str| endpoint.option(name).map(str::to_owned);
        let (user, password) = (endpoint.user(), endpoint.password());
        let said = match (endpoint.option("sasl"), user, password) {
            (None | Some("plain"), Some(user), password) => {
                let password = password.cloned().unwrap_or_else(|| Secret::new(""));
                Some(Sasl::Plain { user: user.clone(), password })
            }
            (None, None, _) => None,
            (Some("plain"), None, _) => return Err(endpoint.invalid("`sasl=plain` needs a user")),
            (Some("cbs"), Some(user), Some(key)) => {
                options.tokens = Some(Arc::new(super::SasPolicy::new(user.expose(), key.expose())));
                Some(Sasl::Anonymous)
            }
            (Some("cbs"), ..) if options.tokens.is_none() => {
                return Err(endpoint.invalid("`sasl=cbs` needs the name of a policy and its key"));
            }
            (Some("anonymous" | "cbs"), ..) => Some(Sasl::Anonymous),
            (Some("external"), ..) => Some(Sasl::External),
            (Some(_), ..) => {
                return Err(endpoint.invalid("`sasl` is not `plain`, `anonymous`, `external` or `cbs`"));
            }
        };
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        let name = given("name").or_else(|| options.name.clone());
        if let Some(time) = endpoint.duration("keep-alive")? {
            options.idle_timeout = time.saturating_mul(2);
        }
        options.hostname = given("hostname").or(options.hostname);
        Ok(Self {
            tls,
            hosts,
            address,
            name: name.unwrap_or_else(|| format!("cloudevents-{}", random())),
            sasl: said.or_else(|| options.sasl.clone()).unwrap_or(Sasl::Anonymous),
            addresses: Addresses::default(),
            options,
        })
    }
}

impl Target {
    /// Returns another address of the same broker.
    pub(super) fn at(&self, address: &str) -> Self {
        Self { address: address.to_owned(), ..self.clone() }
    }
}

/// Shows the target in logs, without user and password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "amqps://" } else { "amqp://" })?;
        for (index, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        write!(f, "/{}", self.address)
    }
}

/// Returns a unique name, which is not secret.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, AmqpConnection::default(), Side::Both)
    }

    #[test]
    fn what_a_url_says() {
        let at = target(
            "amqp://al%40ice:s%2Fp@one:7,[::1]//queue/a%20b?name=c&keep-alive=10s&hostname=vhost:v&mode=x",
        )
        .unwrap();
        assert_eq!((at.address.as_str(), at.name.as_str(), at.tls), ("/queue/a b", "c", false));
        assert_eq!(at.to_string(), "amqp://one:7,[::1]:5672//queue/a b");
        assert_eq!(at.options.hostname.as_deref(), Some("vhost:v"));
        assert_eq!(at.options.idle_timeout, Duration::from_secs(20));
        let Sasl::Plain { user, password } = &at.sasl else { panic!("{:?}", at.sasl) };
        assert_eq!((user.expose(), password.expose()), ("al@ice", "s/p"));
        assert!(!format!("{at:?} {at}").contains("s/p"));
        assert!(matches!(target("amqp://h/q").unwrap().sasl, Sasl::Anonymous));
        assert!(matches!(target("amqp://u:p@h/q?sasl=anonymous").unwrap().sasl, Sasl::Anonymous));
        assert!(matches!(target("amqp://h/q?sasl=external").unwrap().sasl, Sasl::External));
        assert!(target("amqp://policy:key@h/q?sasl=cbs").unwrap().options.tokens.is_some());
    }

    #[test]
    fn the_url_goes_before_the_options() {
        let with = |url: &str| {
            let mut options = AmqpConnection::default();
            (options.name, options.sasl) = (Some("options".into()), Some(Sasl::External));
            Target::new(&Endpoint::parse(url).unwrap(), options, Side::Both).unwrap()
        };
        assert!(matches!(with("amqp://h/q").sasl, Sasl::External));
        assert!(matches!(with("amqp://u:p@h/q").sasl, Sasl::Plain { .. }));
        assert!(matches!(with("amqp://h/q?sasl=anonymous").sasl, Sasl::Anonymous));
        assert_eq!(with("amqp://h/q").name, "options");
        assert_eq!(with("amqp://h/q?name=url").name, "url");
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "amqp:///q",
            "amqp://h",
            "amqp://h/",
            "http://h/q",
            "amqp://h/q?sasl=plain",
            "amqp://h/q?sasl=cbs",
            "amqp://u@h/q?sasl=cbs",
            "amqp://h/q?sasl=kerberos",
            "amqp://h/q?moed=x",
        ] {
            assert_eq!(target(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
    }
}
