//! A message that is sent again has the body that it came with, of any kind, or is not settled.

use crate::tools::{event, id, next, patience, receiver_from, sender_to, strict, until, within};
use cloudevents_amqp::fe2o3_amqp018::{AmqpReceiverOptions, AmqpSenderOptions, receiver, sender};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_testkit::amqp::Broker;
use cloudevents_transport::{
    Bridge, Outgoing, Raw, Received,
    bridge::{BridgePolicy, Foreign, Redrive, Wrap},
    fake::FakeQueue,
};
use std::{process::Command, time::Duration};

/// Sections of bodies, encoded by the tables of AMQP 1.0, part 1, section 1.6, and whether they are bytes or a text of one value.
const BODIES: [(&[u8], bool); 16] = [
    (b"\x00\x53\x75\xa0\x01a", true),
    (b"\x00\x53\x75\xa0\x01a\x00\x53\x75\xa0\x00\x00\x53\x75\xa0\x01b", true),
    // amqp-value: {"a": 1}
    (b"\x00\x53\x77\xc1\x06\x02\xa1\x01a\x54\x01", false),
    // {"a": {"b": null}}, with sizes of four bytes
    (b"\x00\x53\x77\xd1\x00\x00\x00\x0e\x00\x00\x00\x02\xa1\x01a\xc1\x05\x02\xa1\x01b\x40", false),
    // [1, "x"]
    (b"\x00\x53\x77\xc0\x06\x02\x54\x01\xa1\x01x", false),
    // []
    (b"\x00\x53\x77\x45", false),
    // an array of two ints
    (b"\x00\x53\x77\xe0\x04\x02\x54\x01\x02", false),
    // an array whose second element is no int: the client library does not read it, and need not
    (b"\x00\x53\x77\xe0\x05\x02\x71\xa1\x01x", false),
    // a string that is described by a symbol
    (b"\x00\x53\x77\x00\xa3\x03e:p\xa1\x01x", false),
    // a decimal
    (b"\x00\x53\x77\x74\x22\x50\x00\x01", false),
    (b"\x00\x53\x77\xa1\x02hi", true),
    // an int in four bytes, though it fits into one
    (b"\x00\x53\x77\x71\x00\x00\x00\x05", true),
    (b"\x00\x53\x77\x41", true),
    (b"\x00\x53\x77\x40", true),
    // amqp-sequence: one, and two of them
    (b"\x00\x53\x76\xc0\x06\x02\x54\x01\xa1\x01x", false),
    (b"\x00\x53\x76\xc0\x03\x01\x54\x01\x00\x53\x76\xc0\x03\x01\x54\x02", false),
];

fn filled() -> Broker {
    let broker = Broker::start().unwrap();
    BODIES.iter().for_each(|(body, _)| broker.queue("orders").put_body(body).unwrap());
    broker
}

fn expected() -> Vec<&'static [u8]> {
    BODIES.iter().map(|(body, _)| *body).collect()
}

#[tokio::test]
async fn dead_letters_keep_bodies_of_every_kind() {
    let broker = filled();
    let url = format!("{}?dead-letter=rejected", broker.url("orders"));
    let mut deliveries = receiver(&url, AmqpReceiverOptions::default()).await.unwrap();
    for _ in BODIES {
        let delivery = next(&mut deliveries).await;
        within(delivery.reject("no event")).await.unwrap();
    }
    assert_eq!(broker.queue("rejected").encoded_bodies(), expected());
    within(deliveries.drain(patience())).await.unwrap();
    assert_eq!((broker.queue("orders").len(), broker.queue("orders").unsettled()), (0, 0));
}

