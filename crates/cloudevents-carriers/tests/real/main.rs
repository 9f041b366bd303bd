//! The integration tests of this crate with sockets: CONTRIBUTING.md has the lanes.
// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod stomp;
