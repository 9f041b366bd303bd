//! The integration tests of this crate.

#![allow(clippy::unwrap_used)] // These are tests, helpers too.

mod bad_input;
mod codec;
mod formats;
mod message;
mod oracle;
mod problems;
mod roundtrip;
mod serde;
mod stream;
mod typed;
mod vectors;
