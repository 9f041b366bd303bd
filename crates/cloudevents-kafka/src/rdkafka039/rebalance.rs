//! Handles rebalances of a consumer group.

use super::{
    config,
    connection::State,
    control::Latest,
    failure::failed,
    first,
    handover::{Handover, HeldBack},
    login::{self, Keeper},
    login_refusals::{Refusals, is_login},
    unknown_for::Unknown,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Partition,
    binding::log::{Epoch, Ledger},
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
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How soon to look again whether a commit has ended.
const COMMITTED: Duration = Duration::from_millis(10);

/// The callbacks of one consumer, which are called in its thread, except the log.
pub(super) struct Group {
    pub(super) ledger: Ledger,
    pub(super) handover: Arc<Handover>,
    /// How long a rebalance may wait for deliveries to be settled.
    patience: Duration,
    /// How long it may look for the first positions of partitions.
    first: Duration,
    /// The queue contained something other than a message, and there may be more.
    busy: AtomicBool,
    books: Mutex<Books>,
    /// Why there is no connection.
    pub(super) refusals: Refusals,
    pub(super) state: State,
    pub(super) statistics: Latest,
    pub(super) tokens: Option<Arc<Keeper>>,
    /// The start of a group without a position. `None` if that is an error.
    pub(super) start: Option<first::Start>,
    /// The group that it leaves when it ends. `None` if it is the same member after a restart, or reads partitions that were chosen for it.
    pub(super) leaves: Option<String>,
    /// Whether asking for a topic makes the broker create it.
    pub(super) creates_topics: bool,
    pub(super) opening: first::Opening,
    pub(super) unknown: Unknown,
    /// Whether topics may come and go: there is a pattern.
    pub(super) may_go: bool,
    /// Whether the group has let it in. Before that, nothing can come, and after the group has taken its partitions away.
    pub(super) has_joined: AtomicBool,
    /// Whether it is not reported that the group has let it in.
    pub(super) joins_unsaid: bool,
}

/// The state that the consumer's thread keeps of its partitions.
#[derive(Default)]
pub(super) struct Books {
    pub(super) assigned: Assigned,
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

    pub(super) fn all(&self) -> HeldBack {
        self.0.clone()
    }

    pub(super) fn epoch(&self, partition: &Partition) -> Option<Epoch> {
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

    /// The index of the partition, or the index at which to insert it.
    fn place(&self, topic: &str, number: u32) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (known.topic(), known.number()).cmp(&(topic, number)))
    }
}

impl Group {
    pub(super) fn new(ledger: Ledger, handover: Arc<Handover>, patience: Duration, first: Duration) -> Self {
        Self {
            ledger,
            handover,
            patience,
            first,
            busy: AtomicBool::new(false),
            books: Mutex::default(),
            refusals: Refusals::default(),
            state: State::default(),
            statistics: Latest::default(),
            tokens: None,
            start: Some(first::Start::Beginning),
            leaves: None,
            creates_topics: false,
            opening: first::Opening::default(),
            unknown: Unknown::default(),
            may_go: false,
            has_joined: AtomicBool::new(false),
            joins_unsaid: false,
        }
    }

