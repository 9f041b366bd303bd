//! Headers and the ordering key: the parts of a message besides its event.

use super::received::{CONTENT_TYPE, RESERVED, ReceivedMessage, is_foreign};
use bytes::Bytes;
use cloudevents_carriers::{CarrierMessage, rows::GOOGLE_PUBSUB};
use cloudevents_core::{DecodeOptions, Error, Formats};
use cloudevents_json::Json;
use cloudevents_transport::{Content, Outgoing, Received, binding::header_not_carried};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// How many attributes a message has at most.
const MOST_ATTRIBUTES: usize = bound(GOOGLE_PUBSUB.limits.headers);

/// The longest name of an attribute, in bytes.
const LONGEST_NAME: usize = bound(GOOGLE_PUBSUB.limits.name);

/// The longest value of an attribute, and the longest ordering key, in bytes.
const LONGEST_VALUE: usize = bound(GOOGLE_PUBSUB.limits.value);

const fn bound(limit: Option<usize>) -> usize {
    match limit {
        Some(limit) => limit,
        None => usize::MAX,
    }
}

/// Of documents, attributes are read without judging the rest.
static READING: LazyLock<DecodeOptions> =
    LazyLock::new(|| DecodeOptions::lenient().with_formats(Formats::none().with(Json::new())));

/// The ordering key of a message: its key, or else `partitionkey`, or else the source of its event. `None` if it has none of these.
pub(super) fn ordering_key(outgoing: &Outgoing) -> Option<String> {
    let key = outgoing.record_key().map(|key| key.to_vec()).filter(|key| !key.is_empty());
    let key = key.or_else(|| match outgoing.content() {
        Content::Message(message) => {
            let attribute = |name| message.attribute(name, &READING).ok().flatten();
            let key = attribute("partitionkey").or_else(|| attribute("source"));
            key.map(String::into_bytes)
        }
        Content::AsReceived(received) => {
            let native = received.native::<ReceivedMessage>()?;
            native.ordering_key.clone().map(String::into_bytes)
        }
        _ => None,
    })?;
    Some(match String::from_utf8(key) {
        Ok(key) if key.len() <= LONGEST_VALUE => key,
        Ok(key) => hash(key.as_bytes()),
        Err(error) => hash(error.as_bytes()),
    })
}

/// The headers that a message does not carry. Of headers with the same name, a message carries the first. `is_document` is whether an
/// event is written as a document.
pub(super) fn lost_headers(outgoing: &Outgoing, is_document: bool) -> Vec<(usize, &'static str)> {
    let reasons = [
        "it is there twice, and Pub/Sub has each name once",
        "a message of Pub/Sub has 100 attributes at most",
    ];
    outgoing.lost_headers_within(MOST_ATTRIBUTES, is_document.then_some(1), reasons, lost)
}

/// Adds a header.
///
/// Errors: [`Inexact`](cloudevents_core::ErrorKind::Inexact) for a header that a message does not carry.
pub(super) fn add_header(message: &mut CarrierMessage, name: &str, value: &Bytes) -> Result<(), Error> {
    if let Some(reason) = lost(name, value) {
        return Err(header_not_carried(name, reason));
    }
    message.headers.push((name.into(), value.clone()));
    Ok(())
}

/// A message as it was received, also from another protocol.
///
/// Errors: [`Inexact`](cloudevents_core::ErrorKind::Inexact) for a header that a message does not carry.
pub(super) fn as_received(received: &Received) -> Result<CarrierMessage, Error> {
    if let Some(native) = received.native::<ReceivedMessage>() {
        let mut message = native.message.clone();
        // Those that Pub/Sub has added. It refuses them.
        message.headers.retain(|(name, _)| !name.as_str().starts_with(RESERVED));
        return Ok(message);
    }
    let mut message = CarrierMessage::new(received.whole_body()?.unwrap_or_default());
    for (name, value) in received.headers() {
        let value = Bytes::from(value.unwrap_or_default().into_owned());
        // Names of other protocols may have another letter case.
        let name = if name.eq_ignore_ascii_case(CONTENT_TYPE) { CONTENT_TYPE } else { name };
        match is_foreign(name) {
            true => add_header(&mut message, name, &value)?,
            false => message.headers.push((name.into(), value)),
        }
    }
    Ok(message)
}

/// Why a message does not carry a header.
fn lost(name: &str, value: &[u8]) -> Option<&'static str> {
    if !is_foreign(name) {
        Some("in a message of Pub/Sub it would be a part of the event")
    } else if name.is_empty() || name.len() > LONGEST_NAME {
        Some("a name in Pub/Sub has 1 to 256 bytes")
    } else if name.starts_with(RESERVED) {
        Some("Pub/Sub reserves names that begin with `goog`")
    } else if value.len() > LONGEST_VALUE {
        Some("a value in Pub/Sub has 1,024 bytes at most")
    } else if std::str::from_utf8(value).is_err() {
        Some("a value in Pub/Sub is text")
    } else {
        None
    }
}

/// SHA-256 in hexadecimal.
fn hash(key: &[u8]) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::{Event, Message};

    fn event() -> Event {
        Event::builder().id("1").source("/s").ty("t").build().unwrap()
    }

    #[test]
    fn a_message_carries_the_first_header_of_a_name_and_a_hundred_attributes() {
        let outgoing =
            Outgoing::from(event()).header("tenant", "7").header("shard", "1").header("tenant", "8");
        let lost = lost_headers(&outgoing, false);
        assert_eq!(lost, [(2, "it is there twice, and Pub/Sub has each name once")]);
        let many = |count: usize| {
            (0..count).fold(Outgoing::from(event()), |all, number| all.header(format!("h{number}"), "x"))
        };
        // An event has four attributes of its own, and a document has one.
        let lost = |count, is_document| lost_headers(&many(count), is_document).len();
        assert_eq!((lost(96, false), lost(97, false), lost(99, true), lost(100, true)), (0, 1, 0, 1));
    }

    #[test]
    fn headers_that_are_not_carried() {
        let [long, name, longest] = [1025, 257, 256].map(|count| "x".repeat(count));
        for (name, value) in [
            ("ce-x", &b"1"[..]),
            ("content-type", b"1"),
            ("", b"1"),
            (&name, b"1"),
            ("googx", b"1"),
            ("a", b"\xff"),
            ("a", long.as_bytes()),
        ] {
            assert!(lost(name, value).is_some(), "{name}");
        }
        assert_eq!((lost("Gr\u{f6}\u{df}e 1", b""), lost(&longest, &long.as_bytes()[..1024])), (None, None));
    }

    #[test]
    fn an_ordering_key_is_the_key_or_partitionkey_or_the_source() {
        let key = |outgoing: Outgoing| ordering_key(&outgoing).unwrap();
        assert_eq!(key(event().into()), "/s");
        let keyed = Event::builder().id("1").source("/s").ty("t").extension("partitionkey", "p");
        let keyed = keyed.build().unwrap();
        assert_eq!(key(keyed.clone().into()), "p");
        assert_eq!(key(Outgoing::from(keyed.clone()).key("k")), "k");
        let document = Message::structured(&keyed, &Json::new()).unwrap().0;
        assert_eq!(key(document.into()), "p");
        assert_eq!(key(Outgoing::from(event()).key("x".repeat(1025))).len(), 64);
        assert_eq!(key(Outgoing::from(event()).key("x".repeat(1024))).len(), 1024);
        // `printf '\xff' | sha256sum`
        let wanted = "a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89";
        assert_eq!(key(Outgoing::from(event()).key(b"\xff")), wanted);
    }
}
