//! Which topic or subscription, and how to connect.

use super::{Login, urls::URLS};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Endpoint, Host, Side,
    binding::{connect::Backoff, http_hosts, in_time},
};
use std::{
    env,
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

/// The server, unless the options name another one.
const SERVER: &str = "https://pubsub.googleapis.com";

/// The variable in which Google's own clients find an emulator: `localhost:8085`.
const EMULATOR: &str = "PUBSUB_EMULATOR_HOST";

/// The longest name of a topic or a subscription.
const LONGEST_NAME: usize = 255;

const FORM: &str = "write `pubsub://PROJECT/TOPIC` to send and `pubsub://PROJECT/SUBSCRIPTION` to receive, such as `pubsub://my-project/orders`";

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_pubsub::reqwest013::{Login, PubsubConnection};
///
/// let mut connection = PubsubConnection::default();
/// connection.login = Some(Login::token("ya29.s3cret"));
/// assert!(!format!("{connection:?}").contains("s3cret"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct PubsubConnection {
    /// The source of access tokens. Default: [`Login::of_environment`]. A server without TLS, such as an emulator, gets no token.
    pub login: Option<Login>,
    /// The URL of another server, such as an emulator or the server of a region (`https://europe-west1-pubsub.googleapis.com`); `endpoint`
    /// in a URL. Default: the emulator that `PUBSUB_EMULATOR_HOST` names, or `https://pubsub.googleapis.com`.
    pub endpoint: Option<String>,
    /// How long opening a connection may take; `connect-timeout` in a URL. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon a receiver makes another request after requests have failed, and for how long it does so after a refusal: see [`Backoff`].
    /// A sender makes no request again.
    pub backoff: Backoff,
    /// A client of reqwest, such as one with a proxy or authorities of its own. It follows no redirects. Default: a client of its own, for
    /// which the program turns on one of reqwest's TLS features.
    pub client: Option<reqwest::Client>,
}

impl Default for PubsubConnection {
    fn default() -> Self {
        Self {
            login: None,
            endpoint: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            client: None,
        }
    }
}

/// Shows no headers of a client.
impl fmt::Debug for PubsubConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubsubConnection")
            .field("login", &self.login)
            .field("endpoint", &self.endpoint)
            .field("connect_timeout", &self.connect_timeout)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}

/// A topic or a subscription, and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) project: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) connection: PubsubConnection,
    /// The URL of the server, without a slash at its end.
    pub(super) server: Arc<str>,
}

impl Target {
    /// Reads the URL; the options apply where it sets nothing. `side` is who reads it.
    pub(super) fn new(endpoint: &Endpoint, connection: PubsubConnection, side: Side) -> Result<Self, Error> {
        Self::with_emulator(endpoint, connection, side, env::var(EMULATOR).ok())
    }

    fn with_emulator(
        endpoint: &Endpoint,
        mut connection: PubsubConnection,
        side: Side,
        emulator: Option<String>,
    ) -> Result<Self, Error> {
        let _ = URLS.check(endpoint, side)?;
        if endpoint.user().is_some() || endpoint.password().is_some() {
            return Err(endpoint.invalid("there are credentials in the URL").with_help(
                "they are read from the environment (`GOOGLE_APPLICATION_CREDENTIALS` and others), or from the machine",
            ));
        }
        let project = endpoint.host()?;
        if project.port().is_some() || endpoint.hosts().len() != 1 || !is_project(project.name()) {
            return Err(endpoint.invalid("the host is not the id of a project").with_help(FORM));
        }
        let path: Vec<_> = endpoint.segments().filter(|part| !part.is_empty()).collect();
        let name = match &path[..] {
            [name] if is_name(name) => Arc::from(&**name),
            _ => {
                return Err(endpoint
                    .invalid("the path is not the name of a topic or a subscription")
                    .with_help(FORM));
            }
        };
        connection.connect_timeout =
            endpoint.duration("connect-timeout")?.unwrap_or(connection.connect_timeout);
        let named = endpoint.option("endpoint").map(str::to_owned).or_else(|| connection.endpoint.take());
        let server = match (named, emulator.filter(|host| !host.is_empty())) {
            (Some(server), _) => server,
            (None, Some(host)) => format!("http://{host}"),
            (None, None) => SERVER.to_owned(),
        };
        if http_hosts(&server).is_err() {
            return Err(endpoint.invalid("the option `endpoint` is not the URL of a server"));
        }
        let server: Arc<str> = server.trim_end_matches('/').into();
        let has_tls = server.starts_with("https:");
        if connection.login.is_some() && !has_tls {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("a login is not sent to a server without TLS")
                .with_help("leave the login out: an emulator needs none"));
        }
        Ok(Self { project: project.name().into(), name, connection, server })
    }

    /// Another topic of the same project and server.
    pub(super) fn at(&self, name: &str) -> Self {
        Self { name: name.into(), ..self.clone() }
    }

    /// The name of the topic, as the path of the API has it.
    pub(super) fn topic(&self) -> String {
        format!("projects/{}/topics/{}", self.project, escaped(&self.name))
    }

    /// The name of the subscription, as the path of the API has it.
    pub(super) fn subscription(&self) -> String {
        format!("projects/{}/subscriptions/{}", self.project, escaped(&self.name))
    }

    /// Where requests go.
    pub(super) fn hosts(&self) -> Result<Vec<Host>, Error> {
        http_hosts(&self.server)
    }

    /// How soon requests are made again.
    pub(super) fn backoff(&self) -> Backoff {
        self.connection.backoff.with_per_host(self.connection.connect_timeout)
    }

    /// Waits for the first answer, as long as connecting may take.
    pub(super) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        in_time("Pub/Sub", self.connection.connect_timeout, answer).await
    }
}

