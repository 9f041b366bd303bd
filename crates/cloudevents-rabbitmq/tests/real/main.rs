//! The tests of this crate that use sockets, processes or real time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod alarm;
mod bad_input;
mod bare;
mod behaves;
mod blocked;
mod broken;
mod changed;
mod client;
mod contract;
mod crosslang;
mod held;
mod incidents;
mod kill;
mod look;
mod real;
mod refused;
mod tls;
mod tools;
