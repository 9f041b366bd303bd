//! Conversion for messages of tokio-tungstenite 0.29, and a sender and a receiver on tokio-tungstenite.
//!
//! [`decode`] and [`encode`] are for programs that manage their own connections. [`sender`], [`receiver`] and [`connect_pair`]
//! connect by themselves:
//!
//! ```no_run
//! use cloudevents_core::Event;
//! use cloudevents_websockets::tungstenite029::connect_pair;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "ws://localhost:8080/orders?reject=drop";
//! let (orders, mut deliveries) = connect_pair(url, Default::default(), Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # URLs
//!
//! [The crate's documentation](crate#urls) describes the form of URLs and their options.
//!
//! # Guarantees
//!
//! [The promises over WebSockets](https://github.com/cloudevents-kit/cloudevents-kit/blob/main/docs/promises/websockets.md) has a row for
//! each case, with the behaviour in each incident.
//!
//! Not supported: compression (`permessage-deflate`), and WebSockets over HTTP/2.

mod arriving;
mod binding;
mod connect;
mod connection;
mod direct;
mod failure;
mod message;
mod options;
mod pair;
mod received;
mod receiver;
mod sender;
mod socket;
mod source;
mod stream;
mod unsent;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use message::{decode, encode, frame, message};
pub use options::WsConnection;
pub use pair::connect_pair;
pub use receiver::{WsReceiverOptions, receiver};
pub use sender::{WsSenderOptions, sender};

#[cfg(feature = "server")]
pub(crate) use {
    arriving::Arriving,
    connection::{Connection, Inbox, runtime},
    failure::refusal,
    options::{KEEP_ALIVE, Liveness, MESSAGE_DEADLINE},
    received::{Reader, Via},
    receiver::decided,
    socket::config,
    stream::{Io, Metered},
    urls::URLS,
};
#[cfg(feature = "axum08")]
pub(crate) use {receiver::WsReceiver, sender::Outbox};
