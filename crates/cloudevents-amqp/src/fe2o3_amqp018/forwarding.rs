//! Messages that are sent as they were received.

use super::{
    extras,
    message::{Fe2o3Message, from_sections},
    received::ReceivedMessage,
};
use crate::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::Error;
use cloudevents_transport::Received;
use fe2o3_amqp_types::{
    messaging::{self, Data},
    primitives::{Binary, Symbol},
};

/// Returns the message as it was received. Of a message that did not come over AMQP, or whose sections could not
/// be read, these are its body, its content type, and its other headers as application properties.
pub(super) fn as_received(received: &Received) -> Result<Fe2o3Message, Error> {
    if let Some(received) = received.native::<ReceivedMessage>() {
        return sections(received);
    }
    let body = received.body().map_or(Body::Absent, Body::Data);
    let mut message = from_sections(AmqpMessage::new(body))?;
    for (name, value) in received.headers() {
        let Some(value) = value else { continue };
        // A symbol has only ASCII.
        let content_type = std::str::from_utf8(&value).ok().filter(|text| text.is_ascii());
        match content_type.filter(|_| name.eq_ignore_ascii_case("content-type")) {
            Some(content_type) => {
                message.properties.get_or_insert_default().content_type = Some(Symbol::from(content_type));
            }
            None => {
                let properties = message.application_properties.get_or_insert_default();
                properties.0.insert(name.to_owned(), extras::text_or_binary(&value));
            }
        }
    }
    Ok(message)
}

/// Returns the bare message and its partition key. The header and the delivery annotations belonged to the
/// last delivery; only the header's durability is kept.
fn sections(received: &ReceivedMessage) -> Result<Fe2o3Message, Error> {
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
