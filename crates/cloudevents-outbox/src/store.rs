//! Stores of an outbox.

use crate::{Attempt, Counts, Health, NewMessage, Query, Record, Target, envelope, millis::since};
use cloudevents_core::Error;
use cloudevents_transport::Outgoing;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Where an outbox keeps its messages. Several workers, in one process or in several, may share a store.
///
/// Each call is one transaction: when it returns `Ok`, its effect is durable; when it returns an error, it may have happened or not,
/// and calling it again is safe, except for [`enqueue`](Self::enqueue), which may then store messages twice. Dropping a future does
/// not undo its call. Errors that may pass are [temporary](Error::is_temporary): a worker tries again after those and ends with
/// others.
pub trait Store: Send + Sync + 'static {
    /// Stores messages, all or none, and returns their numbers, which grow.
    fn enqueue(&self, messages: Vec<NewMessage>) -> impl Future<Output = Result<Vec<u64>, Error>> + Send;

    /// Takes messages that are due, and leases them: see [`Claim`].
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Claimed, Error>> + Send;

    /// Extends leases until this time. Returns those that were extended; others have passed to another worker.
    fn renew(
        &self,
        tickets: Vec<Ticket>,
        until: SystemTime,
    ) -> impl Future<Output = Result<Vec<Ticket>, Error>> + Send;

    /// Records the results of leased messages. If the lease of a message has passed to another worker, only [`Health::requested_until`] of
    /// the target changes. A settlement ends its ticket: what comes with it later, such as the same settlement after an answer that was
    /// lost, or a renewal, changes nothing.
    ///
    /// The health replaces what the store has, with three exceptions: a disabled target stays disabled; a health with failures and fewer
    /// [pauses](Health::pauses) than the store has changes nothing, because its attempt began before them; and [`Health::requested_until`]
    /// stays the later one of both until `now` has reached it, because the worker may not know of a pause that the target requested of
    /// another.
    fn settle(
        &self,
        settlements: Vec<Settlement>,
        now: SystemTime,
    ) -> impl Future<Output = Result<Settled, Error>> + Send;

    /// Returns messages, sorted by number: a page of at most [`Query::limit`].
    fn find(&self, query: Query) -> impl Future<Output = Result<Vec<Record>, Error>> + Send;

    /// Returns the last attempts at the message with this number, the earliest first: at least the last 32, if there were as many.
    fn attempts(&self, number: u64) -> impl Future<Output = Result<Vec<Attempt>, Error>> + Send;

    /// Makes all messages that were delivered or are dead and match the query pending again, due at once, with no attempts and a new
    /// deadline. Returns their number. It may take several transactions.
    fn replay(&self, query: Query, now: SystemTime) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Makes dead letters of messages that wait for a target that is disabled or [paused](Health::pause_end) or one of `held_back`, if they
    /// have expired, or were [started](ClaimedMessage::started) longer than `deadline` ago: at most `limit` of them. Returns their number.
    /// Messages that are not due, which those are that are leased, stay.
    fn give_up(
        &self,
        held_back: Vec<Arc<str>>,
        deadline: Option<Duration>,
        now: SystemTime,
        limit: usize,
    ) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Deletes messages that ended long enough ago, with their attempts: at most `limit` of them. Returns their number.
    fn prune(
        &self,
        retention: Retention,
        now: SystemTime,
        limit: usize,
    ) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Returns the targets that failed since their last success, and those that are disabled, sorted by name: at most 1,000 after
    /// this name.
    fn targets(&self, after: Box<str>) -> impl Future<Output = Result<Vec<Target>, Error>> + Send;

    /// Sets the health of a target, in place of all that the store has. [`Health::default`] makes it active.
    fn set_health(&self, target: Box<str>, health: Health) -> impl Future<Output = Result<(), Error>> + Send;

    /// Counts the messages. May read all of them.
    fn counts(&self) -> impl Future<Output = Result<Counts, Error>> + Send;
}

/// A request for messages that are due.
///
/// A store looks at targets in the order of their names, as bytes, after the one that `after` names, and takes the messages of each that
/// have been due longest. It skips targets that are disabled or [paused](Health::pause_end). Of the messages in order, it takes the
/// earliest pending ones, if the first of them is due: three or more, because the next ones show whose fault it is if the first is refused.
/// Of a target in an outage it takes one of those, and up to twice as many after each further pause, 32 at most; or one of the others, by
/// turns; and pauses the target for the lease. It increments the attempts of each message, and makes it due when the lease ends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The time.
    pub now: SystemTime,
    /// The most messages.
    pub limit: usize,
    /// The maximum size of the messages' texts in bytes. One message always fits.
    pub bytes: usize,
    /// How long the messages are leased.
    pub lease: Duration,
    /// The maximum number of messages of a target, except for targets in `rooms`.
    pub per_target: usize,
    /// The maximum numbers of messages of single targets, sorted by target.
    pub rooms: Vec<(Arc<str>, usize)>,
    /// The target after which to begin; the first one, if `None`.
    pub after: Option<Arc<str>>,
}

impl Claim {
    /// Requests up to this number of messages: up to 64 MiB of them, and any number of a target.
    pub fn new(now: SystemTime, limit: usize, lease: Duration) -> Self {
        Self { now, limit, bytes: 64 << 20, lease, per_target: limit, rooms: Vec::new(), after: None }
    }

