//! Reports of a store about its messages and targets.

use crate::envelope;
use cloudevents_core::{Error, EventKey};
use cloudevents_transport::Outgoing;
use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, SystemTime},
};

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It is to be sent, or being sent.
    Pending,
    /// The target has it.
    Delivered,
    /// It is dead and is not tried again: see [`Record::reason`].
    Dead,
}

impl State {
    /// `pending`, `delivered` or `dead`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The number that stores keep: 0, 1 and 2.
    pub fn number(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Delivered => 1,
            Self::Dead => 2,
        }
    }

    /// The state with this number.
    pub fn from_number(number: i16) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dead].into_iter().find(|state| state.number() == number)
    }
}

/// The name.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Selects messages of a store. Without a condition, all of them.
///
/// ```
/// use cloudevents_outbox::{Query, State};
///
/// let dead = Query::default().with_state(State::Dead).with_target("billing").with_limit(20);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Only messages in this state.
    pub state: Option<State>,
    /// Only messages to this target.
    pub target: Option<Box<str>>,
    /// Only messages of the event with this source and id.
    pub event: Option<EventKey>,
    /// Only the message with this number.
    pub number: Option<u64>,
    /// Only messages that were enqueued at this time or later, to the millisecond.
    pub from: Option<SystemTime>,
    /// Only messages that were enqueued before this time, to the millisecond.
    pub until: Option<SystemTime>,
    /// Only messages with a higher number, for the next page.
    pub after: u64,
    /// How many messages to return at once. Default: 100. Replaying ignores it.
    pub limit: Option<usize>,
}

impl Query {
    /// Returns a copy for messages in this state.
    pub fn with_state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// Returns a copy for messages to this target.
    pub fn with_target(mut self, target: impl Into<Box<str>>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Returns a copy for messages of this event.
    pub fn with_event(mut self, event: EventKey) -> Self {
        self.event = Some(event);
        self
    }

    /// Returns a copy for the message with this number.
    pub fn with_number(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    /// Returns a copy for messages that were enqueued at this time or later.
    pub fn from(mut self, time: SystemTime) -> Self {
        self.from = Some(time);
        self
    }

    /// Returns a copy for messages that were enqueued before this time.
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(time);
        self
    }

    /// Returns a copy for messages with a higher number.
    pub fn after(mut self, number: u64) -> Self {
        self.after = number;
        self
    }

    /// Returns a copy that returns this many messages at once.
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// A message of a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// Its number: messages are numbered in the order of enqueuing.
    pub number: u64,
    /// The target.
    pub target: Box<str>,
    /// The source of the event, if known.
    pub source: Option<Box<str>>,
    /// The id of the event, if known.
    pub id: Option<Box<str>>,
    /// The type of the event, if known.
    pub ty: Option<Box<str>>,
    /// Whether it is in order with others of its target.
    pub ordered: bool,
    /// Where it is on its way.
    pub state: State,
    /// The attempts so far that count.
    pub attempts: u32,
    /// When it was enqueued.
    pub enqueued: SystemTime,
    /// When the next attempt may begin. While an attempt is under way, when its lease ends.
    pub due: SystemTime,
    /// When it was delivered or became dead.
    pub ended: Option<SystemTime>,
    /// Why it is dead.
    pub reason: Option<Box<str>>,
    /// The message as the store keeps it.
    pub body: String,
}

impl Record {
    /// The message, to look at or to send elsewhere. Errors if the store's text is not a message.
    pub fn outgoing(&self) -> Result<Outgoing, Error> {
        envelope::read(&self.body, None)
    }
}

/// An attempt at a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub latency: Duration,
    /// `delivered`, or the [code](cloudevents_core::ErrorKind::code) of the error. Of a [receiver](crate::Outbox::receiver): `delivered`,
    /// `retry` or `rejected`.
    pub status: Box<str>,
    /// The text of the receipt or the error: at most 1,024 bytes.
    pub detail: Box<str>,
}

/// How a target did lately. Stores keep it for targets that failed. A target without failures has none.
///
/// A target is unavailable after three failures in a row: see [`Outbox::run`](crate::Outbox::run). While it is unavailable, its messages
/// are not rejected for failing. One message is tried at a time, with growing pauses. If it is in order and is refused, messages behind it
/// are tried, until one shows whose fault that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The numbers of the messages of up to three failures since the last success: three different ones if as many messages failed.
    pub failed: Vec<u64>,
    /// The number of pauses since the last success.
    pub pauses: u32,
    /// Until when nothing is sent, because the target is unavailable or one message tries it.
    pub paused_until: Option<SystemTime>,
    /// Until when nothing is sent, because the target requested that ([`Error::retry_after`]): at most a day from the request. No result
    /// of a message and no other worker makes this pause shorter.
    pub requested_until: Option<SystemTime>,
    /// The last error.
    pub reason: Box<str>,
    /// Whether the program has disabled the target ([`Outbox::disable`](crate::Outbox::disable)). A sender that disables one by itself,
    /// as a webhook sender does after 410, shows it in its own state.
    pub is_disabled: bool,
}

impl Health {
    /// The number of failures in a row that make an outage.
    pub(crate) const OUTAGE: usize = 3;

    /// Whether the target counts as unavailable.
    pub fn is_outage(&self) -> bool {
        self.failed.len() >= Self::OUTAGE
    }

    /// Whether so many different messages failed that it is the fault of none of them.
    pub(crate) fn is_of_several(&self) -> bool {
        self.failed.iter().collect::<BTreeSet<_>>().len() >= Self::OUTAGE
    }

    /// Until when nothing is sent, if that is after `now`.
    pub fn pause_end(&self, now: SystemTime) -> Option<SystemTime> {
        self.paused_until.max(self.requested_until).filter(|until| *until > now)
    }

    /// Whether the target requested a pause that has not ended.
    pub(crate) fn is_pause_requested(&self, now: SystemTime) -> bool {
        self.requested_until.is_some_and(|until| until > now)
    }

    /// Keeps only the pause that the target requested.
    pub(crate) fn after_success(&mut self, now: SystemTime) {
        let before = std::mem::take(self);
        if before.is_pause_requested(now) {
            (self.requested_until, self.reason) = (before.requested_until, before.reason);
        }
    }

    /// Whether nothing is known of the target but a pause that it requested.
    #[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
    pub(crate) fn is_only_requested(&self) -> bool {
        self.failed.is_empty() && self.pauses == 0 && self.paused_until.is_none() && !self.is_disabled
    }

    /// Whether there is nothing to keep.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }
}

/// A target that failed lately or is disabled.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: Box<str>,
    /// How it did.
    pub health: Health,
}

/// The numbers of messages in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages to be sent.
    pub pending: u64,
    /// Messages that were delivered and are still kept.
    pub delivered: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest pending message was enqueued.
    pub oldest_pending: Option<SystemTime>,
}
