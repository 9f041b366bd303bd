//! Messages that are wrong, and those that only look so.

use crate::tools::{event, events, id, next, receiver_from, sender_to, strict, until, within};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Mode, Payload, RepairKind};
use cloudevents_rabbitmq::lapin4::receiver;
use cloudevents_rabbitmq::{FieldValue, RabbitMessage, decode, decode_message, encode, is_cloudevent};
use cloudevents_testkit::rabbitmq::Broker;
use futures_util::future::select_all;
use proptest::prelude::*;
use std::time::Duration;

fn spelled(prefix: &str) -> RabbitMessage {
    RabbitMessage::new("{}")
        .with_header(format!("{prefix}specversion"), "1.0")
        .with_header(format!("{prefix}id"), "1")
        .with_header(format!("{prefix}source"), "/s")
        .with_header(format!("{prefix}type"), "t")
}

fn message() -> RabbitMessage {
    spelled("ce-")
}

fn read(message: &RabbitMessage) -> Result<Event, ErrorKind> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value).map_err(|error| error.kind())
}

/// What RabbitMQ converts from AMQP 1.0 and MQTT keeps its producers' names.
#[test]
fn spellings_of_other_protocols() {
    for prefix in ["ce-", "cloudEvents_", "cloudEvents:", ""] {
        let event = read(
            &spelled(prefix)
                .with_header(format!("{prefix}subject"), "x")
                .with_header("x-death", FieldValue::Other("a list")),
        );
        assert_eq!(event.unwrap().subject(), Some("x"), "{prefix}");
    }
    // One spelling per message.
    assert_eq!(read(&message().with_header("cloudEvents_subject", "x")), Err(ErrorKind::InvalidName));
    assert_eq!(
        read(&spelled("cloudEvents:").with_header("cloudEvents_id", "1")),
        Err(ErrorKind::DuplicateAttribute)
    );
    // Without a prefix, a header is an attribute only where no other spelling is.
    assert_eq!(read(&message().with_header("subject", "x")).unwrap().subject(), None);
    let mut bare = spelled("");
    bare.headers.pop();
    assert_eq!(read(&bare), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn native_values() {
    let event = read(
        &message()
            .with_header("ce-time", FieldValue::Timestamp(1_522_949_460))
            .with_header("ce-flag", FieldValue::Boolean(true))
            .with_header("ce-count", FieldValue::Integer(-7))
            .with_header("ce-none", FieldValue::Void),
    )
    .unwrap();
    assert_eq!(event.time().unwrap().as_str(), "2018-04-05T17:31:00Z");
    assert_eq!(event.attribute("flag").unwrap().to_canonical(), "true");
    assert_eq!(event.attribute("count").unwrap().to_canonical(), "-7");
    assert!(event.attribute("none").is_none());
    for (name, value, kind) in [
        ("ce-subject", FieldValue::Bytes(Bytes::from_static(b"\xff")), ErrorKind::InvalidUtf8),
        ("ce-a", FieldValue::Integer(2_147_483_648), ErrorKind::InvalidInteger),
        ("ce-a", FieldValue::Other("a table"), ErrorKind::InvalidType),
        ("ce-time", FieldValue::Timestamp(u64::MAX), ErrorKind::InvalidTimestamp),
        ("ce-time", FieldValue::Timestamp(253_402_300_800), ErrorKind::InvalidTimestamp),
        ("ce-id", FieldValue::Void, ErrorKind::MissingAttribute),
        ("ce-A", FieldValue::from("x"), ErrorKind::InvalidName),
        ("ce-data", FieldValue::from("x"), ErrorKind::InvalidName),
    ] {
        assert_eq!(read(&message().with_header(name, value.clone())), Err(kind), "{name}: {value:?}");
    }
    let mut unset = message();
    unset.headers[1].1 = FieldValue::Void;
    assert_eq!(read(&unset), Err(ErrorKind::MissingAttribute));
}

#[test]
fn an_attribute_stands_there_once() {
    assert_eq!(read(&message().with_header("ce-id", "1")), Err(ErrorKind::DuplicateAttribute));
    let typed =
        |name: &str| message().with_content_type("text/plain").with_header("ce-datacontenttype", name);
    assert_eq!(read(&typed("text/plain")).unwrap().content_type().unwrap().as_str(), "text/plain");
    assert_eq!(read(&typed("text/html")), Err(ErrorKind::DuplicateAttribute));
    assert_eq!(
        read(&typed("text/plain").with_header("ce-datacontenttype", "text/plain")),
        Err(ErrorKind::DuplicateAttribute)
    );
    let repaired = decode(&typed("text/html"), &DecodeOptions::lenient()).unwrap();
    assert_eq!(repaired.repairs()[0].kind(), RepairKind::IgnoredHeader);
    assert_eq!(repaired.value.datacontenttype().unwrap().as_str(), "text/html");
}

#[test]
fn structured_messages() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let typed = |content_type: &str| RabbitMessage::new(document).with_content_type(content_type);
    assert!(read(&typed("Application/CloudEvents+JSON; charset=utf-8")).is_ok());
    assert_eq!(read(&typed("application/cloudevents+toml")), Err(ErrorKind::UnknownFormat));
    assert_eq!(read(&typed("application/cloudevents-batch+json")), Err(ErrorKind::Batched));
    assert_eq!(read(&typed("application/cloudevents+json").with_header("ce-id", "2")).unwrap().id(), "1");
    assert_eq!(
        read(&RabbitMessage::new("").with_content_type("application/cloudevents+json")),
        Err(ErrorKind::InvalidDocument)
    );
    assert_eq!(read(&typed("application/json")), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn bodies_that_are_compressed() {
    for (encoding, refused) in
        [("gzip", true), ("utf-8", false), ("UTF-8", false), ("", false), ("identity", false)]
    {
        let mut encoded = message();
        encoded.content_encoding = Some(encoding.into());
        assert_eq!(read(&encoded).err(), refused.then_some(ErrorKind::ContentEncoding), "{encoding}");
    }
    let mut foreign = RabbitMessage::new("x");
    foreign.content_encoding = Some("gzip".into());
    assert_eq!(read(&foreign), Err(ErrorKind::NotACloudEvent));
}

fn value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| FieldValue::Bytes(bytes.into())),
        Just(FieldValue::from("1.0")),
        any::<bool>().prop_map(FieldValue::Boolean),
        any::<i128>().prop_map(FieldValue::Integer),
        any::<u64>().prop_map(FieldValue::Timestamp),
        Just(FieldValue::Void),
        Just(FieldValue::Other("a table")),
    ]
}

