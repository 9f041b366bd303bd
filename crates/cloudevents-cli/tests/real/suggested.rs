//! Suggestions for a message that was refused.

use crate::program::{Bridge, GOOD, Listener, ce, exchange, url_of, variable, wait};
use cloudevents_kit::{
    Document, Error, ErrorKind, FormatId, Message, Outgoing,
    transport::{Raw, Received},
};
use cloudevents_testkit::{kafka, rabbitmq};

/// A document that one repair reads.
const UPPER_CASE: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","partitionKey":"k"}"#;
const READS: &str = "= help: --lenient=lower-cased-name reads it";

#[test]
fn of_json_that_nothing_marks_as_an_event() {
    let mut listener = Listener::start(&[]);
    let head = "POST /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    exchange(listener.address(), format!("{head}\r\ncontent-length: {}\r\n\r\n{GOOD}", GOOD.len()));
    listener.line("= help: --lenient=assumed-json reads it; it may be from ");
    listener.stop().ended(1);
}

/// Listening and moving say the same.
#[test]
fn of_a_document() {
    let broker = rabbitmq::Broker::start().unwrap();
    for queue in ["listened", "moved"] {
        broker.queue(queue);
        send_documents(&broker.url(&format!("queue={queue}")), &[UPPER_CASE]);
    }
    let mut listener = Listener::at(&broker.url("queue=listened&reject=drop"), &[]);
    listener.line(READS);
    listener.stop();
    let target = Listener::start(&[]);
    let mut bridge = Bridge::start(&[&broker.url("queue=moved&reject=drop"), &target.url]);
    bridge.line(READS);
    bridge.stop();
    target.stop();
}

/// Sends documents as they are.
pub(crate) fn send_documents(to: &str, documents: &[&str]) {
    wait(async {
        let sender = cloudevents_kit::connect_sender(to).await.unwrap();
        for document in documents {
            let document = Document::new(FormatId::JSON, (*document).to_owned());
            sender.send(Message::Structured(document)).await.unwrap();
        }
        sender.close().await.unwrap();
    });
}

/// Over WebSockets, the connection calls each message an event. A document of another system is named all the same.
#[test]
fn of_documents_over_websockets() {
    // As Debezium writes it.
    let underscore = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","my_name":"k"}"#;
    let grid = r#"{"id":"1","topic":"/t","subject":"s","eventType":"Blob","eventTime":"2019-01-01T00:00:00Z","data":{},"dataVersion":"1"}"#;
    let documents = [UPPER_CASE, underscore, grid];
    let helps = [
        READS,
        "= help: --lenient=dropped-name reads it without the attribute; it may be from debezium-3",
        "it is an event in the schema of Azure Event Grid: `--from event-grid` makes events of it",
    ];
    let mut listener = Listener::at("ws://127.0.0.1:0/events", &[]);
    send_documents(&listener.url, &documents);
    helps.iter().for_each(|help| drop(listener.line(help)));
    listener.stop();
    let from = format!("ws://127.0.0.1:{}/events", cloudevents_testkit::ports::free());
    let mut bridge = Bridge::start(&[&format!("{from}?reject=drop"), &url_of("moved.jsonl", "")]);
    send_documents(&from, &documents);
    for help in helps {
        bridge.line(help);
    }
    bridge.stop();
}

const FOREIGN_PREFIX: &str =
    "= help: --lenient=foreign-prefix reads it; it may be from camel-4 or event-hubs or go-2 or spring-4";

type Headers = &'static [(&'static str, &'static [u8])];

