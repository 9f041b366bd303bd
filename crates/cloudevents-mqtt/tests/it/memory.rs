//! The heap that reading and writing take, counted.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_mqtt::{MqttMessage, decode, encode};
use cloudevents_testkit::heap::{self, order};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The message of an event as a client gives it.
fn received(event: &Event, payload: Bytes) -> MqttMessage {
    let mut message = encode(event, Mode::Binary).unwrap().0;
    message.payload = payload;
    message
}

#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    let foreign = order().into_builder().subject("café").build().unwrap();
    for event in [order(), foreign] {
        heap::check_payloads(
            1,
            |payload| received(&event, payload),
            |message| decode(message, &DecodeOptions::strict()),
        );
    }
}

/// A refused message was not kept first.
#[test]
fn a_flood_of_properties_costs_no_more_than_itself() {
    let many = (0..100_000)
        .fold(MqttMessage::new("x").with_user_property("specversion", "1.0"), |message, n| {
            message.with_user_property(format!("a{n}"), "")
        });
    let heap = heap::of(|| decode(&many, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
}
