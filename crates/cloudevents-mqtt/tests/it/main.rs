//! The integration tests of this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bad_input;
mod behaves;
mod client;
mod contract;
mod crosslang;
mod hostile;
mod incidents;
mod kill;
mod memory;
mod real;
mod repairs;
mod roundtrip;
mod tls;
mod tools;
mod vectors;

async fn sender_error(url: &str) -> cloudevents_core::Error {
    cloudevents_mqtt::rumqttc_next034::sender(url, Default::default()).await.unwrap_err()
}
