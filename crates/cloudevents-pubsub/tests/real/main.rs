//! The tests of this crate that use sockets, processes or real time.
//!
//! Most are with the server that `CE_TEST_PUBSUB_URL` names: `.ci/brokers/pubsub` sets it.

// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod broken;
mod client;
mod contract;
mod incidents;
mod login;
mod ordering;
mod taking_over;
mod tools;