#[tokio::test]
async fn messages_that_are_no_events_are_forwarded_with_bodies_of_every_kind() {
    let broker = filled();
    let mut deliveries = receiver_from(&broker, "orders").await;
    let sender = sender_to(&broker, "elsewhere").await;
    for _ in BODIES {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
        within(sender.send(delivery.forward())).await.unwrap();
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(broker.queue("elsewhere").encoded_bodies(), expected());
}

/// What is not bytes has no place in another protocol.
#[tokio::test]
async fn a_body_that_is_not_bytes_is_none_for_other_protocols() {
    let broker = filled();
    let mut deliveries = receiver_from(&broker, "orders").await;
    for (body, is_bytes) in BODIES {
        let delivery = next(&mut deliveries).await;
        match delivery.received().whole_body() {
            Ok(_) => assert!(is_bytes, "{body:?}"),
            Err(error) => assert!(!is_bytes && error.kind() == ErrorKind::Unsupported, "{body:?}: {error}"),
        }
        assert!(delivery.received().size() + 8 >= body.len() / 2, "{body:?}");
    }
}

/// A bridge to a protocol that has bytes only: what it cannot carry becomes a dead letter where it came from.
#[tokio::test]
async fn a_bridge_forwards_no_body_as_none() {
    for foreign in [Foreign::Forwarded, Foreign::Wrapped(Wrap::new("/bridge", "raw"))] {
        let (broker, to) = (filled(), FakeQueue::new());
        let url = format!("{}?dead-letter=rejected", broker.url("orders"));
        let from = receiver(&url, AmqpReceiverOptions::default()).await.unwrap();
        let mut policy = BridgePolicy::default();
        policy.foreign = foreign;
        let bridge = Bridge::new(from, to.sender(), policy).unwrap();
        let orders = broker.queue("orders");
        within(bridge.run().until(until(&orders, |queue| queue.is_empty() && queue.unsettled() == 0)))
            .await
            .unwrap();
        let lacking = BODIES.iter().filter(|(_, is_bytes)| !is_bytes).map(|(body, _)| *body);
        let rejected = broker.queue("rejected").encoded_bodies();
        assert_eq!(rejected, lacking.collect::<Vec<_>>());
        assert_eq!(to.len() + rejected.len(), BODIES.len());
    }
}

/// Two bridges in a row, and then a redrive: the order of a key is kept, and each bridge counts. What a message is made of beside that is
/// the same until the redrive, which takes headers off.
#[tokio::test]
async fn bodies_of_every_kind_pass_bridges_in_a_row_with_their_keys() {
    let broker = filled();
    let foreign = |body: &'static str| {
        let mut raw = Raw::default();
        (raw.body, raw.key) = (Some(body.into()), Some("k".into()));
        raw.headers = vec![("dead-letter-reason".into(), Some("no".into()))];
        Outgoing::as_received(Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw)).key("k")
    };
    within(sender_to(&broker, "orders").await.send(foreign("keyed"))).await.unwrap();
    for (from, to, redrive) in [
        ("orders", "second", None),
        ("second", "third", None),
        ("third", "redriven", Some(Redrive::default())),
    ] {
        let mut policy = BridgePolicy::default();
        (policy.foreign, policy.limit, policy.redrive) = (Foreign::Forwarded, 1, redrive);
        let source = receiver_from(&broker, from).await;
        let bridge = Bridge::new(source, sender_to(&broker, to).await, policy).unwrap();
        let queue = broker.queue(from);
        let status = bridge.status();
        within(bridge.run().until(until(&queue, |queue| queue.is_empty() && queue.unsettled() == 0)))
            .await
            .unwrap();
        let bodies = broker.queue(to).encoded_bodies();
        assert!(
            bodies.len() >= BODIES.len() && bodies[..BODIES.len()] == expected(),
            "{to}: {:?}",
            status.metrics()
        );
    }
    let mut redriven = receiver_from(&broker, "redriven").await;
    for number in 0..=BODIES.len() {
        let delivery = next(&mut redriven).await;
        assert_eq!(delivery.header_text("bridge-hops").as_deref(), Some("3"), "{number}");
        let is_keyed = number == BODIES.len();
        assert_eq!(delivery.key().as_deref(), is_keyed.then_some(&b"k"[..]), "{number}");
        assert_eq!(delivery.header("dead-letter-reason"), None);
        within(delivery.accept()).await.unwrap();
    }
}

