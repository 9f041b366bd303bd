//! A receiver from a subject of a server, or from a consumer of JetStream.

use super::{
    acknowledge::Released,
    connection::runtime,
    consumer::{DeliverFrom, Wanted},
    dead_letter,
    lost::Lost,
    options::{NatsConnection, Target, random},
    source,
    subscription::Subscribing,
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Bounds, Connectivity, Endpoint, Receiver, ReceiverOptions, Side,
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

/// How many messages wait with core NATS by default.
const WAITING: usize = 65_536;

/// The most bytes in memory that they have, unless more may be in flight: so many events of 1 KiB.
const WAITING_BYTES: usize = 192 << 20;

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_nats::async_nats051::NatsReceiverOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = NatsReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().rejecting_to_broker();
/// options.receiver.in_flight.messages = 100;
/// options.double_ack = true;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NatsReceiverOptions {
    /// Options of the connection.
    pub connection: NatsConnection,
    /// How to decode, and upper bounds for deliveries in flight: deliveries that were received and not settled. JSON is always among the
    /// formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the policy for rejected messages. The policy must be set, here or in the URL.
    pub queue: QueueOptions,
    /// How many messages may be here before the program takes them, besides the bounds for deliveries in flight.
    ///
    /// The URL option `prefetch` takes precedence. The default for JetStream is 256: the server keeps further messages. The default for
    /// core NATS is 65,536 messages and 192 MiB of memory, or as much as may be in flight if that is more: further messages are dropped.
    pub prefetch: Option<usize>,
    /// The queue group, in which each message goes to one of the members. The URL option `queue` takes
    /// precedence. Only for core NATS. Default: none, so that each receiver gets each message.
    pub group: Option<String>,
    /// The stream. The URL option `stream` takes precedence. Only for JetStream. Default: the stream that has the subject.
    pub stream: Option<String>,
    /// The durable consumer, which is created if it does not exist. The URL option `consumer` takes
    /// precedence. Only for JetStream. Default: a new consumer of this receiver alone, which the server deletes
    /// after five minutes without a connection, and at once when the receiver is drained.
    pub consumer: Option<String>,
    /// How long a delivery may take in a consumer that is created. The receiver renews this time while a delivery is held. The URL option
    /// `ack-wait` takes precedence. Only for JetStream. Default: 30 seconds.
    pub ack_wait: Duration,
    /// The messages with which a consumer begins that is created. The URL options `deliver`, `since` and `last` take
    /// precedence. Only for JetStream. Default: [`All`](DeliverFrom::All).
    pub deliver: DeliverFrom,
    /// Whether the server confirms settlements. Without it, the outcome of a settlement is that it is on its
    /// way. The URL option `double-ack` takes precedence. Only for JetStream. Default: no.
    pub double_ack: bool,
}

impl Default for NatsReceiverOptions {
    fn default() -> Self {
        Self {
            connection: NatsConnection::default(),
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default(),
            prefetch: None,
            group: None,
            stream: None,
            consumer: None,
            ack_wait: Duration::from_secs(30),
            deliver: DeliverFrom::All,
            double_ack: false,
        }
    }
}

