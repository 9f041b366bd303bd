//! The integration tests of this crate. The codec has its own, in `cloudevents-carriers`.
// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod vectors;
