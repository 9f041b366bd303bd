//! Messages as the client sends them.

use crate::{SqsMessage, fifo::Fifo};
use aws_sdk_sqs::{
    primitives::Blob,
    types::{MessageAttributeValue, SendMessageBatchRequestEntry},
};
use cloudevents_core::Error;
use cloudevents_transport::binding::refused;

/// The entry of a message.
pub(super) fn entry(
    id: usize,
    message: SqsMessage,
    fifo: Option<Fifo>,
) -> Result<SendMessageBatchRequestEntry, Error> {
    let body = String::from_utf8(message.body.into()).map_err(|_| refused("the body is not text"))?;
    let mut entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(body);
    for (name, value) in message.attributes {
        let typed = MessageAttributeValue::builder().data_type(&value.data_type);
        let typed = match value.is_binary() {
            true => typed.binary_value(Blob::new(value.value)),
            false => typed.string_value(value.text().unwrap_or_default()),
        };
        entry = entry.message_attributes(name, typed.build().map_err(refused)?);
    }
    if let Some(Fifo { group, deduplication_id }) = fifo {
        entry = entry.message_group_id(group).message_deduplication_id(deduplication_id);
    }
    entry.build().map_err(refused)
}
