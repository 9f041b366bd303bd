//! The ledger of a log receiver: which messages were taken, are settled, will be delivered again, and can be
//! committed.

use super::{
    books::{Books, Held, Waiting},
    epoch::{Epoch, Mark},
    options::LogOptions,
    partitions::Account,
    record::Entry,
};
use crate::{
    Counters, DeadLetter, InFlight, LetterBox, Outcome, Partition, Settlement,
    binding::{Ownership, Resolver},
    deadline::later,
    observing::LETTERS,
    receiving::dead_letter_sink::{Letters, Rejected},
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, futures::Notified},
    time::Instant,
};

/// Tracks the messages of one log receiver.
///
/// Clones share the state: the receiver has one, the owner of the connection another.
///
/// Only [`leave`](Self::leave) waits.
///
/// **Marks** are offsets that can be committed: everything before them is settled. The owner of the
/// connection takes them with [`marks`](Self::marks), at an interval or when it is
/// [notified](Self::notifying), whether or not the program receives messages meanwhile. Only the last one
/// matters. Marks of a partition grow, unless its [offsets go back](Self::take).
///
/// **Bounds**: messages that wait to be delivered again or are on their way to the dead-letter sink are
/// bounded by count and by bytes ([`LogOptions::waiting`]). No partition is received further ahead of its
/// watermark than [`LogOptions::max_lead`]. At the bounds, no new messages are taken.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use cloudevents_core::{Decoded, Event, Message};
/// use cloudevents_transport::{Partition, Raw, Received, binding::log::{Ledger, LogOptions, Record}};
///
/// let ledger = Ledger::new(LogOptions::default().dropping_rejected())?;
/// let partition = Partition::new("orders", 0);
/// ledger.assign(partition.clone(), 7);
///
/// let message = Message::from(Event::builder().id("1").source("/s").ty("t").build()?);
/// let received = Received::new(Ok(Decoded::clean(message)), Raw::default());
/// let incoming = ledger.take(Record::new(partition.clone(), 7, received));
/// assert_eq!((ledger.outstanding(), ledger.position(&partition)), (1, Some(8)));
///
/// drop(incoming); // given back
/// assert_eq!((ledger.outstanding(), ledger.watermark(&partition)), (0, Some(7)));
/// assert!(ledger.redeliver().is_some());
/// assert_eq!(ledger.revoke(&partition), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Ledger(pub(super) Arc<Shared>);

