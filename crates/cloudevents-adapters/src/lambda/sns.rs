//! Invocations with a message of SNS.

use super::record::{Attributes, converted, message, of_message, parse, records};
use crate::{Adapters, mapping::invalid, place};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event};
use serde::Deserialize;

/// Reads an invocation with a message of a topic of SNS: <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>
///
/// A message is an event in structured or binary mode, as [`cloudevents_sqs::decode`] reads it, or else a document that one of the adapters
/// fits. Otherwise the adapter `aws-sns` makes an event of the notification, with the ARN of the subscription as source.
///
/// SNS invokes a function with one message, and does not read a response. If the function returns an error, Lambda invokes it again with
/// the same message, twice by default.
///
/// Errors are of the whole invocation: [`InvalidDocument`](ErrorKind::InvalidDocument) if it has no records,
/// [`InvalidData`](ErrorKind::InvalidData) if a record is not one of SNS, and the errors of the event.
///
/// ```
/// use cloudevents_adapters::{Adapters, lambda};
/// use cloudevents_core::DecodeOptions;
///
/// let invocation = r#"{"Records": [{"EventSource": "aws:sns", "EventSubscriptionArn": "arn:aws:sns:eu-central-1:1:orders:9", "Sns":
///     {"Type": "Notification", "MessageId": "7", "TopicArn": "arn:aws:sns:eu-central-1:1:orders", "Message": "{}",
///     "Timestamp": "2026-03-01T10:00:00.000Z", "MessageAttributes": {}}}]}"#;
/// let events = lambda::sns(invocation, &Adapters::known(), &DecodeOptions::strict())?.value;
/// assert_eq!((events[0].id(), events[0].ty()), ("7", "com.amazonaws.sns.Notification"));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn sns(document: &str, adapters: &Adapters, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
    let mut all = Decoded::clean(Vec::new());
    for record in records(document, "aws:sns")? {
        let events = events(record, adapters, with)?;
        all.value.extend(events.value);
        all.repairs.extend(events.repairs);
    }
    Ok(all)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message: String,
    message_attributes: Option<Attributes>,
}

fn events(record: &str, adapters: &Adapters, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
    let notification = place::at(record, "Sns").ok_or_else(|| invalid("a record has no `Sns`"))?;
    let Notification { message: body, message_attributes } = parse(notification)?;
    match of_message(&message(body, message_attributes.unwrap_or_default())?, adapters, with) {
        Err(error) if error.kind() == ErrorKind::NotACloudEvent => {
            let subscription = place::text(record, "EventSubscriptionArn");
            let header = subscription.as_deref().map(|arn| ("x-amz-sns-subscription-arn", arn));
            let headers: Vec<_> = header.into_iter().collect();
            let notification = Bytes::copy_from_slice(notification.as_bytes());
            converted(&headers, &notification, adapters, with).unwrap_or(Err(error))
        }
        events => events,
    }
}
