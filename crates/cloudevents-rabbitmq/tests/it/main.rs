//! The integration tests of this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bad_input;
mod memory;
mod names;
mod repairs;
mod roundtrip;
mod vectors;
