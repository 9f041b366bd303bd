//! A receiver from topics of a broker.

use super::{
    connection::{Terms, runtime},
    dead_letter,
    options::{MqttConnection, Qos, Target},
    session::{self, Resuming},
    source::{Inbox, Source},
};
use crate::Version;
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Bounds, Endpoint, Partition, Receiver, ReceiverOptions, Side,
    binding::{
        connect::Reconnect,
        log::{Ledger, LogOptions, LogReceiver},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Bytes allowed for a message besides its payload.
pub(super) const ENVELOPE: usize = 1 << 20;

/// How long the broker keeps the session of a receiver whose client identifier is set.
const SESSION: Duration = Duration::from_secs(24 * 3600);

/// How long the broker keeps the session of a receiver without one, for reconnecting.
const UNNAMED_SESSION: Duration = Duration::from_secs(300);

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_mqtt::rumqttc_next034::MqttReceiverOptions;
/// use cloudevents_transport::binding::log::LogOptions;
///
/// let mut options = MqttReceiverOptions::from(DecodeOptions::strict());
/// options.connection.client = Some("billing-1".into());
/// options.log = LogOptions::default().dropping_rejected();
/// options.receive_maximum = 100;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MqttReceiverOptions {
    /// Options of the connection.
    pub connection: MqttConnection,
    /// How to decode, and upper bounds for deliveries in flight: deliveries that were received and not settled. JSON is always among the
    /// formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the policy for rejected messages. The policy must be set, here or in the URL.
    pub log: LogOptions,
    /// The highest quality of service at which to receive: `qos` in a URL. Default: at least once.
    ///
    /// If the connection or the process is lost, its messages of QoS 0 are lost.
    pub qos: Qos,
    /// How long the broker keeps the session without a connection, in whole seconds: `session` in a URL.
    ///
    /// A broker of MQTT 3.1.1 decides that itself. A broker of MQTT 5 may keep it for less, which is logged. Default: 24 hours with a
    /// [client identifier](MqttConnection::client), and 5 minutes without one.
    pub session: Option<Duration>,
    /// How many messages the broker may send before the oldest is acknowledged: `prefetch` in a URL. Default: 1,024.
    ///
    /// It bounds how far the program can be ahead of its oldest unsettled message. MQTT 3.1.1 cannot tell the broker.
    pub receive_maximum: u16,
    /// The largest packet in bytes, announced to the broker. Default: the decoding [limit](cloudevents_core::Limits::bytes) plus 1 MiB.
    ///
    /// The payload of a larger packet is not read. It is delivered as an error of kind [`TooLarge`](cloudevents_core::ErrorKind::TooLarge).
    pub max_packet_size: Option<u32>,
}

impl Default for MqttReceiverOptions {
    fn default() -> Self {
        Self {
            connection: MqttConnection::default(),
            receiver: ReceiverOptions::default(),
            log: LogOptions::default(),
            qos: Qos::AtLeastOnce,
            session: None,
            receive_maximum: 1024,
            max_packet_size: None,
        }
    }
}

impl From<ReceiverOptions> for MqttReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for MqttReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from `mqtt://user:password@host:port/filter`, or `mqtts` with TLS.
///
/// The topic filter is the path without its first slash, percent-decoded: `plant/%23` for `plant/#`. [The crate's
/// documentation](crate#urls) lists the options of the query. They take precedence over the options of the program.
///
/// ```no_run
/// use cloudevents_core::DecodeOptions;
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "mqtt://localhost:1883/plant/%23?client=billing-1&dead-letter=rejected";
/// let mut deliveries = cloudevents_mqtt::rumqttc_next034::receiver(url, DecodeOptions::strict().into()).await?;
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// # Ok(()) }
/// ```
///
/// Receives from the topics that match a filter, over its own connection, and settles each message separately.
///
/// MQTT acknowledges in order and has no negative acknowledgement, so settlements go through the
/// [ledger](cloudevents_transport::binding::log) of logs, with the connection as the assignment:
///
/// - **Accept** is recorded, and acknowledged (PUBACK, or PUBREC with QoS 2) when everything before it is settled, in the order of
///   arrival.
/// - **Retry** leaves the message unacknowledged. It is delivered again from memory after its delay, a bounded number of times. Meanwhile
///   later messages can be settled, and are acknowledged after it. The broker stops sending when
///   [`receive_maximum`](MqttReceiverOptions::receive_maximum) messages are unacknowledged.
/// - **Reject** sends the message to another topic (`dead-letter`) and acknowledges it when the broker has confirmed it there. With
///   `reject=drop`, it drops the message.
/// - A delivery that is **dropped** is delivered again from memory.
///
/// When the connection is lost, the receiver reconnects: see [`connect`](cloudevents_transport::binding::connect). The broker keeps the
/// session and sends unacknowledged messages again, in order and with the duplicate flag. Deliveries of the lost connection can no longer
/// be settled: the outcome is an error of kind [`Revoked`](cloudevents_core::ErrorKind::Revoked). With QoS 2, too, such messages are
/// delivered again.
///
/// Another client may take the session over. Only MQTT 5 reports this. Then the receiver leaves the session to that client: its next call
/// is an error of kind [`Refused`](cloudevents_core::ErrorKind::Refused). A program that goes on takes the session back.
///
/// A session keeps its subscriptions. So a receiver with another filter needs another client identifier. Otherwise it gets the messages of
/// both filters, which is logged. When a broker has lost the session, the receiver logs a warning and subscribes again. With MQTT 5,
/// retained messages come when the session begins to subscribe, and not again when it is resumed. With 3.1.1, they come again.
///
/// The outcome of accepting is known when it is recorded. [`drain`](Receiver::drain) returns when the connection is closed. Before, the
/// broker has answered a PINGREQ that follows the acknowledgements, and so has read them. Then the session is free for another receiver.
///
/// Without a client identifier, the session ends with the receiver: when it is drained, or dropped while the runtime goes on. A broker of
/// MQTT 3.1.1 ends it only over another connection, which is made then. A program may end otherwise: it crashes, or returns from `main`
/// with the receiver, or a drain failed before. Then its session stays at the broker, with the messages that come for it, until the broker
/// drops it. Some brokers never do. Set a client identifier for such a broker. Without one, opening logs a warning. With QoS 0, no session
/// is kept.
///
/// A shared subscription, `$share/group/filter`, divides messages among receivers. Unacknowledged messages stay in the receiver's session.
///
/// One of `dead-letter` and `reject=drop` is required, unless [`MqttReceiverOptions::log`] sets the policy for rejected messages.
///
/// Errors:
///
/// - [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl)
/// - [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if no policy for rejected messages is set, outside a tokio runtime, and when
///   the broker does not support the version. With more than QoS 0, also if the broker grants only QoS 0 or keeps no session.
/// - [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and [`Timeout`](cloudevents_core::ErrorKind::Timeout) when connecting
///   fails
/// - [`Refused`](cloudevents_core::ErrorKind::Refused) when the broker refuses the user or the subscription
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: MqttReceiverOptions,
) -> Result<Receiver, Error> {
    connect(Endpoint::of(url)?, options).await
}

