//! One WebSocket, driven by polling: writing, reading, pings and deadlines.

use super::{
    failure,
    options::Liveness,
    stream::{Io, Metered},
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Permit, Receipt, Resolver, confirms::Group};
use futures_util::{Sink, SinkExt, Stream};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// How much is read at once. Messages share the memory of what was read with them.
const READ: usize = 32 << 10;

/// How much is collected before it is written, at most.
const WRITE: usize = 64 << 10;

/// The most messages that are written between two reads.
const TOGETHER: usize = 256;

/// The most pings of the peer whose answers may wait to be written. A peer that sends more and reads nothing is not read from.
const PINGS: usize = 64;

/// How long the peer may take to answer or to close, when the connection ends.
pub(crate) const FAREWELL: Duration = Duration::from_secs(5);

/// What the owner of a connection sends to it.
pub(crate) enum Command {
    Send(Message, Resolver<Receipt>, Permit),
    /// Closes the connection with this code, after everything sent before.
    Close(CloseCode),
}

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
    commands: mpsc::UnboundedReceiver<Command>,
    liveness: Liveness,
    /// Handed to the client library, and not yet written out.
    unwritten: Group,
    flushing: bool,
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
    pinged: bool,
    /// The message that is arriving, by its number, and since when.
    arriving: Option<(u64, Instant)>,
}

impl Socket {
    pub(crate) fn new(
        stream: WebSocketStream<Metered<Io>>,
        commands: mpsc::UnboundedReceiver<Command>,
        liveness: Liveness,
    ) -> Self {
        let seen = stream.get_ref().frames().bytes();
        Self {
            stream,
            commands,
            unwritten: Group::default(),
            flushing: false,
            pings: 0,
            closing: false,
            ending: None,
            tick: Box::pin(sleep(liveness.tick())),
            seen,
            seen_at: Instant::now(),
            pinged: false,
            arriving: None,
            liveness,
        }
    }

    /// Whether this side has closed the connection.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Writes what was sent, answers pings, and returns the next message, if it may read. Cancel-safe.
    ///
    /// An error ends the connection: call [`end`](Self::end) then. It is of kind [`Closed`](ErrorKind::Closed) when this side has closed.
    pub(crate) async fn next(&mut self, reading: bool) -> Result<Message, Error> {
        std::future::poll_fn(|context| self.poll(context, reading)).await
    }

    fn poll(&mut self, context: &mut Context<'_>, reading: bool) -> Poll<Result<Message, Error>> {
        self.write(context)?;
        // A peer that sends without end must not delay the end.
        if self.closing || self.ending.is_some() {
            self.ticked(context, reading)?;
        }
        if reading && let Poll::Ready(read) = self.read(context)? {
            return Poll::Ready(Ok(read));
        }
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

    /// Hands what was sent to the client library, and writes it out.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        for _ in 0..TOGETHER {
            if self.closing || self.ending.is_some() {
                break;
            }
            match Pin::new(&mut self.stream).poll_ready(context) {
                Poll::Ready(ready) => ready.map_err(failure::lost)?,
                Poll::Pending => break,
            }
            match self.commands.poll_recv(context) {
                Poll::Ready(Some(Command::Send(message, resolver, permit))) => {
                    self.unwritten.add(permit, resolver);
                    self.start(message)?;
                }
                Poll::Ready(Some(Command::Close(code))) => self.start_closing(code)?,
                Poll::Ready(None) => self.start_closing(CloseCode::Normal)?,
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
        self.tick.as_mut().reset(after(Instant::now(), FAREWELL));
        self.start(close(code, ""))
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.flushing
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            flushed.map_err(failure::lost)?;
            self.flushing = false;
            self.pings = 0;
            self.unwritten.resolve(&Ok(Receipt::new()));
        }
        Ok(())
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
                    self.tick.as_mut().reset(after(Instant::now(), FAREWELL));
                }
                Some(Err(_)) | None if self.closing => return Err(Error::new(ErrorKind::Closed)),
                Some(Err(error)) => return Err(failure::lost(error)),
                None => return Err(failure::closed(None)),
            }
        }
        Ok(Poll::Pending)
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
            self.tick.as_mut().reset(after(now, self.liveness.tick()));
            let frames = self.stream.get_ref().frames();
            let (read, arriving) = (frames.bytes(), frames.arriving());
            if read != self.seen || !reading {
                (self.seen, self.seen_at, self.pinged) = (read, now, false);
            }
            let since = |number| match self.arriving {
                // What is not read because there is no room is not late.
                Some((known, since)) if known == number && reading => (number, since),
                _ => (number, now),
            };
            self.arriving = arriving.map(since);
            let limit = self.liveness.message_deadline;
            if self.arriving.is_some_and(|(_, since)| now.saturating_duration_since(since) >= limit) {
                return Err(failure::slow(limit));
            }
            let silent = now.saturating_duration_since(self.seen_at);
            if silent >= self.liveness.keep_alive.saturating_mul(2) {
                return Err(failure::silent(silent));
            }
            if silent >= self.liveness.keep_alive && !self.pinged {
                self.pinged = true;
                // Behind what waits to be written: then the peer does not read, which ends the same way.
                self.start(Message::Ping(Bytes::new()))?;
            }
        }
        Ok(())
    }

    /// Ends the connection after this error: sends the reason to the peer, and fails messages that were not written.
    pub(crate) async fn end(mut self, error: &Error) {
        if let Some((code, reason)) = failure::code(error)
            && !self.closing
        {
            let farewell = self.stream.send(close(code, reason));
            let _ = timeout(FAREWELL, farewell).await;
        }
        self.commands.close();
        let told = if error.kind() == ErrorKind::Closed { failure::closed(None) } else { error.clone() };
        self.unwritten.resolve(&Err(told.clone()));
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Send(_, resolver, permit) = command {
                drop(permit);
                resolver.resolve(Err(told.clone()));
            }
        }
    }
}

fn close(code: CloseCode, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

fn after(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or(now)
}
