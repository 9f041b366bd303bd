//! Stores of an outbox.

use crate::{Attempt, Counts, Health, NewMessage, Query, Record, Target, envelope, millis::since};
use cloudevents_core::Error;
use cloudevents_transport::Outgoing;
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Where an outbox keeps its messages. Several workers, in one process or in several, may share a store.
///
/// Each call is one transaction. When it returns `Ok`, its effect is durable. When it returns an error, it may have happened or not, and
/// calling it again is safe. The exception is [`enqueue`](Self::enqueue), which may then store messages twice. Dropping a future does not
/// undo its call. Errors that may pass are [temporary](Error::is_temporary): a worker tries again after them. It ends with other errors.
pub trait Store: Send + Sync + 'static {
    /// Stores messages, all or none, and returns their numbers, which grow.
    fn enqueue(&self, messages: Vec<NewMessage>) -> impl Future<Output = Result<Vec<u64>, Error>> + Send;

    /// Takes messages that are due, and leases them: see [`Claim`].
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Claimed, Error>> + Send;

    /// Extends leases until this time. Returns the tickets whose lease was extended. The other messages have passed to another worker.
    fn renew(
        &self,
        tickets: Vec<Ticket>,
        until: SystemTime,
    ) -> impl Future<Output = Result<Vec<Ticket>, Error>> + Send;

    /// Records the results of leased messages. If the lease of a message has passed to another worker, only [`Health::requested_until`] of
    /// the target changes. A settlement ends its ticket. Later calls with the same ticket change nothing: a renewal, or the same settlement
    /// after its answer was lost.
    ///
    /// The health replaces the health that the store has, with three exceptions. A disabled target stays disabled. A health with failures
    /// and fewer [pauses](Health::pauses) than the store has changes nothing, because its attempt began before them.
    /// [`Health::requested_until`] stays the later one of both until `now` has reached it, because the worker may not know of a pause that
    /// the target requested of another worker.
    fn settle(
        &self,
        settlements: Vec<Settlement>,
        now: SystemTime,
    ) -> impl Future<Output = Result<Settled, Error>> + Send;

    /// Records results as [`settle`](Self::settle), then takes messages that are due as [`claim`](Self::claim). The stores of this crate do
    /// so in one transaction. By default, these are two calls.
    ///
    /// Returns no [`Claimed`] if there was no claim: it failed by itself, or recording the results would have waited for the claim of
    /// another worker.
    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        now: SystemTime,
        claim: Claim,
    ) -> impl Future<Output = Result<(Settled, Option<Claimed>), Error>> + Send {
        async move {
            let settled = self.settle(settlements, now).await?;
            Ok((settled, self.claim(claim).await.ok()))
        }
    }

    /// Returns messages, sorted by number: a page of at most [`Query::limit`].
    fn find(&self, query: Query) -> impl Future<Output = Result<Vec<Record>, Error>> + Send;

    /// Returns the last attempts at the message with this number, the earliest first: at least the last 32, if there were as many.
    fn attempts(&self, number: u64) -> impl Future<Output = Result<Vec<Attempt>, Error>> + Send;

    /// Makes all messages that were delivered or are dead and match the query pending again, due at once, with no attempts and a new
    /// deadline. Returns their number. It may take several transactions.
    fn replay(&self, query: Query, now: SystemTime) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Makes dead letters of messages that wait for a target that is disabled or [paused](Health::pause_end), or for one of `held_back`. It
    /// takes messages that have expired, or were [started](ClaimedMessage::started) longer than `deadline` ago: at most `limit` of them.
    /// Returns their number. Messages that are not due stay, leased messages among them. Of a backlog of thousands, a call may look at a
    /// part, and the next call at the next part. Every call looks at the messages that have been due since before the deadline.
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

    /// Returns the targets that failed since their last success, and the disabled targets, sorted by name: at most 1,000 after this name.
    fn targets(&self, after: Box<str>) -> impl Future<Output = Result<Vec<Target>, Error>> + Send;

    /// Sets the health of a target, in place of the health that the store has. [`Health::default`] makes it active.
    fn set_health(&self, target: Box<str>, health: Health) -> impl Future<Output = Result<(), Error>> + Send;

    /// Counts the messages. May read all of them.
    fn counts(&self) -> impl Future<Output = Result<Counts, Error>> + Send;
}

