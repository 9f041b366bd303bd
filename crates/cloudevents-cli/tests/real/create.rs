//! `ce create` with a broker of AMQP 0.9.1 in this process, and with others where there are some.

use crate::program::{GOOD, ce, ce_with};
use crate::unread::server_with;
use cloudevents_kit::transport::Create;
use cloudevents_testkit::rabbitmq::Broker;
use serde_json::{Value, json};
use std::env;

fn shown(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn a_queue_is_created_once() {
    let broker = Broker::start().unwrap();
    let url = broker.url("queue=orders");
    for _ in 0..2 {
        let ran = ce(&["create", &url, "--set", "message-ttl=60000", "--set", "x-overflow=reject-publish"]);
        assert_eq!((ran.status, ran.err.as_str()), (0, "there is a queue orders\n"), "{}", ran.err);
        assert_eq!(shown(&ran.out), json!({"kind": "queue", "name": "orders", "type": "quorum"}));
    }
    assert!(broker.has_queue("orders"));
    assert_eq!(ce_with(&["send", &url], GOOD).status, 0);
    let ran = ce(&["create", &url, "-o", "declare=classic"]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(ran.err.contains("other settings"), "{}", ran.err);
}

#[test]
fn a_stream_has_its_settings() {
    let Some((process, _)) = server_with("create", "none.at.all", &[]) else { return };
    let server = format!("nats+jetstream://127.0.0.1:{}/", process.port());
    let url = format!("{server}orders.*?stream=ORDERS");
    let arguments =
        ["create", &url, "--set", "max_age=24h", "--set", "storage=memory", "--set", "max_msgs=9"];
    for _ in 0..2 {
        let ran = ce(&arguments);
        assert_eq!((ran.status, ran.err.as_str()), (0, "there is a stream ORDERS\n"), "{}", ran.err);
        assert_eq!(shown(&ran.out)["subjects"], json!(["orders.*"]));
    }
    assert_eq!(ce_with(&["send", &format!("{server}orders.new")], format!("{GOOD}\n").repeat(12)).status, 0);
    assert_eq!(shown(&ce(&["look", &url]).out)["messages"], 9);
    let ran = ce(&["create", &url, "--set", "max_msgs=8", "--set", "storage=memory"]);
    assert!(ran.err.contains("there is a stream `ORDERS` with `max_msgs` 9 and not 8"), "{}", ran.err);
    // With other settings, with a subject of another one, and with a setting that there is not.
    for (url, set, status) in [
        (url.as_str(), "max_msgs=8", 1),
        (&format!("{server}orders.new?stream=OTHER"), "max_msgs=9", 1),
        (&url, "max_messages=9", 2),
    ] {
        let ran = ce(&["create", url, "--set", set]);
        assert_eq!((ran.status, ran.out.as_str()), (status, ""), "{url} {set}: {}", ran.err);
    }
}

#[test]
fn a_topic_has_its_settings() {
    let Ok(server) = env::var("CE_TEST_KAFKA_URL") else {
        println!("skipped: CE_TEST_KAFKA_URL is not set");
        return;
    };
    let url = format!("{}/create-{}", server.trim_end_matches('/'), std::process::id());
    let settings = ["--set", "partitions=3", "--set", "retention.ms=3600000"];
    let ran = ce(&[&["create", &url][..], &settings].concat());
    assert_eq!((ran.status, &shown(&ran.out)["partitions"]), (0, &3.into()), "{}", ran.err);
    assert_eq!(shown(&ce(&["look", &url]).out)["partitions"], 3);
    let ran = ce(&[&["create", &url][..], &settings].concat());
    assert!(ran.status == 1 && ran.err.contains("already"), "{}", ran.err);
    let ran = ce(&["create", &format!("{url}-2"), "--set", "retention=1"]);
    assert!(ran.status == 1 && ran.err.contains("help: a setting"), "{}", ran.err);
    assert!(ran.err.contains("Kafka has no setting `retention`"), "{}", ran.err);
}

/// Each protocol says what creates its places.
#[test]
fn what_is_not_created_has_the_help_of_its_protocol() {
    let mut count = 0;
    for binding in cloudevents_kit::bindings() {
        let Create::Elsewhere(help) = binding.create else { continue };
        for scheme in binding.urls.schemes() {
            let ran = ce(&["create", &format!("{}://127.0.0.1:9/orders", scheme.name)]);
            assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{}: {}", scheme.name, ran.err);
            assert!(ran.err.contains(help), "{}: {}", scheme.name, ran.err);
            count += 1;
        }
    }
    assert!(count > 8, "{count}");
}

#[test]
fn what_is_not_created_says_how_it_comes_to_be() {
    for (url, status, words) in [
        ("redis://127.0.0.1:9/0?stream=s", 2, "the first message"),
        ("sqs://eu-central-1/1/q", 2, "create-queue"),
        ("postgres://u@127.0.0.1:9/d?queue=q", 2, "pgmq.create"),
        ("amqp://127.0.0.1:9/orders", 2, "`rabbitmq` URL"),
        ("mqtt://127.0.0.1:9/orders", 2, "need not be created"),
        ("nats://127.0.0.1:9/orders", 2, "`nats+jetstream`"),
        ("http://127.0.0.1:9/", 2, "nothing to create"),
        ("-", 2, "a file is not a broker"),
        ("kafka://127.0.0.1:9/a,b", 2, "one topic"),
        ("rabbitmq://127.0.0.1:9/", 2, "`queue`"),
        ("kafka://127.0.0.1:9/t", 3, "127.0.0.1:9"),
    ] {
        let ran = ce(&["create", url]);
        assert_eq!((ran.status, ran.out.as_str()), (status, ""), "{url}: {}", ran.err);
        assert!(ran.err.contains(words), "{url}: {}", ran.err);
    }
    assert_eq!(ce(&["create", "kafka://127.0.0.1:9/t", "--set", "partitions"]).status, 2);
    // RabbitMQ would accept it.
    let ran = ce(&["create", "rabbitmq://127.0.0.1:9/?queue=q", "--set", "max-lenght=9"]);
    assert!(ran.status == 2 && ran.err.contains("`max-length`"), "{}", ran.err);
}
