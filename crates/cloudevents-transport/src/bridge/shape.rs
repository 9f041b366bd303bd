//! Converts a received message into the messages that the bridge sends.

use super::{
    BridgePolicy, Foreign, Form, HOPS, KeyRule, REPLAYS, Wrap,
    header_rule::is_trace_context,
    headers::{is_own, renamed},
};
use crate::{Carries, Delivery, Outgoing, Raw, Received, SenderCapabilities, binding::Writing};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Leniency, Losses, MediaType, Message, Payload,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    slice,
    sync::Arc,
    time::SystemTime,
};

/// Makes the messages to send for received messages.
pub(super) struct Shaper {
    pub(super) policy: BridgePolicy,
    /// How events are written, where that is not as received.
    writing: Option<Writing>,
    target: SenderCapabilities,
    decoding: DecodeOptions,
}

/// The messages to send for one received message.
#[allow(clippy::large_enum_variant)] // short-lived: matched at once
pub(super) enum Shaped {
    One(Outgoing),
    /// The events of a batch that the target does not take as one message. The key and the headers of the batch are added to each event
    /// when it is sent: the headers may be large, and the events many.
    Several(Vec<Outgoing>, Passed),
}

/// The numbers of bridges and of replays that a message has passed.
#[derive(Clone, Copy)]
pub(super) struct Passed {
    hops: u32,
    replays: Option<u32>,
}

impl Shaper {
    pub(super) fn new(policy: BridgePolicy, target: SenderCapabilities, decoding: DecodeOptions) -> Self {
        let writing = match &policy.form {
            Form::Structured(format) => Some(Writing::given(Some(Arc::clone(format)), policy.losses)),
            _ => None,
        };
        Self { policy, writing, target, decoding }
    }

    /// Returns the messages to send. Errors are refusals of this message.
    pub(super) fn shape(&self, delivery: &Delivery) -> Result<Shaped, Error> {
        let received = delivery.received();
        if let Some(most) = self.policy.max_size
            && received.size() > most
        {
            return Err(Error::new(ErrorKind::TooLarge)
                .with_detail(format!("the message has {} bytes, and the limit is {most}", received.size())));
        }
        let hops = number(received, HOPS).unwrap_or(0);
        if hops >= u32::from(self.policy.hops) {
            return Err(looped(hops));
        }
        let passed = Passed { hops, replays: self.replays(received)? };
        let wrapped;
        let message = match (received.message(), &self.policy.foreign) {
            (Ok(message), _) => message,
            (Err(error), foreign) if error.kind() == ErrorKind::NotACloudEvent => match foreign {
                Foreign::Refused => return Err(error),
                Foreign::Forwarded => {
                    let renamed = renamed(received, &self.policy.headers, passed.replays.is_some());
                    let mut outgoing = Outgoing::as_received(renamed);
                    let keeps_key =
                        self.policy.key == KeyRule::Kept && self.target.carries.contains(Carries::KEY);
                    if let Some(key) = received.key().filter(|_| keeps_key) {
                        outgoing = outgoing.key(key);
                    }
                    self.count(&mut outgoing, passed);
                    return Ok(Shaped::One(outgoing));
                }
                Foreign::Wrapped(wrap) => {
                    wrapped = Message::Binary(wrap_up(received, wrap)?);
                    &wrapped
                }
            },
            (Err(error), _) => return Err(error),
        };
        let repaired;
        let message = match self.repaired(delivery, message)? {
            Some(repairs) => {
                repaired = repairs;
                &repaired
            }
            None => message,
        };
        let changed;
        let message = match self.changed(message, received)? {
            Some(changes) => {
                changed = changes;
                &changed
            }
            None => message,
        };
        let carry = |outgoing| self.carry(outgoing, received, passed);
        if !matches!(message, Message::Batched(_)) {
            return self.outgoing(self.convert(message)?).map(carry).map(Shaped::One);
        }
        // The target may take no batches from a peer that sends none.
        if self.target.batches && !self.changes_events() && !received.is_converted() {
            return self.outgoing(message.clone()).map(carry).map(Shaped::One);
        }
        // Without the batch around it, an event is sent in binary mode, unless the policy names a format.
        let events = message.events(&self.decoding)?.value.into_iter();
        let shaped = events.map(|event| self.outgoing(self.convert(&Message::Binary(event))?));
        Ok(Shaped::Several(shaped.collect::<Result<_, Error>>()?, passed))
    }