/// A request for messages that are due.
///
/// A store looks at targets in the order of their names, as bytes, after the target that `after` names. It takes the messages of each
/// target that have been due longest. It skips targets that are disabled or [paused](Health::pause_end).
///
/// Of the messages in order, a store takes the earliest pending ones, if the first of them is due. It takes three or more, because the next
/// ones show whose fault it is if the first is refused. Of a target in an outage it takes one message in order, and up to twice as many
/// after each further pause, 32 at most. Or it takes one of the other messages, by turns. Then it pauses the target for the lease.
///
/// A store makes each message due when the lease ends. A claim alone is no attempt: attempts that count are counted when they are settled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The time.
    pub now: SystemTime,
    /// The most messages.
    pub limit: usize,
    /// The maximum size of the messages' texts in bytes. A message fits if it takes at most half of the bytes that are left, so that large
    /// messages leave bytes for smaller ones. A message that does not fit is left out, with the messages in order behind it. Other targets
    /// have their turn.
    pub bytes: usize,
    /// Whether one message may be larger than that, and does not count.
    pub may_exceed: bool,
    /// How long the messages are leased.
    pub lease: Duration,
    /// The maximum number of messages of a target, except for targets in `rooms`.
    pub per_target: usize,
    /// After this number of messages, a target that is not in `rooms` gets one only: also in order, unless it was claimed before.
    pub together: usize,
    /// The maximum numbers of messages of single targets, sorted by target.
    pub rooms: Vec<(Arc<str>, usize)>,
    /// The target after which to begin. If `None`, the claim begins with the first target.
    pub after: Option<Arc<str>>,
    /// The only target to claim from. Of its messages in order, the claim takes the first one alone. `after` does not count then.
    pub only: Option<Arc<str>>,
}

impl Claim {
    /// Requests up to this number of messages: up to 64 MiB of them, and any number of a target.
    pub fn new(now: SystemTime, limit: usize, lease: Duration) -> Self {
        Self {
            now,
            limit,
            bytes: 64 << 20,
            may_exceed: true,
            lease,
            per_target: limit,
            together: limit,
            rooms: Vec::new(),
            after: None,
            only: None,
        }
    }

    /// Returns the maximum number of messages to claim of this target.
    pub fn room(&self, target: &str) -> usize {
        self.known_room(target).unwrap_or(self.per_target)
    }

    fn known_room(&self, target: &str) -> Option<usize> {
        let place = self.rooms.binary_search_by(|(name, _)| (**name).cmp(target)).ok()?;
        self.rooms.get(place).map(|(_, room)| *room)
    }

    /// How much to claim of this target, after so many messages of the claim.
    #[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
    pub(crate) fn share(&self, target: &str, health: &Health, claimed: usize) -> Share {
        let left = self.limit.saturating_sub(claimed);
        let known = self.known_room(target);
        let is_single = known.is_none() && claimed >= self.together;
        let room = known.unwrap_or(if is_single { self.per_target.min(1) } else { self.per_target });
        let outage = health.is_outage().then_some(health.pauses);
        Share { room: room.min(left), left, is_single, is_only: self.only.is_some(), outage }
    }
}

/// Whether a message of this size fits where so many bytes are left.
pub(crate) fn fits(size: usize, left: usize) -> bool {
    size <= left.saturating_sub(size)
}

/// The bytes that a claim has left.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
pub(crate) struct Bytes {
    left: usize,
    may_exceed: bool,
}

#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
impl Bytes {
    pub(crate) fn of(claim: &Claim) -> Self {
        Self { left: claim.bytes, may_exceed: claim.may_exceed }
    }

    /// Takes a message of this size, or returns `false`.
    pub(crate) fn take(&mut self, size: usize) -> bool {
        if fits(size, self.left) {
            self.left = self.left.saturating_sub(size);
            return true;
        }
        std::mem::take(&mut self.may_exceed)
    }
}

/// The messages to claim of a target.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
pub(crate) struct Share {
    room: usize,
    left: usize,
    /// Whether one message is enough, unless the first one in order was claimed before.
    is_single: bool,
    /// Whether the claim takes one message in order.
    is_only: bool,
    /// The number of pauses, in an outage.
    outage: Option<u32>,
}

#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
impl Share {
    /// The most messages in order.
    pub(crate) fn in_order(&self) -> usize {
        let number = match self.outage {
            _ if self.room == 0 => 0,
            _ if self.is_only => 1,
            Some(pauses) => most_refused(pauses),
            None => self.room.div_ceil(2).max(IN_ORDER),
        };
        number.min(self.left)
    }

    /// Of the messages in order that are due, with their tickets of before, as many as may be taken.
    pub(crate) fn of_line(&self, tickets: &mut dyn Iterator<Item = Ticket>) -> usize {
        let Some(first) = tickets.next() else { return 0 };
        match self.is_single && self.outage.is_none() && first.claim == 0 {
            true => self.in_order().min(1),
            false => tickets.count().saturating_add(1).min(self.in_order()),
        }
    }

