//! Encodes events and messages as AMQP messages.

use crate::{
    AmqpMessage, AmqpValue, Body, Encoding, Separator, Strings,
    name::{self, CoreName},
    value,
};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Losses, Message, Mode, TextBuffer, Value,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, check_binary_mode, extension_headers},
};

/// Encodes an event as an AMQP message. The payload is not copied.
///
/// In binary mode, attributes have AMQP's native types. An Integer is a long (AMQP binding, section 3.1.3.2). A native timestamp cannot
/// represent an offset, more digits than milliseconds, or a leap second. A Timestamp with one of these is written as a string, so that
/// nothing is lost. There is always one data section, an empty section for an event without a payload.
///
/// ```
/// use cloudevents_amqp::AmqpValue;
/// use cloudevents_core::{Event, Mode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00Z").build()?;
/// let (message, _) = cloudevents_amqp::encode(&event, Mode::Binary)?;
/// assert!(matches!(message.property("cloudEvents_time"), Some(AmqpValue::Timestamp(1_522_949_460_000))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<'a>(event: &Event, with: impl Into<Encoding<'a>>) -> Result<(AmqpMessage, Losses), Error> {
    let with = with.into();
    match with.mode {
        Mode::Structured(format) => {
            let mut body = Vec::new();
            let losses = format.encode(event, &mut body)?;
            Ok((structured(format.media_type().as_str(), body.into()), losses))
        }
        _ => {
            let mode = match with.strings {
                Strings::All => BinaryMode::TEXT,
                Strings::Times => BinaryMode { keeps_type: value::keeps_type_but_times, ..BinaryMode::TEXT },
                Strings::None => BINARY,
            };
            Ok((binary(event, with)?, binary_mode_losses(event, mode)))
        }
    }
}

/// Encodes a message. The document of a structured message is not changed. The [`Separator`] or [`Encoding`], whose mode does not
/// apply, is for binary messages.
///
/// Returns an error of kind [`Unsupported`](ErrorKind::Unsupported) for a batch: AMQP has none. The changes that binary mode makes to an
/// event are not reported here. [`encode`] returns them, and [`Mode::message`](cloudevents_core::Mode::message) returns changes of the
/// meaning.
///
/// ```
/// use cloudevents_amqp::Separator;
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
/// let message = cloudevents_amqp::encode_message(&message, Separator::default())?;
/// assert_eq!(message.properties.content_type.unwrap().as_str(), "application/cloudevents+toml");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message<'a>(message: &Message, with: impl Into<Encoding<'a>>) -> Result<AmqpMessage, Error> {
    match message {
        Message::Binary(event) => binary(event, with.into()),
        Message::Structured(document) => {
            Ok(structured(&document.format().media_type(), document.body().clone()))
        }
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("AMQP has no batched mode")
            .with_help("send the events one by one")
            .with_clause("AMQP-1.3-a")),
    }
}

/// URIs have no type of their own, and a message always has a body.
const BINARY: BinaryMode = BinaryMode { keeps_type: value::keeps_type, ..BinaryMode::TEXT };

fn structured(media_type: &str, body: Bytes) -> AmqpMessage {
    let mut message = AmqpMessage::new(Body::Data(body));
    message.properties.content_type = Some(content_type(media_type));
    message
}

#[inline]
fn binary(event: &Event, with: Encoding<'_>) -> Result<AmqpMessage, Error> {
    let Encoding { separator, strings, .. } = with;
    check_binary_mode(event)?;
    let mut message = AmqpMessage {
        application_properties: Vec::with_capacity(event.attributes().len().saturating_add(1)),
        body: Body::Data(binary_mode_body(event).unwrap_or_default()),
        ..AmqpMessage::default()
    };
    let properties = &mut message.application_properties;
    let specversion = TextBuffer::from_static(event.specversion().as_str());
    properties.push((name::core("specversion", separator).into(), AmqpValue::String(specversion)));
    for (name, attribute) in core_properties(event, separator) {
        properties.push((name.into(), value::write(event, attribute, strings)));
    }
    let extensions = event.extensions();
    if extensions.len() > 0 {
        for (property, (_, attribute)) in extension_headers(event, name::prefix(separator)).zip(extensions) {
            properties.push((property, value::write(event, attribute, strings)));
        }
    }
    message.properties.content_type = match event.datacontenttype() {
        Some(stated) => Some(value::text(event, stated.as_str())),
        None => event.content_type().map(|implied| content_type(implied.as_str())),
    };
    Ok(message)
}

/// The core attributes that are application properties, besides `specversion`, with the names of the properties.
#[inline]
pub(crate) fn core_properties(
    event: &Event,
    separator: Separator,
) -> impl Iterator<Item = (CoreName, Value<'_>)> {
    let attributes = event.attributes();
    let core = attributes.len().saturating_sub(event.extensions().len());
    attributes
        .take(core)
        .filter(|(name, _)| name.as_str() != "datacontenttype")
        .map(move |(name, value)| (name::core(name.as_str(), separator), value))
}

fn content_type(media_type: &str) -> TextBuffer {
    match media_type {
        "application/json" => TextBuffer::from_static("application/json"),
        "application/cloudevents+json" => TextBuffer::from_static("application/cloudevents+json"),
        other => other.into(),
    }
}
