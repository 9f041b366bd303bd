//! Messages: events as they travel, decoded as far as it costs nothing.

use crate::{Decoded, Decoding, Error, ErrorKind, Event, Format, FormatId, Losses, MediaType};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;

/// An event or a batch on its way: what a binding makes of a protocol message, and the other way round.
///
/// A binary-mode message has its attributes parsed, which is cheap, and its body never read. A structured or batched one is
/// a document that nobody has looked at: moving it on to another protocol moves its bytes.
///
/// ```
/// use cloudevents_core::{Decoding, Event, Message};
///
/// let event = Event::builder().id("1").source("/s").ty("com.example.t").build()?;
/// let message = Message::from(event);
/// assert_eq!(message.attribute("type", &Decoding::strict())?.as_deref(), Some("com.example.t"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message {
    /// Attributes in headers or properties, payload in the body.
    Binary(Event),
    /// One event as a document.
    Structured {
        /// The format of the document, known here or not.
        format: FormatId,
        /// The document.
        body: Bytes,
    },
    /// A batch of events as a document.
    Batched {
        /// The format of the document, known here or not.
        format: FormatId,
        /// The document.
        body: Bytes,
    },
}

impl Message {
    /// The event as a document of this format, and what the format could not hold.
    pub fn structured(event: &Event, format: &dyn Format) -> Result<(Self, Losses), Error> {
        let mut body = Vec::new();
        let losses = format.encode(event, &mut body)?;
        Ok((Self::Structured { format: format.id(), body: body.into() }, losses))
    }

    /// The events as a document of this format, and what the format could not hold.
    pub fn batched(events: &[Event], format: &dyn Format) -> Result<(Self, Losses), Error> {
        let mut body = Vec::new();
        let losses = format.encode_batch(events, &mut body)?;
        Ok((Self::Batched { format: format.id(), body: body.into() }, losses))
    }

    /// How the message carries events.
    pub fn mode(&self) -> ContentMode {
        match self {
            Self::Binary(_) => ContentMode::Binary,
            Self::Structured { .. } => ContentMode::Structured,
            Self::Batched { .. } => ContentMode::Batched,
        }
    }

    /// The format of the document, for a structured or batched message.
    pub fn format(&self) -> Option<&FormatId> {
        match self {
            Self::Binary(_) => None,
            Self::Structured { format, .. } | Self::Batched { format, .. } => Some(format),
        }
    }

    /// One attribute in its canonical string, `specversion` included, without decoding the rest.
    ///
    /// The events of a batch need not agree, so asking a batch is an error of kind [`Batched`](ErrorKind::Batched).
    pub fn attribute(&self, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
        match self {
            Self::Binary(event) => Ok(event.attribute(name).map(|value| value.to_canonical().into_owned())),
            Self::Structured { format, body } => with.formats.require(format)?.peek(body, name, with),
            Self::Batched { .. } => Err(Error::new(ErrorKind::Batched)),
        }
    }

    /// The one event. A batch is an error of kind [`Batched`](ErrorKind::Batched).
    pub fn event(&self, with: &Decoding) -> Result<Decoded<Event>, Error> {
        match self {
            Self::Binary(event) => Ok(Decoded::clean(event.clone())),
            Self::Structured { format, body } => with.formats.require(format)?.decode(body.clone(), with),
            Self::Batched { .. } => {
                Err(Error::new(ErrorKind::Batched)
                    .with_help("read a batch with the function for several events"))
            }
        }
    }

    /// All events: one, or those of the batch.
    pub fn events(&self, with: &Decoding) -> Result<Decoded<Vec<Event>>, Error> {
        match self {
            Self::Batched { format, body } => with.formats.require(format)?.decode_batch(body.clone(), with),
            _ => Ok(self.event(with)?.map(|event| alloc::vec![event])),
        }
    }

    /// The number of bytes of payload or document.
    pub fn body_len(&self) -> usize {
        match self {
            Self::Binary(event) => event.data_bytes().map_or(0, Bytes::len),
            Self::Structured { body, .. } | Self::Batched { body, .. } => body.len(),
        }
    }
}

impl From<Event> for Message {
    fn from(event: Event) -> Self {
        Self::Binary(event)
    }
}

/// In binary mode. The clone counts references.
impl From<&Event> for Message {
    fn from(event: &Event) -> Self {
        Self::Binary(event.clone())
    }
}

/// How a message carries events.
///
/// ```
/// assert_eq!(cloudevents_core::ContentMode::Batched.as_str(), "batched");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContentMode {
    /// Attributes in headers or properties, payload in the body.
    Binary,
    /// One event as a document.
    Structured,
    /// A batch of events as a document.
    Batched,
}

impl ContentMode {
    /// `binary`, `structured` or `batched`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Structured => "structured",
            Self::Batched => "batched",
        }
    }
}

