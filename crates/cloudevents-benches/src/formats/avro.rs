//! apache-avro, its reader and its writer kept.

use super::{Input, Side, Sides};
use crate::row::{Failure, run};
use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use std::hint::black_box;

/// The schemas as they are published, but for the documentation and the default of the compact form's `data`.
const AVRO: &str = r#"{"namespace": "io.cloudevents", "type": "record", "name": "CloudEvent", "version": "1.0", "fields": [
  {"name": "attribute", "type": {"type": "map", "values": ["null", "boolean", "int", "string", "bytes"]}},
  {"name": "data", "type": ["bytes", "null", "boolean",
    {"type": "map", "values": ["null", "boolean",
      {"type": "record", "name": "CloudEventData", "fields": [
        {"name": "value", "type": {"type": "map", "values": ["null", "boolean",
          {"type": "map", "values": "CloudEventData"}, {"type": "array", "items": "CloudEventData"}, "double", "string"]}}]},
      "double", "string"]},
    {"type": "array", "items": "CloudEventData"}, "double", "string"]}]}"#;
const COMPACT: &str = r#"{"namespace": "io.cloudevents.v1.avro.compact", "type": "record", "name": "CloudEvent", "fields": [
  {"name": "id", "type": "string"}, {"name": "source", "type": "string"}, {"name": "type", "type": "string"},
  {"name": "datacontenttype", "type": ["null", "string"]}, {"name": "dataschema", "type": ["null", "string"]},
  {"name": "subject", "type": ["null", "string"]},
  {"name": "time", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
  {"name": "extensions", "type": {"type": "map", "values":
    ["boolean", "int", {"type": "long", "logicalType": "timestamp-micros"}, "string", "bytes"]}},
  {"name": "data", "type": ["bytes", "null"]}]}"#;

pub(super) fn sides(input: &Input) -> Result<Sides, Failure> {
    with(AVRO, input)
}

pub(super) fn compact_sides(input: &Input) -> Result<Sides, Failure> {
    with(COMPACT, input)
}

fn with(schema: &str, input: &Input) -> Result<Sides, Failure> {
    // Lives as long as the rows, and the reader and the writer borrow it.
    let schema: &'static Schema = Box::leak(Box::new(Schema::parse_str(schema)?));
    let reader = GenericDatumReader::builder(schema).build()?;
    let writer = GenericDatumWriter::builder(schema).build()?;
    let document = input.document.clone();
    let value = reader.read_value(&mut &*document)?;
    if writer.write_value_to_vec(value.clone())?.len() != document.len() {
        return Err("apache-avro writes another document than the one it read".into());
    }
    let cloned = value.clone();
    Ok(Sides {
        decode: run(move || reader.read_value(&mut &**black_box(&document))),
        // It takes the value, of which every operation needs a clone.
        encode: Side {
            run: run(move || writer.write_value_to_vec(black_box(&value).clone())),
            extra: Some(run(move || black_box(&cloned).clone())),
        },
    })
}
