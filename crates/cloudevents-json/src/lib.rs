#![doc = include_str!("../README.md")]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod batch;
mod data;
mod decode;
mod encode;
mod format;
mod lines;
mod stream;
mod value;

pub use data::{JsonBuilderExt, JsonEventExt, from_data};
pub use format::{Json, among, decode, decode_batch, encode, encode_batch, format_of};
pub use lines::{LineReader, LineWriter};
pub use stream::{BatchReader, BatchSplitter, BatchWriter};
