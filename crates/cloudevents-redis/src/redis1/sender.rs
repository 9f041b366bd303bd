//! A sender to a stream.

use super::{
    connection::{Wire, command},
    failure,
    message::{added, as_received, lost},
    options::{RedisConnection, Target},
    stream::Limits,
};
use crate::RedisMessage;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_json::{by_default, with_json};
use cloudevents_transport::{
    Carries, Confirmed, Connectivity, Content, Endpoint, Host, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions, Side,
    binding::{
        Transmit,
        batches::Sending,
        confirms::Answers,
        connect::{Connect, Links, Reconnect, runtime},
        header_not_carried, refused,
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use redis::Value;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    task::{JoinHandle, coop::unconstrained},
};

/// The server's answers to a sender are short.
const ANSWERS: Limits = Limits { string: 1 << 16, answer: 1 << 20 };

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_redis::redis1::RedisSenderOptions;
///
/// let mut options = RedisSenderOptions::default();
/// options.max_length = Some(1_000_000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisSenderOptions {
    /// The options common to all protocols. JSON is always among their formats. Without a format, events are written as JSON, as Dapr reads
    /// and writes; `mode=binary` in a URL writes them in binary mode.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: RedisConnection,
    /// The key of the stream; `stream` in a URL. Required there or here.
    pub stream: Option<String>,
    /// About so many entries stay in the stream; `maxlen` in a URL. Older ones are trimmed, whether or not they were handled. Default: all.
    pub max_length: Option<u64>,
    /// The largest message, in bytes; `max-message-size` in a URL. A larger one is an error. Default: 16 MiB.
    pub max_message_size: usize,
}

impl Default for RedisSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: RedisConnection::default(),
            stream: None,
            max_length: None,
            max_message_size: 16 << 20,
        }
    }
}

impl From<SenderOptions> for RedisSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to a stream: `redis://host:port/database?stream=key`, or `rediss` with TLS.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Several messages are on their way at once, as many as [`SenderOptions::in_flight`] allows, and are stored in the order in which they
/// were enqueued. The outcome is that the server has the entry in memory. The server's persistence and replication decide whether it keeps
/// the entry in a crash or a failover. A message that the server refuses is an error of kind [`Refused`](ErrorKind::Refused). When the
/// connection is lost, messages on their way end with errors of kind [`Disconnected`](ErrorKind::Disconnected): the server may or may not
/// have them. No message is sent again by itself.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when
/// connecting fails; [`Refused`](ErrorKind::Refused) when the server refuses the user.
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: RedisSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: RedisSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: RedisSenderOptions) -> Result<Sender, Error> {
    let (stream, most) = (options.stream.as_deref(), options.max_message_size);
    let target = Target::new(endpoint, options.connection, stream, most, Side::Send)?;
    let common = options.sender.with_url(endpoint)?;
    let sending = Sending::new(endpoint, &common, most, with_json, by_default)?;
    let max_length = endpoint.number("maxlen")?.or(options.max_length);
    if let Some(most) = max_length {
        tracing::warn!(stream = %target.stream, most, "older entries are trimmed, also those that nothing has handled");
    }
    Ok(Sender::new(RedisSender::open(target, sending, max_length).await?).with_options(common))
}

/// Sends to a stream over its own connection.
pub(super) struct RedisSender {
    stream: Arc<str>,
    max_length: Option<u64>,
    sending: Sending,
    links: Links<Linking>,
}

impl RedisSender {
    /// Connects to a stream for messages that are sent unchanged.
    pub(super) async fn unchanged(target: Target) -> Result<Self, Error> {
        let sending = Sending::unchanged(target.max_message_size);
        Self::open(target, sending, None).await
    }

