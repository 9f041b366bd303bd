//! A receiver from a queue.

use super::{
    dead_letter::DeadLetters,
    destination::{Destination, in_url},
    options::{Limit, QueueType, RabbitConnection, Target},
    retry::Retries,
    sender::RabbitSender,
    source::Linking,
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Side,
    binding::{
        Rejecting,
        connect::Reconnect,
        place_checked,
        queue::{QueueOptions, QueueReceiver, Room},
        rejecting,
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::{Arc, Once};

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_rabbitmq::lapin4::RabbitReceiverOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = RabbitReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().rejecting_to_broker();
/// options.receiver.in_flight.messages = 100;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RabbitReceiverOptions {
    /// Options of the connection.
    pub connection: RabbitConnection,
    /// How to decode, and upper bounds for deliveries in flight: deliveries that were received and not settled. JSON is always among the
    /// formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the policy for rejected messages. The policy must be set, here or in the URL.
    pub queue: QueueOptions,
    /// The type of the queue to declare, if it does not exist. The queue for dead letters has the same type.
    ///
    /// The URL option `declare` takes precedence. Default: none, which uses an existing queue.
    pub declare: Option<QueueType>,
    /// The most unsettled messages that the broker sends. The URL option `prefetch` takes precedence. A program gets no more messages than
    /// these until it settles some.
    ///
    /// Messages that wait for a handler count in the `consumer_timeout` of RabbitMQ, 30 minutes by default. With a backlog, let this times
    /// the time of a handler, divided by the handlers at a time, be less. Default: the bound of messages in flight.
    pub prefetch: Option<u16>,
    /// The queue in which a message waits for its next attempt: a queue of this type. If `None`, it waits unsettled at the receiver.
    ///
    /// The URL option `wait` takes precedence. Default: a quorum queue, for a receiver's queue of any type. From a classic queue, RabbitMQ
    /// moves messages without a confirmation. A message can be lost when a node stops, or when the receiver's queue is not available at
    /// that moment.
    pub wait: Option<QueueType>,
    /// The largest message in bytes. A larger message is delivered as an error of kind [`TooLarge`](cloudevents_core::ErrorKind::TooLarge),
    /// with its body. The URL option `max-message-size` takes precedence. Default: 128 MiB, which RabbitMQ 3 takes.
    ///
    /// So [`prefetch`](Self::prefetch) messages of eight times this size may be in memory. A message above that ends the connection. From
    /// then on, messages have the bound of the broker (its `max_message_size`). The broker sends at most eight unsettled messages then. A
    /// program that holds eight before it settles the first gets no more.
    pub max_message_size: u64,
}

impl Default for RabbitReceiverOptions {
    fn default() -> Self {
        Self {
            connection: RabbitConnection::default(),
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default(),
            declare: None,
            prefetch: None,
            wait: Some(QueueType::Quorum),
            max_message_size: 128 << 20,
        }
    }
}

impl From<ReceiverOptions> for RabbitReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for RabbitReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from `rabbitmq://user:password@host:port/vhost?queue=orders`, or `rabbitmqs` with TLS.
///
/// Without a path, the virtual host is `/`. [The crate's documentation](crate#urls) lists the options of the query. They take precedence
/// over the options of the program.
///
/// ```no_run
/// use cloudevents_core::DecodeOptions;
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "rabbitmq://guest:guest@localhost:5672/?queue=orders&dead-letter=orders.rejected";
/// let mut deliveries = cloudevents_rabbitmq::lapin4::receiver(url, DecodeOptions::strict().into()).await?;
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// # Ok(()) }
/// ```
///
/// Receives from one queue, over its own connection, with the [queue
/// machine](cloudevents_transport::binding::queue). Another connection publishes retries and dead letters.
///
/// **Accept** acknowledges. Neighbouring messages share an acknowledgement. The outcome is known once it is on its way, since AMQP 0.9.1
/// does not confirm it: if the connection is lost at that moment, the message is delivered again. [`drain`](Receiver::drain) returns when
/// the broker has closed the channel, and so has read all acknowledgements.
///
/// **Retry** publishes the message to a wait queue, named by the queue and the delay (`orders.retry-quorum.5000`). It acknowledges the
/// message when the broker has confirmed that. Messages return from there to the end of their queue. Delays are rounded up, so that a few
/// queues are enough. A queue that is unused for a day is deleted. A message is never returned to the queue for a retry, since it would
/// come back at once, and RabbitMQ 4 counts that against the delivery limit of the queue.
///
/// Wait queues are quorum queues. RabbitMQ 3.10 and later remove a message from them when its queue has confirmed it
/// (`x-dead-letter-strategy: at-least-once`, which in 3.10 needs the feature flag `stream_queue`). With `wait=classic`
/// (`orders.retry.5000`), the broker moves messages without a confirmation, also to a quorum queue: **a message can be lost** when a node
/// stops, or when the queue is not available. For brokers without quorum queues, `wait=none` loses nothing: the message stays unsettled
/// here until it is time.
///
/// A retried message no longer has the header `x-death`, in which RabbitMQ records where it expired or was rejected. Before 4.0, RabbitMQ
/// drops a message that is to expire towards a queue in which it has expired before, without a report. `x-death-earlier` has the value of
/// the first attempt.
///
/// **Reject** publishes the message to `dead-letter`, and acknowledges it when the broker has confirmed that. With `reject=broker`, the
/// message goes to the broker without the reason. The broker handles it as the queue is configured, and does not confirm it. With
/// `reject=drop`, it is dropped.
///
/// **Release** returns the message to its position in the queue. It happens to dropped deliveries and when the receiver stops.
///
/// The attempt is counted in the header `delivery-attempt` of retried messages. Quorum queues also count deliveries that were released or
/// lost (`x-delivery-count`). RabbitMQ 4 drops or dead-letters messages by itself that came back to a quorum queue 20 times: see [the
/// delivery limit][limit].
///
/// A stream is no queue: it delivers nothing again, after any settlement, and it begins at its end at each connection. Opening a receiver
/// from a stream is an error with RabbitMQ 3.10 and later.
///
/// [limit]: https://github.com/cloudevents-kit/cloudevents-kit/blob/main/docs/protocols/rabbitmq.md#the-delivery-limit-of-rabbitmq-4
///
/// When the connection is lost, the receiver reconnects: see [`connect`](cloudevents_transport::binding::connect). RabbitMQ ends it by
/// itself when a message is unsettled for longer than `consumer_timeout`, 30 minutes by default. Set `consumer_timeout` above the longest
/// outage and above [`give_up_after`](ReceiverOptions::give_up_after). For a quorum queue that the receiver declares, RabbitMQ 4.3
/// has a limit of 49 days.
///
/// One of `dead-letter` and `reject` is required, unless [`RabbitReceiverOptions::queue`] sets the policy for rejected messages.
///
/// Errors:
///
/// - [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl)
/// - [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if no policy for rejected messages is set, for a stream, and outside a tokio
///   runtime
/// - [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting
///   fails
/// - [`Refused`](cloudevents_core::ErrorKind::Refused) when the broker refuses the user, or has no such queue
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    mut options: RabbitReceiverOptions,
) -> Result<Receiver, Error> {
    // A receiver decodes documents with the given formats.
    let formats = &mut options.receiver.decoding.formats;
    *formats = cloudevents_json::with_json(std::mem::take(formats));
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: RabbitReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    connect(endpoint, options).boxed()
}

