//! A receiver over the program's own consumer.

use super::{
    config,
    failure::failed,
    handover::HeldBack,
    message::{place, read},
    rebalance::add,
    receiver::KafkaReceiverOptions,
    repeated_errors::RepeatedErrors,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    Partition, Receiver,
    binding::log::{Ledger, LogReceiver, LogSource, Record},
};
use rdkafka::{
    Message as _, TopicPartitionList,
    consumer::{CommitMode, Consumer as _, ConsumerContext, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, timeout_at},
};

/// Creates a receiver over the program's own consumer, which has its own subscription or assignment, context and settings.
///
/// The consumer must be created with `enable.auto.commit=false` and `enable.auto.offset.store=false`: only this receiver may commit. The
/// options `config`, `prefetch`, `rebalance_wait`, `partitions`, `statistics`, `tokens` and `connect_timeout` have no effect here, as the
/// consumer is already configured. [`KafkaReceiverOptions::log`] must set the policy for rejected messages.
///
/// Differences from [`receiver`](super::receiver()):
///
/// - The consumer is polled only while the program requests messages. A program that requests none for
///   longer than `max.poll.interval.ms` loses its partitions.
/// - A rebalance does not wait for unsettled deliveries: the new owner of the partition receives them
///   again.
/// - Commits happen while messages are requested, and at the end of draining. Only then does the receiver notice that a partition has
///   moved. A partition that goes and comes back between two [intervals](KafkaReceiverOptions::commit_interval) is taken for a partition
///   that stayed.
/// - With `auto.offset.reset=latest`, librdkafka also goes to the end from a position that does not exist any more, and in new topics and
///   partitions. It skips the records there.
/// - A topic that is unknown is an error at once, also for a moment.
///
/// Errors: [`Unsupported`](ErrorKind::Unsupported) outside a tokio runtime, and when the options set no policy for rejected messages.
///
/// ```no_run
/// use cloudevents_core::Event;
/// use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, receiver_over};
/// use cloudevents_transport::{OrderBy, binding::log::LogOptions};
/// use rdkafka::{ClientConfig, consumer::{Consumer, StreamConsumer}};
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let consumer: StreamConsumer = ClientConfig::new()
///     .set("bootstrap.servers", "one:9092")
///     .set("group.id", "billing")
///     .set("enable.auto.commit", "false")
///     .set("enable.auto.offset.store", "false")
///     .create()?;
/// consumer.subscribe(&["orders"])?;
/// let mut options = KafkaReceiverOptions::default();
/// options.log = LogOptions::default().dropping_rejected();
/// let receiver = receiver_over(consumer, options)?;
/// receiver.run(async |event: Event| println!("{}", event.id())).in_order(OrderBy::Partition).await?;
/// # Ok(()) }
/// ```
pub fn receiver_over<C: ConsumerContext + 'static>(
    consumer: StreamConsumer<C>,
    mut options: KafkaReceiverOptions,
) -> Result<Receiver, Error> {
    config::understand_json(&mut options.receiver);
    let ledger = Ledger::new(options.log.clone())?;
    let source = Existing {
        ledger: ledger.clone(),
        decoding: options.receiver.decoding.clone(),
        consumer: Arc::new(consumer),
        interval: options.commit_interval.max(SHORTEST),
        due: Instant::now(),
        known: BTreeSet::new(),
        marked: Marks::new(),
        committing: None,
        paused: Vec::new(),
        errors: RepeatedErrors::default(),
    };
    Ok(Receiver::new(LogReceiver::new(ledger, source), options.receiver))
}

/// The minimum interval between commits.
const SHORTEST: Duration = Duration::from_millis(10);

type Marks = BTreeMap<Partition, u64>;

struct Existing<C: ConsumerContext + 'static> {
    ledger: Ledger,
    decoding: DecodeOptions,
    consumer: Arc<StreamConsumer<C>>,
    interval: Duration,
    /// When the next commit is due.
    due: Instant,
    /// The partitions that the ledger has.
    known: BTreeSet<Partition>,
    /// Marks that are not committed yet.
    marked: Marks,
    /// The commit that is under way, with its marks. It takes a thread of the runtime until the broker answers, so there is one at a time.
    committing: Option<JoinHandle<(Marks, Result<(), KafkaError>)>>,
    /// The partitions that the consumer does not fetch.
    paused: HeldBack,
    /// Errors that librdkafka recovers from.
    errors: RepeatedErrors,
}

