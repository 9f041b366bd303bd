//! Payloads: the branches of `data`, and the JSON values that some of them represent.

use crate::{
    datum::{Items, Reader},
    decode::CLAUSE,
};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, MediaType, Payload, Repair, RepairKind, TextBuffer,
    codec::{Assembler, cut, scan::needs_escape, scan_json},
};
use std::ops::Range;

/// The field `data` as it was found.
pub(crate) enum Found {
    Nothing,
    /// Bytes, as a range of the document.
    Body(Range<usize>),
    /// Text, as a range of the document that may not be UTF-8.
    Text(Range<usize>),
    Written(Payload),
}

impl Found {
    /// The field at the reader, now that the attributes are known.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'_>, assembler: &mut Assembler<'_>) -> Result<Self, Error> {
        let value = *reader;
        Ok(match reader.branch(7)? {
            0 => Self::Body(reader.range()?),
            1 => Self::Nothing,
            6 if assembler.content_type().is_some_and(|content_type| !content_type.is_json()) => {
                Self::Text(reader.range()?)
            }
            _ => Self::Written(json(value, reader, assembler)?),
        })
    }

    /// The payload, which shares the document.
    #[inline]
    pub(crate) fn cut(self, document: Bytes) -> Result<Option<Payload>, Error> {
        match self {
            Self::Nothing => Ok(None),
            Self::Body(range) => Ok(Some(Payload::body(cut(document, range)))),
            Self::Text(range) => {
                let start = range.start;
                let text = TextBuffer::new(cut(document, range)).map_err(|error| {
                    let offset = usize::try_from(error.offset().unwrap_or_default()).unwrap_or_default();
                    error.with_offset(start.saturating_add(offset)).with_clause(CLAUSE)
                })?;
                Ok(Some(Payload::text(text)))
            }
            Self::Written(payload) => Ok(Some(payload)),
        }
    }
}

/// The payload of a branch that represents a JSON value. `value` is at the branch's index.
#[cold]
fn json<'a>(
    value: Reader<'a>,
    reader: &mut Reader<'a>,
    assembler: &mut Assembler<'_>,
) -> Result<Payload, Error> {
    // The event counts as a level.
    let depth = assembler.decoding().limits.depth.saturating_sub(1) as usize;
    // Measured first: the text can be longer than the datum, and is allocated once.
    let mut length = Length(0);
    let mut measure = value;
    write_value(&mut measure, depth, &mut length, Some(Vec::new()))?;
    let mut text = String::with_capacity(length.0);
    *reader = value;
    write_value(reader, depth, &mut text, None)?;
    let text = TextBuffer::from(text);
    if assembler.content_type().is_some_and(|content_type| !content_type.is_json()) {
        return as_text(text, value, assembler);
    }
    scan_json(&text, &mut 0, u32::MAX)
        .map_err(|problem| value.malformed(format!("the payload is not JSON: {}", problem.what)))
}

/// A JSON value under another content type, as text.
fn as_text(text: TextBuffer, value: Reader<'_>, assembler: &mut Assembler<'_>) -> Result<Payload, Error> {
    let content_type = assembler.content_type().map(MediaType::as_str).unwrap_or_default();
    let error = Error::new(ErrorKind::InvalidData)
        .with_detail(format!("data is a JSON value, and datacontenttype is `{content_type}`"))
        .with_offset(value.position())
        .with_help("correct datacontenttype, or write the payload as string or bytes")
        .with_clause("AVRO-3-a");
    if !assembler.decoding().leniency.allows(RepairKind::DataAsText) {
        return Err(error);
    }
    assembler.repaired(Repair::new(RepairKind::DataAsText).with_cause(error));
    Ok(Payload::text(text))
}

/// The open maps and arrays around the reader.
struct Open {
    shape: Shape,
    items: Items,
    empty: bool,
    /// The number of names of the objects around it.
    names: usize,
}

/// The maps and arrays of the schema. A `CloudEventData` represents the object in its map.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// `data` itself: a map of null, boolean, record, double, string.
    Top,
    /// The map in a record: of null, boolean, map, array, double, string.
    Record,
    /// A map of records.
    Records,
    /// An array of records.
    Array,
}

/// The kind of an item of a map or array.
enum Item {
    Null,
    Boolean,
    Double,
    String,
    Open(Shape),
}

