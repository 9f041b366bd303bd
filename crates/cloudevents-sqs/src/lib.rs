#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "awssdk1")]
pub mod awssdk1;
mod decode;
mod encode;
#[cfg(feature = "messages")]
pub mod fifo;
#[cfg(feature = "messages")]
pub mod messages;
#[cfg(feature = "messages")]
mod received;
mod wire;

pub use decode::{decode, decode_message, is_cloudevent};
pub use encode::{encode, encode_message, fits};
#[cfg(feature = "messages")]
pub use received::ReceivedMessage;
pub use wire::{AttributeValue, SqsMessage};