impl From<ReceiverOptions> for NatsReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for NatsReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from `nats://host:port/subject`, or to JetStream with the scheme `nats+jetstream`.
///
/// `+tls` at the end of the scheme requires TLS. The subject is the path without its first slash, percent-decoded. It may have the
/// wildcards `*` and `>`. [The crate's documentation](crate#urls) lists the options of the query. They take precedence over the options of
/// the program.
///
/// ```no_run
/// use cloudevents_core::DecodeOptions;
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "nats+jetstream://localhost/orders.*?consumer=billing&dead-letter=rejected.orders";
/// let mut deliveries = cloudevents_nats::async_nats051::receiver(url, DecodeOptions::strict().into()).await?;
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// # Ok(()) }
/// ```
///
/// Receives from a subject of a server (`nats`), or from a consumer of JetStream (`nats+jetstream`), over its
/// own connection, with the [queue machine](cloudevents_transport::binding::queue).
///
/// **Core NATS** forgets a message once it has sent it. A receiver gets the messages that are sent while it is connected. Settlements
/// cannot reach the server: retries and rejections are done from memory, and a crash loses the messages of the receiver. The server does
/// not wait for a slow receiver. If the program takes messages more slowly than they arrive, [`prefetch`](NatsReceiverOptions::prefetch)
/// messages or 192 MiB of memory may wait (or as much as may be in flight if that is more). Further messages are dropped. So are messages
/// that wait when the receiver ends. Dropped messages are logged and counted
/// ([`Metrics::dropped`](cloudevents_transport::Metrics::dropped)).
///
/// **JetStream** has a pull consumer with explicit acknowledgement. The receiver requests as many messages as it may hold, of 16 MiB at
/// most, and the next messages when these have come. Accept is `+ACK`. Release and retry are `-NAK`. A retry has its delay, and the server
/// waits for it. Extend is `+WPI`, which the receiver also sends while a delivery is held. The attempt is the number of deliveries, less
/// the releases of this receiver. Deliveries that another receiver released or lost count. Settlements stay possible after a reconnect.
///
/// Rejected messages go to another subject (`dead-letter`) and are accepted once a stream has confirmed them there. With `reject=broker`,
/// they stay with the server: the receiver sends `+TERM`, with the reason for servers since 2.10.4. Then the stream keeps the message, the
/// consumer does not deliver it again, and the server publishes an advisory. With `reject=drop`, they are dropped.
///
/// When the connection is lost, the receiver reconnects: see [`connect`](cloudevents_transport::binding::connect).
///
/// The client ends its connection when it cannot parse the headers of a message. It cannot parse a name that is not visible ASCII, a line
/// without a colon, and bytes that are not UTF-8. With core NATS, such a message is lost. With JetStream, the receiver then reads it from
/// the stream, and delivers it as malformed, with its payload and its other headers. Messages that were requested with it come again after
/// `ack_wait`. To read the stream, the user has to be allowed to publish to `$JS.API.STREAM.MSG.GET.<stream>`. Otherwise the other messages
/// come one by one, and [`Connectivity::missing`](cloudevents_transport::Connectivity::missing) shows that a message does not come.
///
/// A consumer may have a limit of deliveries (`max_deliver`). The server also counts deliveries that were released, or lost in a crash or
/// an outage. It stops delivering a message beyond the limit, without a report. So set a high limit. If the last delivery is retried, by
/// the limit when the receiver connected, the retry is sent, and its outcome is an error of kind
/// [`Refused`](cloudevents_core::ErrorKind::Refused).
///
/// Errors:
///
/// - [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl)
/// - [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if no policy for rejected messages is set, for a consumer of another kind or
///   without payloads, and outside a tokio runtime
/// - [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting
///   fails
/// - [`Refused`](cloudevents_core::ErrorKind::Refused) when the server refuses the user or the subscription, or has no such stream or no
///   JetStream
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    mut options: NatsReceiverOptions,
) -> Result<Receiver, Error> {
    // A receiver decodes documents with the given formats.
    let formats = &mut options.receiver.decoding.formats;
    *formats = cloudevents_json::with_json(std::mem::take(formats));
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: NatsReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    connect(endpoint, options).boxed()
}

