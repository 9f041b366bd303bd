//! The binding as a value.

use super::{receiver, sender, urls::URLS};
use cloudevents_core::Error;
#[cfg(not(feature = "server"))]
use cloudevents_core::ErrorKind;
use cloudevents_transport::{Binding, Create, Endpoint, Look, Receiver, ReceiverOptions};
use futures_util::FutureExt;

/// WebSockets, for programs that know more than one protocol. The receiver of a `ws` URL listens, unless its option `role` is `client`.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| open(endpoint, options).boxed()),
    look: Look::Elsewhere(
        "a peer keeps no messages for others; what a server shows of itself is at URLs of its own",
    ),
    create: Create::Elsewhere("there is nothing to create"),
    show: None,
};

async fn open(endpoint: Endpoint, options: ReceiverOptions) -> Result<Receiver, Error> {
    if endpoint.scheme() == "ws" && endpoint.option("role") != Some("client") {
        return listen(endpoint, options).await;
    }
    receiver(endpoint, options.into()).await
}

#[cfg(feature = "server")]
async fn listen(endpoint: Endpoint, options: ReceiverOptions) -> Result<Receiver, Error> {
    crate::listen(endpoint, options.into()).await
}

#[cfg(not(feature = "server"))]
async fn listen(_: Endpoint, _: ReceiverOptions) -> Result<Receiver, Error> {
    Err(Error::new(ErrorKind::Unsupported)
        .with_detail("this build has no server")
        .with_help("turn on the feature `server` of cloudevents-websockets, or add `role=client` to the URL"))
}
