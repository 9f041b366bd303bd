//! A sender to an exchange or a queue.

use super::{
    connection::runtime,
    destination::{Destination, in_url},
    extras, failure,
    message::Parts,
    options::{QueueType, RabbitConnection, Target},
    properties,
    publisher::{Linking, Publish, Publisher},
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Confirmed, Connectivity, Content, Endpoint, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions, Side,
    binding::{
        Transmit, Writing,
        connect::{Links, Reconnect},
    },
    bridge::Template,
};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use lapin::types::{FieldTable, ShortString};
use std::{sync::Arc, time::Duration};

/// How long the broker may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The largest message that RabbitMQ 4 takes, unless it is configured otherwise.
const MAX_MESSAGE: usize = 16 << 20;

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_rabbitmq::lapin4::{QueueType, RabbitSenderOptions};
/// use std::time::Duration;
///
/// let mut options = RabbitSenderOptions::default();
/// options.declare = Some(QueueType::Quorum);
/// options.sender.timeout = Some(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RabbitSenderOptions {
    /// The options common to all protocols. The URL option `format` can name one of their formats. JSON is always included.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: RabbitConnection,
    /// The type of the queue to declare, if it does not exist. The URL option `declare` takes precedence. An
    /// exchange is not declared. Default: none, which uses an existing queue.
    pub declare: Option<QueueType>,
    /// Whether the broker keeps messages across a restart (`delivery-mode` 2). Default: yes.
    pub durable: bool,
    /// Whether a message that no queue gets is an error. Otherwise the broker drops it, and confirms it. The
    /// URL option `mandatory` takes precedence. Default: yes.
    pub mandatory: bool,
    /// The largest body of a message in bytes. A larger body is not sent. Default: 16 MiB, which RabbitMQ 4 takes unless configured
    /// otherwise.
    ///
    /// The broker closes the channel if it does not take the size. The URL option `max-message-size` takes precedence.
    pub max_message_size: usize,
}

impl Default for RabbitSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: RabbitConnection::default(),
            declare: None,
            durable: true,
            mandatory: true,
            max_message_size: MAX_MESSAGE,
        }
    }
}

impl From<SenderOptions> for RabbitSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to `rabbitmq://user:password@host:port/vhost?queue=orders`, or `rabbitmqs` with TLS.
///
/// Without a path, the virtual host is `/`. [The crate's documentation](crate#urls) lists the options of the query. They take precedence
/// over the options of the program.
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "rabbitmq://guest:guest@localhost:5672/?queue=orders";
/// let sender = cloudevents_rabbitmq::lapin4::sender(url, Default::default()).await?;
/// sender.send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// sender.close().await?;
/// # Ok(()) }
/// ```
///
/// Sends to an exchange or a queue, over its own connection.
///
/// Several messages are in flight at once, as many as [`SenderOptions::in_flight`] allows. They arrive in the order in which they were
/// enqueued. The outcome is a publisher confirm of the broker. A message that no queue gets is returned, and is an error of kind
/// [`Refused`](ErrorKind::Refused). So is a message that the broker could not take. Both have a [`RabbitRefusal`](super::RabbitRefusal) as
/// their source. The receipt names the destination. A mandatory message has a number in the header `x-publication`. If it is returned, it
/// is recognized by this number, even if the broker changes the rest of it. A returned message without its number fails all messages on
/// their way ([`Unrecognized`](super::RabbitRefusal::Unrecognized)).
///
/// [`Outgoing::to`] sends a message elsewhere: to another routing key at the same exchange, or to
/// `/queues/QUEUE`, `/exchanges/EXCHANGE` or `/exchanges/EXCHANGE/ROUTING-KEY`, with percent-encoded parts.
/// These are the addresses that RabbitMQ 4 has for AMQP 1.0. Whether an exchange exists is checked before the
/// first message to it, since publishing to a missing exchange closes the channel.
///
/// When the connection or its channel is lost, messages in flight end with errors of kind [`Disconnected`](ErrorKind::Disconnected): the
/// broker may or may not have them. If the broker closes the channel because of the size of a message, messages of that size and above are
/// [`TooLarge`](ErrorKind::TooLarge). The sender opens another channel, or reconnects, as described in
/// [`connect`](cloudevents_transport::binding::connect), and new messages wait for that ([`SenderOptions::enqueue_timeout`]). The sender
/// never sends a message again by itself.
///
/// Errors:
///
/// - [`InvalidUrl`](ErrorKind::InvalidUrl)
/// - [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when connecting fails
/// - [`Refused`](ErrorKind::Refused) when the broker refuses the user or has no such exchange
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: RabbitSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: RabbitSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    RabbitSender::connect(endpoint, options).map_ok(RabbitSender::into_sender).boxed()
}

