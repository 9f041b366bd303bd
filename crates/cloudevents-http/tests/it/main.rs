//! The integration tests of this crate: those of the clients run over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bad_input;
mod body;
mod compression;
mod contract;
mod extractors;
mod hostile;
mod incidents;
mod losses;
mod message_headers;
mod pairs;
mod problem;
mod refusing;
mod repairs;
mod requests;
mod roundtrip;
mod samples;
mod sender;
mod server;
mod tools;
mod vectors;
