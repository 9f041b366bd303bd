//! The tests of this crate that use sockets, processes or real time.

// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod backlog;
mod bad_input;
mod behaves;
mod client;
mod contract;
mod credentials;
mod crosslang;
mod incidents;
mod kill;
mod look;
mod permissions;
mod process;
mod real;
mod slow_consumer;
mod tls;
mod tools;
mod unparsed;
mod withdrawn;
