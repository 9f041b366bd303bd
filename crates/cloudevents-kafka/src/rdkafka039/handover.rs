//! The hand-over from the consumer's thread to the receiver.

use super::control::Seek;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Partition,
    binding::log::{Epoch, Record},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::Thread,
};
use tokio::sync::{Notify, oneshot};

/// The most messages that the receiver takes at once. They count as waiting here until it takes more.
const AT_ONCE: usize = 64;

/// Partitions of which the receiver takes nothing for now, and the assignments.
pub(super) type HeldBack = Vec<(Partition, Epoch)>;

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
}

#[derive(Debug, Default)]
struct State {
    /// The messages that wait, by assignment. No queue is empty.
    waiting: BTreeMap<Epoch, Queue>,
    /// The assignment whose messages were taken last: each has its turn.
    last: Option<Epoch>,
    /// The messages that the receiver took last.
    taken: Used,
    error: Option<Error>,
    /// The thread has ended, and no more messages come.
    ended: bool,
    commits: Vec<oneshot::Sender<Result<(), Error>>>,
    /// The records between the committed positions and the positions to be committed, when the thread looked last.
    uncommitted: u64,
    seeks: VecDeque<Seek>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Fetched>,
    used: Used,
}

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    messages: usize,
    bytes: usize,
}

