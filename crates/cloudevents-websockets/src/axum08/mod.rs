//! Connections in a router of axum 0.8, and messages of its WebSocket.
//!
//! [`WsUpgrade`] is an extractor. It does the handshake, with the subprotocol that the binding requires, and hands both directions of the
//! connection to the program:
//!
//! ```
//! use axum::{Router, response::Response, routing::any};
//! use cloudevents_websockets::axum08::WsUpgrade;
//!
//! /// Sends each event back.
//! async fn echo(upgrade: WsUpgrade) -> Response {
//!     upgrade.on_connected(async |sender, mut deliveries| {
//!         while let Some(delivery) = deliveries.next().await? {
//!             sender.send(delivery.event()?).await?;
//!             delivery.accept().await?;
//!         }
//!         Ok(())
//!     })
//! }
//! let app: Router = Router::new().route("/echo", any(echo));
//! ```
//!
//! [`decode`] and [`encode`] are for programs that use axum's own `WebSocketUpgrade`. Such a program selects the
//! subprotocol with [`select`](crate::select) and refuses the handshake without one: axum does not.

mod message;
mod upgrade;

pub use message::{decode, encode, frame, message};
pub use upgrade::WsUpgrade;
