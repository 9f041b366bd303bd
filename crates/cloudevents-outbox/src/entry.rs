//! Messages to put into the outbox.

use crate::{envelope, envelope::decoding, millis::later};
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{Content, Outgoing};
use std::time::SystemTime;

/// The longest name of a target, in bytes: it is part of an index.
const LONGEST_TARGET: usize = 1024;

/// A message to put into the outbox, and its target.
///
/// A target is a name that the program chooses, such as `billing`, a URL or the id of a subscription. The worker's
/// [`Route`](crate::Route) finds the sender for it. Several targets may lead to the same sender: with one target per customer, for
/// example, customers are served fairly and each in its own order.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_outbox::Entry;
/// use cloudevents_transport::Outgoing;
///
/// let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
/// let entry = Entry::new("billing", &event).in_order();
/// let with_key = Entry::new("orders", Outgoing::from(&event).key("42"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Entry {
    target: Box<str>,
    outgoing: Outgoing,
    ordered: bool,
    not_before: Option<SystemTime>,
}

impl Entry {
    /// Creates an entry for this target: an event, a document, or an [`Outgoing`] with key, headers and so on.
    pub fn new(target: impl Into<Box<str>>, message: impl Into<Outgoing>) -> Self {
        Self { target: target.into(), outgoing: message.into(), ordered: false, not_before: None }
    }

    /// Keeps the order among all messages of the target that request it: a message is sent when the one before it is delivered or dead.
    /// Other messages of the target may overtake.
    ///
    /// Messages in order of one target may go to several destinations. Then a message that one destination refuses blocks the messages
    /// behind it that go to other destinations, because their acceptance says nothing about the first destination.
    ///
    /// The order is the one in which the store numbered the messages. Transactions that overlap have no order between them.
    ///
    /// The deadline of a message begins when the message is stored, or when it is due ([`not_before`](Self::not_before)). It also runs
    /// while the message waits for the messages before it. So a message behind one that is due in days may be given up after its first
    /// attempt.
    pub fn in_order(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// Sends the message no earlier than this. The deadline of its retries begins then. It [expires](Outgoing::expires_after) as if it had
    /// been due at once. After a replay, it expires after the time that was left when it was due. If no time was left, it expires after the
    /// whole time.
    pub fn not_before(mut self, time: SystemTime) -> Self {
        self.not_before = Some(time);
        self
    }

    /// The target.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Converts the entry into the message that a store keeps. `now` is the time of enqueuing.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported): for a target that is empty, contains U+0000 or is longer than 1,024
    /// bytes, and for messages [as received](Outgoing::as_received).
    pub fn encode(&self, now: SystemTime) -> Result<NewMessage, Error> {
        check_target(&self.target)?;
        let body = envelope::write(&self.outgoing)?;
        let [source, id, ty] = identity(&self.outgoing);
        let expires = self.outgoing.expiry().map(|after| later(now, after));
        Ok(NewMessage {
            target: self.target.clone(),
            source,
            id,
            ty,
            ordered: self.ordered,
            enqueued: now,
            due: self.not_before.map_or(now, |time| time.max(now)),
            expires,
            body,
        })
    }
}

/// Refuses the name of a target that no message can have.
pub(crate) fn check_target(target: &str) -> Result<(), Error> {
    if target.is_empty() || target.len() > LONGEST_TARGET || target.contains('\0') {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("the name of a target has 1 to 1,024 bytes, and no U+0000"));
    }
    Ok(())
}

/// Source, id and type of the event, as far as they are known.
fn identity(outgoing: &Outgoing) -> [Option<Box<str>>; 3] {
    let message = match outgoing.content() {
        Content::Message(Message::Binary(event)) => {
            return [event.source().as_str(), event.id(), event.ty()].map(|text| Some(text.into()));
        }
        Content::Message(message @ Message::Structured(_)) => message,
        _ => return [None, None, None],
    };
    let decoding = decoding();
    let attribute = |name| message.attribute(name, &decoding).ok().flatten().map(String::into_boxed_str);
    ["source", "id", "type"].map(attribute)
}

/// An [`Entry`] as a store keeps it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewMessage {
    /// The target: 1 to 1,024 bytes, without U+0000.
    pub target: Box<str>,
    /// The source of the event. `None` for batches and for documents of other formats than JSON.
    pub source: Option<Box<str>>,
    /// The id of the event, with the same exceptions.
    pub id: Option<Box<str>>,
    /// The type of the event, with the same exceptions.
    pub ty: Option<Box<str>>,
    /// Whether the message is [in order](Entry::in_order).
    pub ordered: bool,
    /// When it was enqueued.
    pub enqueued: SystemTime,
    /// When it may be sent.
    pub due: SystemTime,
    /// When the message expires, from [`Outgoing::expires_after`]. It is not sent after that.
    pub expires: Option<SystemTime>,
    /// The message, as JSON text without U+0000.
    pub body: String,
}
