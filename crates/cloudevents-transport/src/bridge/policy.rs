//! The policy of a bridge.

use super::{Fate, HeaderRule, Redrive, Template};
use crate::{LossPolicy, OrderBy, Received, RetryPolicy, Sender};
use cloudevents_core::{Error, ErrorKind, Event, Format};
use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

/// The size in bytes that an intermediary must forward (CloudEvents 1.0, "Size Limits").
pub const ALWAYS_FORWARDED: usize = 64 << 10;

/// How a [`Bridge`](super::Bridge) treats messages.
///
/// ```
/// use cloudevents_transport::{OrderBy, bridge::BridgePolicy};
///
/// let mut policy = BridgePolicy::default();
/// policy.order = OrderBy::Partition;
/// policy.destination = Some("orders.{type}".parse()?);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct BridgePolicy {
    /// The largest number of messages on their way to the target at once. It begins with few, and grows while the target answers soon; it
    /// halves when the target does not answer in time, so that nothing is sent again only because it waited behind others. Default: 256.
    pub limit: usize,
    /// The order that is kept. Messages in order are sent one after the other: each waits for the confirm of
    /// the one before. So a partition, topic or queue without keys is moved one message at a time, unless this is [`OrderBy::None`]:
    /// then nothing has an order. Default: [`OrderBy::Key`].
    pub order: OrderBy,
    /// The number of messages that may wait for another attempt, each with its key. At this bound the bridge
    /// stops reading; below it, other keys go on. Default: 64.
    pub parked: usize,
    /// The pauses between attempts. Its number of attempts does not apply: the bridge never gives a message
    /// up because the target is unavailable. If the target requests a wait (`Retry-After`), that is the pause, and it is at least the first
    /// pause. Default: one second, doubled up to 30 seconds.
    pub retry: RetryPolicy,
    /// How long running sends and settlements may take when the bridge ends, including messages of a log that have to be sent before.
    /// Default: 30 seconds.
    pub drain: Duration,
    /// The mode and format of events. Default: [`Form::Kept`].
    pub form: Form,
    /// The policy for values that the format of [`form`](Self::form) cannot hold. The options of the sender decide about properties that
    /// the protocol cannot carry with a message. Default: the message is refused.
    pub losses: LossPolicy,
    /// The policy for messages that are not CloudEvents. Invalid CloudEvents are always refused. Default: [`Foreign::Refused`].
    pub foreign: Foreign,
    /// The address to send to, in place of the sender's own.
    pub destination: Option<Template>,
    /// The key of the record. Default: the key of the received message.
    pub key: KeyRule,
    /// Called with each event, before the other settings see it. It returns the event with other attributes, or `None` to leave it as it
    /// is. An error refuses the message, with this reason. A batch with such an event is refused as a whole. This decodes every event, and
    /// encodes those that change: a message without such an event is sent as it would be sent without this function. A batch stays a batch
    /// if the target takes batches. It is not called for messages that are not CloudEvents and are [forwarded](Foreign::Forwarded). The
    /// order of messages and a redrive's filter are of the event as it was received, and so is the dead letter. It must not block.
    ///
    /// `AttributeRules::apply_to` of `cloudevents-adapters` is such a function.
    ///
    /// ```
    /// use cloudevents_transport::bridge::BridgePolicy;
    /// use std::sync::Arc;
    ///
    /// let mut policy = BridgePolicy::default();
    /// policy.change = Some(Arc::new(|event, received| {
    ///     let Some(topic) = received.topic() else { return Ok(None) };
    ///     Ok(Some(event.clone().into_builder().extension("origin", topic).build()?))
    /// }));
    /// ```
    pub change: Option<Arc<Change>>,
    /// The attribute `subject`. This decodes and encodes every event.
    pub subject: Option<Template>,
    /// Called with each event as it would be sent, before it is sent. An error refuses the message, with this reason. A batch with such an
    /// event is refused as a whole. This decodes every event. It is not called for messages that are not CloudEvents and are
    /// [forwarded](Foreign::Forwarded). It must not block.
    pub admit: Option<Arc<Admit>>,
    /// Which headers are carried.
    pub headers: HeaderRule,
    /// The largest message that is forwarded: bytes of key, headers and body as received. At least
    /// [`ALWAYS_FORWARDED`]. `None`, the default, leaves it to the target.
    pub max_size: Option<usize>,
    /// The most messages per second.
    pub rate: Option<NonZeroU32>,
    /// The number of bridges that a message may pass. Default: 8. It is counted in the header
    /// [`HOPS`](super::HOPS), where the protocols carry headers.
    pub hops: u8,
    /// The destination of refused messages. Default: they are rejected, and go to the dead-letter destination of the receiver. A message
    /// that this destination takes in no form is rejected, too, if the peer keeps rejected messages ([`By::Peer`](crate::By::Peer)), as
    /// over HTTP.
    pub dead_letters: Option<Sender>,
    /// Decides whether an error of the target is a refusal of the message itself: no later attempt at it can succeed,
    /// but other messages may. `None`, the default: [`Sender::refuses_message`] decides.
    pub refuses_message: Option<fn(&Error) -> bool>,
    /// Settings for taking dead letters back.
    pub redrive: Option<Redrive>,
    /// Called with the result of each message, for logs. It must not block.
    pub observer: Option<Arc<Observer>>,
}

