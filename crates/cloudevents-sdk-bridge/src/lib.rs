#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod data;
mod error;
mod from_sdk;
mod json;
mod lost;
mod time;
mod to_sdk;

pub use error::BridgeError;
pub use from_sdk::{from_sdk, from_sdk_owned};
pub use to_sdk::{to_sdk, to_sdk_lossy};
