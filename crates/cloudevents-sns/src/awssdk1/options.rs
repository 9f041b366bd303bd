//! Which topic, and how to connect.

use super::{SnsConnection, urls::URLS};
use cloudevents_aws::{Server, is_name};
use cloudevents_core::Error;
use cloudevents_transport::{Endpoint, Side};
use std::sync::Arc;

/// Which topic, and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) server: Server,
    account: Arc<str>,
    pub(super) topic: Arc<str>,
}

impl Target {
    /// Reads the URL; the options apply where it sets nothing.
    pub(super) fn new(endpoint: &Endpoint, options: SnsConnection) -> Result<Self, Error> {
        let server = Server::new(&URLS, endpoint, options, Side::Send, HOST)?;
        let (account, topic) = server.place(endpoint, "a topic", is_topic)?;
        Ok(Self { server, account, topic })
    }

    /// Whether messages of a group keep their order.
    pub(super) fn is_fifo(&self) -> bool {
        self.topic.ends_with(".fifo")
    }

    /// How SNS names the topic.
    pub(super) fn arn(&self) -> String {
        self.server.arn(&self.account, &self.topic)
    }
}

/// The first part of the name of SNS's host, and the form of its URLs.
const HOST: (&str, &str) =
    ("sns", "write `sns://REGION/ACCOUNT/TOPIC`, such as `sns://eu-central-1/123456789012/orders`");

/// Whether this can be the name of a topic: at most 256 letters, digits, hyphens and underscores, and `.fifo` where there is an order.
fn is_topic(name: &str) -> bool {
    name.len() <= 256 && is_name(name.strip_suffix(".fifo").unwrap_or(name), "-_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, SnsConnection::default())
    }

    #[test]
    fn what_a_url_says() {
        let at = target("sns://eu-central-1/123456789012/orders.fifo").unwrap();
        assert_eq!(
            (at.arn().as_str(), at.is_fifo()),
            ("arn:aws:sns:eu-central-1:123456789012:orders.fifo", true)
        );
        assert_eq!(at.server.url(), "https://sns.eu-central-1.amazonaws.com");
        let at = target("sns://cn-north-1/1/q?endpoint=http://127.0.0.1:5000/").unwrap();
        assert_eq!((at.arn().as_str(), at.is_fifo()), ("arn:aws-cn:sns:cn-north-1:1:q", false));
        assert_eq!(at.server.url(), "http://127.0.0.1:5000");
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "sns://eu-central-1/orders",
            "sns://eu-central-1/shop/orders",
            "sns://eu-central-1/1/or.ders",
            "sns://eu-central-1:443/1/orders",
            "sqs://eu-central-1/1/orders",
            "sns://key:secret@eu-central-1/1/orders",
            "sns://eu-central-1/1/orders?lock=1m",
            "sns://eu-central-1/1/orders?endpoint=localhost",
        ] {
            let error = target(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
            assert!(!format!("{error:?}{error}").contains("secret"), "{error}");
        }
    }
}
