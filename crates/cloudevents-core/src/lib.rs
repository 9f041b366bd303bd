#![doc = include_str!("../README.md")]
#![no_std]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod assemble;
mod attributes;
mod builder;
mod cbor_item;
mod decoding;
mod error;
mod event;
mod extent;
mod format;
mod json_text;
mod key;
mod media_type;
mod message;
mod name;
mod parts;
mod payload;
mod piece;
mod room;
pub mod scan;
mod side;
mod specversion;
mod text;
mod text_buffer;
mod timestamp;
mod typed;
mod uri;
mod v03;
mod value;

pub use assemble::{Assembler, AttributeName, Completed, CoreName, Given, TextWriter};
pub use attributes::Attributes;
pub use builder::{BuildError, EventBuilder};
pub use decoding::{Decoded, Decoding, Leniency, Limits, Repair, RepairKind};
pub use error::{Error, ErrorKind};
pub use event::Event;
pub use extent::Extent;
pub use format::{Format, FormatId, Formats, Item, Loss, Losses};
pub use json_text::JsonText;
pub use key::EventKey;
pub use media_type::{MediaType, ParameterValue};
pub use message::{ContentMode, Detected, Message, Mode, detect};
pub use name::Name;
pub use payload::{Data, Payload, append_payload, cut};
pub use piece::Piece;
pub use room::Room;
pub use specversion::SpecVersion;
pub use text_buffer::TextBuffer;
pub use timestamp::{Instant, Timestamp, ToTimestamp};
#[doc(hidden)]
pub use typed::unexpected_event_type;
pub use typed::{Codec, CodecContext, EventData, TypedEvent};
pub use uri::{Uri, UriReference};
pub use value::{AttributeType, ToValue, Value, decode_base64, parse_integer};
