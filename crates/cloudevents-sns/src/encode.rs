//! Events and messages to messages of SNS: those of SQS, with attributes for filter policies.

use crate::SnsMessage;
use cloudevents_core::{DecodeOptions, Error, Event, Formats, Losses, Message, Mode};
use cloudevents_json::Json;
use cloudevents_sqs::fits;
use std::sync::LazyLock;

/// The attributes of an event that filter policies see beside a document.
pub(crate) const MIRRORED: [&str; 3] = ["type", "source", "subject"];

/// Of documents, attributes are read without judging the rest.
static READING: LazyLock<DecodeOptions> =
    LazyLock::new(|| DecodeOptions::lenient().with_formats(Formats::none().with(Json::new())));

/// Writes an event as a message: as [`cloudevents_sqs::encode`] does, and beside a document with the attributes `ce-type`, `ce-source` and
/// `ce-subject`, for filter policies of subscriptions. A decoder reads the document alone.
///
/// Errors are those of [`cloudevents_sqs::encode`]. So are the losses.
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (message, _) = cloudevents_sns::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(message.attribute("ce-type").unwrap().text(), Some("t"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, mode: Mode<'_>) -> Result<(SnsMessage, Losses), Error> {
    let is_document = matches!(mode, Mode::Structured(_));
    let (mut message, losses) = cloudevents_sqs::encode(event, mode)?;
    if is_document {
        mirror(&mut message, |name| event.attribute(name).map(|value| value.to_canonical().into_owned()));
    }
    fits(&message)?;
    Ok((message, losses))
}

/// Writes a message: as [`cloudevents_sqs::encode_message`] does, with the same attributes beside a document as [`encode`]. An attribute
/// that cannot be read of the document, or that SNS does not carry, is absent.
///
/// Errors are those of [`cloudevents_sqs::encode_message`].
pub fn encode_message(message: &Message) -> Result<SnsMessage, Error> {
    encode_written(message, message)
}

/// The same for a message that was written of another one, which may be easier to read: an event.
pub(crate) fn encode_written(message: &Message, original: &Message) -> Result<SnsMessage, Error> {
    let mut encoded = cloudevents_sqs::encode_message(message)?;
    if let Message::Structured(_) = message {
        mirror(&mut encoded, |name| original.attribute(name, &READING).ok().flatten());
    }
    fits(&encoded)?;
    Ok(encoded)
}

fn mirror(message: &mut SnsMessage, read: impl Fn(&str) -> Option<String>) {
    for name in MIRRORED {
        if let Some(value) = read(name).filter(|value| fits(&SnsMessage::new(value.clone())).is_ok()) {
            *message = std::mem::take(message).with_attribute(format!("ce-{name}"), value);
        }
    }
}
