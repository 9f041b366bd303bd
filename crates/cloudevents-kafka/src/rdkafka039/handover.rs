//! The hand-over between the consumer's thread and the receiver.
//!
//! A receiver that requests more takes messages from librdkafka's queue by itself. While it does not, the
//! thread polls, which keeps the consumer in its group. The messages that the thread takes wait here.

use super::control::Seek;
use cloudevents_core::Error;
use cloudevents_transport::{
    Bounds,
    log::{Epoch, Record},
};
use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
};
use tokio::sync::{Notify, oneshot};

/// The most messages that the receiver takes at once. They count as waiting here until it takes more.
const AT_ONCE: usize = 64;

/// A message, the assignment under which it was fetched, and its size.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) epoch: Epoch,
    pub(super) size: usize,
    pub(super) record: Record,
}

/// Messages for the receiver, and requests for the thread. Settlements do not pass through here: the thread
/// takes marks from the ledger. The lock is held only briefly.
#[derive(Debug)]
pub(super) struct Handover {
    bounds: Bounds,
    state: Mutex<State>,
    arrived: Notify,
    thread: OnceLock<Thread>,
    stop: AtomicBool,
    /// Messages are waiting, or those taken last still count. Saves locking when there is nothing.
    news: AtomicBool,
    /// The receiver has requested more since the thread last checked.
    asked: AtomicBool,
}

#[derive(Debug)]
struct State {
    records: VecDeque<Fetched>,
    /// Everything that counts: the waiting messages, and those that the receiver took last.
    used: Bounds,
    taken: Bounds,
    error: Option<Error>,
    /// The thread has ended, and no more messages come.
    ended: bool,
    commits: Vec<oneshot::Sender<Result<(), Error>>>,
    seeks: Vec<Seek>,
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

    // Used by the thread.

    /// Sets the thread to be woken when there is work.
    pub(super) fn served_by(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// Whether the current thread is that thread.
    pub(super) fn is_served_here(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    /// Returns whether the receiver has requested more since the last call.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }

    /// Whether there is room for another message. A message added without room is kept.
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

    /// Whether it is half empty, so that fetching should resume.
    pub(super) fn is_low(&self) -> bool {
        self.state().is_low(self.bounds)
    }

    /// Adds these messages in order.
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

    /// Passes an error to the receiver. An earlier error that it has not taken yet stays.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.state();
        state.error.get_or_insert(error);
        self.news(state);
    }

    /// Drops the waiting messages of these revoked assignments. The ledger refuses those that the receiver
    /// took last.
    pub(super) fn discard(&self, epochs: &[Epoch]) {
        let mut state = self.state();
        let State { records, used, taken, .. } = &mut *state;
        records.retain(|one| !epochs.contains(&one.epoch));
        *used = *taken;
        records.iter().for_each(|one| add(used, one.size));
    }

    pub(super) fn take_commits(&self) -> Vec<oneshot::Sender<Result<(), Error>>> {
        std::mem::take(&mut self.state().commits)
    }

    pub(super) fn take_seeks(&self) -> Vec<Seek> {
        std::mem::take(&mut self.state().seeks)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Marks the thread as ended.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.commits.clear();
        state.seeks.clear();
        self.news(state);
    }

    /// Unlocks the state and wakes the receiver.
    fn news(&self, state: MutexGuard<'_, State>) {
        self.news.store(true, Ordering::Release);
        drop(state);
        self.arrive();
    }

    // Used by the receiver.

    /// Records that the receiver requests more.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether it is worth trying to take messages.
    pub(super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    /// Moves the next messages to the receiver, which is done with those it took before. Returns none if
    /// none are waiting, and an error once the thread has ended.
    pub(super) fn take(&self, records: &mut VecDeque<Record>) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let was_low = state.is_low(self.bounds);
        let done = std::mem::replace(&mut state.taken, NOTHING);
        state.used.messages = state.used.messages.saturating_sub(done.messages);
        state.used.bytes = state.used.bytes.saturating_sub(done.bytes);
        // The thread must be woken once for this.
        let wake = !was_low && state.is_low(self.bounds);
        // Only a part, so that the thread keeps working too.
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

    /// Wakes the receiver: there may be messages here or in librdkafka's queue.
    pub(super) fn arrive(&self) {
        self.arrived.notify_one();
    }

    /// Returns when the receiver has been woken since the last call.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Returns when the thread has ended, and with it the membership of the group.
    pub(super) async fn ended(&self) {
        while !self.state().ended {
            self.arrived().await;
        }
    }

    /// Requests a commit of all marks. The channel closes without a result if the thread has ended.
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

    /// Requests a seek. Its channel closes without a result if the thread has ended.
    pub(super) fn seek(&self, seek: Seek) {
        let mut state = self.state();
        if !state.ended {
            state.seeks.push(seek);
        }
        drop(state);
        self.wake();
    }

    /// Stops the thread.
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
            commits: Vec::new(),
            seeks: Vec::new(),
        }
    }

    fn is_low(&self, bounds: Bounds) -> bool {
        self.used.messages <= bounds.messages / 2 && self.used.bytes <= bounds.bytes / 2
    }
}

const NOTHING: Bounds = Bounds { messages: 0, bytes: 0 };

/// Adds one message of this size.
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
        Partition, Raw, Received,
        log::{Ledger, LogOptions},
    };

    fn partitions() -> (Ledger, [(Partition, Epoch); 2]) {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let both = [0, 1].map(|number| Partition::new("t", number));
        let assigned = both.map(|partition| (partition.clone(), ledger.assign(partition, 0)));
        (ledger, assigned)
    }

    fn add(handover: &Handover, (partition, epoch): &(Partition, Epoch), offset: u64) {
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), Raw::default());
        let record = Record::new(partition.clone(), offset, received);
        handover.add(&mut vec![Fetched { epoch: *epoch, size: 100, record }]);
    }

    /// Returns how many messages were taken.
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
        assert!(!handover.has_room()); // the receiver has it, and may still be using it
        assert_eq!(take(&handover), 1);
        assert!(handover.has_room() && !handover.is_low()); // too little room to resume fetching
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
        assert_eq!(take(&handover), 1);
        handover.discard(&[revoked.1]);
        assert_eq!(handover.room(), Bounds { messages: 2, bytes: 800 }); // one is waiting, and one was taken
        assert_eq!((take(&handover), take(&handover)), (1, 0));
        assert_eq!(handover.room(), Bounds { messages: 4, bytes: 1000 });
    }

    #[tokio::test]
    async fn there_is_news_until_nothing_is_found_and_the_last_is_given_back() {
        let (_, [partition, _]) = partitions();
        let handover = Handover::new(Bounds { messages: 4, bytes: 1000 });
        assert!(!handover.has_news());
        add(&handover, &partition, 0);
        assert!(handover.has_news());
        assert_eq!(take(&handover), 1);
        assert!(handover.has_news()); // the message taken still counts
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
