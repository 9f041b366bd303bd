//! The socket that lapin reads from: plain or TLS, and checked on the way.
//!
//! lapin ends the connection when it cannot read the properties of a message. The broker then delivers the message again, and the
//! connection ends again. So properties are made readable here, in place: see [`frame`](super::frame). Returned messages end here, before
//! lapin handles their confirmations: see [`returns`](super::returns). lapin reads everything that comes, so deliveries are counted here,
//! too.

use super::{
    acknowledge::Deliveries,
    frame::{self, BODY_FRAME, HEADER_FRAME, METHOD_FRAME, OVERHEAD},
    options::Limit,
    refusal::RabbitRefusal,
    returns::Publications,
};
use async_rs::{Runtime, Tokio, traits::Reactor, util::RuntimeParts};
use cloudevents_core::{Error, ErrorKind};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::task::AtomicWaker;
use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::{io::ReadBuf, sync::watch};

/// The most bytes that the broker may put in a frame. It is the default of RabbitMQ.
pub(super) const FRAME_MAX: u32 = 131_072;

/// The runtime of lapin with sockets of this module.
pub(super) type LapinRuntime = Runtime<RuntimeParts<Tokio, Sockets>>;

/// Returns the current runtime, for lapin.
pub(super) fn runtime() -> LapinRuntime {
    let tokio = Tokio::current();
    Runtime::new(RuntimeParts::new(tokio.clone(), Sockets(tokio)))
}

/// With or without TLS: one type, so that lapin is compiled once.
pub(super) trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for T {}

/// The state that the socket of a connection keeps.
#[derive(Debug)]
pub(super) struct Watched {
    /// The messages on their way. lapin handles a confirmation only after the returned messages before it were
    /// recorded here.
    pub(super) publications: Arc<Publications>,
    deliveries: Mutex<Deliveries>,
    /// Whether to end the connection now.
    cut: AtomicBool,
    reader: AtomicWaker,
    /// Why the connection has ended.
    pub(super) ended: watch::Sender<Option<Error>>,
}

impl Watched {
    pub(super) fn new() -> Self {
        Self {
            publications: Arc::default(),
            deliveries: Mutex::default(),
            cut: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            ended: watch::Sender::new(None),
        }
    }

    pub(super) fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection without a farewell. lapin's thread ends with it.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    pub(super) fn end(&self, error: &Error) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert_with(|| error.clone());
            first
        });
    }
}

/// Reads frames from the broker, and passes them on.
pub(super) struct Socket {
    inner: Box<dyn Stream>,
    watched: Arc<Watched>,
    /// The largest body of a message.
    limit: Arc<Limit>,
    /// The frame that is passed on as it is read.
    passing: Passing,
    /// The channel of a `basic.return` whose properties come next, and why the message was returned.
    returning: Option<(Option<u16>, RabbitRefusal)>,
    /// The channel of a returned message whose body comes next, and how many bytes of that are to come.
    returned: Option<(Option<u16>, u64)>,
    /// A frame to look at, as far as it was read.
    kept: Vec<u8>,
    /// How much of the kept frame was passed on, once it is complete.
    passed: Option<usize>,
}

/// A frame of which a part was passed on.
#[derive(Default)]
struct Passing {
    /// The frame's first bytes, up to its length.
    head: [u8; 7],
    seen: usize,
}

impl Socket {
    pub(super) fn new(inner: Box<dyn Stream>, watched: Arc<Watched>, limit: Arc<Limit>) -> Self {
        let passing = Passing::default();
        let (returning, returned) = (None, None);
        Self { inner, watched, limit, passing, returning, returned, kept: Vec::new(), passed: None }
    }

