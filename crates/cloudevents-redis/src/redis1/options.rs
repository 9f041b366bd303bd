//! Options of the connection, and how a URL sets them.

use super::{Tls, urls::URLS};
use cloudevents_core::Error;
use cloudevents_transport::{
    Endpoint, Host, Logins, Scheme, Secret, Side,
    binding::connect::{Addresses, Backoff},
};
use std::{sync::Arc, time::Duration};

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_redis::redis1::{Login, RedisConnection};
///
/// let mut connection = RedisConnection::default();
/// connection.login = Some(Login::new("billing", "s3cret"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisConnection {
    /// The user and the password. Default: none.
    pub login: Option<Login>,
    /// A source of changing credentials, called before each connection. It takes precedence over [`login`](Self::login) and over the URL.
    /// Default: none.
    pub logins: Option<Arc<dyn Logins<Login>>>,
    /// How long opening a connection may take; `connect-timeout` in a URL. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon it connects again after a loss, and for how long a refused login is tried again: see [`Backoff`].
    pub backoff: Backoff,
    /// How long a connection may be silent before it is tested, and then again until it is lost; `keep-alive` in a URL. Default: 30
    /// seconds.
    pub keep_alive: Duration,
    /// Certificates for `rediss`; `ca`, `cert` and `cert-key` in a URL.
    pub tls: Tls,
}

impl Default for RedisConnection {
    fn default() -> Self {
        Self {
            login: None,
            logins: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            keep_alive: Duration::from_secs(30),
            tls: Tls::default(),
        }
    }
}

/// A user of the server, and a password.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The user; `None` for the one that the server has by default.
    pub user: Option<Secret>,
    /// The password.
    pub password: Secret,
}

impl Login {
    /// A user with a password. Without a name, it is the user that the server has by default.
    pub fn new(user: &str, password: &str) -> Self {
        let user = (!user.is_empty()).then(|| Secret::new(user));
        Self { user, password: Secret::new(password) }
    }
}

/// Where and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) hosts: Vec<Host>,
    pub(super) database: i64,
    pub(super) stream: Arc<str>,
    pub(super) max_message_size: usize,
    pub(super) addresses: Addresses,
    pub(super) options: RedisConnection,
}

impl Target {
    /// Reads the URL; the options apply where it sets nothing. `side` is who reads it.
    pub(super) fn new(
        endpoint: &Endpoint,
        options: RedisConnection,
        stream: Option<&str>,
        max_message_size: usize,
        side: Side,
    ) -> Result<Self, Error> {
        let server = Self::of_server(endpoint, options, max_message_size, side)?;
        let stream = endpoint.option("stream").or(stream).filter(|stream| !stream.is_empty());
        let stream = stream.ok_or_else(|| {
            endpoint.invalid("the option `stream` is missing").with_help("add `stream=<key>`")
        })?;
        Ok(server.at(stream))
    }

    /// The same for a URL that may be without a stream.
    pub(super) fn of_server(
        endpoint: &Endpoint,
        mut options: RedisConnection,
        max_message_size: usize,
        side: Side,
    ) -> Result<Self, Error> {
        let Scheme { tls, port, .. } = *URLS.check(endpoint, side)?;
        let hosts = endpoint.hosts_with(port)?;
        options.tls = options.tls.with_url(endpoint, "rediss")?;
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        options.keep_alive = endpoint.duration("keep-alive")?.unwrap_or(options.keep_alive);
        match (endpoint.user(), endpoint.password()) {
            (Some(user), Some(password)) => {
                options.login = Some(Login::new(user.expose(), password.expose()));
            }
            (None, None) => {}
            _ => return Err(endpoint.invalid("there is a user without a password")),
        }
        let path: Vec<_> = endpoint.segments().filter(|part| !part.is_empty()).collect();
        let database = match &path[..] {
            [] => Some(0),
            [number] => number.parse::<u32>().ok().map(i64::from),
            _ => None,
        };
        let database =
            database.ok_or_else(|| endpoint.invalid("the path is not the number of a database"))?;
        Ok(Self {
            tls,
            hosts,
            database,
            stream: "".into(),
            max_message_size: endpoint.number("max-message-size")?.unwrap_or(max_message_size),
            addresses: Addresses::default(),
            options,
        })
    }

    /// Another stream of the same server.
    pub(super) fn at(&self, stream: &str) -> Self {
        Self { stream: stream.into(), ..self.clone() }
    }

    pub(super) fn backoff(&self) -> Backoff {
        self.options.backoff.with_per_host(self.options.connect_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, RedisConnection::default(), None, 7, Side::Both)
    }

    #[test]
    fn what_a_url_says() {
        let at = target("rediss://al%40ice:s%2Fp@one:7,[::1]/3?stream=a%2Fb&keep-alive=9s&group=g").unwrap();
        assert_eq!((at.tls, at.database, &*at.stream, at.max_message_size), (true, 3, "a/b", 7));
        let hosts: Vec<_> = at.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(
            (hosts, at.options.keep_alive.as_secs()),
            (vec!["one:7".into(), "[::1]:6379".to_owned()], 9)
        );
        let login = at.options.login.as_ref().unwrap();
        assert_eq!((login.user.as_ref().unwrap().expose(), login.password.expose()), ("al@ice", "s/p"));
        assert!(!format!("{at:?}").contains("s/p"));
        let at = target("redis://:secret@h?stream=s&max-message-size=9").unwrap();
        assert!(at.options.login.unwrap().user.is_none());
        assert_eq!((at.database, at.max_message_size), (0, 9));
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "redis://h/",
            "redis://h/?stream=",
            "redis:///?stream=s",
            "http://h/?stream=s",
            "redis://h/x?stream=s",
            "redis://h/1/2?stream=s",
            "redis://h/-1?stream=s",
            "redis://user@h/?stream=s",
            "redis://h/?stream=s&strem=x",
            "redis://h/?stream=s&ca=/x",
        ] {
            assert_eq!(target(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
    }
}
