#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "ciborium02")]
mod ciborium02;
mod data;
mod decode;
mod encode;
mod format;
mod value;
mod wire;

#[cfg(feature = "ciborium02")]
pub use ciborium02::{CborBuilderExt, CborEventExt, from_data};
pub use format::{Cbor, decode, encode, encode_lossy};
