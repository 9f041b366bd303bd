//! Both directions over one connection.

use super::{
    connect::Linking,
    connection::runtime,
    receiver::{WsReceiver, WsReceiverOptions, read},
    sender::{WsSender, WsSenderOptions},
    source::ReceivingShared,
};
use cloudevents_core::Error;
use cloudevents_transport::{Endpoint, Receiver, Sender, Side, binding::connect::Reconnect};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// Connects to this URL, and returns a sender and a receiver over the same connection.
///
/// Both are as [`sender`](super::sender) and [`receiver`](super::receiver) describe, and both use each new connection when one is lost.
/// [`WsReceiverOptions::connection`] describes the connection. The connection of the sender's options is ignored. Closing the sender closes
/// the connection: the receiver returns the messages that have arrived, and then ends. When only one of them is dropped, the other one goes
/// on.
///
/// ```no_run
/// use cloudevents_core::Event;
/// use cloudevents_websockets::tungstenite029::connect_pair;
///
/// # async fn talk() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "ws://localhost:8080/chat?reject=drop";
/// let (sender, mut deliveries) = connect_pair(url, Default::default(), Default::default()).await?;
/// sender.send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// if let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// # Ok(()) }
/// ```
///
/// Errors are those of [`sender`](super::sender) and [`receiver`](super::receiver).
pub async fn connect_pair(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    sending: WsSenderOptions,
    receiving: WsReceiverOptions,
) -> Result<(Sender, Receiver), Error> {
    open(Endpoint::of(url)?, sending, receiving).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(
    endpoint: Endpoint,
    sending: WsSenderOptions,
    receiving: WsReceiverOptions,
) -> BoxFuture<'static, Result<(Sender, Receiver), Error>> {
    async move {
        runtime()?;
        let (target, options, queue) = read(&endpoint, receiving, Side::Both)?;
        let sender = sending.sender.with_url(&endpoint)?;
        target.check_formats(&sender.decoding.formats)?;
        let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
        let hosts = target.hosts.clone();
        let decoding = options.decoding.clone();
        let linking = Linking { target: Arc::new(target), decoding, receives: true };
        let links = Reconnect::new(linking.clone(), hosts.clone(), backoff).share();
        links.open().await?;
        let sender = WsSender::over(links.clone(), sender);
        let reconnect = Reconnect::new(ReceivingShared(links), hosts, backoff);
        let receiver = WsReceiver::open(reconnect, options, queue).await?;
        Ok((sender.into_sender(), receiver.into_receiver()))
    }
    .boxed()
}
