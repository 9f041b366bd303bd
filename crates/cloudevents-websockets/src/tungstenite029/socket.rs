//! One WebSocket, driven by polling: writing, reading, pings and deadlines.

use super::{
    arriving::{GivenUp, READ},
    failure,
    options::Liveness,
    stream::{Io, Metered},
    unsent::{Command, Sent, Unsent},
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Receipt, binding::later};
use futures_util::{Sink, SinkExt, Stream};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// How much is collected before it is written, at most.
const WRITE: usize = 64 << 10;

/// The most messages that are written between two reads.
const TOGETHER: usize = 128;

/// The most pings of the peer whose answers may wait to be written. A peer that sends more and reads nothing is not read from.
const PINGS: usize = 64;

/// How long the peer may take to answer or to close, when the connection ends.
pub(crate) const FAREWELL: Duration = Duration::from_secs(5);

/// How long a peer whose message has taken too long may go on sending, so that it can read why the connection ends.
const SLOW: Duration = Duration::from_secs(1);

/// Returns the limits of a connection whose messages have at most this many bytes.
pub(crate) fn config(bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ)
        .write_buffer_size(WRITE)
        .max_message_size(Some(bytes))
        .max_frame_size(Some(bytes))
}

/// A connection after its handshake.
pub(crate) struct Socket {
    stream: WebSocketStream<Metered<Io>>,
    unsent: Unsent,
    liveness: Liveness,
    /// In the buffer of the client library, and not yet flushed.
    unflushed: Vec<Sent>,
    flushing: bool,
    /// Whether the client library takes no more before it has flushed.
    blocked: bool,
    /// Pings since everything was written out.
    pings: usize,
    /// Whether a close frame was sent.
    closing: bool,
    /// Why the peer closed the connection. The close frame in response is being written.
    ending: Option<Error>,
    tick: Pin<Box<Sleep>>,
    /// The bytes that were read at the last tick.
    seen: u64,
    seen_at: Instant,
    pinged_at: Option<Instant>,
    /// The message that is arriving, by its number, and since when.
    arriving: Option<(u64, Instant)>,
}

impl Socket {
    pub(crate) fn new(stream: WebSocketStream<Metered<Io>>, unsent: Unsent, liveness: Liveness) -> Self {
        let seen = stream.get_ref().frames().bytes();
        Self {
            stream,
            unsent,
            unflushed: Vec::new(),
            flushing: false,
            blocked: false,
            pings: 0,
            closing: false,
            ending: None,
            tick: Box::pin(sleep(liveness.tick())),
            seen,
            seen_at: Instant::now(),
            pinged_at: None,
            arriving: None,
            liveness,
        }
    }

    /// Whether this side has closed the connection.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Writes messages that were sent, answers pings, and returns the next message, if it may read. Cancel-safe.
    ///
    /// An error ends the connection: call [`end`](Self::end) then. It is of kind [`Closed`](ErrorKind::Closed) when this side has closed.
    pub(crate) async fn next(&mut self, reading: bool) -> Result<Message, Error> {
        std::future::poll_fn(|context| self.poll(context, reading)).await
    }

    /// As [`next`](Self::next), reading while more may be taken. `None` as soon as no more may be, also in the middle of a message.
    /// Cancel-safe.
    pub(crate) async fn next_while(&mut self, room: impl Fn() -> bool) -> Option<Result<Message, Error>> {
        std::future::poll_fn(|context| match room() {
            true => self.poll(context, true).map(Some),
            false => Poll::Ready(None),
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>, reading: bool) -> Poll<Result<Message, Error>> {
        // Also if nothing is read at the moment.
        if self.stream.get_ref().is_given_up() {
            return Poll::Ready(Err(failure::lost(std::io::Error::other(GivenUp).into())));
        }
        self.write(context)?;
        // A peer that sends without end must not delay the end.
        if self.closing || self.ending.is_some() {
            self.ticked(context, reading)?;
        }
        if reading && let Poll::Ready(read) = self.read(context)? {
            return Poll::Ready(Ok(read));
        }
        self.note(reading);
        // After reading: a peer is not silent because this process was busy.
        self.ticked(context, reading)?;
        self.flush(context)?;
        match self.ending.take() {
            Some(error) if !self.flushing => Poll::Ready(Err(error)),
            ending => {
                self.ending = ending;
                Poll::Pending
            }
        }
    }

    /// Writes messages that were sent.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        for messages in 0..=TOGETHER {
            if self.closing || self.ending.is_some() {
                break;
            }
            if messages == TOGETHER {
                context.waker().wake_by_ref(); // goes on after reading
                break;
            }
            match Pin::new(&mut self.stream).poll_ready(context) {
                Poll::Ready(ready) => ready.map_err(failure::lost)?,
                Poll::Pending => {
                    self.blocked = true;
                    break;
                }
            }
            // The client library is ready again when it has flushed everything.
            if std::mem::take(&mut self.blocked) {
                self.flushed();
            }
            match self.unsent.poll_take(context) {
                Poll::Ready(Command::Send(message, sent)) => {
                    self.unflushed.push(sent);
                    self.start(message)?;
                }
                Poll::Ready(Command::Close(code)) => self.start_closing(code)?,
                Poll::Pending => break,
            }
        }
        self.flush(context)
    }

