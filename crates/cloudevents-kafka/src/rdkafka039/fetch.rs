//! One message after the other out of librdkafka's queue.

use super::{
    config::failed,
    handover::Fetched,
    rebalance::{Group, Turn},
    record::{place, read},
};
use cloudevents_core::{Decoding, Error, ErrorKind};
use cloudevents_transport::log::Record;
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{sync::Arc, time::Duration};

/// Takes and decodes messages: the receiver while it asks for more, else the consumer's thread. Whose turn it is says [`Group::turn`].
#[derive(Clone)]
pub(super) struct Fetcher {
    pub(super) client: Arc<BaseConsumer<Group>>,
    pub(super) decoding: Decoding,
}

/// What was in the queue.
pub(super) enum Step {
    Message(Fetched),
    /// Something that concerns nobody here. There may be more.
    Other,
    /// The receiver can do something about it.
    Error(Error),
    /// librdkafka has given the consumer up.
    Over(Error),
    /// Nothing. When there is something, the receiver is woken.
    Nothing,
}

impl Fetcher {
    /// The next of the queue. It never waits.
    pub(super) fn next(&self, _: &Turn<'_>) -> Step {
        match self.client.poll(Duration::ZERO) {
            Some(Ok(message)) => self.read(&message).map_or(Step::Other, Step::Message),
            Some(Err(error)) => judge(error),
            None if self.client.context().was_busy() => Step::Other,
            None => Step::Nothing,
        }
    }

    /// Copies and decodes a message. While it is one's turn, its partition is assigned as it was when librdkafka gave it out.
    fn read(&self, message: &BorrowedMessage<'_>) -> Option<Fetched> {
        let (number, offset) = place(message)?;
        let (partition, epoch) = self.client.context().assignment(message.topic(), number)?;
        let (packed, decoded) = read(message, &self.decoding);
        let size = packed.size();
        Some(Fetched { epoch, size, record: Record::packed(partition, offset, decoded, packed).under(epoch) })
    }
}

/// What the receiver can do something about. What librdkafka mends by itself is logged.
#[cold]
fn judge(error: KafkaError) -> Step {
    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
    let telling = matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::Authentication
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
    if telling { Step::Error(failed(error)) } else { Step::Other }
}
