#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "awssdk1")]
pub mod awssdk1;
mod encode;

pub use cloudevents_sqs::{AttributeValue, SqsMessage as SnsMessage, decode, decode_message, is_cloudevent};
pub use encode::{encode, encode_message};
