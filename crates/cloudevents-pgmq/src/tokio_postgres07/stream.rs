//! TLS of a connection.

use super::Tls;
use cloudevents_core::Error;
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// A connection in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The handshake with a host, which has not begun.
pub(super) struct Handshake {
    pub(super) tls: Tls,
    pub(super) host: String,
}

impl TlsConnect<TcpStream> for Handshake {
    type Stream = Secured;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Secured, Error>>;

    fn connect(self, tcp: TcpStream) -> Self::Future {
        async move { Ok(Secured(Box::new(self.tls.connect(&self.host, tcp).await?))) }.boxed()
    }
}

/// A connection over TLS.
pub(super) struct Secured(Box<dyn Stream>);

impl TlsStream for Secured {
    /// None: the certificate of the server was verified.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