pub(super) struct Shared {
    options: LogOptions,
    rejected: Rejected,
    runtime: Handle,
    books: Mutex<Books>,
    changed: Notify,
    /// Wakes threads that wait in `leave`.
    settled: Condvar,
    /// Called when there are marks.
    notify: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Ledger {
    /// Creates an empty ledger.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported): if the options do not decide about rejected messages, and outside a
    /// tokio runtime.
    pub fn new(options: LogOptions) -> Result<Self, Error> {
        let rejected = options.rejected()?;
        let runtime = Handle::try_current().map_err(|error| {
            Error::new(ErrorKind::Unsupported)
                .with_detail("a log receiver needs a tokio runtime")
                .with_source(error)
        })?;
        let books = Books { letters: Letters::of(&rejected), ..Books::default() };
        let books = Mutex::new(books);
        Ok(Self(Arc::new(Shared {
            options,
            rejected,
            runtime,
            books,
            changed: Notify::new(),
            settled: Condvar::new(),
            notify: OnceLock::new(),
        })))
    }

    /// Sets a function to call when there are new [`marks`](Self::marks).
    ///
    /// It is called once, and again only after the marks were taken. It is called while settling, from any task, so it should only wake a
    /// thread (`unpark`) or a task (`Notify::notify_one`). Only the first call of this method has an effect.
    ///
    /// A client that commits at intervals needs no notification. A client that acknowledges as soon as
    /// possible does.
    pub fn notifying(&self, notify: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.notify.set(Box::new(notify));
    }

    /// Starts receiving a partition from this offset.
    ///
    /// With 0, the client decides where to start, and the watermark begins at the first message. Messages taken from the partition before
    /// are revoked.
    ///
    /// Returns the assignment, for [`Record::under`](super::Record::under).
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

    /// [Starts to leave](Self::start_leaving) partitions, and waits up to `limit` until they have no [unsettled](Self::unsettled) messages.
    ///
    /// Returns the number of unsettled messages. While the receiver ends, it waits until the time for the end is over, if that is later.
    ///
    /// It blocks the thread. Use it in rebalance callbacks of a client that has its own thread, never in a
    /// task.
    pub fn leave(&self, partitions: &[Partition], limit: Duration) -> usize {
        self.start_leaving(partitions, limit);
        let mut books = self.books();
        books.threads = books.threads.saturating_add(1);
        let begun = Instant::now();
        while !books.closed && books.unsettled() > 0 {
            let ending =
                books.finishes.map_or(Duration::ZERO, |until| until.saturating_duration_since(begun));
            let left = limit.max(ending).saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            let waited = self.0.settled.wait_timeout(books, left);
            (books, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        books.threads = books.threads.saturating_sub(1);
        books.unsettled()
    }

    /// Prepares to revoke partitions at this time from now.
    ///
    /// No more of their messages are taken, and released messages do not come again here. A message that waits for its next attempt comes
    /// again if the attempt is due before. Otherwise settled messages behind it would come again to the next owner. For a partition that
    /// leaves already, the time stays.
    pub fn start_leaving(&self, partitions: &[Partition], limit: Duration) {
        let mut books = self.books();
        let until = later(Instant::now(), limit);
        partitions.iter().for_each(|partition| books.leave(partition, until));
        self.0.notify(books);
    }

    /// The number of unsettled messages of partitions that [leave](Self::start_leaving).
    ///
    /// These are messages that are delivered and not settled, or on their way to the dead-letter sink. Messages with settled messages
    /// behind them count, too, if they come again before.
    pub fn unsettled(&self) -> usize {
        self.books().unsettled()
    }

    /// Stops receiving a partition.
    ///
    /// Returns the offset to commit before giving it up, or `None` if it was not assigned.
    ///
    /// From now on, settling its messages is an error of kind [`Revoked`](ErrorKind::Revoked).
    pub fn revoke(&self, partition: &Partition) -> Option<u64> {
        let mut books = self.books();
        if books.finishes.is_some() {
            let ahead = books.accounts.of(partition).map_or(0, |account| account.watermark.ahead());
            books.in_vain = books.in_vain.saturating_add(ahead);
        }
        let offset = books.forget(partition)?;
        tracing::debug!(%partition, offset, "partition revoked");
        self.0.notify(books);
        Some(offset)
    }

    /// Sets the limit of deliveries that partitions share, and where to count.
    pub(crate) fn isolate(&self, in_flight: &InFlight, counters: &Arc<Counters>) {
        self.books().shared = Some((in_flight.clone(), Arc::clone(counters)));
    }

    /// The partitions of which no more messages should be taken now.
    ///
    /// These are the partitions that are as far ahead as [`LogOptions::max_lead`] allows. [`Receiver::run`](crate::Receiver::run) or a
    /// bridge (in no redrive) may receive from several partitions. Meanwhile, these are also the partitions with as many unsettled
    /// deliveries as there are permits left for others. They stay until they are at half of that.
    ///
    /// So if some partitions are blocked, there are permits for the others: *n* blocked ones share *n*/(*n* + 1) of them.
    pub fn held_back(&self) -> Vec<(Partition, Epoch)> {
        let mut books = self.books();
        books.hold_back(&self.0.options, true);
        let held_back = books.accounts.iter().filter(|account| account.held_back.is_some());
        held_back.map(|account| (account.partition.clone(), account.epoch)).collect()
    }

    /// Whether no more messages of this assignment should be taken now: it is [held back](Self::held_back).
    ///
    /// An assignment that is over is not held back: its messages are refused.
    pub fn is_held_back(&self, epoch: Epoch) -> bool {
        let mut books = self.books();
        books.hold_back(&self.0.options, true);
        books.accounts.under(epoch).is_some_and(|account| account.held_back.is_some())
    }

    /// Whether nothing is taken at all because of unsettled messages. If partitions do not share the permits: whether nothing is taken of
    /// one of them.
    pub(crate) fn is_held_up(&self, holds_back: bool) -> bool {
        let mut books = self.books();
        let is_held_back = holds_back && {
            books.hold_back(&self.0.options, true);
            let mut held_back = books.accounts.iter().map(|account| account.held_back.is_some());
            match books.shared {
                Some(_) => held_back.next() == Some(true) && held_back.all(|is_held_back| is_held_back),
                None => held_back.any(|is_held_back| is_held_back),
            }
        };
        is_held_back || self.0.is_full(&mut books, holds_back)
    }

    /// When the next message is due to be delivered again, as far as known.
    pub fn due(&self) -> Option<Instant> {
        self.books().delayed.first_key_value().map(|((due, _), _)| *due)
    }

    /// Whether the bounds are reached, so that no new messages should be taken.
    pub fn is_full(&self) -> bool {
        self.0.is_full(&mut self.books(), false)
    }

    /// Returns the watermarks that have moved since the last call.
    pub fn marks(&self) -> Vec<Mark> {
        let mut books = self.books();
        books.notified = false;
        let mut moved = Vec::new();
        for account in books.accounts.iter_mut() {
            let offset = account.watermark.offset();
            if account.marked != Some(offset) {
                account.marked = Some(offset);
                moved.push(Mark { partition: account.partition.clone(), epoch: account.epoch, offset });
            }
        }
        moved
    }

    /// The watermark of a partition, while it is assigned: everything before it is settled.
    pub fn watermark(&self, partition: &Partition) -> Option<u64> {
        self.books().accounts.of(partition).map(|account| account.watermark.offset())
    }

    /// The offset to continue reading at in a partition, while it is assigned: after the last message taken.
    pub fn position(&self, partition: &Partition) -> Option<u64> {
        self.books().accounts.of(partition).map(|account| account.watermark.position())
    }

    /// The number of messages that are delivered and not settled, or on their way to the dead-letter sink.
    ///
    /// Messages of a partition that was revoked do not count: they cannot be settled any more.
    pub fn outstanding(&self) -> usize {
        self.books().outstanding()
    }

    /// The number of messages of a partition that are settled behind an unsettled one: they come again if it is given up now.
    pub fn ahead(&self, partition: &Partition) -> usize {
        self.books().accounts.of(partition).map_or(0, |account| account.watermark.ahead())
    }

    /// The number of messages that are settled behind an unsettled one. They come again if the receiver ends now. Messages of partitions
    /// that were given up while it ends count, too.
    pub(crate) fn settled_ahead(&self) -> usize {
        let of = |account: &Account| account.watermark.ahead();
        let books = self.books();
        books.accounts.iter().map(of).fold(books.in_vain, usize::saturating_add)
    }

    /// Nothing more is received: delivered messages are settled within this time, if they can be.
    pub(crate) fn finish(&self, within: Duration) {
        let mut books = self.books();
        books.finishes = books.finishes.max(Some(later(Instant::now(), within)));
        self.0.notify(books);
    }

    /// The dead letters that the sink has not stored yet.
    pub(crate) fn letters(&self) -> LetterBox {
        self.books().letters.missing()
    }

    /// Ready when the ledger has changed since this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        let changed = self.0.changed.notified();
        self.books().watched = true;
        changed
    }

    pub(crate) fn start_draining(&self) {
        let mut books = self.books();
        books.draining = true;
        books.letters.leave();
        self.0.notify(books);
    }

    /// Closes the ledger: the receiver is gone, so nothing is committed any more.
    pub(crate) fn close(&self) {
        let mut books = self.books();
        books.closed = true;
        books.letters.leave();
        books.released.clear();
        books.delayed.clear();
        books.waiting = Waiting::default();
        self.0.notify(books);
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, held: Held, how: Settlement) -> Outcome {
        let mut books = self.books();
        let outcome = match how {
            Settlement::Accept => Outcome::ready(books.pass(&held, true)),
            Settlement::Release => {
                // If its partition was revoked meanwhile, that is not a failure: it is delivered again
                // elsewhere.
                if books.take_back(&held).is_ok() {
                    books.release(held);
                }
                Outcome::done()
            }
            Settlement::Retry { after } => {
                let result = books.take_back(&held);
                if result.is_ok() {
                    books.retry(held, after);
                }
                Outcome::ready(result)
            }
            Settlement::Reject { reason, attempt } => self.reject(&mut books, held, reason.into(), attempt),
        };
        self.0.notify(books);
        outcome
    }

    fn reject(&self, books: &mut Books, held: Held, reason: Arc<str>, attempt: u32) -> Outcome {
        if let Err(error) = books.check(&held) {
            books.returned(&held);
            return Outcome::ready(Err(error));
        }
        let Rejected::Sink(sink) = &self.0.rejected else {
            return Outcome::ready(books.pass(&held, true));
        };
        let Entry { partition, offset, received } = &held.entry;
        tracing::debug!(%partition, offset, %reason, "to the dead-letter sink");
        let letter = DeadLetter::new(received.clone(), reason, attempt);
        let (message, first) = (Some(held.ownership.clone()), self.0.options.sink_backoff);
        let (resolver, outcome) = Outcome::channel();
        let putting = sink.put(&self.0.runtime, letter, first, message, &books.letters, resolver);
        books.waiting.add(&held);
        if let Some(account) = books.account(&held) {
            account.rejected = account.rejected.max(Some(held.entry.offset));
        }
        let sinking = Sinking { ledger: self.clone(), open: Some(held) };
        self.0.runtime.spawn(async move {
            let (result, resolver) = putting.await;
            sinking.end(result, resolver);
        });
        outcome
    }

    /// Handles the sink's result for a message.
    fn rejected(&self, held: Held, result: Result<(), Error>, resolver: Resolver) {
        let mut books = self.books();
        books.waiting.remove(&held);
        let result = match result {
            Ok(()) => books.pass(&held, true),
            // Its runtime has ended, or another consumer has the message.
            Err(error) => books.take_back(&held).and_then(|()| {
                tracing::warn!(target: LETTERS, partition = %held.entry.partition, offset = held.entry.offset, %error, "the dead-letter sink declined a message");
                books.retry(held, self.0.options.sink_backoff);
                Err(error)
            }),
        };
        self.0.notify(books);
        resolver.resolve(result);
    }
}

/// A message on its way to the dead-letter sink. It cannot get lost: if the sink panics or its runtime ends,
/// it counts as declined.
struct Sinking {
    ledger: Ledger,
    open: Option<Held>,
}

impl Sinking {
    fn end(mut self, result: Result<(), Error>, resolver: Resolver) {
        if let Some(held) = self.open.take() {
            self.ledger.rejected(held, result, resolver);
        }
    }
}

impl Drop for Sinking {
    fn drop(&mut self) {
        if let Some(held) = self.open.take() {
            let error = Error::new(ErrorKind::Transport).with_detail(
                "the dead-letter sink ended without a result: it panicked, or its runtime has ended",
            );
            self.ledger.rejected(held, Err(error), Resolver::spent());
        }
    }
}

impl Shared {
    /// Unlocks the ledger, and wakes everything that waits for a change.
    pub(super) fn notify(&self, mut books: MutexGuard<'_, Books>) {
        let watched = std::mem::take(&mut books.watched);
        let threads = books.threads;
        // Called once, until the marks are taken.
        let notify = self.notify.get().filter(|_| books.has_marks && !books.notified);
        books.has_marks = false;
        books.notified |= notify.is_some();
        drop(books);
        if let Some(notify) = notify {
            notify();
        }
        if watched {
            self.changed.notify_waiters();
        }
        if threads > 0 {
            self.settled.notify_all();
        }
    }

    pub(super) fn is_full(&self, books: &mut Books, holds_back: bool) -> bool {
        let is_ahead = !holds_back && {
            books.hold_back(&self.options, false);
            books.accounts.iter().any(|account| account.held_back.is_some())
        };
        is_ahead || books.waiting.reaches(self.options.waiting)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = self.books();
        f.debug_struct("Ledger")
            .field(
                "partitions",
                &books.accounts.iter().map(|account| account.partition.to_string()).collect::<Vec<_>>(),
            )
            .field("outstanding", &books.outstanding())
            .field("waiting", &books.waiting)
            .finish_non_exhaustive()
    }
}

/// Settles one message of a ledger.
pub(crate) struct Ticket {
    pub(super) ledger: Ledger,
    pub(super) held: Held,
}

impl Ticket {
    pub(crate) fn settle(self, how: Settlement) -> Outcome {
        self.ledger.settle(self.held, how)
    }

    /// Settles it for good: it shows nowhere if it comes again.
    pub(crate) fn pass_over(self) -> Outcome {
        let mut books = self.ledger.books();
        let passed = books.pass(&self.held, false);
        self.ledger.0.notify(books);
        Outcome::ready(passed)
    }

    pub(crate) fn place(&self) -> (u64, u64) {
        (self.held.epoch.0, self.held.entry.offset)
    }

    /// Whether a message behind it is settled, or will be.
    pub(crate) fn is_overtaken(&self) -> bool {
        let mut books = self.ledger.books();
        books.account(&self.held).is_some_and(|account| account.has_overtaken(self.held.entry.offset))
    }

    /// Whether its partition is assigned, not about to be revoked, and has the message.
    pub(crate) fn is_current(&self) -> bool {
        let mut books = self.ledger.books();
        books.check(&self.held).is_ok() && !books.is_leaving(&self.held)
    }

    /// Whether it can be settled at this time, as far as is known: its partition has the message, and is not about to be revoked before.
    pub(crate) fn stays_until(&self, time: Instant) -> bool {
        let mut books = self.ledger.books();
        books.check(&self.held).is_ok() && books.stays_until(&self.held, time)
    }

    pub(crate) fn ownership(&self) -> &Ownership {
        &self.held.ownership
    }

    /// Whether it was released before.
    pub(crate) fn was_released(&self) -> bool {
        self.held.releases > 0
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::Record, *};
    use crate::{Raw, Received, binding::Incoming};

    fn garbage() -> Received {
        Received::new(Err(Error::new(ErrorKind::InvalidDocument)), Raw::default())
    }

    fn garbage_at(offset: u64) -> Received {
        let error = Error::new(ErrorKind::InvalidDocument);
        Received::new(Err(error), Raw { offset: Some(offset), ..Raw::default() })
    }

    #[tokio::test]
    async fn only_messages_of_the_current_assignment_are_taken() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let partition = Partition::new("t", 0);
        let record = |offset| Record::new(partition.clone(), offset, garbage());
        assert!(ledger.take(record(5)).is_none()); // not assigned
        let before = ledger.assign(partition.clone(), 0);
        let epoch = ledger.assign(partition.clone(), 5);
        assert!(ledger.take(record(5).under(before)).is_none());
        let five = ledger.take(record(5).under(epoch)).unwrap();
        five.token.settle(Settlement::Accept).await.unwrap();
        let marks = ledger.marks();
        assert_eq!((ledger.outstanding(), marks.len()), (0, 1));
        assert_eq!((&marks[0].partition, marks[0].epoch, marks[0].offset), (&partition, epoch, 6));
        assert!(ledger.marks().is_empty());
    }

    /// A log that was truncated, or whose topic was made again, has other messages at the same offsets.
    #[tokio::test]
    async fn offsets_that_go_back_are_taken_and_what_was_taken_before_is_revoked() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let partition = Partition::new("t", 0);
        let epoch = ledger.assign(partition.clone(), 995);
        let take =
            |offset| ledger.take(Record::new(partition.clone(), offset, garbage_at(offset)).under(epoch));
        let settle = |incoming: Option<Incoming>, how| incoming.unwrap().token.settle(how);
        settle(take(995), Settlement::Accept).await.unwrap();
        let [kept, waiting, held, released, retried] = [996, 997, 998, 999, 1000].map(take);
        for again in [waiting, released] {
            settle(again, Settlement::Release).await.unwrap();
        }
        settle(retried, Settlement::Retry { after: Duration::ZERO }).await.unwrap();
        assert_eq!(ledger.marks().pop().unwrap().offset, 996);
        assert_eq!((ledger.outstanding(), ledger.position(&partition)), (2, Some(1001)));

        // What is still there stays: 996 is delivered, and 997 waits.
        let first = take(998);
        assert_eq!((ledger.watermark(&partition), ledger.position(&partition)), (Some(996), Some(999)));
        assert_eq!(ledger.marks().pop().unwrap().offset, 996, "the committed offset is named again");
        let again = ledger.redeliver();
        assert_eq!(again.as_ref().and_then(|again| again.received.offset()), Some(997));
        assert!(ledger.redeliver().is_none() && ledger.due().is_none());
        let late = settle(held, Settlement::Accept).await.unwrap_err();
        assert_eq!((late.kind(), ledger.outstanding()), (ErrorKind::Revoked, 3));
        assert_eq!(ledger.books().accounts.of(&partition).unwrap().unsettled().messages, 3);
        for still in [kept, first] {
            settle(still, Settlement::Accept).await.unwrap();
        }
        assert_eq!(ledger.marks().pop().unwrap().offset, 997);
        // Back once more, behind everything that was taken.
        let lowest = take(990);
        assert_eq!(settle(again, Settlement::Accept).await.unwrap_err().kind(), ErrorKind::Revoked);
        assert_eq!((ledger.watermark(&partition), ledger.outstanding()), (Some(990), 1));
        settle(lowest, Settlement::Accept).await.unwrap();
        for offset in 991..1000 {
            settle(take(offset), Settlement::Accept).await.unwrap();
        }
        let mark = ledger.marks().pop().unwrap();
        assert_eq!((mark.epoch, mark.offset, ledger.outstanding()), (epoch, 1000, 0));
        assert_eq!(ledger.leave(std::slice::from_ref(&partition), Duration::ZERO), 0);
        assert_eq!(ledger.revoke(&partition), Some(1000));
    }

