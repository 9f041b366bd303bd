//! Tests of the Protobuf format. They are in the JSON form of the messages; the documents are these messages, encoded here.

use serde_json::{Value, json};

use super::{case, golden};
use crate::compare::bytes::{decode, encode};
use crate::compare::instant::Instant;

/// The tests of a file: a `ConformanceTestFile`.
pub(super) fn format_tests(text: &str) -> Result<Vec<Value>, String> {
    let file: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())?;
    let tests = file.get("tests").and_then(Value::as_array).ok_or("no list `tests`")?;
    tests.iter().map(test).collect()
}

fn test(test: &Value) -> Result<Value, String> {
    let text = |name| test.get(name).and_then(Value::as_str);
    let id = text("id").ok_or("a test has no `id`")?;
    let sample = text("sampleId");
    let refusal = || Ok(vec![json!({"error": {}})]);
    let has = |name| test.get(name);
    let (via, document, outcomes) = if let Some(one) = has("validSingle") {
        ("protobuf", event(one), golden::of_event(sample))
    } else if let Some(some) = has("validBatch") {
        ("protobuf-batch", batch(some), golden::of_batch(sample))
    } else if let Some(one) = has("invalidSingle") {
        ("protobuf", event(one), refusal())
    } else if let Some(some) = has("invalidBatch") {
        ("protobuf-batch", batch(some), refusal())
    } else {
        return Err(format!("{id}: neither an event nor a batch"));
    };
    let body = encode(&document.map_err(|reason| format!("{id}: {reason}"))?);
    let request = json!({"op": "decode", "via": via, "message": {"body": {"base64": body}}});
    Ok(case(id, text("description").unwrap_or(id), request, outcomes?))
}

/// A `CloudEventBatch`.
fn batch(value: &Value) -> Result<Vec<u8>, String> {
    let mut message = Vec::new();
    for one in value.get("events").and_then(Value::as_array).ok_or("a batch has no `events`")? {
        bytes(&mut message, 1, &event(one)?);
    }
    Ok(message)
}

/// A `CloudEvent`, its fields in the order of their numbers.
fn event(value: &Value) -> Result<Vec<u8>, String> {
    let mut fields = Vec::new();
    for (name, value) in value.as_object().ok_or("an event is no object")? {
        let mut message = Vec::new();
        match (name.as_str(), value) {
            ("id", Value::String(text)) => string(&mut message, 1, text),
            ("source", Value::String(text)) => string(&mut message, 2, text),
            ("specVersion", Value::String(text)) => string(&mut message, 3, text),
            ("type", Value::String(text)) => string(&mut message, 4, text),
            ("attributes", Value::Object(attributes)) => {
                for (name, value) in attributes {
                    let mut entry = Vec::new();
                    string(&mut entry, 1, name);
                    bytes(&mut entry, 2, &attribute(value)?);
                    bytes(&mut message, 5, &entry);
                }
            }
            ("binaryData" | "binary_data", Value::String(text)) => bytes(&mut message, 6, &base64(text)?),
            // A member that is set and empty is written, because it is a member of a oneof.
            ("textData" | "text_data", Value::String(text)) => bytes(&mut message, 7, text.as_bytes()),
            _ => return Err(format!("an event has no `{name}` of this type")),
        }
        fields.push(message);
    }
    // The first byte of a field has its number.
    fields.sort_by_key(|field| field.first().copied());
    Ok(fields.concat())
}

