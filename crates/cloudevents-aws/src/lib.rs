#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod batches;
mod connection;
mod failure;
mod options;
mod server;

pub use batches::{MOST, by_number};
pub use connection::{Limit, config};
pub use failure::{Service, is_ended_session};
pub use options::{Connection, Login};
pub use server::{Server, is_account, is_name};
