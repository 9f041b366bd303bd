//! Writing with a deadline, and closing so that the last response is read.

use super::{ClientSide, connection_state::Line, server_side::ServerSide};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

/// A connection to a peer that has to read written bytes within a time. Otherwise writing fails as timed out.
///
/// The time begins when the peer's buffers are full, and ends when everything is written: with the next flush, which hyper requests then.
/// So a peer that reads a byte now and then gains nothing.
///
/// A connection that is closed while the peer sends is reset, and the peer may lose the response that it has not read yet (RFC 9112,
/// section 9.6). So when the stream is shut down with a body that was not read, it discards bytes that still come. It does so for the same
/// time at most, and for [`SILENCE`] at most when the server stops.
pub(super) struct Patience {
    stream: ServerSide,
    limit: Duration,
    late: Option<Pin<Box<Sleep>>>,
    line: Arc<Line>,
    closing: Option<Closing>,
    /// The bytes that were read in this turn.
    read: usize,
}

/// Since the peer has the last response.
struct Closing {
    begin: Instant,
    end: Pin<Box<Sleep>>,
    silent: Pin<Box<Sleep>>,
}

/// How long a peer may be silent that was sent its last response, and how long it may go on sending when the server stops.
const SILENCE: Duration = Duration::from_secs(2);

/// How much of a client's data is read before other connections have their turn: fast data is many reads, each with work after it.
const TURN: usize = 16 << 10;

/// How much is discarded at once.
const DISCARDED: usize = 8 << 10;

impl Patience {
    pub(super) fn new(stream: TcpStream, limit: Duration, line: Arc<Line>) -> Self {
        Self { stream: ServerSide::new(stream), limit, late: None, line, closing: None, read: 0 }
    }

    pub(super) fn client(&self) -> ClientSide {
        self.stream.client()
    }

    /// Discards bytes that come, until the peer has closed, is silent, or has had its time.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut discarded = [0; DISCARDED];
        loop {
            let mut discarded = ReadBuf::new(&mut discarded);
            let read = Pin::new(&mut self.stream).poll_read(context, &mut discarded);
            let came = matches!(read, Poll::Ready(Ok(()))) && !discarded.filled().is_empty();
            if read.is_ready() && !came {
                return Poll::Ready(());
            }
            if self.closing.is_none() && !came && !self.line.is_unread() {
                return Poll::Ready(());
            }
            let limit = self.limit;
            let closing = self.closing.get_or_insert_with(|| Closing {
                begin: Instant::now(),
                end: Box::pin(sleep(limit)),
                silent: Box::pin(sleep(SILENCE)),
            });
            if came {
                closing.silent.as_mut().reset(behind(Instant::now(), SILENCE));
            }
            if let Some(cut) = self.line.cut_since() {
                let end = behind(cut.max(closing.begin), SILENCE);
                if end < closing.end.deadline() {
                    closing.end.as_mut().reset(end);
                }
            }
            if closing.end.as_mut().poll(context).is_ready()
                || closing.silent.as_mut().poll(context).is_ready()
            {
                return Poll::Ready(());
            }
            if !came {
                return Poll::Pending;
            }
        }
    }

    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.line.stall();
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        late.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn behind(begin: Instant, time: Duration) -> Instant {
    begin.checked_add(time).unwrap_or(begin)
}

impl AsyncRead for Patience {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= TURN {
            self.read = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let left = u64::try_from(TURN.saturating_sub(self.read)).unwrap_or(u64::MAX);
        let read = Pin::new(&mut (&mut self.stream).take(left)).poll_read(context, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        if came > 0 {
            self.line.hear();
        }
        self.read = if read.is_pending() { 0 } else { self.read.saturating_add(came) };
        read
    }
}

impl AsyncWrite for Patience {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.wait(context),
            written => written,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(context, slices) {
            Poll::Pending => self.wait(context),
            written => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.late = None;
        self.line.flushed();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        self.linger(context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    /// A crowd that sends fast must not keep the response of another connection waiting.
    #[tokio::test]
    async fn a_client_that_sends_fast_gives_others_their_turn() {
        takes_turns(1 << 10).await;
        takes_turns(1 << 18).await;
    }

    async fn takes_turns(buffered: usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(&[b'x'; 4 * TURN]).await.unwrap();
        drop(client);
        let mut stream = Patience::new(stream, Duration::from_secs(1), Arc::new(Line::new(Arc::default())));
        let (mut read, mut turns) = (0, 0);
        while read < 4 * TURN {
            stream.stream.readable().await.unwrap();
            let mut turn = 0;
            loop {
                let mut bytes = vec![0; buffered];
                let mut buffer = ReadBuf::new(&mut bytes);
                let polled =
                    Pin::new(&mut stream).poll_read(&mut Context::from_waker(&noop_waker()), &mut buffer);
                if polled.is_pending() || buffer.filled().is_empty() {
                    break;
                }
                turn += buffer.filled().len();
            }
            assert!(turn <= TURN, "{turn}");
            (read, turns) = (read + turn, turns + 1);
        }
        assert!(turns >= 4, "{turns}");
    }
}
