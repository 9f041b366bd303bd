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
mod client;
mod client_credentials;
mod deliver;
mod guard;
mod handshake;
mod memory;
mod message_headers;
mod message_signatures;
mod providers;
mod sender;
mod sender_targets;
mod sender_tokens;
mod sender_waits;
mod signatures;
mod target_access;
mod target_delivery;
mod target_handshake;
mod target_hostile;
mod target_inbox;
mod threats;
mod tools;
mod vectors;
