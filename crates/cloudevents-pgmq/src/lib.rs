#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod decode;
mod encode;
#[cfg(feature = "tokio-postgres07")]
pub mod tokio_postgres07;
mod wire;

pub use decode::{decode, decode_message, is_cloudevent};
pub use encode::{encode, encode_message, fits};
pub use wire::PgmqMessage;
