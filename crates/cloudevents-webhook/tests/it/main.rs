//! The integration tests of this crate.
// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod access;
mod deliver;
mod failures;
#[path = "../shared/failures/mod.rs"]
mod failures_shared;
mod guard;
mod handshake;
mod interleavings;
mod memory;
mod message_signatures;
mod rate_waits;
mod replays;
mod signatures;
mod sns;
mod threats;
mod vectors;