pub(super) struct RabbitSender {
    target: Arc<Target>,
    destination: Destination,
    /// Makes the routing key of each event, if it names attributes.
    routing_key: Option<Template>,
    decoding: DecodeOptions,
    writing: Writing,
    options: RabbitSenderOptions,
    links: Links<Linking>,
}

impl RabbitSender {
    async fn connect(endpoint: Endpoint, mut options: RabbitSenderOptions) -> Result<Self, Error> {
        let target = Target::new(&endpoint, options.connection.clone(), Side::Send)?;
        options.sender = options.sender.with_url(&endpoint)?;
        let formats = cloudevents_json::with_json(options.sender.decoding.formats.clone());
        let mut decoding = options.sender.decoding.clone();
        decoding.formats = formats.clone();
        let format = cloudevents_json::for_peer(options.sender.format.take(), options.sender.peer);
        let writing = Writing::new(&endpoint, format, formats, options.sender.losses)?;
        options.declare = QueueType::from_url(&endpoint, "declare")?.or(options.declare);
        options.mandatory = endpoint.flag("mandatory")?.unwrap_or(options.mandatory);
        options.max_message_size = endpoint.number("max-message-size")?.unwrap_or(options.max_message_size);
        let destination =
            match (endpoint.option("queue"), endpoint.option("exchange"), endpoint.option("routing-key")) {
                (Some(""), ..) => return Err(endpoint.invalid("the option `queue` names no queue")),
                (Some(queue), None, None) => in_url(&endpoint, Destination::queue(queue))?,
                (None, Some(exchange), key) => {
                    in_url(&endpoint, Destination::new(exchange, key.unwrap_or_default()))?
                }
                (None, None, _) => {
                    return Err(endpoint
                        .invalid("the option `queue` or `exchange` is missing")
                        .with_help("write `?queue=orders`, or `?exchange=shop&routing-key=orders.eu`"));
                }
                (Some(_), ..) => {
                    return Err(endpoint.invalid("the option `queue` excludes `exchange` and `routing-key`"));
                }
            };
        let routing_key = match endpoint.option("routing-key").filter(|key| key.contains(['{', '}'])) {
            Some(key) => Some(key.parse().map_err(|error: Error| {
                endpoint.invalid("the option `routing-key` is no template").with_detail(error.to_string())
            })?),
            None => None,
        };
        let mut sender = Self::open(target, destination, writing, options).await?;
        (sender.routing_key, sender.decoding) = (routing_key, decoding);
        Ok(sender)
    }

    /// Connects for messages that are sent unchanged, each to its own destination.
    pub(super) async fn for_received(
        target: Target,
        in_flight: Bounds,
        declare: Option<(Destination, QueueType)>,
    ) -> Result<Self, Error> {
        let mut options =
            RabbitSenderOptions { connection: target.options.clone(), ..RabbitSenderOptions::default() };
        options.sender.in_flight = Some(in_flight);
        // They were received, so the broker takes them.
        options.max_message_size = usize::MAX;
        let writing = Writing::given(None, options.sender.losses);
        let (destination, queue_type) = match declare {
            Some((destination, queue_type)) => (destination, Some(queue_type)),
            None => Default::default(),
        };
        options.declare = queue_type;
        Self::open(target, destination, writing, options).await
    }

    async fn open(
        target: Target,
        destination: Destination,
        writing: Writing,
        options: RabbitSenderOptions,
    ) -> Result<Self, Error> {
        runtime()?;
        let target = Arc::new(target);
        let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
        let (reporter, _) = Connectivity::channel();
        let linking = Linking::new(
            Arc::clone(&target),
            destination.clone(),
            options.declare,
            options.mandatory,
            options.sender.timeout.unwrap_or(TIMEOUT),
            reporter.clone(),
        );
        let reconnect = Reconnect::new(linking, target.hosts.clone(), backoff).reporting(reporter);
        let links = Links::open(reconnect, options.sender.in_flight.unwrap_or_default()).await?;
        let decoding = DecodeOptions::strict();
        Ok(Self { target, destination, routing_key: None, decoding, writing, options, links })
    }

    /// With the options that this was opened with.
    pub(super) fn into_sender(self) -> Sender {
        let options = self.options.sender.clone();
        Sender::new(self).with_options(options)
    }

