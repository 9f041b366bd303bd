//! Events and messages to messages of SQS.

use crate::wire::{AttributeValue, CONTENT_TYPE, MOST_ATTRIBUTES, SqsMessage};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Losses, Message, Mode,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, check_binary_mode},
};
use cloudevents_json::fields::of_event;

/// Writes an event as a message. The payload is not copied; attributes are where the event shares its text.
///
/// The losses name the parts that the format could not hold. A part that SQS cannot carry is an error of kind
/// [`Unsupported`](ErrorKind::Unsupported): see [`fits`].
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
/// let (message, losses) = cloudevents_sqs::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(message.attribute("content-type").unwrap().text(), Some("application/cloudevents+json"));
/// assert!(losses.is_empty());
///
/// // A body is not empty, so an event without data has no form in binary mode.
/// assert!(cloudevents_sqs::encode(&event, Mode::Binary).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, mode: Mode<'_>) -> Result<(SqsMessage, Losses), Error> {
    let (message, losses) = match mode {
        Mode::Structured(format) => {
            let mut document = Vec::new();
            let losses = format.encode(event, &mut document)?;
            (structured(format.media_type().as_str(), document.into()), losses)
        }
        _ => (binary(event)?, binary_mode_losses(event, BinaryMode::TEXT)),
    };
    fits(&message)?;
    Ok((message, losses))
}

/// Writes a message. The document of a structured message is moved, unchanged.
///
/// A batch is an error of kind [`Unsupported`](ErrorKind::Unsupported), and so is a message that SQS [cannot carry](fits). Changes of an
/// event in binary mode are not reported here: [`encode`] returns them.
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
/// let encoded = cloudevents_sqs::encode_message(&message)?;
/// assert_eq!(encoded.attribute("content-type").unwrap().text(), Some("application/cloudevents+toml"));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message(message: &Message) -> Result<SqsMessage, Error> {
    let message = match message {
        Message::Binary(event) => binary(event)?,
        Message::Structured(found) => structured(&found.format().media_type(), found.body().clone()),
        _ => {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("a message of SQS has one event")
                .with_help("send the events one by one"));
        }
    };
    fits(&message)?;
    Ok(message)
}

/// Checks that SQS takes this message, but for its size.
///
/// The body is text and not empty, no text has a character that XML 1.0 does not have, no value is empty, and there are ten attributes at
/// most.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), and name the remedy.
///
/// ```
/// use cloudevents_sqs::{SqsMessage, fits};
///
/// assert!(fits(&SqsMessage::new("text").with_attribute("tenant", "7")).is_ok());
/// assert!(fits(&SqsMessage::new("")).is_err() && fits(&SqsMessage::new("\u{1b}")).is_err());
/// ```
pub fn fits(message: &SqsMessage) -> Result<(), Error> {
    let count = message.attributes.len();
    if count > MOST_ATTRIBUTES {
        return Err(unfit(format!("it has {count} attributes, and SQS allows {MOST_ATTRIBUTES}")));
    }
    if message.body.is_empty() {
        return Err(unfit("its body is empty, which SQS does not allow"));
    }
    match std::str::from_utf8(&message.body) {
        Err(_) => return Err(unfit("its body is not text, which SQS requires")),
        Ok(body) => check_characters(body, "body")?,
    }
    for (name, value) in &message.attributes {
        if value.value.is_empty() {
            return Err(unfit(format!("the value of `{name}` is empty, which SQS does not allow")));
        }
        if value.is_binary() {
            continue;
        }
        match std::str::from_utf8(&value.value) {
            Err(_) => return Err(unfit(format!("the value of `{name}` is not text"))),
            Ok(text) => check_characters(text, name)?,
        }
    }
    Ok(())
}

fn check_characters(text: &str, place: &str) -> Result<(), Error> {
    match text.chars().find(|character| !is_carried(*character)) {
        None => Ok(()),
        Some(character) => {
            let code = u32::from(character);
            Err(unfit(format!("`{place}` has the character U+{code:04X}, which SQS does not carry")))
        }
    }
}

/// Those of XML 1.0.
fn is_carried(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn unfit(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(detail).with_help(
        "as a JSON document (`mode=structured`), an event has one attribute, and its payload may be any",
    )
}

fn structured(media_type: &str, document: Bytes) -> SqsMessage {
    SqsMessage::new(document).with_attribute(CONTENT_TYPE, Bytes::copy_from_slice(media_type.as_bytes()))
}

fn binary(event: &Event) -> Result<SqsMessage, Error> {
    check_binary_mode(event)?;
    let mut written = Vec::with_capacity(event.attributes().len().saturating_add(2));
    let text = |value| AttributeValue::new("String", value);
    let version = Bytes::from_static(event.specversion().as_str().as_bytes());
    written.push(("ce-specversion".to_owned(), text(version)));
    written.extend(of_event(event).map(|(attribute, value)| (attribute, text(value))));
    if let Some(media_type) = event.content_type() {
        let media_type = Bytes::copy_from_slice(media_type.as_str().as_bytes());
        written.push((CONTENT_TYPE.to_owned(), text(media_type)));
    }
    Ok(SqsMessage { body: binary_mode_body(event).unwrap_or_default(), attributes: written })
}
