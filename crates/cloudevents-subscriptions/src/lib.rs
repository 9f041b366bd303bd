#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic))]

#[cfg(feature = "axum08")]
pub mod axum08;
mod conditions;
mod credential;
mod data;
mod error;
mod evaluation;
mod filter;
mod filters;
mod index;
mod input;
mod options;
mod protocol;
pub mod push_down;
mod read;
#[cfg(feature = "reqwest013")]
pub mod reqwest013;
mod settings;
mod store;
mod subscription;
mod text;
mod trie;
mod write;

pub use conditions::Conditions;
pub use credential::{AccessToken, Credential, Secret};
pub use data::{DataConditions, DataTest, UnreadablePayload};
pub use error::{Invalid, Parsed, Repair};
pub use evaluation::Evaluation;
pub use filter::{Filter, Group};
pub use filters::Filters;
pub use index::{FilterIndex, SharedFilterIndex};
pub use options::{FilterOptions, Leniency};
pub use protocol::Protocol;
pub use store::{InMemory, Store, StoreError};
pub use subscription::{Subscription, SubscriptionRequest};
