//! Topics, queues and subjects that are not there: the exit status is the same over every protocol.

use crate::{
    program::{GOOD, ce, ce_with, file},
    unread::server_with,
};
use cloudevents_testkit::{kafka, rabbitmq};

/// The URLs of places that are not there, of brokers in this process.
fn places(kafka: &kafka::Broker, rabbitmq: &rabbitmq::Broker) -> [String; 2] {
    kafka.forget_topic("missing").unwrap();
    [kafka.url("missing"), rabbitmq.url("queue=missing")]
}

#[test]
fn a_bridge_to_a_place_that_is_not_there_does_not_open() {
    let (kafka, rabbitmq) = (kafka::Broker::start().unwrap(), rabbitmq::Broker::start().unwrap());
    let from = format!("file:{}", file("in.jsonl", GOOD).display());
    for to in places(&kafka, &rabbitmq) {
        let ran = ce(&["bridge", &from, &to]);
        assert_eq!(ran.status, 1, "{to}: {}", ran.err);
        assert!(!ran.err.contains("bridge from"), "{to}: {}", ran.err);
    }
}

/// A send to a subject without a stream may fail for a moment, while a cluster elects a leader. A look at the streams shows more.
#[test]
fn a_subject_without_a_stream_is_refused() {
    let Some((process, _)) = server_with("absent", "none.at.all", &[]) else { return };
    let url = format!("nats+jetstream://127.0.0.1:{}/nowhere", process.port());
    let ran = ce_with(&["send", &url], GOOD);
    assert!(ran.status == 1 && ran.err.contains("no stream has this subject"), "{}", ran.err);
    let from = format!("file:{}", file("in.jsonl", GOOD).display());
    let ran = ce(&["bridge", &from, &url]);
    assert!(ran.status == 1 && !ran.err.contains("bridge from"), "{}", ran.err);
    let ran = ce(&["listen", &url, "--idle", "1"]);
    assert_eq!(ran.status, 1, "{}", ran.err);
    // The note is that of the option.
    let there = url.replace("nowhere", "S.x");
    let ran = ce(&["listen", &there, "--idle", "1"]);
    assert!(ran.status == 0 && ran.err.contains("the stream keeps them"), "{}", ran.err);
}
