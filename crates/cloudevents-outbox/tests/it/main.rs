//! The integration tests of this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod contract;
#[cfg(unix)]
mod descriptors;
mod failover;
mod fairness;
mod held_back;
mod kill;
mod memory;
mod once;
mod order;
mod outages;
mod pauses;
mod postgres;
mod postgres_scale;
mod refusals;
mod roundtrip;
mod simulation;
mod sqlite;
mod tools;
mod worker;