    /// A log that goes back again and again, a little further on each time, leaves something to know of each time only as long as a
    /// message from before can still be settled.
    #[tokio::test]
    async fn what_is_kept_of_going_back_is_bounded_by_what_is_unsettled() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let partition = Partition::new("t", 0);
        ledger.assign(partition.clone(), 0);
        let take = |offset| ledger.take(Record::new(partition.clone(), offset, garbage())).unwrap();
        let accept = async |incoming: Incoming| incoming.token.settle(Settlement::Accept).await;
        let kept = || ledger.books().accounts.of(&partition).unwrap().cuts.len();
        let (first, mut void) = (take(0), Vec::new());
        for offset in 1..1000 {
            // Behind the offset to which the log goes back next.
            void.push(take(offset + 2000));
            accept(take(offset)).await.unwrap();
            assert!(kept() <= 2, "{} at {offset}", kept());
        }
        accept(first).await.unwrap();
        accept(take(3000)).await.unwrap();
        accept(take(1500)).await.unwrap();
        assert_eq!(kept(), 0, "nothing from before is unsettled");
        for late in void {
            assert_eq!(accept(late).await.unwrap_err().kind(), ErrorKind::Revoked);
        }
        assert_eq!((ledger.outstanding(), ledger.watermark(&partition)), (0, Some(1501)));
    }

    #[tokio::test]
    async fn leaving_waits_for_what_is_delivered_and_delivers_nothing_more() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let (leaving, staying) = (Partition::new("t", 0), Partition::new("t", 1));
        for partition in [&leaving, &staying] {
            ledger.assign(partition.clone(), 0);
        }
        let take =
            |partition: &Partition, offset| ledger.take(Record::new(partition.clone(), offset, garbage()));
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
    async fn leaving_at_the_end_waits_until_the_time_for_it_is_over() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let partition = Partition::new("t", 0);
        ledger.assign(partition.clone(), 0);
        let take = |offset| ledger.take(Record::new(partition.clone(), offset, garbage())).unwrap();
        let (zero, one, two) = (take(0), take(1), take(2));
        one.token.settle(Settlement::Accept).await.unwrap();
        ledger.finish(Duration::from_secs(60));
        let thread = std::thread::spawn({
            let (ledger, partition) = (ledger.clone(), partition.clone());
            move || ledger.leave(&[partition], Duration::ZERO)
        });
        while !thread.is_finished() && ledger.books().threads == 0 {
            std::thread::yield_now();
        }
        zero.token.settle(Settlement::Accept).await.unwrap();
        two.token.settle(Settlement::Accept).await.unwrap();
        assert_eq!(thread.join().unwrap(), 0);
        assert_eq!((ledger.revoke(&partition), ledger.settled_ahead()), (Some(3), 0));
    }

    #[tokio::test]
    async fn a_receiver_that_is_gone_is_not_waited_for() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let partition = Partition::new("t", 0);
        ledger.assign(partition.clone(), 0);
        let held = ledger.take(Record::new(partition.clone(), 0, garbage())).unwrap();
        let thread = std::thread::spawn({
            let (ledger, partition) = (ledger.clone(), partition.clone());
            move || ledger.leave(&[partition], Duration::from_secs(60))
        });
        ledger.close();
        assert_eq!(thread.join().unwrap(), 1);
        drop(held);
    }
}
