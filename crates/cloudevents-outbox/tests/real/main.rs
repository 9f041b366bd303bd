//! The tests of this crate that use sockets, processes or real time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

#[cfg(unix)]
mod descriptors;
mod failover;
#[path = "../shared/foreign.rs"]
mod foreign;
mod kill;
mod postgres;
mod postgres_scale;
#[path = "../shared/stores.rs"]
mod stores;
#[path = "../shared/tools.rs"]
#[allow(dead_code, reason = "some are for the other lane")]
mod tools;
