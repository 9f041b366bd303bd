//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "kafka",
    families: &[UrlFamily {
        form: "kafka://BROKER,BROKER/TOPIC",
        schemes: &[Scheme::plain("kafka", 9092)],
        options: &[
            UrlOption::sending("key", "the attribute that becomes the key: partitionkey"),
            UrlOption::MODE,
            UrlOption::FORMAT,
            UrlOption::sending("timeout", "how long the delivery of a message may take"),
            UrlOption::receiving("group", "the consumer group; without one, the whole topic is read"),
            UrlOption::receiving("partitions", "read these, as 0,1, instead of those that the group assigns"),
            UrlOption::receiving("offset", "where a new group begins: earliest (default), latest"),
            UrlOption::receiving("since", "a time: a new group begins with what is not older"),
            UrlOption::receiving("last", "a number: a new group begins so far before each partition's end"),
            UrlOption::receiving("dead-letter", "the topic for rejected messages"),
            UrlOption::receiving("reject", "drop: rejected messages are dropped"),
            UrlOption::receiving("commit-interval", "how often positions are committed"),
            UrlOption::receiving("rebalance-wait", "how long a rebalance waits for settlements"),
            UrlOption::receiving("statistics", "how often the client reports statistics"),
            UrlOption::receiving("prefetch", "the messages that are fetched ahead"),
            UrlOption::both("name", "the name of the client (client.id)"),
            UrlOption::both("sasl", "plain (default with a user), scram-sha-256, scram-sha-512"),
            UrlOption::both("tls", "encrypts the connection"),
            UrlOption::CONNECT_TIMEOUT,
            UrlOption::CA,
            UrlOption::CERT,
            UrlOption::CERT_KEY,
            UrlOption::both("NAME.NAME", "a setting of librdkafka, such as linger.ms"),
        ],
        has_broker: false,
        is_structured: false,
        has_keys: true,
    }],
    tls: cfg!(feature = "tls"),
};
