//! `ce conformance run --consumer`, with consumers behind brokers in this process: one that conforms, and some with a fault each.

use crate::program::{Ran, ce, path_of};
use cloudevents_kit::{Delivery, Event, Outgoing, connect_receiver, connect_sender};
use cloudevents_testkit::{amqp, kafka, mqtt, nats, ports};
use std::{any::Any, collections::BTreeSet};
use tokio::runtime::{Builder, Runtime};

/// What a consumer does to an event before it publishes it again.
type Change = fn(Event) -> Event;

/// A consumer; it ends when it is dropped.
struct Consumer(Option<Runtime>);

impl Consumer {
    fn start(from: &str, to: &str, change: Change) -> Self {
        // What is no event is dropped.
        Self::publishing(from, to, move |delivery| {
            delivery.events().unwrap_or_default().into_iter().map(|event| change(event).into()).collect()
        })
    }

    /// Publishes what this makes of each message.
    fn publishing(
        from: &str,
        to: &str,
        publish: impl Fn(&Delivery) -> Vec<Outgoing> + Send + 'static,
    ) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (mut receiver, sender) = runtime
            .block_on(async { (connect_receiver(from).await.unwrap(), connect_sender(to).await.unwrap()) });
        runtime.spawn(async move {
            while let Ok(Some(delivery)) = receiver.next().await {
                for message in publish(&delivery) {
                    sender.send(message).await.unwrap();
                }
                delivery.accept().await.unwrap();
            }
        });
        Self(Some(runtime))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

fn run(to: &str, from: &str, more: &[&str]) -> Ran {
    ce(&[&["conformance", "run", "--consumer", to, "--echo", from], more].concat())
}

/// The ids of the cases with this verdict.
fn with_verdict(ran: &Ran, verdict: &str) -> BTreeSet<String> {
    let lines = ran.lines();
    let cases = lines.iter().filter(|line| line["verdict"] == verdict);
    cases.map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

/// Faults, each with a case of Kafka, of AMQP, of NATS, of MQTT and of HTTP that finds it.
const FAULTS: [(&str, Change, [&str; 5]); 4] = [
    (
        "drops the subject",
        |mut event| {
            event.remove("subject");
            event
        },
        [
            "kafka/binary-decode/value-case-kept",
            "amqp/values/string-beyond-ascii-underscored",
            "nats/binary-decode/value-case-kept",
            "mqtt/binary-decode/value-case-kept",
            "http/binary-decode/value-case-kept",
        ],
    ),
    (
        "changes the time",
        |mut event| {
            if event.time().is_some() {
                event.set_time("2020-01-01T00:00:00Z").unwrap();
            }
            event
        },
        [
            "kafka/binary-decode/every-core-attribute",
            "amqp/values/time-string-underscored",
            "nats/content-type/decode-no-type",
            "mqtt/content-type/decode-no-type",
            "http/binary-decode/every-core-attribute",
        ],
    ),
    (
        "decodes percent signs once more",
        decode_again,
        [
            "kafka/binary-decode/percent-sign-is-literal",
            "amqp/values/string-with-escapes-underscored",
            "nats/header-values/once",
            "mqtt/binary-decode/percent-sign",
            "http/header-values-decode/percent-decoded-once",
        ],
    ),
    (
        "loses the content type",
        |mut event| {
            event.remove("datacontenttype");
            event
        },
        [
            "kafka/content-type/decode-spelling-kept",
            "amqp/payload/content-type-kept-underscored",
            "nats/content-type/decode-bytes",
            "mqtt/content-type/decode-bytes",
            "http/content-type/decode-parameters-kept",
        ],
    ),
];

fn decode_again(mut event: Event) -> Event {
    let texts: Vec<(String, String)> = event
        .attributes()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.as_str()?.to_owned())))
        .filter(|(name, text)| text.contains('%') && !["source", "time"].contains(&name.as_str()))
        .collect();
    for (name, text) in texts {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, others)) = rest.split_first() {
            let escaped = others.get(..2).filter(|_| *first == b'%');
            match escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = others.get(2..).unwrap_or_default();
                }
                None => {
                    bytes.push(*first);
                    rest = others;
                }
            }
        }
        let decoded = String::from_utf8_lossy(&bytes).into_owned();
        if name == "subject" {
            event.set_subject(decoded).unwrap()
        } else {
            let _ = event.set_extension(name, decoded);
        }
    }
    event
}

