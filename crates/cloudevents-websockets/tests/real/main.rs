//! The tests of this crate that use sockets, processes or real time.

// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod client;
mod contract;
mod hostile;
mod incidents;
mod kill;
mod memory;
mod real;
mod server;
mod tls;
mod tools;
mod unread;
mod unsent;
