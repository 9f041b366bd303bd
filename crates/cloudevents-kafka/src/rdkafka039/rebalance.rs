//! Handles rebalances of a consumer group.

use super::{
    config,
    control::Latest,
    first,
    handover::{Fetched, Handover},
    refusals::{Refusals, is_login},
    tokens::{self, Keeper},
};
use cloudevents_transport::{
    Partition,
    log::{Epoch, Ledger},
};
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The callbacks of one consumer. Polling the consumer calls all but the log, in the thread that has the
/// turn.
pub(super) struct Group {
    pub(super) ledger: Ledger,
    pub(super) handover: Arc<Handover>,
    /// How long a rebalance may wait for deliveries to be settled.
    patience: Duration,
    /// The queue contained something other than a message, and there may be more.
    busy: AtomicBool,
    /// Partitions were assigned that are not paused.
    assigned: AtomicBool,
    books: Mutex<Books>,
    /// Held while the queue is polled and while partitions are assigned or revoked, so that every message
    /// is taken under the assignment under which librdkafka returned it. Fetched messages are handed over
    /// before it is released, which keeps them in order.
    turn: Mutex<()>,
    /// Another task wanted the turn and did not get it.
    missed: AtomicBool,
    /// Events that the receiver found in the queue and must leave to the thread, because it must not wait
    /// for settlements.
    deferred: Mutex<Vec<Change>>,
    /// Why there is no connection.
    pub(super) refusals: Refusals,
    pub(super) statistics: Latest,
    pub(super) tokens: Option<Arc<Keeper>>,
    /// Whether a group without a position starts at the end.
    pub(super) starts_at_end: bool,
}

/// The right to poll.
pub(super) struct Turn<'g> {
    group: &'g Group,
    guard: Option<MutexGuard<'g, ()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard = None;
        if self.group.missed.swap(false, Ordering::AcqRel) {
            self.group.handover.arrive();
        }
    }
}

/// Partitions are assigned or revoked.
struct Change {
    what: RDKafkaRespErr,
    list: TopicPartitionList,
}

/// What the consumer's thread knows of its partitions.
#[derive(Default)]
pub(super) struct Books {
    pub(super) assigned: Assigned,
    /// Messages that are not handed over yet.
    pub(super) fetched: Vec<Fetched>,
    /// Offsets to be committed.
    pub(super) marked: BTreeMap<Partition, u64>,
    pub(super) committed: BTreeMap<Partition, u64>,
    /// A commit is in progress.
    pub(super) under_way: bool,
    /// The error of the last commit.
    pub(super) commit_error: Option<KafkaError>,
}

/// The assigned partitions, in order. Looked up per message, by the name that the client uses.
#[derive(Default)]
pub(super) struct Assigned(Vec<(Partition, Epoch)>);

impl Assigned {
    pub(super) fn find(&self, topic: &str, number: u32) -> Option<&(Partition, Epoch)> {
        self.0.get(self.place(topic, number).ok()?)
    }

    pub(super) fn contains(&self, partition: &Partition) -> bool {
        self.epoch(partition).is_some()
    }

    fn epoch(&self, partition: &Partition) -> Option<Epoch> {
        self.find(partition.topic(), partition.number()).map(|(_, epoch)| *epoch)
    }

    fn insert(&mut self, partition: Partition, epoch: Epoch) {
        self.remove(&partition);
        if let Err(place) = self.place(partition.topic(), partition.number()) {
            self.0.insert(place, (partition, epoch));
        }
    }

    fn remove(&mut self, partition: &Partition) {
        if let Ok(place) = self.place(partition.topic(), partition.number()) {
            self.0.remove(place);
        }
    }

    /// The index of the partition, or where to insert it.
    fn place(&self, topic: &str, number: u32) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (known.topic(), known.number()).cmp(&(topic, number)))
    }
}

impl Group {
    pub(super) fn new(ledger: Ledger, handover: Arc<Handover>, patience: Duration) -> Self {
        Self {
            ledger,
            handover,
            patience,
            busy: AtomicBool::new(false),
            assigned: AtomicBool::new(false),
            books: Mutex::default(),
            turn: Mutex::default(),
            missed: AtomicBool::new(false),
            deferred: Mutex::default(),
            refusals: Refusals::default(),
            statistics: Latest::default(),
            tokens: None,
            starts_at_end: false,
        }
    }

