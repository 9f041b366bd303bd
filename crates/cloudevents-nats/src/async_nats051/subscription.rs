//! A subscription of core NATS.

use super::{
    connection::Connected,
    failure,
    options::Target,
    received::{self, ReceivedMessage},
};
use async_nats::{Message, Statistics, Subscriber};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Bounds, Host, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        Reporter,
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    task::coop::unconstrained,
    time::{sleep, timeout},
};

/// How long the server may take to read that a subscription ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long the client may take to pass on a message before this side checks whether the client has dropped it.
const SOON: Duration = Duration::from_millis(100);

/// Creates subscriptions.
pub(super) struct Subscribing {
    pub(super) target: Arc<Target>,
    /// The queue group, in which each message goes to one member.
    pub(super) group: Option<String>,
    pub(super) decoding: DecodeOptions,
    /// The most messages and bytes that wait here.
    pub(super) waiting: Bounds,
    /// Counts dropped messages.
    pub(super) reporter: Reporter,
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
        let came_back = connected.round_trip().await?;
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
                        bounds: self.waiting,
                        queue: VecDeque::new(),
                        bytes: 0,
                        dropped: Dropped {
                            statistics: connected.client.statistics(),
                            decided: 0,
                            others: came_back.into(),
                            taken: 0,
                            told: 0,
                            asking: None,
                            reporter: self.reporter.clone(),
                        },
                        connected: connected.clone(),
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

/// Messages that wait for the program. They are taken from the client at once, because the client bounds them by count alone.
struct Waiting {
    messages: Subscriber,
    connected: Connected,
    bounds: Bounds,
    queue: VecDeque<Message>,
    bytes: usize,
    dropped: Dropped,
}

/// Counts messages that came over a connection and did not reach the machine. The client reports only some of its dropped messages.
struct Dropped {
    /// The count of messages that came over the connection.
    statistics: Arc<Statistics>,
    /// Of these, how many the client has passed on or dropped, as far as that is certain. It counts a message before it does that, one
    /// after the other, so the last one may be on its way.
    decided: u64,
    /// Messages that are not of the subscription.
    others: u64,
    /// The messages that the machine took.
    taken: u64,
    /// The dropped messages that were reported.
    told: u64,
    /// Makes certain of the last one: a message of its own behind so many.
    asking: Option<(u64, BoxFuture<'static, bool>)>,
    reporter: Reporter,
}

impl Dropped {
    fn came(&self) -> u64 {
        self.statistics.in_messages.load(Ordering::Relaxed)
    }

    /// Reports messages that are neither taken nor wait here. Returns whether the last message may be dropped, too.
    ///
    /// It counts the messages that came before the client was found to be empty.
    fn look(&mut self, came: u64, waiting: usize) -> bool {
        self.decided = self.decided.max(came.saturating_sub(1));
        self.report(waiting);
        self.among(came, waiting) > self.told
    }

    fn report(&mut self, waiting: usize) {
        let dropped = self.among(self.decided, waiting);
        if let Some(more @ 1..) = dropped.checked_sub(self.told) {
            self.reporter.dropped(more);
            self.told = dropped;
        }
    }

    /// How many are neither taken nor wait here, of so many.
    fn among(&self, came: u64, waiting: usize) -> u64 {
        let here = self.taken.saturating_add(waiting as u64).saturating_add(self.others);
        came.saturating_sub(here)
    }

    /// Ready when no message of its own is on its way.
    fn poll_asking(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some((came, asking)) = &mut self.asking {
            let came_back = u64::from(ready!(asking.as_mut().poll(context)));
            self.others = self.others.saturating_add(came_back);
            self.decided = self.decided.max(came.saturating_add(came_back));
            self.asking = None;
        }
        Poll::Ready(())
    }
}

/// Messages that are left when a receiver ends are dropped, too.
impl Drop for Dropped {
    fn drop(&mut self) {
        self.decided = self.came().saturating_sub(self.asking.is_some().into());
        self.report(0);
    }
}

impl Waiting {
    /// Takes the messages of the client, and drops those beyond the bounds. Ready when the client has ended.
    fn poll_client(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(message) = ready!(self.poll_message(context)) else { return Poll::Ready(()) };
            if self.queue.len() < self.bounds.messages && self.bytes < self.bounds.bytes.max(1) {
                self.bytes = self.bytes.saturating_add(received::size(&message));
                self.queue.push_back(received::apart(message));
            }
        }
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let came = self.dropped.came();
        // Without the runtime's budget, behind which messages would still wait in the client.
        let polled = pin!(unconstrained(self.messages.next())).poll(context);
        if polled.is_pending() {
            self.look(came, context);
        }
        polled
    }

    fn look(&mut self, came: u64, context: &mut Context<'_>) {
        while self.dropped.poll_asking(context).is_ready() && self.dropped.look(came, self.queue.len()) {
            let connected = self.connected.clone();
            let asking = async move {
                sleep(SOON).await; // most are not dropped
                connected.round_trip().await.unwrap_or_default()
            };
            self.dropped.asking = Some((came, asking.boxed()));
        }
    }

    fn next(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(received::size(&message));
        self.dropped.taken = self.dropped.taken.saturating_add(1);
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

    /// In a queue group, other members get messages that are sent from now on. Messages that the server sends before it reads this are
    /// counted.
    async fn stop(&mut self) -> Result<(), Error> {
        let asked = poll_fn(|context| self.waiting.dropped.poll_asking(context));
        let _ = timeout(FAREWELL, asked).await;
        let _ = self.waiting.messages.unsubscribe().await;
        if let Ok(Ok(came_back)) = timeout(FAREWELL, self.connected.round_trip()).await {
            let others = &mut self.waiting.dropped.others;
            *others = others.saturating_add(came_back.into());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::Connectivity;
    use std::future::ready;

    /// The client counts a message before it passes it on.
    #[tokio::test]
    async fn the_last_message_is_not_dropped_before_it_is_certain() {
        let (reporter, connectivity) = Connectivity::channel();
        let statistics = Arc::new(Statistics::default());
        let mut dropped = Dropped {
            statistics: Arc::clone(&statistics),
            decided: 0,
            others: 1,
            taken: 0,
            told: 0,
            asking: None,
            reporter,
        };
        statistics.in_messages.store(11, Ordering::Relaxed); // ten, and another one
        assert!(dropped.look(11, 9));
        assert_eq!(connectivity.dropped(), 0);
        assert!(!dropped.look(11, 10));
        statistics.in_messages.store(22, Ordering::Relaxed);
        assert!(dropped.look(22, 10));
        assert_eq!(connectivity.dropped(), 10);
        // The message of its own comes back behind it.
        dropped.asking = Some((22, ready(true).boxed()));
        statistics.in_messages.store(23, Ordering::Relaxed);
        poll_fn(|context| dropped.poll_asking(context)).await;
        assert!(!dropped.look(23, 10));
        assert_eq!(connectivity.dropped(), 11);
        dropped.taken = 10;
        drop(dropped);
        assert_eq!(connectivity.dropped(), 11);
    }
}
