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
//! It does what MQTT 5.0 and 3.1.1 require and Eclipse Mosquitto does: `tests/real/behaves` of `cloudevents-mqtt` runs the same behaviours
//! against both. What it does not have, it refuses with the reason code of MQTT 5, and over MQTT 3.1.1 by closing the connection.
//!
//! It has subscriptions with wildcards, No Local, Retain As Published, Retain Handling, shared subscriptions, QoS 0 to 2, retained
//! messages, message expiry, session expiry, wills, the Receive Maximum and the Maximum Packet Size of clients, and session takeover. On a
//! resumed session, unacknowledged messages are sent again in order, with the duplicate flag. A publisher of QoS 1 hears that no client
//! subscribes to its topic.
//!
//! It refuses subscription identifiers (0xA1), topic aliases (0x94), wills with a delay (0x83), enhanced authentication (0x8C), and MQTT
//! 3.1 (return code 1).
//!
//! It differs from other brokers where MQTT lets them: of overlapping subscriptions, a client gets a message once, with the highest QoS;
//! the members of a shared subscription take turns, those that are connected first; no limit applies to queues of messages;
//! [`stop`](Broker::stop) keeps sessions and retained messages, and dropping the broker keeps nothing; clients may use all topics, also
//! those that begin with `$`, and there are none of the broker's own. Neither the format indicator of a payload nor its own Receive Maximum
//! is enforced.
//!
//! The broker is this crate's own, on the packet types of rumqttc, because the MQTT broker that exists as a crate (rumqttd) cannot be
//! stopped, does not report the port it was given, and cannot be made to misbehave.

mod broker;
mod connection;
mod session;
mod state;
mod topics;
mod wire;

pub use broker::{Broker, BrokerOptions};
pub use session::SessionView;
pub use state::{Answer, Published};
