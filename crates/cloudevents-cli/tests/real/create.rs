//! `ce create` with a broker of AMQP 0.9.1 in this process, and with others where there are some.

use crate::program::{GOOD, ce, ce_with, variable};
use crate::unread::server_with;
use cloudevents_kit::transport::Create;
use cloudevents_testkit::rabbitmq::Broker;
use serde_json::json;

#[test]
fn a_queue_is_created_once() {
    let broker = Broker::start().unwrap();
    let url = broker.url("queue=orders");
    for _ in 0..2 {
        let ran = ce(&["create", &url, "--set", "message-ttl=60000", "--set", "x-overflow=reject-publish"])
            .ended(0)
            .says_only("there is a queue orders\n");
        assert_eq!(ran.lines(), [json!({"kind": "queue", "name": "orders", "type": "quorum"})]);
    }
    assert!(broker.has_queue("orders"));
    ce_with(&["send", &url], GOOD).ended(0);
    ce(&["create", &url, "-o", "declare=classic"]).ended(1).prints("").says("other settings");
}

#[test]
fn a_stream_has_its_settings() {
    let Some((process, _)) = server_with("create", "none.at.all", &[]) else { return };
    let server = format!("nats+jetstream://127.0.0.1:{}/", process.port());
    let url = format!("{server}orders.*?stream=ORDERS");
    let arguments =
        ["create", &url, "--set", "max_age=24h", "--set", "storage=memory", "--set", "max_msgs=9"];
    for _ in 0..2 {
        let ran = ce(&arguments).ended(0).says_only("there is a stream ORDERS\n");
        assert_eq!(ran.lines()[0]["subjects"], json!(["orders.*"]));
    }
    ce_with(&["send", &format!("{server}orders.new")], format!("{GOOD}\n").repeat(12)).ended(0);
    assert_eq!(ce(&["look", &url]).lines()[0]["messages"], 9);
    ce(&["create", &url, "--set", "max_msgs=8", "--set", "storage=memory"])
        .says("there is a stream `ORDERS` with `max_msgs` 9 and not 8");
    // With other settings, with a subject of another one, and with a setting that there is not.
    for (url, set, status) in [
        (url.as_str(), "max_msgs=8", 1),
        (&format!("{server}orders.new?stream=OTHER"), "max_msgs=9", 1),
        (&url, "max_messages=9", 2),
    ] {
        ce(&["create", url, "--set", set]).ended(status).prints("");
    }
}

#[test]
fn a_topic_has_its_settings() {
    let Some(server) = variable("CE_TEST_KAFKA_URL") else { return };
    let url = format!("{}/create-{}", server.trim_end_matches('/'), std::process::id());
    let settings = ["--set", "partitions=3", "--set", "retention.ms=3600000"];
    let create = || ce(&[&["create", &url][..], &settings].concat());
    assert_eq!(create().ended(0).lines()[0]["partitions"], 3);
    assert_eq!(ce(&["look", &url]).lines()[0]["partitions"], 3);
    create().ended(1).says("already");
    ce(&["create", &format!("{url}-2"), "--set", "retention=1"])
        .ended(1)
        .says("help: a setting")
        .says("Kafka has no setting `retention`");
}

/// Each protocol says what creates its places.
#[test]
fn what_is_not_created_has_the_help_of_its_protocol() {
    let mut count = 0;
    for binding in cloudevents_kit::bindings() {
        let Create::Elsewhere(help) = binding.create else { continue };
        for scheme in binding.urls.schemes() {
            let url = format!("{}://127.0.0.1:9/orders", scheme.name);
            ce(&["create", &url]).ended(2).prints("").says(help);
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
        ce(&["create", url]).ended(status).prints("").says(words);
    }
    ce(&["create", "kafka://127.0.0.1:9/t", "--set", "partitions"]).ended(2);
    // RabbitMQ would accept it.
    ce(&["create", "rabbitmq://127.0.0.1:9/?queue=q", "--set", "max-lenght=9"]).ended(2).says("`max-length`");
}
