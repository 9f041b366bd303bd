#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
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

pub use format::{Xml, decode, decode_batch, encode, encode_batch, encode_lossy};
