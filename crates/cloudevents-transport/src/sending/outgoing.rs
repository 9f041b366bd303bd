//! Messages to send.

use crate::{Carries, Received};
use bytes::Bytes;
use cloudevents_core::{Event, Message};
use smallvec::SmallVec;
use std::{borrow::Cow, collections::HashSet, fmt, time::Duration};

/// A message to send, with its key, headers that are not attributes, address and so on.
///
/// Events and messages convert into it, so [`Sender::send`](crate::Sender::send) takes all three. A part that
/// the protocol cannot carry makes sending fail, unless the sender's [`LossPolicy`](crate::LossPolicy) allows
/// the loss.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_transport::Outgoing;
/// use std::time::Duration;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let outgoing = Outgoing::from(&event)
///     .to("orders.eu")
///     .key("42")
///     .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
///     .expires_after(Duration::from_secs(60));
/// assert_eq!(outgoing.record_key().unwrap(), "42");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Outgoing {
    content: Content,
    /// `None` for a plain event, which then needs no allocation.
    extras: Option<Box<Extras>>,
}

/// The message itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // a box would be an allocation for each plain event
pub enum Content {
    /// An event or a document.
    Message(Message),
    /// A message as it was received, headers and body unchanged: for messages that cannot be decoded as
    /// events.
    AsReceived(Received),
}

#[derive(Clone, Debug, Default)]
struct Extras {
    to: Option<Box<str>>,
    key: Option<Bytes>,
    /// A few fit into the allocation that the extras need anyway.
    headers: SmallVec<[(Cow<'static, str>, Bytes); 2]>,
    expires_after: Option<Duration>,
    priority: Option<u8>,
    reply_to: Option<Box<str>>,
    correlation: Option<Bytes>,
    /// Names of headers whose values have no bytes, and descriptions of these values.
    without_bytes: Vec<(Box<str>, &'static str)>,
}

/// Setters of the properties that are sent with the message.
///
/// The setters take bytes as `AsRef<[u8]>` and not as `Into<Bytes>`. Of string slices, only `&'static str` implements `Into<Bytes>`.
impl Outgoing {
    /// Creates one from a message as it was received, headers and body unchanged.
    ///
    /// For messages that can be decoded, see [`Received::forward`](crate::Received::forward). A body that is not bytes is refused by
    /// senders of other protocols: see [`Received::whole_body`](crate::Received::whole_body).
    pub fn as_received(received: Received) -> Self {
        Self { content: Content::AsReceived(received), extras: None }
    }

    /// Sets an address to use instead of the sender's own: another topic, queue or path of the same server.
    pub fn to(mut self, destination: impl Into<Box<str>>) -> Self {
        self.extras_mut().to = Some(destination.into());
        self
    }

    /// Sets the key of the record. Brokers use it to select the partition, and for compaction.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.extras_mut().key = Some(Bytes::copy_from_slice(key.as_ref()));
        self
    }

    /// Adds a header that is not an attribute, such as `traceparent`.
    pub fn header(mut self, name: impl Into<Box<str>>, value: impl AsRef<[u8]>) -> Self {
        let name: Box<str> = name.into();
        self.push(name.into_string().into(), Bytes::copy_from_slice(value.as_ref()));
        self
    }

    /// Sets a header that is not an attribute, in place of all with this name. For interceptors.
    pub fn set_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<[u8]>) {
        let name = name.into();
        self.remove_header(&name);
        self.push(name, Bytes::copy_from_slice(value.as_ref()));
    }

    /// Removes all headers with this name. For interceptors.
    pub fn remove_header(&mut self, name: &str) {
        if let Some(extras) = &mut self.extras {
            extras.headers.retain(|(known, _)| known != name);
        }
    }

    pub(crate) fn remove_key(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.key = None;
        }
    }

    /// Allows the broker to drop the message after this time.
    pub fn expires_after(mut self, time: Duration) -> Self {
        self.extras_mut().expires_after = Some(time);
        self
    }

    /// Sets the priority. Brokers with priorities deliver higher ones first. AMQP's default is 4.
    pub fn priority(mut self, priority: u8) -> Self {
        self.extras_mut().priority = Some(priority);
        self
    }