async fn connect(endpoint: Endpoint, options: MqttReceiverOptions) -> Result<Receiver, Error> {
    let MqttReceiverOptions { connection, receiver, log, qos, session, receive_maximum, max_packet_size } =
        options;
    let target = Arc::new(Target::new(&endpoint, connection, Side::Receive)?);
    let mut receiver = receiver.with_url(&endpoint)?;
    // A receiver decodes documents with the given formats.
    let formats = &mut receiver.decoding.formats;
    *formats = cloudevents_json::with_json(std::mem::take(formats));
    let qos = Qos::of(&endpoint)?.unwrap_or(qos);
    let session = endpoint.duration("session")?.or(session);
    let receive_maximum = endpoint.number("prefetch")?.unwrap_or(receive_maximum).max(1);
    runtime()?;
    if session::lingers(&target, qos) {
        tracing::warn!(url = %target,
            "name a `client`: over MQTT 3.1.1, the broker keeps the session of a receiver without one when the program ends without draining it");
    }
    let log = dead_letter::decided(&endpoint, &target, log).await?;
    if let (Version::V3, Some(place)) = (target.options.version, endpoint.option("dead-letter")) {
        tracing::warn!(%place, "the dead-letter place does not report whether anything stores a letter");
    }
    let session = session.unwrap_or(if target.is_unnamed { UNNAMED_SESSION } else { SESSION });
    let most = receiver.decoding.limits.bytes.saturating_add(ENVELOPE);
    let terms = Terms {
        clean: target.is_unnamed && target.options.version == Version::V3 && qos == Qos::AtMostOnce,
        session_expiry: u32::try_from(session.as_secs()).unwrap_or(u32::MAX),
        receive_maximum,
        max_packet_size: max_packet_size.unwrap_or_else(|| u32::try_from(most).unwrap_or(u32::MAX)).max(1),
    };
    let ledger = Ledger::new(log)?;
    let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
    let resuming = Resuming::new(Arc::clone(&target), terms, qos);
    let stale = Arc::clone(&resuming.stale);
    let mut reconnect = Reconnect::new(resuming, target.hosts.clone(), backoff);
    let connection = reconnect.once().await?;
    let connectivity = reconnect.connectivity();
    let bounds = Bounds { messages: usize::from(receive_maximum), bytes: receiver.in_flight.bytes };
    let partition = Partition::new(target.topic.clone(), 0);
    let inbox = Arc::new(Inbox::new(ledger.clone(), partition, bounds, (target.options.version, qos)));
    let settled = Arc::clone(&inbox.settled);
    ledger.notifying(move || settled.notify_one());
    let (alive, watched) = watch::channel(());
    let unwritten = inbox.begin(&connection);
    let begun = (connection, unwritten);
    let known = (Arc::clone(&target), stale);
    let running = session::run(reconnect, begun, Arc::clone(&inbox), known, watched);
    let running = Some(tokio::spawn(running));
    let source = Source { inbox, decoding: receiver.decoding.clone(), alive: Some(alive), running };
    let intake = LogReceiver::new(ledger, source).with_connectivity(connectivity);
    Ok(Receiver::new(intake, receiver))
}
