//! A sender to a topic of a broker.

use super::{
    connection::{Terms, runtime},
    forwarding,
    options::{MqttConnection, Qos, Target},
    publish_packet::{self, CARRIED, Extras, Prepared},
    publisher::{Linking, Publisher, Slot},
    received::ReceivedPublish,
    topic::Topic,
};
use crate::{Encoding, MqttMessage, Version, encode_message};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Format, FormatId, Message};
use cloudevents_json::Json;
use cloudevents_transport::{
    Carries, Confirmed, Connectivity, Content, Endpoint, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions, Side,
    binding::{
        Permit, Transmit, Writing,
        connect::{Links, Reconnect},
    },
};
use std::{sync::Arc, time::Duration};

/// How long the broker may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_mqtt::rumqttc_next034::{MqttSenderOptions, Qos};
/// use std::time::Duration;
///
/// let mut options = MqttSenderOptions::default();
/// options.qos = Qos::ExactlyOnce;
/// options.expiry = Some(Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MqttSenderOptions {
    /// The options common to all protocols. The URL option `format` can name one of their formats. JSON is always included. Without a
    /// format, events are written as JSON over MQTT 3.1.1.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: MqttConnection,
    /// Whether attributes have the prefix `ce-` in user properties, which is outside the specification. Default: no.
    ///
    /// See [`Encoding::prefixed`](crate::Encoding::prefixed). It is `prefix=ce-` or `prefix=none` in a URL. [`SenderOptions::peer`] implies
    /// it for some peers.
    pub prefixed: bool,
    /// The quality of service: `qos` in a URL. Default: at least once.
    pub qos: Qos,
    /// Whether the broker keeps the last message of each topic for later subscribers: `retain` in a URL, `true` or `false`. Default: no.
    ///
    /// For an empty payload, brokers drop the kept message and keep none. So an event without data is kept in structured mode only.
    pub retain: bool,
    /// How long the broker keeps a message that sets no time itself: `expiry` in a URL. Then it may drop the message. Default: for ever.
    pub expiry: Option<Duration>,
    /// The topic for replies to requests. Each sender needs its own. Default: `cloudevents/replies/`, followed by the client identifier.
    pub reply_topic: Option<String>,
}

impl Default for MqttSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: MqttConnection::default(),
            prefixed: false,
            qos: Qos::AtLeastOnce,
            retain: false,
            expiry: None,
            reply_topic: None,
        }
    }
}

impl From<SenderOptions> for MqttSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to `mqtt://user:password@host:port/topic`, or `mqtts` with TLS.
///
/// The topic is the path without its first slash, percent-decoded. Attributes in braces are replaced: [`Topic`]. [The crate's
/// documentation](crate#urls) lists the options of the query. They take precedence over the options of the program.
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "mqtt://localhost:1883/plant/{type}";
/// let sender = cloudevents_mqtt::rumqttc_next034::sender(url, Default::default()).await?;
/// sender.send(&Event::builder().id("1").source("/s").ty("temperature").build()?).await?; // to plant/temperature
/// sender.close().await?;
/// # Ok(()) }
/// ```
///
/// Sends to the topics of a broker, over its own connection.
///
/// The topic is fixed, or made from attributes of each event ([`Topic`]). [`Outgoing::to`] sends a message elsewhere.
///
/// Several messages are in flight at once, as many as the Receive Maximum of the broker and [`SenderOptions::in_flight`] allow. They are
/// written in the order in which they were enqueued. The broker gives the outcome: PUBACK with QoS 1, PUBCOMP with QoS 2. A refusal is an
/// error of kind [`Refused`](ErrorKind::Refused) with an [`MqttRefusal`](super::MqttRefusal) as its source. With QoS 0 nothing is
/// confirmed: the outcome is that the message was written to the connection. MQTT 3.1.1 cannot refuse a message. A receipt has no details:
/// MQTT does not report where a message is stored, or whether the topic has subscribers.
///
/// When the connection is lost, messages in flight end with errors of kind [`Disconnected`](ErrorKind::Disconnected): the broker may or may
/// not have them. The sender reconnects at once, as described in [`connect`](cloudevents_transport::binding::connect), and new messages
/// wait for the connection ([`SenderOptions::enqueue_timeout`]). The sender never sends a message again by itself, so QoS 2 prevents
/// duplicates only while a connection lasts.
///
/// [`Sender::request`] sends a message with a response topic and correlation data, and waits for the reply. A program that receives such a
/// message replies by sending to its [`reply_to`](cloudevents_transport::Received::reply_to), with its
/// [`correlation`](cloudevents_transport::Received::correlation).
///
/// Errors:
///
/// - [`InvalidUrl`](ErrorKind::InvalidUrl)
/// - [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when connecting fails
/// - [`Refused`](ErrorKind::Refused) when the broker refuses the user
/// - [`Unsupported`](ErrorKind::Unsupported) when the broker does not support the version or the QoS, or keeps no messages and `retain` is
///   set, and for binary mode over MQTT 3.1.1
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: MqttSenderOptions,
) -> Result<Sender, Error> {
    MqttSender::at(&Endpoint::of(url)?, options).await.map(MqttSender::into_sender)
}

