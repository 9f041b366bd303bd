//! Events inside of rows, messages and configuration of your own, by serde.
//!
//! There are two forms. Choose one per field:
//!
//! ```
//! use cloudevents_core::{Event, EventKey, Value};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Row {
//!     number: u64,
//!     key: EventKey,
//!     #[serde(with = "cloudevents_json::serde")]
//!     event: Event,
//!     #[serde(with = "cloudevents_json::serde::typed")]
//!     exact: Event,
//! }
//!
//! let event = Event::builder().id("1").source("/s").ty("t").extension("priority", 3).extension("hash", [0, 255]).build()?;
//! let row = Row { number: 7, key: event.key(), event: event.clone(), exact: event.clone() };
//! let text = serde_json::to_string(&row)?;
//! assert!(text.contains(r#""event":{"specversion":"1.0","id":"1","#));
//!
//! let row: Row = serde_json::from_str(&text)?;
//! assert_eq!(row.event.extension("hash"), Some(Value::String("AP8="))); // JSON has no bytes
//! assert_eq!(row.exact, event);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | this module | [`typed`] |
//! |---|---|---|
//! | written as | a document of the JSON event format | a structure of its own, described there |
//! | can be read by | every CloudEvents SDK | this crate |
//! | keeps | the parts that JSON keeps | everything: the event that is read equals the event that was written |
//! | `serde_json` | the document itself | yes |
//! | YAML, TOML, BSON, simd-json, and other formats of text | the document as a string | yes |
//! | MessagePack, CBOR, postcard, bincode, and other binary formats | the document as a string | yes |
//! | RON | writing fails | yes |
//! | inside `flatten` and internally tagged enums | writing fails | yes; in YAML, reading fails |
//! | inside untagged and adjacently tagged enums | yes, with numbers of machine types; not in postcard and bincode | yes; the same |
//!
//! A field that was written as a document or as a string is read from both, and from a map, such as a map in a file of configuration.
//! MessagePack that is configured as human-readable needs named members for [`typed`].
//!
//! **Losses of JSON.** Extensions of the types Binary, URI, URI-reference and Timestamp become Strings (read them with
//! [`Event::extension_as`]). XML payloads become text, CBOR and protobuf payloads bytes, and the type URL of a protobuf payload is left
//! out. Text without a content type, which other formats and programs can make, is read as a JSON string: `x` becomes `"x"`, with quotation
//! marks. `docs/losses.md` of the project has the whole table.
//!
//! `with` is for fields of the type [`Event`], and for an `Option`, a `Vec` or a `Box` of it ([`Field`]). In a map, use [`AsJson`] and
//! [`AsTyped`]:
//!
//! ```
//! use cloudevents_core::{Event, EventKey};
//! use cloudevents_json::serde::AsTyped;
//! use serde::{Deserialize, Serialize};
//! use std::collections::BTreeMap;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order {
//!     #[serde(with = "cloudevents_json::serde")]
//!     history: Vec<Event>,
//!     #[serde(with = "cloudevents_json::serde::typed", default, skip_serializing_if = "Option::is_none")]
//!     cancelled: Option<Event>,
//!     seen: BTreeMap<EventKey, AsTyped>,
//! }
//!
//! let event = Event::builder().id("1").source("/s").ty("t").build()?;
//! let order = Order { history: vec![event.clone()], cancelled: None, seen: [(event.key(), AsTyped(event.clone()))].into() };
//! let order: Order = serde_json::from_str(&serde_json::to_string(&order)?)?;
//! assert_eq!((order.history, order.cancelled), (vec![event], None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod field;
pub mod typed;

pub use field::Field;

use cloudevents_core::Event;
use document::Document;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Serialises an event, or each of several, as a document of the JSON event format.
///
/// With `serde_json`, the document becomes part of the output, and numbers keep their spelling. (A `serde_json::Value` respells numbers,
/// and holds only numbers of machine types.)
///
/// All other serialisers get the document as text. So do serialisers of serde itself that write through a serialiser of `serde_json`. If a
/// serialiser takes no text, as inside `flatten`, writing fails.
pub fn serialize<T: Field, S: Serializer>(field: &T, serializer: S) -> Result<S::Ok, S::Error> {
    field.write::<Document, S>(serializer)
}

/// Deserialises an event, or several, from documents of the JSON event format, from their text, or from maps, strictly.
///
/// There are no limits besides the limits of the deserialiser, so that every event that was stored is read again.
pub fn deserialize<'de, T: Field, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read::<Document, D>(deserializer)
}

/// An event that serialises as a document of the JSON event format: [the module](self) lists the losses.
///
/// Text without a content type is read as a JSON string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsJson(pub Event);

impl Serialize for AsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for AsJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

/// An event that serialises with all of its types: see [`typed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsTyped(pub Event);

impl Serialize for AsTyped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        typed::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for AsTyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        typed::deserialize(deserializer).map(Self)
    }
}
