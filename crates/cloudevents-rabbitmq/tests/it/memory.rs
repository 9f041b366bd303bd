//! What reading and writing take from the heap, counted.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_rabbitmq::{RabbitMessage, decode, encode};
use cloudevents_testkit::heap::{self, order};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The message of an event as a client gives it: a payload whose buffer is counted already.
fn received(event: &Event, payload: Vec<u8>) -> RabbitMessage {
    let payload = Bytes::from(payload);
    std::mem::forget(payload.clone());
    let mut message = encode(event, Mode::Binary).unwrap().0;
    message.body = payload;
    message
}

#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    let foreign = order().into_builder().subject("café").build().unwrap();
    for event in [order(), foreign] {
        for payload in [1, 10, 1 << 20] {
            let message = received(&event, vec![b'x'; payload]);
            let heap = heap::of(|| decode(&message, &DecodeOptions::strict()));
            assert_eq!(heap.calls, 1, "{payload} bytes");
            assert!(heap.peak < 1024, "{payload} bytes: {}", heap.peak);
        }
    }
}

/// What is refused was not kept first.
#[test]
fn a_flood_of_headers_costs_no_more_than_itself() {
    let many = (0..100_000)
        .fold(RabbitMessage::new("x").with_header("ce-specversion", "1.0"), |message, n| {
            message.with_header(format!("ce-a{n}"), "")
        });
    let heap = heap::of(|| decode(&many, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
    let large = received(&order(), vec![0; 17 << 20]);
    let heap = heap::of(|| decode(&large, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1024, "{}", heap.peak);
}
