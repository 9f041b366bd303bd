//! `ce conformance listen`, with producers that write to a broker in this process: one that conforms, and some with a fault each.

use crate::program::{Ran, ce};
use cloudevents_kit::{Document, Event, FormatId, Message, connect_sender, json};
use std::collections::BTreeSet;

/// What a producer does to an event before it sends it.
type Change = fn(Event) -> Option<Event>;

/// Sends the events that `--print` writes, in this mode.
fn produce(url: &str, change: Change) {
    let printed = ce(&["conformance", "listen", "--print"]);
    assert_eq!(printed.status, 0, "{}", printed.err);
    let events = json::decode_batch(printed.out.into_bytes()).unwrap();
    assert!(events.len() > 10);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = connect_sender(url).await.unwrap();
        for event in events.into_iter().filter_map(change) {
            sender.send(event).await.unwrap();
        }
    });
}

/// Sends a document that is no event.
fn produce_document(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = connect_sender(url).await.unwrap();
        let message = Message::Structured(Document::new(FormatId::JSON, r#"{"specversion":"1.0"}"#));
        sender.send(message).await.unwrap();
    });
}

/// The names of the cases that failed.
fn failed(url: &str) -> (Ran, BTreeSet<String>) {
    let ran = ce(&["conformance", "listen", url, "--time-limit", "3"]);
    let lines = ran.lines();
    let failed = lines.iter().filter(|line| line["verdict"] == "failed");
    let name = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
    let failed = failed.map(|line| name(line["id"].as_str().unwrap())).collect();
    (ran, failed)
}

const STRUCTURED: &str = "mode=structured&format=json";

fn check(open: impl Fn() -> (Box<dyn Fn(&str) -> String>, Box<dyn std::any::Any>)) {
    let (url, _broker) = open();
    let place = url("");
    produce(&place, Some);
    produce(&url(STRUCTURED), Some);
    let (ran, names) = failed(&place);
    assert_eq!((ran.status, names.len()), (0, 0), "{names:?} {}", ran.err);

    // Each fault is found by the events that have what it changes.
    let faults: [(Change, &str); 3] = [
        (
            |mut event| {
                event.remove("subject");
                Some(event)
            },
            "order-placed",
        ),
        (
            |mut event| {
                if event.time().is_some() {
                    event.set_time("2020-01-01T00:00:00Z").unwrap();
                }
                Some(event)
            },
            "offset-and-nanoseconds",
        ),
        (|event| (event.id() != "hb-000042").then_some(event), "heartbeat"),
    ];
    for (change, name) in faults {
        let (url, _broker) = open();
        produce(&url(""), change);
        let (ran, names) = failed(&url(""));
        assert_eq!(ran.status, 1, "{}", ran.err);
        assert!(names.contains(name), "{name}: {names:?}");
        assert!(!names.contains("json-string") && !names.contains("nothing-else"), "{names:?}");
    }

    let (url, _broker) = open();
    // As the last message, it would have to come within a second.
    produce_document(&url(""));
    produce(&url(""), Some);
    let (ran, names) = failed(&url(""));
    assert_eq!((ran.status, names), (1, BTreeSet::from(["nothing-else".to_owned()])), "{}", ran.err);
}

#[cfg(feature = "kafka")]
#[test]
fn what_is_written_to_kafka_is_judged() {
    use cloudevents_testkit::kafka::Broker;
    check(|| {
        let broker = Broker::start().unwrap();
        broker.create_topic("from", 1).unwrap();
        let url = broker.url("from");
        (Box::new(move |options| format!("{url}?{options}")), Box::new(broker))
    });
}

#[cfg(feature = "amqp")]
#[test]
fn what_is_written_to_amqp_is_judged() {
    use cloudevents_testkit::amqp::Broker;
    check(|| {
        let broker = Broker::start().unwrap();
        let url = broker.url("from");
        (Box::new(move |options| format!("{url}?{options}")), Box::new(broker))
    });
}

#[test]
fn a_producer_that_writes_nothing_does_not_start() {
    let ran = ce(&["conformance", "listen"]);
    assert_eq!(ran.status, 2, "{}", ran.err);
    let ran = ce(&["conformance", "listen", "stomp://localhost/queue"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("there is no driver for `stomp` URLs"), "{}", ran.err);
}
