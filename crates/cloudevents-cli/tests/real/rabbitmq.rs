//! `ce send` and `ce listen` with a broker of AMQP 0.9.1 in this process.

use crate::program::{GOOD, Listener, ce_with};
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
    assert_eq!(ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).status, 0);
    let listened = Listener::at(&url, &["--count", "3"]).end();
    assert_eq!((listened.status, listened.err.as_str()), (0, "3 events received\n"));
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
    let ran = ce_with(&["send", &broker.url("exchange=shop&routing-key=eu.{subject}")], GOOD);
    assert_eq!(ran.status, 1);
    assert!(
        ran.err.contains("`subject`") && ran.err.contains("the template `eu.{subject}` needs it"),
        "{}",
        ran.err
    );
    assert_eq!(ce_with(&["send", &broker.url("exchange=shop&routing-key=eu.{")], GOOD).status, 2);
}

/// The broker confirms what it drops.
#[test]
fn what_may_be_lost_is_said() {
    let broker = Broker::start().unwrap();
    broker.queue("orders");
    for (query, notes) in [("queue=orders&mandatory=false", 1), ("queue=orders", 0)] {
        let ran = ce_with(&["send", &broker.url(query)], GOOD);
        assert_eq!(
            (ran.status, ran.err.matches("what no queue gets is lost").count()),
            (0, notes),
            "{}",
            ran.err
        );
    }
}

/// What listens there is no broker: an HTTP server.
#[test]
fn another_protocol_is_recognised() {
    let listener = Listener::start(&["--count", "1"]);
    let port = listener.url.split(':').nth(2).unwrap().split('/').next().unwrap();
    let ran = ce_with(&["send", &format!("rabbitmq://127.0.0.1:{port}/?queue=q"), "--timeout", "5"], GOOD);
    assert_eq!(ran.status, 3);
    assert!(
        ran.err.contains("the peer does not speak AMQP 0.9.1") && !ran.err.contains("bytes"),
        "{}",
        ran.err
    );
    assert_eq!(ce_with(&["send", &listener.url], GOOD).status, 0);
    // The request that was none is reported.
    assert_eq!(listener.end().status, 1);
}

/// A queue is looked at, and still has its messages in their order.
#[test]
fn messages_stay_where_they_are_looked_at() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let url = broker.url("queue=orders");
    let events: Vec<_> = (0..5).map(|id| GOOD.replace(r#""id":"1""#, &format!(r#""id":"{id}""#))).collect();
    assert_eq!(ce_with(&["send", &url], events.join("\n")).status, 0);
    for end in [&["--idle", "5"][..], &["--count", "5", "--idle", "30"]] {
        let ran = ce_with(&[&["listen", &url, "--peek"], end].concat(), "");
        assert_eq!(
            (ran.status, ran.out.lines().collect::<Vec<_>>()),
            (0, events.iter().map(String::as_str).collect())
        );
        assert_eq!((queue.len(), queue.unsettled()), (5, 0), "{}", ran.err);
    }
    assert_eq!(ce_with(&["listen", "http://127.0.0.1:0/", "--peek"], "").status, 2);
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
    assert_eq!(ce_with(&["send", &good], GOOD).status, 0);
    let ran = ce_with(&["send", &url("alice:wr0ng", "queue=orders")], GOOD);
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(!ran.err.contains("wr0ng") && ran.err.contains("ACCESS_REFUSED"), "{}", ran.err);
    queue.answer(Answer::Nack);
    assert_eq!(ce_with(&["send", &good], GOOD).status, 3);
    let ran = ce_with(&["send", &url("alice:s3cret", "queue=missing")], GOOD);
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.err.contains("there is no queue `missing`") && ran.err.contains("declare"), "{}", ran.err);
    for (arguments, status) in [
        (["send", "rabbitmq://127.0.0.1:9/?queue=q", "--timeout", "1"], 3),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q", "--mode", "batched"], 2),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q", "--header", "a: b"], 2),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q&mode=structured", "--timeout", "1"], 2),
        (["send", "rabbitmq://127.0.0.1:9/?queue=q&prefetch=1", "--timeout", "1"], 2),
        (["listen", "rabbitmq://127.0.0.1:9/", "--idle", "1"], 2),
    ] {
        let ran = ce_with(&arguments, GOOD);
        assert_eq!(ran.status, status, "{arguments:?}: {}", ran.err);
    }
}
