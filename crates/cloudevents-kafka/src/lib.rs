#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod amqp_encoded;
mod decode;
mod encode;
mod mode;
mod name;
mod options;
#[cfg(feature = "rdkafka039")]
pub mod rdkafka039;
#[cfg(feature = "registry")]
pub mod registry;
mod value;
mod wire;

pub use decode::{decode, decode_message};
pub use encode::{encode, encode_message};
pub use mode::is_cloudevent;
pub use options::{Encoding, Key};
pub use wire::{Header, HeaderName, Record, RecordView};