/// A `CloudEventAttributeValue`.
fn attribute(value: &Value) -> Result<Vec<u8>, String> {
    let mut message = Vec::new();
    for (name, value) in value.as_object().ok_or("the value of an attribute is no object")? {
        match (name.as_str(), value) {
            ("ceBoolean", Value::Bool(value)) => number(&mut message, 1, u64::from(*value)),
            ("ceInteger", Value::Number(value)) => {
                number(&mut message, 2, value.as_i64().ok_or("no integer")?.cast_unsigned());
            }
            ("ceString", Value::String(text)) => bytes(&mut message, 3, text.as_bytes()),
            ("ceBytes", Value::String(text)) => bytes(&mut message, 4, &base64(text)?),
            ("ceUri", Value::String(text)) => bytes(&mut message, 5, text.as_bytes()),
            ("ceUriRef", Value::String(text)) => bytes(&mut message, 6, text.as_bytes()),
            ("ceTimestamp", Value::String(text)) => {
                let seconds = Instant::parse(text).and_then(|instant| instant.whole_seconds());
                let seconds = seconds.ok_or_else(|| format!("no timestamp in whole seconds: {text}"))?;
                let mut timestamp = Vec::new();
                number(&mut timestamp, 1, seconds.cast_unsigned());
                bytes(&mut message, 7, &timestamp);
            }
            _ => return Err(format!("an attribute has no `{name}` of this type")),
        }
    }
    Ok(message)
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    decode(text).ok_or_else(|| format!("no base64: {text}"))
}

/// A field of type `string`, which is not written when it is empty.
fn string(message: &mut Vec<u8>, field: u8, text: &str) {
    if !text.is_empty() {
        bytes(message, field, text.as_bytes());
    }
}

fn bytes(message: &mut Vec<u8>, field: u8, value: &[u8]) {
    message.push(field << 3 | 2);
    varint(message, value.len().try_into().unwrap_or(u64::MAX));
    message.extend(value);
}

fn number(message: &mut Vec<u8>, field: u8, value: u64) {
    message.push(field << 3);
    varint(message, value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(0x80 | u8::try_from(value & 0x7f).unwrap_or_default());
        value >>= 7;
    }
    message.push(u8::try_from(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_encoded_by_their_schema() {
        // What protoc makes of `id: "1" source: "/s" spec_version: "1.0" type: "t" attributes { key: "n" value { ce_integer: -1 } }`.
        let one = json!({"id": "1", "source": "/s", "specVersion": "1.0", "type": "t", "attributes": {"n": {"ceInteger": -1}}});
        let parts = [
            b"\x0a\x011\x12\x02/s".as_slice(),
            b"\x1a\x031.0\x22\x01t",
            b"\x2a\x10\x0a\x01n\x12\x0b\x10",
            &[0xff; 9],
            b"\x01",
        ];
        assert_eq!(event(&one).unwrap(), parts.concat());
        let time = json!({"ceTimestamp": "1970-01-01T00:05:00Z"});
        assert_eq!(attribute(&time).unwrap(), b"\x3a\x03\x08\xac\x02");
        assert_eq!(attribute(&json!({})).unwrap(), b"");
        assert_eq!(event(&json!({"id": "", "text_data": ""})).unwrap(), b"\x3a\x00");
        assert_eq!(batch(&json!({"events": [{}]})).unwrap(), b"\x0a\x00");
    }

    #[test]
    fn tests_become_cases() {
        let file = json!({"tests": [
            {"id": "validMinimal", "sampleId": "minimal", "validSingle": {"id": "minimal"}},
            {"id": "invalidBatch", "description": "Bad", "invalidBatch": {"events": []}}
        ]});
        let cases = format_tests(&file.to_string()).unwrap();
        assert_eq!(cases[0]["id"], "valid-minimal");
        assert_eq!(cases[0]["request"]["message"]["body"]["base64"], "CgdtaW5pbWFs");
        assert_eq!(cases[0]["expect"][0]["result"]["events"][0]["attributes"]["id"]["value"], "minimal");
        assert_eq!(cases[1]["request"]["via"], "protobuf-batch");
        assert_eq!((&cases[1]["title"], &cases[1]["expect"]), (&json!("Bad"), &json!([{"error": {}}])));
        for text in [
            "{",
            "{}",
            r#"{"tests":[{}]}"#,
            r#"{"tests":[{"id":"a"}]}"#,
            r#"{"tests":[{"id":"a","validSingle":{"x":1}}]}"#,
        ] {
            assert!(format_tests(text).is_err(), "{text}");
        }
    }
}