impl Handover {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
            arrived: Notify::new(),
            thread: OnceLock::new(),
            stop: AtomicBool::new(false),
        }
    }

    // Used by the thread.

    /// Sets the thread to be woken when there is work.
    pub(super) fn served_by(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// How much more may be added, besides the messages of partitions that are held back. A message that is added beyond this is kept.
    pub(super) fn room(&self, held_back: &HeldBack) -> Bounds {
        let used = self.state().used(held_back);
        Bounds {
            messages: self.bounds.messages.max(1).saturating_sub(used.messages),
            bytes: self.bounds.bytes.max(1).saturating_sub(used.bytes),
        }
    }

    /// Whether it is half empty, so that fetching should resume.
    pub(super) fn is_low(&self, held_back: &HeldBack) -> bool {
        self.is_low_with(self.state().used(held_back))
    }

    fn is_low_with(&self, used: Used) -> bool {
        used.messages <= self.bounds.messages / 2 && used.bytes <= self.bounds.bytes / 2
    }

    /// Adds a message. The receiver is woken by [`arrive`](Self::arrive).
    pub(super) fn add(&self, fetched: Fetched) {
        let mut state = self.state();
        let queue = state.waiting.entry(fetched.epoch).or_default();
        queue.used.add(fetched.size);
        queue.messages.push_back(fetched);
    }

    /// Passes an error to the receiver. An earlier error that it has not taken yet stays.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.state();
        match &state.error {
            // The end is not hidden by an error that can pass.
            Some(known) if known.kind() == ErrorKind::Closed || error.kind() != ErrorKind::Closed => {}
            _ => state.error = Some(error),
        }
        drop(state);
        self.arrive();
    }

    /// Drops the waiting messages of these revoked assignments. The ledger refuses messages that the receiver took last.
    pub(super) fn discard(&self, epochs: &[Epoch]) {
        self.state().waiting.retain(|epoch, _| !epochs.contains(epoch));
    }

    pub(super) fn take_commits(&self) -> Vec<oneshot::Sender<Result<(), Error>>> {
        std::mem::take(&mut self.state().commits)
    }

    /// So many records are settled and not committed.
    pub(super) fn has_uncommitted(&self, records: u64) {
        self.state().uncommitted = records;
    }

    /// The records that were settled and not committed when the thread looked last.
    pub(super) fn uncommitted(&self) -> u64 {
        self.state().uncommitted
    }

    /// One at a time, so that the client is polled in between.
    pub(super) fn take_seek(&self) -> Option<Seek> {
        self.state().seeks.pop_front()
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
        drop(state);
        self.arrive();
    }

    /// Wakes the receiver.
    pub(super) fn arrive(&self) {
        self.arrived.notify_one();
    }

    // Used by the receiver.

    /// Moves the next messages to the receiver, of each partition in turn that is not held back. The receiver is done with earlier
    /// messages.
    ///
    /// Returns none if none are waiting, and an error once the thread has ended.
    pub(super) fn take(&self, records: &mut VecDeque<Fetched>, held_back: &HeldBack) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let was_low = self.is_low_with(state.used(held_back));
        state.taken = Used::default();
        // Only a part, so that the thread keeps working too.
        let most = Bounds { messages: (self.bounds.messages / 4).min(AT_ONCE), bytes: self.bounds.bytes / 4 };
        let mut taken = Used::default();
        while taken.messages < most.messages.max(1)
            && taken.bytes < most.bytes.max(1)
            && let Some(epoch) = state.next(held_back)
        {
            state.last = Some(epoch);
            let Some(fetched) = state.pop(epoch) else { break };
            taken.add(fetched.size);
            records.push_back(fetched);
        }
        state.taken = taken;
        // The thread must be woken once for this.
        let wakes = !was_low && self.is_low_with(state.used(held_back));
        // Messages that are held back come again elsewhere.
        let ends = state.ended && state.taken.messages == 0;
        drop(state);
        if wakes {
            self.wake();
        }
        if ends { Err(ended()) } else { Ok(()) }
    }

    /// Takes the messages of this assignment back that the receiver took last, before the messages that wait.
    pub(super) fn give_back(&self, epoch: Epoch, taken: &mut VecDeque<Fetched>) {
        let mut state = self.state();
        let (back, kept): (VecDeque<_>, VecDeque<_>) =
            taken.drain(..).partition(|fetched| fetched.epoch == epoch);
        *taken = kept;
        for fetched in back.into_iter().rev() {
            state.taken.remove(fetched.size);
            let queue = state.waiting.entry(epoch).or_default();
            queue.used.add(fetched.size);
            queue.messages.push_front(fetched);
        }
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
            state.seeks.push_back(seek);
        }
        drop(state);
        self.wake();
    }

    /// Stops the thread.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the thread.
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
    /// All messages that count: the messages that the receiver took last, and the messages that wait for it.
    fn used(&self, held_back: &HeldBack) -> Used {
        let mut used = self.taken;
        for (_, queue) in self.waiting.iter().filter(|(epoch, _)| !is_held_back(held_back, **epoch)) {
            used.messages = used.messages.saturating_add(queue.used.messages);
            used.bytes = used.bytes.saturating_add(queue.used.bytes);
        }
        used
    }

    fn pop(&mut self, epoch: Epoch) -> Option<Fetched> {
        let queue = self.waiting.get_mut(&epoch)?;
        let fetched = queue.messages.pop_front()?;
        queue.used.remove(fetched.size);
        if queue.messages.is_empty() {
            self.waiting.remove(&epoch);
        }
        Some(fetched)
    }

    /// Whose turn it is.
    fn next(&self, held_back: &HeldBack) -> Option<Epoch> {
        let mut open = self.waiting.keys().copied().filter(|epoch| !is_held_back(held_back, *epoch));
        let first = open.clone().next();
        open.find(|epoch| self.last.is_none_or(|last| *epoch > last)).or(first)
    }
}

fn is_held_back(held_back: &HeldBack, epoch: Epoch) -> bool {
    held_back.iter().any(|(_, held_back)| *held_back == epoch)
}

impl Used {
    /// Adds one message of this size.
    fn add(&mut self, size: usize) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
    }

    fn remove(&mut self, size: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
    }
}

