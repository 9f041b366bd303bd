//! The first position of a group: at the beginning, at the end, some records before it, or at a time.
//!
//! The group commits it before it settles anything. Otherwise a group whose target is away would have no position, and the next member
//! of it, with another start, would skip records that the group was to read.
//!
//! librdkafka has one setting (`auto.offset.reset`) for a group without a position and for a group whose position does not exist any more.
//! In the second case, the log was truncated, or its records were deleted. At the end, the second group would skip records that are there.
//! So the setting is always `earliest`, and the end is looked up here for partitions of which the group has committed nothing.
//!
//! Partitions that came after the receiver was opened, in a topic that grows or in a new topic, start at their beginning. Records that came
//! before the client knew these partitions are new, too. A topic that is deleted and made again is no new topic. librdkafka reports the
//! same for a topic that is unknown for a moment. The group was to skip the past of that topic.

use super::{failure::failed, position::Position};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Partition;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::RDKafkaErrorCode,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// The start of a group without a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Beginning,
    End,
    /// This number of offsets before the end. If there are fewer, it is the beginning.
    Last(u64),
    /// The first record that is not older, or the end if all are older.
    Since(SystemTime),
}

impl Start {
    /// Whether it is a position among the records that are there.
    pub(super) fn is_among(self) -> bool {
        matches!(self, Self::Since(_) | Self::Last(_))
    }
}

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(5);

/// How soon a request is repeated, at first.
const AGAIN: Duration = Duration::from_millis(100);

/// How long to look for committed offsets of the group.
const PATIENCE: Duration = Duration::from_secs(60);

/// The topics that there were when the receiver was opened.
#[derive(Default)]
pub(super) struct Opening {
    known: Mutex<HashMap<String, Known>>,
    /// Whether it was logged that the group exists, or partitions were assigned before. From then on, the group has the positions of this
    /// receiver.
    is_begun: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Known {
    partitions: usize,
    /// Whether the group had committed an offset.
    is_read: bool,
}

impl Opening {
    /// Requests these topics, or all topics if there is a pattern among them, and if wanted the offsets of the group, for at most so long.
    pub(super) fn look<C: ConsumerContext>(
        &self,
        client: &BaseConsumer<C>,
        topics: &[String],
        has_group: bool,
        timeout: Duration,
    ) -> Result<(), Error> {
        let mut known = HashMap::new();
        let mut ask = |topic: Option<&str>| -> Result<(), Error> {
            let metadata = client.fetch_metadata(topic, REQUEST).map_err(failed)?;
            for topic in metadata.topics() {
                // For a topic with a passing error, the number of its partitions is not known.
                let partitions = match topic.error().map(RDKafkaErrorCode::from) {
                    None | Some(RDKafkaErrorCode::UnknownTopicOrPartition) => topic.partitions().len(),
                    Some(_) => usize::MAX,
                };
                known.insert(topic.name().to_owned(), Known { partitions, is_read: false });
            }
            Ok(())
        };
        if topics.iter().any(|topic| topic.starts_with('^')) {
            ask(None)?;
        } else {
            topics.iter().try_for_each(|topic| ask(Some(topic)))?;
        }
        if has_group {
            find_read(client, &mut known, timeout);
        }
        *self.known() = known;
        Ok(())
    }

    /// Whether the group had committed an offset of this topic.
    fn is_read(&self, topic: &str) -> bool {
        self.known().get(topic).is_some_and(|known| known.is_read)
    }

    fn had(&self, topic: &str, number: i32) -> bool {
        let known = self.known();
        usize::try_from(number)
            .is_ok_and(|number| known.get(topic).is_some_and(|known| number < known.partitions))
    }

