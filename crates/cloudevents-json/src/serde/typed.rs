//! A form that keeps everything, for every serde format: `#[serde(with = "cloudevents_json::serde::typed")]`.
//!
//! The event that is read equals the event that was written: types of extensions, kinds and bytes of payloads, spellings. The example shows
//! the form in JSON. Members without a value are left out. A stored event may have them as `null`. In `data`, this is no payload, unlike in
//! the JSON format:
//!
//! ```
//! use cloudevents_core::{Event, Payload};
//!
//! let event = Event::builder()
//!     .id("1")
//!     .source("/orders")
//!     .ty("com.example.order.placed")
//!     .extension("hash", [0, 255])
//!     .extension("priority", 3)
//!     .payload("application/json", Payload::json("{\"total\":1.10}"))
//!     .build()?;
//! let stored = serde_json::to_value(cloudevents_json::serde::AsTyped(event))?;
//! assert_eq!(stored, serde_json::json!({
//!     "specversion": "1.0",
//!     "id": "1",
//!     "source": "/orders",
//!     "type": "com.example.order.placed",
//!     "datacontenttype": "application/json",
//!     "extensions": {"hash": {"Binary": "AP8="}, "priority": {"Integer": 3}},
//!     "data": {"Json": "{\"total\":1.10}"},
//! }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Extensions are named by their type: `Boolean`, `Integer`, `String`, `Binary`, `Uri`, `UriReference`, `Timestamp`. Payloads are `Json`,
//! `Text`, `Binary`, `Body` (the body of a binary-mode message), `Xml`, `Cbor` or `Proto`. Bytes are base64 in formats of text.

mod number;
mod write;

use super::field::{Field, Form};
use cloudevents_core::{
    Data, DecodeOptions, Error, ErrorKind, Event, Limits, Payload, SpecVersion, Value,
    codec::{self, Assembler, CoreName, Given, decode_base64},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de,
    ser::{SerializeMap, SerializeStruct},
};
use std::{borrow::Cow, fmt};

/// Serialises an event, or each of several, with all of its types.
pub fn serialize<T: Field, S: Serializer>(field: &T, serializer: S) -> Result<S::Ok, S::Error> {
    field.write::<Typed, S>(serializer)
}

/// Appends the text that `serde_json` writes for an event with all of its types, several times as fast.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_json::serde::{AsTyped, typed};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut text = Vec::new();
/// typed::append_json(&event, &mut text);
/// assert_eq!(text, serde_json::to_vec(&AsTyped(event))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn append_json(event: &Event, out: &mut Vec<u8>) {
    write::event(&stored(event), event, out);
}

/// Deserialises an event, or several. Each is checked like a received event: strictly.
///
/// There are no limits besides the limits of the deserialiser, so that every event that was stored is read again.
///
/// Members that this form does not have are refused, such as the extensions and `data_base64` of a document of the JSON format. Inside
/// `flatten`, they belong to the other structure.
pub fn deserialize<'de, T: Field, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read::<Typed, D>(deserializer)
}

/// The form of this module.
struct Typed;

impl Form for Typed {
    fn write<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
        stored(event).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        Stored::deserialize(deserializer)?.into_event().map_err(de::Error::custom)
    }
}

/// Other members are refused, so that a document of the JSON format, or a form with more in it, is not read without them. Inside `flatten`,
/// serde shows this structure its own members only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<'a> {
    specversion: Cow<'a, str>,
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    #[serde(rename = "type")]
    ty: Cow<'a, str>,
    #[serde(default)]
    datacontenttype: Option<Cow<'a, str>>,
    /// `schemaurl` in specversion 0.3.
    #[serde(default)]
    dataschema: Option<Cow<'a, str>>,
    #[serde(default)]
    subject: Option<Cow<'a, str>>,
    #[serde(default)]
    time: Option<Cow<'a, str>>,
    #[serde(default)]
    extensions: Extensions<'a>,
    #[serde(default)]
    data: Option<StoredData<'a>>,
}

