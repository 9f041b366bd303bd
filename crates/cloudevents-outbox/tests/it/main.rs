//! The integration tests of this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod contract;
mod fairness;
#[path = "../shared/foreign.rs"]
mod foreign;
mod held_back;
mod memory;
mod once;
mod order;
mod outages;
mod pauses;
mod receiver;
mod refusals;
mod roundtrip;
mod simulation;
mod sqlite;
#[path = "../shared/stores.rs"]
mod stores;
#[path = "../shared/tools.rs"]
mod tools;
mod transactions;
mod worker;
