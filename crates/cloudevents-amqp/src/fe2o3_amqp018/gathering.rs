//! A stream that writes several frames at once.

use bytes::{Buf, BytesMut};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are gathered at most, besides one frame.
const FULL: usize = 32 << 10;

/// Gathers what the client writes, because it flushes each frame and each flush is a system call.
///
/// The task of the client's connection reads from the stream whenever it has nothing else to do. What was written goes
/// out when it has looked twice without a frame in between, so that the tasks which make the next frames had their
/// turn; or when there are 32 KiB. Flushing does nothing: a task that writes and then never reads would wait for ever.
#[derive(Debug)]
pub(super) struct Gathering<S: AsyncWrite + Unpin> {
    stream: S,
    gathered: BytesMut,
    /// Whether the stream may keep some of what it has taken, as TLS does until it is flushed.
    unflushed: bool,
    /// Whether the task has looked for something to read since the last frame.
    looked: bool,
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, gathered: BytesMut::new(), unflushed: false, looked: false }
    }

    fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.gathered))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.gathered.advance(written),
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.gathered.is_empty() || self.unflushed {
            if !std::mem::replace(&mut self.looked, true) {
                context.waker().wake_by_ref();
            } else if let Poll::Ready(Err(error)) = self.poll_write_out(context) {
                return Poll::Ready(Err(error));
            }
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathered.len().saturating_add(bytes.len()) > FULL {
            ready!(self.poll_write_out(context))?;
            if bytes.len() > FULL {
                self.unflushed = true;
                self.looked = false;
                return Pin::new(&mut self.stream).poll_write(context, bytes);
            }
        }
        self.gathered.extend_from_slice(bytes);
        self.looked = false;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_out(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The client drops the stream after its last frame. What the stream takes at once is still written.
impl<S: AsyncWrite + Unpin> Drop for Gathering<S> {
    fn drop(&mut self) {
        let _ = self.poll_write_out(&mut Context::from_waker(Waker::noop()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::{cell::Cell, rc::Rc};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    /// Counts the writes.
    struct Counting(DuplexStream, Rc<Cell<usize>>);

    impl AsyncRead for Counting {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for Counting {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.1.set(self.1.get() + 1);
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }

    fn pair(room: usize) -> (Gathering<Counting>, DuplexStream, Rc<Cell<usize>>) {
        let (near, far) = duplex(room);
        let writes = Rc::new(Cell::new(0));
        (Gathering::new(Counting(near, Rc::clone(&writes))), far, writes)
    }

    #[tokio::test]
    async fn frames_go_out_together_when_the_task_only_reads() {
        let (mut stream, mut far, writes) = pair(1 << 20);
        for frame in [&b"one "[..], b"two ", b"three"] {
            stream.write_all(frame).await.unwrap();
            stream.flush().await.unwrap();
            // There is nothing to read, but the next frame may be about to come.
            assert!(stream.read_u8().now_or_never().is_none());
        }
        assert_eq!(writes.get(), 0);
        let mut read = [0; 13];
        let (answer, ()) = tokio::join!(stream.read_u8(), async {
            far.read_exact(&mut read).await.unwrap();
            far.write_u8(7).await.unwrap();
        });
        assert_eq!((answer.unwrap(), &read[..], writes.get()), (7, &b"one two three"[..], 1));
    }

    #[tokio::test]
    async fn what_is_gathered_is_bounded_and_large_frames_are_not_copied() {
        let (mut stream, mut far, writes) = pair(1 << 20);
        let frame = vec![b'x'; FULL / 4];
        for _ in 0..5 {
            stream.write_all(&frame).await.unwrap();
        }
        assert_eq!((writes.get(), stream.gathered.len()), (1, FULL / 4));
        let large = vec![b'y'; FULL + 1];
        stream.write_all(&large).await.unwrap();
        assert_eq!((writes.get(), stream.gathered.len()), (3, 0));
        let mut read = Vec::new();
        drop(stream);
        far.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, [frame.repeat(5), large].concat());
    }

    /// The peer does not read, so the pipe is full, and then reads everything.
    #[tokio::test]
    async fn a_slow_peer_gets_everything_in_order() {
        let (mut stream, mut far, _) = pair(1000);
        let all: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        let mut read = vec![0; all.len()];
        let (answer, ()) = tokio::join!(
            async {
                for frame in all.chunks(700) {
                    stream.write_all(frame).await.unwrap();
                    stream.flush().await.unwrap();
                }
                stream.read_u8().await
            },
            async {
                far.read_exact(&mut read).await.unwrap();
                far.write_u8(1).await.unwrap();
            }
        );
        assert_eq!(answer.unwrap(), 1);
        assert!(read == all);
    }

    #[tokio::test]
    async fn shutting_down_and_dropping_write_what_is_left() {
        for shut in [true, false] {
            let (mut stream, mut far, _) = pair(100);
            stream.write_all(b"last").await.unwrap();
            if shut {
                stream.shutdown().await.unwrap();
            }
            drop(stream);
            let mut read = String::new();
            far.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, "last");
        }
    }

    /// The stream keeps what it takes until it is flushed, for which there is room only later.
    #[tokio::test]
    async fn a_stream_with_a_buffer_is_flushed_until_it_is_empty() {
        for length in [500, FULL + 1] {
            let (near, mut far) = duplex(100);
            let mut stream = Gathering::new(tokio::io::BufStream::with_capacity(1, 2 * FULL, near));
            let frame = vec![b'x'; length];
            let mut read = vec![0; length];
            let (answer, ()) = tokio::join!(
                async {
                    stream.write_all(&frame).await.unwrap();
                    stream.read_u8().await
                },
                async {
                    far.read_exact(&mut read).await.unwrap();
                    far.write_u8(1).await.unwrap();
                }
            );
            assert_eq!((answer.unwrap(), read == frame), (1, true));
        }
    }

    #[tokio::test]
    async fn a_failed_write_is_reported_to_who_reads() {
        let ((reads, _peer), (writes, gone)) = (duplex(100), duplex(100));
        drop(gone);
        let mut stream = Gathering::new(tokio::io::join(reads, writes));
        stream.write_all(b"frame").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
