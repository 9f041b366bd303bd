//! The stream below a client, which follows the bytes of the peer.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream in both directions, such as TCP or TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream with or without TLS, whose incoming bytes are followed. It is one type, so that a client is compiled once.
///
/// For clients that make room for any length that a peer claims: an error of the function that follows the bytes ends the connection before
/// the client sees them.
pub struct Guard {
    inner: Box<dyn Stream>,
    follow: Box<Follow>,
}

type Follow = dyn FnMut(&[u8]) -> io::Result<()> + Send;

impl Guard {
    /// Calls this function with the bytes of each read.
    pub fn new(inner: Box<dyn Stream>, follow: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Self {
        Self { inner, follow: Box::new(follow) }
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let followed = (self.follow)(buffer.filled().get(before..).unwrap_or_default());
        if followed.is_err() {
            buffer.set_filled(before);
        }
        Poll::Ready(followed)
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
