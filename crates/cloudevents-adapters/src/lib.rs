#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod adapter;
mod attribute;
mod beside;
mod change;
mod choice;
mod condition;
mod connect;
mod known;
#[cfg(feature = "lambda")]
pub mod lambda;
mod mapping;
#[cfg(feature = "transport")]
mod messages;
mod nested;
mod payload;
mod place;
mod put;
mod rules;
mod template;
mod texts;
mod unwrap;

pub use adapter::Adapter;
pub use choice::{Adapters, may_be_foreign};
pub use known::{adapters, find, recognize};
pub use rules::AttributeRules;
pub use template::{Headers, header_text};
