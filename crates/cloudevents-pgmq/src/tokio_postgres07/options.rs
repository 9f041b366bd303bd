//! Options of the connection, and how a URL sets them.

use super::{Tls, urls::URLS};
use cloudevents_core::Error;
use cloudevents_transport::{
    Endpoint, Host, Logins, Scheme, Secret, Side,
    binding::{
        Secrets,
        connect::{Addresses, Backoff, login},
    },
};
use std::{sync::Arc, time::Duration};
use tokio_postgres::Config;

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_pgmq::tokio_postgres07::{Login, PgmqConnection};
///
/// let mut connection = PgmqConnection::default();
/// connection.login = Some(Login::new("billing", "s3cret"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PgmqConnection {
    /// The user and the password. Required here or in the URL, or by [`logins`](Self::logins).
    pub login: Option<Login>,
    /// A source of changing credentials, called before each connection. It takes precedence over [`login`](Self::login) and over the URL.
    /// Default: none.
    pub logins: Option<Arc<dyn Logins<Login>>>,
    /// How long opening a connection may take; `connect-timeout` in a URL. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon it connects again after a loss, and for how long a refused login is tried again: see [`Backoff`].
    pub backoff: Backoff,
    /// How long the server may take for a statement that is not that of a sender, before the connection is lost. Default: 30 seconds.
    pub statement_timeout: Duration,
    /// Certificates for `sslmode=verify-full`; `ca`, `cert` and `cert-key` in a URL.
    pub tls: Tls,
}

impl Default for PgmqConnection {
    fn default() -> Self {
        Self {
            login: None,
            logins: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            statement_timeout: Duration::from_secs(30),
            tls: Tls::default(),
        }
    }
}

/// A user of the server, and a password.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The user.
    pub user: Secret,
    /// The password. `None` where the server requires none.
    pub password: Option<Secret>,
}

impl Login {
    /// A user with a password. An empty one is none.
    pub fn new(user: &str, password: &str) -> Self {
        let password = (!password.is_empty()).then(|| Secret::new(password));
        Self { user: Secret::new(user), password }
    }
}

/// Where and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) is_tls: bool,
    pub(super) hosts: Vec<Host>,
    pub(super) database: String,
    pub(super) queue: Arc<str>,
    /// The most bytes that the server may send at once: a row, or an error.
    pub(super) most_answer: usize,
    pub(super) addresses: Addresses,
    pub(super) options: PgmqConnection,
}

impl Target {
    /// Reads the URL; the options apply where it sets nothing. `side` is who reads it.
    pub(super) fn new(
        endpoint: &Endpoint,
        options: PgmqConnection,
        queue: Option<&str>,
        most_answer: usize,
        side: Side,
    ) -> Result<Self, Error> {
        let database = Self::of_database(endpoint, options, most_answer, side)?;
        let queue = endpoint.option("queue").or(queue).filter(|queue| !queue.is_empty());
        let queue = queue.ok_or_else(|| {
            endpoint.invalid("the option `queue` is missing").with_help("add `queue=<name>`")
        })?;
        if !is_queue(queue) {
            return Err(endpoint.invalid("the option `queue` is not the name of a queue"));
        }
        Ok(database.at(queue))
    }

    /// The same for a URL that may be without a queue.
    pub(super) fn of_database(
        endpoint: &Endpoint,
        mut options: PgmqConnection,
        most_answer: usize,
        side: Side,
    ) -> Result<Self, Error> {
        let Scheme { port, .. } = *URLS.check(endpoint, side)?;
        let hosts = endpoint.hosts_with(port)?;
        let is_tls = match endpoint.option("sslmode") {
            None | Some("disable") => false,
            Some("verify-full") => true,
            Some(_) => {
                return Err(endpoint
                    .invalid("the option `sslmode` is neither `disable` nor `verify-full`")
                    .with_help("other modes do not verify who the server is"));
            }
        };
        options.tls = options.tls.with_files(endpoint, is_tls, "add `sslmode=verify-full` for TLS")?;
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        if let Some(user) = endpoint.user() {
            let password = endpoint.password().map_or("", Secret::expose);
            options.login = Some(Login::new(user.expose(), password));
        }
        if options.login.as_ref().is_none_or(|login| login.user.expose().is_empty())
            && options.logins.is_none()
        {
            return Err(endpoint
                .invalid("there is no user")
                .with_help("write `postgres://USER:PASSWORD@HOST/DATABASE`"));
        }
        let path: Vec<_> = endpoint.segments().filter(|part| !part.is_empty()).collect();
        let [database] = &path[..] else {
            return Err(endpoint.invalid("the path is not the name of a database"));
        };
        Ok(Self {
            is_tls,
            hosts,
            database: database.to_string(),
            queue: "".into(),
            most_answer,
            addresses: Addresses::default(),
            options,
        })
    }

