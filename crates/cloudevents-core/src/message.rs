//! Messages: events in transit, decoded only as far as decoding is cheap.

use crate::{
    Batch, DecodeOptions, Decoded, Document, Error, ErrorKind, Event, Format, FormatId, FoundAttributes,
    Losses, ResolvedName, codec::binary_mode_meaning_losses,
};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use core::fmt;

/// An event or a batch in transit. Bindings decode protocol messages into it, and encode protocol messages from it.
///
/// In a binary-mode message the attributes are parsed and the body is not read. A structured or batched message is an undecoded
/// [`Document`]: forwarding it to another protocol moves its bytes.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event, Message};
///
/// let event = Event::builder().id("1").source("/s").ty("com.example.t").build()?;
/// let message = Message::from(event);
/// assert_eq!(message.attribute("type", &DecodeOptions::strict())?.as_deref(), Some("com.example.t"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message {
    /// Attributes in headers or properties, payload in the body.
    Binary(Event),
    /// One event as a document.
    Structured(Document),
    /// A batch of events as a document.
    Batched(Document),
}

impl Message {
    /// Returns the event as a document in this format, and the losses. Errors are those of the format.
    pub fn structured(event: &Event, format: &dyn Format) -> Result<(Self, Losses), Error> {
        let mut body = Vec::new();
        let losses = format.encode(event, &mut body)?;
        Ok((Self::Structured(Document::written(format, body.into())), losses))
    }

    /// Returns the events as a batch document in this format, and the losses. Errors are those of the format.
    pub fn batched<'a>(events: impl Into<Batch<'a>>, format: &dyn Format) -> Result<(Self, Losses), Error> {
        let mut body = Vec::new();
        let losses = format.encode_batch(events.into(), &mut body)?;
        Ok((Self::Batched(Document::written(format, body.into())), losses))
    }

    /// The content mode of the message.
    pub fn mode(&self) -> ContentMode {
        match self {
            Self::Binary(_) => ContentMode::Binary,
            Self::Structured(_) => ContentMode::Structured,
            Self::Batched(_) => ContentMode::Batched,
        }
    }

    /// The format of the document, for a structured or batched message.
    pub fn format(&self) -> Option<&FormatId> {
        match self {
            Self::Binary(_) => None,
            Self::Structured(document) | Self::Batched(document) => Some(document.format()),
        }
    }

    /// Returns one attribute as its canonical string, without decoding the rest. `None` if the event has no such attribute. The
    /// attribute may be `specversion`.
    ///
    /// A document is read in its own format (see [`Document`]). A batch is an error of kind [`Batched`](ErrorKind::Batched), because its
    /// events may have different values.
    pub fn attribute(&self, name: &str, with: &DecodeOptions) -> Result<Option<String>, Error> {
        match self {
            Self::Binary(event) => Ok(event.attribute(name).map(|value| value.to_canonical().into_owned())),
            Self::Structured(document) => document.reader(with)?.peek(document.body(), name, with),
            Self::Batched(_) => Err(one_expected()),
        }
    }

    /// Reads the attributes of resolved names, typed as [`Event::attribute`] returns them, without decoding the rest.
    ///
    /// A document is read in one pass, which stops once all names have been found. The rest is not checked. Attributes of up to 512 bytes
    /// in total need no allocation. A batch is an error of kind [`Batched`](crate::ErrorKind::Batched).
    ///
    /// ```
    /// use cloudevents_core::{DecodeOptions, Event, Message, ResolvedName, Value};
    ///
    /// let names = ResolvedName::all(["type", "subject"])?;
    /// let message = Message::from(Event::builder().id("1").source("/s").ty("order.placed").build()?);
    /// let is_order = message.look_up(&names, &DecodeOptions::strict(), |found| {
    ///     let [ty, subject] = found.array();
    ///     subject.is_none() && ty.and_then(Value::as_str).is_some_and(|ty| ty.starts_with("order."))
    /// })?;
    /// assert!(is_order);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn look_up<R>(
        &self,
        names: &[ResolvedName],
        with: &DecodeOptions,
        read: impl FnOnce(FoundAttributes<'_>) -> R,
    ) -> Result<R, Error> {
        let document = match self {
            Self::Binary(event) => return Ok(read(FoundAttributes::in_event(names, event))),
            Self::Structured(document) => document,
            Self::Batched(_) => return Err(Error::new(ErrorKind::Batched)),
        };
        let (mut read, mut result) = (Some(read), None);
        document.reader(with)?.look_up(document.body(), names, with, &mut |found| {
            result = read.take().map(|read| read(found));
        })?;
        // `Format::look_up` calls the function once if it succeeds.
        result.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported).with_detail("the format reads no single attributes")
        })
    }

    /// Decodes the event. A batch is an error of kind [`Batched`](ErrorKind::Batched).
    ///
    /// A document is read in its own format (see [`Document`]). An unknown format is an error of kind
    /// [`UnknownFormat`](ErrorKind::UnknownFormat).
    pub fn event(&self, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        match self {
            Self::Binary(event) => Ok(Decoded::clean(event.clone())),
            Self::Structured(document) => document.reader(with)?.decode(document.body().clone(), with),
            Self::Batched(_) => Err(one_expected()),
        }
    }

    /// Decodes all events of the message: one event, or the events of the batch.
    pub fn events(&self, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
        match self {
            Self::Batched(document) => document.reader(with)?.decode_batch(document.body().clone(), with),
            _ => Ok(self.event(with)?.map(|event| alloc::vec![event])),
        }
    }

    /// The number of bytes of payload or document.
    pub fn body_len(&self) -> usize {
        match self {
            Self::Binary(event) => event.data_bytes().map_or(0, Bytes::len),
            Self::Structured(document) | Self::Batched(document) => document.body().len(),
        }
    }
}

#[cold]
fn one_expected() -> Error {
    Error::new(ErrorKind::Batched).with_help("read a batch with the function for several events")
}

impl From<Event> for Message {
    fn from(event: Event) -> Self {
        Self::Binary(event)
    }
}

/// Creates a message in binary mode. The event is cloned by counting references.
impl From<&Event> for Message {
    fn from(event: &Event) -> Self {
        Self::Binary(event.clone())
    }
}

/// How a message carries events: the content mode.
///
/// ```
/// assert_eq!(cloudevents_core::ContentMode::Batched.to_string(), "batched");
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

/// Writes [`as_str`](ContentMode::as_str).
impl fmt::Display for ContentMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How to write an event as a message. Encoders take this.
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

    /// Returns the event as a message in this mode, and the losses. Errors are those of the format.
    ///
    /// A message in binary mode holds the whole event. Its losses are the losses that every protocol will have.
    pub fn message(self, event: &Event) -> Result<(Message, Losses), Error> {
        match self {
            Self::Binary => Ok((Message::Binary(event.clone()), binary_mode_meaning_losses(event))),
            Self::Structured(format) => Message::structured(event, format),
        }
    }
}
