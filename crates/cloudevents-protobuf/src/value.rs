//! Attribute values as messages of the type `CloudEventAttributeValue`, and the entries of the map they are in.

use crate::{
    time::{Carried, Message, Native},
    wire::{
        Content, Field, Reader, Text, bytes_tag, field_length, malformed, put_bytes, put_length, put_varint,
        short, varint_length, varint_tag, wrong_wire_type,
    },
};
use cloudevents_core::{
    Error, ErrorKind, RepairKind, Value,
    codec::{Assembler, AttributeName, CoreName, Given},
};

/// An attribute as it was found.
#[derive(Clone, Copy)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) value: Found<'a>,
    /// The offset in the document.
    pub(crate) at: usize,
}

/// The value of an attribute as it was found.
#[derive(Clone, Copy)]
pub(crate) enum Found<'a> {
    Boolean(bool),
    Integer(i32),
    String(Text<'a>),
    Binary(&'a [u8]),
    Uri(Text<'a>),
    UriReference(Text<'a>),
    Timestamp(Native),
    Unusable(Unusable),
}

/// Why a value that follows the schema is not valid.
#[derive(Clone, Copy)]
pub(crate) enum Unusable {
    Unset,
    Several,
    Integer,
    Timestamp,
}

/// An entry of the map, with the offset of its value.
struct Entry<'a> {
    name: Text<'a>,
    value: Option<(&'a [u8], usize)>,
}

impl<'a> Attribute<'a> {
    /// An attribute with a field of its own.
    #[inline]
    pub(crate) fn field(name: CoreName, field: Field<'a>) -> Result<Self, Error> {
        match field.content {
            Content::Bytes(bytes) => Ok(Self {
                name: Text { bytes: name.as_str().as_bytes(), at: field.at },
                value: Found::String(Text { bytes, at: field.at }),
                at: field.at,
            }),
            other => Err(wrong_wire_type(name.as_str(), other, field.at).with_attribute(name.as_str())),
        }
    }

    /// An entry of the map.
    #[inline]
    pub(crate) fn entry(message: &Reader<'a>, entry: &'a [u8], at: usize) -> Result<Self, Error> {
        let Entry { name, value } = Entry::read(message.inner(entry, at))?;
        let value = value.map_or(Ok(Found::Unusable(Unusable::Unset)), |(bytes, start)| {
            Found::read(message.inner(entry, at).inner(bytes, start))
        });
        if has_field(CoreName::of(name.bytes)) {
            return Err(misplaced(name.read()?, at));
        }
        match value {
            Ok(value) => Ok(Self { name, value, at }),
            Err(error) => Err(named(error, name)),
        }
    }

    /// Passes the attribute to the assembler.
    #[inline]
    pub(crate) fn assemble(&self, assembler: &mut Assembler<'_>) -> Result<(), Error> {
        if assembler.decoding().leniency.allows(RepairKind::LowerCasedName) {
            self.check_place()?;
        }
        match self.given(assembler) {
            Ok(Some(given)) => assembler.named(self.name.bytes, given).map_err(|error| self.located(error)),
            Ok(None) => self.invalid(assembler),
            Err(error) => Err(self.located(error)),
        }
    }

    /// The value, with its text pushed to the assembler; `None` if it is not valid.
    #[inline]
    fn given(&self, assembler: &mut Assembler<'_>) -> Result<Option<Given<'a>>, Error> {
        Ok(Some(match self.value {
            Found::Boolean(boolean) => Given::Boolean(boolean),
            Found::Integer(number) => Given::Integer(number),
            Found::String(text) => Given::Text(text.push(assembler)?),
            Found::Binary(bytes) => Given::Binary(bytes),
            Found::Uri(text) => Given::Uri(text.push(assembler)?),
            Found::UriReference(text) => Given::UriReference(text.push(assembler)?),
            Found::Timestamp(native) => match native.push(assembler)? {
                Some(piece) => Given::Timestamp(piece),
                None => return Ok(None),
            },
            Found::Unusable(_) => return Ok(None),
        }))
    }

    #[cold]
    fn invalid(&self, assembler: &mut Assembler<'_>) -> Result<(), Error> {
        let why = match self.value {
            Found::Unusable(why) => why,
            _ => Unusable::Timestamp,
        };
        let name = self.name.push(assembler)?;
        assembler.invalid(name, why.error().with_offset(self.at)).map_err(|error| self.located(error))
    }
}

impl Attribute<'_> {
    /// Refuses a name that becomes the name of a required attribute when lower-cased.
    #[cold]
    fn check_place(&self) -> Result<(), Error> {
        let name = self.name.read()?;
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "id" | "source" | "specversion" | "type" if lower != name => Err(misplaced(name, self.at)),
            _ => Ok(()),
        }
    }

    /// Checks that name and text are UTF-8, the text first.
    #[cold]
    pub(crate) fn check_text(&self) -> Result<(), Error> {
        if let Found::String(text) = self.value {
            text.read()?;
        }
        self.name.read().map(drop)
    }

    /// Adds the offset to the error.
    #[cold]
    pub(crate) fn located(&self, error: Error) -> Error {
        named(place(error, self.at), self.name)
    }
}

/// An entry in the usual form: a name and a value of one of these types, in this order, lengths of one byte, nothing else.
///
/// The name is not a name that has its own field.
pub(crate) enum Usual<'a> {
    String(AttributeName<'a>, &'a [u8]),
    Timestamp(&'a [u8], Native),
}

/// Reads an entry that has the usual form.
#[inline]
pub(crate) fn usual(entry: &[u8]) -> Option<Usual<'_>> {
    let [KEY, length @ ..0x80, rest @ ..] = entry else { return None };
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let [VALUE, value_length @ ..0x80, tag, length @ ..0x80, content @ ..] = rest else { return None };
    let is_whole =
        usize::from(*length) == content.len() && usize::from(*value_length) == content.len().wrapping_add(2);
    let looked_up = AttributeName::of(name);
    if !is_whole || has_field(looked_up.core()) {
        return None;
    }
    match *tag {
        STRING => Some(Usual::String(looked_up, content)),
        TIMESTAMP => Some(Usual::Timestamp(name, Native::usual(content)?)),
        _ => None,
    }
}

const ENTRY: u8 = bytes_tag(5);
const KEY: u8 = bytes_tag(1);
const VALUE: u8 = bytes_tag(2);
const STRING: u8 = bytes_tag(3);
pub(crate) const TIMESTAMP: u8 = bytes_tag(7);

/// Whether the attribute has a field of its own.
#[inline]
fn has_field(name: Option<CoreName>) -> bool {
    matches!(name, Some(CoreName::Id | CoreName::Source | CoreName::SpecVersion | CoreName::Type))
}

impl<'a> Entry<'a> {
    #[inline]
    fn read(mut entry: Reader<'a>) -> Result<Self, Error> {
        let start = entry.position();
        let (mut name, mut value) = (None, None);
        while let Some(field) = entry.field()? {
            match (field.number, field.content) {
                (1, Content::Bytes(bytes)) if name.is_none() => name = Some(Text { bytes, at: field.at }),
                (2, Content::Bytes(bytes)) if value.is_none() => value = Some((bytes, field.at)),
                (1 | 2, Content::Bytes(_)) => {
                    let detail = "an entry of the attributes map has one key and one value";
                    return Err(malformed(detail, field.at).with_clause("PROTO-2.4-a"));
                }
                (1, other) => return Err(wrong_wire_type("key", other, field.at)),
                (2, other) => return Err(wrong_wire_type("value", other, field.at)),
                _ => {}
            }
        }
        Ok(Self { name: name.unwrap_or(Text { bytes: b"", at: start }), value })
    }
}

impl<'a> Found<'a> {
    /// The message `CloudEventAttributeValue`.
    #[inline]
    pub(crate) fn read(mut message: Reader<'a>) -> Result<Self, Error> {
        let mut found = Self::Unusable(Unusable::Unset);
        while let Some(field) = message.field()? {
            let value = match (field.number, field.content) {
                (1, Content::Varint(number)) => Self::Boolean(number != 0),
                (2, Content::Varint(number)) => match i32::try_from(number.cast_signed()) {
                    Ok(number) => Self::Integer(number),
                    Err(_) => Self::Unusable(Unusable::Integer),
                },
                (3, Content::Bytes(bytes)) => Self::String(Text { bytes, at: field.at }),
                (4, Content::Bytes(bytes)) => Self::Binary(bytes),
                (5, Content::Bytes(bytes)) => Self::Uri(Text { bytes, at: field.at }),
                (6, Content::Bytes(bytes)) => Self::UriReference(Text { bytes, at: field.at }),
                (7, Content::Bytes(bytes)) => match Native::read(message.inner(bytes, field.at))? {
                    Some(native) => Self::Timestamp(native),
                    None => Self::Unusable(Unusable::Timestamp),
                },
                (1..=7, other) => return Err(wrong_wire_type(branch(field.number), other, field.at)),
                _ => continue,
            };
            found = match found {
                Self::Unusable(Unusable::Unset) => value,
                _ => Self::Unusable(Unusable::Several),
            };
        }
        Ok(found)
    }
}

impl Unusable {
    #[cold]
    fn error(self) -> Error {
        let (kind, detail) = match self {
            Self::Unset => (ErrorKind::InvalidType, "it has no value"),
            Self::Several => (ErrorKind::InvalidType, "it has more than one value"),
            Self::Integer => (ErrorKind::InvalidInteger, "it is outside -2147483648 to 2147483647"),
            Self::Timestamp => (
                ErrorKind::InvalidTimestamp,
                "a protobuf Timestamp has the years 0001 to 9999 and 0 to 999999999 nanoseconds",
            ),
        };
        Error::new(kind).with_detail(detail).with_clause("PROTO-2.1-a")
    }
}

/// A value as the format writes it: the tag of its branch, and the content.
#[derive(Clone, Copy)]
pub(crate) enum Written<'a> {
    Number(u8, u64),
    Bytes(u8, &'a [u8]),
    Timestamp(Message),
}

impl<'a> Written<'a> {
    /// The value; `None` when the format does not hold it.
    #[inline]
    pub(crate) fn of(value: Value<'a>) -> Option<Self> {
        let text = |number| Self::Bytes(bytes_tag(number), value.as_str().unwrap_or_default().as_bytes());
        Some(match value {
            Value::Boolean(boolean) => Self::Number(varint_tag(1), boolean.into()),
            // An `int32` is written as 64 bits.
            Value::Integer(number) => Self::Number(varint_tag(2), i64::from(number).cast_unsigned()),
            Value::Binary(bytes) => Self::Bytes(bytes_tag(4), bytes),
            Value::Uri(_) => text(5),
            Value::UriReference(_) => text(6),
            Value::Timestamp(timestamp) => Self::Timestamp(Carried::of(timestamp).native?.message()),
            _ => text(3),
        })
    }

    /// The length of the message `CloudEventAttributeValue`.
    #[inline]
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Number(_, number) => varint_length(number).saturating_add(1),
            Self::Bytes(_, bytes) => field_length(bytes.len()),
            Self::Timestamp(message) => field_length(message.bytes().len()),
        }
    }

    /// Appends the entry of the map with this name.
    #[inline]
    pub(crate) fn write_entry(&self, name: &str, out: &mut Vec<u8>) {
        match *self {
            Self::Bytes(tag, bytes) => put_entry(name, tag, bytes, out),
            Self::Timestamp(message) => put_entry(name, TIMESTAMP, message.bytes(), out),
            Self::Number(tag, number) => {
                let length = self.length();
                out.push(ENTRY);
                put_length(entry_length(name, length), out);
                put_bytes(KEY, name.as_bytes(), out);
                out.push(VALUE);
                put_length(length, out);
                out.push(tag);
                put_varint(number, out);
            }
        }
    }
}

