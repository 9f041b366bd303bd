//! An in-memory server of core NATS for tests: real sockets, queue groups, headers, and fault injection.
//!
//! ```
//! use cloudevents_testkit::nats::Server;
//!
//! # fn main() -> std::io::Result<()> {
//! let mut server = Server::start()?;
//! println!("connect to {}", server.url("orders"));
//! assert_eq!(server.subscriptions("orders"), 0);
//!
//! server.stop(); // cuts every connection
//! server.restart()?; // on the same port
//! # Ok(()) }
//! ```
//!
//! It behaves as nats-server does: `tests/real/behaves` of `cloudevents-nats` runs the same behaviours against both.
//!
//! It speaks the text protocol of NATS 2.2 and later: `INFO`, `CONNECT`, `PING`, `PONG`, `SUB` with queue groups, `UNSUB` with a maximum,
//! `PUB`, `HPUB`, `MSG`, `HMSG`, and the reply 503 to requests without a subscriber. It refuses invalid subjects. For pedantic clients it
//! also checks the subjects of messages. A client is pedantic unless it says otherwise. The header block of a publisher arrives unchanged,
//! also if it is malformed. A server [without headers](ServerOptions::headers) is one before NATS 2.2.
//!
//! There is no JetStream: requests to it find no responder (503). There is no cluster, no account, no TLS, and no authentication but by
//! user or token. The server requests no pings, so it does not notice a client that is silent. It has no subjects of its own (`$SYS`).
//! Members of a queue group take turns, where nats-server chooses at random. To test any of these, use a real server.

mod client;
mod protocol;
mod routes;
mod server;

pub use server::{Server, ServerOptions};
