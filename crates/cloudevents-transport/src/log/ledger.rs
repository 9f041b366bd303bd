//! The books of a log receiver: what was taken, what is settled, what comes again, what can be committed.

use super::{
    accounts::{Account, Accounts},
    dead_letter::{DeadLetter, LogOptions, Rejected},
    record::{Entry, Record},
};
use crate::{Incoming, Outcome, Partition, Resolver, Settlement, Token, content::Content};
use cloudevents_core::{Error, ErrorKind};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, futures::Notified},
    time::Instant,
};

/// Keeps the books of one log receiver. Clones share them: the intake has one, the rebalance callbacks of the client another.
///
/// No method but [`leave`](Self::leave) waits for anything.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use cloudevents_core::{Decoded, Event, Message};
/// use cloudevents_transport::{Partition, Raw, log::{Ledger, LogOptions, Record}};
///
/// let ledger = Ledger::new(LogOptions::default().dropping_rejected())?;
/// let partition = Partition::new("orders", 0);
/// ledger.assign(partition.clone(), 7);
///
/// let message = Message::from(Event::builder().id("1").source("/s").ty("t").build()?);
/// let incoming = ledger.take(Record::new(partition.clone(), 7, Ok(Decoded::clean(message)), Raw::default()));
/// assert_eq!((ledger.outstanding(), ledger.position(&partition)), (1, Some(8)));
///
/// drop(incoming); // given back
/// assert_eq!((ledger.outstanding(), ledger.watermark(&partition)), (0, Some(7)));
/// assert!(ledger.redeliver().is_some());
/// assert_eq!(ledger.revoke(&partition), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    options: LogOptions,
    rejected: Rejected,
    runtime: Handle,
    books: Mutex<Books>,
    changed: Notify,
    /// The same for threads.
    settled: Condvar,
}

#[derive(Default)]
struct Books {
    accounts: Accounts,
    /// Given back: they come again at once, in their order.
    released: BTreeMap<(Partition, u64), Held>,
    /// To be retried: by when they are due, then in the order they were settled.
    delayed: BTreeMap<(Instant, u64), Held>,
    /// Delivered and not settled, or on the way to the sink.
    outstanding: usize,
    /// Counts assignments and retries.
    sequence: u64,
    draining: bool,
    closed: bool,
    /// Somebody may wait for a change, and so many threads do: waking costs nothing when nobody does.
    watched: bool,
    threads: usize,
}

/// One assignment of a partition. Messages that a client has fetched under an earlier one are refused, even when the partition has come
/// back in the meantime: what lay before them may not have been fetched.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::{Partition, Raw, log::{Ledger, LogOptions, Record}};
///
/// let ledger = Ledger::new(LogOptions::default().dropping_rejected())?;
/// let partition = Partition::new("orders", 0);
/// let record = |offset| {
///     Record::new(partition.clone(), offset, Err(Error::new(ErrorKind::NotACloudEvent)), Raw::default())
/// };
/// let before = ledger.assign(partition.clone(), 0);
/// let late = record(5).under(before);
/// ledger.revoke(&partition);
/// let now = ledger.assign(partition.clone(), 0);
/// assert!(ledger.take(late).is_none());
/// assert!(ledger.take(record(0).under(now)).is_some());
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub(super) u64);

/// What a receiver does next.
#[allow(clippy::large_enum_variant)] // it is taken apart at once
pub(crate) enum Turn {
    /// Nothing more: it is drained.
    Over,
    /// This message comes again.
    Again(Incoming),
    /// Wait: so many messages wait to come again that nothing else is taken.
    Full,
    /// Take what is new.
    Free,
}

/// A message that was taken.
#[derive(Debug)]
struct Held {
    entry: Arc<Entry>,
    epoch: Epoch,
    attempt: u32,
}

impl Ledger {
    /// Empty books.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported): when the options leave open what becomes of rejected messages,
    /// and outside a tokio runtime.
    pub fn new(options: LogOptions) -> Result<Self, Error> {
        let rejected = options.rejected()?;
        let runtime = Handle::try_current().map_err(|error| {
            Error::new(ErrorKind::Unsupported)
                .with_detail("a log receiver needs a tokio runtime")
                .with_source(error)
        })?;
        let books = Mutex::default();
        Ok(Self(Arc::new(Shared {
            options,
            rejected,
            runtime,
            books,
            changed: Notify::new(),
            settled: Condvar::new(),
        })))
    }

