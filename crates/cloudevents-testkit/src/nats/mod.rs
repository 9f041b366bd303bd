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
//! It speaks the text protocol of NATS 2.2 and later: `INFO`, `CONNECT`, `PING`, `PONG`, `SUB` with queue groups, `UNSUB` with a
//! maximum, `PUB`, `HPUB`, `MSG`, `HMSG`, and the reply 503 to requests without a subscriber. What a publisher sends in a header block
//! arrives unchanged, also if it is malformed. A server [without headers](ServerOptions::headers) is one before NATS 2.2.
//!
//! There is no JetStream, no cluster, no account, and no TLS. For JetStream, use a real server.

mod client;
mod protocol;
mod routes;
mod server;

pub use server::{Server, ServerOptions};
