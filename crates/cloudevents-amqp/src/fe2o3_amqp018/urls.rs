//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "amqp",
    families: &[UrlFamily {
        form: "amqp://HOST/ADDRESS, amqps://HOST/ADDRESS (AMQP 1.0)",
        schemes: &[Scheme::plain("amqp", 5672), Scheme::with_tls("amqps", 5671)],
        options: &[
            UrlOption::MODE,
            UrlOption::FORMAT,
            UrlOption::sending("separator", "of attributes in names: underscore (default), colon"),
            UrlOption::sending("timeout", "how long the broker may take to accept a message"),
            UrlOption::sending("strings", "true: numbers and times as text; times: no numbers, for JMS"),
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
        has_keys: true,
    }],
    tls: cfg!(feature = "tls"),
};
