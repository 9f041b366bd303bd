#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "axum08")]
pub mod axum08;
mod decode;
mod encode;
mod handshake;
#[cfg(feature = "server")]
mod server;
mod subprotocol;
#[cfg(feature = "tokio-tungstenite029")]
pub mod tungstenite029;
mod wire;

pub use decode::{decode, decode_message};
pub use encode::{encode, encode_message};
pub use handshake::{chosen, offer, select};
#[cfg(feature = "server")]
pub use server::{WsServer, WsServerOptions, listen};
pub use subprotocol::{Subprotocol, UnknownSubprotocol};
pub use wire::Frame;
