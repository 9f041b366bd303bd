//! A sender to a subject of a server.

use super::{
    connection::runtime,
    extras, failure,
    message::{append, subject},
    options::{NatsConnection, Target, unsupported},
    publisher::{Linking, Prepared},
    template::Template,
};
use crate::{
    NatsMessage,
    encode::{needs_document, write_message},
    options::reads_structured_only,
    value,
};
use async_nats::{HeaderMap, HeaderValue, header};
use cloudevents_core::{Error, ErrorKind, FormatId, Message};
use cloudevents_json::Json;
use cloudevents_transport::{
    Carries, Confirmed, Connectivity, Content, Endpoint, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions, Side,
    binding::{
        Transmit, Writing,
        connect::{Links, Reconnect},
    },
};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// How long the server may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_nats::async_nats051::NatsSenderOptions;
/// use std::time::Duration;
///
/// let mut options = NatsSenderOptions::default();
/// options.deduplicate = true;
/// options.sender.timeout = Some(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NatsSenderOptions {
    /// The options common to all protocols. Structured messages of NATS are in JSON, which is always among the formats.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: NatsConnection,
    /// Whether messages have headers. Without them, servers before NATS 2.2 and their clients understand the messages. The mode then has to
    /// be structured. The URL option `headers` takes precedence. Default: yes.
    pub headers: bool,
    /// Whether text in headers is written as it is, which is outside the specification: [`Encoding::raw`](crate::Encoding::raw).
    ///
    /// `raw=true` in a URL. [`SenderOptions::peer`] implies it for some peers. Default: no.
    pub raw: bool,
    /// The stream that has to store the messages. Other streams decline them. The URL option `stream` takes precedence. Only for JetStream.
    /// Default: none.
    pub stream: Option<String>,
    /// Whether JetStream recognises events that it has already: each has the header `Nats-Msg-Id`. This header is its `source` and its `id`
    /// with a space between them, percent-encoded as in an attribute. The stream's duplicate window (by default two minutes) limits how
    /// long it remembers them. The URL option `deduplicate` takes precedence. Only for JetStream. Default: no.
    pub deduplicate: bool,
}

impl Default for NatsSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: NatsConnection::default(),
            headers: true,
            raw: false,
            stream: None,
            deduplicate: false,
        }
    }
}

impl From<SenderOptions> for NatsSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to `nats://host:port/subject`, or to JetStream with the scheme `nats+jetstream`.
///
/// `+tls` at the end of the scheme requires TLS. The subject is the path without its first slash, percent-decoded. It may contain names of
/// attributes in braces, such as `orders.{type}`. The values of the event replace them. [The crate's documentation](crate#urls) lists the
/// options of the query. They take precedence over the options of the program.
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "nats+jetstream://localhost/orders.{type}?deduplicate=true";
/// let sender = cloudevents_nats::async_nats051::sender(url, Default::default()).await?;
/// let receipt = sender.send(&Event::builder().id("1").source("/s").ty("placed").build()?).await?;
/// println!("{:?} {:?} {:?}", receipt.place(), receipt.offset(), receipt.is_duplicate());
/// sender.close().await?;
/// # Ok(()) }
/// ```
///
/// Sends to subjects of a server, over its own connection.
///
/// Several messages are in flight at once, as many as [`SenderOptions::in_flight`] allows. They are sent
/// in the order in which they were enqueued.
///
/// With **core NATS** (`nats`), the outcome is that the server has read the message. It is unknown whether there is a subscriber: a message
/// can be lost without an error. If this user may not publish to a subject, the error is of kind [`Refused`](ErrorKind::Refused).
/// [`request`](Sender::request) returns the reply of a subscriber. Without a subscriber, it is an error of kind
/// [`Refused`](ErrorKind::Refused) at once.
///
/// With **JetStream** (`nats+jetstream`), the outcome is that the stream has stored the message. The receipt has the stream, the sequence
/// number, and whether the stream had the message before. If the stream declines, the error is of kind [`Refused`](ErrorKind::Refused).
///
/// A message larger than the server's limit is an error of kind [`TooLarge`](ErrorKind::TooLarge), and is not
/// sent. When the connection is lost, messages in flight end with errors of kind
/// [`Disconnected`](ErrorKind::Disconnected): the server may or may not have them. The sender reconnects at
/// once, as described in [`connect`](cloudevents_transport::binding::connect), and new messages wait for the
/// connection ([`SenderOptions::enqueue_timeout`]). The sender never sends a message again by itself.
///
/// Errors:
///
/// - [`InvalidUrl`](ErrorKind::InvalidUrl)
/// - [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when connecting fails
/// - [`Refused`](ErrorKind::Refused) when the server refuses the user
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: NatsSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: NatsSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    NatsSender::connect(endpoint, options).map_ok(NatsSender::into_sender).boxed()
}