async fn connect(endpoint: Endpoint, options: NatsReceiverOptions) -> Result<Receiver, Error> {
    let target = Arc::new(Target::new(&endpoint, options.connection.clone(), Side::Receive)?);
    let receiver = options.receiver.clone().with_url(&endpoint)?;
    runtime()?;
    let queue = dead_letter::decided(&endpoint, &target, options.queue.clone()).await?;
    let unless = if target.jetstream { 256 } else { WAITING };
    let prefetch = endpoint.number("prefetch")?.or(options.prefetch).unwrap_or(unless).max(1);
    let room = Room::new(receiver.in_flight, prefetch);
    let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
    let hosts = target.hosts.clone();
    let decoding = receiver.decoding.clone();
    let intake = if target.jetstream {
        let (reporter, _) = Connectivity::channel();
        let lost = Lost::new(reporter.clone());
        let linking = linking(&endpoint, &target, options, decoding, prefetch, lost)?;
        let reconnect = Reconnect::new(linking, hosts, backoff).reporting(reporter);
        QueueReceiver::open(reconnect, room, queue).await?
    } else {
        if target.subject.is_empty() {
            return Err(endpoint.invalid("the subject is missing, which is the path"));
        }
        let (reporter, _) = Connectivity::channel();
        let subscribing = Subscribing {
            target: Arc::clone(&target),
            group: endpoint.option("queue").map(str::to_owned).or(options.group),
            decoding,
            waiting: Bounds { messages: prefetch, bytes: receiver.in_flight.bytes.max(WAITING_BYTES) },
            reporter: reporter.clone(),
        };
        let reconnect = Reconnect::new(subscribing, hosts, backoff).reporting(reporter);
        QueueReceiver::open(reconnect, room, queue).await?
    };
    Ok(Receiver::new(intake, receiver))
}

/// Returns the connector of a receiver of JetStream.
fn linking(
    endpoint: &Endpoint,
    target: &Arc<Target>,
    options: NatsReceiverOptions,
    decoding: DecodeOptions,
    prefetch: usize,
    lost: Lost,
) -> Result<source::Linking, Error> {
    let given = |name: &str| endpoint.option(name).map(str::to_owned);
    let (stream, consumer) = (given("stream").or(options.stream), given("consumer").or(options.consumer));
    if target.subject.is_empty() && stream.is_none() {
        return Err(endpoint.invalid("the path is not a subject, and there is no option `stream`"));
    }
    let is_name = |name: &String| !name.is_empty() && !name.contains(['.', '*', '>', '/', '\\', ' ']);
    if ![&stream, &consumer].into_iter().flatten().all(is_name) {
        return Err(endpoint.invalid("the option `stream` or `consumer` is not the name of one"));
    }
    let given: Vec<_> =
        ["deliver", "since", "last"].into_iter().filter(|name| endpoint.option(name).is_some()).collect();
    if let [one, other, ..] = given[..] {
        return Err(endpoint.invalid(format!("the options `{one}` and `{other}` are both there")));
    }
    let deliver = match (endpoint.option("deliver"), endpoint.time("since")?, endpoint.number("last")?) {
        (None, Some(time), _) => DeliverFrom::Since(time),
        (None, None, Some(count)) => DeliverFrom::Last(count),
        (None, None, None) => options.deliver,
        (Some("all"), ..) => DeliverFrom::All,
        (Some("new"), ..) => DeliverFrom::New,
        (Some(_), ..) => return Err(endpoint.invalid("the option `deliver` is neither `all` nor `new`")),
    };
    let ack_wait = endpoint.duration("ack-wait")?.unwrap_or(options.ack_wait);
    let double_ack = endpoint.flag("double-ack")?.unwrap_or(options.double_ack);
    let wanted = Wanted {
        stream,
        durable: consumer.is_some(),
        name: consumer.unwrap_or_else(|| format!("cloudevents-{}", random())),
        subject: target.subject.clone(),
        ack_wait,
        deliver,
    };
    Ok(source::Linking {
        target: Arc::clone(target),
        wanted,
        decoding,
        prefetch,
        double_ack: double_ack.then_some(ack_wait),
        released: Arc::new(Released::default()),
        position: Arc::default(),
        lost: Arc::new(lost),
        warning: Once::new(),
        begun: Once::new(),
    })
}
