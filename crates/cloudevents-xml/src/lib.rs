#![doc = include_str!("../README.md")]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod batch;
mod data;
mod decode;
mod encode;
mod format;
mod glance;
mod namespaces;
mod scan;
mod value;

pub use format::{Xml, decode, decode_batch, encode, encode_batch};
