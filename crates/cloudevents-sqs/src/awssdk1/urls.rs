//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "sqs",
    families: &[UrlFamily {
        form: "sqs://REGION/ACCOUNT/QUEUE (Amazon SQS)",
        schemes: &[Scheme::plain("sqs", 443)],
        options: &[
            UrlOption::sending("mode", "structured (default), binary"),
            UrlOption::FORMAT,
            UrlOption::sending("timeout", "how long SQS may take to confirm a message"),
            UrlOption::receiving("lock", "how long a message is hidden from others without a renewal"),
            UrlOption::receiving("wait", "how long a request waits for messages, 20s at most"),
            UrlOption::receiving("dead-letter", "the queue for rejected messages"),
            UrlOption::receiving("reject", "drop: rejected messages are dropped"),
            UrlOption::receiving("prefetch", "the messages that may wait for the program"),
            UrlOption::sending("max-message-size", "in bytes"),
            UrlOption::sending("deduplicate", "true: a FIFO queue recognises events that it has had"),
            UrlOption::both("endpoint", "the URL of another server than that of the region"),
            UrlOption::CONNECT_TIMEOUT,
        ],
        has_broker: false,
        is_structured: true,
        has_keys: true,
    }],
    tls: true,
};
