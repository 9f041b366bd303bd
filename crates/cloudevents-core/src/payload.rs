//! Payloads: the data of an event, and how the content type decides their kind.

use crate::{Error, JsonText, MediaType, TextBuffer, codec::is_cbor_item};
use alloc::string::String;
use bytes::Bytes;
use core::fmt;

/// The payload of an event, as [`Event::data`](crate::Event::data) returns it: a view that is free to copy.
///
/// `Json`, `Xml`, `Cbor` and `Proto` are native values of their formats, kept byte for byte. They are parsed only when a program reads
/// a typed value, and never re-encoded.
///
/// ```
/// use cloudevents_core::{Data, Event, Payload};
///
/// let event = Event::builder().id("1").source("/s").ty("t").payload("text/plain", Payload::text("hi")).build()?;
/// assert!(matches!(event.data(), Some(Data::Text("hi"))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data<'a> {
    /// A JSON value. `null` is a payload, not an absence.
    Json(JsonText<'a>),
    /// Character data.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// One XML element with the namespace declarations it needs.
    Xml(&'a str),
    /// One encoded CBOR item.
    Cbor(&'a [u8]),
    /// A protobuf `Any`.
    Proto {
        /// Names the type of the message.
        type_url: &'a str,
        /// The encoded message.
        value: &'a [u8],
    },
}

impl<'a> Data<'a> {
    /// The bytes of the payload, of any kind, for digests and signatures.
    ///
    /// They are the bytes of the message. In binary mode, that is the body. Of a document, it is the JSON value or the element as it is
    /// written there, or the decoded bytes of base64 or of a string. White space, digits and the order of members stay.
    ///
    /// ```
    /// use cloudevents_core::{Event, Payload};
    ///
    /// let body = r#"{ "b": 1.0, "a": 2e0 }"#;
    /// let event = Event::builder().id("1").source("/s").ty("t").payload("application/json", Payload::body(body)).build()?;
    /// assert_eq!(event.data().unwrap().as_bytes(), body.as_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Json(json) => json.as_str().as_bytes(),
            Self::Text(text) | Self::Xml(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Cbor(bytes) | Self::Proto { value: bytes, .. } => bytes,
        }
    }
}

/// A payload for an event.
///
/// The content type of an event decides the kind of its payload, when the event is built and when the content type is set:
///
/// | payload | content type JSON | CBOR | none | any other |
/// |---|---|---|---|---|
/// | [`json`](Self::json) | JSON | text | JSON | text |
/// | [`text`](Self::text) | JSON when it is JSON, else text | text | text | text |
/// | [`binary`](Self::binary) | binary | binary | binary | binary |
/// | [`body`](Self::body) | JSON when it is JSON, else binary | CBOR when it is one item, else binary | binary | binary |
/// | [`xml`](Self::xml) | XML | XML | XML | XML |
/// | [`cbor`](Self::cbor) | binary | CBOR | CBOR | binary |
/// | [`proto`](Self::proto) | `Any` | `Any` | `Any` | `Any` |
///
/// The bytes never change. A `body` is scanned when [`Event::data`](crate::Event::data) is first called. Decoders create payloads by the
/// rules of their format. For character data, these are the rules of [`characters`](crate::codec::characters).
///
/// ```
/// use cloudevents_core::Payload;
///
/// assert!(Payload::json("{\"a\": 1}").is_ok());
/// assert!(Payload::json("{oops").is_err());
/// assert_eq!(Payload::text("hello").as_bytes(), "hello");
/// ```
#[derive(Clone)]
pub struct Payload {
    pub(crate) content: Content,
    pub(crate) kind: Kind,
    pub(crate) type_url: String,
}

/// How the bytes are held: text is known to be UTF-8.
// The tag is a word, so that moves are made of whole words (see `Span`).
#[derive(Clone, Debug)]
#[repr(usize)]
pub(crate) enum Content {
    Text(TextBuffer),
    Bytes(Bytes),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, checked to be JSON.
    Json,
    Text,
    Binary,
    /// Bytes whose meaning the content type decides.
    Body,
    /// Text that may be JSON, depending on the content type.
    Characters,
    /// Text.
    Xml,
    /// Bytes, checked to be one item.
    Cbor,
    Proto,
}

impl Payload {
    /// Checks a JSON text and returns it as a payload. Errors are of kind [`InvalidDocument`](crate::ErrorKind::InvalidDocument) or
    /// [`InvalidUtf8`](crate::ErrorKind::InvalidUtf8).
    pub fn json(text: impl Into<Bytes>) -> Result<Self, Error> {
        let text = TextBuffer::new(text.into())?;
        JsonText::parse(text.as_str())?;
        Ok(Self::of(Content::Text(text), Kind::Json))
    }

    /// Character data.
    pub fn text(text: impl Into<TextBuffer>) -> Self {
        Self::of(Content::Text(text.into()), Kind::Text)
    }

    /// Bytes that stay bytes under every content type. JSON documents carry them as `data_base64`.
    #[inline]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::of(Content::Bytes(bytes.into()), Kind::Binary)
    }

    /// The body of a message whose carrier has only bytes. The content type decides the kind of payload.
    #[inline]
    pub fn body(bytes: impl Into<Bytes>) -> Self {
        Self::of(Content::Bytes(bytes.into()), Kind::Body)
    }

    /// One XML element. This constructor does not check it. Formats that embed it do.
    pub fn xml(element: impl Into<TextBuffer>) -> Self {
        Self::of(Content::Text(element.into()), Kind::Xml)
    }

    /// One encoded CBOR item, checked by the rules of [`is_cbor_item`](crate::codec::is_cbor_item), as the CBOR format does. Errors are
    /// of kind [`InvalidDocument`](crate::ErrorKind::InvalidDocument).
    pub fn cbor(item: impl Into<Bytes>) -> Result<Self, Error> {
        let item = item.into();
        if !is_cbor_item(&item) {
            return Err(
                Error::new(crate::ErrorKind::InvalidDocument).with_detail("not one well-formed CBOR item")
            );
        }
        Ok(Self::of(Content::Bytes(item), Kind::Cbor))
    }

    /// A protobuf `Any`: the type URL and the encoded message.
    pub fn proto(type_url: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { content: Content::Bytes(value.into()), kind: Kind::Proto, type_url: type_url.into() }
    }

    /// The bytes of the payload.
    pub fn as_bytes(&self) -> &Bytes {
        self.content.as_bytes()
    }

    #[inline]
    pub(crate) fn of(content: Content, kind: Kind) -> Self {
        Self { content, kind, type_url: String::new() }
    }
}

