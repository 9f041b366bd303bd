//! The harness as its users see it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod controls;
mod echo;
mod published;
mod release;
mod reports;
mod scripted;
