//! Headers of other protocols that a target cannot carry: what any source may bring, to every target, under every policy of losses.

use crate::pairs::{ENDS, end};
use cloudevents_kit::{
    Bridge, Error, ErrorKind, Event, Outgoing, Receiver, Sender,
    transport::{
        LossPolicy, Receipt, Received, SenderOptions,
        bridge::{BridgePolicy, Fate},
    },
};
use cloudevents_testkit::patience;
use std::sync::Arc;
use tokio::{sync::mpsc, time::timeout};

type Headers = Vec<(String, Vec<u8>)>;

/// What some source can bring beside an event, and the targets that carry it as it is.
fn cases() -> Vec<(&'static str, Headers, &'static [&'static str])> {
    const ALL: &[&str] = &["http", "kafka", "amqp", "rabbitmq", "nats", "mqtt"];
    const BYTES: &[&str] = &["kafka", "amqp", "rabbitmq"];
    let one = |name: &str, value: &[u8]| vec![(name.to_owned(), value.to_owned())];
    vec![
        ("text", one("x-text", b"plain"), ALL),
        ("a number as its text", one("x-number", b"-5"), ALL),
        ("nothing", one("x-empty", b""), ALL),
        ("text beyond ASCII", one("x-text", "Größe".as_bytes()), ALL),
        // Over HTTP, such bytes are opaque.
        ("bytes that are no UTF-8", one("x-bytes", b"\xfe\xff"), &["http", "kafka", "amqp", "rabbitmq"]),
        ("a control character", one("x-bytes", b"a\x00\x01b"), &["kafka", "amqp", "rabbitmq", "nats"]),
        ("line breaks", one("x-lines", b"a\r\nce-id: 2"), BYTES),
        ("a name with a space", one("x name", b"1"), &["kafka", "amqp", "rabbitmq", "mqtt"]),
        ("a name beyond ASCII", one("x-größe", b"1"), &["kafka", "amqp", "rabbitmq", "mqtt"]),
        ("a name with NUL", one("x-\0", b"1"), &["amqp", "rabbitmq"]),
        ("no name", one("", b"1"), &["kafka", "amqp", "rabbitmq", "mqtt"]),
        ("a long name", one(&"X".repeat(256), b"1"), &["http", "kafka", "amqp", "nats", "mqtt"]),
        ("a long value", one("x-long", &[b'v'; 70_000]), &["http", "kafka", "amqp", "rabbitmq", "nats"]),
        (
            "a name like that of an attribute",
            one("other", b"1"),
            &["http", "kafka", "amqp", "rabbitmq", "nats"],
        ),
        ("an attribute over HTTP and NATS", one("CE-other", b"1"), &["kafka", "amqp", "rabbitmq", "mqtt"]),
        ("an attribute over Kafka", one("ce_other", b"1"), &["amqp", "rabbitmq", "nats", "mqtt"]),
        ("an attribute over AMQP", one("cloudEvents:other", b"1"), &["kafka", "mqtt"]),
        ("the content type", one("Content-Type", b"a/b"), &["kafka", "amqp", "rabbitmq", "mqtt"]),
        ("routing of RabbitMQ", one("CC", b"elsewhere"), &["http", "kafka", "amqp", "nats", "mqtt"]),
        (
            "a condition of JetStream",
            one("Nats-Rollup", b"all"),
            &["http", "kafka", "amqp", "rabbitmq", "mqtt"],
        ),
        (
            "the same name twice",
            [one("x-two", b"1"), one("x-two", b"2")].concat(),
            &["http", "kafka", "nats", "mqtt"],
        ),
    ]
}

fn event(id: &str) -> Event {
    Event::builder().id(id).source("/s").ty("t").text("text").build().unwrap()
}

/// The event as a source of another protocol brings it. Its own attributes are not among the headers here, so each of these is forwarded.
fn foreign(id: &str, headers: &Headers) -> Outgoing {
    let mut outgoing = Outgoing::from(event(id));
    for (name, value) in headers {
        outgoing = outgoing.header(name.as_str(), value);
    }
    outgoing
}

fn with(sender: &Sender, losses: LossPolicy) -> Sender {
    let mut options = SenderOptions::default();
    options.losses = losses;
    sender.clone().with_options(options)
}

/// Accepts what arrives, and tells its id, and the headers that the test has sent.
fn arriving(mut receiver: Receiver) -> mpsc::UnboundedReceiver<(String, Headers)> {
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = receiver.next().await {
            let id = delivery.event().unwrap().id().to_owned();
            let headers = delivery.headers();
            let kept =
                headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into_owned())));
            let _ = tell.send((id, kept.collect()));
            delivery.accept().await.unwrap();
        }
    });
    told
}

async fn send(sender: &Sender, outgoing: Outgoing) -> Result<Receipt, Error> {
    timeout(2 * patience(), sender.send(outgoing)).await.unwrap()
}