/// The argument of a setter for a payload: a [`Payload`], or the `Result` of creating one. The builder keeps an error until
/// [`build`](crate::EventBuilder::build) reports it. A setter of an event returns it.
///
/// ```
/// use cloudevents_core::{Event, Payload};
///
/// let builder = || Event::builder().id("1").source("/s").ty("t");
/// builder().payload("text/plain", Payload::text("hi")).build()?;
/// builder().payload("application/json", Payload::json("[1]")).build()?;
/// assert!(builder().payload("application/json", Payload::json("[1")).build().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a payload",
    note = "make one with `Payload::json`, `Payload::text`, `Payload::binary` and so on",
    note = "the builder's `.json(&value)`, `.text(..)` and `.binary(..)` set payload and content type at once"
)]
pub trait IntoPayload {
    /// The payload, or the error from creating it.
    fn into_payload(self) -> Result<Payload, Error>;
}

impl IntoPayload for Payload {
    fn into_payload(self) -> Result<Payload, Error> {
        Ok(self)
    }
}

impl IntoPayload for Result<Payload, Error> {
    fn into_payload(self) -> Result<Payload, Error> {
        self
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} bytes", self.kind, self.as_bytes().len())
    }
}

impl Content {
    #[inline]
    pub(crate) fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn is_json(&self) -> bool {
        self.as_text().is_some_and(|text| JsonText::parse(text).is_ok())
    }

    /// The text, checked again when it is held as bytes.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Bytes(bytes) => core::str::from_utf8(bytes).ok(),
        }
    }
}

/// The table above: the kind of a payload under a content type.
pub(crate) fn agree(kind: Kind, content: &Content, content_type: Option<MediaType<'_>>) -> Kind {
    match (kind, content_type) {
        (Kind::Json, Some(ct)) if !ct.is_json() => Kind::Text,
        (Kind::Text, Some(ct)) if ct.is_json() && content.is_json() => Kind::Json,
        (Kind::Cbor, Some(ct)) if !ct.is_cbor() => Kind::Binary,
        _ => kind,
    }
}

/// Scans a body, or characters, and returns the kind under a content type: the rest of the table, on demand.
pub(crate) fn read(kind: Kind, content: &Content, content_type: Option<MediaType<'_>>) -> Kind {
    match (kind, content_type) {
        (Kind::Body | Kind::Characters, Some(ct)) if ct.is_json() && content.is_json() => Kind::Json,
        (Kind::Body, Some(ct)) if ct.is_cbor() && is_cbor_item(content.as_bytes()) => Kind::Cbor,
        (Kind::Body, _) => Kind::Binary,
        (Kind::Characters, _) => Kind::Text,
        _ => kind,
    }
}
