//! What lies between the consumer's thread and the receiver.
//!
//! A receiver that asks for more takes messages out of librdkafka's queue by itself. While it does not, the thread does, which keeps the
//! consumer in its group: what it takes waits here.

use cloudevents_core::Error;
use cloudevents_transport::{
    Bounds, Partition,
    log::{Epoch, Record},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
};
use tokio::sync::{Notify, oneshot};

/// The most messages that the receiver takes at once. Until it takes more, they count as being here.
const AT_ONCE: usize = 64;

/// One message, the assignment it was fetched under, and its size.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) epoch: Epoch,
    pub(super) size: usize,
    pub(super) record: Record,
}

/// Messages on their way to the receiver, settlements and wishes on their way back. Nobody waits for its lock.
#[derive(Debug)]
pub(super) struct Handover {
    bounds: Bounds,
    state: Mutex<State>,
    arrived: Notify,
    thread: OnceLock<Thread>,
    stop: AtomicBool,
    /// There is something to take, or what was taken last still counts: saves a look that finds nothing.
    news: AtomicBool,
    /// The receiver has asked for more since the thread last looked.
    asked: AtomicBool,
}

#[derive(Debug)]
struct State {
    records: VecDeque<Fetched>,
    /// All that counts: these, and what the receiver took last.
    used: Bounds,
    taken: Bounds,
    error: Option<Error>,
    /// The thread has ended, and nothing comes any more.
    ended: bool,
    marks: BTreeMap<Partition, u64>,
    commits: Vec<oneshot::Sender<Result<(), Error>>>,
}

