//! Avro: datums of the schemas that the specification publishes. Two encodings of one datum may differ in the order of entries of a map,
//! and in the blocks of the entries.

use std::collections::BTreeMap;

use super::input::Input;
use super::node::{Node, insert};

/// A type of a schema.
enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Double,
    Bytes,
    String,
    Map(&'static Type),
    Array(&'static Type),
    Union(&'static [Type]),
    Record(&'static [(&'static str, Type)]),
}

static EVENT: Type = Type::Record(&[
    (
        "attribute",
        Type::Map(&Type::Union(&[Type::Null, Type::Boolean, Type::Int, Type::String, Type::Bytes])),
    ),
    (
        "data",
        Type::Union(&[
            Type::Bytes,
            Type::Null,
            Type::Boolean,
            Type::Map(&Type::Union(&[
                Type::Null,
                Type::Boolean,
                Type::Record(&[("value", Type::Map(&VALUE))]),
                Type::Double,
                Type::String,
            ])),
            Type::Array(&DATA),
            Type::Double,
            Type::String,
        ]),
    ),
]);

/// `AvroCloudEventData`, "Representation of a JSON Value".
static DATA: Type = Type::Record(&[("value", Type::Map(&VALUE))]);
static VALUE: Type = Type::Union(&[
    Type::Null,
    Type::Boolean,
    Type::Map(&DATA),
    Type::Array(&DATA),
    Type::Double,
    Type::String,
]);

static COMPACT: Type = Type::Record(&[
    ("id", Type::String),
    ("source", Type::String),
    ("type", Type::String),
    ("datacontenttype", OPTIONAL_STRING),
    ("dataschema", OPTIONAL_STRING),
    ("subject", OPTIONAL_STRING),
    ("time", Type::Union(&[Type::Null, Type::Long])),
    (
        "extensions",
        Type::Map(&Type::Union(&[Type::Boolean, Type::Int, Type::Long, Type::String, Type::Bytes])),
    ),
    ("data", Type::Union(&[Type::Bytes, Type::Null])),
]);
const OPTIONAL_STRING: Type = Type::Union(&[Type::Null, Type::String]);

/// Levels of maps, arrays, records and unions: trees are walked and freed level by level.
const DEPTH: usize = 512;

/// A datum of the Avro format.
pub(crate) fn parse(document: &[u8]) -> Result<Node, String> {
    datum(document, &EVENT)
}

/// A datum of the Avro compact format.
pub(crate) fn parse_compact(document: &[u8]) -> Result<Node, String> {
    datum(document, &COMPACT)
}

fn datum(document: &[u8], of: &Type) -> Result<Node, String> {
    let mut input = Input::new(document);
    let node = value(&mut input, of, DEPTH)?;
    if input.is_empty() { Ok(node) } else { Err("something follows the datum".into()) }
}

fn value(input: &mut Input<'_>, of: &Type, levels: usize) -> Result<Node, String> {
    let levels = levels.checked_sub(1).ok_or_else(|| format!("more than {DEPTH} levels"))?;
    Ok(match of {
        Type::Null => Node::Null,
        Type::Boolean => match input.byte()? {
            0 => Node::Bool(false),
            1 => Node::Bool(true),
            other => return Err(format!("a boolean of {other}")),
        },
        Type::Int => {
            let number = long(input)?;
            let number = i32::try_from(number).map_err(|_| format!("an int of {number}"))?;
            Node::Integer(number.into())
        }
        Type::Long => Node::Integer(long(input)?.into()),
        Type::Double => Node::double(f64::from_le_bytes(input.array()?)),
        Type::Bytes => Node::Bytes(bytes(input)?.to_vec()),
        Type::String => Node::text(bytes(input)?)?,
        Type::Map(of) => {
            let mut members = BTreeMap::new();
            blocks(input, |input| {
                let key = Node::text(bytes(input)?)?;
                insert(&mut members, key, value(input, of, levels)?)
            })?;
            Node::Map(members)
        }
        Type::Array(of) => {
            let mut items = Vec::new();
            blocks(input, |input| {
                items.push(value(input, of, levels)?);
                Ok(())
            })?;
            Node::List(items)
        }
        Type::Union(branches) => {
            let index = long(input)?;
            let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
            let branch = branch.ok_or_else(|| format!("a branch {index}"))?;
            Node::Tagged(branch.name().to_owned(), Box::new(value(input, branch, levels)?))
        }
        Type::Record(fields) => {
            let mut members = BTreeMap::new();
            for (name, of) in *fields {
                members.insert(Node::Text((*name).to_owned()), value(input, of, levels)?);
            }
            Node::Map(members)
        }
    })
}