    /// A document with mistakes that leniency repairs, written anew in its format; `None` if the message can be sent as it is, or
    /// cannot be repaired.
    fn repaired(&self, delivery: &Delivery, message: &Message) -> Result<Option<Message>, Error> {
        let Some(id) = message.format() else { return Ok(None) };
        let Some(format) = self.decoding.formats.get(id) else { return Ok(None) };
        if self.decoding.leniency == Leniency::strict() {
            return Ok(None);
        }
        let Some(repaired) = delivery.repaired() else { return Ok(None) };
        let written = match repaired {
            [event] if !matches!(message, Message::Batched(_)) => Message::structured(event, format)?,
            events => Message::batched(events, format)?,
        };
        self.checked(written, repaired).map(Some)
    }

    /// The message with the changes of the policy, in the form that it has; `None` if no event changes.
    fn changed(&self, message: &Message, received: &Received) -> Result<Option<Message>, Error> {
        let Some(change) = &self.policy.change else { return Ok(None) };
        let is_batch = matches!(message, Message::Batched(_));
        let (mut events, mut is_changed) = (message.events(&self.decoding)?.value, false);
        for (index, event) in events.iter_mut().enumerate() {
            let changed = change(event, received)
                .map_err(|error| if is_batch { error.with_index(index) } else { error })?;
            if let Some(changed) = changed {
                (*event, is_changed) = (changed, true);
            }
        }
        if !is_changed {
            return Ok(None);
        }
        let format = message.format().map(|id| self.decoding.formats.require(id)).transpose()?;
        let written = match (format, events.as_slice()) {
            (Some(format), events) if is_batch => Message::batched(events, format)?,
            (Some(format), [event]) if matches!(self.policy.form, Form::Kept) => {
                Message::structured(event, format)?
            }
            // A document in another form is not written in the old one before.
            _ => return Ok(events.pop().map(Message::Binary)),
        };
        self.checked(written, &events).map(Some)
    }