pub(super) struct NatsSender {
    target: Arc<Target>,
    subject: Template,
    writing: Writing,
    options: NatsSenderOptions,
    links: Links<Linking>,
}

impl NatsSender {
    async fn connect(endpoint: Endpoint, mut options: NatsSenderOptions) -> Result<Self, Error> {
        let target = Target::new(&endpoint, options.connection.clone(), Side::Send)?;
        options.sender = options.sender.with_url(&endpoint)?;
        let formats = cloudevents_json::with_json(options.sender.decoding.formats.clone());
        options.sender.decoding.formats = formats.clone();
        if let Some(peer) = options.sender.peer {
            options.raw |= peer.takes_raw_text();
            if reads_structured_only(peer) {
                options.sender.format.get_or_insert_with(|| Arc::new(Json::new()));
            }
        }
        options.raw = endpoint.flag("raw")?.unwrap_or(options.raw);
        let format = cloudevents_json::for_peer(options.sender.format.take(), options.sender.peer);
        let writing = Writing::new(&endpoint, format, formats, options.sender.losses)?;
        if writing.format().is_some_and(|format| format.id() != FormatId::JSON) {
            return Err(unsupported("structured messages of NATS are JSON documents", "use `format=json`")
                .with_clause("NATS-3-b"));
        }
        options.headers = endpoint.flag("headers")?.unwrap_or(options.headers);
        options.deduplicate = endpoint.flag("deduplicate")?.unwrap_or(options.deduplicate);
        options.stream = endpoint.option("stream").map(str::to_owned).or(options.stream);
        if !options.headers && (writing.format().is_none() || options.deduplicate || options.stream.is_some())
        {
            return Err(unsupported(
                "binary mode, `deduplicate` and `stream` need headers",
                "use `mode=structured`, or `headers=true`",
            ));
        }
        let subject = Template::parse(&target.subject)?;
        Self::open(target, subject, writing, options).await
    }

    /// Connects to this subject, for messages that are sent unchanged.
    pub(super) async fn to_subject(target: Target) -> Result<Self, Error> {
        let options =
            NatsSenderOptions { connection: target.options.clone(), ..NatsSenderOptions::default() };
        let writing = Writing::given(None, options.sender.losses);
        let of_url = |error: Error| Error::new(ErrorKind::InvalidUrl).with_detail(error.detail().to_owned());
        let subject = Template::Fixed(subject(&target.subject).map_err(of_url)?);
        Self::open(target, subject, writing, options).await
    }

    async fn open(
        target: Target,
        subject: Template,
        writing: Writing,
        options: NatsSenderOptions,
    ) -> Result<Self, Error> {
        runtime()?;
        let target = Arc::new(target);
        let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
        let in_flight = options.sender.in_flight.unwrap_or_default();
        let linking = Linking {
            target: Arc::clone(&target),
            in_flight: in_flight.messages,
            timeout: options.sender.timeout.unwrap_or(TIMEOUT),
        };
        let reconnect = Reconnect::new(linking, target.hosts.clone(), backoff);
        let links = Links::open(reconnect, in_flight).await?;
        Ok(Self { target, subject, writing, options, links })
    }

    /// With the options that this was opened with.
    pub(super) fn into_sender(self) -> Sender {
        let options = self.options.sender.clone();
        Sender::new(self).with_options(options)
    }