    /// Starts to receive a partition from this offset, or from wherever the client starts when it is 0: the watermark follows the first
    /// message. What was taken of it before is revoked.
    ///
    /// The answer is for [`Record::under`].
    pub fn assign(&self, partition: Partition, offset: u64) -> Epoch {
        let mut books = self.books();
        books.forget(&partition);
        books.sequence = books.sequence.saturating_add(1);
        let epoch = Epoch(books.sequence);
        tracing::debug!(%partition, offset, "partition assigned");
        books.accounts.open(partition, epoch, offset);
        self.0.notify(books);
        epoch
    }

    /// Prepares partitions to be revoked: of these, nothing more is delivered, and what was retried or released does not come again
    /// here. Waits so long for what is delivered to be settled; the answer is how many deliveries are still not.
    ///
    /// It blocks the thread: for the rebalance callbacks of a client on a thread of its own, never for a task.
    pub fn leave(&self, partitions: &[Partition], limit: Duration) -> usize {
        let mut books = self.books();
        for partition in partitions {
            books.forget_waiting(partition);
            if let Some(account) = books.accounts.of_mut(partition) {
                account.leaving = true;
            }
        }
        let unsettled = |books: &Books| -> usize {
            let of = |partition| books.accounts.of(partition).map_or(0, |account| account.outstanding);
            partitions.iter().map(of).fold(0, usize::saturating_add)
        };
        books.threads = books.threads.saturating_add(1);
        let waited =
            self.0.settled.wait_timeout_while(books, limit, |books| !books.closed && unsettled(books) > 0);
        let (mut books, _) = waited.unwrap_or_else(PoisonError::into_inner);
        books.threads = books.threads.saturating_sub(1);
        unsettled(&books)
    }

    /// Ends receiving a partition. The answer is the offset to commit before it is given up; `None` when it was not assigned.
    ///
    /// From now on, settling what was taken of it is an error of kind [`Revoked`](ErrorKind::Revoked).
    pub fn revoke(&self, partition: &Partition) -> Option<u64> {
        let mut books = self.books();
        let offset = books.forget(partition)?;
        tracing::debug!(%partition, offset, "partition revoked");
        self.0.notify(books);
        Some(offset)
    }

    /// Takes a message. `None` when its partition is not assigned, or not any more, or when it was taken before.
    pub fn take(&self, record: Record) -> Option<Incoming> {
        let mut books = self.books();
        let Record { entry, epoch } = record;
        let account = match epoch {
            Some(epoch) => books.accounts.under(epoch)?,
            None => books.accounts.of_mut(&entry.partition)?,
        };
        if account.leaving || !account.watermark.take(entry.offset) {
            return None;
        }
        let epoch = account.epoch;
        account.outstanding = account.outstanding.saturating_add(1);
        books.outstanding = books.outstanding.saturating_add(1);
        drop(books);
        Some(self.deliver(Held { entry, epoch, attempt: 1 }))
    }

    /// The next message that comes again now.
    pub fn redeliver(&self) -> Option<Incoming> {
        let held = self.books().again()?;
        Some(self.deliver(held))
    }

    /// What to do next, in one look.
    pub(crate) fn turn(&self) -> Turn {
        let mut books = self.books();
        if books.draining {
            return Turn::Over;
        }
        if let Some(held) = books.again() {
            drop(books);
            return Turn::Again(self.deliver(held));
        }
        if self.0.is_full(&books) { Turn::Full } else { Turn::Free }
    }

    /// When the next message comes again, as far as is known now.
    pub fn due(&self) -> Option<Instant> {
        self.books().delayed.first_key_value().map(|((due, _), _)| *due)
    }

    /// Whether so many messages wait to come again that nothing else should be taken.
    pub fn is_full(&self) -> bool {
        self.0.is_full(&self.books())
    }

