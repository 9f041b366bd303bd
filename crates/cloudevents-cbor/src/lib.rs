#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "ciborium02")]
pub mod ciborium02;
mod data;
mod decode;
mod encode;
mod format;
mod value;
mod wire;

pub use format::{Cbor, decode, encode, encode_lossy};
