//! The tests of this crate that use sockets, processes or real time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod azure;
mod behaves;
mod bodies;
mod client;
mod contract;
mod credit;
mod crosslang;
mod destinations;
mod incidents;
mod kill;
mod requests;
mod selector;
mod tls;
mod tools;