/// Records of other writers, and the help with which each is read. The peers are those with the repairs.
const RECORDS: &[(Headers, &str)] = &[
    // sdk-go before 2.15.3, and Spring.
    (
        &[
            ("ce-specversion", b"1.0"),
            ("ce-id", b"1"),
            ("ce-source", b"/s"),
            ("ce-type", b"t"),
            ("content-type", b"application/json"),
        ],
        FOREIGN_PREFIX,
    ),
    (
        &[
            ("cloudEvents:specversion", b"1.0"),
            ("cloudEvents:id", b"2"),
            ("cloudEvents:source", b"/s"),
            ("cloudEvents:type", b"t"),
        ],
        FOREIGN_PREFIX,
    ),
    // Spring writes a URI and a time as JSON.
    (
        &[
            ("ce_specversion", b"1.0"),
            ("ce_id", b"3"),
            ("ce_source", b"\"/s\""),
            ("ce_type", b"t"),
            ("ce_time", b"\"2024-11-28T09:00:00Z\""),
        ],
        "= help: --lenient=quoted-text reads it; it may be from spring-4",
    ),
    (
        &[("ce-specversion", b"1.0"), ("ce-id", b"4"), ("ce-source", b"\"/s\""), ("ce-type", b"t")],
        "= help: --lenient=foreign-prefix,quoted-text reads it; it may be from spring-4",
    ),
    // Event Hubs: str8 of AMQP.
    (
        &[
            ("ce_specversion", b"\xa1\x031.0"),
            ("ce_id", b"\xa1\x015"),
            ("ce_source", b"\xa1\x02/s"),
            ("ce_type", b"\xa1\x01t"),
        ],
        "= help: --lenient=amqp-encoded reads it; it may be from event-hubs",
    ),
];

/// No repair reads it, and none is named.
const LACKING: Headers = &[("ce-specversion", b"1.0"), ("ce-id", b"6")];

/// Sends these messages as they are.
pub(crate) fn put(to: &str, messages: impl IntoIterator<Item = Raw>) {
    wait(async {
        let sender = cloudevents_kit::connect_sender(to).await.unwrap();
        for raw in messages {
            let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
            sender.send(Outgoing::as_received(received)).await.unwrap();
        }
        sender.close().await.unwrap();
    });
}

fn record(headers: Headers) -> Raw {
    let mut raw = Raw::default();
    raw.headers = headers.iter().map(|(name, value)| ((*name).into(), Some((*value).into()))).collect();
    raw.body = Some("{}".into());
    raw
}

/// Listening and moving say the same, also where rejected messages have a place.
fn of_headers(topic: impl Fn(&str) -> String) {
    let helps = || RECORDS.iter().map(|(_, help)| *help);
    for (name, rejected) in [("listened", "reject=drop"), ("placed", "dead-letter=letters")] {
        put(
            &topic(name),
            [LACKING].into_iter().chain(RECORDS.iter().map(|(headers, _)| *headers)).map(record),
        );
        let mut listener = Listener::at(&topic(&format!("{name}?group=listener&{rejected}")), &[]);
        helps().for_each(|help| assert_eq!(listener.line("reads it").trim(), help));
        listener.stop();
        let from = topic(&format!("{name}?group=bridge&{rejected}"));
        let mut bridge = Bridge::start(&[&from, &url_of("suggested.jsonl", "")]);
        helps().for_each(|help| assert_eq!(bridge.line("reads it").trim(), help));
        bridge.stop();
    }
}

#[test]
fn of_headers_of_kafka() {
    let broker = kafka::Broker::start().unwrap();
    for topic in ["listened", "placed", "letters"] {
        broker.create_topic(topic, 1).unwrap();
    }
    of_headers(|topic| broker.url(topic));
}

#[test]
fn of_headers_of_real_kafka() {
    let Some(server) = variable("CE_TEST_KAFKA_URL") else { return };
    let prefix = format!("{}/suggested-{}-", server.trim_end_matches('/'), std::process::id());
    let letters = format!("suggested-{}-letters", std::process::id());
    for topic in ["listened", "placed", "letters"] {
        ce(&["create", &format!("{prefix}{topic}"), "--set", "partitions=1"]).ended(0);
    }
    of_headers(|topic| {
        format!("{prefix}{topic}").replace("dead-letter=letters", &format!("dead-letter={letters}"))
    });
}

/// A proxy joins equal headers, retries repeat them, and a writer of Kafka has its prefix.
#[test]
fn of_headers_of_http() {
    const EVENT: &str = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";
    let foreign = EVENT.replace("ce-", "ce_");
    let mut listener = Listener::start(&[]);
    let ignored = "= help: --lenient=ignored-header reads it";
    for (headers, help) in [
        (format!("{EVENT}content-type: a/b, a/b\r\n"), ignored),
        (format!("{EVENT}content-type: a/b\r\ncontent-type: a/b\r\n"), ignored),
        (foreign, FOREIGN_PREFIX),
    ] {
        let (head, length) =
            ("POST /events HTTP/1.1\r\nhost: x\r\nconnection: close", "content-length: 2\r\n\r\n{}");
        exchange(listener.address(), format!("{head}\r\n{headers}{length}"));
        listener.line(help);
    }
    listener.stop();
}
