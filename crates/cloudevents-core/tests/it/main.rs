//! The integration tests of this crate.

#![allow(clippy::unwrap_used)] // These are tests, helpers too.

mod assembler;
mod cbor;
mod event;
mod limits;
mod memory;
mod message;
mod mistakes;
mod picker;
mod scan;
mod vectors;
