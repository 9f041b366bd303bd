//! The binding as a value.

use super::{receiver, sender};
use cloudevents_transport::{Binding, Scheme, UrlFamily, UrlOption};
use futures_util::FutureExt;

/// NATS and JetStream, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    name: "nats",
    families: &[
        UrlFamily {
            form: "nats://HOST/SUBJECT, nats+tls://HOST/SUBJECT",
            schemes: &[Scheme::plain("nats", 4222), Scheme::with_tls("nats+tls", 4222)],
            options: &[
                UrlOption::MODE,
                UrlOption::FORMAT,
                UrlOption::sending("headers", "false: structured messages for old servers"),
                UrlOption::sending("timeout", "how long the server may take to confirm a message"),
                UrlOption::sending("raw", "true: header values without escapes, for peers that read none"),
                UrlOption::receiving("queue", "the queue group"),
                UrlOption::receiving("dead-letter", "the subject for rejected messages"),
                UrlOption::receiving("reject", "drop: rejected messages are dropped"),
                UrlOption::receiving("prefetch", "the messages that may wait for the program"),
                UrlOption::both("name", "the name of the client"),
                UrlOption::both("keep-alive", "the interval of pings"),
                UrlOption::both("credentials", "a credentials file (.creds), or one with the seed of a key"),
                UrlOption::CONNECT_TIMEOUT,
                UrlOption::CA,
                UrlOption::CERT,
                UrlOption::CERT_KEY,
            ],
            has_broker: false,
            is_structured: false,
        },
        UrlFamily {
            form: "nats+jetstream://HOST/SUBJECT, nats+jetstream+tls://HOST/SUBJECT",
            schemes: &[Scheme::plain("nats+jetstream", 4222), Scheme::with_tls("nats+jetstream+tls", 4222)],
            options: &[
                UrlOption::MODE,
                UrlOption::FORMAT,
                UrlOption::sending("headers", "false: structured messages for old servers"),
                UrlOption::sending("timeout", "how long the server may take to confirm a message"),
                UrlOption::sending("raw", "true: header values without escapes, for peers that read none"),
                UrlOption::both("stream", "the stream that has to have the subject"),
                UrlOption::sending("deduplicate", "true: the stream recognises events that it has"),
                UrlOption::receiving("consumer", "the durable consumer, made if there is none"),
                UrlOption::receiving("deliver", "where a new consumer begins: all (default), new"),
                UrlOption::receiving("ack-wait", "how long a delivery may take, for a new consumer"),
                UrlOption::receiving("double-ack", "true: the server confirms settlements"),
                UrlOption::receiving("dead-letter", "the subject for rejected messages"),
                UrlOption::receiving("reject", "drop; broker: the stream keeps them"),
                UrlOption::both("domain", "the JetStream domain"),
                UrlOption::receiving("prefetch", "the messages that may wait for the program"),
                UrlOption::both("name", "the name of the client"),
                UrlOption::both("keep-alive", "the interval of pings"),
                UrlOption::both("credentials", "a credentials file (.creds), or one with the seed of a key"),
                UrlOption::CONNECT_TIMEOUT,
                UrlOption::CA,
                UrlOption::CERT,
                UrlOption::CERT_KEY,
            ],
            has_broker: true,
            is_structured: false,
        },
    ],
    tls: true,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    is_temporary: |_| false,
};
