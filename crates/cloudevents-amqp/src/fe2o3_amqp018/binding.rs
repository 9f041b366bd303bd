//! The binding as a value.

use super::{AmqpRefusal, receiver, sender};
use cloudevents_transport::{Binding, Scheme, UrlFamily, UrlOption};
use futures_util::FutureExt;
use std::error::Error as _;

/// AMQP 1.0, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    name: "amqp",
    families: &[UrlFamily {
        form: "amqp://HOST/ADDRESS, amqps://HOST/ADDRESS (AMQP 1.0)",
        schemes: &[Scheme::plain("amqp", 5672), Scheme::with_tls("amqps", 5671)],
        options: &[
            UrlOption::MODE,
            UrlOption::FORMAT,
            UrlOption::sending("separator", "of attributes in names: underscore (default), colon"),
            UrlOption::sending("timeout", "how long the broker may take to accept a message"),
            UrlOption::sending("strings", "true: numbers and times as text, for peers that read no others"),
            UrlOption::receiving("dead-letter", "the address for rejected messages"),
            UrlOption::receiving("reject", "broker: the broker handles them; drop"),
            UrlOption::receiving("prefetch", "the link credit, 256 by default"),
            UrlOption::receiving(
                "selector",
                "which messages the broker delivers: cloudEvents_type = 'placed'",
            ),
            UrlOption::receiving("lock", "the lock duration of Azure Service Bus, to renew locks"),
            UrlOption::both("sasl", "plain (default with a user), anonymous, external, cbs"),
            UrlOption::both("name", "the name of the client (container id), random by default"),
            UrlOption::both("keep-alive", "how long the broker may be silent"),
            UrlOption::both("hostname", "the host name of the connection, if not that of the URL"),
            UrlOption::CONNECT_TIMEOUT,
            UrlOption::CA,
            UrlOption::CERT,
            UrlOption::CERT_KEY,
        ],
        has_broker: true,
        is_structured: false,
    }],
    tls: cfg!(feature = "tls"),
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    is_temporary: |error| {
        let refusal = error.source().and_then(|source| source.downcast_ref::<AmqpRefusal>());
        refusal.is_some_and(AmqpRefusal::is_temporary)
    },
};
