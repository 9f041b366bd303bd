//! Which queue, and how to connect.

use super::{SqsConnection, urls::URLS};
use cloudevents_aws::{Server, is_name};
use cloudevents_core::Error;
use cloudevents_transport::{Endpoint, Side};
use std::sync::Arc;

/// Which queue, and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) server: Server,
    pub(super) account: Arc<str>,
    pub(super) queue: Arc<str>,
}

impl Target {
    /// Reads the URL; the options apply where it sets nothing. `side` is who reads it.
    pub(super) fn new(endpoint: &Endpoint, options: SqsConnection, side: Side) -> Result<Self, Error> {
        let server = Server::new(&URLS, endpoint, options, side, HOST)?;
        let (account, queue) = server.place(endpoint, "a queue", is_queue)?;
        Ok(Self { server, account, queue })
    }

    /// The same for an account.
    pub(super) fn of_account(
        endpoint: &Endpoint,
        options: SqsConnection,
        account: &str,
        side: Side,
    ) -> Result<Self, Error> {
        let server = Server::new(&URLS, endpoint, options, side, HOST)?;
        Ok(Self { server, account: account.into(), queue: "".into() })
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
        format!("{}/{}/{}", self.server.url(), self.account, self.queue)
    }
}

/// The first part of the name of SQS's host, and the form of its URLs.
const HOST: (&str, &str) =
    ("sqs", "write `sqs://REGION/ACCOUNT/QUEUE`, such as `sqs://eu-central-1/123456789012/orders`");

/// Whether this can be the name of a queue: at most 80 letters, digits, hyphens and underscores, and `.fifo` where there is an order.
pub(super) fn is_queue(name: &str) -> bool {
    name.len() <= 80 && is_name(name.strip_suffix(".fifo").unwrap_or(name), "-_")
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
        assert_eq!(
            (&*at.server.region, &*at.account, &*at.queue),
            ("eu-central-1", "123456789012", "orders.fifo")
        );
        assert_eq!((at.is_fifo(), at.server.connection.connect_timeout.as_secs()), (true, 3));
        assert_eq!(at.url(), "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo");
        assert_eq!(at.server.hosts().unwrap()[0].to_string(), "sqs.eu-central-1.amazonaws.com:443");
        assert_eq!(at.at("x").url(), "https://sqs.eu-central-1.amazonaws.com/123456789012/x");
        let at = target("sqs://cn-north-1/1/q").unwrap();
        assert_eq!(at.url(), "https://sqs.cn-north-1.amazonaws.com.cn/1/q");
        let at = target("sqs://us-east-1/1/q?endpoint=http://127.0.0.1:5000/").unwrap();
        assert_eq!((at.url().as_str(), at.is_fifo()), ("http://127.0.0.1:5000/1/q", false));
        assert_eq!(at.server.hosts().unwrap()[0].to_string(), "127.0.0.1:5000");
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
    }
}
