//! The thread of the consumer.

use super::{
    config::failed,
    fetch::{Fetcher, Step},
    handover::{Handover, HeldBack},
    position::Position,
    rebalance::{Group, add},
    state::LOOK,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Partition, binding::log::Epoch};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long the thread sleeps unless it is woken.
const TURN: Duration = Duration::from_millis(100);

/// How long the hand-over may stay full before fetching is paused. Pausing discards the messages that
/// librdkafka has fetched ahead.
const PAUSE_AFTER: Duration = Duration::from_millis(250);

/// How many events are taken before they are handed over and commits are due.
const EVENTS: usize = 64;

/// How soon a failed commit is retried.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);

/// How long commits may fail for temporary reasons (a rebalance, a broker that restarts) before the
/// receiver returns the error.
const COMMITS_FAIL: Duration = Duration::from_secs(30);

pub(super) struct Consumer {
    pub(super) fetcher: Fetcher,
    pub(super) commit_interval: Duration,
    pub(super) topics: Vec<String>,
    /// Partitions to read instead of those that the group assigns.
    pub(super) partitions: Vec<(Partition, Position)>,
}

/// Offsets to be committed, and the assignments that they are of.
type Marks = BTreeMap<Partition, (u64, Epoch)>;

/// Whether the client's queue may contain more.
enum More {
    No,
    Perhaps,
}

/// librdkafka has stopped the consumer after a fatal error.
struct Ended;

/// The state that the thread keeps between turns.
struct Turns {
    full_since: Option<Instant>,
    /// Whether fetching is paused in all partitions, because the receiver takes nothing.
    is_full: bool,
    /// The partitions that librdkafka does not fetch.
    paused: BTreeMap<Partition, Epoch>,
    last_commit: Instant,
    commits: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Since when commits fail, or when the receiver last got such an error.
    failing_since: Option<Instant>,
}

impl Turns {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            full_since: None,
            is_full: false,
            paused: BTreeMap::new(),
            last_commit: now,
            commits: Vec::new(),
            failing_since: None,
        }
    }

    /// Whether to report a failed commit: at once when a retry cannot help, otherwise after retries have
    /// failed for long.
    fn commit_failed(&mut self, error: &KafkaError) -> bool {
        let since = self.failing_since.get_or_insert_with(Instant::now);
        let surfaces = is_final(error) || since.elapsed() >= COMMITS_FAIL;
        if surfaces {
            self.failing_since = Some(Instant::now());
        }
        surfaces
    }
}

impl Consumer {
    /// Connects, subscribes, reports the result, and consumes until the receiver is dropped.
    pub(super) fn run(self, timeout: Duration, connected: oneshot::Sender<Result<(), Error>>) {
        let client = Arc::clone(&self.fetcher.client);
        let handover = Arc::clone(&client.context().handover);
        // Every waiting task gets a result in the end, even when this thread panics.
        let _end = End(Arc::clone(&handover));
        handover.served_by(thread::current());
        let opened = self.open(timeout);
        let failed = opened.is_err();
        if connected.send(opened).is_err() || failed {
            return;
        }
        let (lists, to_commit) = mpsc::channel();
        let committing = Arc::clone(&client);
        let topic = self.topic().map(str::to_owned);
        let committer = thread::Builder::new()
            .name("kafka commits".into())
            .spawn(move || commit_all(&committing, topic.as_deref(), &to_commit));
        if let Err(error) = committer {
            handover.fail(Error::new(ErrorKind::Transport).with_detail(format!("no thread: {error}")));
            return;
        }
        Polling { fetcher: self.fetcher, client, lists, commit_interval: self.commit_interval }.run();
    }

    /// A topic to ask about. For a pattern, none is known.
    fn topic(&self) -> Option<&str> {
        self.topics.first().map(String::as_str).filter(|topic| !topic.starts_with('^'))
    }

    fn open(&self, timeout: Duration) -> Result<(), Error> {
        let topic = self.topic();
        let client = &self.fetcher.client;
        let serve = || drop(client.poll(Duration::ZERO));
        client.context().refusals.connected(client.client(), topic, timeout, serve)?;
        client.context().state.connected();
        if !self.partitions.is_empty() {
            let mut list = TopicPartitionList::new();
            for (partition, position) in &self.partitions {
                let number = i32::try_from(partition.number()).unwrap_or(i32::MAX);
                let offset = match position {
                    // librdkafka detects it by itself.
                    Position::Committed => Offset::Stored,
                    other => other.resolve(client, partition, timeout)?,
                };
                list.add_partition_offset(partition.topic(), number, offset).map_err(failed)?;
            }
            return client.context().assign_by_hand(client, list).map_err(failed);
        }
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        client.subscribe(&topics).map_err(failed)
    }
}

