//! Events and messages to messages of pgmq.

use crate::wire::{CONTENT_TYPE, JSON_DOCUMENT, PgmqMessage};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event, FormatId, Losses, Message, Mode};

/// Writes an event as a message: its JSON document, and a header that marks it.
///
/// Binary mode and formats other than JSON are errors of kind [`Unsupported`](ErrorKind::Unsupported), and so is a message that Postgres
/// cannot store: see [`fits`]. The losses name the parts that the format could not hold.
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (message, losses) = cloudevents_pgmq::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(message.header("content-type"), Some("application/cloudevents+json"));
/// assert_eq!(message.message, r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
/// assert!(losses.is_empty());
/// assert!(cloudevents_pgmq::encode(&event, Mode::Binary).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, mode: Mode<'_>) -> Result<(PgmqMessage, Losses), Error> {
    let Mode::Structured(format) = mode else { return Err(no_binary_mode()) };
    let mut document = Vec::new();
    let losses = format.encode(event, &mut document)?;
    let message = document_of(&format.id(), document.into())?;
    fits(&message)?;
    Ok((message, losses))
}

/// Writes a message. The document is moved, unchanged; Postgres changes how it is written.
///
/// A batch, an event that is not a document, and a document that is not JSON are errors of kind [`Unsupported`](ErrorKind::Unsupported),
/// and so is a message that Postgres [cannot store](fits).
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let message = Message::Structured(Document::new(FormatId::JSON, "{}"));
/// assert_eq!(cloudevents_pgmq::encode_message(&message)?.message, "{}");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message(message: &Message) -> Result<PgmqMessage, Error> {
    let message = match message {
        Message::Structured(found) => document_of(found.format(), found.body().clone())?,
        Message::Binary(_) => return Err(no_binary_mode()),
        _ => {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("a message of pgmq has one event")
                .with_help("send the events one by one"));
        }
    };
    fits(&message)?;
    Ok(message)
}

/// Checks that Postgres can store this message, if it is JSON.
///
/// It is UTF-8, has no escape `\u0000`, and no escape of one half of a surrogate pair. Names and values of headers have no U+0000.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), and name the fault. Postgres itself checks whether the text is JSON. It also
/// refuses values that are too large for `jsonb`: a string of 256 MiB, a number of more than 131,072 digits.
///
/// ```
/// use cloudevents_pgmq::{PgmqMessage, fits};
///
/// assert!(fits(&PgmqMessage::new(r#"{"data": "\u00e9 \\u0000 \ud83d\ude00"}"#)).is_ok());
/// let error = fits(&PgmqMessage::new(r#"{"data": "a\u0000b"}"#)).unwrap_err();
/// assert!(error.detail().contains(r"the escape `\u0000` at byte 11"), "{error}");
/// assert!(fits(&PgmqMessage::new(r#"{"data": "\ud83d"}"#)).is_err());
/// ```
pub fn fits(message: &PgmqMessage) -> Result<(), Error> {
    let Ok(text) = std::str::from_utf8(&message.message) else {
        return Err(unfit("it is not UTF-8 text".to_owned()));
    };
    check_escapes(text.as_bytes())?;
    for (name, value) in &message.headers {
        if name.contains('\0') || value.contains('\0') {
            let name = name.escape_debug();
            return Err(unfit(format!("the header `{name}` has the character U+0000")));
        }
    }
    Ok(())
}

/// In JSON, escapes are only within strings.
fn check_escapes(text: &[u8]) -> Result<(), Error> {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at = at.saturating_add(found);
        let unit = code_unit(text, at);
        let length = match unit {
            None => 2,
            Some(0) => return Err(unfit(format!(r"it has the escape `\u0000` at byte {at}"))),
            Some(0xd800..=0xdbff) => match code_unit(text, at.saturating_add(6)) {
                Some(0xdc00..=0xdfff) => 12,
                _ => return Err(lone(at)),
            },
            Some(0xdc00..=0xdfff) => return Err(lone(at)),
            Some(_) => 6,
        };
        at = at.saturating_add(length);
    }
    Ok(())
}

/// The code unit of an escape `\uXXXX` here.
fn code_unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at.saturating_add(6))?.strip_prefix(br"\u")?;
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hexadecimal)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cold]
fn lone(at: usize) -> Error {
    unfit(format!("it has the escape of one half of a surrogate pair at byte {at}"))
}

#[cold]
fn unfit(detail: String) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("{detail}, which `jsonb` of Postgres does not store"))
        .with_help("send what is not text as binary data, which JSON has in Base64")
}

fn document_of(format: &FormatId, document: Bytes) -> Result<PgmqMessage, Error> {
    if *format != FormatId::JSON {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("a message of pgmq is JSON, and this is a document of the format {format}"))
            .with_help("write events as JSON, which is the default"));
    }
    Ok(PgmqMessage::new(document).with_header(CONTENT_TYPE, JSON_DOCUMENT))
}

#[cold]
fn no_binary_mode() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("pgmq has no binary mode: a message is JSON, and a payload may be anything")
        .with_help("leave the mode out, or write `mode=structured`: every message is a JSON document")
}
