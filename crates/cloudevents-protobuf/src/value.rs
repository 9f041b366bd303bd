//! Attribute values as messages of the type `CloudEventAttributeValue`, and the entries of the map they are in.

use crate::{
    time::{Carried, Native},
    wire::{
        Content, Field, Reader, Text, bytes_tag, field_length, malformed, put_bytes, put_length, put_varint,
        varint_length, varint_tag, wrong_wire_type,
    },
};
use cloudevents_core::{Assembler, Error, ErrorKind, Given, RepairKind, Value};

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

/// Why a value that is written as the schema wants it is none.
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
    pub(crate) fn field(name: &'static str, field: Field<'a>) -> Result<Self, Error> {
        match field.content {
            Content::Bytes(bytes) => Ok(Self {
                name: Text { bytes: name.as_bytes(), at: field.at },
                value: Found::String(Text { bytes, at: field.at }),
                at: field.at,
            }),
            other => Err(wrong_wire_type(name, other, field.at).with_attribute(name)),
        }
    }

    /// An entry of the map.
    #[inline]
    pub(crate) fn entry(message: &Reader<'a>, entry: &'a [u8], at: usize) -> Result<Self, Error> {
        let Entry { name, value } = Entry::read(message.inner(entry, at))?;
        if let b"id" | b"source" | b"specversion" | b"type" = name.bytes {
            return Err(misplaced(name.read()?, at));
        }
        let value = match value {
            Some((bytes, start)) => match Found::read(message.inner(entry, at).inner(bytes, start)) {
                Ok(value) => value,
                Err(error) => return Err(named(error, name)),
            },
            None => Found::Unusable(Unusable::Unset),
        };
        Ok(Self { name, value, at })
    }

    /// How much text goes into the event.
    #[inline]
    pub(crate) fn text_length(&self) -> usize {
        let value = match self.value {
            Found::String(text) | Found::Uri(text) | Found::UriReference(text) => text.bytes.len(),
            Found::Timestamp(native) => native.text_length(),
            Found::Boolean(_) | Found::Integer(_) | Found::Binary(_) | Found::Unusable(_) => 0,
        };
        if Assembler::keeps(self.name.bytes) { value.saturating_add(self.name.bytes.len()) } else { value }
    }

    /// Gives it to the assembler.
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

    /// The value, its text taken over; `None` when it is none.
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
    /// Refuses the name of a required attribute that only lower-casing makes one.
    #[cold]
    fn check_place(&self) -> Result<(), Error> {
        let name = self.name.read()?;
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "id" | "source" | "specversion" | "type" if lower != name => Err(misplaced(name, self.at)),
            _ => Ok(()),
        }
    }

    /// The error with its place.
    #[cold]
    pub(crate) fn located(&self, error: Error) -> Error {
        named(place(error, self.at), self.name)
    }
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

    /// The canonical string; `None` for a value that is not there.
    pub(crate) fn to_canonical(self) -> Result<Option<String>, Error> {
        Ok(Some(match self {
            Self::Boolean(boolean) => Value::Boolean(boolean).to_canonical().into_owned(),
            Self::Integer(number) => Value::Integer(number).to_canonical().into_owned(),
            Self::Binary(bytes) => Value::Binary(bytes).to_canonical().into_owned(),
            Self::String(text) | Self::Uri(text) | Self::UriReference(text) => text.read()?.to_owned(),
            Self::Timestamp(native) => match native.to_text() {
                Some(text) => text,
                None => return Err(Unusable::Timestamp.error()),
            },
            Self::Unusable(Unusable::Unset) => return Ok(None),
            Self::Unusable(why) => return Err(why.error()),
        }))
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
    Timestamp(Native),
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
            Value::Timestamp(timestamp) => Self::Timestamp(Carried::of(timestamp).native?),
            _ => text(3),
        })
    }

    /// A text in the branch `ce_string`.
    #[inline]
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Bytes(bytes_tag(3), text.as_bytes())
    }

    /// The length of the message `CloudEventAttributeValue`.
    #[inline]
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Number(_, number) => varint_length(number).saturating_add(1),
            Self::Bytes(_, bytes) => field_length(bytes.len()),
            Self::Timestamp(native) => field_length(native.length()),
        }
    }

    /// Appends the entry of the map with this name.
    #[inline]
    pub(crate) fn write_entry(self, name: &str, out: &mut Vec<u8>) {
        let length = self.length();
        out.push(bytes_tag(5));
        put_length(entry_length(name, length), out);
        put_bytes(bytes_tag(1), name.as_bytes(), out);
        out.push(bytes_tag(2));
        put_length(length, out);
        match self {
            Self::Number(tag, number) => {
                out.push(tag);
                put_varint(number, out);
            }
            Self::Bytes(tag, bytes) => put_bytes(tag, bytes, out),
            Self::Timestamp(native) => {
                out.push(bytes_tag(7));
                put_length(native.length(), out);
                native.write(out);
            }
        }
    }
}

/// The length of an entry of the map, for a value of this length.
#[inline]
pub(crate) fn entry_length(name: &str, value: usize) -> usize {
    field_length(name.len()).saturating_add(field_length(value))
}

/// Adds the place where the error knows no better one.
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
        .with_detail("it has a field of its own and is no entry of the attributes map")
        .with_offset(at)
        .with_clause("PROTO-2.3-a")
}