/// A subscribed consumer.
struct Polling {
    fetcher: Fetcher,
    client: Arc<BaseConsumer<Group>>,
    /// Offsets to be committed.
    lists: mpsc::Sender<Marks>,
    commit_interval: Duration,
}

impl Polling {
    /// Runs until the receiver is dropped.
    fn run(self) {
        let group = self.client.context();
        let (mut turns, mut held_back) = (Turns::new(), HeldBack::new());
        while !group.handover.is_stopped() {
            self.commit(&mut turns);
            let seek = group.handover.take_seek();
            let has_sought = seek.is_some();
            if let Some(seek) = seek {
                seek.run(&self.client);
            }
            let before = std::mem::replace(&mut held_back, group.ledger.held_back());
            if before != held_back {
                group.handover.arrive();
            }
            if self.make_room(&mut turns, &held_back) {
                match self.poll_some(&turns, &held_back) {
                    Ok(More::Perhaps) => continue,
                    Ok(More::No) if has_sought => continue,
                    Ok(More::No) => {}
                    Err(Ended) => break,
                }
            }
            thread::park_timeout(self.turn());
        }
        tracing::debug!("the Kafka consumer ends");
        // The other thread may be waiting for a broker. Closing commits what is settled, and leaves the
        // group.
        if let Err(error) = self.client.close_queue() {
            tracing::warn!(%error, "the Kafka consumer could not be closed");
            return;
        }
        while !self.client.closed() {
            drop(self.client.poll(TURN));
        }
    }

    /// Pauses and resumes fetching. Returns whether to poll.
    fn make_room(&self, turns: &mut Turns, held_back: &HeldBack) -> bool {
        let handover = &self.client.context().handover;
        let room = handover.room(held_back);
        if turns.is_full {
            turns.is_full = !handover.is_low(held_back);
        } else if room.messages > 0 && room.bytes > 0 {
            turns.full_since = None;
        } else {
            turns.is_full = turns.full_since.get_or_insert_with(Instant::now).elapsed() >= PAUSE_AFTER;
            if !turns.is_full {
                return false;
            }
        }
        let wanted =
            if turns.is_full { self.client.context().books().assigned.all() } else { held_back.clone() };
        self.pause(turns, wanted.into_iter().collect());
        true
    }

    /// Pauses these partitions, and resumes all others.
    fn pause(&self, turns: &mut Turns, wanted: BTreeMap<Partition, Epoch>) {
        // Those that went are not paused when they come back.
        let assigned = self.client.context().books().assigned.all();
        turns.paused.retain(|partition, epoch| assigned.contains(&(partition.clone(), *epoch)));
        if wanted == turns.paused {
            return;
        }
        let resumed: Vec<_> =
            turns.paused.keys().filter(|partition| !wanted.contains_key(*partition)).cloned().collect();
        let paused = wanted.iter().filter(|(partition, epoch)| turns.paused.get(partition) != Some(epoch));
        let paused: Vec<_> = paused.map(|(partition, epoch)| (partition.clone(), *epoch)).collect();
        let list = |partitions: &mut dyn Iterator<Item = &Partition>| {
            let mut list = TopicPartitionList::new();
            for partition in partitions {
                list.add_partition(partition.topic(), i32::try_from(partition.number()).unwrap_or(i32::MAX));
            }
            list
        };
        let done = self
            .client
            .resume(&list(&mut resumed.iter()))
            .and_then(|()| self.client.pause(&list(&mut paused.iter().map(|(partition, _)| partition))));
        match done {
            Ok(()) => {
                tracing::debug!(
                    paused = paused.len(),
                    resumed = resumed.len(),
                    "fetching is paused and resumed"
                );
                resumed.iter().for_each(|partition| _ = turns.paused.remove(partition));
                turns.paused.extend(paused);
            }
            Err(error) => tracing::warn!(%error, "fetching could not be paused or resumed"),
        }
    }

