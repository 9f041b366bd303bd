//! The first position of a group that starts at the end.
//!
//! librdkafka has one setting (`auto.offset.reset`) for a group without a position and for one whose position does not exist any more,
//! because the log was truncated, or its records were deleted. At the end, the second would skip records that are there. So the setting is
//! always `earliest`, and the end is looked up here for partitions of which the group has committed nothing.

use super::failure::failed;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Partition;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
};
use std::time::{Duration, Instant};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(5);

/// How long to ask for what the group has committed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sets the positions of the partitions that the group has never read to their ends, which it returns. Blocks the thread; ends early once
/// `stopped` returns true.
pub(super) fn at_the_end<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    list: &mut TopicPartitionList,
    stopped: impl Fn() -> bool,
) -> Vec<(Partition, u64)> {
    let (since, mut pause) = (Instant::now(), Duration::from_millis(100));
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
    let mut ends = Vec::new();
    let mut reachable = true;
    for element in committed.elements() {
        let (topic, number) = (element.topic(), element.partition());
        // Those with another position were chosen by the program.
        let is_open = list.find_partition(topic, number).is_some_and(|known| is_open(known.offset()));
        if !is_open || element.offset() != Offset::Invalid {
            continue;
        }
        // A partition without a leader would take as long as the first.
        let end = reachable.then(|| client.fetch_watermarks(topic, number, REQUEST));
        let end = match end {
            Some(Ok((_, end))) => end,
            Some(Err(error)) => {
                tracing::warn!(topic, number, %error, "the end of a partition is not known yet");
                reachable = false;
                Offset::End.to_raw().unwrap_or(-1)
            }
            None => Offset::End.to_raw().unwrap_or(-1),
        };
        let _ = list.set_partition_offset(topic, number, Offset::from_raw(end));
        if let (Ok(number), Ok(end)) = (u32::try_from(number), u64::try_from(end)) {
            tracing::debug!(topic, number, end, "the group starts at the end");
            ends.push((Partition::new(topic, number), end));
        }
    }
    ends
}

/// What the group has committed for these partitions.
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