#[cold]
pub(super) fn ended() -> Error {
    Error::new(ErrorKind::Closed).with_detail("the Kafka consumer has ended")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::{
        Partition, Raw, Received,
        binding::log::{Ledger, LogOptions},
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
        handover.add(Fetched { epoch: *epoch, size: 100, record });
    }

    fn has_room(handover: &Handover) -> bool {
        let room = handover.room(&Vec::new());
        room.messages > 0 && room.bytes > 0
    }

    /// Returns how many messages were taken.
    fn take(handover: &Handover) -> usize {
        let mut records = VecDeque::new();
        handover.take(&mut records, &Vec::new()).unwrap();
        records.len()
    }

    #[tokio::test]
    async fn bounded_by_count_and_by_bytes() {
        let (_, [partition, _]) = partitions();
        let handover = Handover::new(Bounds { messages: 4, bytes: 1000 });
        for offset in 0..4 {
            assert!(has_room(&handover));
            add(&handover, &partition, offset);
        }
        assert!(!has_room(&handover) && !handover.is_low(&Vec::new()));
        assert_eq!(take(&handover), 1);
        assert!(!has_room(&handover)); // the receiver has it, and may still be using it
        assert_eq!(take(&handover), 1);
        assert!(has_room(&handover) && !handover.is_low(&Vec::new())); // not empty enough to resume fetching
        assert_eq!(take(&handover), 1);
        assert!(handover.is_low(&Vec::new()));

        let handover = Handover::new(Bounds { messages: 100, bytes: 150 });
        add(&handover, &partition, 0);
        assert!(has_room(&handover));
        add(&handover, &partition, 1);
        assert!(!has_room(&handover));
    }

    /// The thread waits without an end here, so that only the receiver can wake it.
    #[tokio::test]
    async fn the_thread_is_woken_as_soon_as_it_is_to_fetch_again() {
        let (_, [partition, _]) = partitions();
        let handover = std::sync::Arc::new(Handover::new(Bounds { messages: 4, bytes: 1000 }));
        (0..4).for_each(|offset| add(&handover, &partition, offset));
        let (tells, told) = std::sync::mpsc::channel();
        std::thread::spawn({
            let handover = std::sync::Arc::clone(&handover);
            move || {
                handover.served_by(std::thread::current());
                tells.send("serves").unwrap();
                while !handover.is_low(&Vec::new()) {
                    std::thread::park();
                }
                tells.send("woken").unwrap();
            }
        });
        let told = || told.recv_timeout(cloudevents_testkit::patience());
        assert_eq!(told(), Ok("serves"));
        for _ in 0..3 {
            assert_eq!(take(&handover), 1);
        }
        assert_eq!(told(), Ok("woken"));
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
        assert_eq!(handover.room(&Vec::new()), Bounds { messages: 1, bytes: 700 }); // two are waiting, and one was taken
        assert_eq!((take(&handover), take(&handover), take(&handover)), (1, 1, 0));
        assert_eq!(handover.room(&Vec::new()), Bounds { messages: 4, bytes: 1000 });
    }

    #[tokio::test]
    async fn partitions_have_their_turn_and_those_held_back_wait() {
        let (_, [one, other]) = partitions();
        let handover = Handover::new(Bounds { messages: 4, bytes: 1_000 });
        (0..3).for_each(|offset| add(&handover, &one, offset));
        (0..2).for_each(|offset| add(&handover, &other, offset));
        let held_back = vec![one.clone()];
        assert_eq!(handover.room(&held_back), Bounds { messages: 2, bytes: 800 });
        let next = |held_back: &HeldBack| {
            let mut records = VecDeque::new();
            handover.take(&mut records, held_back).unwrap();
            records.pop_front().map(|fetched| fetched.epoch == one.1)
        };
        assert_eq!(next(&Vec::new()), Some(true));
        assert_eq!(next(&held_back), Some(false));
        assert_eq!(next(&held_back), Some(false));
        assert_eq!(next(&held_back), None);
        assert_eq!((next(&Vec::new()), next(&Vec::new()), next(&Vec::new())), (Some(true), Some(true), None));
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
        assert_eq!(handover.take(&mut VecDeque::new(), &Vec::new()).unwrap_err().kind(), ErrorKind::Closed);
    }
}