/// A map of names to values.
enum Extensions<'a> {
    Of(&'a Event),
    Read(Vec<(String, StoredValue<'static>)>),
}

#[derive(Serialize, Deserialize)]
enum StoredValue<'a> {
    Boolean(bool),
    Integer(#[serde(deserialize_with = "number::read")] i32),
    String(Cow<'a, str>),
    Binary(StoredBytes<'a>),
    Uri(Cow<'a, str>),
    UriReference(Cow<'a, str>),
    Timestamp(Cow<'a, str>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum StoredData<'a> {
    Json(Cow<'a, str>),
    Text(Cow<'a, str>),
    Binary(StoredBytes<'a>),
    Body(StoredBytes<'a>),
    Xml(Cow<'a, str>),
    Cbor(StoredBytes<'a>),
    Proto { type_url: Cow<'a, str>, value: StoredBytes<'a> },
}

/// Base64 in formats of text.
struct StoredBytes<'a>(Cow<'a, [u8]>);

fn stored(event: &Event) -> Stored<'_> {
    let schema = event.dataschema().map(|uri| uri.as_str());
    Stored {
        specversion: event.specversion().as_str().into(),
        id: event.id().into(),
        source: event.source().as_str().into(),
        ty: event.ty().into(),
        datacontenttype: event.datacontenttype().map(|media_type| media_type.as_str().into()),
        dataschema: schema.or(event.schemaurl().map(|uri| uri.as_str())).map(Cow::from),
        subject: event.subject().map(Cow::from),
        time: event.time().map(|time| time.as_str().into()),
        extensions: Extensions::Of(event),
        data: event.data().map(|data| stored_data(data, event)),
    }
}

fn stored_value(value: Value<'_>) -> StoredValue<'_> {
    match value {
        Value::Boolean(boolean) => StoredValue::Boolean(boolean),
        Value::Integer(number) => StoredValue::Integer(number),
        Value::String(text) => StoredValue::String(text.into()),
        Value::Binary(bytes) => StoredValue::Binary(StoredBytes(bytes.into())),
        Value::Uri(uri) => StoredValue::Uri(uri.as_str().into()),
        Value::UriReference(reference) => StoredValue::UriReference(reference.as_str().into()),
        Value::Timestamp(time) => StoredValue::Timestamp(time.as_str().into()),
    }
}

fn stored_data<'a>(data: Data<'a>, event: &Event) -> StoredData<'a> {
    match data {
        Data::Json(json) => StoredData::Json(json.as_str().into()),
        Data::Text(text) => StoredData::Text(text.into()),
        Data::Xml(text) => StoredData::Xml(text.into()),
        Data::Cbor(bytes) => StoredData::Cbor(StoredBytes(bytes.into())),
        Data::Proto { type_url, value } => {
            StoredData::Proto { type_url: type_url.into(), value: StoredBytes(value.into()) }
        }
        data if codec::is_payload_not_json(event) => StoredData::Body(StoredBytes(data.as_bytes().into())),
        data => StoredData::Binary(StoredBytes(data.as_bytes().into())),
    }
}

impl Stored<'_> {
    fn into_event(self) -> Result<Event, Error> {
        let decoding = DecodeOptions::strict().with_limits(Limits::unlimited());
        let mut assembler = Assembler::new(&decoding);
        let specversion = SpecVersion::parse(&self.specversion)?;
        let core = [
            (CoreName::SpecVersion, Some(self.specversion)),
            (CoreName::Id, Some(self.id)),
            (CoreName::Source, Some(self.source)),
            (CoreName::Type, Some(self.ty)),
            (CoreName::DataContentType, self.datacontenttype),
            (CoreName::Subject, self.subject),
            (CoreName::Time, self.time),
        ];
        for (name, text) in core {
            if let Some(text) = text {
                assembler.core_text(name, text.as_bytes())?;
            }
        }
        if let Some(schema) = self.dataschema {
            let name = if specversion == SpecVersion::V03 { "schemaurl" } else { "dataschema" };
            let schema = assembler.push(&schema)?;
            assembler.named(name, Given::Text(schema))?;
        }
        if let Extensions::Read(extensions) = self.extensions {
            for (name, value) in extensions {
                if CoreName::of(name.as_bytes())
                    .is_some_and(|core| (specversion, core) != (SpecVersion::V03, CoreName::DataSchema))
                {
                    return Err(Error::new(ErrorKind::InvalidName)
                        .with_attribute(name)
                        .with_detail("this is a core attribute, not an extension"));
                }
                extension(&name, value, &mut assembler)?;
            }
        }
        assembler.complete()?;
        let payload = self.data.map(payload).transpose()?;
        Ok(assembler.finish(payload)?.value)
    }
}

fn extension(name: &str, value: StoredValue<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let given = match &value {
        StoredValue::Boolean(boolean) => Given::Boolean(*boolean),
        StoredValue::Integer(number) => Given::Integer(*number),
        StoredValue::Binary(bytes) => Given::Binary(&bytes.0),
        StoredValue::String(text) => Given::Text(assembler.push(text)?),
        StoredValue::Uri(text) => Given::Uri(assembler.push(text)?),
        StoredValue::UriReference(text) => Given::UriReference(assembler.push(text)?),
        StoredValue::Timestamp(text) => Given::Timestamp(assembler.push(text)?),
    };
    assembler.named(name, given)
}

fn payload(data: StoredData<'_>) -> Result<Payload, Error> {
    Ok(match data {
        StoredData::Json(text) => Payload::json(text.into_owned())?,
        StoredData::Text(text) => Payload::text(text.into_owned()),
        StoredData::Binary(bytes) => Payload::binary(bytes.0.into_owned()),
        StoredData::Body(bytes) => Payload::body(bytes.0.into_owned()),
        StoredData::Xml(text) => Payload::xml(text.into_owned()),
        StoredData::Cbor(bytes) => Payload::cbor(bytes.0.into_owned())?,
        StoredData::Proto { type_url, value } => Payload::proto(type_url, value.0.into_owned()),
    })
}

/// In formats of text, members without a value are left out. Other formats may know members by their place, and need all of them.
impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = !serializer.is_human_readable();
        let texts = [
            ("datacontenttype", &self.datacontenttype),
            ("dataschema", &self.dataschema),
            ("subject", &self.subject),
            ("time", &self.time),
        ];
        let optional = texts.map(|(_, text)| all || text.is_some());
        let (extensions, data) = (all || !self.extensions.is_empty(), all || self.data.is_some());
        let present = optional.into_iter().chain([extensions, data]).filter(|is_present| *is_present).count();
        let mut stored = serializer.serialize_struct("Stored", present.saturating_add(4))?;
        stored.serialize_field("specversion", &self.specversion)?;
        stored.serialize_field("id", &self.id)?;
        stored.serialize_field("source", &self.source)?;
        stored.serialize_field("type", &self.ty)?;
        for ((name, text), is_present) in texts.into_iter().zip(optional) {
            match is_present {
                true => stored.serialize_field(name, text)?,
                false => stored.skip_field(name)?,
            }
        }
        match extensions {
            true => stored.serialize_field("extensions", &self.extensions)?,
            false => stored.skip_field("extensions")?,
        }
        match data {
            true => stored.serialize_field("data", &self.data)?,
            false => stored.skip_field("data")?,
        }
        stored.end()
    }
}

impl Extensions<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Of(event) => event.extensions().len() == 0,
            Self::Read(extensions) => extensions.is_empty(),
        }
    }
}

impl Default for Extensions<'_> {
    fn default() -> Self {
        Self::Read(Vec::new())
    }
}

impl Serialize for Extensions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Of(event) => {
                let mut map = serializer.serialize_map(Some(event.extensions().len()))?;
                for (name, value) in event.extensions() {
                    map.serialize_entry(name.as_str(), &stored_value(value))?;
                }
                map.end()
            }
            Self::Read(extensions) => {
                serializer.collect_map(extensions.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Extensions<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> de::Visitor<'de> for Entries {
            type Value = Vec<(String, StoredValue<'static>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of extension names to values with their types")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                // Duplicates are kept, so that they are refused.
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Entries).map(Self::Read)
    }
}

impl Serialize for StoredBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&base64_simd::STANDARD.encode_to_string(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for StoredBytes<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Octets;

        impl<'de> de::Visitor<'de> for Octets {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes, or a text in base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                decode_base64(text).map_err(E::custom)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(bytes.to_vec())
            }

            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
                Ok(bytes)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }

        let bytes = if deserializer.is_human_readable() {
            deserializer.deserialize_str(Octets)?
        } else {
            deserializer.deserialize_byte_buf(Octets)?
        };
        Ok(Self(bytes.into()))
    }
}
