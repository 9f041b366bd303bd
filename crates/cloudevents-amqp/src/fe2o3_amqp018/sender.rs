//! A sender to an address of a broker.

use super::{
    answers::{Adding, Answer, UnderWay, hear},
    connection::{Connected, FAREWELL, FRAMES, runtime},
    failure,
    message::{Fe2o3Message, encode_message},
    options::{AmqpConnection, Target, random},
};
use crate::Separator;
use cloudevents_core::{Error, ErrorKind, Format, Formats, Message};
use cloudevents_transport::{Bounds, Endpoint, InFlight, Outcome, Permit, Sender, Transmit, Writing};
use fe2o3_amqp::{
    Sendable,
    link::{MessageSizeExceeded, SendError},
};
use fe2o3_amqp_types::messaging::{self, Body};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use serde_amqp::Value;
use std::{
    fmt,
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, Semaphore},
    task::{JoinHandle, coop::unconstrained},
    time::timeout,
};

/// The options that the URL of a sender may have, besides those that say how to connect.
const OPTIONS: &[&str] = &["mode", "format", "separator"];

/// How long to wait for credit before looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a frame has of a message at least, in bytes: brokers may not want frames of less than 512 (AMQP 1.0, part 2, section 2.7.1).
const SMALLEST_FRAME: usize = 256;

/// How an [`AmqpSender`] sends.
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
    /// How to connect.
    pub connection: AmqpConnection,
    /// The format that events are written in, as documents. The options `mode` and `format` of the URL go before it. Default: none, so that
    /// events go in binary mode. Messages that are documents already go as they are.
    pub format: Option<Arc<dyn Format>>,
    /// The formats that the option `format` of a URL can name. JSON is understood without being among them.
    pub formats: Formats,
    /// What stands between `cloudEvents` and the name of an attribute. The option `separator` of the URL goes before it. Default: an
    /// underscore.
    pub separator: Separator,
    /// What may be sent and not answered at once, besides what the broker itself allows. Default: 1,024 messages, 64 MiB.
    pub in_flight: Bounds,
    /// How long the broker may take to answer a message that was sent. Default: 60 seconds.
    pub timeout: Duration,
    /// Whether the broker is asked to keep messages when it stops (`durable` in the header). Default: yes.
    pub durable: bool,
}

impl Default for AmqpSenderOptions {
    fn default() -> Self {
        Self {
            connection: AmqpConnection::default(),
            format: None,
            formats: Formats::none(),
            separator: Separator::default(),
            in_flight: Bounds::default(),
            timeout: Duration::from_secs(60),
            durable: true,
        }
    }
}

/// A connected sender to this URL: see [`AmqpSender`].
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

/// Compiled with this crate, and not once more with each that awaits it: there is much of the client in it.
#[inline(never)]
fn open(url: &str, options: AmqpSenderOptions) -> BoxFuture<'_, Result<Sender, Error>> {
    AmqpSender::connect(url, options).map_ok(Sender::new).boxed()
}

/// Sends to one address of a broker, over a connection of its own.
///
/// Messages are under way beside each other, as many as the broker's credit and [`AmqpSenderOptions::in_flight`] allow, and arrive in the
/// order in which they were enqueued. The outcome is the broker's: accepted is success, anything else an error of kind
/// [`Refused`](ErrorKind::Refused) whose source is an [`AmqpRefusal`](super::AmqpRefusal). A message larger than the broker's limit is an
/// error of kind [`TooLarge`](ErrorKind::TooLarge), and is not sent.
///
/// When the connection is lost, what is under way ends with errors of kind [`Disconnected`](ErrorKind::Disconnected), which leave open
/// whether the broker has it, and the next message connects again. Nothing is sent again by itself.
pub struct AmqpSender {
    target: Target,
    writing: Writing,
    options: AmqpSenderOptions,
    in_flight: InFlight,
    link: Mutex<Option<Link>>,
    /// What is under way over the link that was opened last.
    under_way: std::sync::Mutex<UnderWay>,
    closed: AtomicBool,
}

