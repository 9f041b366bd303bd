//! Checks of the workspace as a whole.

// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod carriers;
mod chain;
mod choose;
mod contract;
mod defaults;
mod lanes;
mod leniency;
mod listed;
mod lookup;
mod losses;
mod pages;
mod peers;
mod promises;
mod published;
mod shape;
mod testee;
mod workflows;
