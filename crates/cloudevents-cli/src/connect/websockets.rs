//! `ws` and `wss` URLs: WebSockets.

use super::{Opened, Sending, failed};
use crate::failure::Failure;
use cloudevents_kit::{
    Sender,
    transport::{Bounds, Endpoint, OnRefusal, ReceiverOptions},
    websockets::{
        self, WsServer, WsServerOptions,
        tungstenite029::{WsReceiverOptions, WsSenderOptions},
    },
};

pub(super) async fn sender(endpoint: &Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    check_tls(endpoint)?;
    let mut options = WsSenderOptions::default();
    options.sender.decoding = cloudevents_kit::decoding();
    options.sender.enqueue_timeout = sending.timeout;
    options.sender.losses = sending.losses;
    options.sender.peer = sending.peer;
    options.connection.connect_timeout = sending.timeout;
    options.in_flight = Bounds { messages: sending.parallel, ..options.in_flight };
    websockets::tungstenite029::sender(endpoint.clone(), options).await.map_err(failed)
}

/// Starts a server, or connects to one. The returned URL of a server has the actual port. Rejected messages are dropped, as a peer forgets
/// them.
pub(super) async fn receiver(
    endpoint: &Endpoint,
    options: ReceiverOptions,
    on_refusal: Option<OnRefusal>,
) -> Result<Opened, Failure> {
    check_tls(endpoint)?;
    if endpoint.scheme() == "wss" || endpoint.option("role") == Some("client") {
        let mut options = WsReceiverOptions::from(options);
        options.queue = std::mem::take(&mut options.queue).dropping_rejected();
        let receiver =
            websockets::tungstenite029::receiver(endpoint.clone(), options).await.map_err(failed)?;
        return Ok(Opened { receiver, url: super::shown(endpoint.expose_url()), notes: Vec::new() });
    }
    let mut options = WsServerOptions::from(options);
    options.queue = std::mem::take(&mut options.queue).dropping_rejected();
    options.on_refusal = on_refusal;
    let server = WsServer::bind(endpoint.clone(), options).await.map_err(failed)?;
    let url = server.url();
    Ok(Opened { receiver: server.into_receiver(), url, notes: Vec::new() })
}

fn check_tls(endpoint: &Endpoint) -> Result<(), Failure> {
    if endpoint.scheme() == "wss" && !cfg!(feature = "tls") {
        return Err(Failure::usage("this build of ce has no TLS").help("build it with the feature `tls`"));
    }
    Ok(())
}
