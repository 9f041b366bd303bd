//! Attribute values as CBOR items.

use crate::wire::{head_length, put_head, put_string, string_length};
use cloudevents_core::{
    AttributeType, Error, ErrorKind, Loss, LossClass, Losses, Uri, Value,
    codec::{
        Assembler, CoreName, Extent, Given, Room,
        cbor::{BYTES, FALSE, Head, NEGATIVE, NULL, Reader, SIMPLE, TAG, TEXT, TRUE, UNSIGNED},
        timestamp_respelled,
    },
};
use std::borrow::Cow;

/// The name of a member as it was found.
pub(crate) enum Name<'a> {
    /// `data`, which is not an attribute.
    Data,
    /// An attribute of the specification.
    Core(&'static str),
    Other(Cow<'a, str>),
}

impl<'a> Name<'a> {
    /// The key at the reader, a text string, whose head was read.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>, head: Head) -> Result<Self, Error> {
        let mut ahead = *reader;
        if let Cow::Borrowed(bytes) = ahead.bytes(head)?
            && let Some(known) = Self::known(bytes)
        {
            *reader = ahead;
            return Ok(known);
        }
        let text = reader.text(head)?;
        Ok(Self::known(text.as_bytes()).unwrap_or(Self::Other(text)))
    }

    #[inline]
    fn known(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            b"data" => Self::Data,
            b"specversion" => Self::Core("specversion"),
            b"id" => Self::Core("id"),
            b"source" => Self::Core("source"),
            b"type" => Self::Core("type"),
            b"datacontenttype" => Self::Core("datacontenttype"),
            b"dataschema" => Self::Core("dataschema"),
            b"subject" => Self::Core("subject"),
            b"time" => Self::Core("time"),
            _ => return None,
        })
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Data => "data",
            Self::Core(name) => name,
            Self::Other(name) => name,
        }
    }
}

/// Reads an attribute value in the usual form, at a reader after the name: the text is short and in one piece, and a tag adds nothing
/// to the name.
#[inline]
pub(crate) fn usual_text<'a>(reader: &mut Reader<'a>, name: Option<CoreName>) -> Option<&'a [u8]> {
    match (reader.short_text(), name) {
        (Some(b"0.3"), Some(CoreName::SpecVersion)) => None,
        (Some(text), _) => Some(text),
        (None, Some(CoreName::Time)) => reader.short_tagged(&[TAG << 5 | TIMESTAMP_TAG as u8]),
        (None, Some(CoreName::Source | CoreName::DataSchema)) => {
            reader.short_tagged(&[TAG << 5 | 24, URI_TAG as u8])
        }
        _ => None,
    }
}

/// An attribute as it was found.
pub(crate) struct Attribute<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) value: Found<'a>,
    /// The offset of the name in the document.
    pub(crate) key: usize,
    /// The offset of the value in the document.
    pub(crate) at: usize,
}

