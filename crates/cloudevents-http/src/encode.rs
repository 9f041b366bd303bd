//! Events and messages to headers and body.

use crate::{
    Encoding,
    name::{self, SPECVERSION},
    value,
};
use bytes::Bytes;
use cloudevents_core::{
    Batch, Error, ErrorKind, Event, Format, Losses, Message, Mode,
    codec::{
        BinaryMode, binary_mode_body, binary_mode_losses, binary_mode_meaning_losses, check_binary_mode,
        header::arrives_raw, share,
    },
};
use cloudevents_json::Json;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use sealed::Sealed;

/// Writes an event: its headers into `headers`, its body as the result. The payload is not copied.
///
/// Headers that describe another message are removed first: every `ce-` header, `Content-Type`, `Content-Encoding` and
/// `Content-Length`. All others stay. After an error the headers may be written in part.
///
/// ```
/// use cloudevents_core::{Event, Mode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
/// let mut headers = http::HeaderMap::new();
/// let (body, _) = cloudevents_http::encode(&event, Mode::Binary, &mut headers)?;
/// assert_eq!(headers["ce-subject"], "100%20%25");
/// assert!(body.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<'a>(
    event: &Event,
    with: impl Into<Encoding<'a>>,
    headers: &mut HeaderMap,
) -> Result<(Bytes, Losses), Error> {
    let with = with.into();
    match with.mode {
        Mode::Structured(format) => structured(event, format, headers),
        _ if with.raw && !arrives_raw(event) => structured(event, &Json::new(), headers),
        _ => {
            clear(headers);
            Ok((binary(event, with.raw, headers)?, binary_mode_losses(event, BinaryMode::TEXT)))
        }
    }
}

/// Writes an event for clients and servers without the `http` crate: `set` receives the name and the value of each header. Names
/// are in lower case, values are printable ASCII unless they are [raw](Encoding::raw). Otherwise as [`encode`].
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use std::collections::HashMap;
///
/// let event = Event::builder().id("1").source("/s").ty("t").text("pears").build()?;
/// let mut headers = HashMap::new();
/// let (body, _) = cloudevents_http::encode_with(&event, Mode::Binary, |name, value| {
///     headers.insert(name.to_owned(), value.to_owned());
/// })?;
/// assert_eq!((headers["ce-id"].as_str(), &*body), ("1", &b"pears"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_with<'a>(
    event: &Event,
    with: impl Into<Encoding<'a>>,
    set: impl FnMut(&str, &str),
) -> Result<(Bytes, Losses), Error> {
    let mut headers = HeaderMap::new();
    let encoded = encode(event, with, &mut headers)?;
    each(&headers, set)?;
    Ok(encoded)
}

/// Writes a message for clients and servers without the `http` crate, with the headers of [`encode_with`].
pub fn encode_message_with(message: &Message, set: impl FnMut(&str, &str)) -> Result<Bytes, Error> {
    let mut headers = HeaderMap::new();
    let body = encode_message(message, &mut headers)?;
    each(&headers, set)?;
    Ok(body)
}

/// Writes a batch as one document, with the headers of [`encode`].
///
/// Send batches only to peers that requested them (HTTP binding, section 3.3).
pub fn encode_batch<'a>(
    events: impl Into<Batch<'a>>,
    format: &dyn Format,
    headers: &mut HeaderMap,
) -> Result<(Bytes, Losses), Error> {
    let (message, losses) = Message::batched(events, format)?;
    Ok((encode_message(&message, headers)?, losses))
}

/// Writes a message, with the headers of [`encode`]. The document of a structured or batched message is unchanged.
///
/// The changes that binary mode makes to an event are not reported here. [`encode`] returns them, and [`Mode::message`] returns changes of
/// the meaning.
pub fn encode_message(message: &Message, headers: &mut HeaderMap) -> Result<Bytes, Error> {
    Ok(write_message(message, false, headers)?.0)
}