/// What the client library cannot read stays in its queue, and blocks nothing.
#[tokio::test]
async fn what_cannot_be_read_does_not_become_an_empty_dead_letter() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    queue.put_undecodable();
    within(sender_to(&broker, "orders").await.send(&event("after"))).await.unwrap();
    let mut options = AmqpReceiverOptions::from(DecodeOptions::strict());
    options.queue.sink_backoff = Duration::from_millis(50);
    let url = format!("{}?dead-letter=rejected", broker.url("orders"));
    let mut deliveries = receiver(&url, options).await.unwrap();
    let broken = next(&mut deliveries).await;
    assert_eq!(broken.event().unwrap_err().kind(), ErrorKind::InvalidDocument);
    assert_eq!(broken.received().whole_body().unwrap_err().kind(), ErrorKind::Unsupported);
    let error = within(broken.reject("unreadable")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    let after = next(&mut deliveries).await;
    assert_eq!(id(&after), "after");
    within(after.accept()).await.unwrap();
    within(deliveries.drain(patience())).await.unwrap();
    until(&queue, |queue| (queue.len(), queue.unsettled()) == (1, 0)).await;
    assert!(broker.queue("rejected").is_empty());
    let elsewhere = sender_to(&broker, "elsewhere").await;
    let broken = next(&mut receiver_from(&broker, "orders").await).await;
    let forwarded = within(elsewhere.send(Outgoing::as_received(broken.received().clone()))).await;
    assert_eq!(forwarded.unwrap_err().kind(), ErrorKind::Unsupported);
}

/// Qpid Proton writes bodies, and reads the dead letters and what was forwarded. `.ci/brokers/amqp` sets `CE_TEST_AMQP_PROTON` to a
/// Python that has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_bodies_of_another_client_are_kept() {
    let (Ok(server), Ok(python)) = (std::env::var("CE_TEST_AMQP_URL"), std::env::var("CE_TEST_AMQP_PROTON"))
    else {
        println!("SKIPPED: CE_TEST_AMQP_URL or CE_TEST_AMQP_PROTON is not set");
        return;
    };
    if std::env::var("CE_TEST_AMQP_BROKER").as_deref() == Ok("rhea") {
        println!("SKIPPED: rhea's broker ends the connection when Proton receives");
        return;
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let names = ["control", "bodies", "rejected", "forwarded"].map(|what| format!("{what}-{now}"));
    let proton = async |queue: &str, what: &[&str]| {
        let (_, path) = server.split_once("://").unwrap().1.split_once('/').unwrap();
        let host = server.strip_suffix(path).unwrap().trim_end_matches('/');
        let mut command = Command::new(&python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bodies.py"));
        command.arg(host).arg(format!("{path}{queue}")).args(what);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        print!("{said}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let [control, bodies, rejected, forwarded] = &names;
    let count = proton(bodies, &["send"]).await.len().to_string();
    // What the broker alone makes of them.
    assert_eq!(proton(control, &["send"]).await.len().to_string(), count);
    let expected = proton(control, &["read", &count]).await;
    assert!(expected.iter().any(|body| body.contains("dict ['str a: int 1']")), "{expected:?}");
    // An address in a URL is percent-encoded where it has to be; the option is the address itself.
    let path = server.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let mut deliveries =
        receiver(&format!("{server}{bodies}?dead-letter={path}{rejected}"), strict()).await.unwrap();
    let elsewhere = sender(&format!("{server}{forwarded}"), AmqpSenderOptions::default()).await.unwrap();
    for _ in &expected {
        let delivery = next(&mut deliveries).await;
        within(elsewhere.send(delivery.forward())).await.unwrap();
        within(delivery.reject("no event")).await.unwrap();
    }
    within(deliveries.drain(patience())).await.unwrap();
    assert_eq!(proton(forwarded, &["read", &count]).await, expected);
    assert_eq!(proton(rejected, &["read", &count]).await, expected);
}
