//! The integration tests of this crate.
// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod arrays;
mod bad_input;
mod batches;
mod beside;
mod connect;
mod envelopes;
mod lambda;
mod mappings;
mod memory;
mod messages;
mod published;
mod rules;
mod specification;
mod tools;
