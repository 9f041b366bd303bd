//! A received message, as the client has it.

use crate::{AttributeValue, SqsMessage, received::ReceivedMessage};
use aws_sdk_sqs::types::{Message as Incoming, MessageSystemAttributeName as System};
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A message that came from SQS, and how often it was received.
pub(super) fn received(incoming: Incoming, queue: &Arc<str>) -> (ReceivedMessage, u32) {
    let mut system = incoming.attributes.unwrap_or_default();
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok());
    let sent = number(system.get(&System::SentTimestamp));
    let attempt = number(system.get(&System::ApproximateReceiveCount)).unwrap_or(1);
    let attempt = u32::try_from(attempt).unwrap_or(u32::MAX).max(1);
    let mut attributes: Vec<_> = incoming.message_attributes.unwrap_or_default().into_iter().collect();
    attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let attributes = attributes.into_iter().map(|(name, value)| {
        let bytes = match (value.string_value, value.binary_value) {
            (Some(text), _) => Bytes::from(text),
            (None, Some(bytes)) => Bytes::from(bytes.into_inner()),
            (None, None) => Bytes::new(),
        };
        (name, AttributeValue::new(value.data_type, bytes))
    });
    let message =
        SqsMessage { body: incoming.body.unwrap_or_default().into(), attributes: attributes.collect() };
    let received = ReceivedMessage {
        message,
        id: incoming.message_id.unwrap_or_default().into(),
        receipt_handle: incoming.receipt_handle.unwrap_or_default().into(),
        queue: Arc::clone(queue),
        group: system.remove(&System::MessageGroupId),
        deduplication_id: system.remove(&System::MessageDeduplicationId),
        sequence_number: system.remove(&System::SequenceNumber),
        sent: sent.and_then(|sent| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(sent))),
        redelivered: attempt > 1,
    };
    (received, attempt)
}