    /// Takes messages from the client's queue while there is room, but not without end, and hands them
    /// over. While all is paused, it takes what still comes.
    fn poll_some(&self, turns: &Turns, held_back: &HeldBack) -> Result<More, Ended> {
        let handover = &self.client.context().handover;
        let room = handover.room(held_back);
        let (mut messages, mut bytes) = (0_usize, 0_usize);
        let mut more = Ok(More::Perhaps);
        for _ in 0..EVENTS {
            match self.fetcher.next() {
                Step::Message(fetched) => {
                    messages = messages.saturating_add(1);
                    bytes = bytes.saturating_add(fetched.size);
                    handover.add(fetched);
                }
                Step::Other => {}
                Step::Error(error) => handover.fail(error),
                Step::Over(error) => {
                    handover.fail(error);
                    more = Err(Ended);
                    break;
                }
                Step::Nothing => {
                    more = Ok(More::No);
                    break;
                }
            }
            if !turns.is_full && (messages >= room.messages || bytes >= room.bytes) {
                break;
            }
        }
        if messages > 0 {
            handover.arrive();
        }
        more
    }

    /// How long to sleep. With an interval of zero, marks wake the thread.
    fn turn(&self) -> Duration {
        if self.commit_interval.is_zero() { TURN } else { TURN.min(self.commit_interval) }
    }

    /// Commits watermarks at each interval, and when the receiver requests it.
    fn commit(&self, turns: &mut Turns) {
        let group = self.client.context();
        let asked = group.handover.take_commits();
        let at_once = !asked.is_empty();
        turns.commits.extend(asked);
        let due = turns.last_commit.elapsed() >= self.commit_interval;
        if !due && turns.commits.is_empty() {
            return;
        }
        let mut books = group.books();
        // Partitions are assigned and revoked in this thread, so every mark belongs to the current
        // assignment.
        for mark in group.ledger.marks() {
            books.marked.insert(mark.partition, mark.offset);
        }
        let mut list = BTreeMap::new();
        for (partition, offset) in &books.marked {
            // Lower, too: a log that was truncated goes back.
            if books.committed.get(partition) != Some(offset)
                && let Some(epoch) = books.assigned.epoch(partition)
            {
                list.insert(partition.clone(), (*offset, epoch));
            }
        }
        if list.is_empty() {
            turns.last_commit = Instant::now();
            turns.failing_since = None;
            for answer in turns.commits.drain(..) {
                let _ = answer.send(Ok(()));
            }
            return;
        }
        if let Some(error) = books.commit_error.take() {
            let surfaces = turns.commit_failed(&error);
            let error = failed(error);
            tracing::warn!(%error, surfaces, partitions = list.len(), "a commit failed and is tried again");
            if surfaces {
                for answer in turns.commits.drain(..) {
                    let _ = answer.send(Err(error.clone()));
                }
                group.handover.fail(error);
            }
        } else if !books.under_way {
            turns.failing_since = None; // the last one was accepted
        }
        let again = turns.last_commit.elapsed() >= COMMIT_AGAIN;
        let failing = turns.failing_since.is_some();
        if books.under_way || !((due && !failing) || at_once || again) {
            return;
        }
        turns.last_commit = Instant::now();
        books.under_way = self.lists.send(list).is_ok();
    }
}

/// Commits one list after the other and waits for each result: rdkafka reports none for asynchronous
/// commits. While no broker can be reached, it looks for one.
fn commit_all(client: &BaseConsumer<Group>, topic: Option<&str>, lists: &mpsc::Receiver<Marks>) {
    let mut looked = Instant::now();
    loop {
        if looked.elapsed() >= LOOK {
            client.context().state.look(client.client(), topic);
            looked = Instant::now();
        }
        let marks = match lists.recv_timeout(LOOK) {
            Ok(marks) => marks,
            Err(mpsc::RecvTimeoutError::Timeout) => continue,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        let mut list = TopicPartitionList::new();
        for (partition, (offset, _)) in &marks {
            add(&mut list, partition, *offset);
        }
        let result = client.commit(&list, CommitMode::Sync);
        let group = client.context();
        let mut books = group.books();
        books.under_way = false;
        match result {
            Ok(()) => {
                tracing::trace!(partitions = marks.len(), "committed");
                books.commit_error = None;
                group.state.connected();
                for (partition, (offset, epoch)) in marks {
                    // If it came back meanwhile, this is not its commit.
                    if books.assigned.epoch(&partition) == Some(epoch) {
                        books.committed.insert(partition, offset);
                    }
                }
            }
            Err(error) => {
                books.commit_error = Some(error);
            }
        }
        drop(books);
        group.handover.wake();
    }
}

/// Whether a retry of the commit cannot help.
fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::FencedInstanceId
                | RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::OffsetMetadataTooLarge
                | RDKafkaErrorCode::InvalidCommitOffsetSize
        )
    )
}

struct End(Arc<Handover>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}
