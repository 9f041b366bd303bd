//! A received message, with the data of its protocol.

use crate::{Outgoing, Partition, Receipt};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Message, Repair, RepairKind, codec::is_content_type,
};
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

/// A message as its protocol delivered it.
///
/// A binding implements this for its own type around the client's message.
///
/// Headers are read on demand, because most programs never read them. So no message is copied. New accessors
/// get a default, so that existing bindings stay valid.
pub trait Origin: Send + Sync + 'static {
    /// The client's own message, for [`Received::native`].
    fn native(&self) -> &dyn Any;

    /// The bytes of key, headers and body, which count as in flight.
    fn size(&self) -> usize;

    /// The body. Some protocols distinguish an absent body from an empty one.
    fn body(&self) -> Option<Bytes>;

    /// Decodes the message again, with these options. Programs find with it the repairs that would read a message that was refused.
    ///
    /// `None` if the origin does not decode. Errors are those that [`Received::message`] has for a message decoded with these options.
    /// Default: `None`.
    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        let _ = with;
        None
    }

    /// Whether [`body`](Self::body) is all of the body. It is not if the protocol has bodies that are not
    /// bytes, such as maps and lists in AMQP 1.0, or if the body could not be read. Default: yes.
    fn has_whole_body(&self) -> bool {
        true
    }

    /// Calls `each` with every header or property in order, duplicates included. A header may have no value.
    /// Values that are neither text nor bytes are passed in their text form.
    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>));

    /// Calls `each` with the name of every header whose value has no text form, and with a description of the value, such as "a table".
    ///
    /// [`headers`](Self::headers) passes no value for such a header. Forwarding cannot copy it. Default: there is none.
    fn headers_without_text<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'static str)) {
        let _ = each;
    }

    /// Whether forwarding copies the header with this name. Attributes of the event and the content type are
    /// not copied, because the new message has its own. Headers that concern only this connection are not
    /// copied either.
    fn is_forwarded(&self, name: &str) -> bool;

    /// Whether [`is_forwarded`](Self::is_forwarded) may be true for one of the headers. If it returns `false`, no header is read for
    /// forwarding. Implement it if reading the message has shown that already. Default: `true`.
    fn has_forwarded_headers(&self) -> bool {
        true
    }

    /// The value of the first header with this name, ignoring ASCII case.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let mut found = None;
        self.headers(&mut |known, value| {
            if found.is_none() && known.eq_ignore_ascii_case(name) {
                found = Some(value);
            }
        });
        found.flatten()
    }

    /// The topic, subject, queue or path.
    fn topic(&self) -> Option<&str> {
        None
    }

    /// The partition.
    fn partition(&self) -> Option<&Partition> {
        None
    }

    /// The offset in the partition, or the sequence number in the stream or queue.
    fn offset(&self) -> Option<u64> {
        None
    }

    /// The key of the record.
    fn key(&self) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// The broker's time for the message; for Kafka, the time of the record.
    fn timestamp(&self) -> Option<SystemTime> {
        None
    }

    /// Whether the broker has delivered the message before, if the broker reports that.
    fn is_redelivered(&self) -> Option<bool> {
        None
    }

    /// The address for replies.
    fn reply_to(&self) -> Option<&str> {
        None
    }

    /// The correlation data that a reply has to carry.
    fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// The address of the peer that sent the message over this connection.
    fn peer(&self) -> Option<SocketAddr> {
        None
    }
}

/// A received message: decoded as far as that is cheap, and as the protocol delivered it.
///
/// Cloning counts references.
///
/// `Debug` shows names and sizes, never contents.
///
/// ```
/// use cloudevents_core::{Decoded, Event, Message};
/// use cloudevents_transport::{Raw, Received};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut raw = Raw::default();
/// raw.headers.push(("traceparent".into(), Some("00-1-2-01".into())));
/// raw.offset = Some(7);
/// let received = Received::new(Ok(Decoded::clean(Message::from(event))), raw);
/// assert_eq!(received.header_text("Traceparent").unwrap(), "00-1-2-01");
/// assert_eq!(received.offset(), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Received(Arc<Stored<dyn Origin>>);

/// One allocation for both: `Stored<O>` coerces to `Stored<dyn Origin>` because the unsized field is the
/// last.
struct Stored<O: ?Sized> {
    message: Result<Decoded<Message>, Error>,
    /// The event of the document, if it was decoded on the way.
    event: Option<Box<Decoded<Event>>>,
    /// Why the document could not be decoded, once that was tried.
    invalid: OnceLock<ErrorKind>,
    /// Why the target of a bridge refused it, and where its dead letter is.
    refused: OnceLock<Box<Refused>>,
    /// The result of a function of the receiver that converts the message, in place of `message`.
    converted: OnceLock<Box<Result<Decoded<Message>, Error>>>,
    origin: O,
}

/// A message that the target of a bridge refused, or the bridge itself.
struct Refused {
    why: Error,
    letter: OnceLock<Receipt>,
}

