//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "pubsub",
    families: &[UrlFamily {
        form: "pubsub://PROJECT/TOPIC, pubsub://PROJECT/SUBSCRIPTION (Google Cloud Pub/Sub)",
        schemes: &[Scheme::plain("pubsub", 443)],
        options: &[
            UrlOption::MODE,
            UrlOption::FORMAT,
            UrlOption::sending("timeout", "how long Pub/Sub may take to confirm a message"),
            UrlOption::sending("max-message-size", "in bytes, as the JSON of a request"),
            UrlOption::sending("ordered", "true: messages have ordering keys, and are sent in order"),
            UrlOption::receiving("lock", "how long a message is hidden from others without a renewal"),
            UrlOption::receiving(
                "wait",
                "how long a request waits until another one shows that the server is there",
            ),
            UrlOption::receiving("dead-letter", "the topic for rejected messages"),
            UrlOption::receiving("reject", "drop: rejected messages are dropped"),
            UrlOption::receiving("prefetch", "the messages that may wait for the program"),
            UrlOption::both("endpoint", "the URL of another server, such as an emulator"),
            UrlOption::CONNECT_TIMEOUT,
        ],
        has_broker: false,
        is_structured: false,
        has_keys: true,
    }],
    tls: true,
};
