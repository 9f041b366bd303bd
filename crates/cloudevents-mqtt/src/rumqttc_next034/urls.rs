//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "mqtt",
    families: &[UrlFamily {
        form: "mqtt://HOST/TOPIC, mqtts://HOST/TOPIC",
        schemes: &[Scheme::plain("mqtt", 1883), Scheme::with_tls("mqtts", 8883)],
        options: &[
            UrlOption::both("version", "5 (default), 3.1.1"),
            UrlOption::both("client", "the client identifier, under which a session is kept"),
            UrlOption::both("keep-alive", "how long the broker may be silent"),
            UrlOption::both("qos", "0, 1 (default), 2"),
            UrlOption::MODE,
            UrlOption::FORMAT,
            UrlOption::sending("timeout", "how long the broker may take to confirm a message"),
            UrlOption::sending("retain", "true: the broker keeps the last message of each topic"),
            UrlOption::sending("prefix", "ce-: the prefix of attributes that some peers expect"),
            UrlOption::sending("expiry", "how long the broker keeps what is not delivered"),
            UrlOption::receiving("dead-letter", "the topic for rejected messages"),
            UrlOption::receiving("reject", "drop: rejected messages are dropped"),
            UrlOption::receiving("session", "how long the broker keeps the session"),
            UrlOption::receiving("prefetch", "the most unacknowledged messages, the Receive Maximum"),
            UrlOption::CONNECT_TIMEOUT,
            UrlOption::CA,
            UrlOption::CERT,
            UrlOption::CERT_KEY,
        ],
        has_broker: false,
        is_structured: false,
        has_keys: false,
    }],
    tls: cfg!(feature = "tls"),
};
