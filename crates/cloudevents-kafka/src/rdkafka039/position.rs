//! Start positions in a partition.

use super::failure::failed;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Partition;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};
use std::time::{Duration, SystemTime};

/// The position at which to start reading a partition.
///
/// ```
/// use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, Position};
///
/// let mut options = KafkaReceiverOptions::default();
/// options.partitions = vec![(0, Position::Committed), (1, Position::Offset(1000))];
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Position {
    /// The offset that the group has committed. Without such an offset, the position in the URL option `offset`.
    Committed,
    /// The first record that the broker still has.
    Beginning,
    /// Behind the last record.
    End,
    /// This offset.
    Offset(u64),
    /// The first record at or after this time, or behind the last record if all are older.
    Time(SystemTime),
}

impl Position {
    /// Returns the offset. May request it from a broker: blocks the thread, at most for this long.
    pub(super) fn resolve<C: ConsumerContext>(
        self,
        client: &BaseConsumer<C>,
        partition: &Partition,
        limit: Duration,
    ) -> Result<Offset, Error> {
        let number = i32::try_from(partition.number()).map_err(|_| no_such(partition))?;
        let one = |offset| {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(partition.topic(), number, offset).map(|()| list).map_err(failed)
        };
        let found = |list: &TopicPartitionList| {
            list.elements().first().map_or(Offset::Invalid, |element| element.offset())
        };
        match self {
            Self::Committed => {
                let list = client.committed_offsets(one(Offset::Invalid)?, limit).map_err(failed)?;
                Ok(found(&list))
            }
            Self::Beginning => Ok(Offset::Beginning),
            Self::End => Ok(Offset::End),
            Self::Offset(offset) => i64::try_from(offset).map(Offset::Offset).map_err(|_| no_such(partition)),
            Self::Time(time) => {
                let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
                let list = client.offsets_for_times(one(Offset::Offset(millis))?, limit).map_err(failed)?;
                Ok(found(&list))
            }
        }
    }
}

#[cold]
fn no_such(partition: &Partition) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(format!("Kafka has no such position in {partition}"))
}
