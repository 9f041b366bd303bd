//! Messages that are sent as they were received.

use super::{
    extras,
    message::{WireBody, WireMessage},
    received::ReceivedMessage,
};
use crate::Body;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Received;
use fe2o3_amqp_types::{
    messaging::{self, Data},
    primitives::{Binary, Symbol},
};

/// Returns the message as it was received. If a message did not come over AMQP, or its sections could not be read, these are its body, its
/// content type, and its other headers as application properties.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), for a body that is not known.
pub(super) fn as_received(received: &Received) -> Result<WireMessage, Error> {
    if let Some(received) = received.native::<ReceivedMessage>() {
        return sections(received);
    }
    let body = received.whole_body()?.map_or(messaging::Body::Empty, |bytes| data([&*bytes]));
    let mut message = messaging::Message::from(body);
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

/// Returns the bare message and its partition key. The header and the delivery annotations belonged to the last delivery. Only the header's
/// durability is kept.
fn sections(received: &ReceivedMessage) -> Result<WireMessage, Error> {
    let body = match (&received.body, received.kept()) {
        (Body::Data(bytes), _) => data([&**bytes]),
        (Body::DataSections(sections), _) => data(sections.iter().map(|bytes| &**bytes)),
        (_, Some(kept)) => kept.clone(),
        (Body::Absent, None) => messaging::Body::Empty,
        (Body::Value(_) | Body::Sequence, None) => {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the client library cannot write the body of the message"));
        }
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

fn data<'a>(sections: impl IntoIterator<Item = &'a [u8]>) -> WireBody {
    let sections = sections.into_iter().map(|bytes| Data(Binary::from(bytes)));
    messaging::Body::Data(sections.collect::<Vec<_>>().into())
}
