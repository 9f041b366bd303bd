//! `ce look` with a Kafka broker in this process, and what other protocols do not show. Each binding has tests of its own.

use crate::program::{GOOD, ce, ce_with};
use cloudevents_testkit::kafka::Broker;
use serde_json::{Value, json};

#[test]
fn a_topic_and_the_lag_of_a_group() {
    let broker = Broker::start().unwrap();
    for topic in ["orders", "audit"] {
        broker.create_topic(topic, 1).unwrap();
    }
    let url = broker.url("orders?group=g&reject=drop");
    ce_with(&["send", &broker.url("orders")], format!("{GOOD}\n").repeat(3)).ended(0);
    ce(&["listen", &url, "--count", "2"]).ended(0);
    assert_eq!(broker.committed("g", "orders").unwrap(), [Some(2)]);

    let ran = ce(&["look", &url]).ended(0).says_only("1 topic\n");
    let expected = json!({
        "kind": "topic", "name": "orders", "partitions": 1, "messages": 3, "lag": 1,
        "parts": [{"kind": "partition", "name": "0", "first": 0, "end": 3, "committed": 2, "lag": 1}],
    });
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), expected);
    let ran = ce(&["look", &url, "--output", "pretty", "-q"]);
    let expected = "topic orders   partitions 1   messages 3   lag 1\n  partition 0   first 0   end 3   committed 2   lag 1\n";
    assert_eq!((ran.status, ran.out.as_str(), ran.err.as_str()), (0, expected, ""));
    assert_eq!(broker.committed("g", "orders").unwrap(), [Some(2)]);

    let all = format!("kafka://{}", broker.bootstrap_servers());
    let ran = ce(&["look", &all]).ended(0).says_only("2 topics\n");
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let topic = |name: &str, messages: u64| json!({"kind": "topic", "name": name, "partitions": 1, "messages": messages});
    assert_eq!(lines, [topic("audit", 0), topic("orders", 3)]);

    ce(&["look", &broker.url("missing")]).ended(1).prints("").says("the topic `missing`");
}

#[test]
fn without_any_place_the_status_says_so() {
    let broker = Broker::start().unwrap();
    ce(&["look", &format!("kafka://{}", broker.bootstrap_servers())])
        .ended(1)
        .prints("")
        .says_only("0 places\n");
}

#[test]
fn what_shows_nothing_names_what_does() {
    for (url, status, words) in [
        ("http://127.0.0.1:9/events", 2, "keeps no messages"),
        ("amqp://127.0.0.1:9/orders", 2, "rabbitmqctl list_queues"),
        ("mqtt://127.0.0.1:9/orders", 2, "mosquitto_sub"),
        ("ws://127.0.0.1:9/orders", 2, "keeps no messages"),
        ("nats://127.0.0.1:9/orders", 2, "nats+jetstream"),
        ("rabbitmq://127.0.0.1:9/", 2, "rabbitmqctl list_queues"),
        ("-", 2, "a file is not a broker"),
        ("gopher://127.0.0.1:9/", 2, "`gopher` URLs"),
        ("kafka://127.0.0.1:9/t?gruop=g", 2, "there is no option `gruop`"),
        ("kafka://127.0.0.1:9/t", 3, "127.0.0.1:9"),
        ("nats+jetstream://127.0.0.1:9/t", 3, ""),
        ("redis://127.0.0.1:9/0", 3, ""),
        ("rabbitmq://127.0.0.1:9/?queue=q", 3, ""),
        ("postgres://u@127.0.0.1:9/d", 3, ""),
    ] {
        ce(&["look", url]).ended(status).prints("").says(words);
    }
}

/// No `lag` is not a lag of none.
#[test]
fn a_group_without_a_commit_is_reported() {
    let broker = Broker::start().unwrap();
    broker.create_topic("orders", 2).unwrap();
    let ran = ce(&["look", &broker.url("orders?group=nosuch")]).ended(0);
    let place: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&place["lag"], &place["uncommitted"]), (&Value::Null, &2.into()), "{place}");
    assert!(ran.err.contains("there is no such group [uncommitted]"), "{}", ran.err);
    let all = format!("kafka://{}?group=nosuch", broker.bootstrap_servers());
    ce(&["look", &all]).says_times("or there is no such group [uncommitted]", 1);
    // In one partition only.
    let group = broker.url("orders?group=g&reject=drop");
    ce(&["listen", &format!("{group}&partitions=0"), "--idle", "1"]).ended(0);
    let ran = ce(&["look", &group]);
    let place: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&place["lag"], &place["uncommitted"]), (&0.into(), &1.into()), "{place}");
    assert!(ran.err.contains("without 1 of its 2 partitions"), "{}", ran.err);
}

/// As a server does that expects TLS.
#[test]
fn a_broker_that_closes_the_connection_may_expect_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || while listener.accept().is_ok() {});
    ce(&["look", &format!("kafka://127.0.0.1:{port}/orders?connect-timeout=2s")])
        .ended(3)
        .says("needs the option `tls`");
}

#[test]
fn a_connection_that_was_never_made_is_not_lost() {
    for url in ["redis://127.0.0.1:9/0", "rabbitmq://127.0.0.1:9/?queue=q"] {
        ce(&["look", url]).says_first("error: no connection could be made");
    }
}
