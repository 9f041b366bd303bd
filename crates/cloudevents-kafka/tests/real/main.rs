//! The tests of this crate that use sockets, processes or real time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

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
mod look;
mod mixing;
mod real;
mod refusals;
mod registry;
mod returning;
