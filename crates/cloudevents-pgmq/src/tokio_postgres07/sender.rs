//! A sender to a queue.

use super::{
    connection::{Wire, runtime},
    failure,
    message::{add_extras, as_received, headers, lost_headers},
    options::{PgmqConnection, Target},
};
use crate::PgmqMessage;
use cloudevents_core::{Error, ErrorKind, FormatId};
use cloudevents_json::Json;
use cloudevents_transport::{
    Bounds, Carries, Confirmed, Connectivity, Content, Endpoint, Host, InFlight, Outcome, Outgoing, Receipt,
    Sender, SenderCapabilities, SenderOptions, Side,
    binding::{
        Transmit, Writing,
        batches::{Batch, Batches, Limits, all_failed},
        connect::{Connect, Reconnect, Shared},
    },
};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_postgres::types::Type;

/// How long the server may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes of a message.
const MOST_BYTES: usize = 16 << 20;

/// The server's messages to a sender are short.
const ANSWER: usize = 1 << 20;

/// Statements follow each other, so that messages keep their order.
const LIMITS: Limits = Limits { requests: 1, entries: 100, bytes: 4 << 20 };

/// Stores messages, in one transaction. The ids are those of the messages in their order.
const SEND: &str = "SELECT s.id FROM pgmq.send_batch($1, $2::jsonb[], $3::jsonb[]) AS s (id)";

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_pgmq::tokio_postgres07::PgmqSenderOptions;
///
/// let mut options = PgmqSenderOptions::default();
/// options.queue_name = Some("orders".into());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PgmqSenderOptions {
    /// The options common to all protocols. Events are written as JSON; another format is an error.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: PgmqConnection,
    /// The name of the queue; `queue` in a URL. Required there or here.
    pub queue_name: Option<String>,
    /// The largest message, in bytes, headers included; `max-message-size` in a URL. A larger one is an error. Default: 16 MiB.
    pub max_message_size: usize,
}

impl Default for PgmqSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: PgmqConnection::default(),
            queue_name: None,
            max_message_size: MOST_BYTES,
        }
    }
}

impl From<SenderOptions> for PgmqSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to a queue: `postgres://user:password@host:port/database?queue=name`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Messages that are enqueued together share a statement, a hundred of them at most. One statement follows the other: the ids of messages
/// are in the order in which they were enqueued. The outcome is that Postgres has committed the message. The [key](Outgoing::key) becomes
/// the group of pgmq.
///
/// If Postgres refuses the content of a message, this is an error of that message alone. When the connection is lost, messages on their way
/// end with errors of kind [`Disconnected`](ErrorKind::Disconnected), and when the server does not answer in time, of kind
/// [`Timeout`](ErrorKind::Timeout): the server may or may not have them. No message is sent again by itself.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when
/// connecting fails; [`Refused`](ErrorKind::Refused) when the server refuses the user, or has no such queue, or no pgmq.
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: PgmqSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: PgmqSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    let common = options.sender.clone().with_url(&endpoint);
    async move { PgmqSender::connect(&endpoint, options).await }
        .and_then(async |sender| Ok(Sender::new(sender).with_options(common?)))
        .boxed()
}

/// Sends to a queue over its own connection.
pub(super) struct PgmqSender {
    target: Target,
    max_message_size: usize,
    writing: Writing,
    shared: Arc<Shared<Linking>>,
    in_flight: InFlight,
    closed: AtomicBool,
    batches: Batches<Sends>,
}

impl PgmqSender {
    async fn connect(endpoint: &Endpoint, options: PgmqSenderOptions) -> Result<Self, Error> {
        let target =
            Target::new(endpoint, options.connection, options.queue_name.as_deref(), ANSWER, Side::Send)?;
        let common = options.sender.with_url(endpoint)?;
        let formats = cloudevents_json::with_json(common.decoding.formats);
        let format = common.format.or_else(|| Some(Arc::new(Json::new())));
        let format = cloudevents_json::for_peer(format, common.peer);
        let writing = Writing::new(endpoint, format, formats, common.losses)?;
        if writing.format().is_none_or(|format| format.id() != FormatId::JSON) {
            return Err(endpoint
                .invalid("a message of pgmq is a JSON document")
                .with_help("leave out the mode and the format"));
        }
        let most = endpoint.number("max-message-size")?.unwrap_or(options.max_message_size);
        let (in_flight, timeout) = (common.in_flight.unwrap_or_default(), common.timeout.unwrap_or(TIMEOUT));
        Self::open(target, writing, most, in_flight, timeout).await
    }

    /// Connects to a queue for messages that are sent unchanged.
    pub(super) async fn unchanged(target: &Target) -> Result<Self, Error> {
        let writing = Writing::given(Some(Arc::new(Json::new())), SenderOptions::default().losses);
        Self::open(target.clone(), writing, usize::MAX, Bounds::default(), TIMEOUT).await
    }

