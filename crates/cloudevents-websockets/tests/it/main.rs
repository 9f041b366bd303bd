//! The integration tests of this crate.
// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bad_input;
mod client;
mod contract;
mod hostile;
mod incidents;
mod kill;
mod memory;
mod real;
mod roundtrip;
mod server;
mod tls;
mod tools;
mod unread;
mod unsent;
mod vectors;
