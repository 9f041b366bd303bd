//! The integration tests of this crate.
// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bad_input;
mod memory;
mod page;
mod repairs;
mod roundtrip;
mod rows;
mod siblings;
mod vectors;