    fn encode(&self, outgoing: &Outgoing) -> Result<Publish, Error> {
        let Content::Message(content) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        let message = self.writing.message(content)?;
        let rabbit = crate::encode_message(&message)?;
        let size = rabbit.body.len();
        if size > self.options.max_message_size {
            return Err(too_large(size, self.options.max_message_size));
        }
        let mut encoded = Parts::of(&rabbit)?;
        if self.options.durable {
            encoded = encoded.durable();
        }
        extras::add(&mut encoded, outgoing)?;
        let destination = match outgoing.destination() {
            None => match &self.routing_key {
                None => self.destination.clone(),
                Some(template) => Destination::new(
                    self.destination.exchange.as_str(),
                    &template.fill(content, &self.decoding)?,
                )?,
            },
            Some(address) => Destination::parse(address, &self.destination.exchange)?,
        };
        Ok(Publish { destination, message: encoded })
    }

    /// Sends a message of this client, and waits for the outcome. The queue is declared before, if it has
    /// arguments.
    pub(super) async fn send_as_it_is(
        &self,
        destination: &Destination,
        message: Parts,
        arguments: Option<FieldTable>,
    ) -> Result<(), Error> {
        let queue = arguments.is_some().then_some(&destination.routing_key);
        if let Some(arguments) = arguments {
            let (number, link) = self.links.get().await?;
            if let Err(error) = link.declare(&destination.routing_key, arguments).await {
                if self.ends_link(&error) {
                    self.links.lost(number, &failure::ended(error.clone()));
                }
                return Err(error);
            }
        }
        let size = message.payload.len();
        let publish = Publish { destination: destination.clone(), message };
        let sent = self.send_within(publish, size).await?.await;
        // The queue may have been deleted.
        if let (Err(_), Some(queue), Some((_, link))) = (&sent, queue, self.links.now()) {
            link.forget(queue);
        }
        sent.map(drop)
    }

    /// Waits for a permit and a link, then sends. Returns the future outcome.
    async fn send_within(&self, mut publish: Publish, size: usize) -> Result<Outcome<Receipt>, Error> {
        let permit = self.links.room(size).await;
        let mut again = false;
        loop {
            let (number, link) = self.links.get().await?;
            fits(&publish.message, link.frame_max())?;
            link.unblocked().await;
            let lost = match self.check(&link, &publish.destination.exchange).await {
                // No waiting from here on, so that a dropped future has sent nothing.
                Ok(()) => match link.publish(publish, self.links.closed()) {
                    Ok(answer) => return Ok(link.answers.add(answer, permit)),
                    Err(back) => {
                        publish = *back;
                        failure::disconnected("the channel is closed")
                    }
                },
                Err(error) if self.ends_link(&error) => error,
                Err(error) => return Err(error),
            };
            self.links.lost(number, &failure::ended(lost.clone()));
            if std::mem::replace(&mut again, true) {
                return Err(lost);
            }
        }
    }

    /// Whether a request failed because of the connection, or of its login, which may have expired: another one logs in again.
    fn ends_link(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Disconnected
            || self.target.options.logins.is_some() && failure::is_forbidden(error)
    }

    async fn check(&self, link: &Arc<Publisher>, exchange: &ShortString) -> Result<(), Error> {
        if link.knows(exchange) { Ok(()) } else { link.check(exchange).await }
    }

    /// Whether the target of this destination exists: an exchange, or else a queue.
    ///
    /// It shows only when a message is sent whether an exchange has a queue for it.
    pub(super) async fn exists(&self, destination: &Destination) -> Result<(), Error> {
        let (_, link) = self.links.get().await?;
        match destination.exchange.as_str() {
            "" => link.finds(&destination.routing_key).await,
            _ => self.check(&link, &destination.exchange).await,
        }
    }
}

impl Transmit for RabbitSender {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(extras::CARRIED)
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        extras::lost_headers(outgoing)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        let publish = self.encode(&outgoing)?;
        let size = outgoing.size();
        drop(outgoing);
        self.send_within(publish, size).await
    }

    async fn check(&self) -> Result<(), Error> {
        if self.routing_key.is_some() { Ok(()) } else { self.exists(&self.destination).await }
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

/// Checks that the properties fit into one frame.
fn fits(message: &Parts, most: usize) -> Result<(), Error> {
    match properties::frame_size(message) {
        size if size > most => Err(Error::new(ErrorKind::TooLarge)
            .with_detail(format!("the properties of the message need a frame of {size} bytes, where {most} are allowed"))
            .with_help("send less headers or attributes, the event in structured mode, or raise `frame_max` of the broker, up to 131,072")),
        _ => Ok(()),
    }
}

#[cold]
fn too_large(size: usize, most: usize) -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_detail(format!("a message of {size} bytes, where {most} are allowed"))
        .with_help("raise `max-message-size` in the URL if the broker takes such messages")
}
