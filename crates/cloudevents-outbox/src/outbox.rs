//! The outbox.

use crate::{
    Attempt, Clock, Counts, Entry, Health, OutboxMetrics, OutboxOptions, Query, Record, Route, Run, Store,
    Target,
    worker::{self, Tally},
};
use cloudevents_core::Error;
use std::sync::{Arc, atomic::Ordering};
use tokio::sync::watch;

/// Stores messages durably, and delivers them at least once. Clones share the store and the counters.
///
/// Most programs enqueue in the transaction that changes their own data: see the modules of the stores.
///
/// ```
/// # #[cfg(feature = "rusqlite041")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
/// # let queue = cloudevents_transport::fake::FakeQueue::new();
/// # let sender = queue.sender();
/// # let ctrl_c = || tokio::time::sleep(std::time::Duration::from_millis(50));
/// use cloudevents_core::Event;
/// use cloudevents_outbox::{Entry, Outbox, OutboxOptions, rusqlite041::SqliteStore};
/// use std::collections::HashMap;
///
/// let outbox = Outbox::new(SqliteStore::in_memory()?);
/// let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
/// outbox.enqueue(Entry::new("billing", &event)).await?;
///
/// let senders = HashMap::from([("billing".to_owned(), sender)]); // a sender of any protocol
/// outbox.run(senders, OutboxOptions::default()).until(ctrl_c()).await?;
/// assert_eq!(outbox.metrics().delivered, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "rusqlite041"))] fn main() {}
/// ```
#[derive(Debug)]
pub struct Outbox<S> {
    store: Arc<S>,
    clock: Clock,
    wake: watch::Sender<()>,
    tally: Arc<Tally>,
}