    /// Returns the dead letters of a message. If the destination takes neither a batch nor the message that the batch was made of, these
    /// are the events of the batch. Each is made when it is its turn, with headers of its own.
    pub(super) fn letters<'a>(
        &self,
        received: &'a Received,
        place: SenderCapabilities,
    ) -> impl Iterator<Item = Received> + use<'a> {
        let stays = place.batches || received.is_converted() && place.carries.contains(Carries::AS_RECEIVED);
        let is_split = |message: &&Message| matches!(message, Message::Batched(_)) && !stays;
        let batch = received.message().ok().filter(is_split);
        let events = batch.and_then(|batch| batch.events(&self.decoding).ok());
        let whole = events.is_none().then(|| received.clone());
        let events = events.map(|events| events.value).unwrap_or_default();
        whole.into_iter().chain(events.into_iter().map(|event| of_batch(received, event)))
    }

    pub(super) fn decoding(&self) -> &DecodeOptions {
        &self.decoding
    }

    /// Whether the message has passed too many bridges.
    pub(super) fn is_looped(&self, received: &Received) -> bool {
        number(received, HOPS).is_some_and(|hops| hops >= u32::from(self.policy.hops))
    }

    /// The number of replays of a dead letter, this one included; `None` if this is not a redrive.
    fn replays(&self, received: &Received) -> Result<Option<u32>, Error> {
        let Some(redrive) = &self.policy.redrive else { return Ok(None) };
        let replays = number(received, REPLAYS).unwrap_or(0);
        if replays >= redrive.replays {
            return Err(Error::new(ErrorKind::Refused)
                .with_detail(format!("this dead letter was replayed {replays} times already")));
        }
        Ok(Some(replays.saturating_add(1)))
    }

    /// Whether the policy needs the single events of a message.
    fn changes_events(&self) -> bool {
        let policy = &self.policy;
        policy.subject.is_some()
            || policy.destination.is_some()
            || matches!(policy.key, KeyRule::From(_))
            || !matches!(policy.form, Form::Kept)
    }

    /// Returns the message in the form of the policy.
    fn convert(&self, message: &Message) -> Result<Message, Error> {
        let Some(subject) = &self.policy.subject else { return self.reformat(message) };
        let subject = subject.fill(message, &self.decoding)?;
        let event = message.event(&self.decoding)?.value;
        let event = event.into_builder().subject(subject.as_str()).build()?;
        match (&self.policy.form, message.format()) {
            (Form::Kept, Some(format)) => {
                let format = self.decoding.formats.require(format)?;
                self.checked(Message::structured(&event, format)?, slice::from_ref(&event))
            }
            _ => self.reformat(&Message::Binary(event)),
        }
    }

    /// Returns a document that was written anew, if the policy allows the losses of these events.
    fn checked(&self, (message, losses): (Message, Losses), events: &[Event]) -> Result<Message, Error> {
        let _ = self.policy.losses.check(losses, events)?;
        Ok(message)
    }

    fn reformat(&self, message: &Message) -> Result<Message, Error> {
        match (&self.policy.form, message) {
            (Form::Binary, Message::Structured(_)) => {
                Ok(Message::Binary(message.event(&self.decoding)?.value))
            }
            (Form::Structured(format), Message::Structured(_)) if message.format() != Some(&format.id()) => {
                self.write(&Message::Binary(message.event(&self.decoding)?.value))
            }
            (Form::Structured(_), Message::Binary(_)) => self.write(message),
            _ => Ok(message.clone()),
        }
    }

    fn write(&self, event: &Message) -> Result<Message, Error> {
        match &self.writing {
            Some(writing) => Ok(writing.message(event)?.into_owned()),
            None => Ok(event.clone()),
        }
    }

    /// Whether all events of a message may be sent.
    fn admit(&self, message: &Message) -> Result<(), Error> {
        let Some(admit) = &self.policy.admit else { return Ok(()) };
        let is_batch = matches!(message, Message::Batched(_));
        for (index, event) in message.events(&self.decoding)?.value.iter().enumerate() {
            admit(event).map_err(|error| if is_batch { error.with_index(index) } else { error })?;
        }
        Ok(())
    }

    /// Adds the destination, and a key of the policy.
    fn outgoing(&self, message: Message) -> Result<Outgoing, Error> {
        self.admit(&message)?;
        let policy = &self.policy;
        let destination =
            policy.destination.as_ref().map(|to| to.fill(&message, &self.decoding)).transpose()?;
        let key = match &policy.key {
            KeyRule::Kept | KeyRule::Dropped => None,
            KeyRule::From(template) => Some(template.fill(&message, &self.decoding)?),
        };
        let mut outgoing = Outgoing::from(message);
        if let Some(key) = key {
            outgoing = outgoing.key(key);
        }
        if let Some(destination) = destination {
            outgoing = outgoing.to(destination);
        }
        Ok(outgoing)
    }

    /// Adds the properties that came with the message: its key and its headers.
    pub(super) fn carry(&self, mut outgoing: Outgoing, received: &Received, passed: Passed) -> Outgoing {
        if self.policy.key == KeyRule::Kept
            && let Some(key) = received.key()
        {
            outgoing = outgoing.key(key);
        }
        if received.origin().has_forwarded_headers() {
            self.forward_headers(&mut outgoing, received, passed.replays.is_some());
        }
        self.count(&mut outgoing, passed);
        outgoing
    }

    /// Adds the numbers of bridges and of replays, where the target carries headers.
    fn count(&self, outgoing: &mut Outgoing, passed: Passed) {
        if self.target.carries.contains(Carries::HEADERS) {
            outgoing.push(HOPS.into(), decimal(passed.hops.saturating_add(1)));
            if let Some(replays) = passed.replays {
                outgoing.push(REPLAYS.into(), decimal(replays));
            }
        }
    }

    /// Adds the headers of the message that the policy lets pass, without headers that bridges write themselves.
    fn forward_headers(&self, outgoing: &mut Outgoing, received: &Received, redrives: bool) {
        received.origin().headers(&mut |name, value| {
            let own = is_own(name, redrives);
            if let Some(value) = value
                && !own
                && received.is_forwarded(name)
                && let Some(name) = self.policy.headers.name(name)
                // It was not requested.
                && (!is_trace_context(name) || is_text(&value) && self.target.carries_header(outgoing, name))
            {
                outgoing.push(name.to_owned().into(), Bytes::copy_from_slice(&value));
            }
        });
        received.origin().headers_without_text(&mut |name, what| {
            if !is_own(name, redrives)
                && received.is_forwarded(name)
                && let Some(name) = self.policy.headers.name(name).filter(|name| !is_trace_context(name))
            {
                outgoing.push_without_bytes(name, what);
            }
        });
    }
}

