//! A receiver from a subscription.

use super::{
    PubsubConnection,
    options::{Target, is_name},
    sender::unchanged,
    source::{Consuming, LONGEST_LOCK, LONGEST_WAIT, Reading, SHORTEST_LOCK},
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Side,
    binding::{
        connect::{Reconnect, runtime},
        queue::{QueueOptions, QueueReceiver, Room},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{sync::Arc, time::Duration};

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_pubsub::reqwest013::PubsubReceiverOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = PubsubReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().dropping_rejected();
/// options.lock = Some(std::time::Duration::from_secs(120));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PubsubReceiverOptions {
    /// Options of the connection.
    pub connection: PubsubConnection,
    /// How to decode, and upper bounds for deliveries in flight. JSON is always among the formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the treatment of rejected messages. The latter must be set, here or in the URL.
    pub queue: QueueOptions,
    /// How long a message is hidden from others without a renewal; `lock` in a URL. The receiver renews the lock. After a crash, its
    /// messages come to others after that time. From 10 seconds to 10 minutes. Default: the acknowledgement deadline of the subscription,
    /// or 10 seconds if the account may not look at it. Another time costs a request after each answer with messages.
    pub lock: Option<Duration>,
    /// How long a request for messages waits until another one has to show that Pub/Sub is there, at least a second and two minutes at
    /// most; `wait` in a URL. Default: 30 seconds.
    pub wait: Duration,
    /// How many messages may be here before the program takes them; `prefetch` in a URL. Default: 100.
    pub prefetch: usize,
}

impl Default for PubsubReceiverOptions {
    fn default() -> Self {
        Self {
            connection: PubsubConnection::default(),
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default(),
            lock: None,
            wait: Duration::from_secs(30),
            prefetch: 100,
        }
    }
}

impl From<ReceiverOptions> for PubsubReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for PubsubReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from a subscription: `pubsub://PROJECT/SUBSCRIPTION`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Accept acknowledges the message. Retry hides it for the delay, in whole seconds, and 10 minutes at most. Release shows it to others at
/// once. If the subscription has a retry policy, its backoff is added to both. A rejected message is sent to a topic (`dead-letter`) first,
/// and then acknowledged, or it is dropped (`reject=drop`).
///
/// An acknowledgement succeeds when Pub/Sub has it. Without exactly-once delivery, this is best effort: the message may come again all the
/// same, and an acknowledgement after the deadline is a success, too. With exactly-once delivery, a message that was acknowledged does not
/// come again, and a late acknowledgement is an error of kind [`Disconnected`](cloudevents_core::ErrorKind::Disconnected), of that message
/// alone.
///
/// The attempt is how often Pub/Sub has delivered the message, if the subscription has a policy for dead letters. Otherwise Pub/Sub does
/// not count, and every attempt is the first. If the subscription has message ordering, messages of an ordering key come in order. When a
/// message of a key comes again, so do the messages behind it, even if they were acknowledged.
///
/// Errors: [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl); [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if the
/// treatment of rejected messages is not set, and outside a tokio runtime; [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and
/// [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting fails; [`Refused`](cloudevents_core::ErrorKind::Refused) when there is
/// no such subscription, or there are no credentials, or Google refuses them.
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: PubsubReceiverOptions,
) -> Result<Receiver, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: PubsubReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: PubsubReceiverOptions) -> Result<Receiver, Error> {
    let target = Target::new(endpoint, options.connection, Side::Receive)?;
    let receiver = options.receiver.with_formats(cloudevents_json::with_json).with_url(endpoint)?;
    let given = endpoint.duration("lock")?.or(options.lock);
    let locks = SHORTEST_LOCK..=LONGEST_LOCK;
    let within =
        |lock| endpoint.duration_within("lock", lock, locks, "less than 10 seconds, or more than 10 minutes");
    let lock = given.map(within).transpose()?;
    let waits = Duration::from_secs(1)..=LONGEST_WAIT;
    let wait = endpoint.duration_within(
        "wait",
        options.wait,
        waits,
        "less than a second, or more than two minutes",
    )?;
    let prefetch = endpoint.number("prefetch")?.unwrap_or(options.prefetch);
    let _ = runtime()?;
    let field = "PubsubReceiverOptions::queue";
    // Another topic of the same project. The subscription says of which topic it is.
    let letters = async |place| {
        if !is_name(place) {
            return Err(endpoint.invalid("the option `dead-letter` is not the name of a topic"));
        }
        let sender = unchanged(&target.at(place)).await?;
        match sender.place().feeds(&target.subscription()).await? {
            true => Err(endpoint
                .invalid("the option `dead-letter` names the topic of the subscription itself")
                .with_help("name another topic: a rejected message would come again for ever")),
            false => Ok(sender),
        }
    };
    let queue = options.queue.with_url(endpoint, "topic", false, field, |_| false, letters).await?;
    let (hosts, backoff) = (target.hosts()?, target.backoff());
    let reading = Reading { target, decoding: receiver.decoding.clone(), lock, wait };
    let reconnect = Reconnect::new(Consuming(Arc::new(reading)), hosts, backoff);
    let room = Room::new(receiver.in_flight, prefetch);
    Ok(Receiver::new(QueueReceiver::open(reconnect, room, queue).await?, receiver))
}