pub(super) struct MqttSender {
    target: Arc<Target>,
    topic: Topic,
    writing: Writing,
    decoding: DecodeOptions,
    options: MqttSenderOptions,
    links: Links<Linking>,
    /// Whether messages of MQTT that are sent as they were received come from this broker.
    returns: bool,
}

impl MqttSender {
    async fn at(endpoint: &Endpoint, mut options: MqttSenderOptions) -> Result<Self, Error> {
        let target = Target::new(endpoint, options.connection.clone(), Side::Send)?;
        options.sender = options.sender.with_url(endpoint)?;
        options.qos = Qos::of(endpoint)?.unwrap_or(options.qos);
        options.retain = endpoint.flag("retain")?.unwrap_or(options.retain);
        options.expiry = endpoint.duration("expiry")?.or(options.expiry);
        let formats = cloudevents_json::with_json(options.sender.decoding.formats.clone());
        let mut decoding = options.sender.decoding.clone();
        decoding.formats = formats.clone();
        let is_old = target.options.version == Version::V3;
        if is_old && endpoint.option("mode") == Some("binary") {
            return Err(no_binary());
        }
        let of_old = || is_old.then(|| Arc::new(Json::new()) as Arc<dyn Format>);
        let format = options.sender.format.take().or_else(of_old);
        let format = cloudevents_json::for_peer(format, options.sender.peer);
        let writing = Writing::new(endpoint, format, formats, options.sender.losses)?;
        if is_old && writing.format().is_some_and(|format| format.id() != FormatId::JSON) {
            return Err(endpoint.invalid("MQTT 3.1.1 has structured mode in JSON only"));
        }
        if is_old && options.expiry.is_some() {
            return Err(
                Error::new(ErrorKind::Unsupported).with_detail("messages of MQTT 3.1.1 do not expire")
            );
        }
        let mut encoding = Encoding::from(target.options.version);
        encoding.prefixed = options.prefixed;
        options.prefixed = match endpoint.option("prefix") {
            None => options.sender.peer.map_or(encoding, |peer| encoding.for_peer(peer)).prefixed,
            Some("none") => false,
            Some("ce-") => true,
            Some(_) => return Err(endpoint.invalid("the option `prefix` is neither `ce-` nor `none`")),
        };
        let topic = Topic::parse(&target.topic)?;
        Self::open(target, topic, writing, decoding, options).await
    }

    /// Connects to this topic, for messages that are sent unchanged to the broker that they came from.
    pub(super) async fn to_topic(target: Target, topic: Topic, qos: Qos) -> Result<Self, Error> {
        let options =
            MqttSenderOptions { connection: target.options.clone(), qos, ..MqttSenderOptions::default() };
        let writing = Writing::given(None, options.sender.losses);
        let sender = Self::open(target, topic, writing, DecodeOptions::strict(), options).await?;
        Ok(Self { returns: true, ..sender })
    }

    async fn open(
        target: Target,
        topic: Topic,
        writing: Writing,
        decoding: DecodeOptions,
        options: MqttSenderOptions,
    ) -> Result<Self, Error> {
        runtime()?;
        let target = Arc::new(target);
        let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
        let limit = u32::try_from(decoding.limits.bytes.saturating_add(super::receiver::ENVELOPE))
            .unwrap_or(u32::MAX);
        let terms =
            Terms { clean: true, session_expiry: 0, receive_maximum: u16::MAX, max_packet_size: limit };
        let reply_topic = match &options.reply_topic {
            Some(topic) => Topic::checked(topic)?,
            None => format!("cloudevents/replies/{}", target.client).into(),
        };
        let in_flight = options.sender.in_flight.unwrap_or_default();
        let linking = Linking {
            target: Arc::clone(&target),
            terms,
            qos: options.qos,
            retain: options.retain,
            in_flight,
            timeout: options.sender.timeout.unwrap_or(TIMEOUT),
            reply_topic,
        };
        let reconnect = Reconnect::new(linking, target.hosts.clone(), backoff);
        let links = Links::open(reconnect, in_flight).await?;
        Ok(Self { target, topic, writing, decoding, options, links, returns: false })
    }

    /// With the options that this was opened with.
    pub(super) fn into_sender(self) -> Sender {
        let options = self.options.sender.clone();
        Sender::new(self).with_options(options)
    }

    fn version(&self) -> Version {
        self.target.options.version
    }

