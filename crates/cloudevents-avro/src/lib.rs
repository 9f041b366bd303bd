#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "apacheavro022")]
pub mod apacheavro022;
pub mod compact;
mod data;
mod datum;
mod decode;
mod encode;
mod format;
mod value;

pub use compact::AvroCompact;
pub use format::{Avro, decode, encode, encode_lossy};
