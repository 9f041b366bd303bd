//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "rabbitmq",
    families: &[UrlFamily {
        form: "rabbitmq://HOST/VHOST, rabbitmqs://HOST/VHOST (AMQP 0.9.1)",
        schemes: &[Scheme::plain("rabbitmq", 5672), Scheme::with_tls("rabbitmqs", 5671)],
        options: &[
            UrlOption::both("queue", "the queue"),
            UrlOption::sending("exchange", "the exchange to send to, instead of a queue"),
            UrlOption::sending("routing-key", "its routing key: orders.{type}"),
            UrlOption::MODE,
            UrlOption::FORMAT,
            UrlOption::sending("timeout", "how long the broker may take to confirm a message"),
            UrlOption::sending("mandatory", "false: what no queue gets is no error"),
            UrlOption::both("declare", "quorum, classic: the queue is made if there is none"),
            UrlOption::receiving("dead-letter", "the queue for rejected messages"),
            UrlOption::receiving("reject", "broker (as the queue is configured), drop"),
            UrlOption::receiving("prefetch", "the most unsettled messages that the broker sends"),
            UrlOption::receiving("wait", "where retried messages wait: quorum (default), classic, none"),
            UrlOption::both("max-message-size", "in bytes"),
            UrlOption::both("sasl", "plain (default), external"),
            UrlOption::both("name", "the name of the connection, random by default"),
            UrlOption::both("keep-alive", "the interval of heartbeats"),
            UrlOption::CONNECT_TIMEOUT,
            UrlOption::CA,
            UrlOption::CERT,
            UrlOption::CERT_KEY,
        ],
        has_broker: true,
        is_structured: false,
        has_keys: false,
    }],
    tls: cfg!(feature = "tls"),
};
