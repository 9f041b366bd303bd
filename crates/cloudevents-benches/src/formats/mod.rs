//! The rows of the event formats besides JSON, held against the libraries that read and write their notations.

mod avro;
mod cbor;
mod input;
mod protobuf;
mod xml;

use crate::{
    inputs::Source,
    row::{Failure, Row},
};
use input::{Input, Side, Sides};

/// The row of this input in this direction. `None` if there is no such row.
pub(crate) fn row(input: &str, direction: &str, source: &Source) -> Option<Result<Row, Failure>> {
    let (name, size) = match input.strip_suffix("-batch-1000") {
        Some(name) => (name, "batch-1000"),
        None => input.rsplit_once('-')?,
    };
    let sides: fn(&Input) -> Result<Sides, Failure> = match name {
        "avro" => avro::sides,
        "avro-compact" => avro::compact_sides,
        "cbor" => cbor::sides,
        "protobuf" => protobuf::sides,
        "xml" => xml::sides,
        _ => return None,
    };
    Some(Input::of(name, size, source).and_then(|input| {
        let sides = sides(&input)?;
        match direction {
            "decode" => input.decode(sides.decode),
            "encode" => input.encode(sides.encode),
            _ => Err(format!("there is no direction `{direction}`").into()),
        }
    }))
}
