//! Topics and partitions that do not exist: at opening, and later.

use super::{connection::LOOK, failure::failed, position::Position, rebalance::Group};
use cloudevents_core::Error;
use cloudevents_transport::Partition;
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::MetadataTopic,
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long to wait before asking for a topic again that the broker is creating.
const AGAIN: Duration = Duration::from_millis(100);

/// How long a topic that was there may be unknown, or lack a partition that was chosen.
///
/// A topic that is deleted may be made again, and a broker that restarts may not know it yet. Also, how long the group has to assign its
/// partitions again, once it is known.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// Requests each topic with a name, and these partitions, when the receiver is opened.
///
/// Later, librdkafka reports nothing about a partition that is not there or must not be read. It reports the same about a topic that never
/// was, about a topic that may come back, and about a pattern that no topic matches yet.
pub(super) fn look_for_missing(
    client: &BaseConsumer<Group>,
    topics: &[String],
    partitions: &[(Partition, Position)],
    timeout: Duration,
) -> Result<(), Error> {
    let missing = |code, detail| Err(failed(KafkaError::MessageConsumption(code)).with_detail(detail));
    for topic in topics.iter().filter(|topic| !topic.starts_with('^')) {
        let begun = Instant::now();
        let metadata = loop {
            let metadata = client.fetch_metadata(Some(topic), timeout).map_err(failed)?;
            let code = metadata.topics().first().and_then(|topic| topic.error()).map(RDKafkaErrorCode::from);
            let is_coming = client.context().creates_topics && begun.elapsed() < timeout;
            if !(is_coming && is_unknown_topic(code)) {
                break metadata;
            }
            thread::sleep(AGAIN); // a broker answers before it has created the topic
        };
        let Some(known) = metadata.topics().first() else { continue };
        let code = known.error().map(RDKafkaErrorCode::from);
        if let Some(code @ (RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::InvalidTopic)) =
            code
            && !partitions.is_empty()
        {
            return missing(code, format!("the topic `{topic}`"));
        }
        if is_unknown_topic(code) {
            let detail = format!("the topic `{topic}` does not exist");
            return missing(RDKafkaErrorCode::UnknownTopicOrPartition, detail);
        }
        if let Some(detail) = lacks(known, partitions) {
            return missing(RDKafkaErrorCode::UnknownPartition, detail);
        }
    }
    Ok(())
}

/// Asks for these topics and partitions while one is unknown. It is an error if it is for long. Blocks for a second per topic at most.
pub(super) fn look_for_unknown(
    client: &BaseConsumer<Group>,
    topics: &[String],
    partitions: &[(Partition, Position)],
) {
    let group = client.context();
    if group.unknown.is_over() {
        return;
    }
    let error = failed(KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopicOrPartition));
    if group.misses_topics() {
        // A broker may have answered the other thread at the moment when it was noted.
        group.state.lost(&error);
    }
    for topic in topics {
        let Ok(metadata) = client.fetch_metadata(Some(topic), LOOK) else {
            return group.unknown.unanswered();
        };
        let Some(known) = metadata.topics().first() else { continue };
        let gone = match is_unknown_topic(known.error().map(RDKafkaErrorCode::from)) {
            true => Some(format!("the topic `{topic}` does not exist any more")),
            false => lacks(known, partitions),
        };
        if let Some(gone) = gone {
            if group.unknown.note(false).is_some_and(|time| time >= UNKNOWN_FOR) {
                group.unknown.told();
                group.handover.fail(error.with_detail(gone));
            }
            return;
        }
    }
    let time = group.unknown.note(true).unwrap_or_default();
    if time >= UNKNOWN_FOR {
        group.unknown.end();
    } else if time.as_secs() == 0 || time.as_secs().is_power_of_two() {
        // librdkafka looks at all topics every five minutes only, and joins the group for the topics that it finds. The broker that answers
        // may not know them yet. So this is done again, but not each second, as there may be many topics.
        drop(client.fetch_metadata(None, LOOK));
    }
}

/// Whether a broker or librdkafka does not know the topic.
pub(super) fn is_unknown_topic(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Some(Code::UnknownTopicOrPartition | Code::UnknownTopic))
}

/// Which of the partitions the topic does not have.
fn lacks(topic: &MetadataTopic, partitions: &[(Partition, Position)]) -> Option<String> {
    let (name, count) = (topic.name(), topic.partitions().len());
    let is_there = |number: u32| usize::try_from(number).is_ok_and(|number| number < count);
    let mut numbers = partitions.iter().map(|(partition, _)| partition);
    // With an error, it is not known how many there are.
    let missed =
        numbers.find(|one| topic.error().is_none() && one.topic() == name && !is_there(one.number()))?;
    Some(format!("the topic `{name}` has {count} partitions, and no partition {}", missed.number()))
}
