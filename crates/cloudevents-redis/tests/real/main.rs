//! The tests of this crate that use sockets, processes or real time.
//!
//! Most of them are with the server that `CE_TEST_REDIS_URL` names, and with those that tests start, of the program that
//! `CE_TEST_REDIS_BIN` names: `.ci/brokers/redis` sets both.

// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod backlog;
mod broken;
mod client;
mod contract;
mod incidents;
mod kill;
mod look;
mod process;
mod taking_over;
mod tools;
