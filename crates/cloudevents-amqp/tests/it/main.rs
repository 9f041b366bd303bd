//! The integration tests of this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod azure;
mod bad_input;
mod behaves;
mod bodies;
mod client;
mod contract;
mod credit;
mod crosslang;
mod destinations;
mod incidents;
mod kill;
mod losses;
mod memory;
mod regression;
mod repairs;
mod requests;
mod roundtrip;
mod selector;
mod tls;
mod tools;
mod vectors;
