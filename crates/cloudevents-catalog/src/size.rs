//! The sizes of JSON, of which a few bytes can take much memory.

// The sizes of schemas, for these formats only.
#![cfg_attr(not(any(feature = "apacheavro022", feature = "jsonschema060")), allow(dead_code))]

use serde_json::Value;

/// The most values of a text: each of them is the first value, or behind one of these bytes.
pub(crate) fn values_in(text: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (1_usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

/// How many values there are in a value.
pub(crate) fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(values).fold(1, usize::saturating_add),
        Value::Object(members) => members.values().map(values).fold(1, usize::saturating_add),
        _ => 1,
    }
}

/// The bytes that a value has besides those within it, about. The members of an object are in nodes of a tree, each with capacity for many.
pub(crate) fn own_memory(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len().saturating_add(64),
        Value::Object(members) if !members.is_empty() => {
            members.keys().map(|name| name.len().saturating_add(128)).fold(700, usize::saturating_add)
        }
        _ => 64,
    }
}

/// The bytes of a value, with all that is within it.
pub(crate) fn memory(value: &Value) -> usize {
    let own = own_memory(value);
    match value {
        Value::Array(items) => items.iter().map(memory).fold(own, usize::saturating_add),
        Value::Object(members) => members.values().map(memory).fold(own, usize::saturating_add),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_no_fewer_values() {
        for (text, at_most) in [
            ("1", 1),
            ("[]", 2),
            (r#"[1, [2, {"a": null}], "x,[{"]"#, 7),
            (r#"{"a\\": {"b\"{,": [{}, {}]}}"#, 7),
            (r#""\\\",[""#, 1),
        ] {
            let parsed = serde_json::from_str(text).unwrap();
            let (least, most) = (values(&parsed), values_in(text.as_bytes()));
            assert!(least <= most && most <= at_most, "{text}: {least}, {most}");
        }
    }
}
