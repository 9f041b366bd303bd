//! A misbehaving WebSocket server, for tests of clients.
//!
//! A well-behaved server needs no testkit: `WsServer` of `cloudevents-websockets` listens at a free port.

mod hostile;

pub use hostile::{Handshake, HostileServer};
