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
//! It behaves as MQTT 5.0 and 3.1.1 require and as Eclipse Mosquitto does: `tests/real/behaves` of `cloudevents-mqtt` runs the same
//! behaviours against both. It refuses features that it does not have, with the reason code of MQTT 5. Over MQTT 3.1.1 it closes the
//! connection.
//!
//! It has subscriptions with wildcards, shared subscriptions, QoS 0 to 2, retained messages, message expiry, session expiry, the Receive
//! Maximum and the Maximum Packet Size of clients, and session takeover. On a
//! resumed session, unacknowledged messages are sent again in order, with the duplicate flag. A publisher of QoS 1 hears that no client
//! subscribes to its topic.
//!
//! It refuses subscription identifiers (0xA1), topic aliases (0x94), wills (0x83), enhanced authentication (0x8C), and MQTT 3.1 (return
//! code 1). Of the options of a subscription, it refuses No Local, Retain As Published and Retain Handling 2 (0x83).
//!
//! It differs from other brokers where MQTT lets them:
//!
//! - Of overlapping subscriptions, a client gets a message once, with the highest QoS.
//! - The members of a shared subscription take turns, connected members first.
//! - No limit applies to queues of messages.
//! - [`stop`](Broker::stop) keeps sessions and retained messages. Dropping the broker keeps nothing.
//! - Clients may use all topics, also topics that begin with `$`. The broker has no topics of its own.
//! - Neither the format indicator of a payload nor the broker's own Receive Maximum is enforced.
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
