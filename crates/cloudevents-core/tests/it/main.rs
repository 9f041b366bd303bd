//! The integration tests of this crate.

mod event;
mod limits;
mod vectors;
