//! Commits offsets.

use super::{
    connection::LOOK,
    consumer::TURN,
    failure::failed,
    position::Position,
    rebalance::{Group, add},
    unknown::look_for_unknown,
};
use cloudevents_core::Error;
use cloudevents_transport::{Partition, binding::log::Epoch};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak, mpsc},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How soon a failed commit is retried.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);

/// How long commits may fail for temporary reasons (a rebalance, a broker that restarts) before the
/// receiver returns the error.
const COMMITS_FAIL: Duration = Duration::from_secs(30);

/// Offsets to be committed, and the assignments that they are of.
type Marks = BTreeMap<Partition, (u64, Epoch)>;

/// The commits to make, and their times. It belongs to the thread of the consumer, which never waits for a broker.
pub(super) struct Commits {
    interval: Duration,
    /// To the thread that commits.
    lists: mpsc::Sender<Marks>,
    last: Instant,
    requests: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Since when commits fail, or when the receiver last got such an error.
    failing_since: Option<Instant>,
}

impl Commits {
    /// Starts the thread that commits, which ends when this is dropped.
    ///
    /// It looks for a broker with metadata of the first of these topics, and for topics that are unknown, or lack one of these partitions.
    pub(super) fn start(
        client: &Arc<BaseConsumer<Group>>,
        topics: Vec<String>,
        partitions: Vec<(Partition, Position)>,
        interval: Duration,
    ) -> std::io::Result<Self> {
        let (lists, to_commit) = mpsc::channel();
        let client = Arc::downgrade(client);
        thread::Builder::new()
            .name("kafka commits".into())
            .spawn(move || commit_all(&client, &topics, &partitions, &to_commit))?;
        Ok(Self { interval, lists, last: Instant::now(), requests: Vec::new(), failing_since: None })
    }

    /// How long to sleep. With an interval of zero, marks wake the thread.
    pub(super) fn turn(&self) -> Duration {
        if self.interval.is_zero() { TURN } else { TURN.min(self.interval) }
    }

    /// Commits watermarks at each interval, and when the receiver requests it.
    pub(super) fn commit(&mut self, client: &BaseConsumer<Group>) {
        let group = client.context();
        let asked = group.handover.take_commits();
        let at_once = !asked.is_empty();
        self.requests.extend(asked);
        let due = self.last.elapsed() >= self.interval;
        if !due && self.requests.is_empty() {
            return;
        }
        let mut books = group.books();
        // Partitions are assigned and revoked in this thread, so every mark belongs to the current
        // assignment.
        for mark in group.ledger.marks() {
            books.marked.insert(mark.partition, mark.offset);
        }
        let (mut list, mut uncommitted) = (BTreeMap::new(), 0_u64);
        for (partition, offset) in &books.marked {
            let committed = books.committed.get(partition);
            // Lower, too: a log that was truncated goes back.
            if committed != Some(offset)
                && let Some(epoch) = books.assigned.epoch(partition)
            {
                list.insert(partition.clone(), (*offset, epoch));
                uncommitted = uncommitted.saturating_add(offset.saturating_sub(*committed.unwrap_or(offset)));
            }
        }
        group.handover.has_uncommitted(uncommitted);
        if list.is_empty() {
            self.last = Instant::now();
            self.failing_since = None;
            for answer in self.requests.drain(..) {
                let _ = answer.send(Ok(()));
            }
            return;
        }
        if let Some(error) = books.commit_error.take() {
            let surfaces = self.commit_failed(&error);
            let error = failed(error);
            tracing::warn!(%error, surfaces, partitions = list.len(), "a commit failed and is tried again");
            if surfaces {
                for answer in self.requests.drain(..) {
                    let _ = answer.send(Err(error.clone()));
                }
                group.handover.fail(error);
            }
        } else if !books.under_way {
            self.failing_since = None; // the last one was accepted
        }
        let again = self.last.elapsed() >= COMMIT_AGAIN;
        let failing = self.failing_since.is_some();
        if books.under_way || !((due && !failing) || at_once || again) {
            return;
        }
        self.last = Instant::now();
        books.under_way = self.lists.send(list).is_ok();
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

/// Commits one list after the other and waits for each result: rdkafka reports none for asynchronous
/// commits. While no broker can be reached, it looks for one. It keeps no client that the other thread drops.
fn commit_all(
    client: &Weak<BaseConsumer<Group>>,
    topics: &[String],
    partitions: &[(Partition, Position)],
    lists: &mpsc::Receiver<Marks>,
) {
    let mut looked = Instant::now();
    loop {
        if looked.elapsed() >= LOOK {
            let Some(client) = client.upgrade() else { return };
            let (group, topic) = (client.context(), topics.first().map(String::as_str));
            let waits = !group.has_joined() || group.misses_topics();
            if (!waits || group.state.is_unreachable()) && group.state.look(client.client(), topic) {
                // The group may take the partitions away while the broker answers.
                group.connected();
                group.state.answered();
            }
            look_for_unknown(&client, topics, partitions);
            looked = Instant::now();
        }
        let marks = match lists.recv_timeout(LOOK) {
            Ok(marks) => marks,
            Err(mpsc::RecvTimeoutError::Timeout) => continue,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        let Some(client) = client.upgrade() else { return };
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
                group.connected();
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
        let handover = Arc::clone(&group.handover);
        drop(client);
        handover.wake();
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
