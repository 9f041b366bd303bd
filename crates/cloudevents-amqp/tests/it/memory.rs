//! The memory that decoding and encoding use, measured by a counting allocator.

use bytes::Bytes;
use cloudevents_amqp::{AmqpValue, Body};
use cloudevents_core::{DecodeOptions, Event, Mode, Payload};
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

fn plain() -> Event {
    Event::builder()
        .id("A234-1234-1234")
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("17")
        .time("2018-04-05T17:31:00.123Z")
        .extension("priority", 3)
        .extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .payload("application/json", Payload::json(r#"{"total":129.95}"#))
        .build()
        .unwrap()
}

#[test]
fn a_plain_event() {
    let (message, _) = cloudevents_amqp::encode(&plain(), Mode::Binary).unwrap();
    let decode = || cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap();
    assert!(heap::of(decode).calls <= 2, "{:?}", heap::of(decode));
    let event = decode().value;
    let encode = || cloudevents_amqp::encode(&event, Mode::Binary).unwrap();
    assert!(heap::of(encode).calls <= 4, "{:?}", heap::of(encode));
}

#[test]
fn a_large_payload_is_not_copied() {
    let (mut message, _) = cloudevents_amqp::encode(&plain(), Mode::Binary).unwrap();
    message.body = Body::Data(Bytes::from(vec![b' '; 1 << 20]));
    let heap = heap::of(|| cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap());
    assert!(heap.peak < 2048, "{heap:?}");
}

#[test]
fn sections_are_joined_in_one_piece() {
    let (mut message, _) = cloudevents_amqp::encode(&plain(), Mode::Binary).unwrap();
    message.body = Body::DataSections(vec![Bytes::from(vec![b' '; 1000]); 1000]);
    let heap = heap::of(|| cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap());
    assert!((1_000_000..1_002_048).contains(&heap.peak), "{heap:?}");
}

#[test]
fn sections_beyond_the_limit_are_not_joined() {
    let (mut message, _) = cloudevents_amqp::encode(&plain(), Mode::Binary).unwrap();
    // Many references to the same megabyte: cheap to send, expensive to join.
    message.body = Body::DataSections(vec![Bytes::from(vec![0; 1 << 20]); 100_000]);
    let heap = heap::of(|| cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap_err());
    assert!(heap.peak < 4096, "{heap:?}");
}

#[test]
fn foreign_properties_cost_nothing() {
    let (mut message, _) = cloudevents_amqp::encode(&plain(), Mode::Binary).unwrap();
    let alone = heap::of(|| cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap());
    for n in 0..10_000 {
        message = message.with_property(format!("other{n}"), AmqpValue::String("x".repeat(100).into()));
    }
    let among = heap::of(|| cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap());
    assert_eq!(among, alone);
}
