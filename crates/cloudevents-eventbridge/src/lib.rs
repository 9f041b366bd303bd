#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "awssdk1")]
pub mod awssdk1;
mod encode;
mod wire;

pub use encode::{encode, encode_message};
pub use wire::EventBridgeEntry;