    /// Waits for the turn; for the thread, this is always short.
    pub(super) fn turn(&self) -> Turn<'_> {
        let guard = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { group: self, guard: Some(guard) }
    }

    /// Takes the turn, unless it is taken: then the receiver is woken when it is free.
    pub(super) fn try_turn(&self) -> Option<Turn<'_>> {
        self.turn_now().or_else(|| {
            // Either the end of the turn sees this, or the turn has already ended.
            self.missed.swap(true, Ordering::AcqRel);
            self.turn_now()
        })
    }

    fn turn_now(&self) -> Option<Turn<'_>> {
        let guard = match self.turn.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Turn { group: self, guard: Some(guard) })
    }

    /// Returns the partition of this topic and number, and its assignment.
    pub(super) fn assignment(&self, topic: &str, number: u32) -> Option<(Partition, Epoch)> {
        self.books().assigned.find(topic, number).cloned()
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over the fetched messages.
    pub(super) fn hand_over(&self) {
        self.handover.add(&mut self.books().fetched);
    }

    /// Returns whether there was something other than a message since the last call.
    pub(super) fn was_busy(&self) -> bool {
        self.busy.swap(false, Ordering::AcqRel)
    }

    /// Returns whether partitions were assigned since the last call.
    pub(super) fn was_assigned(&self) -> bool {
        self.assigned.swap(false, Ordering::AcqRel)
    }

    /// Handles the events that the receiver found and left to the thread.
    pub(super) fn catch_up(&self, client: &BaseConsumer<Self>) {
        loop {
            let changes = std::mem::take(&mut *self.deferred());
            if changes.is_empty() {
                return;
            }
            let turn = self.turn();
            for Change { what, list } in changes {
                self.change(client, what, &list);
            }
            drop(turn);
        }
    }

    fn deferred(&self) -> MutexGuard<'_, Vec<Change>> {
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates the ledger, then answers librdkafka, which waits for it.
    fn change(&self, client: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &TopicPartitionList) {
        let assigns = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let list = &mut list.clone();
        if assigns {
            self.assign(client, list);
        } else if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
            self.revoke(client, list);
        } else {
            let error = RDKafkaErrorCode::from(what);
            tracing::warn!(%error, "the group could not be rebalanced");
        }
        let cooperative = matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let told = match (assigns, cooperative) {
            (true, true) => client.incremental_assign(list),
            (true, false) => client.assign(list),
            (false, true) => client.incremental_unassign(list),
            (false, false) => client.unassign(),
        };
        if let Err(error) = told {
            tracing::warn!(%error, assigns, "librdkafka does not accept the new assignment");
        }
    }

    /// Sets the first positions of a group that starts at the end, and commits them, so that they stay its positions.
    fn assign(&self, client: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        let stopped = || self.handover.is_stopped();
        let ends = if self.starts_at_end { first::at_the_end(client, list, stopped) } else { Vec::new() };
        self.assigned.store(true, Ordering::Release);
        let mut books = self.books();
        for partition in partitions(list) {
            // librdkafka determines the start position.
            let epoch = self.ledger.assign(partition.clone(), 0);
            books.assigned.insert(partition, epoch);
        }
        if !ends.is_empty() {
            books.marked.extend(ends);
            drop(self.handover.commit());
        }
    }

    /// Starts with these partitions, without the group's assignment.
    pub(super) fn assign_by_hand(
        &self,
        client: &BaseConsumer<Self>,
        mut list: TopicPartitionList,
    ) -> Result<(), KafkaError> {
        let turn = self.turn();
        self.assign(client, &mut list);
        let assigned = client.assign(&list);
        drop(turn);
        assigned
    }

    /// Seeks within a partition, under a new assignment: messages that were fetched or taken from it before
    /// are refused from now on.
    pub(super) fn reassign(&self, partition: &Partition, start: u64) {
        self.hand_over();
        let mut books = self.books();
        let Some(epoch) = books.assigned.epoch(partition) else { return };
        self.handover.discard(&[epoch]);
        let epoch = self.ledger.assign(partition.clone(), start);
        books.assigned.insert(partition.clone(), epoch);
        books.marked.remove(partition);
        books.committed.remove(partition);
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let revoked: Vec<_> = partitions(list).collect();
        let lost = consumer.assignment_lost();
        let epochs: Vec<_> = {
            let books = self.books();
            revoked.iter().filter_map(|partition| books.assigned.epoch(partition)).collect()
        };
        // Messages of other partitions do not have to wait.
        self.hand_over();
        self.handover.discard(&epochs);
        if !lost {
            let unsettled = self.ledger.leave(&revoked, self.patience);
            if unsettled > 0 {
                tracing::debug!(unsettled, "partitions are revoked before everything is settled");
            }
        }
        let mut books = self.books();
        let mut done = TopicPartitionList::new();
        for partition in &revoked {
            books.assigned.remove(partition);
            let marked = books.marked.remove(partition);
            let committed = books.committed.remove(partition);
            // 0 is also the watermark of a partition of which nothing was taken.
            let settled = self.ledger.revoke(partition).filter(|offset| *offset > 0).or(marked);
            if let Some(offset) = settled.filter(|_| settled != committed) {
                add(&mut done, partition, offset);
            }
        }
        if lost {
            tracing::warn!(
                partitions = revoked.len(),
                "partitions were lost; messages settled last are delivered again to another consumer"
            );
        } else if done.count() > 0 {
            // librdkafka gives up the partitions once this commit is answered.
            if let Err(error) = consumer.commit(&done, CommitMode::Async) {
                tracing::warn!(%error, "revoked partitions could not be committed");
            }
        }
    }
}

