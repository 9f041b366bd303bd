//! Valid events that the harness sends by itself, to see that the consumer still reads.

use serde_json::{Value, json};

/// A valid event with this id, in binary mode, as the testee protocol writes the messages of a binding. `None` for a binding whose messages
/// this module does not know.
pub(super) fn message(via: &str, id: &str) -> Option<Value> {
    let attributes = [
        ("specversion", "1.0"),
        ("id", id),
        ("source", "/cloudevents/conformance"),
        ("type", "io.cloudevents.conformance.marker"),
        ("time", "2024-01-01T00:00:00Z"),
    ];
    let named = |prefix: &str, value: &dyn Fn(&str) -> Value| -> Value {
        attributes.iter().map(|(name, text)| json!([format!("{prefix}{name}"), value(text)])).collect()
    };
    let text = |text: &str| json!(text);
    Some(match via {
        "kafka" => {
            json!({"key": null, "headers": named("ce_", &|text| json!({"text": text})), "value": null})
        }
        "amqp" => json!({
            "properties": {},
            "application-properties": named("cloudEvents:", &|text| json!({"type": "string", "value": text})),
            "body": {"data": [{"text": ""}]},
        }),
        "mqtt5" => json!({"user-properties": named("", &text), "payload": {"text": ""}}),
        "nats" => json!({"headers": named("ce-", &text), "payload": {"text": ""}}),
        "http" => json!({"headers": named("ce-", &text), "body": {"text": ""}}),
        _ => return None,
    })
}

/// The id of an event, if it has one.
pub(super) fn id_of(event: &Value) -> Option<&str> {
    event.pointer("/attributes/id/value").and_then(Value::as_str)
}
