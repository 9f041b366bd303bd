#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod batches;
mod connection;
mod failure;
mod options;
mod sender;
mod server;

pub use batches::{MOST, by_number, limits};
pub use connection::{Limit, config, runtime};
pub use failure::{Service, disconnected, is_ended_session, refused};
pub use options::{Connection, Login};
pub use sender::{BatchSender, Puts, Sending};
pub use server::{Server, is_account, is_name};
