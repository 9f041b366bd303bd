//! Messages besides the parts that the codec writes: headers, forwarding, and the parameters of FIFO queues.
//!
//! It is for authors of bindings: topics of SNS have the same messages.

use crate::{
    AttributeValue, SqsMessage, fits,
    received::{ReceivedMessage, is_foreign},
    wire::{CONTENT_TYPE, MOST_ATTRIBUTES},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, Formats, Message};
use cloudevents_json::Json;
use cloudevents_transport::{Content, Outgoing, Received, binding::header_not_carried};
use sha2::{Digest, Sha256};
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

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

/// Makes ids that no message has yet.
#[derive(Debug)]
pub struct Ids {
    begin: String,
    next: AtomicU64,
}

impl Ids {
    /// Ids that begin with a random number.
    pub fn random() -> Self {
        let random = || RandomState::new().hash_one(std::process::id());
        Self { begin: format!("{:016x}{:016x}", random(), random()), next: AtomicU64::new(0) }
    }

    /// Another id.
    pub fn next(&self) -> String {
        format!("{}-{}", self.begin, self.next.fetch_add(1, Ordering::Relaxed))
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

/// Why a message does not carry a header.
fn lost(name: &str, value: &[u8]) -> Option<&'static str> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let reserved = ["aws.", "amazon."]
        .iter()
        .any(|begin| name.get(..begin.len()).is_some_and(|start| start.eq_ignore_ascii_case(begin)));
    if !is_foreign(name) {
        Some("in a message of SQS it would be a part of the event")
    } else if name.is_empty()
        || name.len() > 256
        || !name.bytes().all(is_name)
        || name.starts_with('.')
        || name.ends_with('.')
        || name.contains("..")
    {
        Some("a name in SQS has letters, digits, `_`, `-` and single dots within")
    } else if reserved {
        Some("SQS reserves the name")
    } else if value.is_empty() {
        Some("a value in SQS is not empty")
    } else {
        None
    }
}

/// The headers that a message does not carry. A document has this number of attributes of its own; `None` is binary mode. Of headers with
/// the same name, a message carries the first.
pub fn lost_headers(outgoing: &Outgoing, of_document: Option<usize>) -> Vec<(usize, &'static str)> {
    let reasons =
        ["it is there twice, and SQS has each name once", "a message of SQS has ten attributes at most"];
    outgoing.lost_headers_within(MOST_ATTRIBUTES, of_document, reasons, lost)
}

/// Adds a header: as text where it can be, otherwise as bytes.
///
/// Errors: [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) for a header that a message does not carry.
pub fn add_header(message: &mut SqsMessage, name: &str, value: &Bytes) -> Result<(), Error> {
    if let Some(reason) = lost(name, value) {
        return Err(header_not_carried(name, reason));
    }
    let probe = SqsMessage::new(value.clone());
    let data_type = if fits(&probe).is_ok() { "String" } else { "Binary" };
    message.attributes.push((name.to_owned(), AttributeValue::new(data_type, value.clone())));
    Ok(())
}

/// A message as it was received, also from another protocol.
///
/// Errors: [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) for a header that a message does not carry.
pub fn as_received(received: &Received) -> Result<SqsMessage, Error> {
    if let Some(native) = received.native::<ReceivedMessage>() {
        return Ok(native.message.clone());
    }
    let mut message = SqsMessage::new(received.whole_body()?.unwrap_or_default());
    for (name, value) in received.headers() {
        let value = Bytes::from(value.unwrap_or_default().into_owned());
        // Names of other protocols may have another letter case.
        let name = if name.eq_ignore_ascii_case(CONTENT_TYPE) { CONTENT_TYPE } else { name };
        match is_foreign(name) {
            true => add_header(&mut message, name, &value)?,
            false => message.attributes.push((name.to_owned(), AttributeValue::new("String", value))),
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Event;

    #[test]
    fn a_message_carries_the_first_header_of_a_name() {
        let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        let outgoing = Outgoing::from(event).header("tenant", "7").header("shard", "1").header("tenant", "8");
        let lost = lost_headers(&outgoing, Some(1));
        assert_eq!(lost, [(2, "it is there twice, and SQS has each name once")]);
    }
}
