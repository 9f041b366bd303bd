//! The same cases with other ids, so that no testee can answer by looking a case up.

use cloudevents_vectors::{Case, Expected};
use serde_json::{Map, Value};

use crate::compare::bytes::{decode, encode};

/// A case whose events have other ids, in the request and in every outcome: in text, in bytes and in documents of any format. The
/// new ids are as long as those of the vectors, so that lengths in documents stay right.
pub(crate) fn varied(case: &Case, seed: u64) -> Case {
    let ids = [(&b"A-1001"[..], id(seed, 6)), (&b"A-1"[..], id(seed ^ 0x5eed, 3))];
    let mut case = case.clone();
    let request = case.request.clone();
    change_members(&mut case.request, &ids);
    if case.request == request {
        // The id is written in another way there, such as with escapes.
        return case;
    }
    for outcome in &mut case.expect {
        if let Expected::Result(result) = &mut outcome.expected {
            change_members(result, &ids);
        }
    }
    case
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
            if let Ok(new) = String::from_utf8(changed(text.as_bytes(), ids)) {
                *text = new;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, ids)),
        Value::Object(members) => change_members(members, ids),
        _ => (),
    }
}

/// The bytes with each id replaced where nothing follows it that would belong to a longer one.
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
    }
}