/// The places of a consumer, the consumer and its broker.
type World = (String, String, Consumer, Box<dyn Any>);

/// A consumer behind this broker, with the URLs of its places.
fn world<B: Any>(broker: B, url: fn(&B, &str) -> String, change: Change) -> World {
    let consumer = Consumer::start(&url(&broker, "to?reject=drop"), &url(&broker, "from"), change);
    (url(&broker, "to"), url(&broker, "from"), consumer, Box::new(broker))
}

/// With these options, a consumer without a fault passes more cases than this number, and fails none. Each fault is found by the case of
/// this area.
fn check(area: &str, least: usize, more: &[&str], open: fn(Change) -> World) {
    let (to, from, _consumer, _broker) = open(|event| event);
    let ran = run(&to, &from, &[&["--revision", "main"], more].concat());
    assert_eq!(ran.status, 0, "{}\n{}", ran.err, ran.out);
    assert!(with_verdict(&ran, "passed").len() > least, "{}", ran.err);
    for (fault, change, cases) in FAULTS {
        let (to, from, _consumer, _broker) = open(change);
        let ran = run(&to, &from, &["--revision", "main"]).ended(1);
        let failed = with_verdict(&ran, "failed");
        let found = cases.iter().filter(|case| case.starts_with(area)).all(|case| failed.contains(*case));
        assert!(found, "{fault}: {failed:?}");
        assert_eq!(with_verdict(&ran, "crashed").len(), 0, "{fault}: {}", ran.err);
    }
}

#[test]
fn consumers_of_kafka_are_judged() {
    check("kafka/", 100, &[], |change| {
        let broker = kafka::Broker::start().unwrap();
        for topic in ["to", "from"] {
            broker.create_topic(topic, 1).unwrap();
        }
        let consumer = Consumer::start(
            &broker.url("to?group=consumer&reject=drop&fetch.wait.max.ms=1"),
            &broker.url("from?linger.ms=0"),
            change,
        );
        (broker.url("to"), broker.url("from?fetch.wait.max.ms=1"), consumer, Box::new(broker))
    });
}

#[test]
fn consumers_of_amqp_are_judged() {
    check("amqp/", 60, &[], |change| world(amqp::Broker::start().unwrap(), amqp::Broker::url, change));
}

#[test]
fn consumers_of_nats_are_judged() {
    check("nats/", 50, &[], |change| world(nats::Server::start().unwrap(), nats::Server::url, change));
}

#[test]
fn consumers_of_mqtt_are_judged() {
    check("mqtt/", 40, &[], |change| world(mqtt::Broker::start().unwrap(), mqtt::Broker::url, change));
}

#[test]
fn consumers_of_http_are_judged() {
    // Nothing is a broker: the consumer serves one URL, and the harness the other.
    check("http/", 100, &["--reads", "json-batch"], |change| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let [to, from] = [(); 2].map(|()| format!("http://127.0.0.1:{}/", ports::free()));
        let consumer = Consumer::start(&to, &from, change);
        (to, from, consumer, Box::new(()))
    });
}

#[test]
fn who_copies_messages_unread_fails() {
    let broker = mqtt::Broker::start().unwrap();
    let _copier = Consumer::publishing(&broker.url("to?reject=drop"), &broker.url("from"), |delivery| {
        vec![Outgoing::as_received(delivery.received().clone())]
    });
    let badge = path_of("copier.json", "");
    let ran = run(&broker.url("to"), &broker.url("from"), &["--badge", &badge]).ended(1);
    let failed = with_verdict(&ran, "failed");
    for case in ["binary-decode/missing-id", "structured/not-json", "structured/missing-id"] {
        assert!(failed.contains(&format!("mqtt/{case}")), "{failed:?}");
    }
    let badge = std::fs::read_to_string(badge).unwrap();
    assert!(badge.contains("a consumer over mqtt5") && badge.contains("red"), "{badge}");
    // Without any program, the harness would read its own messages.
    run(&broker.url("to"), &broker.url("to?qos=1"), &[]).ended(2).says("the same place");
}
