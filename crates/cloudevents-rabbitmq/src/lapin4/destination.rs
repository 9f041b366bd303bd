//! The destination of messages: an exchange and a routing key.

use super::options::short;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, binding::percent_decoded};
use lapin::types::ShortString;
use std::fmt;

/// An exchange and a routing key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Destination {
    /// Empty for the default exchange, whose routing keys are queues.
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
}

impl Destination {
    pub(super) fn new(exchange: &str, routing_key: &str) -> Result<Self, Error> {
        let (exchange, routing_key) =
            (short("the exchange", exchange)?, short("the routing key", routing_key)?);
        Ok(Self { exchange, routing_key })
    }

    /// The queue of this name.
    pub(super) fn queue(name: &str) -> Result<Self, Error> {
        Ok(Self { exchange: ShortString::default(), routing_key: short("the name of the queue", name)? })
    }

    /// Reads an address: `/queues/QUEUE`, `/exchanges/EXCHANGE/ROUTING-KEY` or `/exchanges/EXCHANGE`, with
    /// percent-encoded parts, as RabbitMQ 4 has them for AMQP 1.0. Anything else is a routing key at this
    /// exchange.
    pub(super) fn parse(text: &str, exchange: &ShortString) -> Result<Self, Error> {
        let Some(address) = text.strip_prefix('/') else {
            return Ok(Self { exchange: exchange.clone(), routing_key: short("the routing key", text)? });
        };
        let parts: Option<Vec<Box<str>>> = address.split('/').map(percent_decoded).collect();
        match parts.as_deref() {
            Some([kind, queue]) if &**kind == "queues" && !queue.is_empty() => Self::queue(queue),
            Some([kind, exchange]) if &**kind == "exchanges" && !exchange.is_empty() => {
                Self::new(exchange, "")
            }
            Some([kind, exchange, key]) if &**kind == "exchanges" && !exchange.is_empty() => {
                Self::new(exchange, key)
            }
            _ => Err(Error::new(ErrorKind::InvalidString)
                .with_detail(format!("`{}` is not an address", text.escape_debug()))
                .with_help("write `/queues/QUEUE`, `/exchanges/EXCHANGE/ROUTING-KEY`, or a routing key")),
        }
    }
}

/// Shows the address.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exchange.as_str(), self.routing_key.as_str()) {
            ("", queue) => write!(f, "/queues/{}", Encoded(queue)),
            (exchange, "") => write!(f, "/exchanges/{}", Encoded(exchange)),
            (exchange, key) => write!(f, "/exchanges/{}/{}", Encoded(exchange), Encoded(key)),
        }
    }
}

struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    fmt::Write::write_char(f, char::from(byte))?;
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// A destination that the URL names. A mistake in it is a mistake of the URL.
pub(super) fn in_url<T>(endpoint: &Endpoint, named: Result<T, Error>) -> Result<T, Error> {
    named.map_err(|error| match error.help() {
        Some(help) => endpoint.invalid(error.detail()).with_help(help.to_owned()),
        None => endpoint.invalid(error.detail()),
    })
}

/// The error for a destination that the broker does not have.
#[cold]
pub(super) fn no_exchange(destination: &Destination, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Refused => error.with_help(format!("declare the exchange of `{destination}` first")),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let own = ShortString::from("own");
        for (text, exchange, routing_key) in [
            ("orders.eu", "own", "orders.eu"),
            ("", "own", ""),
            ("a/b", "own", "a/b"),
            ("/queues/orders", "", "orders"),
            ("/queues/a%2Fb%20c", "", "a/b c"),
            ("/exchanges/e", "e", ""),
            ("/exchanges/e/", "e", ""),
            ("/exchanges/e/k.%23", "e", "k.#"),
        ] {
            let found = Destination::parse(text, &own).unwrap();
            assert_eq!(
                (found.exchange.as_str(), found.routing_key.as_str()),
                (exchange, routing_key),
                "{text}"
            );
            let again = Destination::parse(&found.to_string(), &own).unwrap();
            assert_eq!(again, found, "{found}");
        }
        for text in [
            "/",
            "/queue/x",
            "/queues/",
            "/queues/a/b",
            "/exchanges//k",
            "/exchanges/a/b/c",
            "/queues/%zz",
            "/queues/%ff",
        ] {
            assert!(Destination::parse(text, &own).is_err(), "{text}");
        }
        assert!(Destination::parse(&"k".repeat(256), &own).is_err());
    }

    /// AMQP 0.9.1 has a length of one byte before each name (section 4.2.5.3, short strings). Bytes count, not characters.
    #[test]
    fn names_have_255_bytes_at_most_and_are_never_cut() {
        let own = ShortString::from("own");
        let of = |name: &str| {
            let whole = [Destination::queue(name), Destination::new("e", name), Destination::new(name, "k")];
            let addresses =
                ["", "/queues/", "/exchanges/e/", "/exchanges/"].map(|place| format!("{place}{name}"));
            whole.into_iter().chain(addresses.map(|address| Destination::parse(&address, &own)))
        };
        for name in ["q".repeat(255), "\u{e9}".repeat(127)] {
            for found in of(&name).map(Result::unwrap) {
                assert!([found.exchange.as_str(), found.routing_key.as_str()].contains(&name.as_str()));
            }
        }
        for name in ["q".repeat(256), "\u{e9}".repeat(128)] {
            let refused: Vec<_> = of(&name).map(Result::unwrap_err).collect();
            assert_eq!(refused.len(), 7);
            for error in refused {
                assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
                assert!(error.detail().ends_with("has 256 bytes, and AMQP 0.9.1 allows 255"), "{error}");
            }
        }
    }
}
