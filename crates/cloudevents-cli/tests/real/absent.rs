//! Topics, queues and subjects that are not there: the exit status is the same over every protocol.

use crate::{
    program::{GOOD, ce, ce_with, url_of},
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
    let from = url_of("in.jsonl", GOOD);
    for to in places(&kafka, &rabbitmq) {
        ce(&["bridge", &from, &to]).ended(1).never_says("bridge from");
    }
}

/// A send to a subject without a stream may fail for a moment, while a cluster elects a leader. A look at the streams shows more.
#[test]
fn a_subject_without_a_stream_is_refused() {
    let Some((process, _)) = server_with("absent", "none.at.all", &[]) else { return };
    let url = format!("nats+jetstream://127.0.0.1:{}/nowhere", process.port());
    ce_with(&["send", &url], GOOD).ended(1).says("no stream has this subject");
    let from = url_of("in.jsonl", GOOD);
    ce(&["bridge", &from, &url]).ended(1).never_says("bridge from");
    ce(&["listen", &url, "--idle", "1"]).ended(1);
    // The note is that of the option.
    let there = url.replace("nowhere", "S.x");
    ce(&["listen", &there, "--idle", "1"]).ended(0).says("the stream keeps them");
}
