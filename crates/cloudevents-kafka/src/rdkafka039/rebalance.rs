//! What happens when a consumer group is rebalanced.

use super::{
    config::{self, Refusals},
    handover::{Fetched, Handover},
};
use cloudevents_transport::{
    Partition,
    log::{Epoch, Ledger},
};
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
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

/// The callbacks of one consumer. All but the log are called by polling it, by whoever's turn it is.
pub(super) struct Group {
    pub(super) ledger: Ledger,
    pub(super) handover: Arc<Handover>,
    /// How long a rebalance may wait for deliveries to be settled.
    patience: Duration,
    /// Something other than a message was in the queue, and there may be more.
    busy: AtomicBool,
    /// Partitions were assigned that are not paused.
    assigned: AtomicBool,
    books: Mutex<Books>,
    /// Held while the queue is polled and while partitions come and go, so that every message is taken under the assignment that
    /// librdkafka gave it out under. What was fetched is handed over before it ends: so messages stay in order, whoever takes them.
    turn: Mutex<()>,
    /// Somebody wanted the turn and did not get it.
    missed: AtomicBool,
    /// Found in the queue by the receiver, which must not wait for settlements.
    deferred: Mutex<Vec<Change>>,
    /// Why there is no connection.
    pub(super) refusals: Refusals,
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

/// Partitions come or go.
struct Change {
    what: RDKafkaRespErr,
    list: TopicPartitionList,
}

/// What the consumer's thread knows of its partitions.
#[derive(Default)]
pub(super) struct Books {
    pub(super) assigned: Assigned,
    /// Messages that the receiver has not got yet.
    pub(super) fetched: Vec<Fetched>,
    /// What is to be committed.
    pub(super) marked: BTreeMap<Partition, u64>,
    pub(super) committed: BTreeMap<Partition, u64>,
    /// A commit is not answered yet.
    pub(super) under_way: bool,
    /// What went wrong with the last commit.
    pub(super) commit_error: Option<KafkaError>,
}

/// The partitions that are assigned, in their order. One is looked up per message, by the name that the client has.
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

    /// Where it is, or where it would be.
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
        }
    }

    /// Waits for the turn, which for the thread is never long.
    pub(super) fn turn(&self) -> Turn<'_> {
        let guard = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { group: self, guard: Some(guard) }
    }

    /// The turn, unless somebody else has it: then the receiver is woken when that one is done.
    pub(super) fn try_turn(&self) -> Option<Turn<'_>> {
        self.turn_now().or_else(|| {
            // Either the turn's end sees this, or this comes behind it, and finds it ended.
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

    /// The partition of this topic and number, and the assignment it is under.
    pub(super) fn assignment(&self, topic: &str, number: u32) -> Option<(Partition, Epoch)> {
        self.books().assigned.find(topic, number).cloned()
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what was fetched.
    pub(super) fn hand_over(&self) {
        self.handover.add(&mut self.books().fetched);
    }

    /// Whether there was something other than a message since this was last asked.
    pub(super) fn was_busy(&self) -> bool {
        self.busy.swap(false, Ordering::AcqRel)
    }

    /// Whether partitions were assigned since this was last asked.
    pub(super) fn was_assigned(&self) -> bool {
        self.assigned.swap(false, Ordering::AcqRel)
    }

    /// Deals with what the receiver has found and left to the thread.
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

    /// Keeps the books, and then tells librdkafka, which waits for it.
    fn change(&self, client: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &TopicPartitionList) {
        let assigns = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if assigns {
            self.assign(list);
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
            tracing::warn!(%error, assigns, "librdkafka does not take the new assignment");
        }
    }

    fn assign(&self, list: &TopicPartitionList) {
        self.assigned.store(true, Ordering::Release);
        let mut books = self.books();
        for partition in partitions(list) {
            // Where it starts is librdkafka's to find out.
            let epoch = self.ledger.assign(partition.clone(), 0);
            books.assigned.insert(partition, epoch);
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let revoked: Vec<_> = partitions(list).collect();
        let lost = consumer.assignment_lost();
        let epochs: Vec<_> = {
            let books = self.books();
            revoked.iter().filter_map(|partition| books.assigned.epoch(partition)).collect()
        };
        // What came of other partitions does not have to wait.
        self.hand_over();
        self.handover.discard(&revoked, &epochs);
        if !lost {
            let unsettled = self.ledger.leave(&revoked, self.patience);
            if unsettled > 0 {
                tracing::debug!(unsettled, "partitions are given up before everything is settled");
            }
        }
        let mut books = self.books();
        let mut done = TopicPartitionList::new();
        for partition in &revoked {
            books.assigned.remove(partition);
            books.marked.remove(partition);
            let committed = books.committed.remove(partition).unwrap_or_default();
            if let Some(offset) = self.ledger.revoke(partition).filter(|offset| *offset > committed) {
                add(&mut done, partition, offset);
            }
        }
        // What settled between leaving and revoking may have been marked.
        self.handover.discard(&revoked, &epochs);
        if lost {
            tracing::warn!(
                partitions = revoked.len(),
                "partitions were lost; what was settled last comes again elsewhere"
            );
        } else if done.count() > 0 {
            // librdkafka gives the partitions up when this is answered.
            if let Err(error) = consumer.commit(&done, CommitMode::Async) {
                tracing::warn!(%error, "revoked partitions could not be committed");
            }
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.busy.store(true, Ordering::Release);
        config::log(level, facility, message);
    }

    fn stats_raw(&self, _: &[u8]) {
        self.busy.store(true, Ordering::Release);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.busy.store(true, Ordering::Release);
        tracing::warn!(%error, reason, "the Kafka consumer is in trouble");
        self.refusals.hear(&error, reason);
    }
}

impl ConsumerContext for Group {
    /// Partitions that go away are waited for, which the receiver cannot do. librdkafka gives out no more of them meanwhile.
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

/// Adds an offset to a list that is to be committed.
pub(super) fn add(list: &mut TopicPartitionList, partition: &Partition, offset: u64) {
    let (Ok(number), Ok(offset)) = (i32::try_from(partition.number()), i64::try_from(offset)) else { return };
    // It fails for offsets that are not representable only, and these are not.
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
        assert!(!woken()); // nobody wanted it
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
