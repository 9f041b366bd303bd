//! An in-memory MQTT broker for tests, for MQTT 5 and 3.1.1: real sockets, sessions, and fault injection.
//!
//! ```
//! use cloudevents_testkit::mqtt::{Answer, Broker};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut broker = Broker::start()?;
//! println!("connect to {}", broker.url("orders/%23")); // `#`, percent-encoded
//!
//! broker.answer(Answer::refuse(0x97)); // publishers hear "Quota exceeded" from now on
//! broker.answer(Answer::Accept);
//!
//! broker.stop(); // cuts every connection, and keeps the sessions
//! broker.restart()?; // on the same port
//! # Ok(()) }
//! ```
//!
//! Subscriptions with wildcards, shared subscriptions, QoS 0 to 2, retained messages, message expiry, session expiry, the Receive Maximum
//! of clients and session takeover work as MQTT 5.0 describes. On a resumed session, unacknowledged messages are sent again in order,
//! with the duplicate flag.
//!
//! There are no will messages, no topic aliases, no subscription identifiers, no enhanced authentication, and no persistence beyond
//! [`stop`](Broker::stop).
//!
//! The broker is this crate's own, on the packet types of rumqttc, because the MQTT broker that exists as a crate (rumqttd) cannot be
//! stopped, does not report the port it was given, and cannot be made to misbehave.

mod broker;
mod connection;
mod session;
mod state;
mod wire;

pub use broker::{Broker, BrokerOptions};
pub use session::SessionView;
pub use state::{Answer, Published};
