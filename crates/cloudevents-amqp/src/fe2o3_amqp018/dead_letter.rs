//! An address for rejected messages.

use super::{
    extras,
    message::{Fe2o3Message, from_sections},
    options::Target,
    received::ReceivedMessage,
    sender::AmqpSender,
};
use crate::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{DeadLetter, DeadLetterSink, Endpoint, queue::QueueOptions};
use fe2o3_amqp_types::{
    messaging::{self, Data},
    primitives::{Binary, SimpleValue},
};

/// How many bytes of a reason are kept.
const REASON: usize = 1024;

/// Returns what happens to rejected messages: as in the URL, otherwise as in the options.
pub(super) async fn decided(
    endpoint: &Endpoint,
    target: &Target,
    queue: QueueOptions,
) -> Result<QueueOptions, Error> {
    match (endpoint.option("dead-letter"), endpoint.option("reject")) {
        (None, None) if queue.is_decided() => Ok(queue),
        (None, None) => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("it is not decided what happens to rejected messages")
            .with_help(
                "add `dead-letter=<address>`, `reject=broker` or `reject=drop` to the URL, or decide in \
                 `AmqpReceiverOptions::queue`",
            )),
        (None, Some("broker")) => Ok(queue.rejecting_to_broker()),
        (None, Some("drop")) => Ok(queue.dropping_rejected()),
        (None, Some(_)) => Err(endpoint.invalid("the option `reject` is neither `broker` nor `drop`")),
        (Some(""), None) => Err(endpoint.invalid("the option `dead-letter` names no address")),
        (Some(address), None) => {
            Ok(queue.with_sink(DeadLetterAddress(AmqpSender::to_address(target.at(address)).await?)))
        }
        (Some(_), Some(_)) => {
            Err(endpoint.invalid("the options `dead-letter` and `reject` exclude each other"))
        }
    }
}

/// Sends rejected messages to another address of the same broker, as they were received, with application
/// properties for the reason and the origin. None of their names begins with `cloudEvents`, so the event
/// does not change.
struct DeadLetterAddress(AmqpSender);

impl DeadLetterSink for DeadLetterAddress {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        self.0.send_as_it_is(message(&letter)?).await
    }
}

/// A message whose sections could not be read is sent with its body, if it has one.
fn message(letter: &DeadLetter) -> Result<Fe2o3Message, Error> {
    let mut message = match letter.received.native::<ReceivedMessage>() {
        Some(received) => as_received(received)?,
        None => from_sections(AmqpMessage::new(letter.received.body().map_or(Body::Absent, Body::Data)))?,
    };
    let properties = &mut message.application_properties.get_or_insert_default().0;
    let mut add = |name: &str, value: String| {
        properties.insert(name.to_owned(), SimpleValue::String(value));
    };
    add("dead-letter-reason", beginning(&letter.reason).to_owned());
    if let Err(error) = letter.received.message() {
        add("dead-letter-error", error.kind().code().to_owned());
    }
    if let Some(address) = letter.received.topic() {
        add("dead-letter-address", address.to_owned());
    }
    add("dead-letter-attempt", letter.attempt.to_string());
    Ok(message)
}

/// Returns the bare message and its partition key. The header and the delivery annotations belonged to the
/// last delivery; only the header's durability is kept.
fn as_received(received: &ReceivedMessage) -> Result<Fe2o3Message, Error> {
    let data = |bytes: &[u8]| Data(Binary::from(bytes));
    let body = match &received.body {
        Body::Data(bytes) => messaging::Body::Data(vec![data(bytes)].into()),
        Body::DataSections(sections) => {
            messaging::Body::Data(sections.iter().map(|bytes| data(bytes)).collect::<Vec<_>>().into())
        }
        // Values that were not kept cannot be written. The rest of the message still identifies it.
        Body::Value(AmqpValue::Other) | Body::Sequence => messaging::Body::Empty,
        Body::Value(value) => from_sections(AmqpMessage::new(Body::Value(value.clone())))?.body,
        Body::Absent => messaging::Body::Empty,
    };
    let mut message = messaging::Message::from(body);
    message.header = Some(messaging::Header {
        durable: received.header.as_ref().is_none_or(|header| header.durable),
        ..messaging::Header::default()
    });
    message.message_annotations = received.message_annotations.as_ref().and_then(extras::forwarded);
    message.properties = received.properties.clone();
    if let Some(properties) = &mut message.properties {
        properties.to = None; // the original address
    }
    message.application_properties = received.application_properties.clone();
    Ok(message)
}

fn beginning(reason: &str) -> &str {
    let mut end = REASON.min(reason.len());
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason.get(..end).unwrap_or_default()
}
