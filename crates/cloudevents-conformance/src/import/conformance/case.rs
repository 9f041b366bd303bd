//! What the cases of all material share.

use serde_json::{Value, json};

use crate::compare::bytes::encode;

pub(super) fn case(name: &str, title: &str, request: Value, outcomes: Vec<Value>) -> Value {
    json!({
        "id": kebab(name), "title": title, "clauses": ["CE-Overview-a"], "level": "MUST", "revisions": ["1.0.2", "main"],
        "request": request, "expect": outcomes
    })
}

/// The forms in which the payload of a message may be presented: JSON, text or bytes.
pub(super) fn presented(body: &str, json: Option<String>) -> Vec<Value> {
    let json = json.map(|json| json!({"json": json}));
    let plain = [json!({"text": body}), json!({"binary": encode(body.as_bytes())})];
    json.into_iter().chain(plain).collect()
}

/// `validMinimalWithTimeUtc` as `valid-minimal-with-time-utc`; anything else but letters and digits becomes a hyphen.
pub(super) fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !kebab.is_empty() && !kebab.ends_with('-') {
            kebab.push('-');
        }
        match character.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => kebab.push(letter),
            _ if !kebab.is_empty() && !kebab.ends_with('-') => kebab.push('-'),
            _ => (),
        }
    }
    kebab.trim_end_matches('-').to_owned()
}
