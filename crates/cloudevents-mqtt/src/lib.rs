#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod decode;
mod encode;
mod mode;
mod name;
mod options;
#[cfg(feature = "rumqttc-next034")]
pub mod rumqttc_next034;
mod value;
mod wire;

pub use decode::{decode, decode_message};
pub use encode::{encode, encode_message};
pub use mode::is_cloudevent;
pub use options::{Encoding, Version};
pub use wire::{MessageView, MqttMessage, UserProperty};
