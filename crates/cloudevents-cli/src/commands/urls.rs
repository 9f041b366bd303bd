//! `ce urls`: the URLs of all protocols, and their options.

use crate::{
    failure::{Failure, Status},
    report::wrapped,
};
use clap::Args;
use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
};

/// Show the URLs of all protocols and their options.
///
/// Options are the query of a URL, percent-encoded, or -o NAME=VALUE. Durations are written 500ms, 30s, 5m or 24h.
#[derive(Args, Debug)]
#[command(after_help = table(columns()))]
pub(crate) struct Urls {}

pub(crate) fn run(_: &Urls) -> Result<Status, Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(table(columns()).as_bytes())?;
    out.flush()?;
    Ok(Status::Done)
}

/// The commands that have an option: `ce send`, `ce listen`, or both.
#[derive(Clone, Copy)]
enum Of {
    Send,
    Listen,
    Both,
}

use Of::{Both, Listen, Send};

/// Where the words of an option begin.
const HANG: usize = 28;

/// The commands that have an option, its name, and its meaning.
type Row = (Of, &'static str, &'static str);

/// The form of a URL, and its options.
type Protocol = (&'static str, &'static [Row]);

/// Of connections with TLS.
const CA: Row = (Both, "ca", "with TLS: a file with the authorities to trust, and no others");
const CERT: Row = (Both, "cert", "with TLS: a file with the client certificate");
const KEY: Row = (Both, "cert-key", "with TLS: a file with its key, if `cert` has none");

const PROTOCOLS: &[Protocol] = &[
    ("http://HOST/PATH, https://HOST/PATH", &[]),
    (
        "kafka://BROKER,BROKER/TOPIC",
        &[
            (Send, "key", "the attribute that becomes the key: partitionkey"),
            (Send, "timeout", "how long the delivery of a message may take"),
            (Listen, "group", "the consumer group; without one, the whole topic is read"),
            (Listen, "partitions", "read these, as 0,1, instead of those that the group assigns"),
            (Listen, "offset", "where a new group begins: earliest (default), latest"),
            (Listen, "dead-letter", "the topic for rejected messages"),
            (Listen, "reject", "drop: rejected messages are dropped"),
            (Listen, "commit-interval", "how often positions are committed"),
            (Listen, "rebalance-wait", "how long a rebalance waits for settlements"),
            (Listen, "statistics", "how often the client reports statistics"),
            (Listen, "prefetch", "the messages that are fetched ahead"),
            (Both, "name", "the name of the client (client.id)"),
            (Both, "sasl", "plain (default with a user), scram-sha-256, scram-sha-512"),
            (Both, "tls", "encrypts the connection"),
            CA,
            CERT,
            KEY,
            (Both, "NAME.NAME", "a setting of librdkafka, such as linger.ms"),
        ],
    ),
    (
        "amqp://HOST/ADDRESS, amqps://HOST/ADDRESS (AMQP 1.0)",
        &[
            (Send, "separator", "of attributes in names: underscore (default), colon"),
            (Send, "timeout", "how long the broker may take to accept a message"),
            (Send, "strings", "true: numbers and times as text, for peers that read no others"),
            (Listen, "dead-letter", "the address for rejected messages"),
            (Listen, "reject", "broker: the broker handles them; drop"),
            (Listen, "prefetch", "the link credit, 256 by default"),
            (Listen, "selector", "which messages the broker delivers: cloudEvents_type = 'placed'"),
            (Listen, "lock", "the lock duration of Azure Service Bus, to renew locks"),
            (Both, "sasl", "plain (default with a user), anonymous, external, cbs"),
            (Both, "name", "the name of the client (container id), random by default"),
            (Both, "keep-alive", "how long the broker may be silent"),
            (Both, "hostname", "the host name of the connection, if not that of the URL"),
            CA,
            CERT,
            KEY,
        ],
    ),
    (
        "rabbitmq://HOST/VHOST, rabbitmqs://HOST/VHOST (AMQP 0.9.1)",
        &[
            (Both, "queue", "the queue"),
            (Send, "exchange", "the exchange to send to, instead of a queue"),
            (Send, "routing-key", "its routing key: orders.{type}"),
            (Send, "timeout", "how long the broker may take to confirm a message"),
            (Send, "mandatory", "false: what no queue gets is no error"),
            (Both, "declare", "quorum, classic: the queue is made if there is none"),
            (Listen, "dead-letter", "the queue for rejected messages"),
            (Listen, "reject", "broker (as the queue is configured), drop"),
            (Listen, "prefetch", "the most unsettled messages that the broker sends"),
            (Listen, "wait", "where retried messages wait: quorum (default), classic, none"),
            (Both, "max-message-size", "in bytes"),
            (Both, "sasl", "plain (default), external"),
            (Both, "name", "the name of the connection, random by default"),
            (Both, "keep-alive", "the interval of heartbeats"),
            CA,
            CERT,
            KEY,
        ],
    ),
    (
        "mqtt://HOST/TOPIC, mqtts://HOST/TOPIC",
        &[
            (Both, "version", "5 (default), 3.1.1"),
            (Both, "client", "the client identifier, under which a session is kept"),
            (Both, "keep-alive", "how long the broker may be silent"),
            (Both, "qos", "0, 1 (default), 2"),
            (Send, "timeout", "how long the broker may take to confirm a message"),
            (Send, "retain", "true: the broker keeps the last message of each topic"),
            (Send, "prefix", "ce-: the prefix of attributes that some peers expect"),
            (Send, "expiry", "how long the broker keeps what is not delivered"),
            (Listen, "dead-letter", "the topic for rejected messages"),
            (Listen, "reject", "drop: rejected messages are dropped"),
            (Listen, "session", "how long the broker keeps the session"),
            (Listen, "prefetch", "the most unacknowledged messages, the Receive Maximum"),
            CA,
            CERT,
            KEY,
        ],
    ),
    (
        "nats://HOST/SUBJECT, nats+tls://HOST/SUBJECT",
        &[
            (Send, "headers", "false: structured messages for old servers"),
            (Send, "timeout", "how long the server may take to confirm a message"),
            (Send, "raw", "true: header values without escapes, for peers that read none"),
            (Listen, "queue", "the queue group"),
            (Listen, "dead-letter", "the subject for rejected messages"),
            (Listen, "reject", "drop: rejected messages are dropped"),
            (Listen, "prefetch", "the messages that may wait for the program"),
            (Both, "name", "the name of the client"),
            (Both, "keep-alive", "the interval of pings"),
            (Both, "credentials", "a credentials file (.creds), or one with the seed of a key"),
            CA,
            CERT,
            KEY,
        ],
    ),
    (
        "nats+jetstream://HOST/SUBJECT, nats+jetstream+tls://HOST/SUBJECT",
        &[
            (Send, "headers", "false: structured messages for old servers"),
            (Send, "timeout", "how long the server may take to confirm a message"),
            (Send, "raw", "true: header values without escapes, for peers that read none"),
            (Both, "stream", "the stream that has to have the subject"),
            (Send, "deduplicate", "true: the stream recognises events that it has"),
            (Listen, "consumer", "the durable consumer, made if there is none"),
            (Listen, "deliver", "where a new consumer begins: all (default), new"),
            (Listen, "ack-wait", "how long a delivery may take, for a new consumer"),
            (Listen, "double-ack", "true: the server confirms settlements"),
            (Listen, "dead-letter", "the subject for rejected messages"),
            (Listen, "reject", "drop; broker: the stream keeps them"),
            (Listen, "prefetch", "the messages that may wait for the program"),
            (Both, "name", "the name of the client"),
            (Both, "keep-alive", "the interval of pings"),
            (Both, "credentials", "a credentials file (.creds), or one with the seed of a key"),
            CA,
            CERT,
            KEY,
            (Both, "domain", "the JetStream domain"),
        ],
    ),
    (
        "ws://HOST/PATH, wss://HOST/PATH (WebSockets)",
        &[
            (Send, "format", "json (default), avro, protobuf, or a list in order of preference"),
            (Send, "keep-alive", "how long the server may be silent"),
            (Send, "message-deadline", "how long one message may take to arrive"),
            (Send, "ca", CA.2),
            (Send, "cert", CERT.2),
            (Send, "cert-key", KEY.2),
            (Send, "query.NAME", "the parameter NAME of the handshake"),
            (Listen, "role", "client: connect instead of listening, with the options of `ce send`"),
            (Listen, "reject", "drop: rejected messages are dropped"),
        ],
    ),
    ("file:PATH, - (standard output, standard input)", &[]),
];

