//! The integration tests of this crate: those of the clients run over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod body;
mod dapr;
mod losses;
mod pairs;
mod roundtrip;
mod vectors;
mod wakes;
