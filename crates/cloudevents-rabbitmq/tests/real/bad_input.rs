//! Messages that the client cannot read, or that are too large, and those that only look wrong.

use crate::tools::{event, events, id, next, receiver_from, sender_to, strict, until, within};
use cloudevents_core::{ErrorKind, Event};
use cloudevents_rabbitmq::lapin4::receiver;
use cloudevents_testkit::rabbitmq::Broker;
use futures_util::future::select_all;
use std::time::Duration;

/// A table of headers with its flags, as it is on the wire.
fn table(headers: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
    let mut table = Vec::new();
    for (name, kind, value) in headers {
        table.extend([&[name.len() as u8], *name, &[*kind], *value].concat());
    }
    [&[0x20, 0][..], &(table.len() as u32).to_be_bytes(), &table].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text].concat()
}

/// Properties that the client library cannot read would end its connection, and the broker would deliver the
/// message again, for ever.
#[tokio::test]
async fn what_the_client_cannot_read_surfaces_and_blocks_nothing() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("q");
    let (version, source, ty, one, two) = (long(b"1.0"), long(b"/s"), long(b"t"), long(b"1"), long(b"2"));
    let mut nested = Vec::new();
    for _ in 0..5000 {
        nested = [b"\x01aF".as_slice(), &long(&nested)].concat();
    }
    let nested = long(&nested);
    let attributes: [(&[u8], u8, &[u8]); 3] =
        [(b"ce-specversion", b'S', &version), (b"ce-source", b'S', &source), (b"ce-type", b'S', &ty)];
    let with = |more: &[(&[u8], u8, &[u8])]| table(&[&attributes, more].concat());
    let cases: [(Vec<u8>, Option<ErrorKind>); 8] = [
        // A foreign name that is not text; the event is whole.
        (with(&[(b"ce-id", b'S', &one), (b"gr\xfc\xdfe", b'S', &one)]), None),
        (with(&[(b"ce-id", b'S', &one), (b"ce-\xff", b'S', &one)]), Some(ErrorKind::InvalidName)),
        (with(&[(b"ce-id", b'S', &one), (b"ce-id", b'S', &two)]), Some(ErrorKind::InvalidName)),
        (with(&[(b"ce-id", b'S', &one), (b"deep", b'F', &nested)]), None),
        (with(&[(b"ce-id", b'F', &nested)]), Some(ErrorKind::InvalidType)),
        (with(&[(b"ce-id", b'V', b"")]), Some(ErrorKind::MissingAttribute)),
        (with(&[(b"ce-id", b'S', &long(b"\xff"))]), Some(ErrorKind::InvalidUtf8)),
        (b"\x80\x00\x03a\xffb".to_vec(), Some(ErrorKind::NotACloudEvent)),
    ];
    for (properties, _) in &cases {
        queue.put_raw(properties, b"21.5");
    }
    within(sender_to(&broker, "q").await.send(&event("last"))).await.unwrap();
    let mut receiver = receiver_from(&broker, "q").await;
    for (number, (_, expected)) in cases.iter().enumerate() {
        let delivery = next(&mut receiver).await;
        let found = delivery.event().err().map(|error| error.kind());
        assert_eq!(found, *expected, "{number}");
        assert_eq!(delivery.body().unwrap(), "21.5");
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(id(&next(&mut receiver).await), "last");
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// A message far beyond the limit is not collected. What was prefetched with it comes again, and RabbitMQ 4 deletes what comes again often.
#[tokio::test]
async fn a_message_that_is_too_large_ends_one_connection_and_is_then_an_error() {
    for is_first in [true, false] {
        let broker = Broker::start().unwrap();
        let (queue, sender) = (broker.queue("q"), sender_to(&broker, "q").await);
        let url = broker.url("queue=q&max-message-size=1000");
        let open = receiver(&url, strict());
        let put = async {
            queue.put(&vec![0; 100_000]);
            within(sender.send_all(events(10))).await.unwrap();
            queue.put(&vec![0; 200_000]);
        };
        let mut receiver = match is_first {
            true => {
                put.await;
                open.await.unwrap()
            }
            false => {
                let receiver = open.await.unwrap();
                put.await;
                receiver
            }
        };
        for wanted in 0..12 {
            let delivery = next(&mut receiver).await;
            match wanted {
                0 | 11 => assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::TooLarge),
                _ => assert_eq!(id(&delivery), (wanted - 1).to_string()),
            }
            within(delivery.accept()).await.unwrap();
        }
        // While it is opened, it connects again by itself.
        let losses = receiver.connectivity().losses();
        assert!(losses == 1 || is_first && losses == 0, "{losses}");
    }
}

/// Other receivers of the queue would lose their connections to it one after another, and RabbitMQ 4 deletes what comes back 20 times.
#[tokio::test]
async fn a_message_that_is_somewhat_too_large_ends_no_connection() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("q");
    let url = broker.url("queue=q&max-message-size=1000");
    let mut receivers = Vec::new();
    for _ in 0..3 {
        receivers.push(receiver(&url, strict()).await.unwrap());
    }
    queue.put(&[0; 2000]);
    let arriving = receivers.iter_mut().map(|receiver| Box::pin(next(receiver)));
    let (delivery, ..) = select_all(arriving).await;
    assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::TooLarge);
    within(delivery.accept()).await.unwrap();
    let losses: u64 = receivers.iter().map(|receiver| receiver.connectivity().losses()).sum();
    assert_eq!(losses, 0);
}

/// The broker counts messages, not bytes, and the next connections collect any of them.
#[tokio::test]
async fn behind_a_message_that_is_much_too_large_a_few_are_sent_at_once() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("q");
    for _ in 0..100 {
        queue.put(&vec![0; 1_000_000]);
    }
    let mut receiver = receiver(&broker.url("queue=q&max-message-size=1000"), strict()).await.unwrap();
    let held = next(&mut receiver).await;
    assert_eq!(held.event().unwrap_err().kind(), ErrorKind::TooLarge);
    // What the broker may send is on its way.
    until(&queue, |queue| queue.unsettled() >= 8).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(queue.unsettled(), 8);
    within(held.accept()).await.unwrap();
    for _ in 1..100 {
        within(next(&mut receiver).await.accept()).await.unwrap();
    }
}

/// Headers that RabbitMQ converts from AMQP 1.0 and MQTT 5 name attributes in other ways.
#[tokio::test]
async fn what_other_protocols_sent_is_read() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    for prefix in ["ce-", "cloudEvents_", "cloudEvents:", ""] {
        let name = |name: &str| format!("{prefix}{name}");
        let (version, id, source, kind) = (name("specversion"), name("id"), name("source"), name("type"));
        let headers: [(&str, &[u8]); 4] = [(&version, b"1.0"), (&id, b"1"), (&source, b"/s"), (&kind, b"t")];
        queue.put_with(b"21.5", Some("text/plain"), &headers);
    }
    let mut receiver = receiver_from(&broker, "orders").await;
    for _ in 0..4 {
        let delivery = next(&mut receiver).await;
        let event: Event = delivery.event().unwrap();
        assert_eq!((event.id(), event.source().as_str(), event.ty()), ("1", "/s", "t"));
        assert_eq!(event.data_bytes().unwrap(), "21.5");
        within(delivery.accept()).await.unwrap();
    }
}