    /// The watermarks that moved since they were last [`marked`](Self::marked).
    pub fn marks(&self) -> Vec<(Partition, u64)> {
        let mut moved = Vec::new();
        for account in self.books().accounts.iter() {
            let offset = account.watermark.offset();
            if offset > account.marked {
                moved.push((account.partition.clone(), offset));
            }
        }
        moved
    }

    /// Notes that the client knows of this watermark.
    pub fn marked(&self, partition: &Partition, offset: u64) {
        if let Some(account) = self.books().accounts.of_mut(partition) {
            account.marked = account.marked.max(offset);
        }
    }

    /// How far a partition is done, while it is assigned.
    pub fn watermark(&self, partition: &Partition) -> Option<u64> {
        self.books().accounts.of(partition).map(|account| account.watermark.offset())
    }

    /// Where to read on in a partition, while it is assigned: behind the last message that was taken.
    pub fn position(&self, partition: &Partition) -> Option<u64> {
        self.books().accounts.of(partition).map(|account| account.watermark.position())
    }

    /// Messages that are delivered and not settled, or on their way to the dead-letter sink.
    pub fn outstanding(&self) -> usize {
        self.books().outstanding
    }

    /// Answers when anything in the books has changed since this was called.
    pub(crate) fn changed(&self) -> Notified<'_> {
        let changed = self.0.changed.notified();
        self.books().watched = true;
        changed
    }

    pub(crate) fn start_draining(&self) {
        self.books().draining = true;
    }

    /// Nobody is left to commit anything.
    pub(crate) fn close(&self) {
        let mut books = self.books();
        books.closed = true;
        books.released.clear();
        books.delayed.clear();
        self.0.notify(books);
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is in the books already.
    fn deliver(&self, held: Held) -> Incoming {
        let (content, attempt) = (Content::Kept(Arc::clone(&held.entry)), held.attempt);
        Incoming { content, attempt, token: Token::in_books(Ticket { ledger: self.clone(), held }) }
    }

    fn settle(&self, held: Held, how: Settlement) -> Outcome {
        let mut books = self.books();
        let outcome = match how {
            Settlement::Accept => Outcome::ready(books.pass(&held)),
            Settlement::Release => {
                // What nobody wants to settle is nobody's mistake.
                if books.take_back(&held).is_ok() {
                    books.release(held);
                }
                Outcome::done()
            }
            Settlement::Retry { after } if held.attempt < self.0.options.max_attempts => {
                let result = books.take_back(&held);
                if result.is_ok() {
                    books.delay(held, after);
                }
                Outcome::ready(result)
            }
            Settlement::Retry { .. } => {
                let reason = format!("given up after {} attempts", held.attempt);
                self.reject(&mut books, held, reason.into())
            }
            Settlement::Reject { reason } => self.reject(&mut books, held, reason.into()),
        };
        self.0.notify(books);
        outcome
    }

    fn reject(&self, books: &mut Books, held: Held, reason: Arc<str>) -> Outcome {
        if let Err(error) = books.check(&held) {
            books.returned(&held);
            return Outcome::ready(Err(error));
        }
        let Rejected::Sink(sink) = &self.0.rejected else {
            return Outcome::ready(books.pass(&held));
        };
        let Entry { partition, offset, message, .. } = &*held.entry;
        tracing::debug!(%partition, offset, %reason, "to the dead-letter sink");
        let letter = DeadLetter::new(message.clone(), Arc::clone(held.entry.raw()), reason, held.attempt);
        let (sink, ledger) = (Arc::clone(sink), self.clone());
        let (resolver, outcome) = Outcome::channel();
        self.0.runtime.spawn(async move {
            let result = sink.put(letter).await;
            ledger.rejected(held, result, resolver);
        });
        outcome
    }

    /// The sink has answered.
    fn rejected(&self, held: Held, result: Result<(), Error>, resolver: Resolver) {
        let mut books = self.books();
        let result = match result {
            Ok(()) => books.pass(&held),
            Err(error) => books.take_back(&held).and_then(|()| {
                tracing::warn!(partition = %held.entry.partition, offset = held.entry.offset, %error, "the dead-letter sink declined a message");
                books.delay(held, self.0.options.sink_backoff);
                Err(error)
            }),
        };
        self.0.notify(books);
        resolver.resolve(result);
    }
}

