//! A receiver in a consumer group.

use super::{
    options::{RedisConnection, Target},
    sender::RedisSender,
    source::{Consumer, Consuming},
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Connectivity, Endpoint, Receiver, ReceiverOptions, Side,
    binding::{
        connect::{Reconnect, runtime},
        queue::{QueueOptions, QueueReceiver, Room},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_redis::redis1::RedisReceiverOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = RedisReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().dropping_rejected();
/// options.group = "billing".into();
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisReceiverOptions {
    /// Options of the connection.
    pub connection: RedisConnection,
    /// How to decode, and upper bounds for deliveries in flight. JSON is always among the formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the treatment of rejected messages. The latter must be set, here or in the URL.
    pub queue: QueueOptions,
    /// The key of the stream; `stream` in a URL. Required there or here.
    pub stream: Option<String>,
    /// The consumer group, which is made if there is none, from the beginning of the stream; `group` in a URL. Default: `cloudevents`.
    pub group: String,
    /// The name of the consumer; `consumer` in a URL. No two receivers may have the same one at a time. Default: a random one, which is
    /// removed when the receiver is drained.
    pub consumer: Option<String>,
    /// How long an entry is this receiver's without a renewal; `lock` in a URL. The receiver renews the lock. After a crash, entries of the
    /// receiver are taken over after that time. All receivers of a group should have the same. Default: 30 seconds.
    pub lock: Duration,
    /// How many messages may be here before the program takes them; `prefetch` in a URL. Default: 256.
    pub prefetch: usize,
    /// The largest value, in bytes; `max-message-size` in a URL. A larger one ends the connection, again and again, until the entry is
    /// deleted or this is raised. Default: 128 MiB.
    pub max_message_size: usize,
}

impl Default for RedisReceiverOptions {
    fn default() -> Self {
        Self {
            connection: RedisConnection::default(),
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default(),
            stream: None,
            group: "cloudevents".into(),
            consumer: None,
            lock: Duration::from_secs(30),
            prefetch: 256,
            max_message_size: 128 << 20,
        }
    }
}

impl From<ReceiverOptions> for RedisReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for RedisReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from a stream: `redis://host:port/database?stream=key&group=name`, or `rediss` with TLS.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Accept is XACK. Release and retry give the entry back, so that a receiver of the group takes it over within a second. A retry is held
/// here until its delay is over. A rejected message is stored in another stream (`dead-letter`) first, and then accepted, or it is dropped
/// (`reject=drop`). Entries come in the order of the stream. Entries that come again come before newer ones. The attempt is how often the
/// entry was delivered and not released.
///
/// An entry that was trimmed before it was accepted is lost. Redis names lost entries that were delivered: they are logged, and counted in
/// [`Metrics::dropped`](cloudevents_transport::Metrics::dropped). Redis does not name others.
///
/// Errors: [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl); [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if the
/// treatment of rejected messages is not set, and outside a tokio runtime; [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and
/// [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting fails; [`Refused`](cloudevents_core::ErrorKind::Refused) when the
/// server refuses the user, or the key is no stream.
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: RedisReceiverOptions,
) -> Result<Receiver, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: RedisReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: RedisReceiverOptions) -> Result<Receiver, Error> {
    let stream = options.stream.as_deref();
    let target = Target::new(endpoint, options.connection, stream, options.max_message_size, Side::Receive)?;
    let receiver = options.receiver.with_formats(cloudevents_json::with_json).with_url(endpoint)?;
    let group = endpoint.option("group").map_or(options.group, str::to_owned);
    let consumer = endpoint.option("consumer").map(str::to_owned).or(options.consumer);
    if group.is_empty() || consumer.as_deref() == Some("") {
        return Err(endpoint.invalid("the option `group` or `consumer` is empty"));
    }
    let locks = Duration::from_millis(100)..;
    let lock = endpoint.duration_within("lock", options.lock, locks, "less than 100 ms")?;
    let prefetch = endpoint.number("prefetch")?.unwrap_or(options.prefetch);
    let _ = runtime()?;
    // Another stream of the same server. The entry is accepted when the dead letter is stored, and not in one transaction with it: Redis
    // does the second part of a transaction also where the first one fails.
    let letters = |place| RedisSender::unchanged(target.at(place));
    let (field, reads) = ("RedisReceiverOptions::queue", |stream: &str| *stream == *target.stream);
    let queue = options.queue.with_url(endpoint, "stream", false, field, reads, letters).await?;
    let (reporter, _) = Connectivity::channel();
    let consumer = Consumer {
        group,
        is_temporary: consumer.is_none(),
        name: consumer.unwrap_or_else(|| format!("cloudevents-{:016x}", RandomState::new().hash_one(()))),
        lock,
        held: Default::default(),
        reporter: reporter.clone(),
    };
    let (hosts, backoff) = (target.hosts.clone(), target.backoff());
    let (decoding, bytes) = (receiver.decoding.clone(), receiver.in_flight.bytes);
    let consuming =
        Consuming { target, consumer: Arc::new(consumer), decoding, bytes, has_connected: false.into() };
    let reconnect = Reconnect::new(consuming, hosts, backoff).reporting(reporter);
    let room = Room::new(receiver.in_flight, prefetch);
    Ok(Receiver::new(QueueReceiver::open(reconnect, room, queue).await?, receiver))
}
