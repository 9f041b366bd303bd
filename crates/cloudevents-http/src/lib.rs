#![doc = include_str!("../README.md")]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod decode;
mod encode;
mod mode;
mod name;
mod negotiate;
mod value;

pub use decode::{decode, decode_events, decode_message};
pub use encode::{BuilderExt, encode, encode_batch, encode_message};
pub use mode::is_cloudevent;
pub use negotiate::{accepts, choose};
