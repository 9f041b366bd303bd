//! The same cases with other names, so that looking up published requests as they stand answers nothing.

use cloudevents_vectors::{Case, Expected, Outcome};
use serde_json::{Map, Value};

use crate::compare::bytes::{decode, encode};

/// The same case with other names, by the seed: in the request and in every outcome, in text, in bytes and in documents of any format.
///
/// New names are as long as the names of the vectors, so that lengths in documents stay right.
///
/// | requests | change |
/// |---|---|
/// | with messages or events | ids of events. Where an id is missing or wrong, names of hosts, if no outcome has them |
/// | `sql`, `filter` | white space in front of the expression; another extension of the event |
/// | `handshake` | names of hosts |
/// | `name`, and `parse` of a String | lower-case letters |
/// | `parse` of other types | nothing: no other text has the same value |
pub(crate) fn varied(case: &Case, seed: u64) -> Case {
    let mut varied = case.clone();
    match (case.op(), case.request.get("type").and_then(Value::as_str)) {
        (Some("sql" | "filter"), _) => vary_expression(&mut varied, seed),
        (Some("handshake"), _) => vary_everywhere(&mut varied, &hosts(seed)),
        (Some("name"), _) | (Some("parse"), Some("String")) => vary_letters(&mut varied, seed),
        _ => {
            vary_everywhere(
                &mut varied,
                &[(&b"A-1001"[..], id(seed, 6)), (&b"A-1"[..], id(seed ^ 0x5eed, 3))],
            );
            // An id that is missing, or written in another way, such as with escapes.
            if varied.request == case.request && !case.expect.iter().any(has_host) {
                vary_everywhere(&mut varied, &hosts(seed));
            }
        }
    }
    varied
}

/// Changes names in a request and in its outcomes. Changes nothing if the request does not have the names.
fn vary_everywhere(case: &mut Case, names: &Ids<'_>) {
    let request = case.request.clone();
    change_members(&mut case.request, names);
    if case.request == request {
        return;
    }
    for outcome in &mut case.expect {
        if let Expected::Result(result) = &mut outcome.expected {
            change_members(result, names);
        }
    }
}

/// The name of the hosts of the vectors, in each of its spellings, and another.
fn hosts(seed: u64) -> [(&'static [u8], Vec<u8>); 3] {
    let other = id(seed, 7);
    let mut capital = other.clone();
    capital.iter_mut().take(1).for_each(u8::make_ascii_uppercase);
    let upper = other.to_ascii_uppercase();
    [(b"example", other), (b"Example", capital), (b"EXAMPLE", upper)]
}

fn has_host(outcome: &Outcome) -> bool {
    match &outcome.expected {
        Expected::Result(result) => {
            Value::from(result.clone()).to_string().to_lowercase().contains("example")
        }
        Expected::Error(_) => false,
    }
}

/// White space in front of an expression says nothing, and no expression or filter knows of the extension.
fn vary_expression(case: &mut Case, seed: u64) {
    let letters = String::from_utf8_lossy(&id(seed, 9)).into_owned();
    if let Some(Value::String(expression)) = case.request.get_mut("expression") {
        let space: String =
            letters.bytes().map(|letter| if letter.is_multiple_of(2) { ' ' } else { '\t' }).collect();
        *expression = space + expression;
    }
    let attributes = case.request.get_mut("event").and_then(|event| event.get_mut("attributes"));
    if let Some(Value::Object(attributes)) = attributes {
        attributes.insert(letters, serde_json::json!({"type": "String", "value": "1"}));
    }
}

/// Moves lower-case letters along the alphabet, in the text and in its copies in outcomes.
fn vary_letters(case: &mut Case, seed: u64) {
    let by = 1 + (seed % 25) as u8;
    let moved = |text: &str| -> String {
        let letter = |letter: char| match letter {
            'a'..='z' => char::from(b'a' + (letter as u8 - b'a' + by) % 26),
            other => other,
        };
        text.chars().map(letter).collect()
    };
    let Some(Value::String(text)) = case.request.get_mut("text") else { return };
    let (old, new) = (text.clone(), moved(text));
    // Attributes cannot have these names, in upper case or lower case.
    let reserved = |name: &str| name.eq_ignore_ascii_case("data");
    if reserved(&old) || reserved(&new) {
        return;
    }
    *text = new.clone();
    for outcome in &mut case.expect {
        let Expected::Result(result) = &mut outcome.expected else { continue };
        for value in result.values_mut().filter(|value| **value == old) {
            *value = Value::from(new.clone());
        }
    }
}

type Ids<'a> = [(&'a [u8], Vec<u8>)];

