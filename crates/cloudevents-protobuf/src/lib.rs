#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod batch;
mod data;
mod decode;
mod encode;
mod format;
#[cfg(feature = "prost014")]
pub mod prost014;
mod time;
mod value;
mod wire;

pub use format::{Protobuf, decode, decode_batch, encode, encode_batch, encode_lossy};
