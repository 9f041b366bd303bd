//! A sender to an address of a broker.

use super::{
    connection::{Connected, FAREWELL, FRAMES, runtime},
    extras, failure,
    message::{Fe2o3Message, encode_message},
    options::{AmqpConnection, Target, random},
    refusal::refused,
};
use crate::Separator;
use cloudevents_core::{Error, ErrorKind, Format};
use cloudevents_transport::{
    Bounds, Confirmed, Connectivity, Content, Endpoint, Host, InFlight, Outcome, Outgoing, Permit, Receipt,
    Sender, SenderCapabilities, SenderOptions, Transmit, Tried, Writing,
    confirms::Answers,
    connect::{Backoff, Connect, Reconnect, Shared},
};
use fe2o3_amqp::{
    Sendable,
    link::{MessageSizeExceeded, SendError, delivery::DeliveryFut},
};
use fe2o3_amqp_types::messaging::{self, Body};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use serde_amqp::Value;
use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{Mutex, Semaphore, watch},
    task::{JoinHandle, coop::unconstrained},
    time::timeout,
};

/// The URL options of a sender, besides those of the connection.
const OPTIONS: &[&str] = &["mode", "format", "separator"];

/// How long to wait for credit before checking again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The least bytes of a message in a frame: brokers may not require frames below 512 bytes (AMQP 1.0, part
/// 2, section 2.7.1).
const SMALLEST_FRAME: usize = 256;

/// Options of an [`AmqpSender`].
///
/// ```
/// use cloudevents_amqp::{Separator, fe2o3_amqp018::AmqpSenderOptions};
/// use std::time::Duration;
///
/// let mut options = AmqpSenderOptions::default();
/// options.separator = Separator::Colon;
/// options.timeout = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AmqpSenderOptions {
    /// The options common to all protocols. The URL option `format` can name one of their formats; JSON is
    /// always included.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: AmqpConnection,
    /// The format in which events are written as documents. The URL options `mode` and `format` take
    /// precedence. Default: none, which writes events in binary mode. Messages that are already documents
    /// do not change.
    pub format: Option<Arc<dyn Format>>,
    /// The separator between `cloudEvents` and the name of an attribute. The URL option `separator` takes
    /// precedence. Default: an underscore.
    pub separator: Separator,
    /// Upper bounds for unconfirmed messages, besides those of the broker. Default: 1,024 messages, 64 MiB.
    pub in_flight: Bounds,
    /// How long the broker may take to confirm a message. Default: 60 seconds.
    pub timeout: Duration,
    /// Whether the broker keeps messages across a restart (`durable` in the header). Default: yes.
    pub durable: bool,
}

impl Default for AmqpSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: AmqpConnection::default(),
            format: None,
            separator: Separator::default(),
            in_flight: Bounds::default(),
            timeout: Duration::from_secs(60),
            durable: true,
        }
    }
}