    async fn open(target: Target, sending: Sending, max_length: Option<u64>) -> Result<Self, Error> {
        let (stream, in_flight, timeout) = (Arc::clone(&target.stream), sending.in_flight, sending.timeout);
        let (hosts, backoff) = (target.hosts.clone(), target.backoff());
        let reconnect =
            Reconnect::new(Linking { target, timeout, commands: in_flight.messages }, hosts, backoff);
        let links = Links::open(reconnect, in_flight).await?;
        Ok(Self { stream, max_length, sending, links })
    }

    fn entry(&self, outgoing: &Outgoing) -> Result<RedisMessage, Error> {
        let mut entry = match outgoing.content() {
            Content::Message(message) => crate::encode_message(&*self.sending.writing.message(message)?)?,
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        for (name, value) in outgoing.headers() {
            if let Some(reason) = lost(name, value) {
                return Err(header_not_carried(name, reason));
            }
            entry.fields.push((Bytes::copy_from_slice(name.as_bytes()), value.clone()));
        }
        let help = "raise `max-message-size`, at most to `proto-max-bulk-len` of the server";
        self.sending.check_size(entry.size(), "", help)?;
        Ok(entry)
    }
}

impl Transmit for RedisSender {
    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::DESTINATION.and(Carries::HEADERS).and(Carries::AS_RECEIVED);
        SenderCapabilities::plain(Confirmed::Accepted).carrying(carried)
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        outgoing.lost_headers(lost)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let _ = runtime()?;
        let stream = outgoing.destination().map_or_else(|| Arc::clone(&self.stream), Arc::from);
        let entry = self.entry(&outgoing)?;
        let permit = self.links.room(outgoing.size()).await;
        let (_, link) = self.links.get().await?;
        let command = added(&stream, self.max_length, &entry);
        let (wire, place) = (link.wire.clone(), stream);
        let mut answer = async move {
            match wire.ask(&command).await? {
                Value::BulkString(_) => Ok(Receipt::new().with_place(place)),
                _ => Err(failure::garbled("XADD")),
            }
        }
        .boxed();
        // Written now, so that messages keep their order.
        let answer = match unconstrained(&mut answer).now_or_never() {
            Some(answered) => std::future::ready(answered).boxed(),
            None => answer,
        };
        Ok(link.answers.add(answer, permit))
    }

    async fn check(&self) -> Result<(), Error> {
        let (_, link) = self.links.get().await?;
        match link.wire.ask(&command("TYPE", &[&self.stream])).await {
            Ok(Value::SimpleString(kind)) if kind != "stream" && kind != "none" => {
                Err(refused(format!("the key is a {kind} and no stream")).with_help("name another one"))
            }
            _ => Ok(()),
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.links.connectivity()
    }

    async fn close(&self) -> Result<(), Error> {
        self.links.close().await
    }
}

/// Creates links.
struct Linking {
    target: Target,
    timeout: Duration,
    commands: usize,
}

/// A connection with the outcomes of messages that were sent over it.
#[derive(Clone)]
struct Link {
    wire: Wire,
    answers: Answers<BoxFuture<'static, Result<Receipt, Error>>>,
    /// Returns when everything has an outcome, or the connection is lost.
    hearing: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Connect for Linking {
    type Connection = Link;

    async fn connect(&self, host: &Host) -> Result<Link, Error> {
        let wire = Wire::open(&self.target, host, ANSWERS, self.commands).await?;
        let (answers, hearing) = Answers::new(self.timeout);
        let (lost, cut) = (wire.lost(), wire.cut());
        let hearing = tokio::spawn(async move {
            if hearing.run(lost).await.is_err() {
                cut.abort();
            }
        });
        let hearing = Arc::new(Mutex::new(Some(hearing)));
        Ok(Link { wire, answers, hearing })
    }

    async fn lost(&self, link: &Link) -> Error {
        link.wire.lost().await
    }

    async fn close(link: Link) -> Result<(), Error> {
        link.answers.finish();
        if let Some(hearing) = link.hearing.lock().await.take() {
            let _ = hearing.await;
        }
        Ok(())
    }
}
