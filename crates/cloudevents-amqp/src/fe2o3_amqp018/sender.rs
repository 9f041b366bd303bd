//! A sender to an address of a broker.

use super::{
    connection::runtime,
    extras, failure, forwarding,
    lane::{Answer, Unsent},
    message::{WireBody, WireMessage, encode_with_room, to_wire},
    options::{AmqpConnection, Target},
    publisher::{Linking, Publisher},
};
use crate::{Encoding, Separator, Strings};
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{
    Confirmed, Connectivity, Content, Endpoint, Outcome, Outgoing, Receipt, Sender, SenderCapabilities,
    SenderOptions, Side,
    binding::{
        Transmit, Writing,
        connect::{Links, Reconnect},
    },
};
use fe2o3_amqp::{
    Sendable,
    link::{MessageSizeExceeded, SendError},
};
use fe2o3_amqp_types::messaging::{self, MessageId};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// How long the broker may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait before looking again whether all messages have an outcome.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_amqp::{Separator, fe2o3_amqp018::AmqpSenderOptions};
/// use std::time::Duration;
///
/// let mut options = AmqpSenderOptions::default();
/// options.separator = Separator::Colon;
/// options.sender.timeout = Some(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AmqpSenderOptions {
    /// The options common to all protocols. The URL option `format` can name one of their formats. JSON is always included.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: AmqpConnection,
    /// The separator between `cloudEvents` and the name of an attribute. The URL option `separator` takes
    /// precedence. Default: an underscore.
    pub separator: Separator,
    /// Which attributes are written as strings: [`Encoding::strings`](crate::Encoding::strings). The URL option `strings`, which is `true`,
    /// `false` or `times`, takes precedence. [`SenderOptions::peer`] implies it, and the separator, for some peers. Default: none.
    pub strings: Strings,
    /// Whether the broker keeps messages across a restart (`durable` in the header). Default: yes.
    pub durable: bool,
}

impl Default for AmqpSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: AmqpConnection::default(),
            separator: Separator::default(),
            strings: Strings::default(),
            durable: true,
        }
    }
}

impl AmqpSenderOptions {
    /// How events in binary mode are written.
    fn encoding(&self) -> Encoding<'static> {
        let mut encoding = Encoding::from(self.separator);
        encoding.strings = self.strings;
        encoding
    }
}

impl From<SenderOptions> for AmqpSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to `amqp://user:password@host:port/address`, or `amqps` with TLS.
///
/// The address is the path without its first slash, percent-decoded. [The crate's documentation](crate#urls) lists the options of the
/// query. They take precedence over the options of the program.
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "amqp://guest:guest@localhost:5672/orders";
/// let sender = cloudevents_amqp::fe2o3_amqp018::sender(url, Default::default()).await?;
/// sender.send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// sender.close().await?;
/// # Ok(()) }
/// ```
///
/// Sends to one address of a broker, over its own connection.
///
/// Several messages are in flight at once, as many as the broker's credit and [`SenderOptions::in_flight`] allow. They arrive in the order
/// in which they were enqueued. The broker gives the outcome: accepted is success. Any other outcome is an error of kind
/// [`Refused`](ErrorKind::Refused) with an [`AmqpRefusal`](super::AmqpRefusal) as its source. A message larger than the broker's limit is
/// an error of kind [`TooLarge`](ErrorKind::TooLarge), and is not sent. A broker that has not announced its limit ends the link: then the
/// largest message without an outcome has that error, and the others are [`Disconnected`](ErrorKind::Disconnected). The receipt names the
/// address.
///
/// [`Outgoing::to`] sends a message to another address of the same broker, over a separate link, which is
/// attached with the first message to the address. The 64 links that were used last stay attached. Order is
/// kept for each address. An address that the broker does not have is an error of kind
/// [`Refused`](ErrorKind::Refused) for this message only.
///
/// [`Sender::request`] sends a message with a `reply-to` address that the broker makes for this connection (a dynamic node). Its
/// `message-id` and `correlation-id` differ from those of all other requests of the connection. The reply is the message that arrives there
/// with the same `correlation-id`. A broker without dynamic nodes is an error of kind [`Unsupported`](ErrorKind::Unsupported), and nothing
/// is sent.
///
/// When the connection is lost, messages in flight end with errors of kind
/// [`Disconnected`](ErrorKind::Disconnected): the broker may or may not have them. The sender reconnects at
/// once, as described in [`connect`](cloudevents_transport::binding::connect), and new messages wait for the
/// connection ([`SenderOptions::enqueue_timeout`]). The sender never sends a message again by itself.
///
/// Errors:
///
/// - [`InvalidUrl`](ErrorKind::InvalidUrl)
/// - [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when connecting fails
/// - [`Refused`](ErrorKind::Refused) when the broker refuses the user, or this user's access to the address
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: AmqpSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: AmqpSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    AmqpSender::connect(endpoint, options).map_ok(AmqpSender::into_sender).boxed()
}

