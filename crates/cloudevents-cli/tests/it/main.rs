//! The program end to end: every subcommand, as a user runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

#[cfg(feature = "amqp")]
mod amqp;
mod check;
mod conformance;
mod convert;
mod errors;
#[cfg(feature = "kafka")]
mod kafka;
mod network;
mod output;
mod program;
mod tour;
mod wire;
