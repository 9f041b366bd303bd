//! What lies between the consumer's thread and the receiver.

use cloudevents_core::Error;
use cloudevents_transport::{Bounds, Partition, log::Record};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::Thread,
};
use tokio::sync::{Notify, oneshot};

/// Messages on their way to the receiver, settlements and wishes on their way back. Nobody waits for its lock.
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
    records: VecDeque<(Partition, usize, Record)>,
    bytes: usize,
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
            state: Mutex::default(),
            arrived: Notify::new(),
            thread: OnceLock::new(),
            stop: AtomicBool::new(false),
        }
    }

    // The thread's side.

    /// The thread that is woken when there is something to do.
    pub(super) fn served_by(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// Whether another message may be added. One that is added all the same is kept.
    pub(super) fn has_room(&self) -> bool {
        let state = self.state();
        state.records.len() < self.bounds.messages.max(1) && state.bytes < self.bounds.bytes.max(1)
    }

    /// Whether it is half empty: time to fetch again.
    pub(super) fn is_low(&self) -> bool {
        self.state().is_low(self.bounds)
    }

    pub(super) fn add(&self, partition: Partition, size: usize, record: Record) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(size);
        state.records.push_back((partition, size, record));
        drop(state);
        self.arrived.notify_one();
    }

    /// Tells the receiver of an error. One that it has not heard of yet stays.
    pub(super) fn fail(&self, error: Error) {
        self.state().error.get_or_insert(error);
        self.arrived.notify_one();
    }

    /// Drops what is there of partitions that are revoked.
    pub(super) fn discard(&self, partitions: &[Partition]) {
        let mut state = self.state();
        state.records.retain(|(partition, _, _)| !partitions.contains(partition));
        state.bytes = state.records.iter().fold(0, |bytes, (_, size, _)| bytes.saturating_add(*size));
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
        drop(state);
        self.arrived.notify_one();
    }

    // The receiver's side.

    /// The next message or error; `None` when there is none now, and the end as an error of its own.
    pub(super) fn take(&self) -> Option<Result<Record, Error>> {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Some(Err(error));
        }
        let Some((_, size, record)) = state.records.pop_front() else {
            return state.ended.then(|| Err(ended()));
        };
        let was_low = state.is_low(self.bounds);
        state.bytes = state.bytes.saturating_sub(size);
        // Of this, the thread has to hear once.
        let wake = !was_low && state.is_low(self.bounds);
        drop(state);
        if wake {
            self.wake();
        }
        Some(Ok(record))
    }

    /// Answers when something was added since it was last asked.
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
    fn is_low(&self, bounds: Bounds) -> bool {
        self.records.len() <= bounds.messages / 2 && self.bytes <= bounds.bytes / 2
    }
}

#[cold]
pub(super) fn ended() -> Error {
    Error::new(cloudevents_core::ErrorKind::Closed).with_detail("the Kafka consumer has ended")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::Raw;

    fn add(handover: &Handover, number: u32, offset: u64) {
        let partition = Partition::new("t", number);
        let record = Record::new(
            partition.clone(),
            offset,
            Err(Error::new(ErrorKind::NotACloudEvent)),
            Raw::default(),
        );
        handover.add(partition, 100, record);
    }

    #[test]
    fn bounded_by_count_and_by_bytes() {
        let handover = Handover::new(Bounds { messages: 4, bytes: 1000 });
        for offset in 0..4 {
            assert!(handover.has_room());
            add(&handover, 0, offset);
        }
        assert!(!handover.has_room() && !handover.is_low());
        assert!(handover.take().unwrap().is_ok());
        assert!(handover.has_room() && !handover.is_low()); // not worth starting again
        assert!(handover.take().unwrap().is_ok());
        assert!(handover.is_low());

        let handover = Handover::new(Bounds { messages: 100, bytes: 150 });
        add(&handover, 0, 0);
        assert!(handover.has_room());
        add(&handover, 0, 1);
        assert!(!handover.has_room());
    }

    #[test]
    fn a_revoked_partition_is_discarded() {
        let handover = Handover::new(Bounds { messages: 3, bytes: 1000 });
        for (number, offset) in [(0, 0), (1, 0), (0, 1)] {
            add(&handover, number, offset);
        }
        handover.mark(&Partition::new("t", 0), 1);
        handover.mark(&Partition::new("t", 1), 1);
        handover.discard(&[Partition::new("t", 0)]);
        assert!(handover.has_room());
        assert!(handover.take().unwrap().is_ok());
        assert!(handover.take().is_none());
        assert_eq!(handover.take_marks(), BTreeMap::from([(Partition::new("t", 1), 1)]));
    }

    #[test]
    fn the_end_is_told_after_what_was_there() {
        let handover = Handover::new(Bounds::default());
        add(&handover, 0, 0);
        let mut open = handover.commit();
        handover.end();
        assert!(open.try_recv().is_err());
        assert!(handover.commit().try_recv().is_err());
        assert!(handover.take().unwrap().is_ok());
        assert_eq!(handover.take().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    }
}
