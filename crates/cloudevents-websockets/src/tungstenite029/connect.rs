//! Connecting: TCP, TLS, and the handshake.

use super::{
    connection::Connection,
    failure,
    options::Target,
    received::{Reader, Via},
    socket::config,
    stream::{Io, Metered},
};
use crate::chosen;
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{Host, binding::connect::Connect};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        http::header::{SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL},
        protocol::Role,
    },
};

/// Connects.
#[derive(Clone)]
pub(super) struct Linking {
    pub(super) target: Arc<Target>,
    pub(super) decoding: DecodeOptions,
    /// Whether a receiver takes messages that arrive. They are discarded otherwise.
    pub(super) receives: bool,
}

impl Connect for Linking {
    type Connection = Arc<Connection>;

    async fn connect(&self, host: &Host) -> Result<Arc<Connection>, Error> {
        let (stream, reader) = self.open(host).await?;
        let liveness = self.target.liveness();
        Ok(Arc::new(Connection::start(stream, reader, liveness, self.receives)))
    }

    async fn lost(&self, connection: &Arc<Connection>) -> Error {
        connection.ended().await
    }
}

impl Linking {
    /// Connects, up to the end of the handshake.
    pub(super) async fn open(&self, host: &Host) -> Result<(WebSocketStream<Metered<Io>>, Reader), Error> {
        let Self { target, decoding, .. } = self;
        let request = target.request(host)?;
        let limit = target.options.connect_timeout;
        let stream = target.addresses.connect(host, 80, limit).await.map_err(|error| {
            failure::disconnected(format!("no connection to {host}: {error}")).with_source(error)
        })?;
        let peer = stream.peer_addr().ok();
        let stream = self.secured(host, stream).await?;
        let stream = Metered::after_head(stream, decoding.limits.bytes);
        let config = Some(config(decoding.limits.bytes));
        let (stream, response) =
            client_async_with_config(request, stream, config).await.map_err(failure::handshake)?;
        // With a buffer of the configured size: that of the handshake stays small.
        let stream = WebSocketStream::from_raw_socket(stream.into_inner(), Role::Client, config).await;
        if response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            return Err(failure::refused(
                "the server has chosen an extension, and none was offered (RFC 6455, section 4.1)",
            ));
        }
        let values = response.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let values = values.map(|value| value.to_str().unwrap_or_default());
        let subprotocol = chosen(values, &target.options.subprotocols)?;
        let via = Via { path: (&*target.path).into(), peer };
        target.addresses.worked();
        Ok((stream, Reader::new(subprotocol, decoding, via)))
    }

    #[cfg(feature = "tls")]
    async fn secured(&self, host: &Host, stream: TcpStream) -> Result<Io, Error> {
        if self.target.tls {
            let name = host.name();
            return Ok(Box::new(self.target.options.tls.connect(name, stream).await?));
        }
        Ok(Box::new(stream))
    }

    #[cfg(not(feature = "tls"))]
    async fn secured(&self, _: &Host, stream: TcpStream) -> Result<Io, Error> {
        Ok(Box::new(stream))
    }
}
