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
pub use format::{Json, decode, decode_batch, encode, encode_batch};
pub use lines::{LineReader, LineWriter};
pub use stream::{BatchReader, BatchSplitter, BatchWriter};