    fn encode(&self, outgoing: &Outgoing) -> Result<Encoded, Error> {
        let to = |own: &dyn Fn() -> Result<Arc<str>, Error>| match outgoing.destination() {
            Some(topic) => Topic::checked(topic),
            None => own(),
        };
        let message = match outgoing.content() {
            Content::Message(message) => message,
            Content::AsReceived(received) => {
                let topic = to(&|| self.topic.fixed())?;
                return Ok(Encoded { topic, message: forwarding::as_received(received, self.version())? });
            }
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        let topic = to(&|| self.topic.of(message, &self.decoding))?;
        let message = self.writing.message(message)?;
        let mut encoding = Encoding::from(self.version());
        encoding.prefixed = self.options.prefixed;
        encoding.repeated =
            self.options.sender.peer.is_some_and(|peer| Encoding::binary().for_peer(peer).repeated);
        Ok(Encoded { topic, message: encode_message(&message, encoding)? })
    }

    /// Hands a message over, if it has a slot and a permit.
    fn hand_over(
        &self,
        link: &Arc<Publisher>,
        outgoing: &Outgoing,
        encoded: &Encoded,
        slot: Slot<'_>,
        permit: Permit,
    ) -> Result<Result<Outcome<Receipt>, Error>, Permit> {
        let expiry = if self.version() == Version::V5 { self.options.expiry } else { None };
        let mut extras = match Extras::of(outgoing, &encoded.message, expiry) {
            Ok(extras) => extras,
            Err(error) => return Ok(Err(error)),
        };
        let Encoded { topic, message } = encoded;
        let (qos, retain) = (self.options.qos, self.options.retain);
        let returns = self.returns
            && matches!(outgoing.content(), Content::AsReceived(from) if from.native::<ReceivedPublish>().is_some());
        if self.returns {
            extras.expiry = None; // a dead letter is there until it is read
        }
        link.send(&Prepared { message, topic, qos, retain, returns, extras }, slot, permit)
    }

    /// Waits for a permit and a link, then sends. Returns the future outcome.
    ///
    /// Dropped before it returns, it has sent nothing.
    async fn send_within(
        &self,
        size: usize,
        send: impl Fn(&Arc<Publisher>, Slot<'_>, Permit) -> Result<Result<Outcome<Receipt>, Error>, Permit>,
    ) -> Result<Outcome<Receipt>, Error> {
        let mut permit = self.links.room(size).await;
        loop {
            let (number, link) = self.links.get().await?;
            let slot = link.slot(self.options.qos).await;
            match send(&link, slot, permit) {
                Ok(sent) => return sent,
                Err(back) => {
                    permit = back;
                    self.links.lost(number, &link.why_lost());
                }
            }
        }
    }
}

/// A message and its topic.
struct Encoded {
    topic: Arc<str>,
    message: MqttMessage,
}

impl Transmit for MqttSender {
    fn capabilities(&self) -> SenderCapabilities {
        let confirms = match self.options.qos {
            Qos::AtMostOnce => Confirmed::Written,
            _ => Confirmed::Accepted,
        };
        let capabilities = SenderCapabilities::plain(confirms);
        match self.version() {
            Version::V3 => capabilities.carrying(Carries::DESTINATION),
            Version::V5 => {
                let mut capabilities = capabilities.carrying(CARRIED.and(Carries::AS_RECEIVED));
                capabilities.requests = true;
                capabilities.headers_apart = self.options.prefixed || self.writing.format().is_some();
                capabilities
            }
        }
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        publish_packet::lost_headers(outgoing, self.writing.format().is_none(), self.options.prefixed)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        let encoded = self.encode(&outgoing)?;
        self.send_within(outgoing.size(), |link, slot, permit| {
            self.hand_over(link, &outgoing, &encoded, slot, permit)
        })
        .await
    }

    async fn request(&self, outgoing: Outgoing, limit: Duration) -> Result<Message, Error> {
        runtime()?;
        if self.version() == Version::V3 {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("MQTT 3.1.1 has no response topic")
                .with_help("use MQTT 5"));
        }
        let answer = async {
            let (_, link) = self.links.get().await?;
            let request = link.begin_request().await?;
            let outgoing = outgoing.reply_to(request.topic()).correlation(request.correlation());
            let encoded = self.encode(&outgoing)?;
            let permit = self.links.room(outgoing.size()).await;
            let slot = link.slot(self.options.qos).await;
            let sent = self.hand_over(&link, &outgoing, &encoded, slot, permit);
            sent.map_err(|_| link.why_lost())??.await?;
            request.answer(&self.decoding).await
        };
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(ErrorKind::Timeout).with_detail(format!("no reply within {limit:?}"))),
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.links.connectivity()
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        super::refusal::refuses_message(error)
    }

    async fn close(&self) -> Result<(), Error> {
        self.links.close().await
    }
}

#[cold]
fn no_binary() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("MQTT 3.1.1 has no user properties, so there is no binary mode")
        .with_help("use `mode=structured`, or MQTT 5")
        .with_clause("MQTT-1.3-b")
}
