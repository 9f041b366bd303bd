//! A receiver from an address of a broker.

use super::{
    dead_letter,
    options::{AmqpConnection, Target},
    source::{Limit, Linking},
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Side,
    binding::{
        connect::Reconnect,
        queue::{QueueOptions, QueueReceiver, Room},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    sync::{Arc, Once},
    time::Duration,
};

/// Bytes allowed for a message besides its body.
const ENVELOPE: usize = 1 << 20;

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::AmqpReceiverOptions;
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = AmqpReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().rejecting_to_broker();
/// options.receiver.in_flight.messages = 100;
/// options.prefetch = Some(10);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AmqpReceiverOptions {
    /// Options of the connection.
    pub connection: AmqpConnection,
    /// How to decode, and upper bounds for deliveries in flight: deliveries that were received and not settled. JSON is always among the
    /// formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the policy for rejected messages. The policy must be set, here or in the URL.
    pub queue: QueueOptions,
    /// The link credit: how many messages the broker may send ahead, within the bounds for deliveries in
    /// flight. The URL option `prefetch` takes precedence. Default: 256.
    pub prefetch: Option<u32>,
    /// The largest message in bytes, announced to the broker. Default: the decoding [limit](cloudevents_core::Limits::bytes) plus 1 MiB.
    ///
    /// A larger message that comes all the same ends the link. The next links take eight times as many bytes, so that it can be settled.
    pub max_message_size: Option<u64>,
    /// How long the broker locks a message, for queues and subscriptions of Azure Service Bus: their lock
    /// duration. Locks are then renewed by [`Delivery::extend`](cloudevents_transport::Delivery::extend), and while a
    /// delivery is held and not settled. The URL option `lock` takes precedence. Default: none, and
    /// locks are not renewed.
    pub lock: Option<Duration>,
    /// Selects the messages that the broker delivers: an SQL expression over application properties, as in JMS.
    ///
    /// For example, it is `cloudEvents_type = 'placed'` (AMQP Filter Expressions 1.0). `push_down::amqp` of `cloudevents-subscriptions`
    /// makes one from filters. Other messages stay in the queue. If the broker does not filter, opening fails. The URL option `selector`
    /// takes precedence. Default: all messages.
    pub selector: Option<String>,
}

impl From<ReceiverOptions> for AmqpReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for AmqpReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from `amqp://user:password@host:port/address`, or `amqps` with TLS.
///
/// The address is the path without its first slash, percent-decoded. [The crate's documentation](crate#urls) lists the options of the
/// query. They take precedence over the options of the program.
///
/// ```no_run
/// use cloudevents_core::DecodeOptions;
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "amqp://guest:guest@localhost:5672/orders?dead-letter=orders.rejected";
/// let mut deliveries = cloudevents_amqp::fe2o3_amqp018::receiver(url, DecodeOptions::strict().into()).await?;
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// # Ok(()) }
/// ```
///
/// Receives from one address of a broker, over its own connection, with the [queue
/// machine](cloudevents_transport::binding::queue).
///
/// Settlements map to AMQP outcomes: accept is `accepted`, release is `released`. Retry is `modified` with `delivery-failed`, or `released`
/// if the broker does not support `modified`. AMQP has no delays, so the message stays unsettled here until the delay of a retry is over.
/// Consecutive settlements of neighbouring messages with the same result share a frame. None waits for another.
///
/// The outcome of a settlement is known once it is on its way to the broker. The outcome of a retry is known at once. AMQP does not confirm
/// a receiver's settlements: if the connection is lost at that moment, the message is delivered again. [`drain`](Receiver::drain) returns
/// when the broker has ended the link, and so has read all settlements.
///
/// Rejected messages go to another address (`dead-letter`) and are settled once the broker has accepted them there. With `reject=broker`,
/// they go to the broker as `rejected` with the reason as the description. With `reject=drop`, they are dropped. Brokers differ in handling
/// `rejected`: Azure Service Bus moves the message to a subqueue, ActiveMQ Artemis to the dead-letter address if one is set. RabbitMQ drops
/// it unless the queue has a dead-letter exchange.
///
/// At the other address, a message has its original body: data, a value of any type, or sequences. A message that the client library cannot
/// read cannot be sent again. Rejecting it to another address is an error, and it comes again: reject such messages to the broker.
///
/// The attempt is the message's `delivery-count` plus one. RabbitMQ before 4.0 does not count.
///
/// When the connection is lost, the receiver reconnects: see [`connect`](cloudevents_transport::binding::connect).
///
/// One of `dead-letter` and `reject` is required, unless [`AmqpReceiverOptions::queue`] sets the policy for rejected messages.
///
/// Errors:
///
/// - [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl)
/// - [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if no policy for rejected messages is set, and outside a tokio runtime
/// - [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting
///   fails
/// - [`Refused`](cloudevents_core::ErrorKind::Refused) when the broker refuses the user, this user's access to the address, or the selector
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    mut options: AmqpReceiverOptions,
) -> Result<Receiver, Error> {
    // A receiver decodes documents with the given formats.
    let formats = &mut options.receiver.decoding.formats;
    *formats = cloudevents_json::with_json(std::mem::take(formats));
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: AmqpReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    connect(endpoint, options).boxed()
}

async fn connect(endpoint: Endpoint, options: AmqpReceiverOptions) -> Result<Receiver, Error> {
    let AmqpReceiverOptions { connection, receiver, queue, prefetch, max_message_size, lock, selector } =
        options;
    let prefetch = endpoint.number("prefetch")?.or(prefetch).unwrap_or(256).max(1);
    let most = receiver.decoding.limits.bytes.saturating_add(ENVELOPE);
    let max_message_size = max_message_size.unwrap_or_else(|| u64::try_from(most).unwrap_or(u64::MAX));
    let target = Arc::new(Target::new(&endpoint, connection, Side::Receive)?);
    let receiver = receiver.with_url(&endpoint)?;
    super::connection::runtime()?;
    let queue = dead_letter::decided(&endpoint, &target, queue).await?;
    let lock = endpoint.duration("lock")?.or(lock);
    let selector = endpoint.option("selector").map(str::to_owned).or(selector);
    let decoding = receiver.decoding.clone();
    let limit = Arc::new(Limit::new(max_message_size));
    let warning = Arc::new(Once::new());
    let linking = Linking { target: Arc::clone(&target), decoding, limit, lock, selector, warning };
    let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
    let reconnect = Reconnect::new(linking, target.hosts.clone(), backoff);
    let room = Room::new(receiver.in_flight, usize::try_from(prefetch).unwrap_or(usize::MAX));
    let intake = QueueReceiver::open(reconnect, room, queue).await?;
    Ok(Receiver::new(intake, receiver))
}