impl<C: ConsumerContext + 'static> Existing<C> {
    /// Converts the message to a record. A partition is registered from its first message on.
    ///
    /// A partition may be read from an earlier position again, for any reason. Then the ledger begins again there: after it was revoked and
    /// assigned, messages in flight come twice, and none is lost.
    fn record(&mut self, message: &rdkafka::message::BorrowedMessage<'_>) -> Option<Record> {
        let (number, offset) = place(message)?;
        let partition = Partition::new(message.topic(), number);
        if self.ledger.position(&partition).is_none() {
            self.ledger.assign(partition.clone(), offset);
            self.known.insert(partition.clone());
        }
        let received = read(message, (partition.clone(), offset), &self.decoding);
        Some(Record::new(partition, offset, received))
    }

    /// Pauses the partitions that are held back, and resumes the others.
    fn pause(&mut self) {
        let wanted = self.ledger.held_back();
        if wanted == self.paused {
            return;
        }
        let without = |some: &HeldBack, others: &HeldBack| {
            let mut list = TopicPartitionList::new();
            for (partition, _) in some.iter().filter(|one| !others.contains(one)) {
                list.add_partition(partition.topic(), i32::try_from(partition.number()).unwrap_or(i32::MAX));
            }
            list
        };
        let resumed = self.consumer.resume(&without(&self.paused, &wanted));
        if let Err(error) = resumed.and_then(|()| self.consumer.pause(&without(&wanted, &self.paused))) {
            tracing::warn!(%error, "fetching could not be paused or resumed");
        }
        self.paused = wanted;
    }

    /// Revokes the partitions that the consumer has not any more, and begins to commit the marks of the others, unless a commit is under
    /// way.
    fn begin_commit(&mut self) -> Result<(), Error> {
        for mark in self.ledger.marks() {
            self.marked.insert(mark.partition, mark.offset);
        }
        if self.known.is_empty() {
            return Ok(());
        }
        let assigned = self.consumer.assignment().map_err(failed)?;
        self.known.retain(|partition| {
            let number = i32::try_from(partition.number()).unwrap_or(i32::MAX);
            let stays = assigned.find_partition(partition.topic(), number).is_some();
            if !stays {
                self.ledger.revoke(partition); // its new owner receives unsettled messages, and commits
                self.marked.remove(partition);
            }
            stays
        });
        if self.marked.is_empty() || self.committing.is_some() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        self.marked.iter().for_each(|(partition, offset)| add(&mut list, partition, *offset));
        let (consumer, marked) = (Arc::clone(&self.consumer), self.marked.clone());
        // The client reports no result for asynchronous commits.
        self.committing = Some(spawn_blocking(move || (marked, consumer.commit(&list, CommitMode::Sync))));
        Ok(())
    }

    /// Waits for the commit that is under way, if there is one. Offsets that were marked meanwhile, or not committed, are left to the next
    /// commit.
    async fn committed(&mut self) -> Result<(), Error> {
        let Some(committing) = &mut self.committing else { return Ok(()) };
        let ended = committing.await;
        self.committing = None;
        let (marks, result) =
            ended.map_err(|error| Error::new(ErrorKind::Transport).with_detail(error.to_string()))?;
        result.map_err(failed)?;
        self.marked.retain(|partition, offset| marks.get(partition) != Some(offset));
        Ok(())
    }
}

impl<C: ConsumerContext + 'static> LogSource for Existing<C> {
    async fn next(&mut self) -> Result<Record, Error> {
        let consumer = Arc::clone(&self.consumer);
        loop {
            self.pause();
            if self.due <= Instant::now() {
                self.due = Instant::now().checked_add(self.interval).unwrap_or(self.due);
                told(self.begin_commit())?;
            }
            let (due, is_committing) = (self.due, self.committing.is_some());
            let received = tokio::select! {
                biased;
                committed = self.committed(), if is_committing => {
                    told(committed)?;
                    continue;
                }
                received = timeout_at(due, consumer.recv()) => received,
            };
            match received {
                Ok(Ok(message)) => {
                    if let Some(record) = self.record(&message) {
                        return Ok(record);
                    }
                }
                Ok(Err(error)) if passes(&error) => {
                    if self.errors.is_news(&error, "", Instant::now().into_std()) {
                        tracing::warn!(%error, "librdkafka reports an error of a partition or of the group");
                    } else {
                        tracing::debug!(%error, "librdkafka reports an error of a partition or of the group");
                    }
                }
                Ok(Err(error)) => return Err(failed(error)),
                Err(_) => {} // a commit is due
            }
        }
    }

    fn holds_back(&self) -> bool {
        true
    }

    async fn commit(&mut self) -> Result<(), Error> {
        // It may lack marks.
        told(self.committed().await)?;
        self.begin_commit()?;
        self.committed().await
    }
}

impl<C: ConsumerContext + 'static> fmt::Debug for Existing<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Existing").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// Whether librdkafka recovers by itself.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut
                // Reported for responses without a record. It goes on behind them.
                | Code::MessageSizeTooLarge
        )
    )
}

/// Logs the failure of a commit that the next one makes good.
fn told(committed: Result<(), Error>) -> Result<(), Error> {
    match committed {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Transport
            ) =>
        {
            tracing::warn!(%error, "a commit failed and is tried again");
            Ok(())
        }
        other => other,
    }
}