impl Received {
    /// Creates it from the message, or the error of decoding it, and its origin.
    ///
    /// The error has to be of kind [`NotACloudEvent`](cloudevents_core::ErrorKind::NotACloudEvent) exactly if
    /// nothing in the message marks it as a CloudEvent.
    #[inline] // The message is large, and moved.
    pub fn new(message: Result<Decoded<Message>, Error>, origin: impl Origin) -> Self {
        let (invalid, refused, converted) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self(Arc::new(Stored { message, event: None, invalid, refused, converted, origin }))
    }

    /// Returns it with the event of its document, which is not decoded again by [`Delivery::event`](crate::Delivery::event).
    ///
    /// For bindings that need the event before the program does. Does nothing if there are clones.
    pub fn with_event(mut self, event: impl Into<Box<Decoded<Event>>>) -> Self {
        if let Some(stored) = Arc::get_mut(&mut self.0) {
            stored.event = Some(event.into());
        }
        self
    }

    /// The event of the document, if it was decoded on the way.
    pub(crate) fn event(&self) -> Option<&Decoded<Event>> {
        self.0.event.as_deref()
    }

    /// The message, decoded as far as that is cheap. Documents are still encoded.
    pub fn message(&self) -> Result<&Message, Error> {
        self.decoded_message().map(|decoded| &decoded.value).map_err(Clone::clone)
    }