    /// Sets the address for replies.
    pub fn reply_to(mut self, address: impl Into<Box<str>>) -> Self {
        self.extras_mut().reply_to = Some(address.into());
        self
    }

    /// Sets the correlation data, with which a requester recognises the reply.
    pub fn correlation(mut self, correlation: impl AsRef<[u8]>) -> Self {
        self.extras_mut().correlation = Some(Bytes::copy_from_slice(correlation.as_ref()));
        self
    }

    /// Adds a header without copying it.
    pub(crate) fn push(&mut self, name: Cow<'static, str>, value: Bytes) {
        self.extras_mut().headers.push((name, value));
    }

    /// Adds a header whose value has no bytes, such as a table: no protocol carries it, so it is a loss.
    pub(crate) fn push_without_bytes(&mut self, name: &str, what: &'static str) {
        self.extras_mut().without_bytes.push((name.into(), what));
    }

    /// Headers whose values have no bytes, and descriptions of these values.
    pub(crate) fn headers_without_bytes(&self) -> &[(Box<str>, &'static str)] {
        self.extras.as_ref().map_or(&[], |extras| &extras.without_bytes)
    }

    /// Leaves out these headers, in ascending order, and those whose values have no bytes.
    pub(crate) fn leave_out(&mut self, headers: &[usize]) {
        let Some(extras) = &mut self.extras else { return };
        extras.without_bytes.clear();
        let mut left_out = headers.iter().peekable();
        let mut index = 0_usize;
        extras.headers.retain(|_| {
            let is_kept = left_out.next_if_eq(&&index).is_none();
            index = index.saturating_add(1);
            is_kept
        });
    }

    fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }
}

/// Getters, for bindings. Their names differ from those of the setters.
impl Outgoing {
    /// The message itself.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Replaces the message, for a binding that writes it in another mode. Keeps everything else.
    pub fn with_message(mut self, message: Message) -> Self {
        self.content = Content::Message(message);
        self
    }

    /// The address, if it differs from the sender's own.
    pub fn destination(&self) -> Option<&str> {
        self.extras.as_ref()?.to.as_deref()
    }

    /// The key of the record.
    pub fn record_key(&self) -> Option<&Bytes> {
        self.extras.as_ref()?.key.as_ref()
    }

