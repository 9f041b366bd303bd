#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "reqwest013")]
pub mod reqwest013;

pub use cloudevents_carriers::{CarrierMessage, rows::GOOGLE_PUBSUB};
