//! Receivers of requests: a receiver that listens, and a receiver behind a server of the program's own.

mod answer;
#[cfg(feature = "server")]
mod body;
mod client_side;
#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod connection_state;
#[cfg(feature = "server")]
mod connections;
mod delivering;
#[cfg(feature = "server")]
mod descriptors;
mod exchange;
#[cfg(feature = "server")]
mod framing;
#[cfg(feature = "server")]
mod listener;
mod options;
mod reading;
mod received;
mod receiver;
#[cfg(feature = "server")]
mod server_side;
#[cfg(feature = "server")]
mod unread;
#[cfg(feature = "server")]
mod writing;

pub use answer::Settled;
#[cfg(feature = "server")]
pub use body::RequestBody;
pub use client_side::ClientSide;
#[cfg(feature = "server")]
pub use connections::serve;
pub use delivering::Delivering;
pub use exchange::{Exchange, ReadBody, ReadRequest};
#[cfg(feature = "server")]
pub use listener::{HttpReceiver, receiver};
pub use options::HttpReceiverOptions;
pub use receiver::ExchangeReceiver;
#[cfg(feature = "server")]
pub use unread::Unread;
