//! Sample events are JSON.

use serde_json::Value;

#[test]
fn samples_parse() {
    for (path, text) in crate::samples() {
        let sample: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(sample.is_object() || sample.is_array(), "{path}: neither an object nor an array");
    }
}
