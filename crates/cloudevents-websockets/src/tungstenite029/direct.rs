//! Receiving over a connection of its own, which the task of the receiver drives itself.

use super::{
    connect::Linking,
    connection::AHEAD,
    failure,
    received::Reader,
    socket::{FAREWELL, Socket},
    unsent::{Commands, unsent},
};
use cloudevents_core::Error;
use cloudevents_transport::{
    Host, Outcome, ReceiverCapabilities, Settlement,
    binding::{
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{collections::VecDeque, future::pending};
use tokio::{sync::watch, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

/// The receiving end of a connection of its own.
pub(super) struct Receiving(pub(super) Linking);

impl Connect for Receiving {
    type Connection = Direct;

    async fn connect(&self, host: &Host) -> Result<Direct, Error> {
        let (stream, reader) = self.0.open(host).await?;
        let (commands, sent) = unsent();
        let socket = Socket::new(stream, sent, self.0.target.liveness());
        Ok(Direct {
            socket: Some(socket),
            commands,
            reader,
            ahead: VecDeque::new(),
            bytes: 0,
            lost: watch::Sender::default(),
        })
    }
}

/// A connection that only receives.
pub(super) struct Direct {
    /// `None` once the connection has ended.
    socket: Option<Socket>,
    commands: Commands,
    reader: Reader,
    /// Messages that were read to see the pings behind them, with their bytes, which are bounded.
    ahead: VecDeque<Message>,
    bytes: usize,
    /// Why the connection has ended, for when everything was taken.
    lost: watch::Sender<Option<Error>>,
}

impl Direct {
    /// Why the connection has ended.
    fn why(&self) -> Error {
        self.lost.borrow().clone().unwrap_or_else(|| failure::closed(None))
    }

    /// Ends the connection, without waiting until the peer has the reason.
    fn end(&mut self, error: Error) {
        if let Some(socket) = self.socket.take() {
            tracing::debug!(%error, peer = ?self.reader.peer(), "a WebSocket connection has ended");
            let told = error.clone();
            tokio::spawn(async move { socket.end(&told).await });
        }
        self.lost.send_replace(Some(error));
    }

    /// Behind a frame of the wrong kind, nothing is read.
    fn check(&mut self, message: &Message) {
        if let Some(error) = self.reader.wrong(message) {
            self.end(error);
        }
    }

    fn arrived(&self, message: Message) -> Arrived<()> {
        Arrived { received: self.reader.received(message), tag: (), attempt: 1 }
    }

    fn first(&mut self) -> Option<Message> {
        let message = self.ahead.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.len());
        Some(message)
    }
}

impl QueueSource for Direct {
    type Tag = ();

    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::unsettled()
    }

    async fn next(&mut self) -> Result<Arrived<()>, Error> {
        if let Some(message) = self.first() {
            return Ok(self.arrived(message));
        }
        if let Some(socket) = &mut self.socket {
            match socket.next(true).await {
                Ok(message) => {
                    self.check(&message);
                    return Ok(self.arrived(message));
                }
                Err(error) => self.end(error),
            }
        }
        Err(self.why())
    }

    /// Pings come behind messages, so some messages are read ahead.
    async fn tend(&mut self) -> Error {
        while let Some(socket) = &mut self.socket {
            let reading = self.ahead.len() < AHEAD && self.bytes < self.reader.limit();
            match socket.next(reading).await {
                Ok(message) => {
                    self.check(&message);
                    self.bytes = self.bytes.saturating_add(message.len());
                    self.ahead.push_back(message);
                }
                Err(error) => self.end(error),
            }
        }
        match self.ahead.is_empty() {
            true => self.why(),
            false => pending().await, // they come first
        }
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        let mut lost = self.lost.subscribe();
        async move {
            let seen = lost.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
            seen.unwrap_or_else(|| failure::closed(None))
        }
        .boxed()
    }

    async fn settle(&mut self, _: Vec<()>, _: Settlement) -> Result<Outcome, Error> {
        Ok(Outcome::done())
    }

    /// Waits until the peer has closed the connection, too, for a limited time.
    async fn close(mut self) -> Result<(), Error> {
        let Some(mut socket) = self.socket.take() else { return Ok(()) };
        self.commands.close(CloseCode::Normal);
        let closing = async {
            // Messages that still arrive were not taken.
            let error = loop {
                if let Err(error) = socket.next(true).await {
                    break error;
                }
            };
            socket.end(&error).await;
        };
        let _ = timeout(FAREWELL.saturating_mul(2), closing).await;
        Ok(())
    }
}
