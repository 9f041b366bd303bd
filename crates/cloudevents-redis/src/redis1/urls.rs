//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "redis",
    families: &[UrlFamily {
        form: "redis://HOST/DATABASE, rediss://HOST/DATABASE (Redis Streams)",
        schemes: &[Scheme::plain("redis", 6379), Scheme::with_tls("rediss", 6379)],
        options: &[
            UrlOption::both("stream", "the key of the stream"),
            UrlOption::sending("mode", "structured (default), binary"),
            UrlOption::FORMAT,
            UrlOption::sending("maxlen", "about so many entries stay in the stream; older ones are trimmed"),
            UrlOption::sending("timeout", "how long the server may take to confirm a message"),
            UrlOption::receiving(
                "group",
                "the consumer group, made if there is none; cloudevents by default",
            ),
            UrlOption::receiving("consumer", "the name of the consumer, random by default"),
            UrlOption::receiving("lock", "how long an entry is a receiver's without a renewal"),
            UrlOption::receiving("dead-letter", "the stream for rejected messages"),
            UrlOption::receiving("reject", "drop: rejected messages are dropped"),
            UrlOption::receiving("prefetch", "the messages that may wait for the program"),
            UrlOption::both("max-message-size", "in bytes"),
            UrlOption::both("keep-alive", "how long a connection may be silent before it is tested"),
            UrlOption::CONNECT_TIMEOUT,
            UrlOption::CA,
            UrlOption::CERT,
            UrlOption::CERT_KEY,
        ],
        has_broker: false,
        is_structured: true,
        has_keys: false,
    }],
    tls: true,
};
