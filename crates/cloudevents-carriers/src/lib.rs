#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod body;
mod carrier;
mod decode;
mod encode;
mod fits;
mod mode;
mod name;
mod options;
pub mod rows;
mod value;
mod wire;

pub use carrier::{Body, Carrier, ContentType, Empty, Limits, Text};
pub use encode::Encoded;
pub use options::Encoding;
pub use rows::CARRIERS;
pub use wire::{CarrierMessage, MessageView};
