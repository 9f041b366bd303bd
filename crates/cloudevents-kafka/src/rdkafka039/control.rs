//! Control of a running receiver: seeking, and the lag.

use super::{
    failure::failed,
    handover::{Handover, ended},
    position::Position,
    rebalance::Group,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Partition, binding::log::Ledger};
use rdkafka::{
    Offset, Statistics, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// How long a seek may take.
const SEEKING: Duration = Duration::from_secs(10);

/// Controls a running receiver: see [`controlled`](super::controlled). Clones control the same receiver.
#[derive(Clone)]
pub struct KafkaControl {
    pub(super) handover: Arc<Handover>,
    pub(super) ledger: Ledger,
    pub(super) statistics: Latest,
}

/// The latest statistics of librdkafka.
#[derive(Clone, Default)]
pub(super) struct Latest(Arc<Mutex<Option<Arc<Statistics>>>>);

/// A request to seek.
pub(super) struct Seek {
    partition: Partition,
    to: Position,
    answer: oneshot::Sender<Result<(), Error>>,
}

impl KafkaControl {
    /// Continues reading a partition from this position. Unsettled messages that were received from it
    /// before are revoked: they can be processed, but no longer settled. The next commit is that of the new
    /// position, so a position before the committed one is read again after a restart, too.
    ///
    /// Returns when the next delivery of the partition is the record at the new position.
    ///
    /// Errors are of kind [`Revoked`](ErrorKind::Revoked) when the partition is not assigned to this receiver, of kind
    /// [`Timeout`](ErrorKind::Timeout), and others of the broker. If the future is dropped, the seek may or may not happen.
    pub async fn seek(&self, partition: &Partition, to: Position) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.handover.seek(Seek { partition: partition.clone(), to, answer });
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Returns how far the watermark of each assigned partition is from its end: the number of unsettled records, in offsets.
    ///
    /// Offsets without a record count, too, until a record behind them is settled: offsets that compaction has removed, and the offset that
    /// ends each transaction. So in a topic that is written in transactions, it is 1 when all is settled.
    ///
    /// `None` before the first [statistics](Self::statistics).
    pub fn lag(&self) -> Option<Vec<(Partition, u64)>> {
        let statistics = self.statistics()?;
        let mut all = Vec::new();
        for topic in statistics.topics.values() {
            for known in topic.partitions.values() {
                let (Ok(number), Ok(end)) = (u32::try_from(known.partition), u64::try_from(known.hi_offset))
                else {
                    continue;
                };
                let partition = Partition::new(topic.topic.as_str(), number);
                let Some(watermark) = self.ledger.watermark(&partition) else { continue };
                // Before the first message, only librdkafka knows the start position.
                let start = u64::try_from(known.committed_offset.max(known.lo_offset)).unwrap_or_default();
                let lag = end.saturating_sub(if watermark == 0 { start } else { watermark });
                all.push((partition, lag));
            }
        }
        all.sort();
        Some(all)
    }

    /// Returns the latest statistics of librdkafka.
    /// [`KafkaReceiverOptions::statistics`](super::KafkaReceiverOptions::statistics) sets how often it
    /// reports them.
    pub fn statistics(&self) -> Option<Arc<Statistics>> {
        self.statistics.lock().clone()
    }
}

impl fmt::Debug for KafkaControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaControl").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl Latest {
    pub(super) fn set(&self, statistics: Statistics) {
        *self.lock() = Some(Arc::new(statistics));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Statistics>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Seek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seek")
            .field("partition", &self.partition)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl Seek {
    /// Runs in the consumer's thread.
    pub(super) fn run(self, client: &BaseConsumer<Group>) {
        let result = seek(client, &self.partition, self.to);
        if let Err(error) = &result {
            tracing::warn!(partition = %self.partition, %error, "seeking failed");
        }
        let _ = self.answer.send(result);
    }
}

fn seek(client: &BaseConsumer<Group>, partition: &Partition, to: Position) -> Result<(), Error> {
    let group = client.context();
    if !group.books().assigned.contains(partition) {
        return Err(Error::new(ErrorKind::Revoked).with_detail(format!("{partition} is not assigned here")));
    }
    let number = i32::try_from(partition.number()).unwrap_or(i32::MAX);
    let ends = || client.fetch_watermarks(partition.topic(), number, SEEKING).map_err(failed);
    // As numbers, so that the position can be committed.
    let offset = match to.resolve(client, partition, SEEKING)? {
        Offset::Beginning => Offset::Offset(ends()?.0),
        Offset::End => Offset::Offset(ends()?.1),
        offset => offset,
    };
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(partition.topic(), number, offset).map_err(failed)?;
    let list = client.seek_partitions(list, SEEKING).map_err(failed)?;
    for element in list.elements() {
        element.error().map_err(failed)?;
    }
    let start = if let Offset::Offset(offset) = offset { u64::try_from(offset).ok() } else { None };
    group.committed();
    group.reassign(partition, start);
    // The message for which it was paused is behind it. librdkafka keeps a partition paused that is read from elsewhere.
    client.resume(&list).map_err(failed)?;
    tracing::debug!(%partition, ?to, "the position was changed");
    Ok(())
}
