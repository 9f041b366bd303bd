//! Payloads: what an event carries, and what it says it is.

use crate::{Error, JsonText, MediaType, TextBuffer, cbor_item::is_cbor_item};
use alloc::{string::String, vec::Vec};
use bytes::{Buf, Bytes};
use core::{fmt, ops::Range};

/// The payload of an event, as [`Event::data`](crate::Event::data) shows it: a view that is free to copy.
///
/// `Json`, `Xml`, `Cbor` and `Proto` are native values of their formats, kept to the byte: nothing is parsed until somebody asks
/// for a typed value, and nothing is written differently on the way through.
///
/// ```
/// use cloudevents_core::{Data, Event, Payload};
///
/// let event = Event::builder().id("1").source("/s").ty("t").payload("text/plain", Ok(Payload::text("hi"))).build()?;
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
    /// The bytes of the payload, whatever it is.
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Json(json) => json.as_str().as_bytes(),
            Self::Text(text) | Self::Xml(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Cbor(bytes) | Self::Proto { value: bytes, .. } => bytes,
        }
    }
}

/// A payload to give to an event.
///
/// What becomes of a payload under a content type, when an event is built or given another content type:
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
/// No row changes a byte. A `body` is looked at when somebody asks what it is, and not before. Decoders say what a payload is
/// by the rules of their format, which for character data is [`characters`](Self::characters).
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
    /// Text of which the content type decides whether it is JSON.
    Characters,
    /// Text.
    Xml,
    /// Bytes, checked to be one item.
    Cbor,
    Proto,
}

impl Payload {
    /// JSON text, checked here. Errors are of kind [`InvalidDocument`](crate::ErrorKind::InvalidDocument) or
    /// [`InvalidUtf8`](crate::ErrorKind::InvalidUtf8).
    pub fn json(text: impl Into<Bytes>) -> Result<Self, Error> {
        let text = TextBuffer::new(text.into())?;
        JsonText::parse(text.as_str())?;
        Ok(Self::of(Content::Text(text), Kind::Json))
    }

    /// The JSON value at the scanner, which steps over it; the payload shares `buffer`, the document that is being scanned.
    ///
    /// This is for decoders of JSON documents: the payload is scanned once and not copied.
    #[inline]
    pub fn scan_json(
        buffer: &TextBuffer,
        position: &mut usize,
        depth: u32,
    ) -> Result<Self, crate::scan::Problem> {
        let mut scanner = crate::scan::Scanner::at(buffer.as_str(), *position);
        let range = scanner.value(depth)?;
        *position = scanner.position();
        match buffer.slice(range) {
            Some(text) => Ok(Self::of(Content::Text(text), Kind::Json)),
            None => Err(scanner.problem(crate::scan::Mistake::End)),
        }
    }

    /// Character data.
    pub fn text(text: impl Into<TextBuffer>) -> Self {
        Self::of(Content::Text(text.into()), Kind::Text)
    }

    /// Character data of a format that does not tell JSON from other text: JSON under a JSON content type when it is JSON, else
    /// text. It is looked at when somebody asks which, and not before.
    #[inline]
    pub fn characters(text: impl Into<TextBuffer>, content_type: Option<MediaType<'_>>) -> Self {
        let kind = if content_type.is_some_and(MediaType::is_json) { Kind::Characters } else { Kind::Text };
        Self::of(Content::Text(text.into()), kind)
    }

    /// Bytes, which stay bytes whatever the content type says: JSON documents carry them as `data_base64`.
    #[inline]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::of(Content::Bytes(bytes.into()), Kind::Binary)
    }

    /// The body of a message whose carrier knows only bytes: the content type says what it is.
    #[inline]
    pub fn body(bytes: impl Into<Bytes>) -> Self {
        Self::of(Content::Bytes(bytes.into()), Kind::Body)
    }

    /// One XML element. It is checked by the formats that embed it, not here.
    pub fn xml(element: impl Into<TextBuffer>) -> Self {
        Self::of(Content::Text(element.into()), Kind::Xml)
    }

    /// One encoded CBOR item, checked here to be well-formed and nested no deeper than 1024 levels. Errors are of kind
    /// [`InvalidDocument`](crate::ErrorKind::InvalidDocument).
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
    fn of(content: Content, kind: Kind) -> Self {
        Self { content, kind, type_url: String::new() }
    }
}

/// The part of a document that a payload is: it shares the document's buffer, and counts no reference more. Nothing is held on to
/// for an empty one. Beyond the end there is nothing.
///
/// ```
/// let document = bytes::Bytes::from_static(b"[payload]");
/// assert_eq!(cloudevents_core::cut(document, 1..8), "payload");
/// ```
#[inline]
pub fn cut(mut document: Bytes, part: Range<usize>) -> Bytes {
    if part.is_empty() {
        return Bytes::new();
    }
    document.truncate(part.end);
    document.advance(part.start.min(document.len()));
    document
}

/// What is copied at once of a payload, in bytes: less than what C libraries copy with the processor's own instruction for it.
const AT_ONCE: usize = 2048;

/// Writes a payload to the end of a document, a large one in pieces.
///
/// Copied at once, it would now and then take long: there are processors (AMD's Zen 3 and 4) on which the instruction for copying takes
/// up to 17 times as long when what is read and what is written have nearly the same place within their pages, as a document has
/// that is read and written again.
///
/// ```
/// let mut document = b"[".to_vec();
/// cloudevents_core::append_payload(b"payload", &mut document);
/// assert_eq!(document, b"[payload");
/// ```
#[inline]
pub fn append_payload(payload: &[u8], document: &mut Vec<u8>) {
    if payload.len() <= AT_ONCE {
        document.extend_from_slice(payload);
    } else {
        append_in_pieces(payload, document);
    }
}

#[inline(never)]
fn append_in_pieces(payload: &[u8], document: &mut Vec<u8>) {
    document.reserve(payload.len());
    for piece in payload.chunks(AT_ONCE) {
        document.extend_from_slice(piece);
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

/// The table above: what a payload becomes under a content type.
pub(crate) fn agree(kind: Kind, content: &Content, content_type: Option<MediaType<'_>>) -> Kind {
    match (kind, content_type) {
        (Kind::Json, Some(ct)) if !ct.is_json() => Kind::Text,
        (Kind::Text, Some(ct)) if ct.is_json() && content.is_json() => Kind::Json,
        (Kind::Cbor, Some(ct)) if !ct.is_cbor() => Kind::Binary,
        _ => kind,
    }
}

/// What a body, or characters, are under a content type: the second half of the table, when somebody asks.
pub(crate) fn read(kind: Kind, content: &Content, content_type: Option<MediaType<'_>>) -> Kind {
    match (kind, content_type) {
        (Kind::Body | Kind::Characters, Some(ct)) if ct.is_json() && content.is_json() => Kind::Json,
        (Kind::Body, Some(ct)) if ct.is_cbor() && is_cbor_item(content.as_bytes()) => Kind::Cbor,
        (Kind::Body, _) => Kind::Binary,
        (Kind::Characters, _) => Kind::Text,
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_all_sizes_are_appended() {
        for length in [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE, 5 * AT_ONCE + 7] {
            let payload: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            let mut document = Vec::with_capacity(length + 1);
            document.push(b'[');
            append_payload(&payload, &mut document);
            assert_eq!((document[0], &document[1..], document.capacity()), (b'[', &payload[..], length + 1));
        }
    }
}