/// The items of a map or array: blocks. The last block is empty.
fn blocks<'a>(
    input: &mut Input<'a>,
    mut item: impl FnMut(&mut Input<'a>) -> Result<(), String>,
) -> Result<(), String> {
    loop {
        let mut count = long(input)?;
        if count == 0 {
            return Ok(());
        }
        if count < 0 {
            // Then the size in bytes comes first, for readers that skip the block.
            long(input)?;
            count = count.checked_neg().ok_or("a block of too many items")?;
        }
        // Every item takes a byte at least, so that this ends with the document.
        for _ in 0..count {
            item(input)?;
        }
    }
}

fn long(input: &mut Input<'_>) -> Result<i64, String> {
    let number = input.varint()?;
    Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
}

fn bytes<'a>(input: &mut Input<'a>) -> Result<&'a [u8], String> {
    let length = long(input)?;
    input.take_long(u64::try_from(length).map_err(|_| format!("a length of {length}"))?)
}

impl Type {
    fn name(&self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Int => "int",
            Type::Long => "long",
            Type::Double => "double",
            Type::Bytes => "bytes",
            Type::String => "string",
            Type::Map(_) => "map",
            Type::Array(_) => "array",
            Type::Union(_) => "union",
            Type::Record(_) => "record",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::hex;

    #[test]
    fn what_two_encodings_may_differ_in() {
        // fastavro, entries in two orders.
        let one = "08 167370656376657273696f6e0606312e30 0469640602 31 026e0405 \
                   0874696d650628323031382d30342d30355431373a33313a30305a 00 06 04 026b06000000000000f83f 026c00 00";
        let other = "08 0874696d650628323031382d30342d30355431373a33313a30305a 026e0405 046964060231 \
                     167370656376657273696f6e0606312e30 00 06 04 026c00 026b06000000000000f83f 00";
        let datum = |text: &str| parse(&hex(text)).unwrap();
        assert_eq!(datum(one), datum(other));
        assert_eq!(
            datum(one).to_string(),
            "{\"attribute\": {\"id\": string(\"1\"), \"n\": int(-3), \"specversion\": string(\"1.0\"), \
             \"time\": string(\"2018-04-05T17:31:00Z\")}, \"data\": map({\"k\": double(1.5), \"l\": null(null)})}"
        );
        // In blocks, with their sizes and without.
        let (n, m) = ("026e 0405", "026d 00");
        let whole = datum(&format!("04{n}{m}00 02"));
        assert_eq!(datum(&format!("02{n}02{m}00 02")), whole);
        assert_eq!(datum(&format!("01 08{n} 02{m}00 02")), whole);
        assert_ne!(datum(&format!("02{n}00 02")), whole);
        // Another branch is another value.
        assert_ne!(datum("00 00 0261"), datum("00 0c 0261"));
        let nested = datum("00 06 02 026f 04 04 027800 0279 06 02 02 027a0201 00 00 00 00");
        assert_eq!(
            nested.get("data").unwrap().to_string(),
            "map({\"o\": record({\"value\": {\"x\": null(null), \"y\": array([{\"value\": {\"z\": boolean(true)}}])}})})"
        );
    }

    #[test]
    fn the_compact_form() {
        let start = "0231 042f73 0274 00 00 020278 0282f497d9a9c7b405 04";
        let [one, other] = ["0261 0001 0262 020a", "0262 020a 0261 0001"]
            .map(|entries| parse_compact(&hex(&format!("{start}{entries}00 00 0400ff"))).unwrap());
        assert_eq!(one, other);
        assert_eq!(one.get("time").unwrap().to_string(), "long(1522949460000001)");
        assert_eq!(one.get("data").unwrap().to_string(), "bytes(bytes 00 ff)");
    }

    #[test]
    fn what_is_no_datum() {
        for bad in [
            "",
            "00",
            "00 02 00",
            "00 0e",
            "00 01",
            "02 0261 0a",
            "02 0261 0202",
            "04 026100 026100 00 02",
            "00 00 04 61",
            "00 00 01",
        ] {
            assert!(parse(&hex(bad)).is_err(), "{bad}");
        }
        let deep = [hex("00 06 02 026f 04"), hex("02 0278 06 02").repeat(10_000)].concat();
        assert_eq!(parse(&deep).unwrap_err(), "more than 512 levels");
        assert!(parse(&hex("feffffffffffffffff01 026e00")).is_err());
    }
}