/// [`encode_message`], with [`Encoding::raw`]. Also returns the losses if the event has to be a document.
pub(crate) fn write_message(
    message: &Message,
    raw: bool,
    headers: &mut HeaderMap,
) -> Result<(Bytes, Losses), Error> {
    if let Message::Binary(event) = message
        && needs_document(message, raw)
    {
        return structured(event, &Json::new(), headers);
    }
    clear(headers);
    let (media_type, body) = match message {
        Message::Binary(event) => return Ok((binary(event, raw, headers)?, Losses::none())),
        Message::Structured(document) => (document.format().media_type(), document.body()),
        Message::Batched(document) => (document.format().batch_media_type(), document.body()),
        _ => {
            return Err(
                Error::new(ErrorKind::Unsupported).with_detail("HTTP has no way to carry this content mode")
            );
        }
    };
    put(headers, CONTENT_TYPE, content_type(&media_type)?)?;
    Ok((body.clone(), Losses::none()))
}

/// Whether [`write_message`] makes a document of an event. Then the losses of binary mode do not occur.
pub(crate) fn needs_document(message: &Message, raw: bool) -> bool {
    raw && matches!(message, Message::Binary(event) if !arrives_raw(event))
}

/// Requests and responses that carry events, on the builders of the `http` crate.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_http::BuilderExt;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let request = http::Request::post("https://example.com/").event(&event)?;
/// assert_eq!(request.headers()["ce-type"], "t");
/// let response = http::Response::builder().structured_event(&event, &cloudevents_json::Json::new())?;
/// assert_eq!(response.headers()["content-type"], "application/cloudevents+json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait BuilderExt: Sized + Sealed {
    /// A request or response of [`Bytes`].
    type Message;

    /// Adds this message: its headers and its body. Headers as with [`encode`], losses as with
    /// [`structured_event`](Self::structured_event).
    fn message(self, message: &Message) -> Result<Self::Message, Error>;

    /// Adds this event in binary mode. Losses as with [`structured_event`](Self::structured_event).
    fn event(self, event: &Event) -> Result<Self::Message, Error> {
        self.message(&Message::from(event))
    }

    /// Adds this event in structured mode.
    ///
    /// A loss that [changes the meaning](cloudevents_core::LossClass::Meaning) is an error of kind [`Inexact`](ErrorKind::Inexact).
    /// [`encode`] returns it. Other losses are not errors: a Timestamp extension becomes a String in JSON.
    fn structured_event(self, event: &Event, format: &dyn Format) -> Result<Self::Message, Error> {
        self.message(&kept(Message::structured(event, format)?)?)
    }

    /// Adds these events as a batch. Losses as with [`structured_event`](Self::structured_event).
    fn events(self, events: &[Event], format: &dyn Format) -> Result<Self::Message, Error> {
        self.message(&kept(Message::batched(events, format)?)?)
    }
}

impl BuilderExt for http::request::Builder {
    type Message = http::Request<Bytes>;

    fn message(mut self, message: &Message) -> Result<Self::Message, Error> {
        keep_meaning(message)?;
        let body = match self.headers_mut() {
            Some(headers) => encode_message(message, headers)?,
            None => Bytes::new(), // `body` returns the error of the builder
        };
        self.body(body).map_err(bad_builder)
    }
}

impl BuilderExt for http::response::Builder {
    type Message = http::Response<Bytes>;

    fn message(mut self, message: &Message) -> Result<Self::Message, Error> {
        keep_meaning(message)?;
        let body = match self.headers_mut() {
            Some(headers) => encode_message(message, headers)?,
            None => Bytes::new(),
        };
        self.body(body).map_err(bad_builder)
    }
}

/// Refuses a message in binary mode that would lose some of its meaning, for callers that get no losses.
pub(crate) fn keep_meaning(message: &Message) -> Result<(), Error> {
    match message {
        Message::Binary(event) => binary_mode_meaning_losses(event).keep_meaning().map(drop),
        _ => Ok(()),
    }
}