impl AmqpSender {
    /// Connects to `amqp://user:password@host:port/address`, or `amqps` with TLS. Options in the query: `mode` (`binary`, `structured`),
    /// `format` (of structured mode: `json`, or another of [`AmqpSenderOptions::formats`]), `separator` (`underscore`, `colon`), and those of the connection: `container`, `hostname`, `sasl` (`plain`, `anonymous`, `external`,
    /// `cbs`). The address is the path without its first slash, percent-decoded.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl), [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout)
    /// when there is no connection, [`Refused`](ErrorKind::Refused) when the broker does not let this user in, or not to this address.
    pub async fn connect(url: &str, mut options: AmqpSenderOptions) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(url)?;
        let target = Target::new(&endpoint, options.connection.clone(), OPTIONS)?;
        let formats = cloudevents_json::among(std::mem::take(&mut options.formats));
        let writing = Writing::new(&endpoint, options.format.take(), formats)?;
        options.separator = match endpoint.option("separator") {
            None => options.separator,
            Some("underscore") => Separator::Underscore,
            Some("colon") => Separator::Colon,
            Some(_) => {
                return Err(endpoint.invalid("the option `separator` is neither `underscore` nor `colon`"));
            }
        };
        let link = Link::open(&target, &options).await?;
        Ok(Self {
            target,
            in_flight: InFlight::new(options.in_flight),
            writing,
            options,
            under_way: std::sync::Mutex::new(link.adding.under_way()),
            link: Mutex::new(Some(link)),
            closed: AtomicBool::new(false),
        })
    }

    fn encode(&self, message: &Message) -> Result<Fe2o3Message, Error> {
        let message = self.writing.message(message)?;
        let mut encoded = encode_message(&message, self.options.separator)?;
        if self.options.durable {
            encoded.header = Some(messaging::Header { durable: true, ..messaging::Header::default() });
        }
        Ok(encoded)
    }

    /// Room for a message; answers make it.
    async fn room(&self) -> Permit {
        loop {
            if let Some(permit) = self.in_flight.try_room() {
                return permit;
            }
            // Asked each time: the link may be another one since.
            let _wanted = self.under_way().clone().want();
            self.in_flight.ready().await;
        }
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transmit for AmqpSender {
    async fn enqueue(&self, message: Message) -> Result<Outcome, Error> {
        runtime()?;
        let sendable = Sendable::from(self.encode(&message)?);
        let mut permit = self.room().await;
        permit.charge(message.body_len());
        drop(message);
        let mut place = self.link.lock().await;
        let mut reconnected = false;
        loop {
            if self.closed.load(Ordering::Acquire) {
                return Err(Error::new(ErrorKind::Closed)); // before another connection is made
            }
            let link = match place.take().filter(Link::is_open) {
                Some(link) => place.insert(link),
                None => {
                    reconnected = true;
                    let link = place.insert(Link::open(&self.target, &self.options).await?);
                    *self.under_way() = link.adding.under_way();
                    link
                }
            };
            match link.send(&sendable, &self.closed).await {
                Ok(None) => return Err(Error::new(ErrorKind::Closed)),
                Ok(Some(answer)) => return Ok(link.adding.add(answer, permit)),
                Err(SendError::MessageSizeExceeded(error)) => return Err(too_large(&error)),
                Err(error) => {
                    // The message was not sent: at most a part of it, which a broker throws away.
                    *place = None;
                    let error = failure::send(error);
                    tracing::warn!(target = %self.target, %error, "the link was lost");
                    if std::mem::replace(&mut reconnected, true) {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn try_enqueue(&self, message: Message) -> Result<Result<Outcome, Error>, Message> {
        let Ok(mut place) = self.link.try_lock() else { return Err(message) };
        let open = !self.closed.load(Ordering::Acquire) && runtime().is_ok();
        let Some(link) = place.as_mut().filter(|link| open && link.is_open()) else { return Err(message) };
        let Some(permit) = self.in_flight.try_take(message.body_len()) else { return Err(message) };
        let sendable = match self.encode(&message) {
            Ok(encoded) => Sendable::from(encoded),
            Err(error) => return Ok(Err(error)),
        };
        match link.try_send(&sendable) {
            Some(Ok(answer)) => Ok(Ok(link.adding.add(answer, permit))),
            Some(Err(SendError::MessageSizeExceeded(error))) => Ok(Err(too_large(&error))),
            // There is no credit, or no link any more.
            Some(Err(_)) | None => Err(message),
        }
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        let runtime = runtime()?;
        // It is closed by a task, so that it is closed even if nobody waits for it.
        let closing = self.link.lock().await.take().map(|link| runtime.spawn(link.close()));
        self.in_flight.idle().await;
        match closing {
            Some(closing) => closing.await.unwrap_or_else(|error| Err(failure::transport(error))),
            None => Ok(()),
        }
    }
}

/// What was enqueued goes its way.
impl Drop for AmqpSender {
    fn drop(&mut self) {
        if let (Some(link), Ok(runtime)) = (self.link.get_mut().take(), runtime()) {
            runtime.spawn(link.close());
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

/// A link on a connection of its own.
struct Link {
    sender: fe2o3_amqp::Sender,
    adding: Adding,
    /// Hears the answers, and gives the connection back when there is nothing more to hear.
    answers: JoinHandle<Connected>,
}

impl Link {
    async fn open(target: &Target, options: &AmqpSenderOptions) -> Result<Self, Error> {
        // Payloads in flight have room there, however small the broker wants its frames: none is sent in part, and then not.
        let Bounds { messages, bytes } = options.in_flight;
        let frames = messages.saturating_add(bytes / SMALLEST_FRAME).clamp(FRAMES, Semaphore::MAX_PERMITS);
        let (sender, connected) = Connected::open(target, frames, async |session| {
            let name = format!("{}-{}", target.address, random());
            let attached = fe2o3_amqp::Sender::attach(session, name, target.address.clone()).await;
            attached.map_err(failure::attach_sender)
        })
        .await?;
        let adding = Adding::new(options.timeout);
        let answers = tokio::spawn(hear(adding.under_way(), connected));
        Ok(Self { sender, adding, answers })
    }

    /// Whether the connection is not known to be lost.
    fn is_open(&self) -> bool {
        !self.adding.has_ended()
    }

    /// Waits for credit and sends; `None` when the sender was closed meanwhile, and nothing was sent.
    ///
    /// Dropped before it answers, it has sent nothing: what it waits for is credit, and nothing else. The channel behind it is not full,
    /// and it is not made to wait its turn there.
    async fn send(
        &mut self,
        message: &Sendable<Body<Value>>,
        closed: &AtomicBool,
    ) -> Result<Option<Answer>, SendError> {
        while !closed.load(Ordering::Acquire) {
            let sending = unconstrained(self.sender.send_batchable_ref(message));
            // The client looks whether there is credit and then begins to wait for it; credit that comes between the two wakes nobody.
            if let Ok(sent) = timeout(LOOK_AGAIN, sending).await {
                return sent.map(Some);
            }
        }
        Ok(None)
    }

    /// Sends when there is credit.
    fn try_send(&mut self, message: &Sendable<Body<Value>>) -> Option<Result<Answer, SendError>> {
        unconstrained(self.sender.send_batchable_ref(message)).now_or_never()
    }

    /// Waits for every answer, then closes.
    async fn close(self) -> Result<(), Error> {
        let Self { sender, adding, answers } = self;
        drop(adding);
        let connected = answers.await.map_err(failure::transport)?;
        // Everything was answered: that a connection which is gone cannot be closed is no failure.
        if let Ok(Err(error)) = timeout(FAREWELL, sender.close()).await {
            tracing::debug!(%error, "the link was not closed properly");
        }
        connected.close().await;
        Ok(())
    }
}

#[cold]
fn too_large(error: &MessageSizeExceeded) -> Error {
    Error::new(ErrorKind::TooLarge).with_detail(format!(
        "a message of {} bytes, and the broker takes no more than {}",
        error.size, error.max_size
    ))
}