    /// How many of the due messages in order to take, and how many of the others.
    pub(crate) fn take(&self, in_order: usize, others: usize) -> (usize, usize) {
        match self.outage {
            _ if self.room == 0 => (0, 0),
            // By turns, so that neither kind hides that the other one passes.
            Some(pauses) if others > 0 && (in_order == 0 || !pauses.is_multiple_of(2)) => (0, 1),
            Some(_) => (in_order, 0),
            // Half of the room for messages in order, so that neither kind waits for the other.
            None => (in_order, others.min(self.rest(in_order))),
        }
    }

    /// The most messages beside so many in order.
    fn rest(&self, in_order: usize) -> usize {
        let rest = self.room.saturating_sub(in_order.min(self.room.div_ceil(2)));
        rest.min(self.left.saturating_sub(in_order))
    }

    /// Whether so many messages in order, or so many others, reach the limit, so that more may be due.
    pub(crate) fn is_full(&self, in_order: usize, others: usize) -> bool {
        if self.room == 0 || self.outage.is_some() {
            return in_order.saturating_add(others) >= self.room.min(1);
        }
        // The next one in order is due when this one is settled.
        if self.is_only {
            return in_order.saturating_add(others) >= self.room;
        }
        let most = if self.is_single { 1 } else { self.in_order() };
        in_order >= most || others >= self.rest(in_order)
    }
}

/// The fewest messages in order that are claimed of a target which is not in an outage: as many as make one.
pub(crate) const IN_ORDER: usize = Health::OUTAGE;

/// The most messages in order that are tried one after the other, while they are refused, after this number of pauses. It doubles with each
/// pause. The sender may be at fault for all refusals, with its token for example. If that is corrected meanwhile, the messages that were
/// refused before are taken for faulty.
pub(crate) fn most_refused(pauses: u32) -> usize {
    1 << pauses.saturating_sub(1).min(5)
}

/// Messages that were claimed.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// The messages. The messages of a target are in the order of sending.
    pub messages: Vec<ClaimedMessage>,
    /// Where to begin the next claim. `None` after the last target.
    pub next: Option<Arc<str>>,
    /// Whether a target reached its maximum number of messages, so that more may be due. Messages in order that another one keeps from
    /// being claimed do not count in a claim of [one target](Claim::only).
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
    /// The number of this attempt, from 1. Attempts during an outage of the target do not count, nor do claims that ended without a
    /// settlement.
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
    /// Grows when the message is claimed, settled or replayed. If it has changed, the message has another owner.
    ///
    /// A claim adds a [random number](Ticket::random_step), so that it names one claim alone: a database that fails over or is restored
    /// may lose its last transactions, and then gives the same number to another message, or a lost claim once more.
    pub claim: u64,
}

impl Ticket {
    /// The increment of [`claim`](Self::claim) for a claim: from 1 to 2^36, so that a message can be claimed more than 100 million times.
    pub fn random_step() -> u64 {
        let random = RandomState::new().hash_one(SystemTime::now());
        (random >> 28).saturating_add(1)
    }
}

/// How many pending messages a call to [`Store::give_up`] looks at. Of a backlog of targets that are paused, the next call goes on.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
pub(crate) const LOOKED_AT: usize = 10_000;

/// How far such calls have come: the position of a message in the index of pending ones.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
#[derive(Clone)]
pub(crate) struct Reached {
    pub(crate) target: String,
    pub(crate) ordered: bool,
    pub(crate) due: i64,
    pub(crate) number: i64,
}

#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
impl Default for Reached {
    fn default() -> Self {
        Self { target: String::new(), ordered: false, due: i64::MIN, number: i64::MIN }
    }
}

/// The result of a claimed message.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The lease.
    pub ticket: Ticket,
    /// The target.
    pub target: Arc<str>,
    /// The next step of the message.
    pub step: Step,
    /// The attempt to log.
    pub attempt: Option<Attempt>,
    /// The new health of the target, if it changed.
    pub health: Option<Health>,
}

#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
impl Settlement {
    /// Whether there was an attempt that counts.
    pub(crate) fn counts(&self) -> bool {
        match self.step {
            Step::Delivered | Step::Dead(_) => self.attempt.is_some(),
            Step::Retry { counts, .. } => counts,
            Step::Release => false,
        }
    }
}

/// The result of recording settlements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The number of settlements with a valid lease.
    pub valid: usize,
    /// The tickets of the other settlements.
    pub lost: Vec<Ticket>,
    /// The targets of the settlements that are disabled, or requested a pause that has not ended. Another worker may have recorded that.
    /// This worker must not send the messages that it still holds for them.
    pub stopped: Vec<Arc<str>>,
}

/// The next step of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The target has it.
    Delivered,
    /// It is tried again at this time.
    Retry {
        /// When.
        due: SystemTime,
        /// Whether the attempt counts. During an outage of the target it does not, nor if there was none.
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
