//! The integration tests of this crate.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)] // These are tests, helpers too.

#[cfg(feature = "apacheavro022")]
mod apacheavro022;
mod bad_input;
mod memory;
mod oracle;
#[cfg(feature = "apacheavro022")]
mod resolution;
mod roundtrip;
mod vectors;
