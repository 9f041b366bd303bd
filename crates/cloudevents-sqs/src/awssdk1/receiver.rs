//! A receiver from a queue.

use super::{
    SqsConnection,
    options::{Target, is_queue},
    sender::unchanged,
    source::{Consuming, HURRY, LONGEST_LOCK, LONGEST_WAIT, Reading},
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
/// use cloudevents_sqs::awssdk1::SqsReceiverOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = SqsReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().dropping_rejected();
/// options.lock = std::time::Duration::from_secs(120);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqsReceiverOptions {
    /// Options of the connection.
    pub connection: SqsConnection,
    /// How to decode, and upper bounds for deliveries in flight. JSON is always among the formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the treatment of rejected messages. The latter must be set, here or in the URL.
    pub queue: QueueOptions,
    /// How long a message is hidden from others without a renewal; `lock` in a URL. The receiver renews the lock. After a crash, its
    /// messages come to others after that time. At least one second, and 12 hours at most. Default: 30 seconds.
    pub lock: Duration,
    /// How long a request waits for messages, 20 seconds at most; `wait` in a URL. A receiver that stops waits for its request, for five
    /// seconds at most: give its end (`drain`) more than that. With a longer wait, SQS may give messages to a process that has ended. They
    /// are hidden for the time of the lock. Default: five seconds.
    pub wait: Duration,
    /// How many messages may be here before the program takes them; `prefetch` in a URL. Default: 100.
    pub prefetch: usize,
}

impl Default for SqsReceiverOptions {
    fn default() -> Self {
        Self {
            connection: SqsConnection::default(),
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default(),
            lock: Duration::from_secs(30),
            wait: HURRY,
            prefetch: 100,
        }
    }
}

impl From<ReceiverOptions> for SqsReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for SqsReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from a queue: `sqs://REGION/ACCOUNT/QUEUE`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Accept deletes the message. Retry hides it for the delay, in whole seconds, and until 12 hours after it was received at most. Release
/// shows it to others at once. A rejected message is sent to another queue (`dead-letter`) first, and then deleted, or it is dropped
/// (`reject=drop`). SQS has a redrive policy of its own, which counts every delivery, also released ones: leave it out, or let it allow
/// more than the program tries.
///
/// The attempt is how often SQS has delivered the message. If the lock of a message has ended, settling it is an error of kind
/// [`Disconnected`](cloudevents_core::ErrorKind::Disconnected), of that message alone; it comes again. From a FIFO queue, messages of a
/// group come in order, and the next ones only when the messages before are settled. Messages that came with a message may overtake it if
/// it is retried.
///
/// Errors: [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl); [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if the
/// treatment of rejected messages is not set, and outside a tokio runtime; [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and
/// [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting fails; [`Refused`](cloudevents_core::ErrorKind::Refused) when there is
/// no such queue, or there are no credentials, or SQS refuses them.
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: SqsReceiverOptions,
) -> Result<Receiver, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: SqsReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: SqsReceiverOptions) -> Result<Receiver, Error> {
    let target = Target::new(endpoint, options.connection, Side::Receive)?;
    let receiver = options.receiver.with_formats(cloudevents_json::with_json).with_url(endpoint)?;
    let locks = Duration::from_secs(1)..=LONGEST_LOCK;
    let lock =
        endpoint.duration_within("lock", options.lock, locks, "less than a second, or more than 12 hours")?;
    let wait = endpoint.duration_within("wait", options.wait, ..=LONGEST_WAIT, "more than 20 seconds")?;
    let prefetch = endpoint.number("prefetch")?.unwrap_or(options.prefetch);
    let _ = runtime()?;
    let (field, reads) = ("SqsReceiverOptions::queue", |place: &str| *place == *target.queue);
    // Another queue of the same account and region.
    let letters = async |place| match is_queue(place) {
        true => unchanged(&target.at(place)).await,
        false => Err(endpoint.invalid("the option `dead-letter` is not the name of a queue")),
    };
    let queue = options.queue.with_url(endpoint, "queue", false, field, reads, letters).await?;
    let (hosts, backoff) = (target.server.hosts()?, target.server.backoff());
    let reading = Reading { target, decoding: receiver.decoding.clone(), lock, wait };
    let reconnect = Reconnect::new(Consuming(Arc::new(reading)), hosts, backoff);
    let room = Room::new(receiver.in_flight, prefetch);
    Ok(Receiver::new(QueueReceiver::open(reconnect, room, queue).await?, receiver))
}
