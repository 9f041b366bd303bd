//! The integration tests of this crate.

mod bad_input;
mod oracle;
mod roundtrip;
mod vectors;