impl Handover {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State::new()),
            arrived: Notify::new(),
            thread: OnceLock::new(),
            stop: AtomicBool::new(false),
            news: AtomicBool::new(false),
            asked: AtomicBool::new(false),
        }
    }

    // The thread's side.

    /// The thread that is woken when there is something to do.
    pub(super) fn served_by(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// Whether this is that thread.
    pub(super) fn is_served_here(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    /// Whether the receiver has asked for more since this was last asked.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }

    /// Whether another message may be added. One that is added all the same is kept.
    pub(super) fn has_room(&self) -> bool {
        let room = self.room();
        room.messages > 0 && room.bytes > 0
    }

    /// How much more may be added.
    pub(super) fn room(&self) -> Bounds {
        let used = self.state().used;
        Bounds {
            messages: self.bounds.messages.max(1).saturating_sub(used.messages),
            bytes: self.bounds.bytes.max(1).saturating_sub(used.bytes),
        }
    }

    /// Whether it is half empty: time to fetch again.
    pub(super) fn is_low(&self) -> bool {
        self.state().is_low(self.bounds)
    }

    /// Adds all of these, in their order.
    pub(super) fn add(&self, fetched: &mut Vec<Fetched>) {
        if fetched.is_empty() {
            return;
        }
        let mut state = self.state();
        for one in fetched.drain(..) {
            add(&mut state.used, one.size);
            state.records.push_back(one);
        }
        self.news(state);
    }

    /// Tells the receiver of an error. One that it has not heard of yet stays.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.state();
        state.error.get_or_insert(error);
        self.news(state);
    }

    /// Drops what is there of partitions that are revoked, and of these assignments of them. What the receiver took last is refused by
    /// the ledger.
    pub(super) fn discard(&self, partitions: &[Partition], epochs: &[Epoch]) {
        let mut state = self.state();
        let State { records, used, taken, .. } = &mut *state;
        records.retain(|one| !epochs.contains(&one.epoch));
        *used = *taken;
        records.iter().for_each(|one| add(used, one.size));
        state.marks.retain(|partition, _| !partitions.contains(partition));
    }

    pub(super) fn take_marks(&self) -> BTreeMap<Partition, u64> {
        std::mem::take(&mut self.state().marks)
    }

    pub(super) fn take_commits(&self) -> Vec<oneshot::Sender<Result<(), Error>>> {
        std::mem::take(&mut self.state().commits)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The thread ends.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.commits.clear();
        self.news(state);
    }

    /// Gives the state back, and tells the receiver to look.
    fn news(&self, state: MutexGuard<'_, State>) {
        self.news.store(true, Ordering::Release);
        drop(state);
        self.arrive();
    }

    // The receiver's side.

    /// The receiver asks for more.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether taking is worth a look.
    pub(super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    /// Moves the next messages to the receiver, which is done with those it took before. None are there when none come; the end is an
    /// error of its own.
    pub(super) fn take(&self, records: &mut VecDeque<Record>) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let was_low = state.is_low(self.bounds);
        let done = std::mem::replace(&mut state.taken, NOTHING);
        state.used.messages = state.used.messages.saturating_sub(done.messages);
        state.used.bytes = state.used.bytes.saturating_sub(done.bytes);
        // Of this, the thread has to hear once.
        let wake = !was_low && state.is_low(self.bounds);
        // A part only, so that the thread has something to do, too.
        let most = Bounds { messages: (self.bounds.messages / 4).min(AT_ONCE), bytes: self.bounds.bytes / 4 };
        while let Some(Fetched { size, record, .. }) = state.records.pop_front() {
            records.push_back(record);
            add(&mut state.taken, size);
            if state.taken.messages >= most.messages || state.taken.bytes >= most.bytes {
                break;
            }
        }
        let none = state.taken.messages == 0;
        let ends = state.ended && none;
        if none && !ends {
            self.news.store(false, Ordering::Release);
        }
        drop(state);
        if wake {
            self.wake();
        }
        if ends { Err(ended()) } else { Ok(()) }
    }

    /// Wakes the receiver: there may be something here or in librdkafka's queue.
    pub(super) fn arrive(&self) {
        self.arrived.notify_one();
    }

    /// Answers when the receiver was woken since it was last asked.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(super) fn mark(&self, partition: &Partition, offset: u64) {
        let mut state = self.state();
        match state.marks.get_mut(partition) {
            Some(marked) => *marked = offset.max(*marked),
            None => _ = state.marks.insert(partition.clone(), offset),
        }
    }

    /// Asks for a commit of all marks; dropped, there will be no answer.
    pub(super) fn commit(&self) -> oneshot::Receiver<Result<(), Error>> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        if !state.ended {
            state.commits.push(answer);
        }
        drop(state);
        self.wake();
        answered
    }

    /// Nobody receives any more.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new() -> Self {
        Self {
            records: VecDeque::new(),
            used: NOTHING,
            taken: NOTHING,
            error: None,
            ended: false,
            marks: BTreeMap::new(),
            commits: Vec::new(),
        }
    }

    fn is_low(&self, bounds: Bounds) -> bool {
        self.used.messages <= bounds.messages / 2 && self.used.bytes <= bounds.bytes / 2
    }
}

const NOTHING: Bounds = Bounds { messages: 0, bytes: 0 };

/// One message more, of this size.
fn add(used: &mut Bounds, size: usize) {
    used.messages = used.messages.saturating_add(1);
    used.bytes = used.bytes.saturating_add(size);
}

