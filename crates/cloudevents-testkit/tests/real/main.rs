//! The tests of this crate that use sockets, processes or real time.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod fault_proxy;
mod incidents;