/// The value of an attribute as it was found.
pub(crate) enum Found<'a> {
    Boolean(bool),
    Integer(i32),
    Text(Cow<'a, str>),
    Binary(Cow<'a, [u8]>),
    /// With tag 0.
    Timestamp(Cow<'a, str>),
    /// With tag 32.
    Uri(Cow<'a, str>),
    Null,
    Unusable(Unusable),
}

/// Why an item is not an attribute value.
#[derive(Clone, Copy)]
pub(crate) enum Unusable {
    Range,
    Tag,
    TaggedOther,
    Other,
}

const TIMESTAMP_TAG: u64 = 0;
const URI_TAG: u64 = 32;

impl<'a> Found<'a> {
    /// The item at the reader.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>, levels: u32) -> Result<Self, Error> {
        let head = reader.head()?;
        match (head.major, head.argument) {
            (TEXT, _) => reader.text(head).map(Self::Text),
            (UNSIGNED, Some(number)) => Ok(integer(i32::try_from(number).ok())),
            // The number is -1 less the argument.
            (NEGATIVE, Some(number)) => Ok(integer(i32::try_from(number).ok().map(|number| !number))),
            (BYTES, _) => reader.bytes(head).map(Self::Binary),
            (TAG, Some(tag)) => Self::tagged(tag, head, reader, levels),
            _ => match head.simple() {
                Some(FALSE) => Ok(Self::Boolean(false)),
                Some(TRUE) => Ok(Self::Boolean(true)),
                Some(NULL) => Ok(Self::Null),
                _ => {
                    reader.skip_rest(head, levels)?;
                    Ok(Self::Unusable(Unusable::Other))
                }
            },
        }
    }

    #[inline]
    fn tagged(tag: u64, head: Head, reader: &mut Reader<'a>, levels: u32) -> Result<Self, Error> {
        if let TIMESTAMP_TAG | URI_TAG = tag {
            let mut inside = *reader;
            let content = inside.head()?;
            if content.major == TEXT {
                *reader = inside;
                let text = reader.text(content)?;
                return Ok(if tag == URI_TAG { Self::Uri(text) } else { Self::Timestamp(text) });
            }
            reader.skip_rest(head, levels)?;
            return Ok(Self::Unusable(Unusable::TaggedOther));
        }
        reader.skip_rest(head, levels)?;
        Ok(Self::Unusable(Unusable::Tag))
    }
}

impl Attribute<'_> {
    /// Passes the attribute to the assembler.
    #[inline]
    pub(crate) fn assemble(&self, assembler: &mut Assembler<'_>) -> Result<(), Error> {
        let given = match &self.value {
            Found::Boolean(boolean) => Given::Boolean(*boolean),
            Found::Integer(number) => Given::Integer(*number),
            Found::Text(text) => Given::Text(assembler.push(text)?),
            Found::Binary(bytes) => Given::Binary(bytes),
            Found::Timestamp(text) => Given::Timestamp(assembler.push(text)?),
            // The tag stands for both types. For attributes of the specification they are equivalent; an extension gets the
            // narrower type if possible.
            Found::Uri(text) if matches!(self.name, Name::Other(_)) && Uri::parse(text).is_ok() => {
                Given::Uri(assembler.push(text)?)
            }
            Found::Uri(text) => Given::UriReference(assembler.push(text)?),
            Found::Null => {
                let name = assembler.push(self.name.as_str())?;
                return assembler.unset(name).map_err(|error| self.located(error));
            }
            Found::Unusable(why) => {
                let name = assembler.push(self.name.as_str())?;
                let error = why.error().with_offset(self.at);
                return assembler.invalid(name, error).map_err(|error| self.located(error));
            }
        };
        assembler.named(self.name.as_str(), given).map_err(|error| self.located(error))
    }

    /// Adds the offset to the error.
    #[cold]
    pub(crate) fn located(&self, error: Error) -> Error {
        let error = match error.attribute() {
            None | Some("") if !self.name.as_str().is_empty() => error.with_attribute(self.name.as_str()),
            _ => error,
        };
        if error.offset().is_some() {
            return error;
        }
        let of_name = matches!(
            error.kind(),
            ErrorKind::InvalidName | ErrorKind::DuplicateAttribute | ErrorKind::TooMany
        );
        error.with_offset(if of_name { self.key } else { self.at })
    }
}

impl Unusable {
    #[cold]
    fn error(self) -> Error {
        let (kind, detail, clause) = match self {
            Self::Range => {
                (ErrorKind::InvalidInteger, "it is outside -2147483648 to 2147483647", "CE-Type-System-d")
            }
            Self::Tag => (
                ErrorKind::InvalidType,
                "the tags of attributes are 0 (date and time as text) and 32 (URI)",
                "CBOR-2.2-a",
            ),
            Self::TaggedOther => {
                (ErrorKind::InvalidType, "tags 0 and 32 stand before a text string", "CBOR-2.2-a")
            }
            Self::Other => (
                ErrorKind::InvalidType,
                "an attribute is a CBOR text string, byte string, integer or boolean",
                "CBOR-2.2-a",
            ),
        };
        Error::new(kind).with_detail(detail).with_clause(clause)
    }
}

/// The length of a value.
#[inline]
pub(crate) fn length(value: Extent) -> usize {
    // The length of data in memory does not overflow.
    match value {
        Extent::Boolean => 1,
        Extent::Integer(number) => head_length(magnitude(number).1),
        Extent::Bytes(AttributeType::Timestamp, length) => string_length(length).wrapping_add(1),
        Extent::Bytes(AttributeType::Uri | AttributeType::UriReference, length) => {
            string_length(length).wrapping_add(2)
        }
        Extent::Bytes(_, length) => string_length(length),
    }
}

/// Writes a value.
#[inline(always)]
pub(crate) fn write(value: Value<'_>, room: &mut Room<'_>) {
    match value {
        Value::Boolean(boolean) => put_head(SIMPLE, if boolean { TRUE } else { FALSE }, room),
        Value::Integer(number) => {
            let (major, argument) = magnitude(number);
            put_head(major, argument, room);
        }
        Value::Binary(bytes) => put_string(BYTES, bytes, room),
        Value::Timestamp(timestamp) => {
            put_head(TAG, TIMESTAMP_TAG, room);
            let text = timestamp.as_str().as_bytes();
            if is_upper_case(text) {
                put_string(TEXT, text, room);
            } else {
                put_string(TEXT, &text.to_ascii_uppercase(), room);
            }
        }
        Value::Uri(_) | Value::UriReference(_) => {
            put_head(TAG, URI_TAG, room);
            put_string(TEXT, value.as_str().unwrap_or_default().as_bytes(), room);
        }
        _ => put_string(TEXT, value.as_str().unwrap_or_default().as_bytes(), room),
    }
}

/// Whether a timestamp is written in upper case: tag 0 has an upper-case T and Z (RFC 8949 section 3.4.1, by RFC 4287 section 3.3).
#[inline(always)]
pub(crate) fn is_upper_case(timestamp: &[u8]) -> bool {
    // Timestamps have no other letters.
    timestamp.get(10) != Some(&b't') && timestamp.last() != Some(&b'z')
}

/// Reports the losses of an extension: a URI and a URI-reference have the same tag, and timestamps are in upper case.
#[inline]
pub(crate) fn tell_losses(name: &str, value: Value<'_>, losses: &mut Losses) {
    match value {
        Value::UriReference(reference) if Uri::parse(reference.as_str()).is_ok() => {
            let detail = "a URI-reference that is a URI becomes one";
            losses.push(Loss::new(LossClass::Type, name, "attribute-type", detail));
        }
        Value::Timestamp(time) if !is_upper_case(time.as_str().as_bytes()) => {
            losses.push(timestamp_respelled(name));
        }
        _ => {}
    }
}

/// Major type and argument.
fn magnitude(number: i32) -> (u8, u64) {
    if number < 0 {
        (NEGATIVE, u64::from((!number).cast_unsigned()))
    } else {
        (UNSIGNED, u64::from(number.cast_unsigned()))
    }
}

fn integer<'a>(number: Option<i32>) -> Found<'a> {
    number.map_or(Found::Unusable(Unusable::Range), Found::Integer)
}