/// A function that changes the attributes of an event. It also gets the message that the event came with.
pub type Change = dyn Fn(&Event, &Received) -> Result<Option<Event>, Error> + Send + Sync;

/// A function that decides whether an event is sent.
pub type Admit = dyn Fn(&Event) -> Result<(), Error> + Send + Sync;

/// A function that observes the outcome of each message.
pub type Observer = dyn Fn(&Received, &Fate) + Send + Sync;

impl Default for BridgePolicy {
    fn default() -> Self {
        let retry = RetryPolicy { longest: Duration::from_secs(30), ..RetryPolicy::default() };
        Self {
            limit: 256,
            order: OrderBy::Key,
            parked: 64,
            retry,
            drain: Duration::from_secs(30),
            form: Form::Kept,
            losses: LossPolicy::Refuse,
            foreign: Foreign::Refused,
            destination: None,
            key: KeyRule::Kept,
            change: None,
            subject: None,
            admit: None,
            headers: HeaderRule::default(),
            max_size: None,
            rate: None,
            hops: 8,
            dead_letters: None,
            refuses_message: None,
            redrive: None,
            observer: None,
        }
    }
}

impl BridgePolicy {
    /// Checks the settings, as far as that is possible before the first message.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |detail: &'static str| Err(Error::new(ErrorKind::Unsupported).with_detail(detail));
        if self.max_size.is_some_and(|size| size < ALWAYS_FORWARDED) {
            return wrong("a bridge has to forward events of up to 64 KiB; the size limit is below that");
        }
        if self.parked == 0 {
            return wrong(
                "no message may wait for another attempt, so the first failure would stop the bridge",
            );
        }
        Ok(())
    }
}

impl fmt::Debug for BridgePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgePolicy")
            .field("limit", &self.limit)
            .field("order", &self.order)
            .field("parked", &self.parked)
            .field("form", &self.form)
            .field("foreign", &self.foreign)
            .field("destination", &self.destination)
            .field("key", &self.key)
            .field("subject", &self.subject)
            .field("headers", &self.headers)
            .field("max_size", &self.max_size)
            .field("rate", &self.rate)
            .field("hops", &self.hops)
            .field("redrive", &self.redrive)
            .finish_non_exhaustive()
    }
}

/// In which mode and format a bridge sends events.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Form {
    /// As received: documents byte for byte, events of binary mode in binary mode.
    #[default]
    Kept,
    /// All events in binary mode. Documents are decoded.
    Binary,
    /// All events as documents of this format. Documents that have it already are not decoded.
    Structured(Arc<dyn Format>),
}

/// How a bridge treats messages that are not CloudEvents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// They are refused, and become dead letters.
    #[default]
    Refused,
    /// They are sent as received: headers and body unchanged, but for [`BridgePolicy::headers`]. A target that cannot carry them refuses
    /// them. If headers are renamed or dropped, or if a [redrive](BridgePolicy::redrive) removes the headers of the dead letter, properties
    /// that only the protocol of the source has are left out, such as an address for replies. The key stays.
    Forwarded,
    /// They become the payload of an event, by the rule of [`Wrap`].
    Wrapped(Wrap),
}

/// How a message that is not a CloudEvent becomes one.
///
/// | attribute | value |
/// |---|---|
/// | `source`, `type` | these |
/// | `id` | `topic/partition/offset`, as far as the protocol has them; without an offset, a hash of the body, the headers and the broker's time |
/// | `time` | the broker's time of the message, if it has one |
/// | `datacontenttype` | the header `content-type`, if it is a media type |
/// | payload | the body |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrap {
    /// The attribute `source`.
    pub source: Box<str>,
    /// The attribute `type`.
    pub ty: Box<str>,
}

impl Wrap {
    /// With this `source` and `type`.
    pub fn new(source: impl Into<Box<str>>, ty: impl Into<Box<str>>) -> Self {
        Self { source: source.into(), ty: ty.into() }
    }
}

/// Where the key of the record comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRule {
    /// The key of the received message, if it has one.
    #[default]
    Kept,
    /// No key.
    Dropped,
    /// Attributes of the event.
    From(Template),
}
