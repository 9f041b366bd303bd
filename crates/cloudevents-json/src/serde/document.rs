//! The form of the JSON event format: the document itself if `serde_json` writes, and the document as text for every other serialiser.

use super::field::Form;
use crate::{Json, codec::NUMBER};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Format, Limits};
use serde::{
    Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, Error as _},
    ser,
};
use serde_json::value::RawValue;
use std::{any::type_name, fmt};

/// The name by which `serde_json` knows text that it writes and reads as it stands.
const RAW: &str = "$serde_json::private::RawValue";

/// How deep the values of a map may be nested: as deep as `serde_json` reads.
const DEPTH: usize = 128;

pub(super) struct Document;

impl Form for Document {
    fn write<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = Vec::new();
        // The losses are documented in the module.
        let _ = Json::new().encode(event, &mut document).map_err(ser::Error::custom)?;
        let document = String::from_utf8(document).map_err(ser::Error::custom)?;
        if takes_documents::<S>() {
            RawValue::from_string(document).map_err(ser::Error::custom)?.serialize(serializer)
        } else if serializer.is_human_readable() {
            // Reading expects this form, and some formats mark it.
            serializer.serialize_newtype_struct(RAW, &document)
        } else {
            serializer.serialize_str(&document)
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        let document = if deserializer.is_human_readable() {
            deserializer.deserialize_newtype_struct(RAW, Text)?
        } else {
            deserializer.deserialize_string(Text)?
        };
        let with = DecodeOptions::strict().with_limits(Limits::unlimited());
        Ok(Json::new().decode(Bytes::from(document), &with).map_err(de::Error::custom)?.value)
    }
}

/// Whether this is a serialiser of `serde_json` itself.
///
/// All others write a raw value as a structure of its private name, and report success: serialisers of other formats, and serialisers that
/// serde puts before one of `serde_json`, as for `flatten`.
fn takes_documents<S>() -> bool {
    // Only a name can be compared, because `S` may borrow. A name that changes makes text of documents, which is read as well.
    let name = type_name::<S>();
    name.starts_with("&mut serde_json::ser::Serializer<") || name == "serde_json::value::ser::Serializer"
}

/// Reads the text of a document: a raw value of `serde_json`, a string, or a map, as of an untagged enum or of a configuration.
struct Text;

impl<'de> de::Visitor<'de> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, as a document of the JSON event format, as its text, or as a map")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    /// Which every format but `serde_json` makes of the name: the value is behind it.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<String, A::Error> {
        let mut text = b"{".to_vec();
        let mut raw = None;
        while let Some(name) = members.next_key::<String>()? {
            if name == RAW {
                raw = Some(members.next_value::<String>()?);
            } else {
                member(&name, &mut members, &mut text, DEPTH)?;
            }
        }
        text.push(b'}');
        match raw {
            // A serialiser that takes no documents wrote this text into JSON.
            Some(raw) if raw.starts_with('"') => serde_json::from_str(&raw).map_err(A::Error::custom),
            Some(raw) => Ok(raw),
            None => String::from_utf8(text).map_err(A::Error::custom),
        }
    }
}

/// Appends a member of a map, with the comma before it.
fn member<'de, A: de::MapAccess<'de>>(
    name: &str,
    members: &mut A,
    text: &mut Vec<u8>,
    depth: usize,
) -> Result<(), A::Error> {
    if text.last() != Some(&b'{') {
        text.push(b',');
    }
    serde_json::to_writer(&mut *text, name).map_err(A::Error::custom)?;
    text.push(b':');
    members.next_value_seed(Append { text, depth })
}

/// Appends a value of another format as JSON.
struct Append<'a> {
    text: &'a mut Vec<u8>,
    /// How many levels more it may have.
    depth: usize,
}

impl Append<'_> {
    fn scalar<T: Serialize + ?Sized, E: de::Error>(self, value: &T) -> Result<(), E> {
        serde_json::to_writer(self.text, value).map_err(E::custom)
    }

    fn deeper<E: de::Error>(&self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| E::custom("the value is nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Behind an element, and not behind a name or a bracket.
        if !matches!(self.text.last(), Some(b'[' | b':')) {
            self.text.push(b',');
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.scalar(&value)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.scalar(&number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.scalar(&number)
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<(), E> {
        self.scalar(&number)
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<(), E> {
        self.scalar(&number)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        match number.is_finite() {
            true => self.scalar(&number),
            false => Err(E::invalid_value(de::Unexpected::Float(number), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.scalar(text)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.scalar(&())
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.scalar(&())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        self.text.push(b'[');
        while elements.next_element_seed(Append { text: self.text, depth })?.is_some() {}
        self.text.push(b']');
        Ok(())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut name = members.next_key::<String>()?;
        if name.as_deref() == Some(NUMBER) {
            let number = members.next_value::<String>()?;
            serde_json::from_str::<serde_json::Number>(&number).map_err(A::Error::custom)?;
            self.text.extend_from_slice(number.as_bytes());
            return Ok(());
        }
        self.text.push(b'{');
        while let Some(present) = name {
            member(&present, &mut members, self.text, depth)?;
            name = members.next_key()?;
        }
        self.text.push(b'}');
        Ok(())
    }
}