    fn start(&mut self, message: Message) -> Result<(), Error> {
        self.flushing = true;
        Pin::new(&mut self.stream).start_send(message).map_err(failure::lost)
    }

    fn start_closing(&mut self, code: CloseCode) -> Result<(), Error> {
        self.closing = true;
        // The peer has this long to answer.
        self.tick.as_mut().reset(later(Instant::now(), FAREWELL));
        self.start(close(code, ""))
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.flushing
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            flushed.map_err(failure::lost)?;
            self.flushed();
        }
        Ok(())
    }

    /// Everything was written out.
    fn flushed(&mut self) {
        (self.flushing, self.blocked, self.pings) = (false, false, 0);
        // Behind its close frame, the peer discards all data (RFC 6455, section 1.4).
        if self.ending.is_some() {
            return;
        }
        // From the last: a task that waits for all of them waits for the first one first, and so wakes once.
        self.unflushed.drain(..).rev().for_each(|sent| sent.resolve(Ok(Receipt::new())));
    }

    fn read(&mut self, context: &mut Context<'_>) -> Result<Poll<Message>, Error> {
        while self.ending.is_none() && self.pings < PINGS {
            let Poll::Ready(read) = Pin::new(&mut self.stream).poll_next(context) else { break };
            match read {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    return Ok(Poll::Ready(message));
                }
                // The client library has put the answer into its buffer.
                Some(Ok(Message::Ping(_))) => {
                    (self.flushing, self.pings) = (true, self.pings.saturating_add(1))
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) if self.closing => return Err(Error::new(ErrorKind::Closed)),
                Some(Ok(Message::Close(frame))) => {
                    (self.flushing, self.ending) = (true, Some(failure::closed(frame.as_ref())));
                    self.tick.as_mut().reset(later(Instant::now(), FAREWELL));
                }
                Some(Err(_)) | None if self.closing => return Err(Error::new(ErrorKind::Closed)),
                Some(Err(error)) => return Err(failure::lost(error)),
                None => return Err(failure::closed(None)),
            }
        }
        if self.pings >= PINGS {
            // Reading goes on when the answers are written: now, or when the peer has read.
            self.flush(context)?;
            if self.pings < PINGS {
                context.waker().wake_by_ref();
            }
        }
        Ok(Poll::Pending)
    }

    /// Notes since when a message is arriving.
    fn note(&mut self, reading: bool) {
        if !reading {
            self.stream.get_mut().pause();
        }
        let arriving = self.stream.get_ref().arriving();
        if arriving == self.arriving.map(|(number, _)| number) && (reading || arriving.is_none()) {
            return;
        }
        // A message is not late if this side does not read it because of its bounds.
        let now = Instant::now();
        self.arriving = arriving.map(|number| (number, now));
        let late = later(now, self.liveness.message_deadline);
        if arriving.is_some() && late < self.tick.deadline() && !self.closing && self.ending.is_none() {
            self.tick.as_mut().reset(late);
        }
    }

    /// Looks after the peer: pings it when it is silent, and gives it up.
    fn ticked(&mut self, context: &mut Context<'_>, reading: bool) -> Result<(), Error> {
        while self.tick.as_mut().poll(context).is_ready() {
            if self.closing {
                return Err(Error::new(ErrorKind::Closed));
            }
            if let Some(error) = self.ending.take() {
                return Err(error);
            }
            let now = Instant::now();
            let late = self.arriving.map(|(_, since)| later(since, self.liveness.message_deadline));
            if late.is_some_and(|late| late <= now) {
                let limit = self.liveness.message_deadline;
                return Err(if self.stream.get_ref().was_paused() {
                    failure::busy(limit)
                } else {
                    failure::slow(limit)
                });
            }
            let next = later(now, self.liveness.tick());
            self.tick.as_mut().reset(late.map_or(next, |late| late.min(next)));
            let read = self.stream.get_ref().frames().bytes();
            if read != self.seen || !reading || self.stream.get_ref().is_paused() {
                (self.seen, self.seen_at, self.pinged_at) = (read, now, None);
            }
            // Pings of the peer wait behind messages that this side does not take. It shows all the same that this side is alive (RFC 6455,
            // section 5.5.3), unless the peer reads as little.
            if !reading && !self.flushing && self.ending.is_none() {
                self.start(Message::Pong(Bytes::new()))?;
            }
            let silent = now.saturating_duration_since(self.seen_at);
            if silent < self.liveness.keep_alive {
                continue;
            }
            match self.pinged_at {
                // The peer has all of its time to answer, also if this process was suspended before.
                Some(pinged) if now.saturating_duration_since(pinged) >= self.liveness.keep_alive => {
                    return Err(failure::silent(silent));
                }
                Some(_) => {}
                None => {
                    self.pinged_at = Some(now);
                    // Behind data that waits to be written: then the peer does not read, which ends the same way.
                    self.start(Message::Ping(Bytes::new()))?;
                }
            }
        }
        Ok(())
    }

    /// Ends the connection after this error: sends the reason to the peer, and fails messages that were not written.
    pub(crate) async fn end(mut self, error: &Error) {
        let mut discarding = None;
        if let Some((code, reason)) = failure::code(error)
            && !self.closing
        {
            // Others need the memory of a message that was given up: it is not kept for a peer that reads slowly.
            let patience = if self.stream.get_ref().is_given_up() { Duration::ZERO } else { FAREWELL };
            let farewell = self.stream.send(close(code, reason));
            let is_sent = timeout(patience, farewell).await.is_ok();
            // A message that is too large, or takes too long, is on its way, and its sender may mean well.
            discarding = match code {
                CloseCode::Size => Some(FAREWELL),
                CloseCode::Policy | CloseCode::Again => Some(SLOW),
                _ => None,
            }
            .filter(|_| is_sent);
        }
        let told = if error.kind() == ErrorKind::Closed { failure::closed(None) } else { error.clone() };
        self.unflushed.into_iter().for_each(|sent| sent.resolve(Err(told.clone())));
        self.unsent.end(&told);
        if let Some(limit) = discarding {
            let _ = timeout(limit, self.stream.into_inner().discard()).await;
        }
    }
}

