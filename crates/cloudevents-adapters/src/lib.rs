#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod adapter;
mod known;
mod mapping;
mod place;
mod template;

pub use adapter::{Adapter, Headers};
pub use known::{adapters, find, recognize};