    /// Checks the bytes that were read, and removes frames that are not passed on. Returns how much is left. An unfinished frame is kept.
    fn look(&mut self, read: &mut [u8]) -> Result<usize, Error> {
        let (mut at, mut left) = (0_usize, 0_usize);
        while let Some(rest) = read.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let is_looked_at = match rest.first() {
                Some(&(METHOD_FRAME | HEADER_FRAME)) => self.passing.seen == 0,
                Some(&BODY_FRAME) => self.passing.seen == 0 && self.returned.is_some(),
                _ => false,
            };
            let (count, is_passed) = if is_looked_at {
                let Some(length) = frame::length(rest)?.filter(|length| *length <= rest.len()) else {
                    self.kept.extend_from_slice(rest);
                    break;
                };
                let Some(frame) = rest.get_mut(..length) else { break };
                (length, self.look_at(frame)?)
            } else {
                (self.passing.pass(rest)?, true)
            };
            let end = at.saturating_add(count);
            if is_passed {
                if left < at {
                    read.copy_within(at..end, left);
                }
                left = left.saturating_add(count);
            }
            at = end;
        }
        Ok(left)
    }

    /// Looks at a whole frame, and makes properties readable. Returns whether to pass it on.
    fn look_at(&mut self, frame: &mut [u8]) -> Result<bool, Error> {
        let publications = &self.watched.publications;
        let here = frame::channel(frame);
        match frame.first() {
            Some(&METHOD_FRAME) => {
                if let Some(number) = frame::delivered(frame) {
                    self.watched.deliveries().begin(number)?;
                }
                let Some(why) = frame::returned(frame) else { return Ok(true) };
                if let Some((_, before)) = self.returning.replace((here, why)) {
                    publications.returned(None, before); // its properties never came
                }
            }
            Some(&HEADER_FRAME) => {
                let size = frame::repair(frame);
                let Some((_, why)) = self.returning.take_if(|(channel, _)| *channel == here) else {
                    self.limit.take(size)?; // lapin would collect it
                    return Ok(true);
                };
                publications.returned(frame::number(frame), why);
                self.returned = (size > 0).then_some((here, size));
            }
            _ => {
                let Some((_, rest)) = self.returned.as_mut().filter(|(channel, _)| *channel == here) else {
                    return Ok(true);
                };
                let size = u64::try_from(frame.len().saturating_sub(OVERHEAD)).unwrap_or(u64::MAX);
                *rest = rest.saturating_sub(size);
                self.returned.take_if(|(_, rest)| *rest == 0);
            }
        }
        Ok(false)
    }

    /// Reads more of the kept frame.
    fn poll_kept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let wanted = frame::length(&self.kept).map_err(|error| self.broken(error))?.unwrap_or(OVERHEAD);
            let have = self.kept.len();
            if have >= wanted {
                let mut frame = std::mem::take(&mut self.kept);
                if self.look_at(&mut frame).map_err(|error| self.broken(error))? {
                    (self.kept, self.passed) = (frame, Some(0));
                }
                return Poll::Ready(Ok(()));
            }
            self.kept.resize(wanted, 0);
            let Some(place) = self.kept.get_mut(have..) else { return Poll::Pending };
            let mut place = ReadBuf::new(place);
            let polled = Pin::new(&mut *self.inner).poll_read(context, &mut place);
            let count = place.filled().len();
            self.kept.truncate(have.saturating_add(count));
            ready!(polled)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Records why the connection ends here.
    fn broken(&self, error: Error) -> io::Error {
        self.watched.end(&error);
        io::Error::other(error)
    }

    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.watched.is_cut() {
                return Poll::Ready(Ok(0));
            }
            if let Some(passed) = self.passed {
                let rest = self.kept.get(passed..).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                if let (Some(into), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                    into.copy_from_slice(from);
                }
                self.passed = Some(passed.saturating_add(count));
                if count == rest.len() {
                    self.kept.clear();
                    self.passed = None;
                }
                if count > 0 || buffer.is_empty() {
                    return Poll::Ready(Ok(count));
                }
                continue;
            }
            if !self.kept.is_empty() {
                ready!(self.poll_kept(context))?;
                continue;
            }
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *self.inner).poll_read(context, &mut read))?;
            let read = read.filled_mut();
            if read.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let count = self.look(read).map_err(|error| self.broken(error))?;
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
    }
}

