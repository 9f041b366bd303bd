#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod decode;
mod encode;
#[cfg(feature = "fe2o3-amqp018")]
pub mod fe2o3_amqp018;
mod mode;
mod name;
mod options;
mod sections;
mod value;
mod wire;

pub use decode::{decode, decode_message};
pub use encode::{encode, encode_message};
pub use mode::is_cloudevent;
pub use options::{Encoding, Separator, Strings};
pub use wire::{AmqpMessage, AmqpValue, Body, Properties};
