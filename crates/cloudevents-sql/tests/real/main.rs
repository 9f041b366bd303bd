//! The tests of this crate that measure time.

#![allow(clippy::unwrap_used)] // These are tests, helpers too.

mod growth;