impl From<SenderOptions> for AmqpSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to this URL: see [`AmqpSender`].
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
pub async fn sender(url: &str, options: AmqpSenderOptions) -> Result<Sender, Error> {
    open(url, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(url: &str, options: AmqpSenderOptions) -> BoxFuture<'_, Result<Sender, Error>> {
    AmqpSender::connect(url, options).map_ok(AmqpSender::into_sender).boxed()
}

/// Sends to one address of a broker, over its own connection.
///
/// Several messages are in flight at once, as many as the broker's credit and
/// [`AmqpSenderOptions::in_flight`] allow. They arrive in the order in which they were enqueued. The
/// outcome is the broker's: accepted is success; any other is an error of kind
/// [`Refused`](ErrorKind::Refused) with an [`AmqpRefusal`](super::AmqpRefusal) as its source. A message
/// larger than the broker's limit is an error of kind [`TooLarge`](ErrorKind::TooLarge), and is not sent.
///
/// When the connection is lost, messages in flight end with errors of kind
/// [`Disconnected`](ErrorKind::Disconnected): the broker may or may not have them. The sender reconnects at
/// once, as described in [`connect`](cloudevents_transport::connect), and new messages wait for the
/// connection ([`SenderOptions::enqueue_timeout`]). The sender never sends a message again by itself.
pub struct AmqpSender {
    target: Arc<Target>,
    writing: Writing,
    options: AmqpSenderOptions,
    in_flight: InFlight,
    links: Shared<Linking>,
    closed: AtomicBool,
}

impl AmqpSender {
    /// Connects to `amqp://user:password@host:port/address`, or `amqps` with TLS. The address is the path
    /// without its first slash, percent-decoded. [The crate's documentation](crate#urls) lists the options
    /// of the query. They take precedence over those of the program.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Disconnected`](ErrorKind::Disconnected) and
    /// [`Timeout`](ErrorKind::Timeout) when connecting fails; [`Refused`](ErrorKind::Refused) when the
    /// broker refuses the user, or this user's access to the address.
    pub async fn connect(url: &str, mut options: AmqpSenderOptions) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(url)?;
        let others = [OPTIONS, SenderOptions::URL_OPTIONS].concat();
        let target = Target::new(&endpoint, options.connection.clone(), &others)?;
        options.sender = options.sender.with_url(&endpoint)?;
        let formats = cloudevents_json::with_json(options.sender.decoding.formats.clone());
        let writing = Writing::new(&endpoint, options.format.take(), formats, options.sender.losses)?;
        options.separator = match endpoint.option("separator") {
            None => options.separator,
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
        Self::open(target, writing, options).await
    }

    async fn open(target: Target, writing: Writing, options: AmqpSenderOptions) -> Result<Self, Error> {
        runtime()?;
        let target = Arc::new(target);
        let backoff = Backoff::default().with_per_host(options.connection.connect_timeout);
        let linking =
            Linking { target: Arc::clone(&target), in_flight: options.in_flight, timeout: options.timeout };
        let links = Reconnect::new(linking, target.hosts.clone(), backoff).share();
        links.open().await?;
        let in_flight = InFlight::new(options.in_flight);
        Ok(Self { target, in_flight, writing, options, links, closed: AtomicBool::new(false) })
    }

    /// Returns the sender, with the options that this was opened with.
    pub fn into_sender(self) -> Sender {
        let options = self.options.sender.clone();
        Sender::new(self).with_options(options)
    }

    fn encode(&self, outgoing: &Outgoing) -> Result<Fe2o3Message, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        let message = self.writing.message(message)?;
        let mut encoded = encode_message(&message, self.options.separator)?;
        if self.options.durable {
            encoded.header = Some(messaging::Header { durable: true, ..messaging::Header::default() });
        }
        extras::add(&mut encoded, outgoing)?;
        Ok(encoded)
    }

    /// Waits for room for a message; confirmed messages make room.
    async fn room(&self) -> Permit {
        loop {
            if let Some(permit) = self.in_flight.try_room() {
                return permit;
            }
            // Once per iteration, since the link may be another one.
            let _wanted = self.links.now().map(|(_, link)| link.answers.want());
            self.in_flight.ready().await;
        }
    }

    /// Sends a message of this client, and waits for the outcome.
    pub(super) async fn send_as_it_is(&self, message: Fe2o3Message) -> Result<(), Error> {
        let size = match &message.body {
            Body::Data(batch) => batch.iter().map(|data| data.0.len()).fold(0, usize::saturating_add),
            _ => 0,
        };
        self.send_within(Sendable::from(message), size).await?.await.map(drop)
    }

    /// Waits for room, a link and credit, then sends. Returns the future outcome.
    async fn send_within(
        &self,
        sendable: Sendable<Body<Value>>,
        size: usize,
    ) -> Result<Outcome<Receipt>, Error> {
        let mut permit = self.room().await;
        permit.charge(size);
        let mut again = false;
        loop {
            if self.closed.load(Ordering::Acquire) {
                return Err(Error::new(ErrorKind::Closed)); // before reconnecting
            }
            let (number, link) = self.links.get().await?;
            match link.send(&sendable, &self.closed).await {
                Ok(None) => return Err(Error::new(ErrorKind::Closed)),
                Ok(Some(answer)) => return Ok(link.answers.add(answer, permit)),
                Err(SendError::MessageSizeExceeded(error)) => return Err(too_large(&error)),
                Err(error) => {
                    // The message was not sent, or only in part, and brokers discard partial messages.
                    let error = failure::send(error);
                    self.links.lost(number, &error);
                    if std::mem::replace(&mut again, true) {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl Transmit for AmqpSender {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(extras::CARRIED)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        let sendable = Sendable::from(self.encode(&outgoing)?);
        let size = outgoing.size();
        drop(outgoing);
        self.send_within(sendable, size).await
    }

    fn try_enqueue(&self, outgoing: Outgoing) -> Tried {
        let open = !self.closed.load(Ordering::Acquire) && runtime().is_ok();
        let Some((_, link)) = self.links.now().filter(|_| open) else { return Tried::WouldWait(outgoing) };
        let Ok(mut place) = link.sender.try_lock() else { return Tried::WouldWait(outgoing) };
        let Some(sender) = place.as_mut().filter(|_| !link.answers.has_ended()) else {
            return Tried::WouldWait(outgoing);
        };
        let Some(permit) = self.in_flight.try_take(outgoing.size()) else {
            return Tried::WouldWait(outgoing);
        };
        let sendable = match self.encode(&outgoing) {
            Ok(encoded) => Sendable::from(encoded),
            Err(error) => return Tried::Done(Err(error)),
        };
        match unconstrained(sender.send_batchable_ref(&sendable)).now_or_never() {
            Some(Ok(answer)) => Tried::Done(Ok(link.answers.add(Answer(answer), permit))),
            Some(Err(SendError::MessageSizeExceeded(error))) => Tried::Done(Err(too_large(&error))),
            // There is no credit, or the link is gone.
            Some(Err(_)) | None => Tried::WouldWait(outgoing),
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.links.connectivity()
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        let runtime = runtime()?;
        // Closes the link in a task, so that the link is closed even if this future is dropped.
        let closing = self.links.close().map(|link| runtime.spawn(async move { link.close().await }));
        self.in_flight.idle().await;
        match closing {
            Some(closing) => closing.await.unwrap_or_else(|error| Err(failure::transport(error))),
            None => Ok(()),
        }
    }
}

/// Still sends what was enqueued.
impl Drop for AmqpSender {
    fn drop(&mut self) {
        if let (Some(link), Ok(runtime)) = (self.links.close(), runtime()) {
            runtime.spawn(async move { link.close().await });
        }
    }
}

impl fmt::Debug for AmqpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSender")
            .field("target", &format_args!("{}", self.target))
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

/// Creates links.
struct Linking {
    target: Arc<Target>,
    in_flight: Bounds,
    timeout: Duration,
}

impl Connect for Linking {
    type Connection = Arc<Link>;

    async fn connect(&self, host: &Host) -> Result<Arc<Link>, Error> {
        // Has room for all payloads in flight, however small the broker's frames are, so that no message is
        // sent only in part.
        let Bounds { messages, bytes } = self.in_flight;
        let frames = messages.saturating_add(bytes / SMALLEST_FRAME).clamp(FRAMES, Semaphore::MAX_PERMITS);
        let mut connected = Connected::begin(&self.target, host, frames).await?;
        let address = self.target.address.clone();
        let name = format!("{address}-{}", random());
        let attached = fe2o3_amqp::Sender::attach(&mut connected.session, name, address).await;
        let sender = attached.map_err(failure::attach_sender)?;
        let answers = Answers::new(self.timeout);
        let lost = watch::Sender::new(None);
        let hearing = tokio::spawn(hear(answers.clone(), connected, lost.clone()));
        Ok(Arc::new(Link { sender: Mutex::new(Some(sender)), answers, lost, hearing: Some(hearing).into() }))
    }

    async fn lost(&self, link: &Arc<Link>) -> Error {
        let mut lost = link.lost.subscribe();
        let error = lost.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        error.unwrap_or_else(|| failure::disconnected("the connection was closed"))
    }
}

/// A link on its own connection.
struct Link {
    /// `None` once closed.
    sender: Mutex<Option<fe2o3_amqp::Sender>>,
    answers: Answers<Answer>,
    /// Why the connection is lost.
    lost: watch::Sender<Option<Error>>,
    /// Returns the connection when all answers have arrived.
    hearing: std::sync::Mutex<Option<JoinHandle<Connected>>>,
}

/// Receives the answers, and records when the connection is lost.
async fn hear(
    answers: Answers<Answer>,
    mut connected: Connected,
    lost: watch::Sender<Option<Error>>,
) -> Connected {
    /// A task that panics, or whose runtime ends, also loses the connection.
    struct Ended(watch::Sender<Option<Error>>);

    impl Drop for Ended {
        fn drop(&mut self) {
            let error =
                failure::disconnected("the connection has ended; the broker may have the message, or not");
            self.0.send_if_modified(|lost| lost.replace(error).is_none());
        }
    }

    let ended = Ended(lost);
    answers
        .hear(async {
            connected.ended().await;
            let error =
                failure::disconnected("the connection was closed; the broker may have the message, or not");
            ended.0.send_replace(Some(error.clone()));
            error
        })
        .await;
    connected
}

impl Link {
    /// Waits for credit and sends. Returns `None` if the sender was closed meanwhile and nothing was sent.
    ///
    /// Dropped before it returns, it has sent nothing: it waits only for credit. The channel to the session
    /// is not full, and tokio's budget does not delay sending.
    async fn send(
        &self,
        message: &Sendable<Body<Value>>,
        closed: &AtomicBool,
    ) -> Result<Option<Answer>, SendError> {
        let mut place = self.sender.lock().await;
        while let Some(sender) = place.as_mut().filter(|_| !closed.load(Ordering::Acquire)) {
            let sending = unconstrained(sender.send_batchable_ref(message));
            // The client checks for credit before it starts waiting; credit that arrives in between wakes
            // no task.
            if let Ok(sent) = timeout(LOOK_AGAIN, sending).await {
                return sent.map(|answer| Some(Answer(answer)));
            }
        }
        Ok(None)
    }

    /// Waits for all answers, then closes.
    async fn close(&self) -> Result<(), Error> {
        let sender = self.sender.lock().await.take();
        self.answers.finish();
        let hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(sender), Some(hearing)) = (sender, hearing) else { return Ok(()) };
        let connected = hearing.await.map_err(failure::transport)?;
        // All answers have arrived, so failing to close a lost connection is not an error.
        if let Ok(Err(error)) = timeout(FAREWELL, sender.close()).await {
            tracing::debug!(%error, "the link was not closed properly");
        }
        connected.close().await;
        Ok(())
    }
}

/// For a lost link that is not closed: its task ends.
impl Drop for Link {
    fn drop(&mut self) {
        self.answers.finish();
    }
}

/// The client's answer to a sent message. It never resolves once the connection is lost.
struct Answer(DeliveryFut<Result<messaging::Outcome, SendError>>);

impl Future for Answer {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = self.0.poll_unpin(context);
        answered.map(|outcome| outcome.map_err(failure::send).and_then(refused).map(|()| Receipt::new()))
    }
}

#[cold]
fn too_large(error: &MessageSizeExceeded) -> Error {
    Error::new(ErrorKind::TooLarge).with_detail(format!(
        "a message of {} bytes, and the broker takes no more than {}",
        error.size, error.max_size
    ))
}
