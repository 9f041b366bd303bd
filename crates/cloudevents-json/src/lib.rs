#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod batch;
pub mod codec;
mod data;
mod decode;
mod encode;
pub mod fields;
mod format;
mod lines;
mod problems;
pub mod serde;
mod stream;
mod typed;
mod value;

pub use format::{
    Json, assume, by_default, decode, decode_batch, encode, encode_batch, encode_lossy, find, for_peer,
    is_event, recognize, with_json,
};
pub use lines::{LineReader, LineWriter};
pub use problems::problems;
pub use stream::{BatchReader, BatchSplitter, BatchWriter};
pub use typed::{JsonBuilderExt, JsonEventExt, from_data};