impl ClientContext for Group {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.busy.store(true, Ordering::Release);
        tokens::requested(self.tokens.as_ref())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.busy.store(true, Ordering::Release);
        config::log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.busy.store(true, Ordering::Release);
        self.statistics.set(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.busy.store(true, Ordering::Release);
        tracing::warn!(%error, reason, "the Kafka consumer is in trouble");
        self.refusals.hear(&error, reason);
        if is_login(&error) {
            tokens::refused(self.tokens.as_ref());
        }
    }
}

impl ConsumerContext for Group {
    /// Waits for deliveries of revoked partitions, which the receiver must not do. librdkafka returns no
    /// more messages of these partitions meanwhile.
    fn rebalance(&self, client: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.busy.store(true, Ordering::Release);
        if self.handover.is_served_here() {
            self.change(client, what, list);
        } else {
            self.deferred().push(Change { what, list: list.clone() });
            self.handover.wake();
        }
    }
}

/// Adds an offset to a list to be committed.
pub(super) fn add(list: &mut TopicPartitionList, partition: &Partition, offset: u64) {
    let (Ok(number), Ok(offset)) = (i32::try_from(partition.number()), i64::try_from(offset)) else { return };
    // Fails only for offsets that cannot be represented, and these can.
    let _ = list.add_partition_offset(partition.topic(), number, Offset::Offset(offset));
}

fn partitions(list: &TopicPartitionList) -> impl Iterator<Item = Partition> {
    list.elements().into_iter().filter_map(|element| partition(&element)).collect::<Vec<_>>().into_iter()
}

fn partition(element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>) -> Option<Partition> {
    Some(Partition::new(element.topic(), u32::try_from(element.partition()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::{Bounds, log::LogOptions};
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    fn group() -> Group {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        Group::new(ledger, Arc::new(Handover::new(Bounds::default())), Duration::ZERO)
    }

    #[tokio::test]
    async fn who_misses_the_turn_is_woken_when_it_ends() {
        let group = group();
        let woken = || {
            let mut context = Context::from_waker(Waker::noop());
            pin!(group.handover.arrived()).poll(&mut context).is_ready()
        };
        drop(group.turn());
        assert!(!woken()); // no task waited for it
        let turn = group.turn();
        assert!(group.try_turn().is_none() && !woken());
        drop(turn);
        assert!(woken());
        drop(group.try_turn().unwrap());
        assert!(!woken());
    }

    #[tokio::test]
    async fn partitions_are_found_by_topic_and_number() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let mut assigned = Assigned::default();
        let all = [("b", 1), ("a", 10), ("b", 0), ("a", 2), ("ab", 2)];
        let epochs = all.map(|(topic, number)| {
            let partition = Partition::new(topic, number);
            let epoch = ledger.assign(partition.clone(), 0);
            assigned.insert(partition, epoch);
            epoch
        });
        for ((topic, number), epoch) in all.into_iter().zip(epochs) {
            assert_eq!(assigned.find(topic, number), Some(&(Partition::new(topic, number), epoch)));
        }
        assert_eq!((assigned.find("a", 1), assigned.find("c", 0)), (None, None));
        let again = ledger.assign(Partition::new("a", 2), 0);
        assigned.insert(Partition::new("a", 2), again);
        assert_eq!(assigned.find("a", 2), Some(&(Partition::new("a", 2), again)));
        assigned.remove(&Partition::new("a", 2));
        assert!(!assigned.contains(&Partition::new("a", 2)) && assigned.contains(&Partition::new("ab", 2)));
    }
}
