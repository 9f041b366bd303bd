//! The tests of this crate that use sockets, processes or real time.
//!
//! They are with the server that `CE_TEST_SQS_URL` names: `.ci/brokers/sqs` sets it.

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
mod fifo;
mod look;
mod taking_over;
mod tools;
