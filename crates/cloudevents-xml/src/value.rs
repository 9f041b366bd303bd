//! Attribute values as elements, and their types as qualified names.

use crate::{
    namespaces::Namespace,
    scan::{Quoted, Run, Scanner, Tag},
};
use cloudevents_core::{
    AttributeType, Error, ErrorKind,
    codec::{Assembler, Given, Piece, decode_base64, parse_integer},
};

/// Reads an element of an event whose start tag was read, and passes it to the assembler as the attribute of its name.
#[inline]
pub(crate) fn attribute(
    scanner: &mut Scanner<'_>,
    tag: Tag,
    assembler: &mut Assembler<'_>,
) -> Result<(), Error> {
    let name = assembler.slice(tag.name.local.range(), false)?;
    let local = tag.name.local.of(scanner.text());
    let designator = designator(scanner)?;
    let start = scanner.position();
    let (text, breaks) = text(scanner, tag, assembler)?;
    if local == "specversion" {
        return Err(misplaced_version(tag));
    }
    if breaks {
        return assembler.invalid(name, line_break().with_offset(start));
    }
    let given = match (core_type(local), designator) {
        (Some(expected), Designator::Known(found)) if expected != found => {
            return assembler.invalid(name, mismatch(expected, found).with_offset(tag.start));
        }
        (Some(_), Designator::Absent | Designator::Known(_)) => Ok(Given::Text(text)),
        (_, Designator::Unknown(run)) => {
            return assembler.invalid(name, unknown(run.of(scanner.text())).with_offset(run.start()));
        }
        (None, Designator::Absent) => return assembler.invalid(name, untyped().with_offset(tag.start)),
        (None, Designator::Known(ty)) => match ty {
            AttributeType::String => Ok(Given::Text(text)),
            AttributeType::Uri => Ok(Given::Uri(text)),
            AttributeType::UriReference => Ok(Given::UriReference(text)),
            AttributeType::Timestamp => Ok(Given::Timestamp(text)),
            AttributeType::Integer => parse_integer(assembler.text(text)).map(Given::Integer),
            AttributeType::Boolean => boolean(assembler.text(text)).map(Given::Boolean),
            AttributeType::Binary => match decode_base64(assembler.text(text)) {
                Ok(bytes) => {
                    return assembler
                        .attribute(name, Given::Binary(&bytes))
                        .map_err(|error| place(error, start));
                }
                Err(error) => Err(error),
            },
        },
    };
    match given {
        Ok(given) => assembler.attribute(name, given).map_err(|error| place(error, start)),
        Err(error) => assembler.invalid(name, error.with_offset(start)),
    }
}

/// The type of an attribute by `xsi:type`.
#[derive(Clone, Copy)]
pub(crate) enum Designator {
    Absent,
    Known(AttributeType),
    /// The run in which it is written.
    Unknown(Run),
}

/// The type of an attribute, by the `xsi:type` of the last start tag.
#[inline]
pub(crate) fn designator(scanner: &Scanner<'_>) -> Result<Designator, Error> {
    let Some(value) = xsi_type(scanner) else { return Ok(Designator::Absent) };
    let written = scanner.value(value);
    let known = match qualified(scanner, &written) {
        (Namespace::Ce, local) => designated(local),
        _ => None,
    };
    Ok(known.map_or(Designator::Unknown(value.run), Designator::Known))
}

/// The value of `xsi:type` in the start tag that was read last.
#[inline]
pub(crate) fn xsi_type(scanner: &Scanner<'_>) -> Option<Quoted> {
    scanner
        .attributes()
        .iter()
        .find(|attribute| {
            attribute.namespace == Namespace::Xsi && attribute.name.local.bytes(scanner.text()) == b"type"
        })
        .map(|attribute| attribute.value)
}