impl Shared {
    /// Gives the books back, and wakes whoever waits for a change.
    fn notify(&self, mut books: MutexGuard<'_, Books>) {
        let watched = std::mem::take(&mut books.watched);
        let threads = books.threads;
        drop(books);
        if watched {
            self.changed.notify_waiters();
        }
        if threads > 0 {
            self.settled.notify_all();
        }
    }

    fn is_full(&self, books: &Books) -> bool {
        books.delayed.len().saturating_add(books.released.len()) >= self.options.max_waiting.max(1)
    }
}

impl Books {
    /// Takes a partition out, with what waits to come again.
    fn forget(&mut self, partition: &Partition) -> Option<u64> {
        let account = self.accounts.close(partition)?;
        self.forget_waiting(partition);
        Some(account.watermark.offset())
    }

    fn forget_waiting(&mut self, partition: &Partition) {
        self.released.retain(|(other, _), _| other != partition);
        self.delayed.retain(|_, held| held.entry.partition != *partition);
    }

    /// Whether a message can still be settled.
    fn check(&mut self, held: &Held) -> Result<(), Error> {
        if self.closed {
            return Err(gone());
        }
        match self.accounts.under(held.epoch) {
            Some(_) => Ok(()),
            None => Err(revoked(held)),
        }
    }

    /// The message is not delivered any more; whether it can still be settled.
    fn take_back(&mut self, held: &Held) -> Result<(), Error> {
        let result = self.check(held);
        self.returned(held);
        result
    }

    /// The same, and it is done with. It looks once, for nearly every message comes here.
    fn pass(&mut self, held: &Held) -> Result<(), Error> {
        let closed = self.closed;
        self.outstanding = self.outstanding.saturating_sub(1);
        let account = self.account(held);
        let known = account.is_some();
        if let Some(account) = account {
            account.outstanding = account.outstanding.saturating_sub(1);
            if !closed {
                account.watermark.settle(held.entry.offset);
            }
        }
        match (closed, known) {
            (true, _) => Err(gone()),
            (false, true) => Ok(()),
            (false, false) => Err(revoked(held)),
        }
    }

    /// The next message that comes again now, which is delivered.
    fn again(&mut self) -> Option<Held> {
        let held = match self.released.pop_first() {
            Some((_, held)) => held,
            None => {
                let first = self.delayed.first_entry()?;
                if first.key().0 > Instant::now() {
                    return None;
                }
                let mut held = first.remove();
                held.attempt = held.attempt.saturating_add(1);
                held
            }
        };
        self.delivered(&held);
        Some(held)
    }

    /// The message comes again at once; of a partition that is about to be revoked, its next owner has it.
    fn release(&mut self, held: Held) {
        if !self.is_leaving(&held) {
            self.released.insert((held.entry.partition.clone(), held.entry.offset), held);
        }
    }

    /// The same after a while.
    fn delay(&mut self, held: Held, after: Duration) {
        if self.is_leaving(&held) {
            return;
        }
        self.sequence = self.sequence.saturating_add(1);
        let now = Instant::now();
        self.delayed.insert((now.checked_add(after).unwrap_or_else(|| far(now)), self.sequence), held);
    }

    fn is_leaving(&mut self, held: &Held) -> bool {
        self.account(held).is_some_and(|account| account.leaving)
    }

    fn delivered(&mut self, held: &Held) {
        self.outstanding = self.outstanding.saturating_add(1);
        if let Some(account) = self.account(held) {
            account.outstanding = account.outstanding.saturating_add(1);
        }
    }

    fn returned(&mut self, held: &Held) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if let Some(account) = self.account(held) {
            account.outstanding = account.outstanding.saturating_sub(1);
        }
    }

    /// The account that the message was taken under, if it is still there.
    fn account(&mut self, held: &Held) -> Option<&mut Account> {
        self.accounts.under(held.epoch)
    }
}

#[cold]
fn gone() -> Error {
    Error::new(ErrorKind::Closed).with_detail("the receiver is gone; the message comes again")
}