#[test]
fn a_type_url_is_lost_in_binary_mode() {
    let payload = Payload::proto("type.example/order", vec![1]);
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .payload("application/protobuf", payload)
        .build()
        .unwrap();
    let (_, losses) = encode(&event, Mode::Binary).unwrap();
    assert_eq!(losses.iter().count(), 1);
}

proptest! {
    #[test]
    fn any_message(headers in prop::collection::vec(("(ce-|cloudEvents[_:])?([a-z]{0,3}|specversion|id|source|type|time)", value()), 0..8), content_type in prop::option::of(".{0,20}|application/cloudevents.{0,8}"), body: Vec<u8>) {
        let mut message = RabbitMessage::new(body);
        message.content_type = content_type.map(Into::into);
        for (name, value) in headers {
            message = message.with_header(name, value);
        }
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            if let Err(error) = decode(&message, &with) {
                prop_assert_eq!(error.kind() == ErrorKind::NotACloudEvent, !is_cloudevent(&message));
            }
            let _ = decode_message(&message, &with);
        }
    }
}

/// A receiver would take the payload for a document.
#[test]
fn an_event_whose_payload_is_an_event_is_not_written_in_binary_mode() {
    let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t");
    let event =
        event.payload("Application/CloudEvents+json", cloudevents_core::Payload::text("{}")).build().unwrap();
    let refused = cloudevents_rabbitmq::encode(&event, cloudevents_core::Mode::Binary).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.attribute()),
        (cloudevents_core::ErrorKind::Unsupported, Some("datacontenttype"))
    );
    assert!(
        cloudevents_rabbitmq::encode(
            &event,
            cloudevents_core::Mode::structured(&cloudevents_json::Json::new())
        )
        .is_ok()
    );
}

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
