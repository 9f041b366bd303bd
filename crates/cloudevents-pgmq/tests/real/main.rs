//! The tests of this crate that use sockets, processes or real time.
//!
//! They are with the server that `CE_TEST_POSTGRES_URL` names, and with the file pgmq.sql that `CE_TEST_PGMQ_SQL` names:
//! `.ci/brokers/postgres` sets both.

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
mod groups;
mod look;
mod outages;
mod outbox;
mod taking_over;
mod tools;
