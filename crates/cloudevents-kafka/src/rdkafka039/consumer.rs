//! The consumer's thread.

use super::{
    config::failed,
    handover::{Fetched, Handover},
    rebalance::{Group, add},
    record::{RawView, place, raw},
};
use crate::decode_message;
use cloudevents_core::{Decoding, Error, ErrorKind};
use cloudevents_transport::{Bounds, Partition, log::Record};
use rdkafka::{
    Message as _, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long the thread sleeps when nothing wakes it.
const TURN: Duration = Duration::from_millis(100);

/// How long the receiver may leave the hand-over full before fetching is paused, which costs the messages that librdkafka has fetched
/// ahead.
const PAUSE_AFTER: Duration = Duration::from_millis(250);

/// How many events are taken before they are handed over, and commits get their turn.
const EVENTS: usize = 64;

/// How soon a commit is tried again that failed.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);

pub(super) struct Consumer {
    pub(super) client: BaseConsumer<Group>,
    pub(super) decoding: Decoding,
    pub(super) commit_interval: Duration,
    pub(super) topics: Vec<String>,
}

/// Whether the client's queue may have more.
enum More {
    No,
    Perhaps,
}

/// librdkafka has given the consumer up.
struct Ended;

/// What the thread remembers from turn to turn.
struct Turns {
    full_since: Option<Instant>,
    paused: bool,
    last_commit: Instant,
    commits: Vec<oneshot::Sender<Result<(), Error>>>,
}

impl Consumer {
    /// Connects, subscribes, says how that went, and consumes until the receiver is gone.
    pub(super) fn run(mut self, timeout: Duration, connected: oneshot::Sender<Result<(), Error>>) {
        let handover = Arc::clone(&self.client.context().handover);
        // Whoever waits is told in the end, also when this thread panics.
        let _end = End(Arc::clone(&handover));
        handover.served_by(thread::current());
        let opened = self.open(timeout);
        let failed = opened.is_err();
        if connected.send(opened).is_err() || failed {
            return;
        }
        let waker = Arc::clone(&handover);
        self.client.set_nonempty_callback(move || waker.wake());
        let client = Arc::new(self.client);
        let (lists, to_commit) = mpsc::channel();
        let committing = Arc::clone(&client);
        let committer = thread::Builder::new()
            .name("kafka commits".into())
            .spawn(move || commit_all(&committing, &to_commit));
        if let Err(error) = committer {
            handover.fail(Error::new(ErrorKind::Transport).with_detail(format!("no thread: {error}")));
            return;
        }
        let polling =
            Polling { client, lists, decoding: self.decoding, commit_interval: self.commit_interval };
        polling.run();
    }

    fn open(&self, timeout: Duration) -> Result<(), Error> {
        let topic = self.topics.first().map(String::as_str);
        self.client.fetch_metadata(topic, timeout).map_err(failed)?;
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        self.client.subscribe(&topics).map_err(failed)
    }
}

/// A consumer that is subscribed.
struct Polling {
    client: Arc<BaseConsumer<Group>>,
    /// To be committed.
    lists: mpsc::Sender<BTreeMap<Partition, u64>>,
    decoding: Decoding,
    commit_interval: Duration,
}

impl Polling {
    /// Until the receiver is gone.
    fn run(self) {
        let handover = &self.client.context().handover;
        let mut turns =
            Turns { full_since: None, paused: false, last_commit: Instant::now(), commits: Vec::new() };
        while !handover.is_stopped() {
            self.commit(&mut turns);
            if self.make_room(&mut turns) {
                match self.poll_some(&mut turns) {
                    Ok(More::Perhaps) => continue,
                    Ok(More::No) => {}
                    Err(Ended) => break,
                }
            }
            thread::park_timeout(TURN.min(self.commit_interval));
        }
        tracing::debug!("the Kafka consumer ends");
        // The other thread may be waiting for a broker. Closing commits what is settled, and leaves the group.
        if let Err(error) = self.client.close_queue() {
            tracing::warn!(%error, "the Kafka consumer could not be closed");
            return;
        }
        while !self.client.closed() {
            drop(self.client.poll(TURN));
        }
    }

    /// Pauses and resumes; whether to poll.
    fn make_room(&self, turns: &mut Turns) -> bool {
        let handover = &self.client.context().handover;
        if self.client.context().was_assigned() && turns.paused {
            self.pause(turns, true); // what came last, too
        }
        if turns.paused {
            if handover.is_low() {
                self.pause(turns, false);
            }
            return true;
        }
        if handover.has_room() {
            turns.full_since = None;
            return true;
        }
        let late = turns.full_since.get_or_insert_with(Instant::now).elapsed() >= PAUSE_AFTER;
        if late {
            self.pause(turns, true);
        }
        late
    }

    fn pause(&self, turns: &mut Turns, pause: bool) {
        let assignment = match self.client.assignment() {
            Ok(assignment) => assignment,
            Err(error) => {
                tracing::warn!(%error, "the assignment is not known");
                return;
            }
        };
        let done = if pause { self.client.pause(&assignment) } else { self.client.resume(&assignment) };
        match done {
            Ok(()) => {
                tracing::debug!(pause, "fetching is paused or resumed");
                turns.paused = pause;
                turns.full_since = None;
            }
            Err(error) => tracing::warn!(%error, pause, "fetching could not be paused or resumed"),
        }
    }

    /// Takes what is in the client's queue, as long as there is room, but not for ever, and hands it over.
    fn poll_some(&self, turns: &mut Turns) -> Result<More, Ended> {
        let handover = &self.client.context().handover;
        let room = if turns.paused { None } else { Some(handover.room()) };
        let more = self.fetch(room);
        self.client.context().hand_over();
        if turns.paused || handover.has_room() {
            return more;
        }
        turns.full_since.get_or_insert_with(Instant::now);
        more.map(|_| More::No)
    }

    /// Takes no more than there is room for, by as much as one message.
    fn fetch(&self, room: Option<Bounds>) -> Result<More, Ended> {
        let group = self.client.context();
        let (mut messages, mut bytes) = (0_usize, 0_usize);
        for _ in 0..EVENTS {
            match self.client.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    messages = messages.saturating_add(1);
                    bytes = bytes.saturating_add(self.read(&message));
                }
                Some(Err(error)) => self.report(error)?,
                None if group.was_busy() => {}
                None => return Ok(More::No),
            }
            if room.is_some_and(|room| messages >= room.messages || bytes >= room.bytes) {
                break;
            }
        }
        Ok(More::Perhaps)
    }

    /// Copies and decodes a message, to be handed over. The answer is its size.
    fn read(&self, message: &BorrowedMessage<'_>) -> usize {
        let Some((number, offset)) = place(message) else { return 0 };
        let mut books = self.client.context().books();
        let Some((partition, epoch)) = books.assigned.find(message.topic(), number).cloned() else {
            return 0;
        };
        let raw = raw(message);
        let size = raw.size();
        let decoded = decode_message(&RawView(&raw), &self.decoding);
        let record = Record::new(partition, offset, decoded, raw).under(epoch);
        books.fetched.push(Fetched { epoch, size, record });
        size
    }

    /// Tells the receiver what it can do something about. What librdkafka mends by itself is logged.
    fn report(&self, error: KafkaError) -> Result<(), Ended> {
        let handover = &self.client.context().handover;
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        let telling = matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::ClusterAuthorizationFailed
                    | RDKafkaErrorCode::SaslAuthenticationFailed
                    | RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::InvalidTopic
                    | RDKafkaErrorCode::InvalidGroupId
                    | RDKafkaErrorCode::InvalidSessionTimeout
                    | RDKafkaErrorCode::InconsistentGroupProtocol
                    | RDKafkaErrorCode::AutoOffsetReset
            )
        );
        tracing::warn!(%error, fatal, "consuming from Kafka");
        if fatal {
            let detail = error.to_string();
            handover.fail(Error::new(ErrorKind::Closed).with_detail(detail).with_source(error));
            return Err(Ended);
        }
        if telling {
            handover.fail(failed(error));
        }
        Ok(())
    }

    /// Commits watermarks: now and then, and when somebody asks.
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
        for (partition, offset) in group.handover.take_marks() {
            if books.assigned.contains(&partition) {
                books.marked.insert(partition, offset);
            }
        }
        for (partition, offset) in group.ledger.marks() {
            group.ledger.marked(&partition, offset);
            if books.assigned.contains(&partition) {
                books.marked.insert(partition, offset);
            }
        }
        let mut list = BTreeMap::new();
        for (partition, offset) in &books.marked {
            if books.committed.get(partition).is_none_or(|committed| committed < offset) {
                list.insert(partition.clone(), *offset);
            }
        }
        if list.is_empty() {
            turns.last_commit = Instant::now();
            for answer in turns.commits.drain(..) {
                let _ = answer.send(Ok(()));
            }
            return;
        }
        if let Some(error) = books.commit_error.take().filter(is_final) {
            let error = failed(error);
            for answer in turns.commits.drain(..) {
                let _ = answer.send(Err(error.clone()));
            }
        }
        let again = turns.last_commit.elapsed() >= COMMIT_AGAIN;
        if books.under_way || !(due || at_once || again) {
            return;
        }
        turns.last_commit = Instant::now();
        books.under_way = self.lists.send(list).is_ok();
    }
}

/// Commits one list after the other, and waits for each answer: rdkafka has none for commits that are not waited for.
fn commit_all(client: &BaseConsumer<Group>, lists: &mpsc::Receiver<BTreeMap<Partition, u64>>) {
    for marks in lists {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in &marks {
            add(&mut list, partition, *offset);
        }
        let result = client.commit(&list, CommitMode::Sync);
        let group = client.context();
        let mut books = group.books();
        books.under_way = false;
        match result {
            Ok(()) => {
                tracing::trace!(partitions = marks.len(), "committed");
                for (partition, offset) in marks {
                    if books.assigned.contains(&partition) {
                        books.committed.insert(partition, offset);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a commit failed");
                books.commit_error = Some(error);
            }
        }
        drop(books);
        group.handover.wake();
    }
}

/// Whether committing again cannot help.
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
