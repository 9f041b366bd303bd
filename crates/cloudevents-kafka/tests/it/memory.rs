//! Counts the allocations of reading and writing.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_kafka::{Record, decode, encode};
use cloudevents_testkit::heap::{self, order};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The record of an event as a client returns it: a value whose buffer is already reference-counted.
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
            let heap = heap::of(|| decode(&record, &DecodeOptions::strict()));
            assert_eq!(heap.calls, 1, "{payload} bytes");
            assert!(heap.peak < 1024, "{payload} bytes: {}", heap.peak);
        }
    }
}

#[test]
fn a_record_is_its_headers_and_the_names_of_the_extensions() {
    // Read from a record, so that all text is in shareable buffers.
    let event = |event: Event| {
        let event = decode(&received(&event, vec![b'x'; 1 << 20]), &DecodeOptions::strict()).unwrap().value;
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

/// Refused input is not kept first.
#[test]
fn a_refusal_costs_no_more_than_its_headers() {
    let many = (0..100_000).fold(Record::default(), |record, n| record.with_header(format!("ce_a{n}"), None));
    let heap = heap::of(|| decode(&many, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1 << 20, "{}", heap.peak);
    let long = Record::default().with_header("ce_a", Bytes::from(vec![b'x'; 16 << 20]));
    let heap = heap::of(|| decode(&long, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 18 << 20, "{}", heap.peak);
    let large = received(&order(), vec![0; 17 << 20]);
    let heap = heap::of(|| decode(&large, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1024, "{}", heap.peak);
}
