//! Valid events that the harness sends by itself, to see that the consumer still reads.

use cloudevents_vectors::Carrier;
use serde_json::Value;

/// A valid event with this id, in binary mode, as the testee protocol writes the messages of a binding. `None` for a binding
/// without binary mode.
pub(super) fn message(via: &str, id: &str) -> Option<Value> {
    let attributes = [
        ("specversion", "1.0"),
        ("id", id),
        ("source", "/cloudevents/conformance"),
        ("type", "io.cloudevents.conformance.marker"),
        ("time", "2024-01-01T00:00:00Z"),
    ];
    Carrier::of(via)?.message(&attributes)
}

/// The id of an event, if it has one.
pub(super) fn id_of(event: &Value) -> Option<&str> {
    event.pointer("/attributes/id/value").and_then(Value::as_str)
}
