//! The integration tests of this crate.

mod roundtrip;
mod vectors;
