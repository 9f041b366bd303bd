//! The integration tests of this crate.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod bad_input;
mod memory;
mod oracle;
mod regression;
mod roundtrip;
// The benches have the oracle, for a package has to have its program whole.
#[path = "../../../cloudevents-benches/src/formats/schema.rs"]
mod schema;
mod typed;
mod vectors;
