//! Takes messages from librdkafka's queue, one at a time.

use super::{
    connection::{Refusals, is_login},
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
use std::{sync::Arc, time::Duration};

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
            Some(Err(error)) => judge(error, &self.client.context().refusals),
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

/// Errors that the receiver returns. Those that librdkafka recovers from are logged, and so are refused logins at
/// first, because another password or token may be accepted.
#[cold]
fn judge(error: KafkaError, refusals: &Refusals) -> Step {
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
        )
    );
    tracing::warn!(%error, fatal, "consuming from Kafka");
    if fatal {
        let detail = error.to_string();
        return Step::Over(Error::new(ErrorKind::Closed).with_detail(detail).with_source(error));
    }
    if is_login(&error) {
        return refusals.are_final().map_or(Step::Other, Step::Error);
    }
    if telling { Step::Error(failed(error)) } else { Step::Other }
}
