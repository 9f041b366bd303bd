//! What happens when a consumer group is rebalanced.

use super::{
    config,
    handover::{Fetched, Handover},
};
use cloudevents_transport::{
    Partition,
    log::{Epoch, Ledger},
};
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The callbacks of one consumer. All but the log are called on its thread, by polling it.
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
        }
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
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.busy.store(true, Ordering::Release);
        match rebalance {
            Rebalance::Assign(list) => self.assign(list),
            Rebalance::Revoke(list) => self.revoke(consumer, list),
            Rebalance::Error(error) => tracing::warn!(%error, "the group could not be rebalanced"),
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
    use cloudevents_transport::log::LogOptions;

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