/// The message, or the error for a value that its format could not hold.
pub(crate) fn kept((message, losses): (Message, Losses)) -> Result<Message, Error> {
    // The other losses keep the meaning.
    let _ = losses.keep_meaning()?;
    Ok(message)
}

fn each(headers: &HeaderMap, mut set: impl FnMut(&str, &str)) -> Result<(), Error> {
    for (name, value) in headers {
        set(name.as_str(), std::str::from_utf8(value.as_bytes()).map_err(|_| not_a_header(name.as_str()))?);
    }
    Ok(())
}

/// Removes headers that describe another message.
#[inline]
fn clear(headers: &mut HeaderMap) {
    if !headers.is_empty() {
        remove_stale(headers);
    }
}

#[cold]
fn remove_stale(headers: &mut HeaderMap) {
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    let attributes = headers.keys().filter(|name| name::kind(name.as_str()) == name::Kind::Attribute);
    for name in attributes.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

fn structured(event: &Event, format: &dyn Format, headers: &mut HeaderMap) -> Result<(Bytes, Losses), Error> {
    let mut body = Vec::new();
    let losses = format.encode(event, &mut body)?;
    clear(headers);
    put(headers, CONTENT_TYPE, content_type(format.media_type().as_str())?)?;
    Ok((body.into(), losses))
}

#[inline]
fn binary(event: &Event, raw: bool, headers: &mut HeaderMap) -> Result<Bytes, Error> {
    check_binary_mode(event)?;
    let attributes = event.attributes();
    headers.try_reserve(attributes.len().saturating_add(2)).map_err(|_| too_many())?;
    put(headers, SPECVERSION, HeaderValue::from_static(event.specversion().as_str()))?;
    for (name, attribute) in attributes {
        let header = name::header(name)?;
        // Content-Type is the media type itself, which is not percent-encoded.
        let value = if header == CONTENT_TYPE {
            shared(event, attribute.as_str())
        } else {
            value::write(event, attribute, raw)
        };
        put(headers, header, value.map_err(|error| error.with_attribute(name.as_str()))?)?;
    }
    if event.datacontenttype().is_none()
        && let Some(implied) = event.content_type()
    {
        put(headers, CONTENT_TYPE, content_type(implied.as_str())?)?;
    }
    Ok(binary_mode_body(event).unwrap_or_default())
}

fn shared(event: &Event, text: Option<&str>) -> Result<HeaderValue, Error> {
    let text = text.unwrap_or_default();
    match share(event, text) {
        Some(bytes) => HeaderValue::from_maybe_shared(bytes).map_err(|_| not_a_header(text)),
        None => content_type(text),
    }
}

fn content_type(media_type: &str) -> Result<HeaderValue, Error> {
    match media_type {
        "application/json" => Ok(HeaderValue::from_static("application/json")),
        "application/cloudevents+json" => Ok(HeaderValue::from_static("application/cloudevents+json")),
        "application/cloudevents-batch+json" => {
            Ok(HeaderValue::from_static("application/cloudevents-batch+json"))
        }
        other => HeaderValue::from_str(other).map_err(|_| not_a_header(other)),
    }
}

/// Sets a header. A `HeaderMap` holds 32,768 of them.
#[inline]
fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Result<(), Error> {
    headers.try_insert(name, value).map(drop).map_err(|_| too_many())
}

#[cold]
fn too_many() -> Error {
    Error::new(ErrorKind::TooMany)
        .with_detail("an HTTP message has no room for so many headers")
        .with_help("send the event in structured mode")
}

#[cold]
fn not_a_header(text: &str) -> Error {
    Error::new(ErrorKind::InvalidMediaType).with_detail(format!("`{text}` cannot be written in a header"))
}

#[cold]
fn bad_builder(error: http::Error) -> Error {
    Error::new(ErrorKind::Transport).with_detail(error.to_string())
}

/// Not public: only this crate implements the trait above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for http::request::Builder {}
    impl Sealed for http::response::Builder {}
}
