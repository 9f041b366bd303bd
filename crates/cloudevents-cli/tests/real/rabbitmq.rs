//! `ce send` and `ce listen` with a broker of AMQP 0.9.1 in this process.

use crate::program::{GOOD, Listener, ce_with, with_id};
use cloudevents_testkit::rabbitmq::{Answer, Broker, BrokerOptions};

#[test]
fn from_one_to_the_other() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let url = broker.url("queue=orders");
    let input = r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","datacontenttype":"application/json","subject":"café","data":{"total":1.10}}"#;
    let ran = ce_with(&["send", &url], input);
    assert_eq!((ran.status, queue.len()), (0, 1), "{}", ran.err);
    let two = format!("{GOOD}\n{GOOD}\n");
    ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).ended(0);
    let listened = Listener::at(&url, &["--count", "3"]).end().ended(0).says_only("3 events received\n");
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [input, GOOD, GOOD]);
    assert!(queue.is_empty());
}

/// The key of the binding that gets the message is that of the event.
#[test]
fn a_routing_key_has_attributes_of_the_event() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    broker.bind("shop", "topic", "eu.t", "orders");
    let url = broker.url("exchange=shop&routing-key=eu.{type}");
    let ran = ce_with(&["send", &url], GOOD);
    assert_eq!((ran.status, queue.len()), (0, 1), "{}", ran.err);
    ce_with(&["send", &broker.url("exchange=shop&routing-key=eu.{subject}")], GOOD)
        .ended(1)
        .says("`subject`")
        .says("the template `eu.{subject}` needs it");
    ce_with(&["send", &broker.url("exchange=shop&routing-key=eu.{")], GOOD).ended(2);
}

/// The broker confirms what it drops.
#[test]
fn what_may_be_lost_is_said() {
    let broker = Broker::start().unwrap();
    broker.queue("orders");
    for (query, notes) in [("queue=orders&mandatory=false", 1), ("queue=orders", 0)] {
        ce_with(&["send", &broker.url(query)], GOOD).ended(0).says_times("what no queue gets is lost", notes);
    }
}

/// What listens there is no broker: an HTTP server.
#[test]
fn another_protocol_is_recognised() {
    let listener = Listener::start(&["--count", "1"]);
    let port = listener.url.split(':').nth(2).unwrap().split('/').next().unwrap();
    ce_with(&["send", &format!("rabbitmq://127.0.0.1:{port}/?queue=q"), "--timeout", "5"], GOOD)
        .ended(3)
        .says("the peer does not speak AMQP 0.9.1")
        .never_says("bytes");
    ce_with(&["send", &listener.url], GOOD).ended(0);
    // The request that was none is reported.
    listener.end().ended(1);
}

/// A queue is looked at, and still has its messages in their order.
#[test]
fn messages_stay_where_they_are_looked_at() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let url = broker.url("queue=orders");
    let events: Vec<_> = (0..5).map(|id| with_id(id)).collect();
    ce_with(&["send", &url], events.join("\n")).ended(0);
    for end in [&["--idle", "5"][..], &["--count", "5", "--idle", "30"]] {
        let ran = ce_with(&[&["listen", &url, "--peek"], end].concat(), "");
        assert_eq!(
            (ran.status, ran.out.lines().collect::<Vec<_>>()),
            (0, events.iter().map(String::as_str).collect())
        );
        assert_eq!((queue.len(), queue.unsettled()), (5, 0), "{}", ran.err);
    }
    ce_with(&["listen", "http://127.0.0.1:0/", "--peek"], "").ended(2);
}

#[test]
fn refusals_and_failures_are_told_apart() {
    let mut options = BrokerOptions::default();
    options.users.push(("alice".into(), "s3cret".into()));
    let broker = Broker::with_options(options).unwrap();
    let queue = broker.queue("orders");
    let url = |user: &str, options: &str| {
        broker.url(options).replace("rabbitmq://", &format!("rabbitmq://{user}@"))
    };
    let good = url("alice:s3cret", "queue=orders");
    ce_with(&["send", &good], GOOD).ended(0);
    ce_with(&["send", &url("alice:wr0ng", "queue=orders")], GOOD)
        .ended(1)
        .never_says("wr0ng")
        .says("ACCESS_REFUSED");
    queue.answer(Answer::Nack);
    ce_with(&["send", &good], GOOD).ended(3);
    ce_with(&["send", &url("alice:s3cret", "queue=missing")], GOOD)
        .ended(1)
        .says("there is no queue `missing`")
        .says("declare");
    for (arguments, status) in [
        (["send", "rabbitmq://127.0.0.1:9/?queue=q", "--timeout", "1"], 3),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q", "--mode", "batched"], 2),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q", "--header", "a: b"], 2),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q&mode=structured", "--timeout", "1"], 2),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q&prefetch=1", "--timeout", "1"], 2),
        (["listen", "rabbitmq://127.0.0.1:9/", "--idle", "1"], 2),
    ] {
        ce_with(&arguments, GOOD).ended(status);
    }
}
