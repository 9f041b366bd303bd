//! A subscription of core NATS.

use super::{
    connection::Connected,
    failure,
    notes::Notes,
    options::Target,
    received::{self, ReceivedMessage},
};
use async_nats::{Event, Message, Subscriber};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Bounds, Host, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// Creates subscriptions.
pub(super) struct Subscribing {
    pub(super) target: Arc<Target>,
    /// The queue group, in which each message goes to one member.
    pub(super) group: Option<String>,
    pub(super) decoding: DecodeOptions,
    /// What waits here at most.
    pub(super) waiting: Bounds,
}

impl Connect for Subscribing {
    type Connection = Subscription;

    async fn connect(&self, host: &Host) -> Result<Subscription, Error> {
        let connected = Connected::begin(&self.target, host, self.waiting.messages).await?;
        let (client, subject) = (&connected.client, self.target.subject.clone());
        let subscribed = match &self.group {
            None => client.subscribe(subject).await,
            Some(group) => client.queue_subscribe(subject, group.clone()).await,
        };
        let messages = subscribed.map_err(failure::subscribe)?;
        // Then the server has the subscription, and messages sent from now on arrive.
        connected.round_trip().await?;
        match connected.notes.refusal(&self.target.subject) {
            Some(error) => {
                Err(error.with_help("the server does not let this user subscribe to this subject"))
            }
            None => {
                let notes = connected.notes.clone();
                let lost = Box::pin(async move { notes.lost().await });
                Ok(Subscription {
                    waiting: Waiting {
                        messages,
                        notes: connected.notes.clone(),
                        bounds: self.waiting,
                        queue: VecDeque::new(),
                        bytes: 0,
                    },
                    connected,
                    lost,
                    decoding: self.decoding.clone(),
                })
            }
        }
    }
}

/// A subscription over its own connection.
pub(super) struct Subscription {
    waiting: Waiting,
    connected: Connected,
    /// Returns when the connection is lost. Beginning to wait for that is expensive.
    lost: Pin<Box<dyn Future<Output = Error> + Send>>,
    decoding: DecodeOptions,
}

/// Messages that wait for room. They are taken from the client at once, which bounds them by count alone.
struct Waiting {
    messages: Subscriber,
    notes: Notes,
    bounds: Bounds,
    queue: VecDeque<Message>,
    bytes: usize,
}

impl Waiting {
    /// Takes what the client has, and drops what there is no room for. Ready when the client has ended.
    fn poll_client(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(message) = ready!(self.messages.poll_next_unpin(context)) {
            if self.queue.len() >= self.bounds.messages || self.bytes >= self.bounds.bytes.max(1) {
                self.notes.note(Event::SlowConsumer(0));
                continue;
            }
            self.bytes = self.bytes.saturating_add(received::size(&message));
            self.queue.push_back(received::apart(message));
        }
        Poll::Ready(())
    }

    fn next(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(received::size(&message));
        Some(message)
    }
}

impl Subscription {
    fn arrived(&self, message: Message) -> Arrived<()> {
        let message = ReceivedMessage::new(message, None);
        let decoded = crate::decode_message(&message, &self.decoding);
        Arrived { received: Received::new(decoded, message), tag: (), attempt: 1 }
    }
}

impl QueueSource for Subscription {
    type Tag = ();

    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::unsettled()
    }

    async fn next(&mut self) -> Result<Arrived<()>, Error> {
        let message = poll_fn(|context| {
            let ended = self.waiting.poll_client(context).is_ready();
            match self.waiting.next() {
                Some(message) => Poll::Ready(Ok(message)),
                None if ended => Poll::Ready(Err(self.connected.ended())),
                // The messages end only when the client has tried to connect again, which a silent host may take long to refuse.
                None => self.lost.as_mut().poll(context).map(Err),
            }
        });
        message.await.map(|message| self.arrived(message))
    }

    async fn tend(&mut self) -> Error {
        poll_fn(|context| {
            let _ = self.waiting.poll_client(context);
            match self.waiting.queue.is_empty() {
                true => self.lost.as_mut().poll(context),
                false => Poll::Pending, // they come first
            }
        })
        .await
    }

    /// In a queue group, others get what is sent from now on.
    async fn stop(&mut self) -> Result<(), Error> {
        let _ = self.waiting.messages.unsubscribe().await;
        Ok(())
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        let notes = self.connected.notes.clone();
        async move { notes.lost().await }.boxed()
    }

    /// Not called: the server forgets a message once it has sent it.
    async fn settle(&mut self, tags: Vec<()>, how: Settlement) -> Result<Outcome, Error> {
        drop((tags, how));
        Ok(Outcome::done())
    }

    async fn close(self) -> Result<(), Error> {
        self.connected.close().await;
        Ok(())
    }
}
