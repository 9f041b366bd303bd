//! Takes messages from librdkafka's queue, one at a time.

use super::{
    connection::{LOOK, is_login},
    failure::failed,
    handover::Fetched,
    message::{place, read},
    rebalance::Group,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::binding::log::Record;
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Takes and reads messages.
pub(super) struct Fetcher {
    pub(super) client: Arc<BaseConsumer<Group>>,
    pub(super) decoding: DecodeOptions,
}

/// What the queue contained.
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
        self.client.context().refusals.logged_in();
        self.client.context().state.connected();
        let received = read(message, (partition.clone(), offset), &self.decoding);
        let size = received.size();
        Some(Fetched { epoch, size, record: Record::new(partition, offset, received).under(epoch) })
    }
}

/// How long a topic that was there may be unknown: one that is deleted may be made again, and a broker that restarts may not know it yet.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// Since when a topic is unknown, or when the receiver last got an error because of it. librdkafka reports it once, and goes on looking.
#[derive(Default)]
pub(super) struct Unknown(Mutex<Option<Instant>>);

impl Unknown {
    pub(super) fn begin(&self) {
        self.lock().get_or_insert_with(Instant::now);
    }

    fn is_long(&self) -> bool {
        self.lock().is_some_and(|since| since.elapsed() >= UNKNOWN_FOR)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for these topics when one has been unknown for long. It is an error if it still is. Blocks for a second per topic at most.
pub(super) fn look_for_unknown(client: &BaseConsumer<Group>, topics: &[String]) {
    let group = client.context();
    if !group.unknown.is_long() {
        return;
    }
    for topic in topics {
        let Ok(metadata) = client.fetch_metadata(Some(topic), LOOK) else { return };
        let code = metadata.topics().iter().find_map(|topic| topic.error()).map(RDKafkaErrorCode::from);
        if is_unknown_topic(code) {
            *group.unknown.lock() = Some(Instant::now());
            let error = failed(KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopicOrPartition));
            group.handover.fail(error.with_detail(format!("the topic `{topic}` does not exist any more")));
            return;
        }
    }
    *group.unknown.lock() = None;
}

fn is_unknown_topic(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Some(Code::UnknownTopicOrPartition | Code::UnknownTopic))
}

/// Errors that the receiver returns. Those that librdkafka recovers from are logged, and so are refused logins at
/// first, because another password or token may be accepted. So is a topic that was there, which may come back.
#[cold]
fn judge(error: KafkaError, group: &Group) -> Step {
    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
    let telling = matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed
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
                | RDKafkaErrorCode::MessageSizeTooLarge
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
    if is_unknown_topic(error.rdkafka_error_code()) && group.is_unknown() {
        return Step::Other;
    }
    if telling { Step::Error(failed(error)) } else { Step::Other }
}
