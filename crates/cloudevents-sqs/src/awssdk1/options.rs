//! Options of the connection, and how a URL sets them.

use super::urls::URLS;
use cloudevents_core::Error;
use cloudevents_transport::{Endpoint, Host, Secret, Side, binding::connect::Backoff};
use std::{sync::Arc, time::Duration};

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_sqs::awssdk1::{Login, SqsConnection};
///
/// let mut connection = SqsConnection::default();
/// connection.login = Some(Login::new("AKIAIOSFODNN7EXAMPLE", "s3cret"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqsConnection {
    /// The credentials. Default: the credentials that the chain of AWS finds in the environment, in the files of the profile, by a web
    /// identity, or from the container or the machine. They are renewed as they expire.
    pub login: Option<Login>,
    /// The URL of another server than that of the region, such as an emulator, or an endpoint of a private network; `endpoint` in a URL.
    /// Default: the endpoint of the environment or the profile (`AWS_ENDPOINT_URL_SQS`), or the region's.
    pub endpoint: Option<String>,
    /// How long opening a connection may take; `connect-timeout` in a URL. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon a receiver makes another request after requests have failed, and for how long it does so after a refusal: see [`Backoff`].
    pub backoff: Backoff,
}

impl Default for SqsConnection {
    fn default() -> Self {
        Self {
            login: None,
            endpoint: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
        }
    }
}

/// Credentials of AWS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The id of the access key.
    pub access_key_id: Secret,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The token of a session, if they are temporary.
    pub session_token: Option<Secret>,
}

impl Login {
    /// A key without a session.
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            access_key_id: Secret::new(access_key_id),
            secret_access_key: Secret::new(secret_access_key),
            session_token: None,
        }
    }

    /// Returns a copy with the token of a session.
    pub fn with_session(mut self, token: &str) -> Self {
        self.session_token = Some(Secret::new(token));
        self
    }
}

/// Which queue, and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) region: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) queue: Arc<str>,
    pub(super) options: SqsConnection,
}

impl Target {
    /// Reads the URL; the options apply where it sets nothing. `side` is who reads it.
    pub(super) fn new(endpoint: &Endpoint, options: SqsConnection, side: Side) -> Result<Self, Error> {
        URLS.check(endpoint, side)?;
        let path: Vec<_> = endpoint.segments().filter(|part| !part.is_empty()).collect();
        let [account, queue] = &path[..] else {
            return Err(endpoint.invalid("the path is not that of a queue").with_help(FORM));
        };
        if !is_account(account) || !is_queue(queue) {
            return Err(endpoint.invalid("the path is not that of a queue").with_help(FORM));
        }
        Ok(Self::of_account(endpoint, options, account, side)?.at(queue))
    }

    /// The same for an account.
    pub(super) fn of_account(
        endpoint: &Endpoint,
        mut options: SqsConnection,
        account: &str,
        side: Side,
    ) -> Result<Self, Error> {
        URLS.check(endpoint, side)?;
        let host = endpoint.host()?;
        if host.port().is_some() || endpoint.hosts().len() != 1 || !is_name(host.name(), "-") {
            return Err(endpoint.invalid("the host is not the name of a region").with_help(FORM));
        }
        if endpoint.user().is_some() || endpoint.password().is_some() {
            return Err(endpoint.invalid("there are credentials in the URL").with_help(
                "they are read from the environment (`AWS_ACCESS_KEY_ID` and others), or from the files of a profile",
            ));
        }
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        options.endpoint = endpoint.option("endpoint").map(str::to_owned).or(options.endpoint);
        let target = Self { region: host.name().into(), account: account.into(), queue: "".into(), options };
        if let Some(url) = &target.options.endpoint {
            let is_url = Endpoint::parse(url).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.options().next().is_none()
                    && url.user().is_none()
            });
            if !is_url {
                return Err(endpoint.invalid("the option `endpoint` is not the URL of a server"));
            }
        }
        Ok(target)
    }

    /// Another queue of the same account and region.
    pub(super) fn at(&self, queue: &str) -> Self {
        Self { queue: queue.into(), ..self.clone() }
    }

    /// Whether messages of a group keep their order.
    pub(super) fn is_fifo(&self) -> bool {
        self.queue.ends_with(".fifo")
    }

    /// How SQS names the queue.
    pub(super) fn url(&self) -> String {
        let server = match &self.options.endpoint {
            Some(server) => server.trim_end_matches('/').to_owned(),
            None => format!("https://{}", self.host_name()),
        };
        format!("{server}/{}/{}", self.account, self.queue)
    }

    /// Where requests go, as far as the options say it.
    pub(super) fn hosts(&self) -> Result<Vec<Host>, Error> {
        let server = self.options.endpoint.clone().unwrap_or_else(|| format!("https://{}", self.host_name()));
        let server = Endpoint::parse(&server)?;
        server.hosts_with(if server.scheme() == "http" { 80 } else { 443 })
    }

    fn host_name(&self) -> String {
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("sqs.{}.{domain}", self.region)
    }

    pub(super) fn backoff(&self) -> Backoff {
        self.options.backoff.with_per_host(self.options.connect_timeout)
    }
}

