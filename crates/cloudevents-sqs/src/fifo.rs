//! The group and the deduplication id of a message in a FIFO queue.
//!
//! They are for authors of bindings: FIFO topics of SNS have the same parameters.

use crate::{SqsMessage, received::ReceivedMessage};
use cloudevents_core::{DecodeOptions, Formats, Message};
use cloudevents_json::Json;
use cloudevents_transport::{Content, Outgoing};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The group of messages that name none and have no source.
const GROUP: &str = "cloudevents";

/// The longest id of a group.
const LONGEST_GROUP: usize = 128;

/// Of documents, attributes are read without judging the rest.
static READING: LazyLock<DecodeOptions> =
    LazyLock::new(|| DecodeOptions::lenient().with_formats(Formats::none().with(Json::new())));

/// The parameters that a FIFO queue or topic requires.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fifo {
    /// The group, which keeps its order.
    pub group: String,
    /// A message with an id that was there in the last five minutes is dropped.
    pub deduplication_id: String,
}

impl Fifo {
    /// The group is the key, or else `partitionkey`, or else the source. Without an id for this message, the deduplication id is made of
    /// source and id: two events with the same source and id are one message.
    pub fn of(outgoing: &Outgoing, message: &SqsMessage, id: Option<String>) -> Self {
        let Self { group, deduplication_id } = Self::of_event(outgoing, message);
        Self { group, deduplication_id: id.unwrap_or(deduplication_id) }
    }

    fn of_event(outgoing: &Outgoing, message: &SqsMessage) -> Self {
        let key = outgoing.record_key().map(|key| key.to_vec());
        match outgoing.content() {
            Content::Message(message) => {
                let attribute = |name| message.attribute(name, &READING).ok().flatten();
                let (source, id) = (attribute("source"), attribute("id"));
                let group = key
                    .or_else(|| attribute("partitionkey").map(String::into_bytes))
                    .or_else(|| source.clone().map(String::into_bytes));
                let deduplication_id = match (&source, &id) {
                    (Some(source), Some(id)) => hash(&[source.as_bytes(), id.as_bytes()]),
                    _ => hash(&[body(message)]),
                };
                Self { group: group_id(group), deduplication_id }
            }
            Content::AsReceived(received) => {
                let native = received.native::<ReceivedMessage>();
                let group = key.or_else(|| native?.group.clone().map(String::into_bytes));
                let deduplication_id = match native {
                    Some(ReceivedMessage { deduplication_id: Some(known), .. }) => known.clone(),
                    Some(native) => hash(&[native.id.as_bytes()]),
                    None => hash(&[&message.body]),
                };
                Self { group: group_id(group), deduplication_id }
            }
            _ => Self { group: GROUP.to_owned(), deduplication_id: hash(&[&message.body]) },
        }
    }
}

fn body(message: &Message) -> &[u8] {
    match message {
        Message::Structured(document) | Message::Batched(document) => document.body(),
        _ => &[],
    }
}

/// A key may be any bytes. A key that cannot be the id of a group is replaced by its hash.
fn group_id(key: Option<Vec<u8>>) -> String {
    let Some(key) = key.filter(|key| !key.is_empty()) else { return GROUP.to_owned() };
    let is_id = key.len() <= LONGEST_GROUP && key.iter().all(u8::is_ascii_graphic);
    match String::from_utf8(key) {
        Ok(key) if is_id => key,
        Ok(key) => hash(&[key.as_bytes()]),
        Err(error) => hash(&[error.as_bytes()]),
    }
}

/// SHA-256 of these parts with their lengths, in hexadecimal.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
