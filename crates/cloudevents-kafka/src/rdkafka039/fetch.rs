//! Takes messages from librdkafka's queue, one at a time.

use super::{
    failure::failed,
    handover::Fetched,
    login_refusals::is_login,
    message::{place, read},
    rebalance::Group,
    unknown::is_unknown_topic,
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

/// Errors that the receiver returns. librdkafka recovers from the others by itself. The [context](Group) has heard and logged each of them.
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
    tracing::debug!(%error, fatal, "librdkafka reports an error of a partition or of the group");
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
        let handover = Arc::new(Handover::new(Bounds::default()));
        let group = Group::new(ledger, handover, Duration::ZERO, Duration::ZERO);
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