    /// The configuration of the client, without hosts, and the credentials that it has. A login that the program provides is requested.
    pub(super) async fn config(&self) -> Result<(Config, Secrets), Error> {
        let (mut config, mut secrets) = (Config::new(), Secrets::default());
        config.dbname(&self.database).application_name("cloudevents");
        if let Some(login) = login(self.options.logins.as_ref(), self.options.login.as_ref()).await? {
            config.user(login.user.expose());
            if let Some(password) = &login.password {
                config.password(password.expose());
                secrets = secrets.with(password.expose());
            }
        }
        Ok((config, secrets))
    }

    /// Another queue of the same database.
    pub(super) fn at(&self, queue: &str) -> Self {
        Self { queue: queue.into(), ..self.clone() }
    }

    /// The table of the queue, as an identifier of SQL.
    pub(super) fn table(&self) -> String {
        format!("pgmq.\"q_{}\"", self.table_name().replace('"', "\"\""))
    }

    /// The channel that is notified of messages, where the queue has that, as an identifier of SQL.
    pub(super) fn channel(&self) -> String {
        format!("\"pgmq.q_{}.INSERT\"", self.table_name().replace('"', "\"\""))
    }

    /// pgmq creates tables with names in lower case.
    fn table_name(&self) -> String {
        self.queue.to_lowercase()
    }

    pub(super) fn backoff(&self) -> Backoff {
        self.options.backoff.with_per_host(self.options.connect_timeout)
    }
}

/// Whether pgmq takes this name.
pub(super) fn is_queue(name: &str) -> bool {
    let is_taken = |one: char| !matches!(one, '$' | ';' | '\'') && !one.is_control();
    (1..=48).contains(&name.len()) && name.chars().all(is_taken) && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, PgmqConnection::default(), None, 1, Side::Both)
    }

    #[test]
    fn what_a_url_says() {
        let at = target("postgresql://al%40ice:s%2Fp@one:7,[::1]/shop?queue=Or%22ders&connect-timeout=9s")
            .unwrap();
        assert_eq!((at.is_tls, &*at.database, &*at.queue), (false, "shop", "Or\"ders"));
        assert_eq!(at.table(), "pgmq.\"q_or\"\"ders\"");
        assert_eq!(at.channel(), "\"pgmq.q_or\"\"ders.INSERT\"");
        let hosts: Vec<_> = at.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["one:7", "[::1]:5432"]);
        assert_eq!(at.options.connect_timeout.as_secs(), 9);
        let login = at.options.login.as_ref().unwrap();
        assert_eq!((login.user.expose(), login.password.as_ref().unwrap().expose()), ("al@ice", "s/p"));
        assert!(!format!("{at:?}").contains("s/p"));
        let at = target("postgres://ci@h/shop?queue=q&sslmode=verify-full").unwrap();
        assert!(at.is_tls && at.options.login.unwrap().password.is_none());
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "postgres://u@h/d",
            "postgres://u@h/d?queue=",
            "postgres://u@h/d?queue=a$b",
            "postgres://u@h/d?queue=a--b",
            "postgres://u@h/d?queue=a%00b",
            "postgres://h/d?queue=q",
            "postgres:///d?queue=q",
            "http://u@h/d?queue=q",
            "postgres://u@h/?queue=q",
            "postgres://u@h/d/e?queue=q",
            "postgres://u@h/d?queue=q&sslmode=prefer",
            "postgres://u@h/d?queue=q&queu=x",
            "postgres://u@h/d?queue=q&ca=/x",
        ] {
            assert_eq!(target(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
    }
}