/// Of every protocol but HTTP and files.
const COMMON: &[Row] = &[
    (Send, "losses", "what is not carried: refuse (default), log, allow"),
    (Send, "enqueue-timeout", "how long a message may wait to be sent"),
    (Send, "close-timeout", "how long closing may take"),
    (Send, "lenient", "names of repairs of replies, or all"),
    (Send, "peer", "the implementation that reads the messages: go-2, java-4, ..."),
    (Listen, "lenient", "names of repairs that are made and reported, or all"),
    (Listen, "peer", "the implementation that wrote the messages: go-2, java-4, ..."),
    (Listen, "not-cloudevents", "what is no event: deliver (default), skip, reject"),
    (Listen, "in-flight", "the most messages that are received and not settled"),
    (Listen, "in-flight-bytes", "their bytes"),
];

/// The columns of the terminal, where there is one.
fn columns() -> Option<usize> {
    let requested = std::env::var_os("COLUMNS").is_some();
    (requested || std::io::stdout().is_terminal()).then(crate::console::stdout_columns)
}

/// Lines of at most this many columns, of any length without.
fn table(columns: Option<usize>) -> String {
    let mut text = String::new();
    let mut add = |title: &str, options: &[Row]| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", wrapped(title, 2, columns));
        for (of, name, words) in options {
            let of = match of {
                Send => "send  ",
                Listen => "listen",
                Both => "      ",
            };
            let line = wrapped(&format!("  {of}  {name:<16}  {words}"), HANG, columns);
            let _ = writeln!(text, "{line}");
        }
        text.push('\n');
    };
    PROTOCOLS.iter().for_each(|(title, options)| add(title, options));
    add("All but HTTP and files", COMMON);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::transport::Endpoint;

    /// In logs and errors. Settings of clients, parameters of a handshake and what names a secret are not.
    #[test]
    fn values_of_options_are_shown_but_those_that_may_be_secret() {
        let rows = PROTOCOLS.iter().flat_map(|(_, rows)| *rows).chain(COMMON);
        for (_, name, _) in rows {
            let is_secret = ["credentials", "query.NAME", "NAME.NAME", "selector"].contains(name);
            let url = Endpoint::parse(&format!("amqp://localhost/orders?{name}=value")).unwrap().to_string();
            assert_eq!(url.ends_with("=***"), is_secret, "{url}");
        }
    }
}