    /// Logs once that the group exists, and how many of the assigned partitions it has read. `None`: no partition is assigned.
    ///
    /// A group that rebalances cooperatively assigns none to a new member at first: its other members give some up, and the next rebalance
    /// assigns these. With more members than partitions, it assigns none for longer.
    fn exists(&self, partitions: Option<usize>) {
        if self.is_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        match partitions {
            Some(partitions) => tracing::warn!(
                partitions,
                "the group exists, and continues at its position: the begin that is set has no effect (`since` or `last` of a URL)"
            ),
            None => tracing::warn!(
                "the group exists, and its other members have all partitions: this member gets its share with the next rebalance of the \
                 group, unless there are more members than partitions. The begin that is set has no effect (`since` or `last` of a URL)"
            ),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the topics of which the group has committed an offset. If that cannot be known, none are.
fn find_read<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    known: &mut HashMap<String, Known>,
    timeout: Duration,
) {
    let mut list = TopicPartitionList::new();
    for (topic, known) in &*known {
        // If the number of partitions is not known, the first one has to do.
        let last = i32::try_from(known.partitions).map_or(0, |count| count.saturating_sub(1));
        list.add_partition_range(topic, 0, last);
    }
    let end = Instant::now().checked_add(timeout);
    let committed = loop {
        match committed(client, &list) {
            Ok(committed) => break committed,
            Err(error)
                if end.is_none_or(|end| Instant::now() >= end) || error.kind() == ErrorKind::Refused =>
            {
                tracing::warn!(%error, "it is not known whether the group has committed anything");
                return;
            }
            Err(_) => std::thread::sleep(AGAIN),
        }
    };
    for element in committed.elements() {
        if element.offset() != Offset::Invalid
            && let Some(known) = known.get_mut(element.topic())
        {
            known.is_read = true;
        }
    }
}

/// Sets the positions of the partitions that the group has never read, and returns them.
///
/// The positions are the ends, the beginnings, or the positions at a time. If the group has read others of the topic's partitions, a time
/// or a number of records has no effect: the beginnings. Blocks the thread, for `patience` after the group's offsets are known. Ends early
/// once `stopped` returns true.
pub(super) fn positions<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    list: &mut TopicPartitionList,
    start: Start,
    opening: &Opening,
    patience: Duration,
    stopped: impl Fn() -> bool,
) -> Vec<(Partition, u64)> {
    if list.count() == 0 {
        if start.is_among() && opening.known().values().any(|known| known.is_read) {
            opening.exists(None);
        }
        return Vec::new();
    }
    let (since, mut pause) = (Instant::now(), AGAIN);
    let committed = loop {
        match committed(client, list) {
            Ok(committed) => break committed,
            Err(error) if stopped() || since.elapsed() >= PATIENCE || error.kind() == ErrorKind::Refused => {
                tracing::warn!(%error, "it is not known what the group has committed; partitions without it are read from the beginning");
                return Vec::new();
            }
            Err(error) => {
                tracing::warn!(%error, "it is not known yet what the group has committed");
                std::thread::sleep(pause);
                pause = pause.saturating_mul(2).min(REQUEST);
            }
        }
    };
    // Of some partitions, a group that exists may have committed nothing yet. Nothing of theirs may be skipped.
    let read = if start.is_among() { read(list, &committed, opening) } else { HashSet::new() };
    let end = Instant::now().checked_add(patience);
    let mut starts = Vec::new();
    let (mut reachable, mut unread) = (true, 0_i64);
    for element in committed.elements() {
        let (topic, number) = (element.topic(), element.partition());
        // The program chose partitions with another position.
        let is_open = list.find_partition(topic, number).is_some_and(|known| is_open(known.offset()));
        if !is_open || element.offset() != Offset::Invalid {
            continue;
        }
        let is_new = start != Start::Beginning && !opening.had(topic, number);
        let start = if is_new || read.contains(topic) { Start::Beginning } else { start };
        if reachable && end.is_none_or(|end| Instant::now() >= end) {
            tracing::warn!(?patience, "there was no time to look for the first positions of all partitions");
            reachable = false;
        }
        // A partition without a leader would take as long as the first.
        let start = match reachable.then(|| look_up(client, topic, number, start)) {
            Some(Ok((low, offset, end))) => {
                tracing::debug!(
                    topic,
                    number,
                    low,
                    end,
                    is_new,
                    offset,
                    "a partition without a position starts"
                );
                unread = unread.saturating_add(end.saturating_sub(offset));
                offset
            }
            unknown => {
                if let Some(Err(error)) = unknown {
                    tracing::warn!(topic, number, %error, "the first position of a partition is not known yet");
                    reachable = false;
                }
                // Librdkafka looks for no time by itself. Nothing is skipped that was wanted.
                let start = if start == Start::End { Offset::End } else { Offset::Beginning };
                start.to_raw().unwrap_or(-1)
            }
        };
        let _ = list.set_partition_offset(topic, number, Offset::from_raw(start));
        if let (Ok(number), Ok(start)) = (u32::try_from(number), u64::try_from(start)) {
            starts.push((Partition::new(topic, number), start));
        }
    }
    if !starts.is_empty() {
        tracing::info!(
            partitions = starts.len(),
            unread,
            "partitions of which the group has read nothing get their first position"
        );
    }
    starts
}

/// The topics of which the group has read some of these partitions, or had read others. The first time, that is logged.
fn read(list: &TopicPartitionList, committed: &TopicPartitionList, opening: &Opening) -> HashSet<String> {
    let (mut read, mut partitions) = (HashSet::new(), 0_usize);
    for element in committed.elements() {
        let topic = element.topic();
        let is_open =
            list.find_partition(topic, element.partition()).is_some_and(|known| is_open(known.offset()));
        let is_committed = element.offset() != Offset::Invalid && is_open;
        partitions = partitions.saturating_add(is_committed.into());
        if is_committed || opening.is_read(topic) {
            read.insert(topic.to_owned());
        }
    }
    match read.is_empty() {
        true => opening.is_begun.store(true, Ordering::Relaxed),
        false => opening.exists(Some(partitions)),
    }
    read
}

/// The first offset of a partition, the offset at which to start, and its end.
fn look_up<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    number: i32,
    start: Start,
) -> Result<(i64, i64, i64), Error> {
    let (low, end) = client.fetch_watermarks(topic, number, REQUEST).map_err(failed)?;
    let time = match start {
        Start::Since(time) => time,
        Start::Last(count) => {
            let before = end.saturating_sub(i64::try_from(count).unwrap_or(i64::MAX));
            return Ok((low, before.max(low), end));
        }
        Start::Beginning => return Ok((low, low, end)),
        Start::End => return Ok((low, end, end)),
    };
    let partition = Partition::new(topic, u32::try_from(number).unwrap_or(u32::MAX));
    match Position::Time(time).resolve(client, &partition, REQUEST)? {
        Offset::Offset(found) => Ok((low, found, end)),
        // All are older.
        _ => Ok((low, end, end)),
    }
}

/// The offsets that the group has committed for these partitions.
fn committed<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    list: &TopicPartitionList,
) -> Result<TopicPartitionList, Error> {
    let committed = client.committed_offsets(list.clone(), REQUEST).map_err(failed)?;
    for element in committed.elements() {
        element.error().map_err(failed)?;
    }
    Ok(committed)
}

/// Whether librdkafka is to find the position.
fn is_open(offset: Offset) -> bool {
    matches!(offset, Offset::Invalid | Offset::Stored)
}
