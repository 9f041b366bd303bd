//! A subscription of core NATS.

use super::{connection::Connected, failure, options::Target, received::ReceivedMessage};
use async_nats::Subscriber;
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Host, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::Peekable};
use std::{future::pending, pin::Pin, sync::Arc};

/// Creates subscriptions.
pub(super) struct Subscribing {
    pub(super) target: Arc<Target>,
    /// The queue group, in which each message goes to one member.
    pub(super) group: Option<String>,
    pub(super) decoding: DecodeOptions,
    /// How many messages wait here at most.
    pub(super) capacity: usize,
}

impl Connect for Subscribing {
    type Connection = Subscription;

    async fn connect(&self, host: &Host) -> Result<Subscription, Error> {
        let connected = Connected::begin(&self.target, host, self.capacity).await?;
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
                    messages: messages.peekable(),
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
    messages: Peekable<Subscriber>,
    connected: Connected,
    /// Returns when the connection is lost. Beginning to wait for that is expensive.
    lost: Pin<Box<dyn Future<Output = Error> + Send>>,
    decoding: DecodeOptions,
}

impl Subscription {
    fn arrived(&self, message: async_nats::Message) -> Arrived<()> {
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
        tokio::select! {
            biased;
            message = self.messages.next() => match message {
                Some(message) => Ok(self.arrived(message)),
                None => Err(self.connected.ended()),
            },
            // The messages end only when the client has tried to connect again, which a silent host may take long to refuse.
            error = &mut self.lost => Err(error),
        }
    }

    async fn tend(&mut self) -> Error {
        tokio::select! {
            biased;
            Some(_) = Pin::new(&mut self.messages).peek() => pending().await, // it comes first
            error = &mut self.lost => error,
        }
    }

    /// In a queue group, others get what is sent from now on.
    async fn stop(&mut self) -> Result<(), Error> {
        let _ = self.messages.get_mut().unsubscribe().await;
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
