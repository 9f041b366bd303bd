//! Events and messages to messages of NATS.

use crate::{Encoding, NatsMessage, name, value, wire::Header};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Format, FormatId, Losses, Message, Mode, TextBuffer,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, extension_headers, header::arrives_raw},
};
use cloudevents_json::Json;

/// Writes an event as a message. The payload is not copied. Attributes are not copied if the event shares its text and no escapes are
/// needed.
///
/// The losses list the parts that the format could not represent. A structured format other than JSON is an error of kind
/// [`Unsupported`](ErrorKind::Unsupported) (NATS-3-b).
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
/// let (message, _) = cloudevents_nats::encode(&event, Mode::Binary)?;
/// assert_eq!(message.header("ce-subject"), Some(&b"100%20%25"[..]));
///
/// let (message, losses) = cloudevents_nats::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(message.header("Content-Type"), Some(&b"application/cloudevents+json"[..]));
/// assert!(losses.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<'a>(event: &Event, with: impl Into<Encoding<'a>>) -> Result<(NatsMessage, Losses), Error> {
    let with = with.into();
    match with.mode {
        Mode::Structured(format) => structured(event, format, with.without_headers),
        _ if with.without_headers => Err(no_binary()),
        _ if with.raw && !arrives_raw(event) => structured(event, &Json::new(), false),
        _ => Ok((binary(event, with.raw), binary_mode_losses(event, BinaryMode::TEXT))),
    }
}

/// Writes a message. The document of a structured message is moved, unchanged.
///
/// A batch, and a document that is not JSON, are errors of kind [`Unsupported`](ErrorKind::Unsupported). The changes that binary mode makes
/// to an event are not reported here. [`encode`] returns them, and [`Mode::message`](cloudevents_core::Mode::message) returns changes of
/// the meaning.
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let message = Message::Structured(Document::new(FormatId::JSON, "{}"));
/// let encoded = cloudevents_nats::encode_message(&message)?;
/// assert_eq!(encoded.header("content-type"), Some(&b"application/cloudevents+json"[..]));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message(message: &Message) -> Result<NatsMessage, Error> {
    Ok(write_message(message, false)?.0)
}

/// [`encode_message`], with [`Encoding::raw`]. Also returns the losses if the event has to be a document.
pub(crate) fn write_message(message: &Message, raw: bool) -> Result<(NatsMessage, Losses), Error> {
    match message {
        Message::Binary(event) if needs_document(message, raw) => structured(event, &Json::new(), false),
        Message::Binary(event) => Ok((binary(event, raw), Losses::none())),
        Message::Structured(found) => {
            Ok((document(found.format(), found.body().clone(), false)?, Losses::none()))
        }
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("NATS has no batched mode")
            .with_help("send the events one by one")
            .with_clause("NATS-1.3-a")),
    }
}

/// Whether [`write_message`] makes a document of an event. Then the losses of binary mode do not occur.
pub(crate) fn needs_document(message: &Message, raw: bool) -> bool {
    raw && matches!(message, Message::Binary(event) if !arrives_raw(event))
}

fn structured(
    event: &Event,
    format: &dyn Format,
    without_headers: bool,
) -> Result<(NatsMessage, Losses), Error> {
    if format.id() != FormatId::JSON {
        return Err(only_json());
    }
    let mut body = Vec::new();
    let losses = format.encode(event, &mut body)?;
    Ok((document(&format.id(), body.into(), without_headers)?, losses))
}

fn document(id: &FormatId, payload: Bytes, without_headers: bool) -> Result<NatsMessage, Error> {
    if *id != FormatId::JSON {
        return Err(only_json());
    }
    let headers = match without_headers {
        true => Vec::new(),
        // In the letter case of HTTP, which NATS' own tools write.
        false => vec![(
            TextBuffer::from_static("Content-Type"),
            value::text("application/cloudevents+json".into()),
        )],
    };
    Ok(NatsMessage { headers, payload })
}

#[inline]
fn binary(event: &Event, raw: bool) -> NatsMessage {
    let attributes = event.attributes();
    let mut headers: Vec<Header> = Vec::with_capacity(attributes.len().saturating_add(2));
    headers
        .push((TextBuffer::from_static("ce-specversion"), value::text(event.specversion().as_str().into())));
    let mut extensions = extension_headers(event, name::PREFIX);
    // An extension of specversion 0.3 may have the name of a core attribute of 1.0.
    let core = attributes.len().saturating_sub(event.extensions().len());
    for (at, (name, attribute)) in attributes.enumerate() {
        if name.as_str() == "datacontenttype" {
            continue;
        }
        let known = if at < core { name::core(name.as_str()) } else { extensions.next() };
        let header = known.unwrap_or_else(|| format!("{}{}", name::PREFIX, name.as_str()).into());
        let value = match attribute.as_str() {
            Some(text) => value::write(event, text, raw),
            None => value::write(event, &attribute.to_canonical(), raw),
        };
        headers.push((header, value));
    }
    // Last. If the attribute is absent, it is the content type of the payload's kind.
    if let Some(media_type) = event.content_type() {
        headers.push((
            TextBuffer::from_static("ce-datacontenttype"),
            value::write(event, media_type.as_str(), raw),
        ));
    }
    NatsMessage { headers, payload: binary_mode_body(event).unwrap_or_default() }
}

#[cold]
fn only_json() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("structured messages of NATS are JSON documents")
        .with_help("use the JSON format, or binary mode")
        .with_clause("NATS-3-b")
}

#[cold]
fn no_binary() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("binary mode needs headers, which NATS has since version 2.2")
        .with_help("send structured mode, or use headers")
        .with_clause("NATS-1.3-b")
}
