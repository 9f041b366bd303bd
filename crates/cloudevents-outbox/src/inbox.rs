//! Consumers that handle each event once.

use crate::{Clock, millis::later};
use cloudevents_core::{Error, EventKey};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// Where an [`Inbox`] keeps the keys of events.
pub trait InboxStore: Send + Sync + 'static {
    /// Records that a consumer begins to handle an event, unless another has begun or completed it.
    ///
    /// A beginning whose lease has ended does not count.
    fn begin(
        &self,
        consumer: Arc<str>,
        key: EventKey,
        now: SystemTime,
        lease: Duration,
    ) -> impl Future<Output = Result<Begun, Error>> + Send;

    /// Records that the event is handled. Returns whether this delivery still had the lease, or is recorded already: the first answer may
    /// be lost. Otherwise nothing changed.
    fn complete(&self, started: Started, now: SystemTime)
    -> impl Future<Output = Result<bool, Error>> + Send;

    /// Ends the lease, also if the clock is set back afterwards. Returns whether this delivery still had it. Otherwise nothing changed.
    fn abandon(&self, started: Started, now: SystemTime) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Records that a consumer is done with an event, although it has not begun with it. If the event is completed, or seen, the time of
    /// that is `now` afterwards. If a beginning has a lease, nothing changed.
    fn see(
        &self,
        consumer: Arc<str>,
        key: EventKey,
        now: SystemTime,
    ) -> impl Future<Output = Result<Seen, Error>> + Send;

    /// Deletes the keys of at most `limit` events of this consumer that were completed before this time, or whose lease ended before it,
    /// and returns their number.
    fn forget(
        &self,
        consumer: Arc<str>,
        before: SystemTime,
        limit: usize,
    ) -> impl Future<Output = Result<usize, Error>> + Send;
}

/// The state of an event in an [`Inbox`] when a consumer begins to handle it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// The event is new. Handle it, then [complete](Inbox::complete) or [abandon](Inbox::abandon) it.
    First(Started),
    /// Another delivery of it is being handled, and its lease ends then. Do not accept this delivery: try again later. If the lease has
    /// ended and the transaction of its handler in Postgres has not, this is a second from now.
    UnderWay(SystemTime),
    /// It was handled. Accept the delivery without handling it.
    Done,
}

/// The state of an event in an [`Inbox`] when a consumer has [seen](Inbox::see) it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// No delivery of it was handled. From now on, the event is done.
    Recorded,
    /// A delivery of it is being handled. Nothing was recorded.
    UnderWay,
    /// A delivery of it was handled.
    Done,
}

/// The right to complete or abandon an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The consumer.
    pub consumer: Arc<str>,
    /// The key of the event.
    pub key: EventKey,
    /// How often handling began.
    pub times: u64,
}

/// Finds events that were delivered twice, by their key, durably. It complements delivery at least once: [`once`](Self::once) in a handler
/// is all that most programs need.
///
/// Each consumer has a name, so that several may share a store. If the program crashes while it handles an event, the lease ends and
/// the event is handled again. To act exactly once, complete the event in the transaction that has the effects: see the modules of the
/// stores.
///
/// ```
/// # #[cfg(feature = "rusqlite041")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// use cloudevents_core::Event;
/// use cloudevents_outbox::{Begun, Inbox, rusqlite041::SqliteStore};
///
/// let inbox = Inbox::new(SqliteStore::in_memory()?, "billing");
/// let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
/// let Begun::First(started) = inbox.begin(event.key()).await? else { unreachable!() };
/// assert!(matches!(inbox.begin(event.key()).await?, Begun::UnderWay(_)));
/// inbox.complete(started).await?;
/// assert_eq!(inbox.begin(event.key()).await?, Begun::Done);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "rusqlite041"))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Inbox<S> {
    store: S,
    consumer: Arc<str>,
    lease: Duration,
    clock: Clock,
    duplicates: Arc<AtomicU64>,
    /// When the store last answered.
    answered: Arc<Mutex<Option<Instant>>>,
}

impl<S: InboxStore> Inbox<S> {
    /// Creates an inbox for the consumer of this name. The lease is five minutes.
    pub fn new(store: S, consumer: impl Into<Arc<str>>) -> Self {
        Self {
            store,
            consumer: consumer.into(),
            lease: Duration::from_secs(300),
            clock: Clock::system(),
            duplicates: Arc::default(),
            answered: Arc::default(),
        }
    }

    /// Returns the inbox with this lease: the time that handling an event takes at most.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// The name of the consumer.
    pub fn consumer(&self) -> &Arc<str> {
        &self.consumer
    }

    /// Returns the inbox with this clock, for tests.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The number of deliveries that this inbox and its clones left out because their event was handled.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    pub(crate) fn count_duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the store has answered a call within this time.
    pub(crate) fn answers(&self, within: Duration) -> bool {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.is_some_and(|answered| answered.elapsed() < within)
    }

    fn heard<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if answer.is_ok() {
            *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        answer
    }

    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    /// When a lease that begins now ends.
    pub(crate) fn lease_ends(&self) -> SystemTime {
        later(self.now(), self.lease)
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Begins to handle an event.
    pub async fn begin(&self, key: EventKey) -> Result<Begun, Error> {
        self.heard(self.store.begin(Arc::clone(&self.consumer), key, self.clock.now(), self.lease).await)
    }

    /// Records that the event is handled. Returns `false` if the lease has ended and another delivery began or ended handling.
    pub async fn complete(&self, started: Started) -> Result<bool, Error> {
        self.heard(self.store.complete(started, self.clock.now()).await)
    }

    /// Records that the event was not handled, so that its next delivery is the first again.
    pub async fn abandon(&self, started: Started) -> Result<bool, Error> {
        self.heard(self.store.abandon(started, self.clock.now()).await)
    }

    /// Records that deliveries of this event are to be left out, although none was handled here: for example, because its effects come with
    /// another event. [`begin`](Self::begin) returns [`Begun::Done`] from now on, until the key is forgotten. Seeing the event again makes
    /// it known for longer.
    pub async fn see(&self, key: EventKey) -> Result<Seen, Error> {
        self.heard(self.store.see(Arc::clone(&self.consumer), key, self.clock.now()).await)
    }

    /// Deletes the keys of this consumer's events that were completed, seen or abandoned longer ago than this, and returns their number. An
    /// event that is delivered again after that is handled again. Choose an age that no handler outlives.
    pub async fn forget(&self, age: Duration) -> Result<u64, Error> {
        const CHUNK: usize = 1000;
        let mut total = 0_u64;
        loop {
            let forgotten = self.forget_some(age, CHUNK).await?;
            total = total.saturating_add(u64::try_from(forgotten).unwrap_or(u64::MAX));
            if forgotten < CHUNK {
                return Ok(total);
            }
        }
    }

    /// Deletes as [`forget`](Self::forget) does, but at most this many keys.
    pub async fn forget_some(&self, age: Duration, limit: usize) -> Result<usize, Error> {
        let before = self.clock.now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        self.store.forget(Arc::clone(&self.consumer), before, limit).await
    }
}
