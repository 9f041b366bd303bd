//! Frames written by Confluent's own serializers: `fixtures.py` writes `frames.json` with confluent-kafka
//! 2.16.0 for Python.

use serde_json::Value;
use std::sync::LazyLock;

static FIXTURES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("frames.json")).unwrap());

/// The text of `orders.proto`.
pub(super) const PROTO: &str = include_str!("orders.proto");

pub(super) fn avro_schema() -> String {
    FIXTURES["avro_schema"].to_string()
}

pub(super) fn json_schema() -> String {
    FIXTURES["json_schema"].to_string()
}

/// The id of the schema, and the frame.
pub(super) fn frame(what: &str) -> (u32, Vec<u8>) {
    let frames = FIXTURES["frames"].as_array().unwrap();
    let found = frames.iter().find(|frame| frame["what"] == what).unwrap();
    let hex = found["frame"].as_str().unwrap();
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
    (found["schema_id"].as_u64().unwrap() as u32, bytes.collect())
}
