//! Takes messages from librdkafka's queue, one at a time.

use super::{
    connection::{LOOK, is_login},
    failure::failed,
    handover::Fetched,
    message::{place, read},
    position::Position,
    rebalance::Group,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{Partition, binding::log::Record};
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
    metadata::MetadataTopic,
};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Takes and reads messages.
pub(super) struct Fetcher {
    pub(super) client: Arc<BaseConsumer<Group>>,
    pub(super) decoding: DecodeOptions,
}

/// An element of the queue.
pub(super) enum Step {
    Message(Fetched),
    /// An event that needs no action. There may be more.
    Other,
    /// An error for the receiver.
    Error(Error),
    /// librdkafka has stopped the consumer after a fatal error.
    Over(Error),
    /// Nothing. librdkafka wakes the thread when the queue is no longer empty.
    Nothing,
}

impl Fetcher {
    /// Takes the next entry from the queue, without waiting.
    pub(super) fn next(&self) -> Step {
        match self.client.poll(Duration::ZERO) {
            Some(Ok(message)) => self.read(&message).map_or(Step::Other, Step::Message),
            Some(Err(error)) => judge(error, self.client.context()),
            None if self.client.context().was_busy() => Step::Other,
            None => Step::Nothing,
        }
    }

    /// Copies a message.
    fn read(&self, message: &BorrowedMessage<'_>) -> Option<Fetched> {
        let (number, offset) = place(message)?;
        let (partition, epoch) = self.client.context().assignment(message.topic(), number)?;
        self.client.context().came();
        let received = read(message, (partition.clone(), offset), &self.decoding);
        let size = received.size();
        Some(Fetched { epoch, size, record: Record::new(partition, offset, received).under(epoch) })
    }
}

/// How long to wait before asking for a topic again that the broker is creating.
const AGAIN: Duration = Duration::from_millis(100);

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

/// How long a topic that was there may be unknown, or lack a partition that was chosen.
///
/// A topic that is deleted may be made again, and a broker that restarts may not know it yet. Also, how long the group has to assign its
/// partitions again, once it is known.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

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

fn is_unknown_topic(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Some(Code::UnknownTopicOrPartition | Code::UnknownTopic))
}

/// Errors that the receiver returns. Errors that librdkafka recovers from are logged.
///
/// So are refused logins at first, because another password or token may be accepted. So is an unknown topic: it was there when the
/// receiver was opened, and may come back, or it will match a pattern.
#[cold]
fn judge(error: KafkaError, group: &Group) -> Step {
    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
    let telling = matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::InvalidTopic
                | RDKafkaErrorCode::InvalidGroupId
                | RDKafkaErrorCode::InvalidSessionTimeout
                | RDKafkaErrorCode::InconsistentGroupProtocol
                | RDKafkaErrorCode::AutoOffsetReset
                // The batch is fetched again and again, or was passed over.
                | RDKafkaErrorCode::NotImplemented
                | RDKafkaErrorCode::BadCompression
                | RDKafkaErrorCode::BadMessage
                // A broker cannot read it.
                | RDKafkaErrorCode::InvalidMessage
        )
    );
    tracing::warn!(%error, fatal, "consuming from Kafka");
    if fatal {
        let detail = error.to_string();
        return Step::Over(Error::new(ErrorKind::Closed).with_detail(detail).with_source(error));
    }
    if is_login(&error) {
        return group.refusals.are_final().map_or(Step::Other, Step::Error);
    }
    let code = error.rdkafka_error_code();
    // A partition is missing if the topic was made again with fewer partitions.
    if is_unknown_topic(code) || code == Some(RDKafkaErrorCode::UnknownPartition) {
        group.misses(error);
        return Step::Other;
    }
    if telling { Step::Error(failed(error)) } else { Step::Other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdkafka039::handover::Handover;
    use cloudevents_transport::{
        Bounds,
        binding::log::{Ledger, LogOptions},
    };

    #[tokio::test]
    async fn an_error_is_told_if_its_partition_stops_with_it() {
        let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
        let group = Group::new(ledger, Arc::new(Handover::new(Bounds::default())), Duration::ZERO);
        let judged = |code| judge(KafkaError::MessageConsumption(code), &group);
        // By librdkafka, and by the broker.
        for code in [RDKafkaErrorCode::BadMessage, RDKafkaErrorCode::InvalidMessage] {
            let Step::Error(error) = judged(code) else { panic!("{code}") };
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:#}");
        }
        // Many responses without a record, as of compacted topics, are no record that is too large: librdkafka goes on behind them.
        assert!(matches!(judged(RDKafkaErrorCode::MessageSizeTooLarge), Step::Other));
    }
}
