//! Entries to messages and events.

use crate::wire::{CONTENT_TYPE, DATA, RedisMessage};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Message};
use cloudevents_json::fields::{Look, PREFIX, Words};

const WORDS: Words = Words {
    field: ["field", "a field"],
    not_text: "the field is not UTF-8 text",
    one_event: "an entry of a stream has one event",
};

/// Reads one event from an entry, in structured or binary mode.
///
/// The payload is not copied; an empty one in binary mode means none. Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean
/// that the entry bears no mark of CloudEvents; [`Batched`](ErrorKind::Batched), that it claims to be a batch. JSON is understood without
/// being in [`DecodeOptions::formats`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_redis::RedisMessage;
///
/// // As Dapr writes it.
/// let message = RedisMessage::default().with_field("data", r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
/// assert_eq!(cloudevents_redis::decode(&message, &DecodeOptions::strict())?.value.id(), "1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &RedisMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    look(message).event(attributes(message), &WORDS, with)
}

/// Reads an entry without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too; batches are not.
pub fn decode_message(message: &RedisMessage, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    look(message).message(attributes(message), &WORDS, with)
}

/// Whether an entry bears a mark of CloudEvents.
///
/// A mark is a field `content-type` under `application/cloudevents`, or a field that begins with `ce-`. Without a content type, a field
/// `data` that is a JSON object with a `specversion` is a mark, too.
///
/// ```
/// use cloudevents_redis::{RedisMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&RedisMessage::default().with_field("ce-id", "1")));
/// assert!(is_cloudevent(&RedisMessage::default().with_field("data", r#"{"specversion":"1.0"}"#)));
/// assert!(!is_cloudevent(&RedisMessage::default().with_field("data", "{}").with_field("id", "1")));
/// ```
pub fn is_cloudevent(message: &RedisMessage) -> bool {
    look(message).is_cloudevent()
}

fn look(message: &RedisMessage) -> Look<'_> {
    let mut look = Look::default();
    let (mut data, mut content_type) = (None, None);
    for (name, value) in &message.fields {
        if look.is_attribute(name, value) {
            continue;
        }
        if name == DATA && data.replace(value).is_some() {
            look.twice = Some(DATA);
        } else if name == CONTENT_TYPE && content_type.replace(value).is_some() {
            look.twice = Some(CONTENT_TYPE);
        }
    }
    if let Some(value) = content_type {
        look.has_content_type(value.len(), std::str::from_utf8(value).ok());
    }
    (look.payload, look.takes_unmarked) = (data.cloned().unwrap_or_default(), true);
    look
}

fn attributes(message: &RedisMessage) -> impl Iterator<Item = Result<(&str, &str), Error>> {
    message.fields.iter().filter_map(|(field, value)| {
        let name = field.strip_prefix(PREFIX.as_bytes())?;
        let Ok(name) = std::str::from_utf8(name) else { return Some(Err(no_name())) };
        Some(std::str::from_utf8(value).map(|text| (name, text)).map_err(|_| WORDS.no_text(name)))
    })
}

#[cold]
fn no_name() -> Error {
    Error::new(ErrorKind::InvalidName).with_detail("a field is named `ce-` and bytes that are not UTF-8")
}
