//! The heap that reading takes, counted.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_redis::{RedisMessage, decode, encode};
use cloudevents_testkit::heap::{self, order};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The entry of an event as a client gives it.
fn received(event: &Event, payload: Bytes) -> RedisMessage {
    let mut message = encode(event, Mode::Binary).unwrap().0;
    message.fields.retain(|(name, _)| name != "data");
    message.with_field("data", payload)
}

#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    heap::check_payloads(
        1,
        |payload| received(&order(), payload),
        |message| decode(message, &DecodeOptions::strict()),
    );
}

/// A refused message was not kept first.
#[test]
fn a_flood_of_fields_costs_no_more_than_itself() {
    let mut many = RedisMessage::default().with_field("ce-specversion", "1.0");
    many.fields.extend((0..100_000).map(|n| (format!("ce-a{n}").into(), Bytes::new())));
    let heap = heap::of(|| decode(&many, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
}
