//! Messages as JSON text, with everything that belongs to them.

use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Document, Error, ErrorKind, Event, FormatId, Message,
    codec::{self, decode_base64},
};
use cloudevents_json::serde::{AsTyped, typed};
use cloudevents_transport::{Content, Outgoing};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The form of the text, for later versions to recognise.
const VERSION: u32 = 1;

/// Bytes for the names of members.
const NAMES: usize = 256;

#[derive(Serialize, Deserialize)]
struct Envelope {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<AsTyped>,
    /// A document: the suffix of its format, whether it is a batch, and the body in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<(String, bool, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
}

/// Of an [`Envelope`] of any version.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Writes a message as text. The expiry is left out, because the store keeps it as a time.
pub(crate) fn write(outgoing: &Outgoing) -> Result<String, Error> {
    let (event, document) = match outgoing.content() {
        Content::Message(Message::Binary(event)) => (Some(event), None),
        Content::Message(Message::Structured(document)) => (None, Some(stored(document, false))),
        Content::Message(Message::Batched(document)) => (None, Some(stored(document, true))),
        _ => {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("a message that cannot be decoded has no place in an outbox")
                .with_help("forward it with the sender, or decode it first"));
        }
    };
    let envelope = Envelope {
        v: VERSION,
        event: None, // added below
        document,
        to: outgoing.destination().map(str::to_owned),
        key: outgoing.record_key().map(|key| base64(key)),
        headers: outgoing.headers().map(|(name, value)| (name.to_owned(), base64(value))).collect(),
        priority: outgoing.priority_level(),
        reply_to: outgoing.reply_address().map(str::to_owned),
        correlation: outgoing.correlation_data().map(|data| base64(data)),
    };
    let invalid =
        |error: &dyn fmt::Display| Error::new(ErrorKind::InvalidData).with_detail(error.to_string());
    // Room for the event, too, so that there is one allocation.
    let mut text = Vec::with_capacity(event.map_or(0, room));
    serde_json::to_writer(&mut text, &envelope).map_err(|error| invalid(&error))?;
    if let Some(event) = event {
        text.pop(); // the brace at the end
        text.extend_from_slice(b",\"event\":");
        typed::append_json(event, &mut text);
        text.push(b'}');
    }
    String::from_utf8(text).map_err(|error| invalid(&error))
}

/// The length of the text of most events, at most.
fn room(event: &Event) -> usize {
    let data = event.data().map_or(0, |data| data.as_bytes().len());
    data.saturating_mul(4).div_ceil(3).saturating_add(codec::attributes_size(event)).saturating_add(NAMES)
}

/// Reads the text that [`write`] wrote.
pub(crate) fn read(text: &str, expires_after: Option<Duration>) -> Result<Outgoing, Error> {
    let unreadable = |detail: String| {
        Error::new(ErrorKind::InvalidDocument).with_detail(format!("in the store: {detail}"))
    };
    let envelope: Envelope = match serde_json::from_str(text) {
        Ok(Envelope { v, .. }) if v != VERSION => return Err(unknown(v)),
        Ok(envelope) => envelope,
        Err(error) => {
            // A later version may have other members.
            let later = serde_json::from_str::<Version>(text).ok().filter(|version| version.v > VERSION);
            return Err(later.map_or_else(|| unreadable(error.to_string()), |version| unknown(version.v)));
        }
    };
    let message = match (envelope.event, envelope.document) {
        (Some(AsTyped(event)), None) => Message::Binary(event),
        (None, Some((format, batched, body))) => {
            let body = Bytes::from(decode_base64(body)?);
            let document = Document::recognized(FormatId::parse(&format)?, body, &decoding().formats);
            if batched { Message::Batched(document) } else { Message::Structured(document) }
        }
        _ => return Err(unreadable("neither an event nor a document".to_owned())),
    };
    let mut outgoing = Outgoing::from(message);
    if let Some(to) = envelope.to {
        outgoing = outgoing.to(to);
    }
    if let Some(key) = envelope.key {
        outgoing = outgoing.key(decode_base64(key)?);
    }
    for (name, value) in envelope.headers {
        outgoing = outgoing.header(name, decode_base64(value)?);
    }
    if let Some(priority) = envelope.priority {
        outgoing = outgoing.priority(priority);
    }
    if let Some(address) = envelope.reply_to {
        outgoing = outgoing.reply_to(address);
    }
    if let Some(correlation) = envelope.correlation {
        outgoing = outgoing.correlation(decode_base64(correlation)?);
    }
    Ok(match expires_after {
        Some(after) => outgoing.expires_after(after),
        None => outgoing,
    })
}

/// The error for a text of another version. It is temporary for a later release, because workers of that release read the text.
fn unknown(version: u32) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("in the store: version {version} of the text is not known here"))
        .with_temporary(version > VERSION)
}

/// Strict options that know the JSON format.
pub(crate) fn decoding() -> DecodeOptions {
    let mut options = DecodeOptions::strict();
    options.formats = cloudevents_json::with_json(options.formats);
    options
}

fn stored(document: &Document, batched: bool) -> (String, bool, String) {
    (document.format().as_str().to_owned(), batched, base64(document.body()))
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
