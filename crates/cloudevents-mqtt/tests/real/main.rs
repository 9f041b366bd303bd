//! The tests of this crate that use sockets, processes or real time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod behaves;
mod client;
mod contract;
mod crosslang;
mod hostile;
mod incidents;
mod kill;
mod real;
mod silence;
mod tls;
mod tools;

async fn sender_error(url: &str) -> cloudevents_core::Error {
    cloudevents_mqtt::rumqttc_next034::sender(url, Default::default()).await.unwrap_err()
}