pub(super) struct AmqpSender {
    writing: Writing,
    options: AmqpSenderOptions,
    links: Links<Linking>,
    /// Whether a message of this client stays as durable as it was.
    returns: bool,
}

impl AmqpSender {
    async fn connect(endpoint: Endpoint, mut options: AmqpSenderOptions) -> Result<Self, Error> {
        let target = Target::new(&endpoint, options.connection.clone(), Side::Send)?;
        options.sender = options.sender.with_url(&endpoint)?;
        let formats = cloudevents_json::with_json(options.sender.decoding.formats.clone());
        options.sender.decoding.formats = formats.clone();
        let format = cloudevents_json::for_peer(options.sender.format.take(), options.sender.peer);
        let writing = Writing::new(&endpoint, format, formats, options.sender.losses)?;
        let mut encoding = options.encoding();
        if let Some(peer) = options.sender.peer {
            encoding = encoding.for_peer(peer);
        }
        options.strings = match endpoint.option("strings") {
            None => encoding.strings,
            Some("" | "true") => Strings::All,
            Some("false") => Strings::None,
            Some("times") => Strings::Times,
            Some(_) => {
                return Err(endpoint.invalid("the option `strings` is neither `true`, `false` nor `times`"));
            }
        };
        options.separator = match endpoint.option("separator") {
            None => encoding.separator,
            Some("underscore") => Separator::Underscore,
            Some("colon") => Separator::Colon,
            Some(_) => {
                return Err(endpoint.invalid("the option `separator` is neither `underscore` nor `colon`"));
            }
        };
        Self::open(target, writing, options).await
    }

    /// Connects to this address, for messages that are sent unchanged.
    pub(super) async fn to_address(target: Target) -> Result<Self, Error> {
        let options =
            AmqpSenderOptions { connection: target.options.clone(), ..AmqpSenderOptions::default() };
        let writing = Writing::given(None, options.sender.losses);
        let mut sender = Self::open(target, writing, options).await?;
        sender.returns = true;
        Ok(sender)
    }

    async fn open(target: Target, writing: Writing, options: AmqpSenderOptions) -> Result<Self, Error> {
        runtime()?;
        let target = Arc::new(target);
        let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
        let in_flight = options.sender.in_flight.unwrap_or_default();
        let timeout = options.sender.timeout.unwrap_or(TIMEOUT);
        let linking = Linking { target: Arc::clone(&target), in_flight, timeout };
        let reconnect = Reconnect::new(linking, target.hosts.clone(), backoff);
        let links = Links::open(reconnect, in_flight).await?;
        Ok(Self { writing, options, links, returns: false })
    }

    /// With the options that this was opened with.
    pub(super) fn into_sender(self) -> Sender {
        let options = self.options.sender.clone();
        Sender::new(self).with_options(options)
    }

