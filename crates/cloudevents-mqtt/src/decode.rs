//! Messages of MQTT to messages and events.

use crate::{
    mode::{Look, mode, not_a_cloudevent},
    name, value,
    wire::MessageView,
};
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, MediaType, Message, Payload, Repair,
    RepairKind, TextBuffer,
    codec::{self, Assembler, Detected, Given, decode_base64},
};
use cloudevents_json::{assume, find, recognize};

/// Reads one event from a message, in binary or structured mode. The topic has no influence.
///
/// The payload is not copied if the message shares it, as [`MqttMessage`](crate::MqttMessage) does. An empty payload means no payload.
/// Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean that the message bears no mark of CloudEvents. Errors of kind
/// [`Batched`](ErrorKind::Batched) mean that it claims to be a batch, which MQTT does not have. A message of MQTT 3.1.1 is read as a
/// document of the JSON format. JSON is understood without being in [`DecodeOptions::formats`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_mqtt::MqttMessage;
///
/// let message = MqttMessage::new("21.5")
///     .with_content_type("text/plain")
///     .with_user_property("specversion", "1.0")
///     .with_user_property("id", "1")
///     .with_user_property("source", "/sensors/7")
///     .with_user_property("type", "com.example.temperature");
/// let event = cloudevents_mqtt::decode(&message, &DecodeOptions::strict())?.value;
/// assert_eq!(event.source().as_str(), "/sensors/7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(message.payload().len())?;
    let (opened, repair) = open(message, with)?;
    let decoded = match opened {
        Opened::Binary(look, prefixed) => binary(message, &look, prefixed, with),
        Opened::Document(id) => find(&id, &with.formats)?.decode(message.payload_bytes(), with),
    };
    Ok(decoded?.with_repair(repair))
}

/// Reads a message without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too. Batches are not.
pub fn decode_message(message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    with.limits.check_bytes(message.payload().len())?;
    let (opened, repair) = open(message, with)?;
    let decoded = match opened {
        Opened::Binary(look, prefixed) => binary(message, &look, prefixed, with)?.map(Message::Binary),
        Opened::Document(id) => {
            Decoded::clean(Message::Structured(recognize(id, message.payload_bytes(), &with.formats)))
        }
    };
    Ok(decoded.with_repair(repair))
}

/// The kind of a message.
enum Opened {
    /// An event in binary mode, and whether its attributes have the prefix of HTTP.
    Binary(Look, bool),
    /// A document in this format.
    Document(FormatId),
}

/// Returns the kind of a message, and the repair if it does not state this kind.
#[inline]
fn open(message: &impl MessageView, with: &DecodeOptions) -> Result<(Opened, Option<Repair>), Error> {
    match mode(message)? {
        Detected::NotADocument => {}
        Detected::Structured(id) => return Ok((Opened::Document(id), None)),
        Detected::Batched(_) => return Err(batched()),
    }
    let look = Look::at(message);
    if look.is_marked {
        return Ok((Opened::Binary(look, false), None));
    }
    if look.is_prefixed && with.leniency.allows(RepairKind::ForeignPrefix) {
        let repair = Repair::new(RepairKind::ForeignPrefix).with_cause(not_a_cloudevent());
        return Ok((Opened::Binary(look, true), Some(repair)));
    }
    let assumed = assume(&message.payload_bytes(), not_a_cloudevent(), with)?;
    Ok((Opened::Document(FormatId::JSON), Some(assumed)))
}

#[inline]
fn binary(
    message: &impl MessageView,
    look: &Look,
    prefixed: bool,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    let attribute = if prefixed { name::prefixed } else { name::attribute };
    let media_type = message.content_type();
    let mut assembler = Assembler::new(with);
    assembler.reserve(look.length); // one allocation, of the right size
    let mut named = false;
    for (property, value) in message.user_properties() {
        let Some(name) = attribute(property) else { continue };
        match media_type {
            Some(_) if name == "datacontenttype" && std::mem::replace(&mut named, true) => {
                return Err(twice());
            }
            Some(media_type) if name == "datacontenttype" => {
                named_content_type(value, media_type, &mut assembler)?
            }
            _ => value::read(name, value, &mut assembler)?,
        }
    }
    if let Some(media_type) = media_type {
        let piece = assembler.push(media_type)?;
        assembler.named("datacontenttype", Given::Text(piece))?;
    }
    let completed = assembler.complete()?;
    let payload = message.payload_bytes();
    let payload = match payload.is_empty() {
        true => None,
        false if completed.base64 => Some(Payload::body(decode_base64(&payload)?)),
        // Text in another charset than UTF-8 would be written again in that one: the bytes are kept, as of a message without the indicator.
        false if message.payload_is_text() && is_in_charset(&payload, assembler.content_type()) => {
            Some(match TextBuffer::new(payload.clone()) {
                Ok(text) => codec::characters(text, assembler.content_type()),
                // The indicator is wrong, the payload need not be.
                Err(_) => Payload::body(payload),
            })
        }
        false => Some(Payload::body(payload)),
    };
    assembler.finish(payload)
}

/// Whether a text, which is said to be UTF-8, is text in the charset of its content type as well.
fn is_in_charset(text: &[u8], content_type: Option<MediaType<'_>>) -> bool {
    content_type.is_none_or(|content_type| {
        codec::takes_utf8(content_type) || codec::is_utf8(content_type) && text.is_ascii()
    })
}

/// The binding's example has a user property `datacontenttype` beside the Content Type, so some write both. They must agree.
#[cold]
fn named_content_type(value: &str, media_type: &str, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    if value == media_type {
        return Ok(());
    }
    let error = Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("the user property `datacontenttype` and the Content Type differ")
        .with_clause("MQTT-3.1.1-a");
    assembler.ignore_or_refuse(error)
}

#[cold]
fn twice() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_clause("CE-Context-Attributes-d")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("MQTT has no batched mode").with_clause("MQTT-1.3-a")
}