/// Whether this can be the name of a topic or a subscription: it begins with a letter, and has letters, digits and `-._~+%`.
///
/// <https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names> has the rule. Of those that begin with `goog`, users create none.
pub(super) fn is_name(name: &str) -> bool {
    (3..=LONGEST_NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+%".contains(&byte))
}

/// Ids of projects have lower-case letters, digits and hyphens. Endpoints of tests have others, too.
fn is_project(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A name as a part of a path. Of its characters, the percent sign and the plus sign have other meanings in URLs.
fn escaped(name: &str) -> String {
    name.chars().fold(String::with_capacity(name.len()), |mut all, one| {
        match one {
            '%' | '+' => {
                let _ = write!(all, "%{:02X}", u32::from(one));
            }
            _ => all.push(one),
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, Error> {
        Target::with_emulator(&Endpoint::parse(url)?, PubsubConnection::default(), Side::Both, None)
    }

    #[test]
    fn what_a_url_says() {
        let at = target("pubsub://my-project/orders?lock=1m&connect-timeout=3s").unwrap();
        assert_eq!((&*at.project, &*at.name), ("my-project", "orders"));
        assert_eq!(at.connection.connect_timeout.as_secs(), 3);
        assert_eq!(at.topic(), "projects/my-project/topics/orders");
        assert_eq!(at.at("others").subscription(), "projects/my-project/subscriptions/others");
        assert_eq!(at.hosts().unwrap()[0].to_string(), "pubsub.googleapis.com:443");
        let at = target("pubsub://p1/a%25b%2Bc~d?endpoint=http://127.0.0.1:8085/").unwrap();
        assert_eq!(at.topic(), "projects/p1/topics/a%25b%2Bc~d");
        assert_eq!((&*at.server, &*at.name), ("http://127.0.0.1:8085", "a%b+c~d"));
    }

    /// The option takes precedence over the variable of Google's clients, and a login goes over TLS alone.
    #[test]
    fn emulators() {
        let target = |query: &str, connection: PubsubConnection| {
            let endpoint = Endpoint::parse(&format!("pubsub://p1/orders{query}")).unwrap();
            Target::with_emulator(&endpoint, connection, Side::Send, Some("localhost:8085".into()))
        };
        assert_eq!(&*target("", PubsubConnection::default()).unwrap().server, "http://localhost:8085");
        let other = "https://europe-west1-pubsub.googleapis.com";
        let named = target(&format!("?endpoint={other}"), PubsubConnection::default());
        assert_eq!(&*named.unwrap().server, other);
        let login = Some(Login::token("t0ken"));
        let error = target("", PubsubConnection { login, ..PubsubConnection::default() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(!format!("{error:?}").contains("t0ken"));
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "pubsub://my-project/",
            "pubsub://my-project/or",
            "pubsub://my-project/1orders",
            "pubsub://my-project/or%20ders",
            "pubsub://my-project/orders/2",
            "pubsub://my-project/topics/orders",
            "pubsub://pubsub.googleapis.com/orders",
            "pubsub://my-project:443/orders",
            "pubsub://one,other/orders",
            "pubsub:///orders",
            "http://my-project/orders",
            "pubsub://key:secret@my-project/orders",
            "pubsub://my-project/orders?strem=x",
            "pubsub://my-project/orders?endpoint=localhost",
            "pubsub://my-project/orders?endpoint=ftp://localhost",
        ] {
            let error = target(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
            assert!(!format!("{error:?}{error}").contains("secret"), "{error}");
        }
    }
}