    /// The kind of the error by which the message could not be decoded; of a document, once a delivery has tried to. Dead letters name it.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        let of_message = self.decoded_message().err().map(Error::kind);
        of_message.or_else(|| self.0.invalid.get().copied())
    }

    /// The document could not be decoded.
    pub(crate) fn is_invalid(&self, error: &Error) {
        let _ = self.0.invalid.set(error.kind()); // it is the same each time
    }

    /// The target of a bridge refused it, or the bridge did. Known to all clones.
    pub(crate) fn is_refused(&self, error: &Error) {
        let refused = || Box::new(Refused { why: error.clone(), letter: OnceLock::new() });
        self.0.refused.get_or_init(refused);
    }

    /// Why it was [refused](Self::is_refused).
    pub(crate) fn refusal(&self) -> Option<&Error> {
        self.0.refused.get().map(|refused| &refused.why)
    }

    /// Where the dead letter is of a message that a [bridge](crate::bridge::Bridge) has refused, for observers of the bridge.
    ///
    /// `None` until the destination has stored the dead letter. A destination may report no place: then the receipt is empty, or there is
    /// none. If a batch has become several dead letters, it is the place of the first one.
    pub fn dead_letter(&self) -> Option<&Receipt> {
        self.0.refused.get()?.letter.get()
    }

    /// A destination has stored the dead letter of a message that was [refused](Self::is_refused). Known to all clones.
    pub(crate) fn has_dead_letter(&self, receipt: Option<&Receipt>) {
        if let (Some(refused), Some(receipt)) = (self.0.refused.get(), receipt) {
            let _ = refused.letter.set(receipt.clone());
        }
    }

    /// The message and the repairs made while decoding it.
    pub fn decoded_message(&self) -> Result<&Decoded<Message>, &Error> {
        self.0.converted.get().map_or(&self.0.message, |converted| converted).as_ref()
    }

    /// The message as its binding has read it, even if it was converted.
    #[cfg(feature = "fake")]
    pub(crate) fn as_read(&self) -> &Result<Decoded<Message>, Error> {
        &self.0.message
    }

    /// A function of the receiver has made this of it. Known to all clones, so that it is made once, and all agree about the message.
    pub(crate) fn convert(&self, converted: Result<Decoded<Message>, Error>) {
        let _ = self.0.converted.set(Box::new(converted)); // it is the same each time
    }

    /// Whether it is another message than the one that was received.
    pub(crate) fn is_converted(&self) -> bool {
        self.0.converted.get().is_some_and(|converted| converted.is_ok())
    }

    /// The message as the protocol delivered it.
    pub fn origin(&self) -> &dyn Origin {
        &self.0.origin
    }

    /// The client's own message, if it is a `T`, with all details of the protocol.
    ///
    /// The documentation of each binding names its type.
    pub fn native<T: 'static>(&self) -> Option<&T> {
        self.origin().native().downcast_ref()
    }

    /// The body. Some protocols distinguish an absent body from an empty one.
    pub fn body(&self) -> Option<Bytes> {
        self.origin().body()
    }

    /// The body, to send the message over another protocol, or to store it.
    ///
    /// A message whose body is not bytes must not become one without a body.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), where
    /// [`body`](Self::body) is not all of the body ([`Origin::has_whole_body`]).
    pub fn whole_body(&self) -> Result<Option<Bytes>, Error> {
        if self.origin().has_whole_body() {
            return Ok(self.body());
        }
        Err(Error::new(ErrorKind::Unsupported)
            .with_detail("the body of the message is not bytes, or could not be read")
            .with_help("reject it to an address of its own protocol, which keeps it as it is"))
    }

    /// The bytes that count as in flight: the bytes of key, headers and body.
    ///
    /// Over MQTT, the memory that each user property takes beside its text counts, too.
    pub fn size(&self) -> usize {
        let message = self.decoded_message().map_or(0, |message| message.value.body_len());
        self.origin().size().max(message)
    }

    /// The value of the first header with this name, ignoring ASCII case.
    ///
    /// Attributes of the event are among the headers.
    pub fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.origin().header(name)
    }

    /// As [`header`](Self::header), for values that are UTF-8 text.
    pub fn header_text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.header(name)? {
            Cow::Borrowed(value) => std::str::from_utf8(value).ok().map(Cow::Borrowed),
            Cow::Owned(value) => String::from_utf8(value).ok().map(Cow::Owned),
        }
    }

    /// All headers in order, duplicates included. A header may have no value.
    pub fn headers(&self) -> Vec<(&str, Option<Cow<'_, [u8]>>)> {
        let mut all = Vec::new();
        self.origin().headers(&mut |name, value| all.push((name, value)));
        all
    }

    /// The topic, subject, queue or path.
    pub fn topic(&self) -> Option<&str> {
        self.origin().topic()
    }

    /// The partition, where the protocol has partitions.
    pub fn partition(&self) -> Option<&Partition> {
        self.origin().partition()
    }

    /// The offset in the partition, or the sequence number in the stream or queue.
    pub fn offset(&self) -> Option<u64> {
        self.origin().offset()
    }

    /// The key of the record, where the protocol has keys.
    pub fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.origin().key()
    }

    /// The broker's time for the message; for Kafka, the time of the record.
    pub fn timestamp(&self) -> Option<SystemTime> {
        self.origin().timestamp()
    }

    /// Whether the broker has delivered the message before. `None` if the broker does not report that.
    pub fn is_redelivered(&self) -> Option<bool> {
        self.origin().is_redelivered()
    }

    /// The address for replies.
    pub fn reply_to(&self) -> Option<&str> {
        self.origin().reply_to()
    }

    /// The correlation data that a reply has to carry.
    pub fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        self.origin().correlation()
    }

    /// Converts the message for sending it elsewhere, with its key and the headers that are not attributes.
    ///
    /// A document stays unchanged.
    ///
    /// It never fails. A message that cannot be decoded is forwarded [as it was
    /// received](Outgoing::as_received). A sender whose protocol cannot carry such a message refuses it.
    ///
    /// ```
    /// use cloudevents_core::{Decoded, Event, Message};
    /// use cloudevents_transport::{Raw, Received};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// let mut raw = Raw::default();
    /// raw.key = Some("42".into());
    /// raw.headers = vec![("ce-id".into(), Some("1".into())), ("traceparent".into(), Some("00-1-2-01".into()))];
    /// let outgoing = Received::new(Ok(Decoded::clean(Message::from(event))), raw).forward().to("orders.eu");
    /// assert_eq!(outgoing.record_key().unwrap(), "42");
    /// assert!(outgoing.headers().map(|(name, _)| name).eq(["traceparent"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forward(&self) -> Outgoing {
        let Ok(message) = self.decoded_message() else { return Outgoing::as_received(self.clone()) };
        let mut outgoing = Some(Outgoing::from(&message.value));
        if let Some(key) = self.key() {
            outgoing = outgoing.map(|outgoing| outgoing.key(key));
        }
        if self.origin().has_forwarded_headers() {
            self.origin().headers(&mut |name, value| {
                if let Some(value) = value.filter(|_| self.is_forwarded(name)) {
                    outgoing = outgoing.take().map(|outgoing| outgoing.header(name, value));
                }
            });
            self.origin().headers_without_text(&mut |name, what| {
                if let Some(outgoing) = outgoing.as_mut().filter(|_| self.is_forwarded(name)) {
                    outgoing.push_without_bytes(name, what);
                }
            });
        }
        outgoing.unwrap_or_else(|| Outgoing::as_received(self.clone()))
    }

    /// Whether forwarding copies the header with this name. One that a repair has made an attribute is not copied.
    pub(crate) fn is_forwarded(&self, name: &str) -> bool {
        let repairs = self.decoded_message().map_or(&[][..], Decoded::repairs);
        let is_attribute = |repair: &Repair| match repair.kind() {
            RepairKind::UnprefixedExtension => repair.attribute() == Some(name),
            RepairKind::ContentTypeName => is_content_type(name),
            RepairKind::ForeignPrefix => {
                let prefixes = ["ce-", "ce_", "cloudEvents:", "cloudEvents_"];
                prefixes.iter().any(|prefix| name.starts_with(prefix)) || is_content_type(name)
            }
            RepairKind::IgnoredHeader if repair.attribute() == Some("datacontenttype") => {
                is_content_type(name)
            }
            _ => false,
        };
        self.origin().is_forwarded(name) && !repairs.iter().any(is_attribute)
    }

    /// The address of the peer that sent the message over this connection. With a broker, that is the broker.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.origin().peer()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Vec::new();
        self.origin().headers(&mut |name, _| names.push(name));
        f.debug_struct("Received")
            .field("mode", &self.message().map(Message::mode))
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("headers", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
