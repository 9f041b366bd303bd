//! A sender to a queue.

use super::{
    connection::Wire,
    failure,
    message::{add_extras, as_received, headers, lost_headers},
    options::{PgmqConnection, Target},
};
use cloudevents_core::{Error, ErrorKind, FormatId};
use cloudevents_json::{Json, by_default, with_json};
use cloudevents_transport::{
    Carries, Confirmed, Connectivity, Content, Endpoint, Host, Outgoing, Receipt, Sender, SenderCapabilities,
    SenderOptions, Side,
    binding::{
        Writing,
        batches::{BatchSender, Puts, Sending},
        connect::{Connect, Reconnect, Shared},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::Arc;
use tokio::time::timeout;
use tokio_postgres::types::Type;

/// The most bytes of a message.
const MOST_BYTES: usize = 16 << 20;

/// The server's messages to a sender are short.
const ANSWER: usize = 1 << 20;

/// The most messages of a statement, and their bytes.
const TOGETHER: (usize, usize) = (100, 4 << 20);

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
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: PgmqSenderOptions) -> Result<Sender, Error> {
    let target =
        Target::new(endpoint, options.connection, options.queue_name.as_deref(), ANSWER, Side::Send)?;
    let common = options.sender.with_url(endpoint)?;
    let sending = Sending::new(endpoint, &common, options.max_message_size, with_json, by_default)?;
    if sending.writing.format().is_none_or(|format| format.id() != FormatId::JSON) {
        return Err(endpoint
            .invalid("a message of pgmq is a JSON document")
            .with_help("leave out the mode and the format"));
    }
    Ok(Sender::new(opened(target, sending).await?).with_options(common))
}

/// Connects to a queue for messages that are sent unchanged.
pub(super) async fn unchanged(target: Target) -> Result<BatchSender<Queue>, Error> {
    let writing = Writing::given(Some(Arc::new(Json::new())), SenderOptions::default().losses);
    opened(target, Sending { writing, ..Sending::unchanged(usize::MAX) }).await
}

async fn opened(target: Target, sending: Sending) -> Result<BatchSender<Queue>, Error> {
    let shared = Reconnect::new(Linking(target.clone()), target.hosts.clone(), target.backoff()).share();
    shared.open().await?;
    let (in_flight, (entries, bytes)) = (sending.in_flight, TOGETHER);
    BatchSender::start(Queue { target, sending, shared }, in_flight, entries, bytes)
}

/// A message on its way.
pub(super) struct Sent {
    text: String,
    headers: String,
}

/// A queue that messages are sent to, over its own connection.
pub(super) struct Queue {
    target: Target,
    sending: Sending,
    shared: Shared<Linking>,
}

impl Puts for Queue {
    type Entry = Sent;

    /// Statements follow each other, so that messages keep their order.
    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::KEY.and(Carries::HEADERS).and(Carries::AS_RECEIVED);
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carried);
        capabilities.receipts = true;
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        lost_headers(outgoing)
    }

    fn entry(&self, outgoing: &Outgoing) -> Result<Sent, Error> {
        let mut message = match outgoing.content() {
            Content::Message(message) => crate::encode_message(&*self.sending.writing.message(message)?)?,
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        add_extras(&mut message, outgoing)?;
        crate::fits(&message)?;
        self.sending.check_size(message.size(), " with its headers", "raise `max-message-size`")?;
        let headers = headers(&message)?;
        let text = String::from_utf8(message.message.into())
            .map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))?;
        Ok(Sent { text, headers })
    }

    fn size(sent: &Sent) -> usize {
        sent.text.len().saturating_add(sent.headers.len())
    }

    /// Without a connection, a message waits for one.
    async fn ready(&self) -> Result<(), Error> {
        self.shared.get().await.map(drop)
    }

    async fn put(&self, sent: &[Sent]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let limit = self.sending.timeout;
        let connected = timeout(limit, self.shared.get()).await;
        let none = |_| Error::new(ErrorKind::Timeout).with_detail("there is no connection");
        let (_, wire) = connected.map_err(none)??;
        let texts: Vec<&str> = sent.iter().map(|sent| &*sent.text).collect();
        let headers: Vec<&str> = sent.iter().map(|sent| &*sent.headers).collect();
        let queue = &self.target.queue;
        let values = [
            (&&**queue as _, Type::TEXT),
            (&texts as _, Type::TEXT_ARRAY),
            (&headers as _, Type::TEXT_ARRAY),
        ];
        let rows = wire.query(SEND, &values, sent.len(), limit).await?;
        if rows.len() != sent.len() {
            return Err(failure::garbled("there is not an id for each message"));
        }
        let receipts = rows.iter().map(|row| {
            let id: i64 = row.try_get(0).map_err(failure::garbled)?;
            let receipt = Receipt::new().with_place(Arc::clone(queue));
            Ok(Ok(u64::try_from(id).map_or(receipt.clone(), |id| receipt.with_offset(id))))
        });
        receipts.collect()
    }

    fn is_of_a_message(error: &Error) -> bool {
        failure::is_of_data(error)
    }

    async fn check(&self) -> Result<(), Error> {
        let (_, wire) = self.shared.get().await?;
        wire.check(&self.target).await
    }

    fn connectivity(&self) -> Connectivity {
        self.shared.connectivity()
    }

    fn close(&self) {
        drop(self.shared.close());
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
