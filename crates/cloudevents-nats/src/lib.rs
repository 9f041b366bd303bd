#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "async-nats051")]
pub mod async_nats051;
mod decode;
mod encode;
mod mode;
mod name;
mod options;
mod value;
mod wire;

pub use decode::{decode, decode_message};
pub use encode::{encode, encode_message};
pub use mode::is_cloudevent;
pub use options::Encoding;
pub use wire::{Header, MessageView, NatsMessage};
