//! Messages of SQS to messages and events.

use crate::wire::{AttributeValue, CONTENT_TYPE, SqsMessage};
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Message};
use cloudevents_json::fields::{Look, PREFIX, Words};

const WORDS: Words = Words {
    field: ["attribute", "an attribute"],
    not_text: "the attribute of the message is not text",
    one_event: "a message of SQS has one event",
};

/// Reads one event from a message, in structured or binary mode.
///
/// The payload is not copied; an empty one in binary mode means none. Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean
/// that the message bears no mark of CloudEvents; [`Batched`](ErrorKind::Batched), that it claims to be a batch. JSON is understood without
/// being in [`DecodeOptions::formats`]. A document without a mark, as the message processing framework of AWS writes it, is read only with
/// the leniency [`AssumedJson`](cloudevents_core::RepairKind::AssumedJson).
///
/// ```
/// use cloudevents_core::{DecodeOptions, Leniency, RepairKind};
/// use cloudevents_sqs::{SqsMessage, decode};
///
/// let unmarked = SqsMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
/// assert!(decode(&unmarked, &DecodeOptions::strict()).is_err());
/// let marked = unmarked.clone().with_attribute("content-type", "application/cloudevents+json");
/// assert_eq!(decode(&marked, &DecodeOptions::strict())?.value.id(), "1");
/// let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::AssumedJson));
/// let assumed = decode(&unmarked, &with)?;
/// assert_eq!(assumed.repairs()[0].kind(), RepairKind::AssumedJson);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(message: &SqsMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    look(message).event(attributes(message), &WORDS, with)
}

/// Reads a message without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too; batches are not.
pub fn decode_message(message: &SqsMessage, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    look(message).message(attributes(message), &WORDS, with)
}

/// Whether a message bears a mark of CloudEvents.
///
/// A mark is an attribute `content-type` under `application/cloudevents`, or an attribute that begins with `ce-`.
///
/// ```
/// use cloudevents_sqs::{SqsMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&SqsMessage::new("x").with_attribute("ce-id", "1")));
/// assert!(!is_cloudevent(&SqsMessage::new("{}").with_attribute("content-type", "application/json")));
/// ```
pub fn is_cloudevent(message: &SqsMessage) -> bool {
    look(message).is_cloudevent()
}

fn look(message: &SqsMessage) -> Look<'_> {
    let mut look = Look::default();
    let mut content_type: Option<&AttributeValue> = None;
    for (name, value) in &message.attributes {
        let is_attribute = look.is_attribute(name.as_bytes(), &value.value);
        if !is_attribute && name == CONTENT_TYPE && content_type.replace(value).is_some() {
            look.twice = Some(CONTENT_TYPE);
        }
    }
    if let Some(value) = content_type {
        look.has_content_type(value.value.len(), value.text());
    }
    look.payload = message.body.clone();
    look
}

fn attributes(message: &SqsMessage) -> impl Iterator<Item = Result<(&str, &str), Error>> {
    message.attributes.iter().filter_map(|(attribute, value)| {
        let name = attribute.strip_prefix(PREFIX)?;
        Some(value.text().map(|text| (name, text)).ok_or_else(|| WORDS.no_text(name)))
    })
}