/// Writes the value at the reader as JSON text. With `names`, duplicate names in objects are refused.
fn write_value(
    reader: &mut Reader<'_>,
    depth: usize,
    out: &mut impl Out,
    mut names: Option<Vec<(u32, u32)>>,
) -> Result<(), Error> {
    let document = *reader;
    let mut open: Vec<Open> = Vec::new();
    let item = match reader.branch(7)? {
        2 => Item::Boolean,
        3 => Item::Open(Shape::Top),
        4 => Item::Open(Shape::Array),
        5 => Item::Double,
        _ => Item::String,
    };
    write_item(item, reader, depth, &mut open, 0, out)?;
    while let Some(innermost) = open.last_mut() {
        if !innermost.items.next(reader)? {
            out.push(if innermost.shape == Shape::Array { "]" } else { "}" });
            if let Some(names) = &mut names {
                check_names(names.get_mut(innermost.names..).unwrap_or_default(), &document)?;
                names.truncate(innermost.names);
            }
            open.pop();
            continue;
        }
        if !std::mem::replace(&mut innermost.empty, false) {
            out.push(",");
        }
        let shape = innermost.shape;
        if shape != Shape::Array {
            let name = reader.text()?;
            if let Some(names) = &mut names {
                let end = reader.position();
                names.push((to_u32(end.wrapping_sub(name.len()))?, to_u32(end)?));
            }
            write_string(name, out);
            out.push(":");
        }
        let item = match shape {
            Shape::Top => match reader.branch(5)? {
                0 => Item::Null,
                1 => Item::Boolean,
                2 => Item::Open(Shape::Record),
                3 => Item::Double,
                _ => Item::String,
            },
            Shape::Record => match reader.branch(6)? {
                0 => Item::Null,
                1 => Item::Boolean,
                2 => Item::Open(Shape::Records),
                3 => Item::Open(Shape::Array),
                4 => Item::Double,
                _ => Item::String,
            },
            Shape::Records | Shape::Array => Item::Open(Shape::Record),
        };
        let names = names.as_ref().map_or(0, Vec::len);
        write_item(item, reader, depth, &mut open, names, out)?;
    }
    Ok(())
}

fn write_item(
    item: Item,
    reader: &mut Reader<'_>,
    depth: usize,
    open: &mut Vec<Open>,
    names: usize,
    out: &mut impl Out,
) -> Result<(), Error> {
    match item {
        Item::Null => out.push("null"),
        Item::Boolean => out.push(if reader.boolean()? { "true" } else { "false" }),
        Item::Double => {
            let before = *reader;
            out.push(&number(reader.double()?, &before)?);
        }
        Item::String => write_string(reader.text()?, out),
        Item::Open(shape) => {
            if open.len() >= depth {
                return Err(Error::new(ErrorKind::TooDeep)
                    .with_detail(format!("the limit is {} levels", depth.saturating_add(1)))
                    .with_offset(reader.position()));
            }
            out.push(if shape == Shape::Array { "[" } else { "{" });
            open.push(Open { shape, items: Items::default(), empty: true, names });
        }
    }
    Ok(())
}

/// Checks that the names of one map, as ranges of the document, are all different.
fn check_names(names: &mut [(u32, u32)], document: &Reader<'_>) -> Result<(), Error> {
    let text = |&(start, end): &(u32, u32)| document.ahead(start as usize, end as usize);
    names.sort_unstable_by_key(text);
    let twice = names.iter().zip(names.iter().skip(1)).find(|(one, next)| text(one) == text(next));
    match twice {
        None => Ok(()),
        Some((one, next)) => {
            Err(document.malformed("a map has the same name twice").with_offset(one.0.max(next.0) as usize))
        }
    }
}

fn to_u32(offset: usize) -> Result<u32, Error> {
    u32::try_from(offset).map_err(|_| {
        Error::new(ErrorKind::TooLarge).with_detail("documents are limited to 2 GiB").with_offset(offset)
    })
}

/// The shortest digits that read back as the same double; without a fraction when it is whole; with an exponent when it is very
/// large or very small.
fn number(double: f64, at: &Reader<'_>) -> Result<String, Error> {
    let magnitude = double.abs();
    if !double.is_finite() {
        return Err(Error::new(ErrorKind::InvalidData)
            .with_detail(format!("{double} is not a JSON number"))
            .with_offset(at.position())
            .with_clause("AVRO-3-c"));
    }
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        Ok(format!("{double}"))
    } else {
        Ok(format!("{double:e}"))
    }
}

/// A sink of JSON text.
trait Out {
    fn push(&mut self, text: &str);
}

impl Out for String {
    fn push(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Only counts.
struct Length(usize);

impl Out for Length {
    fn push(&mut self, text: &str) {
        self.0 = self.0.saturating_add(text.len());
    }
}

fn write_string(text: &str, out: &mut impl Out) {
    out.push("\"");
    if needs_escape(text) {
        write_escaped(text, out)
    } else {
        out.push(text)
    }
    out.push("\"");
}

fn write_escaped(text: &str, out: &mut impl Out) {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, special) = rest.split_at(at);
        out.push(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => out.push("\\\""),
            Some('\\') => out.push("\\\\"),
            Some('\n') => out.push("\\n"),
            Some('\r') => out.push("\\r"),
            Some('\t') => out.push("\\t"),
            Some(control) => out.push(&format!("\\u{:04x}", u32::from(control))),
            None => return,
        }
        rest = characters.as_str();
    }
    out.push(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let at = Reader::new(b"", "");
        for (double, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (0.1, "0.1"),
            (1.5e300, "1.5e300"),
            (1e21, "1e21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (1e-7, "1e-7"),
            (0.000_001, "0.000001"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
        ] {
            assert_eq!(number(double, &at).unwrap(), text);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), double.to_bits());
        }
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(number(bad, &at).unwrap_err().kind(), ErrorKind::InvalidData);
        }
    }
}
