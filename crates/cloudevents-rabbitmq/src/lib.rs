#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod decode;
mod encode;
#[cfg(feature = "lapin4")]
pub mod lapin4;
mod mode;
mod name;
mod value;
mod wire;

pub use decode::{decode, decode_message};
pub use encode::{encode, encode_message};
pub use mode::is_cloudevent;
pub use wire::{Field, FieldValue, Header, MessageView, RabbitMessage};