impl Passing {
    /// Passes on as much of a frame as there is, and returns how much that is.
    fn pass(&mut self, rest: &[u8]) -> Result<usize, Error> {
        let new = rest.iter().zip(self.head.iter_mut().skip(self.seen));
        new.for_each(|(byte, place)| *place = *byte);
        let have = self.seen.saturating_add(rest.len());
        // The answer to another version of the protocol.
        if self.head.first() == Some(&b'A') {
            return Ok(rest.len());
        }
        let known = self.head.get(..have.min(self.head.len())).unwrap_or_default();
        let Some(length) = frame::length(known)? else {
            self.seen = have;
            return Ok(rest.len());
        };
        if have < length {
            self.seen = have;
            return Ok(rest.len());
        }
        let count = length.saturating_sub(self.seen);
        *self = Self::default();
        Ok(count)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.watched.reader.register(context.waker());
        let read = self.poll(context, buffer);
        match &read {
            Poll::Ready(Ok(0)) => self.watched.end(&closed("the peer closed the connection")),
            Poll::Ready(Err(error)) => self.watched.end(&closed(error)),
            _ => {}
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.watched.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut *self.inner).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.watched.is_cut() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.inner).poll_shutdown(context)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.watched.end(&closed("the connection was closed"));
    }
}

#[cold]
fn closed(detail: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

/// Timers of tokio, and sockets that were connected before.
#[derive(Clone, Debug)]
pub(super) struct Sockets(Tokio);

impl Reactor for Sockets {
    type TcpStream = Socket;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// lapin does not register sockets.
    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Socket, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl futures_util::Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Socket>> + Send + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt;

    fn frame(kind: u8, channel: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&[kind, 0, channel][..], &length, payload, &[0xce]].concat()
    }

    fn header(channel: u8, size: u64) -> Vec<u8> {
        frame(HEADER_FRAME, channel, &[&[0, 60, 0, 0][..], &size.to_be_bytes(), &[0, 0]].concat())
    }

    /// The bytes that lapin reads of these, which come in two pieces, and the outcome of a message that is on its way.
    async fn read(bytes: &[u8], split: usize) -> (Vec<u8>, Result<(), RabbitRefusal>) {
        let (mut peer, inner) = tokio::io::duplex(1 << 20);
        let watched = Arc::new(Watched::new());
        let publication = watched.publications.begin();
        let mut socket = Socket::new(Box::new(inner), watched, Arc::new(Limit::new(1000)));
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        let (one, other) = bytes.split_at(split);
        peer.write_all(one).await.unwrap();
        let pieces = async move {
            tokio::task::yield_now().await;
            peer.write_all(other).await.unwrap();
        };
        let reading = async {
            loop {
                let polled = poll_fn(|context| Pin::new(&mut socket).poll_read(context, &mut buffer)).await;
                match polled.unwrap() {
                    0 => return,
                    count => all.extend_from_slice(&buffer[..count]),
                }
            }
        };
        tokio::join!(reading, pieces);
        (all, publication.check())
    }

    /// lapin would keep each one until a message is confirmed, however large it is and whether anything was sent.
    #[tokio::test]
    async fn returned_messages_do_not_reach_lapin() {
        let returned = [&[0, 60, 0, 50, 1, 0x38, 8][..], b"NO_ROUTE", &[0], &[1, b'q']].concat();
        let returned = frame(METHOD_FRAME, 1, &returned);
        let confirmed = frame(METHOD_FRAME, 1, &[&[0, 60, 0, 80][..], &[0; 9]].concat());
        let (delivered, other) = (header(2, 3), frame(3, 2, b"abc"));
        let body = |payload: &[u8]| frame(3, 1, payload);
        let sent = [
            &confirmed[..],
            &returned,
            &header(1, 5),
            &delivered,
            &body(b"xx"),
            &other,
            &body(b"yyy"),
            &returned,
            &header(1, 0),
            &confirmed,
            &returned,
            &header(1, 1 << 60),
            &body(&[b'z'; 500]),
            &body(&[b'z'; 500]),
        ]
        .concat();
        let passed = [&confirmed[..], &delivered, &other, &confirmed].concat();
        for split in 0..=sent.len() {
            let unknown = Err(RabbitRefusal::Unrecognized);
            assert_eq!(read(&sent, split).await, (passed.clone(), unknown), "{split}");
        }
    }
}
