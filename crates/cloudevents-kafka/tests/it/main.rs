//! The integration tests of this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bad_input;
mod behaves;
mod broker;
mod client;
mod comfort;
mod contract;
mod crosslang;
mod first;
mod hostile;
mod incidents;
mod isolation;
mod joining;
mod kill;
mod losses;
mod memory;
mod mixing;
mod real;
mod refusals;
mod registry;
mod regression;
mod repairs;
mod roundtrip;
mod vectors;