    /// Returns the partition of this topic and number, and its assignment.
    pub(super) fn assignment(&self, topic: &str, number: u32) -> Option<(Partition, Epoch)> {
        self.books().assigned.find(topic, number).cloned()
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether there was something other than a message since the last call.
    pub(super) fn was_busy(&self) -> bool {
        self.busy.swap(false, Ordering::AcqRel)
    }

    /// The group has let it in, with or without partitions.
    pub(super) fn joined(&self) {
        self.has_joined.store(true, Ordering::Release);
        self.connected();
    }

    /// A message has come.
    pub(super) fn came(&self) {
        self.refusals.logged_in();
        self.connected();
    }

    /// The group has taken its partitions away: its session has ended. librdkafka joins again.
    fn expelled(&self) {
        if !self.joins_unsaid {
            self.has_joined.store(false, Ordering::Release);
            let error = Error::new(ErrorKind::Disconnected);
            self.state.removed(
                &error
                    .with_detail("the group has taken its partitions away, and it has not joined again yet"),
            );
        }
    }

    /// A broker has answered.
    pub(super) fn connected(&self) {
        if !self.state.is_connected() && self.has_joined() && !self.misses_topics() {
            self.state.connected();
        }
    }

    /// Whether a topic is unknown, or its partitions may not be assigned again yet. It is not connected then: there may be messages.
    pub(super) fn misses_topics(&self) -> bool {
        !self.may_go && !self.unknown.is_over()
    }

    /// A topic is not known any more, or not for a moment, or no topic matches a pattern.
    pub(super) fn misses(&self, error: KafkaError) {
        self.unknown.begin();
        if self.misses_topics() {
            self.state.lost(&failed(error));
        }
    }

    pub(super) fn has_joined(&self) -> bool {
        self.has_joined.load(Ordering::Acquire)
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
        // librdkafka keeps a partition paused that comes back.
        let told = told.and_then(|()| if assigns { client.resume(list) } else { Ok(()) });
        if let Err(error) = told {
            tracing::warn!(%error, assigns, "librdkafka does not accept the new assignment");
        }
        if assigns {
            self.joined();
        }
    }

    /// Sets the first positions of the group, and commits them, so that they stay its positions.
    fn assign(&self, client: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        let stopped = || self.handover.is_stopped();
        let starts = self
            .start
            .map(|start| first::positions(client, list, start, &self.opening, self.first, stopped))
            .unwrap_or_default();
        let mut books = self.books();
        for partition in partitions(list) {
            // librdkafka determines the start position.
            let epoch = self.ledger.assign(partition.clone(), 0);
            books.assigned.insert(partition, epoch);
        }
        if !starts.is_empty() {
            books.marked.extend(starts);
            drop(self.handover.commit());
        }
    }

    /// Starts with these partitions, without the group's assignment.
    pub(super) fn assign_by_hand(
        &self,
        client: &BaseConsumer<Self>,
        mut list: TopicPartitionList,
    ) -> Result<(), KafkaError> {
        self.assign(client, &mut list);
        client.assign(&list)
    }

    /// Seeks within a partition, under a new assignment: messages that were fetched or taken from it before
    /// are refused from now on. A position that is known is committed.
    pub(super) fn reassign(&self, partition: &Partition, start: Option<u64>) {
        let mut books = self.books();
        let Some(epoch) = books.assigned.epoch(partition) else { return };
        self.handover.discard(&[epoch]);
        let epoch = self.ledger.assign(partition.clone(), start.unwrap_or_default());
        books.assigned.insert(partition.clone(), epoch);
        // A commit of an earlier position may have ended last.
        match start {
            Some(start) => _ = books.marked.insert(partition.clone(), start),
            None => _ = books.marked.remove(partition),
        }
        books.committed.remove(partition);
    }

    /// Waits for the commit that is under way, for at most as long as for deliveries.
    ///
    /// Otherwise it could be the last commit for a partition that goes and comes back, or that is read from elsewhere.
    pub(super) fn committed(&self) {
        let end = Instant::now().checked_add(self.patience);
        while self.books().under_way && end.is_some_and(|end| Instant::now() < end) {
            thread::park_timeout(COMMITTED);
        }
    }

    /// The consumer is over, with all partitions: nothing of them can be settled here any more.
    pub(super) fn lost_all(&self) {
        let all = self.books().assigned.all();
        for (partition, _) in all {
            self.ledger.revoke(&partition);
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let revoked: Vec<_> = partitions(list).collect();
        let lost = consumer.assignment_lost();
        let epochs: Vec<_> = {
            let books = self.books();
            revoked.iter().filter_map(|partition| books.assigned.epoch(partition)).collect()
        };
        // Messages of other partitions do not have to wait.
        self.handover.arrive();
        self.handover.discard(&epochs);
        if !lost {
            let unsettled = self.ledger.leave(&revoked, self.patience);
            let again = revoked.iter().map(|partition| self.ledger.ahead(partition));
            let again = again.fold(0, usize::saturating_add);
            if again > 0 && unsettled > 0 {
                tracing::warn!(
                    unsettled,
                    again,
                    "partitions are given up before everything is settled: settled messages come again to another \
                     consumer, as one before them is not settled; a rebalance waits longer with `rebalance-wait`"
                );
            } else if again > 0 {
                tracing::warn!(
                    again,
                    "partitions are given up: settled messages come again to another consumer, as one before them was \
                     given back, or waits longer for its next attempt"
                );
            } else if unsettled > 0 {
                tracing::debug!(unsettled, "partitions are given up before everything is settled");
            }
            self.committed();
        }
        let mut books = self.books();
        let (mut done, mut uncommitted) = (TopicPartitionList::new(), 0_u64);
        for partition in &revoked {
            books.assigned.remove(partition);
            let marked = books.marked.remove(partition);
            let committed = books.committed.remove(partition);
            // 0 is also the watermark of a partition of which nothing was taken.
            let settled = self.ledger.revoke(partition).filter(|offset| *offset > 0).or(marked);
            if let Some(offset) = settled.filter(|_| settled != committed) {
                add(&mut done, partition, offset);
                uncommitted = uncommitted.saturating_add(offset.saturating_sub(committed.unwrap_or(offset)));
            }
        }
        if lost {
            self.expelled();
            tracing::warn!(
                partitions = revoked.len(),
                again = uncommitted,
                "partitions were lost; messages settled since the last commit come again, here or at another consumer: at most this number"
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
        login::requested(self.tokens.as_ref())
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
        // Once no broker can be reached, the state has the reason.
        let is_known = self.state.knows_why_not() && !is_login(&error);
        if !is_known && self.refusals.is_news(&error, reason) {
            tracing::warn!(%error, reason, "the Kafka consumer is in trouble");
        } else {
            tracing::debug!(%error, reason, "the Kafka consumer is in trouble");
        }
        self.refusals.hear(&error, reason);
        if is_login(&error) {
            login::refused(self.tokens.as_ref());
        }
        self.state.hear(&error, reason, &self.refusals);
    }
}

impl ConsumerContext for Group {
    /// Waits for deliveries of revoked partitions. librdkafka returns no more messages of these partitions meanwhile.
    fn rebalance(&self, client: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.busy.store(true, Ordering::Release);
        self.change(client, what, list);
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
    use cloudevents_transport::binding::log::LogOptions;

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
