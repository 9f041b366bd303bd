//! Invocations with messages of SQS.

use super::{
    batch::{Batch, Record},
    record::{Attributes, id, message, of_message, parse, records},
};
use crate::{Adapters, place};
use cloudevents_core::{DecodeOptions, Decoded, Error, Event};
use serde::Deserialize;

/// Reads an invocation with messages of a queue of SQS: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
///
/// A message is an event in structured or binary mode, as [`cloudevents_sqs::decode`] reads it, or else a document that one of the adapters
/// fits. The id of a [`Record`] is the id of the message.
///
/// The batch of a queue whose name ends in `.fifo` [has an order](Batch::is_ordered).
///
/// Errors are of the invocation: [`InvalidDocument`](cloudevents_core::ErrorKind::InvalidDocument) if it has no records, and
/// [`InvalidData`](cloudevents_core::ErrorKind::InvalidData) if a record is not one of SQS or has no id. A message that cannot be read is
/// an error of its record.
///
/// ```
/// use cloudevents_adapters::{Adapters, lambda};
/// use cloudevents_core::DecodeOptions;
///
/// let invocation = r#"{"Records": [{"messageId": "7", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:1:orders",
///     "body": "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/shop\",\"type\":\"placed\"}", "messageAttributes":
///     {"content-type": {"dataType": "String", "stringValue": "application/cloudevents+json"}}}]}"#;
/// let batch = lambda::sqs(invocation, &Adapters::known(), &DecodeOptions::strict())?;
/// let events = batch.records()[0].events.as_ref().unwrap();
/// assert_eq!((batch.records()[0].id.as_str(), events.value[0].source().as_str()), ("7", "/shop"));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn sqs(document: &str, adapters: &Adapters, with: &DecodeOptions) -> Result<Batch, Error> {
    let mut ordered = false;
    let mut all = Vec::new();
    for record in records(document, "aws:sqs")? {
        ordered |= place::text(record, "eventSourceARN").is_some_and(|queue| queue.ends_with(".fifo"));
        all.push(Record { id: id(record, "messageId")?, events: events(record, adapters, with) });
    }
    Ok(Batch::new(all, ordered))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    body: String,
    message_attributes: Option<Attributes>,
}

fn events(record: &str, adapters: &Adapters, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
    let Message { body, message_attributes } = parse(record)?;
    of_message(&message(body, message_attributes.unwrap_or_default())?, adapters, with)
}