    fn encode(&self, outgoing: &Outgoing) -> Result<WireMessage, Error> {
        let mut encoded = match outgoing.content() {
            Content::Message(message) => {
                let message = self.writing.message(message)?;
                to_wire(encode_with_room(&message, self.options.encoding(), outgoing.headers().len())?)?
            }
            Content::AsReceived(received) => forwarding::as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        if self.options.durable && !(self.returns && encoded.header.is_some()) {
            encoded.header = Some(messaging::Header { durable: true, ..messaging::Header::default() });
        }
        extras::add(&mut encoded, outgoing)?;
        Ok(encoded)
    }

    /// The connection and its number. A connection that is used up is replaced when all its messages have an outcome.
    ///
    /// Messages that are sent over another connection could arrive before them.
    async fn link(&self) -> Result<(u64, Arc<Publisher>), Error> {
        loop {
            let (number, link) = self.links.get().await?;
            if !link.is_used_up() {
                return Ok((number, link));
            }
            if link.answers.is_empty() {
                let error =
                    failure::disconnected("the credit or the counters of this connection are used up");
                self.links.lost(number, &error);
            } else {
                sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Waits for a permit, a link and credit, then sends. Returns the future outcome.
    async fn send_within(
        &self,
        address: Option<&str>,
        sendable: Sendable<WireBody>,
        size: usize,
    ) -> Result<Outcome<Receipt>, Error> {
        let permit = self.links.room(size).await;
        let mut again = false;
        loop {
            let (number, link) = self.link().await?;
            let error = match self.hand_over(&link, address, &sendable).await {
                Ok(answer) => return Ok(link.answers.add(answer, permit)),
                Err(NotSent::Message(error)) => return Err(error),
                Err(NotSent::Publisher(error)) => error,
                Err(NotSent::Connection(error)) => {
                    self.links.lost(number, &error);
                    error
                }
            };
            if std::mem::replace(&mut again, true) {
                return Err(error);
            }
        }
    }

    /// Sends over this connection, to this address or to the sender's own.
    async fn hand_over(
        &self,
        link: &Publisher,
        address: Option<&str>,
        sendable: &Sendable<WireBody>,
    ) -> Result<Answer, NotSent> {
        let lane = link.lane(address).await.map_err(|error| match error.kind() {
            ErrorKind::Disconnected => NotSent::Connection(error),
            _ => NotSent::Message(error),
        })?;
        let unsent = match lane
            .send(sendable, self.links.closed(), self.options.sender.timeout.unwrap_or(TIMEOUT))
            .await
        {
            Ok(answer) => {
                link.carried(&answer);
                return Ok(answer);
            }
            Err(unsent) => unsent,
        };
        let error = match unsent {
            Unsent::Closed => return Err(NotSent::Message(Error::new(ErrorKind::Closed))),
            Unsent::Failed(SendError::MessageSizeExceeded(error)) => {
                return Err(NotSent::Message(too_large(&error)));
            }
            Unsent::Failed(error) if lane.is_own => failure::send(error),
            Unsent::Failed(error) => failure::send_elsewhere(error),
            Unsent::Clogged => {
                let detail = "the broker confirms none of as many messages as it gives credit for";
                if lane.is_own {
                    link.use_up();
                    return Err(NotSent::Publisher(failure::disconnected(detail)));
                }
                failure::disconnected(detail)
            }
        };
        if lane.is_own {
            return Err(NotSent::Connection(error));
        }
        link.forget(&lane);
        Err(NotSent::Publisher(error))
    }

    /// Sends a request over a connection, and waits for its reply over the same connection.
    async fn ask(&self, outgoing: Outgoing) -> Result<Message, Error> {
        let permit = self.links.room(outgoing.size()).await;
        let (number, link) = self.link().await?;
        let replies = link.replies(&self.options.sender.decoding).await?;
        let request = replies.begin()?;
        let id = request.number().to_string();
        let outgoing = outgoing.reply_to(replies.address()).correlation(&id);
        let mut encoded = self.encode(&outgoing)?;
        // Responders may return either.
        encoded.properties.get_or_insert_default().message_id = Some(MessageId::String(id));
        match self.hand_over(&link, outgoing.destination(), &Sendable::from(encoded)).await {
            Ok(answer) => drop(link.answers.add(answer, permit).await?),
            Err(NotSent::Message(error) | NotSent::Publisher(error)) => return Err(error),
            Err(NotSent::Connection(error)) => {
                self.links.lost(number, &error);
                return Err(error);
            }
        }
        request.reply().await?
    }
}

/// Why a message was not sent.
enum NotSent {
    /// It cannot be sent.
    Message(Error),
    /// The link to its address is lost.
    Publisher(Error),
    /// The connection is lost.
    Connection(Error),
}

impl Transmit for AmqpSender {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(extras::CARRIED);
        capabilities.requests = true;
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        extras::lost_headers(outgoing)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        let sendable = Sendable::from(self.encode(&outgoing)?);
        self.send_within(outgoing.destination(), sendable, outgoing.size()).await
    }

    async fn request(&self, outgoing: Outgoing, limit: Duration) -> Result<Message, Error> {
        runtime()?;
        match timeout(limit, self.ask(outgoing)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(ErrorKind::Timeout).with_detail(format!("no reply within {limit:?}"))),
        }
    }

    async fn check(&self) -> Result<(), Error> {
        self.links.get().await?.1.is_kept().await
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
fn too_large(error: &MessageSizeExceeded) -> Error {
    Error::new(ErrorKind::TooLarge).with_detail(format!(
        "a message of {} bytes, and the broker takes no more than {}",
        error.size, error.max_size
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // It is a test.
mod tests {
    use super::*;
    use crate::fe2o3_amqp018::publisher::MOST_FRAMES;
    use cloudevents_core::Event;
    use cloudevents_testkit::amqp::{Answer, Broker};
    use std::sync::atomic::Ordering;

    /// Nothing is lost, and messages sent meanwhile arrive behind earlier messages.
    #[tokio::test]
    async fn before_the_client_can_count_no_further_another_connection_is_made() {
        let broker = Broker::start().unwrap();
        let queue = broker.queue("orders");
        queue.answer(Answer::Withhold);
        let sender = AmqpSender::connect(broker.url("orders").parse().unwrap(), AmqpSenderOptions::default())
            .await
            .unwrap();
        let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        let enqueue = || sender.enqueue(Outgoing::from(&event));
        let (_, link) = sender.links.now().unwrap();
        link.frames.store(MOST_FRAMES - 1, Ordering::Relaxed);
        drop(link);
        let first = enqueue().await.unwrap();
        let mut second = Box::pin(enqueue());
        let waited = timeout(Duration::from_millis(300), &mut second).await;
        assert!(waited.is_err() && sender.connectivity().losses() == 0);
        queue.answer(Answer::Accept);
        let ended = timeout(Duration::from_secs(30), async { (first.await, second.await.unwrap().await) });
        let (first, second) = ended.await.unwrap();
        assert!(first.is_ok() && second.is_ok());
        assert_eq!((sender.connectivity().losses(), queue.len()), (1, 2));
        sender.close().await.unwrap();
    }
}
