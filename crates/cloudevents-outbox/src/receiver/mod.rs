//! A receiver of the messages of a target: the outbox as a source of any program, and of a bridge.

mod claims;
mod received;
mod source;

pub use received::ReceivedMessage;

use crate::{Outbox, Retention, Store, outbox::Parts};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions,
    binding::{
        connect::{Backoff, Reconnect},
        queue::{QueueOptions, QueueReceiver, Room},
    },
};
use source::Consuming;
use std::{sync::Arc, time::Duration};

/// Options of [`Outbox::receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_outbox::OutboxReceiverOptions;
///
/// let mut options = OutboxReceiverOptions::from(DecodeOptions::strict());
/// options.lease = std::time::Duration::from_secs(120);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutboxReceiverOptions {
    /// How to decode documents, and upper bounds for deliveries in flight. JSON is always among the formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the treatment of rejected messages. Default: a rejected message is a dead letter of the outbox, with the reason.
    pub queue: QueueOptions,
    /// How long the store reserves a message for this receiver. The receiver renews it. After a crash, others have the message after this
    /// time. At least 100 milliseconds. Default: one minute.
    pub lease: Duration,
    /// How often to look for messages that are due, when there were none, or none but a message in order that is not settled yet. Messages
    /// that were enqueued through the same [`Outbox`] are found at once, and so are messages that are due after a settlement. Default: 250
    /// milliseconds.
    pub poll: Duration,
    /// How many messages may be here before the program takes them. Default: 200.
    pub prefetch: usize,
    /// How long messages are kept after they ended. With `None`, they are kept for ever. Default: [`Retention::default`], a day for
    /// delivered messages and 30 days for dead letters.
    pub retention: Option<Retention>,
}

impl Default for OutboxReceiverOptions {
    fn default() -> Self {
        Self {
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default().rejecting_to_broker(),
            lease: Duration::from_secs(60),
            poll: Duration::from_millis(250),
            prefetch: 200,
            retention: Some(Retention::default()),
        }
    }
}

impl From<ReceiverOptions> for OutboxReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for OutboxReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

impl<S: Store> Outbox<S> {
    /// Opens a receiver of the messages of this target, in place of a worker. With a [`Bridge`](cloudevents_transport::Bridge), it moves
    /// the messages to any sender.
    ///
    /// | settlement | the message |
    /// |---|---|
    /// | accept | is delivered |
    /// | retry | is due after the delay. The attempt counts |
    /// | release | is due at once. The attempt does not count |
    /// | reject | is dead, with the reason, unless [`OutboxReceiverOptions::queue`] has a sink |
    /// | extend | stays leased |
    ///
    /// Messages in order come one after the other: the next one comes when the one before it is delivered or dead. The store then records
    /// the result and claims the next one in one transaction. Other messages have no order. Several receivers and [workers](Self::run) may
    /// share a target: each message is leased to one of them at a time.
    ///
    /// A receiver knows no outages and has no deadline: the program or the bridge decides when a message is rejected. It takes nothing
    /// while the target is [disabled](Self::disable) or paused. A message that has expired is dead. Destinations ([`Outgoing::to`]) and
    /// priorities are in the [`ReceivedMessage`], and a bridge does not forward them.
    ///
    /// A message that is settled after another receiver or worker has it changes nothing. That is an error of kind
    /// [`Disconnected`](cloudevents_core::ErrorKind::Disconnected), of that message alone.
    ///
    /// Errors: [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) for the name of a target that no message can have, and outside a
    /// tokio runtime; and errors of the store.
    ///
    /// [`Outgoing::to`]: cloudevents_transport::Outgoing::to
    ///
    /// ```
    /// # #[cfg(feature = "rusqlite041")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
    /// use cloudevents_core::{DecodeOptions, Event};
    /// use cloudevents_outbox::{Entry, Outbox, rusqlite041::SqliteStore};
    ///
    /// let outbox = Outbox::new(SqliteStore::in_memory()?);
    /// let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
    /// outbox.enqueue(Entry::new("billing", &event)).await?;
    ///
    /// let mut receiver = outbox.receiver("billing", DecodeOptions::strict()).await?;
    /// let delivery = receiver.next().await?.unwrap();
    /// assert_eq!(delivery.event()?.id(), "1");
    /// delivery.accept().await?;
    /// assert_eq!(outbox.counts().await?.delivered, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "rusqlite041"))] fn main() {}
    /// ```
    pub async fn receiver(
        &self,
        target: &str,
        options: impl Into<OutboxReceiverOptions>,
    ) -> Result<Receiver, Error> {
        let OutboxReceiverOptions { mut receiver, queue, lease, poll, prefetch, retention } = options.into();
        crate::entry::check_target(target)?;
        // A receiver decodes documents with the given formats.
        let formats = &mut receiver.decoding.formats;
        *formats = cloudevents_json::with_json(std::mem::take(formats));
        let Parts { store, clock, wake } = self.parts();
        let consuming = Consuming {
            store,
            clock,
            wake,
            target: Arc::from(target),
            lease: lease.max(SHORTEST),
            poll: poll.max(Duration::from_millis(1)),
            bytes: receiver.in_flight.bytes,
            retention,
        };
        // The store connects by itself.
        let hosts = Endpoint::parse("outbox://store/")?.hosts().to_vec();
        let reconnect = Reconnect::new(consuming, hosts, Backoff::default());
        let room = Room::new(receiver.in_flight, prefetch);
        Ok(Receiver::new(QueueReceiver::open(reconnect, room, queue).await?, receiver))
    }
}

/// The shortest lease.
const SHORTEST: Duration = Duration::from_millis(100);