    async fn open(
        target: Target,
        writing: Writing,
        max_message_size: usize,
        in_flight: Bounds,
        timeout: Duration,
    ) -> Result<Self, Error> {
        runtime()?;
        let reconnect = Reconnect::new(Linking(target.clone()), target.hosts.clone(), target.backoff());
        let shared = Arc::new(reconnect.share());
        shared.open().await?;
        let sends = Sends { queue: Arc::clone(&target.queue), shared: Arc::clone(&shared), timeout };
        let batches = Batches::start(sends, LIMITS);
        let (in_flight, closed) = (InFlight::new(in_flight), AtomicBool::new(false));
        Ok(Self { target, max_message_size, writing, shared, in_flight, closed, batches })
    }

    fn message(&self, outgoing: &Outgoing) -> Result<PgmqMessage, Error> {
        let mut message = match outgoing.content() {
            Content::Message(message) => crate::encode_message(&*self.writing.message(message)?)?,
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        add_extras(&mut message, outgoing)?;
        crate::fits(&message)?;
        let (size, most) = (message.size(), self.max_message_size);
        if size > most {
            return Err(Error::new(ErrorKind::TooLarge)
                .with_detail(format!("it has {size} bytes with its headers, and the limit is {most}"))
                .with_help("raise `max-message-size`"));
        }
        Ok(message)
    }
}

impl Transmit for PgmqSender {
    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::KEY.and(Carries::HEADERS).and(Carries::AS_RECEIVED);
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carried);
        capabilities.receipts = true;
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        lost_headers(outgoing)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        let message = self.message(&outgoing)?;
        let headers = headers(&message)?;
        drop(outgoing);
        let mut permit = self.in_flight.room().await;
        permit.charge(message.size());
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        // Without a connection, it waits for one.
        self.shared.get().await?;
        let text = String::from_utf8(message.message.into())
            .map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))?;
        let (resolver, outcome) = Outcome::channel();
        self.batches.add(Sent { text, headers }, resolver, Some(permit));
        Ok(outcome)
    }

    async fn check(&self) -> Result<(), Error> {
        let (_, wire) = self.shared.get().await?;
        wire.check(&self.target).await
    }

    fn connectivity(&self) -> Connectivity {
        self.shared.connectivity()
    }

    /// Enqueued messages have their outcome before the connection is closed.
    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        drop(self.shared.close());
        Ok(())
    }
}

/// A message on its way.
struct Sent {
    text: String,
    headers: String,
}

/// Statements that store messages.
struct Sends {
    queue: Arc<str>,
    shared: Arc<Shared<Linking>>,
    timeout: Duration,
}

impl Sends {
    async fn store(&self, wire: &Wire, sent: &[Sent]) -> Result<Vec<Receipt>, Error> {
        let texts: Vec<&str> = sent.iter().map(|sent| &*sent.text).collect();
        let headers: Vec<&str> = sent.iter().map(|sent| &*sent.headers).collect();
        let values = [
            (&&*self.queue as _, Type::TEXT),
            (&texts as _, Type::TEXT_ARRAY),
            (&headers as _, Type::TEXT_ARRAY),
        ];
        let rows = wire.query(SEND, &values, sent.len(), self.timeout).await?;
        if rows.len() != sent.len() {
            return Err(failure::garbled("there is not an id for each message"));
        }
        let receipts = rows.iter().map(|row| {
            let id: i64 = row.try_get(0).map_err(failure::garbled)?;
            let receipt = Receipt::new().with_place(Arc::clone(&self.queue));
            Ok(u64::try_from(id).map_or(receipt.clone(), |id| receipt.with_offset(id)))
        });
        receipts.collect()
    }
}

impl Batch for Sends {
    type Entry = Sent;
    type Answer = Receipt;

    fn size(sent: &Sent) -> usize {
        sent.text.len().saturating_add(sent.headers.len())
    }

    async fn ask(&self, sent: Vec<Sent>) -> Vec<Result<Receipt, Error>> {
        let wire = match tokio::time::timeout(self.timeout, self.shared.get()).await {
            Ok(Ok((_, wire))) => wire,
            Ok(Err(error)) => return all_failed(sent.len(), &error),
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout).with_detail("there is no connection");
                return all_failed(sent.len(), &error);
            }
        };
        match self.store(&wire, &sent).await {
            Ok(receipts) => receipts.into_iter().map(Ok).collect(),
            // The statement has stored none of them. Alone, those that are good are stored.
            Err(error) if failure::is_of_data(&error) && sent.len() > 1 => {
                let mut answers = Vec::with_capacity(sent.len());
                for one in sent.chunks(1) {
                    let stored = self.store(&wire, one).await;
                    answers.push(stored.map(|receipts| receipts.into_iter().next().unwrap_or_default()));
                }
                answers
            }
            Err(error) => all_failed(sent.len(), &error),
        }
    }
}

/// Creates connections.
struct Linking(Target);

impl Connect for Linking {
    type Connection = Wire;

    async fn connect(&self, host: &Host) -> Result<Wire, Error> {
        Wire::open(&self.0, host).await
    }

    async fn lost(&self, wire: &Wire) -> Error {
        wire.lost().await
    }
}
