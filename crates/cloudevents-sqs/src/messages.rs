//! Messages besides the parts that the codec writes: headers, forwarding, and ids.
//!
//! It is for authors of bindings: topics of SNS have the same messages.

use crate::{
    AttributeValue, SqsMessage, fits,
    received::{ReceivedMessage, is_foreign},
    wire::{CONTENT_TYPE, MOST_ATTRIBUTES},
};
use bytes::Bytes;
use cloudevents_core::Error;
use cloudevents_transport::{Outgoing, Received, binding::header_not_carried};
use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

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
