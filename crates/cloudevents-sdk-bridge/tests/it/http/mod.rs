//! HTTP messages: what the SDK's binding makes of the test vectors, beside what they expect.

mod decoding;
mod encoding;

use serde_json::Value;

/// Names in lower case, values without white space around them: as servers hand them on.
fn pairs(headers: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().trim_matches([' ', '\t']).to_owned();
    let headers = headers.as_array().map(Vec::as_slice).unwrap_or_default();
    headers.iter().map(|pair| (text(&pair[0]).to_ascii_lowercase(), text(&pair[1]))).collect()
}

/// The bytes of a header value with its percent-escapes undone; `None` if an escape is invalid.
fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        decoded.push(if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            rest = after;
            let hex = |at: usize| char::from(digits[at]).to_digit(16);
            u8::try_from(hex(0)? * 16 + hex(1)?).unwrap()
        } else {
            byte
        });
    }
    Some(decoded)
}