/// Appends an entry with a text or bytes of any length.
#[cold]
fn put_long_entry(name: &str, tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    let length = field_length(bytes.len());
    out.push(ENTRY);
    put_length(entry_length(name, length), out);
    put_bytes(KEY, name.as_bytes(), out);
    out.push(VALUE);
    put_length(length, out);
    put_bytes(tag, bytes, out);
}

/// Appends an entry of the map whose value is text, bytes or a message.
#[inline(always)] // Where the name is known, its bytes are part of the code.
pub(crate) fn put_entry(name: &str, tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    // An entry has two bytes around each of name, value and text.
    let value = bytes.len().wrapping_add(2);
    let Some(entry) = short(name.len().wrapping_add(value).wrapping_add(4)) else {
        return put_long_entry(name, tag, bytes, out);
    };
    // The inner lengths are short, too.
    let [name_length, value, length] = [name.len(), value, bytes.len()].map(|length| length as u8);
    out.extend_from_slice(&[ENTRY, entry, KEY, name_length]);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&[VALUE, value, tag, length]);
    out.extend_from_slice(bytes);
}

/// The length of an entry of the map, for a value of this length.
#[inline]
pub(crate) fn entry_length(name: &str, value: usize) -> usize {
    field_length(name.len()).wrapping_add(field_length(value))
}

/// Adds the offset, unless the error has a more precise one.
#[cold]
pub(crate) fn place(error: Error, at: usize) -> Error {
    if error.offset().is_some() { error } else { error.with_offset(at) }
}

fn branch(number: u32) -> &'static str {
    match number {
        1 => "ce_boolean",
        2 => "ce_integer",
        3 => "ce_string",
        4 => "ce_bytes",
        5 => "ce_uri",
        6 => "ce_uri_ref",
        _ => "ce_timestamp",
    }
}

#[cold]
fn named(error: Error, name: Text<'_>) -> Error {
    match error.attribute() {
        None | Some("") if !name.bytes.is_empty() => {
            error.with_attribute(String::from_utf8_lossy(name.bytes).as_ref())
        }
        _ => error,
    }
}

#[cold]
fn misplaced(name: &str, at: usize) -> Error {
    Error::new(ErrorKind::InvalidName)
        .with_attribute(name)
        .with_detail("it has a field of its own, and may not be in the attributes map")
        .with_offset(at)
        .with_clause("PROTO-2.3-a")
}
