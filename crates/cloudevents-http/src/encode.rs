//! Events and messages to headers and body.

use crate::{
    name::{self, SPECVERSION},
    value,
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event, Format, Losses, Message, Mode};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

/// Writes an event: its headers into `headers`, the body as the answer. The payload is not copied.
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
pub fn encode(event: &Event, mode: Mode<'_>, headers: &mut HeaderMap) -> Result<(Bytes, Losses), Error> {
    match mode {
        Mode::Structured(format) => structured(event, format, headers),
        _ => Ok((binary(event, headers)?, Losses::none())),
    }
}

/// Writes a batch as one document. Send one only where it was asked for (HTTP binding, section 3.3).
pub fn encode_batch(
    events: &[Event],
    format: &dyn Format,
    headers: &mut HeaderMap,
) -> Result<(Bytes, Losses), Error> {
    let (message, losses) = Message::batched(events, format)?;
    Ok((encode_message(&message, headers)?, losses))
}

/// Writes a message: the document of a structured or batched one moves as it is.
pub fn encode_message(message: &Message, headers: &mut HeaderMap) -> Result<Bytes, Error> {
    let (media_type, body) = match message {
        Message::Binary(event) => return binary(event, headers),
        Message::Structured { format, body } => (format.media_type(), body),
        Message::Batched { format, body } => (format.batch_media_type(), body),
        _ => {
            return Err(
                Error::new(ErrorKind::Unsupported).with_detail("HTTP has no way to carry this content mode")
            );
        }
    };
    headers.insert(CONTENT_TYPE, content_type(&media_type)?);
    Ok(body.clone())
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
pub trait BuilderExt: Sized {
    /// A request or response of [`Bytes`].
    type Message;

    /// With this message.
    fn message(self, message: &Message) -> Result<Self::Message, Error>;

    /// With this event in binary mode.
    fn event(self, event: &Event) -> Result<Self::Message, Error> {
        self.message(&Message::Binary(event.clone()))
    }

    /// With this event in structured mode. [`encode`] tells what the format could not hold.
    fn structured_event(self, event: &Event, format: &dyn Format) -> Result<Self::Message, Error> {
        self.message(&Message::structured(event, format)?.0)
    }

    /// With these events as a batch. [`encode_batch`] tells what the format could not hold.
    fn events(self, events: &[Event], format: &dyn Format) -> Result<Self::Message, Error> {
        self.message(&Message::batched(events, format)?.0)
    }
}

impl BuilderExt for http::request::Builder {
    type Message = http::Request<Bytes>;

    fn message(mut self, message: &Message) -> Result<Self::Message, Error> {
        let body = match self.headers_mut() {
            Some(headers) => encode_message(message, headers)?,
            None => Bytes::new(), // the builder has an error of its own to tell
        };
        self.body(body).map_err(bad_builder)
    }
}

impl BuilderExt for http::response::Builder {
    type Message = http::Response<Bytes>;

    fn message(mut self, message: &Message) -> Result<Self::Message, Error> {
        let body = match self.headers_mut() {
            Some(headers) => encode_message(message, headers)?,
            None => Bytes::new(),
        };
        self.body(body).map_err(bad_builder)
    }
}

fn structured(event: &Event, format: &dyn Format, headers: &mut HeaderMap) -> Result<(Bytes, Losses), Error> {
    let mut body = Vec::new();
    let losses = format.encode(event, &mut body)?;
    headers.insert(CONTENT_TYPE, content_type(format.media_type().as_str())?);
    Ok((body.into(), losses))
}

#[inline]
fn binary(event: &Event, headers: &mut HeaderMap) -> Result<Bytes, Error> {
    let attributes = event.attributes();
    headers.reserve(attributes.len().saturating_add(2));
    headers.insert(SPECVERSION, HeaderValue::from_static(event.specversion().as_str()));
    for (name, attribute) in attributes {
        let header = name::header(name)?;
        // Content-Type is the media type itself, which is not percent-encoded.
        let value = if header == CONTENT_TYPE {
            shared(event, attribute.as_str())
        } else {
            value::write(event, attribute)
        };
        headers.insert(header, value.map_err(|error| error.with_attribute(name.as_str()))?);
    }
    if event.datacontenttype().is_none()
        && let Some(implied) = event.content_type()
    {
        headers.insert(CONTENT_TYPE, content_type(implied.as_str())?);
    }
    Ok(event.data_bytes().cloned().unwrap_or_default())
}

fn shared(event: &Event, text: Option<&str>) -> Result<HeaderValue, Error> {
    let text = text.unwrap_or_default();
    match event.share(text) {
        Some(bytes) => HeaderValue::from_maybe_shared(bytes).map_err(|_| not_a_header()),
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
        other => HeaderValue::from_str(other).map_err(|_| not_a_header()),
    }
}

#[cold]
fn not_a_header() -> Error {
    Error::new(ErrorKind::InvalidMediaType).with_detail("it cannot be written in a header")
}

#[cold]
fn bad_builder(error: http::Error) -> Error {
    Error::new(ErrorKind::Transport).with_detail(error.to_string())
}