    /// Returns the maximum number of messages to claim of this target.
    pub fn room(&self, target: &str) -> usize {
        let place = self.rooms.binary_search_by(|(name, _)| (**name).cmp(target)).ok();
        place.and_then(|place| self.rooms.get(place)).map_or(self.per_target, |(_, room)| *room)
    }

    /// How much to claim of this target, where so many messages of the claim are still free.
    #[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
    pub(crate) fn share(&self, target: &str, health: &Health, left: usize) -> Share {
        Share { room: self.room(target).min(left), left, outage: health.is_outage().then_some(health.pauses) }
    }
}

/// What to claim of a target.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
pub(crate) struct Share {
    room: usize,
    left: usize,
    /// The number of pauses, in an outage.
    outage: Option<u32>,
}

#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
impl Share {
    /// The most messages in order.
    pub(crate) fn in_order(&self) -> usize {
        let number = match self.outage {
            _ if self.room == 0 => 0,
            Some(pauses) => most_refused(pauses),
            None => self.room.div_ceil(2).max(IN_ORDER),
        };
        number.min(self.left)
    }

    /// How many messages to take of those in order that are due, and of the others.
    pub(crate) fn take(&self, in_order: usize, others: usize) -> (usize, usize) {
        match self.outage {
            _ if self.room == 0 => (0, 0),
            // By turns, so that neither kind hides that the other one passes.
            Some(pauses) if others > 0 && (in_order == 0 || !pauses.is_multiple_of(2)) => (0, 1),
            Some(_) => (in_order, 0),
            // Half of the room for messages in order, so that neither kind waits for the other.
            None => {
                let rest = self.room.saturating_sub(in_order.min(self.room.div_ceil(2)));
                (in_order, others.min(rest).min(self.left.saturating_sub(in_order)))
            }
        }
    }

    /// Whether so many messages are as many as there is room for, so that more may be due.
    pub(crate) fn is_full(&self, taken: usize) -> bool {
        taken >= self.outage.map_or(self.room, |_| self.room.min(1))
    }
}

/// The fewest messages in order that are claimed of a target which is not in an outage: as many as make one.
pub(crate) const IN_ORDER: usize = Health::OUTAGE;

/// The most messages in order that are tried one after the other, while they are refused, after this number of pauses. It doubles with each
/// one: if all are refused because of the sender, such as for its token, and that is corrected meanwhile, those that were refused before
/// pass for faulty.
pub(crate) fn most_refused(pauses: u32) -> usize {
    1 << pauses.saturating_sub(1).min(5)
}

/// Messages that were claimed.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// The messages; those of a target in the order of sending.
    pub messages: Vec<ClaimedMessage>,
    /// Where to begin the next claim. `None` after the last target.
    pub next: Option<Arc<str>>,
    /// Whether a target reached its maximum number of messages, so that more may be due.
    pub has_more: bool,
}

/// A message and its lease.
#[derive(Clone, Debug)]
pub struct ClaimedMessage {
    /// The lease.
    pub ticket: Ticket,
    /// The target.
    pub target: Arc<str>,
    /// Whether the message is in order with others of the target.
    pub ordered: bool,
    /// The number of this attempt, from 1. Attempts during an outage of the target do not count.
    pub attempt: u32,
    /// When the message was due at first, or was last replayed.
    pub started: SystemTime,
    /// When the message expires. It is not sent after that.
    pub expires: Option<SystemTime>,
    /// The health of the target.
    pub health: Health,
    /// The message as the store keeps it.
    pub body: String,
}

impl ClaimedMessage {
    /// The message to send. Errors if the store's text is not a message.
    pub fn outgoing(&self, now: SystemTime) -> Result<Outgoing, Error> {
        envelope::read(&self.body, self.expires.map(|expires| since(expires, now)))
    }
}

/// The right to settle a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The number of the message.
    pub number: u64,
    /// Changes when the message is claimed, settled or replayed. If it has changed, the message has another owner.
    pub claim: u64,
}

/// What came of a claimed message.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The lease.
    pub ticket: Ticket,
    /// The target.
    pub target: Arc<str>,
    /// What happens to the message.
    pub step: Step,
    /// What to log.
    pub attempt: Option<Attempt>,
    /// The new health of the target, if it changed.
    pub health: Option<Health>,
}

/// What came of settlements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The number of settlements with a valid lease.
    pub valid: usize,
    /// Those of the settlements' targets that are disabled, or requested a pause that has not ended. Another worker may have recorded that:
    /// what this one still holds for them is not to be sent.
    pub stopped: Vec<Arc<str>>,
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The target has it.
    Delivered,
    /// It is tried again at this time.
    Retry {
        /// When.
        due: SystemTime,
        /// Whether the attempt counts. During an outage of the target it does not.
        counts: bool,
    },
    /// It is a dead letter, for this reason.
    Dead(Box<str>),
    /// It was not tried, and is due at once.
    Release,
}

/// How long messages are kept after they ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For messages that were delivered. Default: one day.
    pub delivered: Duration,
    /// For dead letters. Default: 30 days.
    pub dead: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { delivered: day, dead: day.saturating_mul(30) }
    }
}
