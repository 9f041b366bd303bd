//! Which bus, and how to connect.

use super::{EventBridgeConnection, urls::URLS};
use cloudevents_aws::{Server, is_name};
use cloudevents_core::Error;
use cloudevents_transport::{Endpoint, Side};
use std::sync::Arc;

/// Which bus, and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) server: Server,
    account: Arc<str>,
    pub(super) bus: Arc<str>,
}

impl Target {
    /// Reads the URL; the options apply where it sets nothing.
    pub(super) fn new(endpoint: &Endpoint, options: EventBridgeConnection) -> Result<Self, Error> {
        let server = Server::new(&URLS, endpoint, options, Side::Send, HOST)?;
        let (account, bus) = server.place(endpoint, "a bus", is_bus)?;
        Ok(Self { server, account, bus })
    }

    /// How EventBridge names the bus.
    pub(super) fn arn(&self) -> String {
        self.server.arn(&self.account, &format!("event-bus/{}", self.bus))
    }
}

/// The first part of the name of EventBridge's host, and the form of its URLs.
const HOST: (&str, &str) = (
    "events",
    "write `eventbridge://REGION/ACCOUNT/BUS`, such as `eventbridge://eu-central-1/123456789012/orders`",
);

/// Whether this can be the name of a bus: at most 256 letters, digits, dots, hyphens and underscores.
fn is_bus(name: &str) -> bool {
    name.len() <= 256 && is_name(name, ".-_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, EventBridgeConnection::default())
    }

    #[test]
    fn what_a_url_says() {
        let at = target("eventbridge://eu-central-1/123456789012/orders").unwrap();
        assert_eq!(at.arn(), "arn:aws:events:eu-central-1:123456789012:event-bus/orders");
        assert_eq!(at.server.url(), "https://events.eu-central-1.amazonaws.com");
        let at = target("eventbridge://us-gov-west-1/1/default?endpoint=http://127.0.0.1:5000/").unwrap();
        assert_eq!(at.arn(), "arn:aws-us-gov:events:us-gov-west-1:1:event-bus/default");
        assert_eq!(at.server.url(), "http://127.0.0.1:5000");
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "eventbridge://eu-central-1/orders",
            "eventbridge://eu-central-1/shop/orders",
            "eventbridge://eu-central-1/1/or%20ders",
            "eventbridge://eu-central-1:443/1/orders",
            "sns://eu-central-1/1/orders",
            "eventbridge://key:secret@eu-central-1/1/orders",
            "eventbridge://eu-central-1/1/orders?lock=1m",
            "eventbridge://eu-central-1/1/orders?endpoint=localhost",
        ] {
            let error = target(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
            assert!(!format!("{error:?}{error}").contains("secret"), "{error}");
        }
    }
}
