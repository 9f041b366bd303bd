//! A connection and the task that owns it.

use super::{
    failure,
    options::Liveness,
    received::Reader,
    socket::{FAREWELL, Socket},
    stream::{Io, Metered},
    unsent::{Commands, unsent},
};
use crate::Subprotocol;
use cloudevents_core::{Error, ErrorKind};
#[cfg(feature = "axum08")]
use cloudevents_transport::Connectivity;
use cloudevents_transport::{Bounds, InFlight, Outcome, Receipt, Received, binding::Permit};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

/// The messages that may be read ahead of the receiver.
pub(crate) const AHEAD: usize = 64;

/// Returns the current runtime, on which tasks are spawned and connections live.
pub(crate) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
}

/// The inbox of received messages, with their share of the bounds.
#[derive(Clone)]
pub(crate) struct Inbox {
    pub(crate) messages: mpsc::UnboundedSender<(Received, Permit)>,
    /// Bounds the messages that were read and not taken.
    pub(crate) room: InFlight,
}

impl Inbox {
    /// Returns an inbox and the end to take messages from. `bytes` is the limit of one message.
    pub(crate) fn new(bytes: usize) -> (Self, mpsc::UnboundedReceiver<(Received, Permit)>) {
        let (messages, taken) = mpsc::unbounded_channel();
        (Self { messages, room: InFlight::new(Bounds { messages: AHEAD, bytes }) }, taken)
    }
}

/// A connection. When it is dropped, its task writes the messages that were sent, and ends it.
pub(crate) struct Connection {
    pub(crate) subprotocol: Subprotocol,
    commands: Commands,
    /// Why it has ended. Closed by this side, the error is of kind `Closed`.
    ended: watch::Receiver<Option<Error>>,
    /// Messages that arrive, until a receiver takes them.
    incoming: Mutex<Option<mpsc::UnboundedReceiver<(Received, Permit)>>>,
}

impl Connection {
    /// Starts the task of a connection whose messages go to an inbox of its own, or are discarded.
    pub(crate) fn start(
        stream: WebSocketStream<Metered<Io>>,
        reader: Reader,
        liveness: Liveness,
        receives: bool,
    ) -> Self {
        let (inbox, incoming) = Inbox::new(reader.limit());
        let inbox = receives.then_some(inbox);
        let incoming = receives.then_some(incoming);
        Self::with_inbox(stream, reader, liveness, inbox, incoming)
    }

    /// Starts the task of a connection whose messages go to this inbox.
    pub(crate) fn with_inbox(
        stream: WebSocketStream<Metered<Io>>,
        reader: Reader,
        liveness: Liveness,
        inbox: Option<Inbox>,
        incoming: Option<mpsc::UnboundedReceiver<(Received, Permit)>>,
    ) -> Self {
        let (commands, sent) = unsent();
        let (end, ended) = watch::channel(None);
        let socket = Socket::new(stream, sent, liveness);
        let subprotocol = reader.subprotocol();
        let reading = Reading { inbox, reader };
        tokio::spawn(reading.run(socket, Ended(end)));
        Self { subprotocol, commands, ended, incoming: Mutex::new(incoming) }
    }

    /// Hands a message to the task. It comes back if the connection has ended.
    pub(crate) fn send(
        &self,
        message: Message,
        permit: Permit,
    ) -> Result<Outcome<Receipt>, (Message, Permit)> {
        self.commands.send(message, permit)
    }

    /// Closes the connection after everything sent before, and waits until that is done, for a limited time.
    pub(crate) async fn close(&self, code: CloseCode) {
        self.commands.close(code);
        let _ = tokio::time::timeout(FAREWELL.saturating_mul(2), self.gone()).await;
    }

    /// Closes the connection after everything sent before, and does not wait.
    pub(crate) fn hang_up(&self, code: CloseCode) {
        self.commands.close(code);
    }

    /// Waits until the peer has had its time to read why the connection has ended: until its task is gone.
    pub(crate) async fn gone(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// Waits until the connection has ended, and returns why. The peer may still be reading that.
    pub(crate) async fn ended(&self) -> Error {
        let mut ended = self.ended.clone();
        let error = ended.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        error.unwrap_or_else(|| failure::closed(None))
    }

    /// The state of the connection, which is not made again.
    #[cfg(feature = "axum08")]
    pub(crate) fn connectivity(&self) -> Connectivity {
        let (reporter, connectivity) = Connectivity::channel();
        reporter.connected(None);
        let mut ended = self.ended.clone();
        tokio::spawn(async move {
            let error = ended.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
            reporter.failed(&error.unwrap_or_else(|| failure::closed(None)));
        });
        connectivity
    }

    /// Takes the messages that arrive. `None` if they were taken before.
    pub(crate) fn take_incoming(&self) -> Option<mpsc::UnboundedReceiver<(Received, Permit)>> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("subprotocol", &self.subprotocol).finish_non_exhaustive()
    }
}

/// Reports the end, also of a task that panics or whose runtime ends.
struct Ended(watch::Sender<Option<Error>>);

impl Drop for Ended {
    fn drop(&mut self) {
        let error = failure::disconnected("the connection has ended; the peer may have the message, or not");
        self.0.send_if_modified(|ended| {
            let open = ended.is_none();
            if open {
                *ended = Some(error);
            }
            open
        });
    }
}

/// The task of a connection.
struct Reading {
    inbox: Option<Inbox>,
    reader: Reader,
}

impl Reading {
    async fn run(mut self, mut socket: Socket, ended: Ended) {
        let error = self.serve(&mut socket).await;
        drop(self.inbox.take()); // received messages come first, then the end
        tracing::debug!(%error, peer = ?self.reader.peer(), "a WebSocket connection has ended");
        // A task that waits for the end does not wait until the peer has read and sent the rest.
        ended.0.send_replace(Some(error.clone()));
        socket.end(&error).await;
    }

    /// Returns why the connection ends.
    async fn serve(&mut self, socket: &mut Socket) -> Error {
        loop {
            if self.inbox.as_ref().is_some_and(|inbox| inbox.messages.is_closed()) {
                self.inbox = None;
            }
            let full = self.inbox.as_ref().map(|inbox| &inbox.room).filter(|room| !room.has_room());
            let read = match full {
                Some(room) if !socket.is_closing() => tokio::select! {
                    biased;
                    read = socket.next(false) => read,
                    () = room.ready() => continue,
                },
                Some(_) => socket.next(true).await,
                None => {
                    let room = self.inbox.as_ref().map(|inbox| &inbox.room);
                    match socket.next_while(|| room.is_none_or(InFlight::has_room)).await {
                        Some(read) => read,
                        None => continue,
                    }
                }
            };
            let message = match read {
                Ok(message) => message,
                Err(error) => return error,
            };
            let wrong = self.reader.wrong(&message);
            match &self.inbox {
                // Behind a close frame of this side, messages beyond the bounds are dropped.
                Some(inbox) if full.is_none() => {
                    let permit = inbox.room.take(message.len());
                    let _ = inbox.messages.send((self.reader.received(message), permit));
                }
                _ => {
                    tracing::debug!(peer = ?self.reader.peer(), "a message was received that no receiver takes")
                }
            }
            if let Some(error) = wrong {
                return error;
            }
        }
    }
}
