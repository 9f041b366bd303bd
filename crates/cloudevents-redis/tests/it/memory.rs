//! What reading takes from the heap, counted.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_redis::{RedisMessage, decode, encode};
use cloudevents_testkit::heap::{self, order};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The entry of an event as a client gives it: a payload whose buffer is counted already.
fn received(event: &Event, payload: Vec<u8>) -> RedisMessage {
    let payload = Bytes::from(payload);
    std::mem::forget(payload.clone());
    let mut message = encode(event, Mode::Binary).unwrap().0;
    message.fields.retain(|(name, _)| name != "data");
    message.with_field("data", payload)
}

#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    for payload in [1, 10, 1 << 20] {
        let message = received(&order(), vec![b'x'; payload]);
        let heap = heap::of(|| decode(&message, &DecodeOptions::strict()));
        assert_eq!(heap.calls, 1, "{payload} bytes");
        assert!(heap.peak < 1024, "{payload} bytes: {}", heap.peak);
    }
}

/// What is refused was not kept first.
#[test]
fn a_flood_of_fields_costs_no_more_than_itself() {
    let mut many = RedisMessage::default().with_field("ce-specversion", "1.0");
    many.fields.extend((0..100_000).map(|n| (format!("ce-a{n}").into(), Bytes::new())));
    let heap = heap::of(|| decode(&many, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
    let large = received(&order(), vec![0; 17 << 20]);
    let heap = heap::of(|| decode(&large, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1024, "{}", heap.peak);
}