/// A qualified name in a value.
///
/// If the prefix `ce` is not declared, it stands for the namespace of the format, as in the examples of the specification. Another prefix
/// that is not declared, or a prefix that is empty before a colon, has no namespace.
#[inline]
pub(crate) fn qualified<'t>(scanner: &Scanner<'_>, written: &'t str) -> (Namespace, &'t str) {
    let name = written.trim_ascii();
    let (prefix, local) = match name.split_once(':') {
        Some(("", _)) => return (Namespace::None, name),
        Some(split) => split,
        None => ("", name),
    };
    let namespace = match scanner.bindings.resolve(prefix.as_bytes(), scanner.text()) {
        Some(namespace) => namespace,
        None if prefix == "ce" => Namespace::Ce,
        None => Namespace::None,
    };
    (namespace, local)
}

/// The designator of a type (section 2), without its prefix.
pub(crate) fn name_of(ty: AttributeType) -> &'static str {
    match ty {
        AttributeType::Boolean => "boolean",
        AttributeType::Integer => "integer",
        AttributeType::String => "string",
        AttributeType::Binary => "binary",
        AttributeType::Uri => "uri",
        AttributeType::UriReference => "uriRef",
        AttributeType::Timestamp => "timestamp",
    }
}

/// The type of a core attribute, by its name in any letter case. The assembler decides whether the name is valid.
#[inline]
pub(crate) fn core_type(name: &str) -> Option<AttributeType> {
    Some(match name {
        "id" | "type" | "subject" | "datacontenttype" => AttributeType::String,
        "source" => AttributeType::UriReference,
        "dataschema" => AttributeType::Uri,
        "time" => AttributeType::Timestamp,
        _ if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            return core_type(&name.to_ascii_lowercase());
        }
        _ => return None,
    })
}

/// The text of an element without child elements, and whether a line break is in it. The end tag is read.
#[inline]
fn text(scanner: &mut Scanner<'_>, tag: Tag, assembler: &mut Assembler<'_>) -> Result<(Piece, bool), Error> {
    let found = match scanner.plain() {
        Some(plain) => (assembler.slice(plain.run.range(), plain.ascii)?, plain.breaks),
        None => {
            let piece = assembler.push_with(|side| {
                scanner
                    .gather(|part| side.push_str(part), "XML-2-e")
                    .map_err(|error| error.with_attribute(tag.name.local.of(scanner.text())))
            })?;
            (piece, assembler.text(piece).bytes().any(|byte| matches!(byte, b'\n' | b'\r')))
        }
    };
    scanner.end()?;
    Ok(found)
}

fn designated(name: &str) -> Option<AttributeType> {
    AttributeType::ALL.into_iter().find(|ty| name_of(*ty) == name)
}

fn boolean(text: &str) -> Result<bool, Error> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        // For the words of the error.
        _ => AttributeType::Boolean.parse(text, &mut Vec::new()).map(|_| false),
    }
}

/// Adds the offset of the value, unless the error has a more precise one.
#[cold]
fn place(error: Error, offset: usize) -> Error {
    if error.offset().is_some() { error } else { error.with_offset(offset) }
}

#[cold]
fn line_break() -> Error {
    Error::new(ErrorKind::InvalidString)
        .with_detail("the text of an attribute has no line breaks")
        .with_clause("XML-2-f")
}

#[cold]
fn mismatch(expected: AttributeType, found: AttributeType) -> Error {
    Error::new(ErrorKind::InvalidType)
        .with_detail(format!("ce:{} is expected, and this is ce:{}", name_of(expected), name_of(found)))
        .with_clause("XML-2-d")
}

#[cold]
fn unknown(written: &str) -> Error {
    let shown: String = written.chars().take(64).collect();
    Error::new(ErrorKind::InvalidType)
        .with_detail(format!("xsi:type is `{shown}`, which names no type of the format"))
        .with_help("the types are boolean, integer, string, binary, uri, uriRef and timestamp of the namespace http://cloudevents.io/xmlformat/V1")
        .with_clause("XML-2-i")
}

#[cold]
fn untyped() -> Error {
    Error::new(ErrorKind::InvalidType)
        .with_detail("an extension attribute has an xsi:type, and this has none")
        .with_clause("XML-2-b")
}

#[cold]
fn misplaced_version(tag: Tag) -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_attribute("specversion")
        .with_detail("specversion is an XML attribute of the event element, not an element")
        .with_offset(tag.start)
        .with_clause("XML-4-a")
}