const FORM: &str = "write `sqs://REGION/ACCOUNT/QUEUE`, such as `sqs://eu-central-1/123456789012/orders`";

/// Whether this can be the number of an account.
pub(super) fn is_account(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this can be the name of a queue: at most 80 letters, digits, hyphens and underscores, and `.fifo` where there is an order.
pub(super) fn is_queue(name: &str) -> bool {
    name.len() <= 80 && is_name(name.strip_suffix(".fifo").unwrap_or(name), "-_")
}

fn is_name(name: &str, others: &str) -> bool {
    !name.is_empty() && name.chars().all(|one| one.is_ascii_alphanumeric() || others.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, SqsConnection::default(), Side::Both)
    }

    #[test]
    fn what_a_url_says() {
        let at = target("sqs://eu-central-1/123456789012/orders.fifo?lock=1m&connect-timeout=3s").unwrap();
        assert_eq!((&*at.region, &*at.account, &*at.queue), ("eu-central-1", "123456789012", "orders.fifo"));
        assert_eq!((at.is_fifo(), at.options.connect_timeout.as_secs()), (true, 3));
        assert_eq!(at.url(), "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo");
        assert_eq!(at.hosts().unwrap()[0].to_string(), "sqs.eu-central-1.amazonaws.com:443");
        assert_eq!(at.at("x").url(), "https://sqs.eu-central-1.amazonaws.com/123456789012/x");
        let at = target("sqs://cn-north-1/1/q").unwrap();
        assert_eq!(at.url(), "https://sqs.cn-north-1.amazonaws.com.cn/1/q");
        let at = target("sqs://us-east-1/1/q?endpoint=http://127.0.0.1:5000/").unwrap();
        assert_eq!((at.url().as_str(), at.is_fifo()), ("http://127.0.0.1:5000/1/q", false));
        assert_eq!(at.hosts().unwrap()[0].to_string(), "127.0.0.1:5000");
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "sqs://eu-central-1/",
            "sqs://eu-central-1/orders",
            "sqs://eu-central-1/shop/orders",
            "sqs://eu-central-1/1/or%20ders",
            "sqs://eu-central-1/1/orders/2",
            "sqs://eu-central-1/1/.fifo",
            "sqs://sqs.eu-central-1.amazonaws.com/1/orders",
            "sqs://eu-central-1:443/1/orders",
            "sqs://eu-central-1,eu-west-1/1/orders",
            "sqs:///1/orders",
            "http://eu-central-1/1/orders",
            "sqs://key:secret@eu-central-1/1/orders",
            "sqs://eu-central-1/1/orders?strem=x",
            "sqs://eu-central-1/1/orders?endpoint=localhost",
            "sqs://eu-central-1/1/orders?endpoint=ftp://localhost",
        ] {
            let error = target(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
            assert!(!format!("{error:?}{error}").contains("secret"), "{error}");
        }
        let login = Some(Login::new("key", "s3cret").with_session("t0ken"));
        let options = SqsConnection { login, ..SqsConnection::default() };
        let shown = format!("{options:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }
}
