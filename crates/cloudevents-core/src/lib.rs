#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod attributes;
mod batch;
mod builder;
pub mod codec;
mod core_attribute;
mod decoding;
mod document;
mod error;
mod event;
mod format;
mod json_text;
mod key;
mod limits;
mod lookup;
mod losses;
mod media_type;
mod message;
mod name;
mod owned;
mod parts;
mod payload;
mod peer;
mod repair;
mod side;
mod specversion;
mod text;
mod text_buffer;
mod timestamp;
mod to_text;
mod typed;
mod uri;
mod v03;
mod value;

pub use batch::Batch;
pub use builder::{BuildError, EventBuilder};
pub use decoding::{DecodeOptions, Decoded};
pub use document::Document;
pub use error::{Error, ErrorKind};
pub use event::{Attributes, Event};
pub use format::{Format, FormatId, Formats, Item};
pub use json_text::JsonText;
pub use key::EventKey;
pub use limits::Limits;
pub use lookup::{FoundAttributes, ResolvedName};
pub use losses::{Loss, LossClass, Losses};
pub use media_type::{MediaType, ParameterValue};
pub use message::{ContentMode, Message, Mode};
pub use name::Name;
pub use owned::{MediaTypeBuf, NameBuf, TimestampBuf, UriBuf, UriReferenceBuf};
pub use payload::{Data, IntoPayload, Payload};
pub use peer::Peer;
pub use repair::{Leniency, Repair, RepairKind};
pub use specversion::SpecVersion;
pub use text_buffer::TextBuffer;
pub use timestamp::{Instant, Timestamp, ToTimestamp};
pub use to_text::ToText;
#[doc(hidden)]
pub use typed::unexpected_event_type;
pub use typed::{Codec, CodecContext, Decode, Encode, EventData, TypedEvent};
pub use uri::{Uri, UriReference};
pub use value::{AttributeType, FromValue, ToValue, Value, ValueBuf};