fn close(code: CloseCode, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

#[cfg(test)]
#[cfg(feature = "server")]
mod tests {
    use super::{
        super::{
            arriving::{Arriving, Share},
            unsent::{Commands, unsent},
        },
        *,
    };
    use cloudevents_transport::{Bounds, InFlight, Outcome};
    use futures_util::{FutureExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::protocol::Role;

    const LIMIT: usize = 1 << 20;

    /// A connection of a server, over a pipe of 16 KiB.
    async fn connection(share: Share) -> (Socket, Commands, DuplexStream) {
        let (stream, peer) = duplex(16 << 10);
        let stream = Metered::new(Box::new(stream) as Io, LIMIT, share);
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config(LIMIT))).await;
        let (commands, unsent) = unsent();
        let limit = Duration::from_secs(1000);
        let liveness = Liveness { keep_alive: limit, message_deadline: limit };
        (Socket::new(stream, unsent, liveness), commands, peer)
    }

    fn send(commands: &Commands, bytes: usize) -> Outcome<Receipt> {
        let permit = InFlight::new(Bounds::default()).take(bytes);
        let message = Message::Binary(vec![b'x'; bytes].into());
        commands.send(message, permit).map_err(drop).unwrap()
    }

    /// A program that takes no messages does not read from the connection that has to end, and its peer does not read the reason.
    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_goes_at_once_whoever_reads() {
        let all = Arriving::default();
        let (mut socket, commands, mut peer) = connection(all.share(LIMIT)).await;
        let unread = send(&commands, LIMIT);
        let begun = [&[0x81, 0xff][..], &900_000_u64.to_be_bytes(), &[0; 4]].concat();
        let sent = async {
            peer.write_all(&begun).await.unwrap();
            peer.write_all(&vec![b' '; 600_000]).await.unwrap();
        };
        tokio::select! {
            next = socket.next(true) => panic!("{next:?}"),
            () = sent => {}
        }
        assert!(socket.next(true).now_or_never().is_none(), "it has all that came");
        tokio::time::advance(Duration::from_millis(1100)).await;
        let mut waiting = all.share(LIMIT);
        waiting.hold(LIMIT as u64);
        let room = std::future::poll_fn(|context| waiting.poll_room(context)).now_or_never();
        assert!(room.is_none());
        let given_up = timeout(Duration::from_millis(10), socket.next(false)).await;
        let error = given_up.expect("it still waits").unwrap_err();
        let begin = Instant::now();
        socket.end(&error).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert!(unread.await.is_err());
    }

    /// The client library has more to write at any time.
    #[tokio::test]
    async fn what_is_written_is_reported_before_what_follows_is() {
        let (mut socket, commands, mut peer) = connection(Arriving::default().share(LIMIT)).await;
        let (mut first, second) = (send(&commands, 100_000), send(&commands, 200_000));
        // Each has a header of four or ten bytes.
        let mut frame = vec![0; 100_010];
        let written = async {
            peer.read_exact(&mut frame).await.unwrap();
            timeout(Duration::from_secs(5), &mut first).await.expect("it is not reported").unwrap();
        };
        tokio::select! {
            next = socket.next(true) => panic!("{next:?}"),
            () = written => {}
        }
        assert!(second.now_or_never().is_none(), "nothing has read it");
    }

    /// A program that was suspended has not pinged, and so the peer had nothing to answer.
    #[tokio::test(start_paused = true)]
    async fn a_peer_is_pinged_before_it_is_given_up() {
        let (mut socket, _commands, mut peer) = connection(Arriving::default().share(LIMIT)).await;
        for answers in [true, false] {
            assert!(socket.next(true).now_or_never().is_none());
            tokio::time::advance(Duration::from_secs(5000)).await;
            assert!(socket.next(true).now_or_never().is_none(), "it was given up");
            let mut ping = [0; 2];
            peer.read_exact(&mut ping).now_or_never().expect("no ping").unwrap();
            assert_eq!(ping, [0x89, 0]);
            if answers {
                peer.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
                // The next look finds the answer.
                assert!(timeout(Duration::from_secs(600), socket.next(true)).await.is_err());
            }
        }
        // It has all of its time to answer.
        let begin = Instant::now();
        let error = socket.next(true).await.unwrap_err();
        assert!(error.detail().contains("silent"), "{error}");
        assert_eq!(begin.elapsed().as_secs(), 1000);
    }

    /// Idle connections with pings and pongs are kept, however long; messages may wait between pings.
    #[tokio::test(start_paused = true)]
    async fn a_quiet_peer_that_answers_is_kept() {
        let (mut socket, _commands, peer) = connection(Arriving::default().share(LIMIT)).await;
        socket.liveness.message_deadline = Duration::from_secs(100);
        let mut peer = WebSocketStream::from_raw_socket(peer, Role::Client, None).await;
        let quiet = async {
            pinged(&mut peer, 4).await;
            // A pong in two pieces is no message that is late.
            let pong = [0x8a, 0x82, 0, 0, 0, 0, b'a', b'b'];
            peer.get_mut().write_all(&pong[..3]).await.unwrap();
            sleep(Duration::from_secs(50)).await;
            peer.get_mut().write_all(&pong[3..]).await.unwrap();
            pinged(&mut peer, 2).await;
            peer.send(Message::text("{}")).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            next = socket.next(true) => assert_eq!(next.unwrap(), Message::text("{}")),
            () = quiet => unreachable!(),
        }
    }

    /// Reads this many pings, and nothing else. The client library answers each while it reads on.
    async fn pinged(peer: &mut WebSocketStream<DuplexStream>, pings: usize) {
        for _ in 0..pings {
            let message = peer.next().await;
            assert!(matches!(message, Some(Ok(Message::Ping(_)))), "{message:?}");
        }
        // The answer to the last one.
        assert!(timeout(Duration::from_secs(1), peer.next()).await.is_err());
    }

    /// At the deadline: not at the next look after the peer.
    #[tokio::test(start_paused = true)]
    async fn a_stalled_message_is_given_up_in_time() {
        let (mut socket, _commands, mut peer) = connection(Arriving::default().share(LIMIT)).await;
        socket.liveness.message_deadline = Duration::from_secs(300);
        tokio::time::advance(Duration::from_secs(100)).await;
        peer.write_all(&[0x01, 0x81, 0, 0, 0, 0, b'{']).await.unwrap();
        let begin = Instant::now();
        let error = socket.next(true).await.unwrap_err();
        assert_eq!(failure::code(&error).unwrap().0, CloseCode::Policy);
        assert_eq!(begin.elapsed().as_secs(), 300);
    }
}
