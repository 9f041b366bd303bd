//! A receiver from a queue.

use super::{
    options::{PgmqConnection, Target, is_queue},
    outbox,
    sender::unchanged,
    source::{Consuming, Reading},
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Side,
    binding::{
        connect::{Reconnect, runtime},
        place_opened,
        queue::{QueueOptions, QueueReceiver, Room},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{sync::Arc, time::Duration};

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_pgmq::tokio_postgres07::PgmqReceiverOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = PgmqReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().rejecting_to_broker();
/// options.lock = std::time::Duration::from_secs(120);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PgmqReceiverOptions {
    /// Options of the connection.
    pub connection: PgmqConnection,
    /// How to decode, and upper bounds for deliveries in flight. JSON is always among the formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the treatment of rejected messages. The latter must be set, here or in the URL.
    pub queue: QueueOptions,
    /// The name of the queue; `queue` in a URL. Required there or here.
    pub queue_name: Option<String>,
    /// How long a message is hidden from others without a renewal; `lock` in a URL. The receiver renews the lock. After a crash, its
    /// messages come to others after that time. At least one second; whole seconds, rounded up. Default: 30 seconds.
    pub lock: Duration,
    /// How soon an empty queue is asked again; `poll` in a URL. Where the queue has `pgmq.enable_notify_insert`, a message is also noticed
    /// at once. Default: 250 ms.
    pub poll: Duration,
    /// Whether messages of a group come in order, and the next ones only when the messages before are settled, by any receiver; `groups` in
    /// a URL. All receivers of a queue should have the same. Default: no.
    pub groups: bool,
    /// Whether accepted messages are moved to the archive of the queue, and not deleted; `archive` in a URL. Default: no.
    pub archive: bool,
    /// How many messages may be here before the program takes them; `prefetch` in a URL. Default: 200.
    pub prefetch: usize,
    /// The largest message, in bytes, headers included; `max-message-size` in a URL. A larger one ends the connection, again and again,
    /// until it is deleted or this is raised. Default: 128 MiB.
    pub max_message_size: usize,
}

impl Default for PgmqReceiverOptions {
    fn default() -> Self {
        Self {
            connection: PgmqConnection::default(),
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default(),
            queue_name: None,
            lock: Duration::from_secs(30),
            poll: Duration::from_millis(250),
            groups: false,
            archive: false,
            prefetch: 200,
            max_message_size: 128 << 20,
        }
    }
}

impl From<ReceiverOptions> for PgmqReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for PgmqReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from a queue: `postgres://user:password@host:port/database?queue=name`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Accept deletes the message, or archives it. Retry hides it for the delay, in whole seconds. Release shows it to others at once. A
/// rejected message is archived (`reject=broker`), sent to another queue (`dead-letter`) first and then deleted, or dropped
/// (`reject=drop`). The attempt is how often the message was read, also where it was released.
///
/// With `outbox=target` in place of `queue`, it receives the messages of a target from [an outbox](cloudevents_outbox::Outbox::receiver).
///
/// If the lock of a message has ended and another receiver has read it, settling it changes nothing. It is an error of kind
/// [`Disconnected`](cloudevents_core::ErrorKind::Disconnected), of that message alone. The receiver has one connection, which no statement
/// holds for long.
///
/// Errors: [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl); [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if the
/// treatment of rejected messages is not set, and outside a tokio runtime; [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and
/// [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting fails; [`Refused`](cloudevents_core::ErrorKind::Refused) when the
/// server refuses the user, or has no such queue, or no pgmq.
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: PgmqReceiverOptions,
) -> Result<Receiver, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: PgmqReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: PgmqReceiverOptions) -> Result<Receiver, Error> {
    if let Some(target) = outbox::named(endpoint)? {
        return outbox::receiver(endpoint, target, options).await;
    }
    let most = endpoint.number("max-message-size")?.unwrap_or(options.max_message_size);
    let (connection, name) = (options.connection.clone(), options.queue_name.as_deref());
    let target = Target::new(endpoint, connection, name, most, Side::Receive)?;
    let (lock, poll, prefetch) = options.times(endpoint)?;
    let receiver = options.receiver.with_formats(cloudevents_json::with_json).with_url(endpoint)?;
    let groups = endpoint.flag("groups")?.unwrap_or(options.groups);
    let archive = endpoint.flag("archive")?.unwrap_or(options.archive);
    let _ = runtime()?;
    let field = "PgmqReceiverOptions::queue";
    let reads = |place: &str| place.to_lowercase() == target.queue.to_lowercase();
    // Another queue of the same database.
    let letters = async |place| match is_queue(place) {
        true => place_opened(place, unchanged(target.at(place)).await),
        false => Err(endpoint.invalid("the option `dead-letter` is not the name of a queue")),
    };
    let queue = options.queue.with_url(endpoint, "queue", true, field, reads, letters).await?;
    let (hosts, backoff) = (target.hosts.clone(), target.backoff());
    let (decoding, unreleased, number) = (receiver.decoding.clone(), Default::default(), Default::default());
    let reading = Reading { target, decoding, lock, poll, groups, archive, unreleased, number };
    let reconnect = Reconnect::new(Consuming(Arc::new(reading)), hosts, backoff);
    let room = Room::new(receiver.in_flight, prefetch);
    Ok(Receiver::new(QueueReceiver::open(reconnect, room, queue).await?, receiver))
}

impl PgmqReceiverOptions {
    /// The lock, the pause at an empty queue, and how many messages may be here.
    pub(super) fn times(&self, endpoint: &Endpoint) -> Result<(Duration, Duration, usize), Error> {
        let (second, millisecond) = (Duration::from_secs(1), Duration::from_millis(1));
        Ok((
            endpoint.duration_within("lock", self.lock, second.., "less than a second")?,
            endpoint.duration_within("poll", self.poll, millisecond.., "less than a millisecond")?,
            endpoint.number("prefetch")?.unwrap_or(self.prefetch).max(1),
        ))
    }
}