    fn prepare(&self, outgoing: &Outgoing) -> Result<Prepared, Error> {
        let fixed = outgoing.destination().map(subject).transpose()?;
        let (subject, mut headers, payload) = match outgoing.content() {
            Content::Message(message) => {
                let message = match self.writing.format() {
                    None if needs_document(message, self.options.raw) => Cow::Borrowed(message),
                    _ => self.writing.message(message)?,
                };
                let subject = match fixed {
                    Some(subject) => subject,
                    None => self.subject.subject(&message, &self.options.sender.decoding)?,
                };
                let (headers, payload) = self.encode(&message)?;
                (subject, headers, payload)
            }
            Content::AsReceived(received) => {
                let (mut headers, payload) = extras::as_received(received)?;
                if headers.is_none()
                    && outgoing.headers().len() > 0
                    && let Ok(Message::Structured(document)) = received.message()
                {
                    // Only a message without any headers is a document without a content type.
                    let content_type = document.format().media_type();
                    append(headers.get_or_insert_default(), "Content-Type", content_type.as_bytes())?;
                }
                let subject = match (fixed, &self.subject) {
                    (Some(subject), _) => subject,
                    (None, Template::Fixed(subject)) => subject.clone(),
                    (None, Template::Parts(_)) => {
                        let message = received.message()?;
                        self.subject.subject(message, &self.options.sender.decoding)?
                    }
                };
                (subject, headers, payload)
            }
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        if self.options.headers {
            extras::add(&mut headers, outgoing)?;
        }
        if let Some(stream) = self.options.stream.as_deref().filter(|_| self.target.jetstream) {
            let stream: HeaderValue = stream.parse().map_err(failure::transport)?;
            headers.get_or_insert_default().insert(header::NATS_EXPECTED_STREAM, stream);
        }
        Ok(Prepared { subject, reply: extras::reply(outgoing)?, headers, payload })
    }

    fn encode(&self, message: &Message) -> Result<(Option<HeaderMap>, bytes::Bytes), Error> {
        if !self.options.headers {
            let Message::Structured(document) = message else {
                return Err(unsupported("binary mode needs headers", "send a structured message"));
            };
            if *document.format() != FormatId::JSON {
                crate::encode_message(message)?; // which explains the error
            }
            return Ok((None, document.body().clone()));
        }
        let (NatsMessage { headers: list, payload }, losses) = write_message(message, self.options.raw)?;
        if let Message::Binary(event) = message {
            let _ = self.options.sender.losses.check(losses, std::slice::from_ref(event))?;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &list {
            append(&mut headers, name.as_str(), value)?;
        }
        if self.options.deduplicate && self.target.jetstream {
            headers.insert(header::NATS_MESSAGE_ID, self.message_id(message)?);
        }
        Ok((Some(headers), payload))
    }

    /// The key of the event, percent-encoded.
    fn message_id(&self, message: &Message) -> Result<HeaderValue, Error> {
        let key = match message {
            Message::Binary(event) => event.key().to_string(),
            message => {
                let read = |name| {
                    let value = message.attribute(name, &self.options.sender.decoding)?;
                    value.ok_or_else(|| {
                        Error::new(ErrorKind::MissingAttribute)
                            .with_detail(format!("`deduplicate` needs the attribute `{name}`"))
                    })
                };
                format!("{} {}", read("source")?, read("id")?)
            }
        };
        let text = String::from_utf8(value::escaped(&key)).map_err(failure::transport)?;
        text.parse().map_err(failure::transport)
    }

    /// Waits for a permit and a link, then sends. Returns the future outcome.
    async fn send_within(
        &self,
        prepare: impl Fn() -> Result<Prepared, Error>,
        size: usize,
    ) -> Result<Outcome<Receipt>, Error> {
        let mut prepared = prepare()?;
        let permit = self.links.room(size).await;
        let mut again = false;
        loop {
            let (number, link) = self.links.get().await?;
            match link.send(prepared).await {
                Ok(sent) => return Ok(link.add(sent, permit)),
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    self.links.lost(number, &error);
                    if std::mem::replace(&mut again, true) {
                        return Err(error);
                    }
                    prepared = prepare()?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Transmit for NatsSender {
    fn capabilities(&self) -> SenderCapabilities {
        let (confirms, carried) = match self.target.jetstream {
            true => (Confirmed::Accepted, extras::CARRIED_BY_JETSTREAM),
            false => (Confirmed::Written, extras::CARRIED),
        };
        let carried = if self.options.headers { carried } else { carried.without(Carries::HEADERS) };
        let mut capabilities = SenderCapabilities::plain(confirms).carrying(carried);
        (capabilities.receipts, capabilities.requests) = (self.target.jetstream, !self.target.jetstream);
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        outgoing.lost_headers(extras::lost)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        self.send_within(|| self.prepare(&outgoing), outgoing.size()).await
    }

    async fn request(&self, outgoing: Outgoing, limit: Duration) -> Result<Message, Error> {
        if self.target.jetstream {
            return Err(unsupported(
                "JetStream confirms messages and has no replies",
                "use the scheme `nats`",
            ));
        }
        let prepared = self.prepare(&outgoing)?;
        if prepared.reply.is_some() {
            return Err(unsupported("a request has a reply address of its own", "leave out `reply_to`"));
        }
        let asking = async {
            let (_, link) = self.links.get().await?;
            link.request(prepared, limit).await
        };
        let reply = tokio::time::timeout(limit, asking).await.map_err(|_| failure::no_reply())??;
        let decoded = super::decode_message(&reply, &self.options.sender.decoding)?;
        Ok(decoded.value)
    }

    async fn check(&self) -> Result<(), Error> {
        match &self.subject {
            Template::Fixed(subject) if self.target.jetstream => {
                let (_, link) = self.links.get().await?;
                link.check(&self.target, subject).await
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
