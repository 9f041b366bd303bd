//! `ws` URLs that are listened at.

use super::{Opened, failed};
use crate::failure::Failure;
use cloudevents_kit::{
    transport::{Endpoint, OnRefusal, ReceiverOptions},
    websockets::{WsServer, WsServerOptions},
};

/// Whether this URL is listened at, and not connected to.
pub(super) fn listens(endpoint: &Endpoint) -> bool {
    endpoint.scheme() == "ws" && endpoint.option("role") != Some("client")
}

/// Starts a server. The returned URL has the actual port.
pub(super) async fn receiver(
    endpoint: Endpoint,
    options: ReceiverOptions,
    on_refusal: Option<OnRefusal>,
) -> Result<Opened, Failure> {
    let mut options = WsServerOptions::from(options);
    options.on_refusal = on_refusal;
    let server = WsServer::bind(endpoint, options).await.map_err(failed)?;
    let url = server.url();
    Ok(Opened { receiver: server.into_receiver(), url, notes: Vec::new() })
}
