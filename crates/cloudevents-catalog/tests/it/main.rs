//! The integration tests of this crate.
// Helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod advice;
mod bounds;
mod bridge;
mod corpus;
mod diff;
mod endpoint;
mod example;
mod files;
mod infer;
mod judge;
mod memory;
mod mistakes;
mod property;
mod protobuf;
mod raw;