#[cold]
pub(super) fn ended() -> Error {
    Error::new(cloudevents_core::ErrorKind::Closed).with_detail("the Kafka consumer has ended")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::{
        Raw,
        log::{Ledger, LogOptions},
    };

    fn partitions() -> (Ledger, [(Partition, Epoch); 2]) {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let both = [0, 1].map(|number| Partition::new("t", number));
        let assigned = both.map(|partition| (partition.clone(), ledger.assign(partition, 0)));
        (ledger, assigned)
    }

    fn add(handover: &Handover, (partition, epoch): &(Partition, Epoch), offset: u64) {
        let message = Err(Error::new(ErrorKind::NotACloudEvent));
        let record = Record::new(partition.clone(), offset, message, Raw::default());
        handover.add(&mut vec![Fetched { epoch: *epoch, size: 100, record }]);
    }

    /// How many were taken.
    fn take(handover: &Handover) -> usize {
        let mut records = VecDeque::new();
        handover.take(&mut records).unwrap();
        records.len()
    }

    #[tokio::test]
    async fn bounded_by_count_and_by_bytes() {
        let (_, [partition, _]) = partitions();
        let handover = Handover::new(Bounds { messages: 4, bytes: 1000 });
        for offset in 0..4 {
            assert!(handover.has_room());
            add(&handover, &partition, offset);
        }
        assert!(!handover.has_room() && !handover.is_low());
        assert_eq!(take(&handover), 1);
        assert!(!handover.has_room()); // the receiver has it, and may not be done with it
        assert_eq!(take(&handover), 1);
        assert!(handover.has_room() && !handover.is_low()); // not worth starting again
        assert_eq!(take(&handover), 1);
        assert!(handover.is_low());

        let handover = Handover::new(Bounds { messages: 100, bytes: 150 });
        add(&handover, &partition, 0);
        assert!(handover.has_room());
        add(&handover, &partition, 1);
        assert!(!handover.has_room());
    }

    #[tokio::test]
    async fn a_part_is_taken_at_once_by_count_and_by_bytes() {
        let (_, [partition, _]) = partitions();
        for (bounds, expected) in [
            (Bounds { messages: 12, bytes: 10_000 }, 3),
            (Bounds { messages: 1000, bytes: 800 }, 2),
            (Bounds { messages: 1, bytes: 1 }, 1),
            (Bounds { messages: 1000, bytes: 1_000_000 }, AT_ONCE),
        ] {
            let handover = Handover::new(bounds);
            for offset in 0..100 {
                add(&handover, &partition, offset);
            }
            assert_eq!(take(&handover), expected, "{bounds:?}");
        }
    }

    #[tokio::test]
    async fn a_revoked_partition_is_discarded() {
        let (_, [revoked, kept]) = partitions();
        let handover = Handover::new(Bounds { messages: 4, bytes: 1000 });
        for (partition, offset) in [(&kept, 0), (&revoked, 0), (&kept, 1), (&revoked, 1)] {
            add(&handover, partition, offset);
        }
        handover.mark(&revoked.0, 1);
        handover.mark(&kept.0, 1);
        assert_eq!(take(&handover), 1);
        handover.discard(std::slice::from_ref(&revoked.0), &[revoked.1]);
        assert_eq!(handover.room(), Bounds { messages: 2, bytes: 800 }); // one is here, and one was taken
        assert_eq!((take(&handover), take(&handover)), (1, 0));
        assert_eq!(handover.room(), Bounds { messages: 4, bytes: 1000 });
        assert_eq!(handover.take_marks(), BTreeMap::from([(kept.0, 1)]));
    }

    #[tokio::test]
    async fn there_is_news_until_nothing_is_found_and_the_last_is_given_back() {
        let (_, [partition, _]) = partitions();
        let handover = Handover::new(Bounds { messages: 4, bytes: 1000 });
        assert!(!handover.has_news());
        add(&handover, &partition, 0);
        assert!(handover.has_news());
        assert_eq!(take(&handover), 1);
        assert!(handover.has_news()); // what was taken still counts
        assert_eq!((take(&handover), handover.has_news()), (0, false));
        assert_eq!(handover.room(), Bounds { messages: 4, bytes: 1000 });
        handover.fail(Error::new(ErrorKind::Refused));
        assert!(handover.has_news());
    }

    #[tokio::test]
    async fn the_end_is_told_after_what_was_there() {
        let (_, [partition, _]) = partitions();
        let handover = Handover::new(Bounds::default());
        add(&handover, &partition, 0);
        let mut open = handover.commit();
        handover.end();
        assert!(open.try_recv().is_err());
        assert!(handover.commit().try_recv().is_err());
        assert_eq!(take(&handover), 1);
        assert_eq!(handover.take(&mut VecDeque::new()).unwrap_err().kind(), ErrorKind::Closed);
    }
}
