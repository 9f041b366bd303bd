//! The integration tests of this crate.

#![allow(clippy::unwrap_used)] // These are tests, helpers too.

mod assembler;
mod event;
mod limits;
mod memory;
mod vectors;
