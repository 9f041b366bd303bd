//! A receiver that listens by itself, and the handshake of a server.

mod listener;
mod options;
mod receiver;
mod upgrade;

pub use options::WsServerOptions;
pub use receiver::{WsServer, listen};
#[cfg(feature = "axum08")]
pub(crate) use upgrade::accept;
