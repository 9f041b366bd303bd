//! The integration tests of this crate.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod bad_input;
mod memory;
mod oracle;
mod roundtrip;
mod schema;
mod typed;
mod vectors;
