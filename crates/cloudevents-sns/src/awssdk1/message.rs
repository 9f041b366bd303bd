//! Messages as the client sends them.

use crate::SnsMessage;
use aws_sdk_sns::{
    primitives::Blob,
    types::{MessageAttributeValue, PublishBatchRequestEntry},
};
use cloudevents_core::Error;
use cloudevents_sqs::fifo::Fifo;
use cloudevents_transport::binding::refused;

/// The entry of a message. SNS has no labels of types: of `Number.float`, `Number` is left.
pub(super) fn entry(
    id: usize,
    message: SnsMessage,
    fifo: Option<Fifo>,
) -> Result<PublishBatchRequestEntry, Error> {
    let body = String::from_utf8(message.body.into()).map_err(|_| refused("the body is not text"))?;
    let mut entry = PublishBatchRequestEntry::builder().id(id.to_string()).message(body);
    for (name, value) in message.attributes {
        let data_type = match value.data_type.as_str() {
            "String.Array" => "String.Array",
            labelled => labelled.split('.').next().unwrap_or(labelled),
        };
        let typed = MessageAttributeValue::builder().data_type(data_type);
        let typed = match value.is_binary() {
            true => typed.binary_value(Blob::new(value.value)),
            false => typed.string_value(value.text().unwrap_or_default()),
        };
        entry = entry.message_attributes(name, typed.build().map_err(refused)?);
    }
    if let Some(Fifo { group, deduplication_id, .. }) = fifo {
        entry = entry.message_group_id(group).message_deduplication_id(deduplication_id);
    }
    entry.build().map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttributeValue;

    #[test]
    fn types_have_no_labels() {
        let mut message = SnsMessage::new("x");
        for (name, data_type) in
            [("a", "Number.float"), ("b", "String.Array"), ("c", "Binary.png"), ("d", "String")]
        {
            message.attributes.push((name.to_owned(), AttributeValue::new(data_type, "1")));
        }
        let attributes = entry(0, message, None).unwrap().message_attributes.unwrap();
        let types = ["a", "b", "c", "d"].map(|name| attributes[name].data_type.as_str());
        assert_eq!(types, ["Number", "String.Array", "Binary", "String"]);
        assert_eq!(attributes["c"].binary_value, Some(Blob::new("1")));
    }
}