/// The headers that have arrived of those sent. HTTP writes names in lower case, and some protocols keep no order.
fn found(sent: &Headers, arrived: &Headers) -> Headers {
    let is = |(name, value): &(String, Vec<u8>), (of, is): &(String, Vec<u8>)| {
        of.eq_ignore_ascii_case(name) && is == value
    };
    sent.iter().filter(|sent| arrived.iter().any(|arrived| is(sent, arrived))).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_a_target_cannot_carry_follows_the_policy() {
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut wrong = Vec::new();
    for to in ENDS {
        let at = end(to).await;
        let (target, sender) = (at.name, at.sender.clone());
        let mut arrived = arriving(at.receiver);
        for (number, (what, headers, carried)) in cases().into_iter().enumerate() {
            // Over HTTP, it is one of the exchange, which is left out: a server may take it for an attribute.
            if target == "http" && what == "an attribute over Kafka" {
                continue;
            }
            let is_carried = carried.contains(&target);
            for losses in [LossPolicy::Refuse, LossPolicy::Log, LossPolicy::Allow] {
                let id = format!("{number}-{losses:?}");
                let place = format!("{what} to {target}, {losses:?}");
                let sent = send(&with(&sender, losses), foreign(&id, &headers)).await;
                if losses == LossPolicy::Refuse && !is_carried {
                    match sent {
                        Ok(_) => wrong.push(format!("{place}: sent")),
                        Err(error) => {
                            let name: String = headers[0].0.escape_debug().take(40).collect();
                            let text = error.to_string();
                            let is_named = text.contains(&format!("the header `{name}"));
                            if error.kind() != ErrorKind::Inexact || !is_named {
                                wrong.push(format!("{place}: {text}"));
                            }
                            continue;
                        }
                    }
                } else if let Err(error) = sent {
                    wrong.push(format!("{place}: {error}"));
                    continue;
                }
                let (came, with) = timeout(2 * patience(), arrived.recv()).await.unwrap().unwrap();
                let found = found(&headers, &with);
                if came != id || (found == headers) != is_carried {
                    wrong.push(format!("{place}: came {came} with {with:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Through bridges, end to end: with what a log and a queue hold, to targets that lack it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valid_event_is_no_dead_letter_where_losses_are_allowed() {
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    for from in ["kafka", "rabbitmq"] {
        for to in ["http", "nats"] {
            for losses in [LossPolicy::Refuse, LossPolicy::Log, LossPolicy::Allow] {
                let (from, to) = (end(from).await, end(to).await);
                let pair = format!("{} to {}, {losses:?}", from.name, to.name);
                let outgoing = foreign(
                    "1",
                    &vec![
                        ("x-bin".to_owned(), b"\x00\x01\xff".to_vec()),
                        ("x-kept".to_owned(), b"k".to_vec()),
                    ],
                );
                from.sender.send(outgoing).await.unwrap();
                let mut policy = BridgePolicy::default();
                policy.losses = losses;
                let (tell, mut fates) = mpsc::unbounded_channel();
                policy.observer = Some(Arc::new(move |_: &Received, fate: &Fate| {
                    let _ = tell.send(fate.clone());
                }));
                let bridge = Bridge::new(from.receiver, with(&to.sender, losses), policy).unwrap();
                let stop = bridge.stopper();
                let bridge = tokio::spawn(async move { bridge.run().await });
                let mut arrived = arriving(to.receiver);
                let fate = timeout(2 * patience(), fates.recv()).await.unwrap().unwrap();
                match (losses, &fate) {
                    (LossPolicy::Refuse, Fate::Refused(error) | Fate::DeadLetter(error)) => {
                        assert_eq!(error.kind(), ErrorKind::Inexact, "{pair}: {error}");
                        assert!(error.to_string().contains("`x-bin`"), "{pair}: {error}");
                        assert!(!error.to_string().contains("x-kept"), "{pair}: {error}");
                    }
                    (LossPolicy::Log | LossPolicy::Allow, Fate::Confirmed) => {
                        let (id, headers) = arrived.recv().await.unwrap();
                        let text = |wanted: &str| {
                            headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
                        };
                        assert_eq!(
                            (id.as_str(), text("x-kept"), text("x-bin")),
                            ("1", Some(b"k".to_vec()), None),
                            "{pair}"
                        );
                    }
                    _ => panic!("{pair}: {fate:?}"),
                }
                stop.stop();
                bridge.await.unwrap().unwrap();
            }
        }
    }
}

/// A file holds events, and no headers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_follows_the_policy_too() {
    let broker = cloudevents_testkit::rabbitmq::Broker::start().unwrap();
    let queue = broker.queue("q");
    let sender = cloudevents_kit::connect_sender(&broker.url("queue=q")).await.unwrap();
    let out = crate::program::file("out.jsonl", "");
    for (losses, moved) in [("refuse", 0), ("log", 1), ("allow", 2)] {
        let headers = vec![("x-h".to_owned(), b"1".to_vec())];
        sender.send(foreign(losses, &headers)).await.unwrap();
        let (from, to) = (broker.url("queue=q&reject=drop"), format!("file:{}", out.display()));
        let ran = crate::program::ce(&["bridge", &from, &to, "--idle", "1", "--losses", losses]);
        let lines = std::fs::read_to_string(&*out).unwrap();
        assert_eq!((lines.lines().count(), queue.len()), (moved, 0), "{losses}: {}", ran.err);
        assert_eq!(lines.contains(&format!("\"id\":\"{losses}\"")), losses != "refuse");
    }
}