    /// Headers that are not attributes, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &Bytes)> {
        let headers = self.extras.as_ref().map_or(&[][..], |extras| &extras.headers);
        headers.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// The headers for which this rule has a reason: the index of each, and why the protocol cannot carry it.
    ///
    /// For [`Transmit::lost_headers`](crate::binding::Transmit::lost_headers).
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_transport::Outgoing;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// let outgoing = Outgoing::from(&event).header("a", "text").header("b", b"\xff");
    /// let rule = |_: &str, value: &[u8]| str::from_utf8(value).err().map(|_| "a value is text");
    /// assert_eq!(outgoing.lost_headers(rule), [(1, "a value is text")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lost_headers<'a>(
        &'a self,
        mut rule: impl FnMut(&'a str, &'a [u8]) -> Option<&'static str>,
    ) -> Vec<(usize, &'static str)> {
        let judged =
            self.headers().enumerate().map(|(index, (name, value))| Some((index, rule(name, value)?)));
        judged.flatten().collect()
    }

    /// As [`lost_headers`](Self::lost_headers), for a protocol whose messages have each name once, and this number of attributes and
    /// headers at most. Of headers with the same name, a message carries the first. `of_document` is the number of attributes of a message
    /// whose event is a document; `None` is binary mode. The reasons are for a name that is there twice, and for a message that is full.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_transport::Outgoing;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// let outgoing = Outgoing::from(&event).header("a", "1").header("b", "2").header("a", "3").header("c", "4");
    /// let lost = |most, of_document| outgoing.lost_headers_within(most, of_document, ["twice", "full"], |_, _| None);
    /// assert_eq!(lost(10, Some(1)), [(2, "twice")]);
    /// assert_eq!(lost(6, None), [(2, "twice"), (3, "full")]); // it has three attributes, and the version
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lost_headers_within(
        &self,
        most: usize,
        of_document: Option<usize>,
        [twice, full]: [&'static str; 2],
        mut rule: impl FnMut(&str, &[u8]) -> Option<&'static str>,
    ) -> Vec<(usize, &'static str)> {
        let own = match (self.content(), of_document) {
            // And the version; the content type is one of the attributes.
            (Content::Message(Message::Binary(event)), None) => event.attributes().len().saturating_add(1),
            (Content::AsReceived(received), _) => received.headers().len(),
            (_, own) => own.unwrap_or(1),
        };
        let mut room = most.saturating_sub(own);
        let mut seen = HashSet::new();
        self.lost_headers(|name, value| {
            let is_twice = || (!seen.insert(name)).then_some(twice);
            rule(name, value).or_else(is_twice).or_else(|| match room.checked_sub(1) {
                Some(left) => {
                    room = left;
                    None
                }
                None => Some(full),
            })
        })
    }

    /// The time after which the broker may drop the message.
    pub fn expiry(&self) -> Option<Duration> {
        self.extras.as_ref()?.expires_after
    }

    /// The priority.
    pub fn priority_level(&self) -> Option<u8> {
        self.extras.as_ref()?.priority
    }

    /// The address for replies.
    pub fn reply_address(&self) -> Option<&str> {
        self.extras.as_ref()?.reply_to.as_deref()
    }

    /// The correlation data.
    pub fn correlation_data(&self) -> Option<&Bytes> {
        self.extras.as_ref()?.correlation.as_ref()
    }

    /// The number of bytes that count as in flight: the bytes of body, key and headers, but not of attributes.
    pub fn size(&self) -> usize {
        let content = match &self.content {
            Content::Message(message) => message.body_len(),
            Content::AsReceived(received) => received.size(),
        };
        let key = self.record_key().map_or(0, Bytes::len);
        self.headers()
            .map(|(name, value)| name.len().saturating_add(value.len()))
            .fold(content.saturating_add(key), usize::saturating_add)
    }

    /// Returns the properties that a binding has to carry so that this arrives completely. A plain event has none.
    ///
    /// [`Sender`](crate::Sender) compares it with the properties that the binding [carries](crate::SenderCapabilities::carries). A binding
    /// that replies in the exchange of a message does that itself.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_transport::{Carries, Outgoing};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// assert_eq!(Outgoing::from(&event).key("42").priority(9).needs(), Carries::KEY.and(Carries::PRIORITY));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn needs(&self) -> Carries {
        let content = match &self.content {
            Content::Message(_) => Carries::NOTHING,
            Content::AsReceived(_) => Carries::AS_RECEIVED,
        };
        let Some(extras) = &self.extras else { return content };
        let needed = [
            (extras.to.is_some(), Carries::DESTINATION),
            (extras.key.is_some(), Carries::KEY),
            (!extras.headers.is_empty(), Carries::HEADERS),
            (extras.expires_after.is_some(), Carries::EXPIRY),
            (extras.priority.is_some(), Carries::PRIORITY),
            (extras.reply_to.is_some(), Carries::REPLY_TO),
            (extras.correlation.is_some(), Carries::CORRELATION),
        ];
        needed.into_iter().filter(|(is, _)| *is).fold(content, |all, (_, this)| all.and(this))
    }
}

/// The event is sent in binary mode, unless the options of the sender name a format. The clone counts
/// references.
impl From<&Event> for Outgoing {
    fn from(event: &Event) -> Self {
        Message::from(event).into()
    }
}

/// The event is sent in binary mode, unless the options of the sender name a format.
impl From<Event> for Outgoing {
    fn from(event: Event) -> Self {
        Message::from(event).into()
    }
}

/// A document is sent unchanged. The clone counts references.
impl From<&Message> for Outgoing {
    fn from(message: &Message) -> Self {
        message.clone().into()
    }
}

/// A document is sent unchanged.
impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self { content: Content::Message(message), extras: None }
    }
}

/// Shows names and sizes, never contents.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match &self.content {
            Content::Message(message) => Some(message.mode()),
            Content::AsReceived(_) => None,
        };
        f.debug_struct("Outgoing")
            .field("mode", &mode)
            .field("destination", &self.destination())
            .field("headers", &self.headers().map(|(name, _)| name).collect::<Vec<_>>())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
