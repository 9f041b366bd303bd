//! The heap that reading takes, counted.

use cloudevents_core::{DecodeOptions, Mode};
use cloudevents_json::Json;
use cloudevents_pgmq::{PgmqMessage, decode, decode_message, encode};
use cloudevents_testkit::heap::{self, order};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// The document of an event as a client gives it, whose buffer is shared already.
fn received(padding: usize) -> PgmqMessage {
    let (mut message, _) = encode(&order(), Mode::structured(&Json::new())).unwrap();
    let mut document = message.message.to_vec();
    document.extend(std::iter::repeat_n(b' ', padding));
    message.message = document.into();
    std::mem::forget(message.message.clone());
    message
}

#[test]
fn a_message_that_is_forwarded_is_not_copied() {
    for padding in [0, 1 << 20] {
        let message = received(padding);
        let heap = heap::of(|| decode_message(&message, &DecodeOptions::strict()));
        assert!(heap.peak < 1024, "{padding} bytes: {}", heap.peak);
    }
}

/// A refused message was not kept first.
#[test]
fn a_message_that_is_too_large_costs_nothing() {
    let large = received(17 << 20);
    let heap = heap::of(|| decode(&large, &DecodeOptions::strict()).map(|_| ()).unwrap_err());
    assert!(heap.peak < 1024, "{}", heap.peak);
}
