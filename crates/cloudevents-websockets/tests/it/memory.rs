//! What reading and writing take from the heap, counted.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Payload};
use cloudevents_testkit::heap::{self, order};
use cloudevents_websockets::{Frame, Subprotocol, decode, encode};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The payload of a JSON document is a part of the frame.
#[test]
fn an_event_is_one_buffer_however_large_its_payload() {
    for payload in [1, 10, 1 << 20] {
        let event = order().into_builder().payload("text/plain", Payload::text("x".repeat(payload)));
        let (frame, _) =
            encode(&event.build().unwrap(), Subprotocol::Json, &DecodeOptions::strict()).unwrap();
        let decode = || decode(frame.clone(), Subprotocol::Json, &DecodeOptions::strict());
        assert!(decode().is_ok());
        let heap = heap::of(decode);
        assert!(heap.calls <= 2, "{payload} bytes: {}", heap.calls);
        assert!(heap.peak < 2048, "{payload} bytes: {}", heap.peak);
    }
}

/// What is refused was not kept first.
#[test]
fn a_refusal_costs_nothing() {
    let large = Frame::Binary(Bytes::from(vec![b'x'; 17 << 20]));
    let refused =
        || decode(large.clone(), Subprotocol::Avro, &DecodeOptions::strict()).map(|_| ()).unwrap_err();
    assert!(heap::of(refused).peak < 1024, "{:?}", heap::of(refused));
    let wrong = Frame::Binary(Bytes::from_static(b"{}"));
    let refused =
        || decode(wrong.clone(), Subprotocol::Json, &DecodeOptions::strict()).map(|_| ()).unwrap_err();
    assert!(heap::of(refused).peak < 1024, "{:?}", heap::of(refused));
}