async fn connect(endpoint: Endpoint, options: RabbitReceiverOptions) -> Result<Receiver, Error> {
    let mut target = Target::new(&endpoint, options.connection, Side::Receive)?;
    let largest = endpoint.number("max-message-size")?.unwrap_or(options.max_message_size);
    target.limit = Arc::new(Limit::new(largest));
    let queue: Arc<str> = match endpoint.option("queue") {
        None | Some("") => {
            return Err(endpoint
                .invalid("the option `queue` is missing")
                .with_help("write `?queue=orders&dead-letter=orders.rejected`"));
        }
        Some(queue) => queue.into(),
    };
    let declare = QueueType::from_url(&endpoint, "declare")?.or(options.declare);
    let wait = match endpoint.option("wait") {
        None => options.wait,
        Some("none") => None,
        Some(_) => QueueType::from_url(&endpoint, "wait")?,
    };
    let receiver = options.receiver.with_url(&endpoint)?;
    let in_flight = receiver.in_flight;
    let bound = u16::try_from(in_flight.messages).unwrap_or(u16::MAX);
    let prefetch = endpoint.number("prefetch")?.or(options.prefetch).unwrap_or(bound).max(1);
    let rejected = options.queue;
    let is_decided = rejected.is_decided();
    // Only the broker knows the bindings of an exchange.
    let own = in_url(&endpoint, Destination::queue(&queue))?;
    let reads = |place: &str| Destination::parse(place, &Default::default()).is_ok_and(|place| place == own);
    let field = "RabbitReceiverOptions::queue";
    let to = rejecting(&endpoint, is_decided, Some("queue"), true, field, reads)?;
    let letters = match to {
        Rejecting::To(place) => Some(in_url(&endpoint, Destination::parse(place, &Default::default()))?),
        _ => None,
    };
    super::connection::runtime()?;
    let publisher =
        RabbitSender::for_received(target.clone(), in_flight, letters.clone().zip(declare)).await?;
    let publisher = Arc::new(publisher);
    if let (Rejecting::To(place), Some(destination)) = (&to, &letters) {
        place_checked(place, publisher.exists(destination).await)?;
    }
    let rejected = match (to, letters) {
        (Rejecting::ToBroker, _) => rejected.rejecting_to_broker(),
        (Rejecting::Dropped, _) => rejected.dropping_rejected(),
        (_, Some(destination)) => {
            rejected.with_sink(DeadLetters { publisher: Arc::clone(&publisher), destination })
        }
        (_, None) => rejected,
    };
    let target = Arc::new(target);
    let retries = Arc::new(in_url(&endpoint, Retries::new(publisher, &queue, wait))?);
    let linking = Linking {
        target: Arc::clone(&target),
        queue: Arc::clone(&queue),
        declare,
        prefetch,
        decoding: receiver.decoding.clone(),
        retries,
        warning: Arc::new(Once::new()),
    };
    let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
    let reconnect = Reconnect::new(linking, target.hosts.clone(), backoff);
    let room = Room::new(in_flight, usize::from(prefetch));
    let intake = QueueReceiver::open(reconnect, room, rejected).await?;
    Ok(Receiver::new(intake, receiver))
}
