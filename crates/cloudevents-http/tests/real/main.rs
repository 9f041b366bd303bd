//! The tests of this crate that use sockets, processes or real time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bad_input;
mod compression;
mod contract;
mod extractors;
mod hostile;
mod incidents;
mod message_headers;
mod problem;
mod refusing;
mod repairs;
mod requests;
mod samples;
mod sender;
mod server;
mod stopping;
mod tools;
mod twice;
