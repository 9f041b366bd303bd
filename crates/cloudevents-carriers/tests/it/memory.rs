//! The heap that reading takes, counted.

use bytes::Bytes;
use cloudevents_carriers::{CarrierMessage, rows::*};
use cloudevents_core::{DecodeOptions, Event, Mode, Payload};
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The message of an event as a client gives it.
fn received(payload: Bytes) -> CarrierMessage {
    let builder = Event::builder().id("1").source("/s").ty("t").subject("s");
    let event = builder.payload("text/plain", Ok(Payload::text("x"))).build().unwrap();
    let mut message = GOOGLE_PUBSUB.encode(&event, Mode::Binary).unwrap().message;
    message.body = payload;
    message
}

#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    heap::check_payloads(1, received, |message| GOOGLE_PUBSUB.decode(message, &DecodeOptions::strict()));
}

/// A refused message was not kept first.
#[test]
fn a_flood_of_headers_costs_no_more_than_itself() {
    let mut many = CarrierMessage::new("x").with_header("ce-specversion", "1.0");
    for n in 0..100_000 {
        many = many.with_header(format!("ce-a{n}"), Bytes::new());
    }
    let heap = heap::of(|| GOOGLE_PUBSUB.decode(&many, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
    // Base64 is not undone before the size is known to be allowed.
    let large = CarrierMessage::new(vec![b'A'; 17 << 20]);
    let heap = heap::of(|| STORAGE_QUEUE.decode(&large, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1024, "{}", heap.peak);
}
