//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "pgmq",
    families: &[UrlFamily {
        form: "postgres://HOST/DATABASE, postgresql://HOST/DATABASE (queues of Postgres: pgmq)",
        schemes: &[Scheme::plain("postgres", 5432), Scheme::plain("postgresql", 5432)],
        options: &[
            UrlOption::both("queue", "the name of the queue"),
            UrlOption::receiving("outbox", "a target of an outbox, in place of a queue"),
            UrlOption::sending("mode", "structured: the only one"),
            UrlOption::sending("format", "json: the only one"),
            UrlOption::sending("timeout", "how long the server may take to confirm a message"),
            UrlOption::both("max-message-size", "in bytes"),
            UrlOption::receiving("lock", "how long a message is hidden from others without a renewal"),
            UrlOption::receiving("poll", "how soon an empty queue is asked again"),
            UrlOption::receiving("groups", "true: messages of a group keep their order"),
            UrlOption::receiving("archive", "true: accepted messages are archived, and not deleted"),
            UrlOption::receiving("dead-letter", "the queue for rejected messages"),
            UrlOption::receiving(
                "reject",
                "broker: rejected messages are archived, or dead in the outbox; drop: they are dropped",
            ),
            UrlOption::receiving("prefetch", "the messages that may wait for the program"),
            UrlOption::both("sslmode", "disable (default), verify-full"),
            UrlOption::CONNECT_TIMEOUT,
            UrlOption::CA,
            UrlOption::CERT,
            UrlOption::CERT_KEY,
        ],
        has_broker: true,
        is_structured: true,
        has_keys: true,
    }],
    tls: true,
};