/// Whether a value could be one of the trace context, which every protocol carries.
fn is_text(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// An event of a batch, with the other properties of the received message.
fn of_batch(received: &Received, event: Event) -> Received {
    let mut raw = Raw::without_headers(received.origin());
    received.origin().headers(&mut |name, value| {
        if received.is_forwarded(name) {
            raw.headers.push((name.to_owned().into(), value.map(|value| Bytes::copy_from_slice(&value))));
        }
    });
    (raw.body, raw.lacks_body) = (event.data_bytes().cloned(), false);
    Received::new(Ok(Decoded::clean(Message::Binary(event))), raw)
}

/// The usual numbers of bridges need no allocation.
fn decimal(number: u32) -> Bytes {
    match number {
        1 => Bytes::from_static(b"1"),
        2 => Bytes::from_static(b"2"),
        3 => Bytes::from_static(b"3"),
        more => more.to_string().into(),
    }
}

#[cold]
fn looped(hops: u32) -> Error {
    Error::new(ErrorKind::Refused)
        .with_detail(format!("the message has passed {hops} bridges, which is the limit"))
        .with_help("check whether bridges feed each other; `hops` of the policy is the limit")
}

/// The number in a header of a bridge, which is forwarded as other headers are. The last header counts: a message that is sent as it was
/// received also has the headers of earlier bridges.
fn number(received: &Received, header: &str) -> Option<u32> {
    if !received.origin().has_forwarded_headers() {
        return None;
    }
    let mut number = None;
    received.origin().headers(&mut |name, value| {
        if name.eq_ignore_ascii_case(header) {
            number = value.and_then(|value| std::str::from_utf8(&value).ok()?.trim().parse().ok());
        }
    });
    number
}

fn wrap_up(received: &Received, wrap: &Wrap) -> Result<Event, Error> {
    let mut builder =
        Event::builder().id(identify(received)).source(wrap.source.as_ref()).ty(wrap.ty.as_ref());
    if let Some(time) = received.timestamp() {
        builder = builder.time(time);
    }
    let content_type = received.header_text("content-type");
    let content_type = content_type.filter(|text| MediaType::parse(text).is_ok());
    let builder = match (received.whole_body()?, content_type) {
        (Some(body), Some(content_type)) => builder.binary(content_type, body),
        (Some(body), None) => builder.payload_only(Payload::body(body)),
        (None, _) => builder,
    };
    Ok(builder.build()?)
}

/// Returns a text that is the same for each delivery of a message.
fn identify(received: &Received) -> String {
    let topic = received.topic().unwrap_or_default();
    if let Some(offset) = received.offset() {
        return match received.partition() {
            Some(partition) => format!("{topic}/{}/{offset}", partition.number()),
            None => format!("{topic}/{offset}"),
        };
    }
    let mut hasher = DefaultHasher::new();
    (received.body(), received.headers()).hash(&mut hasher);
    received.timestamp().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).hash(&mut hasher);
    format!("{topic}/{:016x}", hasher.finish())
}