#[cold]
fn revoked(held: &Held) -> Error {
    Error::new(ErrorKind::Revoked).with_detail(held.entry.partition.to_string())
}

/// A time that does not come: for delays that cannot be added to now.
fn far(now: Instant) -> Instant {
    now.checked_add(Duration::from_secs(u64::from(u32::MAX))).unwrap_or(now)
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = self.books();
        f.debug_struct("Ledger")
            .field(
                "partitions",
                &books.accounts.iter().map(|account| account.partition.to_string()).collect::<Vec<_>>(),
            )
            .field("outstanding", &books.outstanding)
            .field("waiting", &books.delayed.len().saturating_add(books.released.len()))
            .finish_non_exhaustive()
    }
}

/// Settles one message of the ledger.
pub(crate) struct Ticket {
    ledger: Ledger,
    held: Held,
}

impl Ticket {
    pub(crate) fn settle(self, how: Settlement) -> Outcome {
        self.ledger.settle(self.held, how)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Raw;

    #[tokio::test]
    async fn only_what_is_new_of_what_is_assigned_is_taken() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let partition = Partition::new("t", 0);
        let record = |offset| {
            Record::new(
                partition.clone(),
                offset,
                Err(Error::new(ErrorKind::InvalidDocument)),
                Raw::default(),
            )
        };
        assert!(ledger.take(record(5)).is_none()); // not assigned
        ledger.assign(partition.clone(), 5);
        assert!(ledger.take(record(4)).is_none()); // done before
        let five = ledger.take(record(5)).unwrap();
        assert!(ledger.take(record(5)).is_none()); // held
        five.token.settle(Settlement::Accept).await.unwrap();
        assert!(ledger.take(record(5)).is_none()); // settled
        assert_eq!((ledger.outstanding(), ledger.marks()), (0, vec![(partition.clone(), 6)]));
        ledger.marked(&partition, 6);
        assert!(ledger.marks().is_empty());
    }

    #[tokio::test]
    async fn leaving_waits_for_what_is_delivered_and_delivers_nothing_more() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let (leaving, staying) = (Partition::new("t", 0), Partition::new("t", 1));
        for partition in [&leaving, &staying] {
            ledger.assign(partition.clone(), 0);
        }
        let take = |partition: &Partition, offset| {
            let error = Error::new(ErrorKind::InvalidDocument);
            ledger.take(Record::new(partition.clone(), offset, Err(error), Raw::default()))
        };
        let [zero, one, two, three] = [0, 1, 2, 3].map(|offset| take(&leaving, offset).unwrap());
        let other = take(&staying, 0).unwrap();
        three.token.settle(Settlement::Retry { after: Duration::ZERO }).await.unwrap();
        assert_eq!(ledger.leave(std::slice::from_ref(&leaving), Duration::ZERO), 3);
        assert!(take(&leaving, 4).is_none() && ledger.redeliver().is_none() && ledger.due().is_none());

        let thread = std::thread::spawn({
            let (ledger, leaving) = (ledger.clone(), leaving.clone());
            move || ledger.leave(&[leaving], Duration::from_secs(60))
        });
        zero.token.settle(Settlement::Accept).await.unwrap();
        one.token.settle(Settlement::Retry { after: Duration::ZERO }).await.unwrap();
        drop(two);
        assert_eq!(thread.join().unwrap(), 0);
        assert!(ledger.redeliver().is_none());
        assert_eq!(ledger.revoke(&leaving), Some(1));
        other.token.settle(Settlement::Accept).await.unwrap();
        assert_eq!(ledger.watermark(&staying), Some(1));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_receiver_that_is_gone() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let partition = Partition::new("t", 0);
        ledger.assign(partition.clone(), 0);
        let record =
            Record::new(partition.clone(), 0, Err(Error::new(ErrorKind::InvalidDocument)), Raw::default());
        let held = ledger.take(record).unwrap();
        let thread = std::thread::spawn({
            let (ledger, partition) = (ledger.clone(), partition.clone());
            move || ledger.leave(&[partition], Duration::from_secs(60))
        });
        ledger.close();
        assert_eq!(thread.join().unwrap(), 1);
        drop(held);
    }
}
