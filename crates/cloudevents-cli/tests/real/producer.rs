//! `ce conformance listen`, with producers that write to a broker in this process: one that conforms, and some with a fault each.

use crate::{
    program::{Ran, ce, wait},
    suggested::send_documents,
};
use cloudevents_kit::{Event, connect_sender, json};
use cloudevents_testkit::{amqp, kafka};
use std::{any::Any, collections::BTreeSet};

/// What a producer does to an event before it sends it.
type Change = fn(Event) -> Option<Event>;

/// Sends the events that `--print` writes, in this mode.
fn produce(url: &str, change: Change) {
    let printed = ce(&["conformance", "listen", "--print"]).ended(0);
    let events = json::decode_batch(printed.out.into_bytes()).unwrap();
    assert!(events.len() > 10);
    wait(async {
        let sender = connect_sender(url).await.unwrap();
        for event in events.into_iter().filter_map(change) {
            sender.send(event).await.unwrap();
        }
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

/// Opens a broker, which is with the URL of a place.
fn check(open: fn() -> (String, Box<dyn Any>)) {
    let (url, _broker) = open();
    produce(&url, Some);
    produce(&format!("{url}?mode=structured&format=json"), Some);
    let (ran, names) = failed(&url);
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
        produce(&url, change);
        let (ran, names) = failed(&url);
        assert_eq!(ran.status, 1, "{}", ran.err);
        assert!(names.contains(name), "{name}: {names:?}");
        assert!(!names.contains("json-string") && !names.contains("nothing-else"), "{names:?}");
    }

    let (url, _broker) = open();
    // As the last message, it would have to come within a second.
    send_documents(&url, &[r#"{"specversion":"1.0"}"#]);
    produce(&url, Some);
    let (ran, names) = failed(&url);
    assert_eq!((ran.status, names), (1, BTreeSet::from(["nothing-else".to_owned()])), "{}", ran.err);
}

#[test]
fn what_is_written_to_kafka_is_judged() {
    check(|| {
        let broker = kafka::Broker::start().unwrap();
        broker.create_topic("from", 1).unwrap();
        (broker.url("from"), Box::new(broker))
    });
}

#[test]
fn what_is_written_to_amqp_is_judged() {
    check(|| {
        let broker = amqp::Broker::start().unwrap();
        (broker.url("from"), Box::new(broker))
    });
}

#[test]
fn a_producer_that_writes_nothing_does_not_start() {
    ce(&["conformance", "listen"]).ended(2);
    ce(&["conformance", "listen", "stomp://localhost/queue"])
        .ended(2)
        .says("there is no driver for `stomp` URLs");
}
