//! The tests of this crate that use sockets, processes or real time.

// Helpers of tests are tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod client;
mod client_credentials;
mod failures;
#[path = "../shared/failures/mod.rs"]
mod failures_shared;
mod growth;
mod message_headers;
mod providers;
mod sender;
mod sender_targets;
mod sender_tokens;
mod sender_waits;
mod target_access;
mod target_delivery;
mod target_handshake;
mod target_hostile;
mod target_inbox;
mod tools;