fn change_members(members: &mut Map<String, Value>, ids: &Ids<'_>) {
    for (name, value) in members {
        match value {
            // The members that hold bytes.
            Value::String(text) if matches!(name.as_str(), "base64" | "binary" | "cbor") => {
                if let Some(bytes) = decode(text) {
                    *text = encode(&changed(&bytes, ids));
                }
            }
            value => change(value, ids),
        }
    }
}

fn change(value: &mut Value, ids: &Ids<'_>) {
    match value {
        Value::String(text) => {
            let new = String::from_utf8(changed(text.as_bytes(), ids)).unwrap_or_else(|_| text.clone());
            // A message may be the Base64 of a document.
            let inside = decode(text).filter(|_| new == *text).and_then(|bytes| {
                let other = changed(&bytes, ids);
                (other != bytes).then(|| encode(&other))
            });
            *text = inside.unwrap_or(new);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, ids)),
        Value::Object(members) => change_members(members, ids),
        _ => (),
    }
}

/// The bytes with other ids. An id is not replaced if the next byte would belong to a longer id.
fn changed(bytes: &[u8], ids: &Ids<'_>) -> Vec<u8> {
    let mut changed = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        let found = ids.iter().find_map(|(old, new)| {
            let after = rest.strip_prefix(*old)?;
            let ends = !after.first().is_some_and(u8::is_ascii_digit);
            ends.then_some((after, new))
        });
        match found {
            Some((after, new)) => {
                changed.extend_from_slice(new);
                rest = after;
            }
            None => {
                changed.push(*first);
                rest = others;
            }
        }
    }
    changed
}

/// An id of letters, by the seed.
fn id(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letters = (0..length).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + ((state >> 33) % 26) as u8
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_is_on_the_list_stays_there() {
        let suite = crate::Suite::published().unwrap();
        let is_listed = |case: &Case| {
            let list =
                |side: &str, name: &str| case.request[side][name].as_array().cloned().unwrap_or_default();
            let origins = list("policy", "origins");
            let value = |header: &Value| Value::from(header[1].as_str().unwrap_or_default().to_lowercase());
            list("request", "headers").iter().any(|header| origins.contains(&value(header)))
        };
        let handshakes: Vec<_> = suite.cases().iter().filter(|case| case.op() == Some("handshake")).collect();
        assert!(
            handshakes.iter().any(|case| is_listed(case)) && !handshakes.iter().all(|case| is_listed(case))
        );
        for case in handshakes {
            assert_eq!(is_listed(case), is_listed(&varied(case, 7)), "{}", case.id);
        }
    }

    #[test]
    fn ids_change_in_text_and_in_bytes() {
        let ids: &Ids<'_> = &[(&b"A-1001"[..], b"bbbbbb".to_vec()), (&b"A-1"[..], b"ccc".to_vec())];
        assert_eq!(changed(b"A-1001 A-1,A-10 A-1", ids), b"bbbbbb ccc,A-10 ccc");
        let mut request =
            serde_json::json!({"message": {"body": {"base64": encode(b"xA-1y")}}, "id": ["A-1"]});
        change(&mut request, ids);
        assert_eq!(
            request,
            serde_json::json!({"message": {"body": {"base64": encode(b"xcccy")}}, "id": ["ccc"]})
        );
        assert_ne!(id(1, 6), id(2, 6));
        let mut body = serde_json::json!({"text": encode(br#"{"id":"A-1"}"#)});
        change(&mut body, ids);
        assert_eq!(body, serde_json::json!({"text": encode(br#"{"id":"ccc"}"#)}));
    }
}
