//! What reading and writing ask of the heap, counted.

use bytes::Bytes;
use cloudevents_core::{Decoding, Event, Mode, Payload};
use cloudevents_kafka::{Record, decode, encode};
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

fn order() -> Event {
    Event::builder()
        .id("A234-1234-1234")
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("orders/42")
        .time("2018-04-05T17:31:00.123Z")
        .extension("partitionkey", "customer-7")
        .extension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .payload("application/json", Payload::json(r#"{"total": 1}"#))
        .build()
        .unwrap()
}

/// The record of an event as a client gives it: a value whose buffer is counted already.
fn received(event: &Event, value: Vec<u8>) -> Record {
    let value = Bytes::from(value);
    std::mem::forget(value.clone());
    encode(event, Mode::Binary).unwrap().0.with_value(value)
}

#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    let foreign = order().into_builder().subject("café").build().unwrap();
    for event in [order(), foreign] {
        for payload in [0, 10, 1 << 20] {
            let record = received(&event, vec![b'x'; payload]);
            let heap = heap::of(|| decode(&record, &Decoding::strict()));
            assert_eq!(heap.calls, 1, "{payload} bytes");
            assert!(heap.peak < 1024, "{payload} bytes: {}", heap.peak);
        }
    }
}

#[test]
fn a_record_is_its_headers_and_the_names_of_the_extensions() {
    // Read from a record, so that all text is in buffers that can be shared.
    let event = |event: Event| {
        let event = decode(&received(&event, vec![b'x'; 1 << 20]), &Decoding::strict()).unwrap().value;
        std::mem::forget(encode(&event, Mode::Binary));
        event
    };
    let plain = order().into_builder().without("partitionkey").without("traceparent").build().unwrap();
    for (event, calls) in [(event(plain), 1), (event(order()), 3)] {
        let heap = heap::of(|| encode(&event, Mode::Binary));
        assert_eq!(heap.calls, calls);
        assert!(heap.peak < 2048, "{}", heap.peak);
    }
}

/// What is refused was not kept first.
#[test]
fn a_refusal_costs_no_more_than_its_headers() {
    let many = (0..100_000).fold(Record::default(), |record, n| record.with_header(format!("ce_a{n}"), None));
    let heap = heap::of(|| decode(&many, &Decoding::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
    let long = Record::default().with_header("ce_a", Bytes::from(vec![b'x'; 16 << 20]));
    let heap = heap::of(|| decode(&long, &Decoding::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 18 << 20, "{}", heap.peak);
    let large = received(&order(), vec![0; 17 << 20]);
    let heap = heap::of(|| decode(&large, &Decoding::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1024, "{}", heap.peak);
}
