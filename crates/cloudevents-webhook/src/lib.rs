#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod access;
pub mod deliver;
mod delivery_key;
pub mod guard;
pub mod handshake;
#[cfg(feature = "receiver")]
mod pace;
#[cfg(feature = "receiver")]
pub mod receiver;
#[cfg(feature = "reqwest013")]
pub mod reqwest013;
pub mod signature;
#[cfg(feature = "sns")]
pub mod sns;

pub use access::{AccessToken, TokenPlace, authorize};
pub use delivery_key::DeliveryKey;
