//! The heap that reading takes, counted.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode, Payload};
use cloudevents_sqs::{SqsMessage, decode, encode};
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

fn event() -> Event {
    let builder = Event::builder().id("1").source("/s").ty("t").subject("s");
    builder.payload("text/plain", Ok(Payload::text("x"))).build().unwrap()
}

/// The message of an event as a client gives it.
fn received(payload: Bytes) -> SqsMessage {
    let mut message = encode(&event(), Mode::Binary).unwrap().0;
    message.body = payload;
    message
}

#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    heap::check_payloads(1, received, |message| decode(message, &DecodeOptions::strict()));
}

/// A refused message was not kept first.
#[test]
fn a_flood_of_attributes_costs_no_more_than_itself() {
    let mut many = SqsMessage::new("x").with_attribute("ce-specversion", "1.0");
    for n in 0..100_000 {
        many = many.with_attribute(format!("ce-a{n}"), Bytes::new());
    }
    let heap = heap::of(|| decode(&many, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
}