/// How to write an event as a message: what encoders take.
///
/// ```
/// # use cloudevents_core::{Format, Mode};
/// fn mode<'a>(structured: bool, format: &'a dyn Format) -> Mode<'a> {
///     if structured { Mode::Structured(format) } else { Mode::Binary }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Mode<'a> {
    /// Attributes in headers or properties, payload in the body.
    #[default]
    Binary,
    /// The event as a document in this format.
    Structured(&'a dyn Format),
}

impl<'a> Mode<'a> {
    /// The event as a document in this format.
    pub fn structured(format: &'a dyn Format) -> Self {
        Self::Structured(format)
    }

    /// The event as a message of this mode, and what the format could not hold.
    pub fn message(self, event: &Event) -> Result<(Message, Losses), Error> {
        match self {
            Self::Binary => Ok((Message::Binary(event.clone()), Losses::none())),
            Self::Structured(format) => Message::structured(event, format),
        }
    }
}

/// What a content type says about a message.
///
/// ```
/// use cloudevents_core::{Detected, detect};
///
/// match detect(Some("application/cloudevents+toml"))? {
///     Detected::Structured(format) => assert_eq!(format.as_str(), "toml"), // known here or not
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// A media type outside `application/cloudevents`, or none: binary mode, if it is a CloudEvent at all.
    NotADocument,
    /// One event in this format, known here or not.
    Structured(FormatId),
    /// A batch in this format, known here or not.
    Batched(FormatId),
}

/// Tells by its content type what a message is (HTTP binding, clause HTTP-3-c, and its like in the other bindings).
///
/// Case does not matter, parameters are put aside; a `charset` other than UTF-8 is an error of kind
/// [`Unsupported`](ErrorKind::Unsupported).
///
/// ```
/// use cloudevents_core::{Detected, FormatId, detect};
///
/// assert_eq!(detect(Some("Application/CloudEvents+JSON; charset=utf-8"))?, Detected::Structured(FormatId::JSON));
/// assert_eq!(detect(Some("application/cloudevents-batch+json"))?, Detected::Batched(FormatId::JSON));
/// assert_eq!(detect(Some("application/json"))?, Detected::NotADocument);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[inline]
pub fn detect(content_type: Option<&str>) -> Result<Detected, Error> {
    const TREE: &[u8] = b"application/cloudevents";
    match content_type {
        // The most common spelling.
        Some("application/cloudevents+json") => Ok(Detected::Structured(FormatId::JSON)),
        Some(text)
            if text.as_bytes().get(..TREE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TREE)) =>
        {
            detect_document(text)
        }
        _ => Ok(Detected::NotADocument),
    }
}

fn detect_document(text: &str) -> Result<Detected, Error> {
    let media_type = match MediaType::parse(text) {
        Ok(media_type) => media_type,
        Err(_) => return Err(crate::format::unknown(text)),
    };
    if let Some(charset) = media_type.parameter("charset")
        && !["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
    {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(alloc::format!("charset `{charset}`: documents are read as UTF-8")));
    }
    let subtype = media_type.subtype().to_ascii_lowercase();
    Ok(match subtype.split_once('+') {
        Some(("cloudevents", suffix)) if !suffix.is_empty() => Detected::Structured(FormatId::found(suffix)),
        Some(("cloudevents-batch", suffix)) if !suffix.is_empty() => {
            Detected::Batched(FormatId::found(suffix))
        }
        _ if subtype.starts_with("cloudevents-batch") => {
            Detected::Batched(FormatId::found(media_type.essence()))
        }
        _ => Detected::Structured(FormatId::found(media_type.essence())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detection() {
        let structured = |suffix: &str| Detected::Structured(FormatId::found(suffix));
        for (text, expected) in [
            ("application/cloudevents+json ; charset=UTF-8", structured("json")),
            ("application/cloudevents+jsonfoo", structured("jsonfoo")),
            ("application/cloudeventstrailing", structured("application/cloudeventstrailing")),
            ("application/cloudevents", structured("application/cloudevents")),
            ("APPLICATION/CLOUDEVENTS-BATCH+AVRO-Compact", Detected::Batched(FormatId::new("avro-compact"))),
            ("application/cloudevent+json", Detected::NotADocument),
            ("text/plain", Detected::NotADocument),
        ] {
            assert_eq!(detect(Some(text)).unwrap(), expected, "{text}");
        }
        assert_eq!(detect(None).unwrap(), Detected::NotADocument);
        assert_eq!(
            detect(Some("application/cloudevents+json; charset=latin1")).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(detect(Some("application/cloudevents+")).unwrap(), structured("application/cloudevents+"));
        assert_eq!(detect(Some("application/cloudevents/x")).unwrap_err().kind(), ErrorKind::UnknownFormat);
    }
}
