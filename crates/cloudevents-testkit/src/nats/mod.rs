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
//! It does what nats-server does: `tests/real/behaves` of `cloudevents-nats` runs the same behaviours against both.
//!
//! It speaks the text protocol of NATS 2.2 and later: `INFO`, `CONNECT`, `PING`, `PONG`, `SUB` with queue groups, `UNSUB` with a maximum,
//! `PUB`, `HPUB`, `MSG`, `HMSG`, and the reply 503 to requests without a subscriber. It refuses invalid subjects, and checks those of
//! messages for pedantic clients, as a client is that does not say otherwise. What a publisher sends in a header block arrives unchanged,
//! also if it is malformed. A server [without headers](ServerOptions::headers) is one before NATS 2.2.
//!
//! There is no JetStream, which requests to it find out: there is no responder (503). There is no cluster, no account, no TLS, and no
//! authentication but by user or token. The server requests no pings, so that it does not notice a client that is silent; it has no
//! subjects of its own (`$SYS`). Members of a queue group take turns, where nats-server chooses at random. For all that, use a real server.

mod client;
mod protocol;
mod routes;
mod server;

pub use server::{Server, ServerOptions};