impl<S: Store> Outbox<S> {
    /// Creates an outbox over this store.
    pub fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
            clock: Clock::system(),
            wake: watch::Sender::new(()),
            tally: Arc::default(),
        }
    }

    /// Returns the outbox with this clock, for tests. Workers have their own: [`OutboxOptions::clock`].
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Stores a message, durably, and returns its number.
    ///
    /// Errors are the errors of [`Entry::encode`], and of the store. After an error of the store, the message may be stored or not.
    pub async fn enqueue(&self, entry: Entry) -> Result<u64, Error> {
        let numbers = self.enqueue_all([entry]).await?;
        Ok(numbers.first().copied().unwrap_or_default())
    }

    /// Stores messages in one transaction, all or none, and returns their numbers.
    pub async fn enqueue_all(&self, entries: impl IntoIterator<Item = Entry>) -> Result<Vec<u64>, Error> {
        let now = self.clock.now();
        let entries = entries.into_iter();
        let mut messages = Vec::with_capacity(entries.size_hint().0.min(1024));
        for entry in entries {
            messages.push(entry.encode(now)?);
        }
        let numbers = self.store.enqueue(messages).await?;
        self.wake();
        Ok(numbers)
    }

    /// Makes the workers of this outbox look for messages now. Call it after a transaction that enqueued without this outbox.
    pub fn wake(&self) {
        self.wake.send_replace(());
    }

    /// Delivers messages until its [`until`](Run::until) is ready, then waits for attempts under way.
    ///
    /// | the attempt | the message |
    /// |---|---|
    /// | succeeds | is delivered |
    /// | fails with a temporary error, or takes too long | is tried again with the delays of [`OutboxOptions::retry`], and is dead after the last attempt or the deadline |
    /// | fails with a temporary error while its target is unavailable | is tried again after a pause, up to the deadline. The attempt does not count. It counts if attempts are limited and it may be about this message alone (the target responds, and fewer than three messages have failed). It also counts if there is no deadline and the message is in order |
    /// | fails with another error, which [is about the message](cloudevents_transport::Sender::refuses_message) | is dead |
    /// | fails with another error, which may concern all messages, such as a refused token | is tried again as after a temporary error. It is dead earlier once the target has accepted another message that was begun later |
    /// | is not made in time ([`Outgoing::expires_after`](cloudevents_transport::Outgoing::expires_after)) | is dead |
    ///
    /// A target is unavailable after three failures in a row. A success, or a refusal of a message for its own fault, ends the row. An
    /// unavailable target pauses for all workers of the store, and one message at a time is tried. Several failures of one message count
    /// each time if they are without a response (errors of kind `Unreachable`, `Timeout`, `Disconnected` or `Closed`), or if they request a
    /// wait. Other errors may be about the message, and count once. In order, they count each time, because only the first message is
    /// tried. Such errors use up the attempts of the message until three messages have failed.
    ///
    /// A target also pauses for as long as it requested ([`Error::retry_after`]), at most a day. No other message and no other worker
    /// shortens that, and only [`resume`](Self::resume) ends it early. The beginning of a pause is logged at WARN. Messages of a target
    /// that is paused or disabled are dead after their deadline, too. Workers look for such messages each minute.
    ///
    /// If a message in order is refused, and the reason may concern all messages, the next message is tried. If the target accepts that,
    /// the refused message is dead.
    ///
    /// Several workers may run on one store, in several processes. A worker that crashes loses nothing: its messages are due again
    /// when their leases end. Messages that it had sent without recording the result are then sent again.
    ///
    /// Returns an error of kind [`Timeout`](cloudevents_core::ErrorKind::Timeout) if attempts, or recording their results, took longer than
    /// [`OutboxOptions::drain`] at the end. Returns errors of the store that are not temporary. Faults that an operator can repair while
    /// the worker runs are temporary: see [`is_ready`](Self::is_ready). Needs a tokio runtime with its timer.
    pub fn run<R: Route>(
        &self,
        route: R,
        options: OutboxOptions,
    ) -> Run<impl Future<Output = Result<(), Error>> + use<S, R>> {
        let (stop, stopped) = watch::channel(false);
        let shared = (Arc::clone(&self.store), self.wake.subscribe(), Arc::clone(&self.tally));
        Run::new(worker::run(shared, route, options, stopped), stop)
    }

    /// Counts of messages that the workers of this outbox have handled.
    pub fn metrics(&self) -> OutboxMetrics {
        self.tally.snapshot()
    }

    /// Whether the workers of this outbox reach the store: the last claim, settlement and renewal of each has succeeded. A worker waits for
    /// a store that fails, even if an operator has to repair it, such as a login that is refused. Targets that fail do not count: see
    /// [`targets`](Self::targets).
    pub fn is_ready(&self) -> bool {
        self.tally.away.load(Ordering::Relaxed) == 0
    }

    /// Counts the messages of the store. May read all of them.
    pub async fn counts(&self) -> Result<Counts, Error> {
        self.store.counts().await
    }

    /// Returns messages, sorted by number.
    pub async fn find(&self, query: Query) -> Result<Vec<Record>, Error> {
        self.store.find(query).await
    }

    /// Returns the last attempts at the message with this number, the earliest first: at least the last 32, if there were as many.
    pub async fn attempts(&self, number: u64) -> Result<Vec<Attempt>, Error> {
        self.store.attempts(number).await
    }

    /// Sends messages that were delivered or are dead once more, with new attempts and a new deadline. Returns their number.
    pub async fn replay(&self, query: Query) -> Result<u64, Error> {
        let replayed = self.store.replay(query, self.clock.now()).await?;
        self.wake();
        Ok(replayed)
    }

    /// Returns the targets that failed since their last success, and the disabled targets: at most 1,000 after this name.
    pub async fn targets(&self, after: &str) -> Result<Vec<Target>, Error> {
        self.store.targets(after.into()).await
    }

    /// Stops sending to a target until it is [resumed](Self::resume). Its messages wait, and have their deadlines.
    pub async fn disable(&self, target: &str, reason: &str) -> Result<(), Error> {
        let health = Health { is_disabled: true, reason: reason.into(), ..Health::default() };
        self.store.set_health(target.into(), health).await
    }

    /// Ends the pause of a target, or enables it. Its messages are due again, except for messages that wait for an attempt of their own.
    ///
    /// A sender that remembers the pause by itself would request it again. So resume the target there first, in each process.
    pub async fn resume(&self, target: &str) -> Result<(), Error> {
        self.store.set_health(target.into(), Health::default()).await?;
        self.wake();
        Ok(())
    }
}

/// What a receiver needs of an outbox.
pub(crate) struct Parts<S> {
    pub(crate) store: Arc<S>,
    pub(crate) clock: Clock,
    /// Changes when a message was enqueued.
    pub(crate) wake: watch::Receiver<()>,
}

impl<S> Outbox<S> {
    pub(crate) fn parts(&self) -> Parts<S> {
        Parts { store: Arc::clone(&self.store), clock: self.clock.clone(), wake: self.wake.subscribe() }
    }
}

impl<S> Clone for Outbox<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            wake: self.wake.clone(),
            tally: Arc::clone(&self.tally),
        }
    }
}
