//! Event formats, and a registry of them that is a value.

use crate::{Decoded, Decoding, Error, ErrorKind, Event, MediaType};
use alloc::{borrow::Cow, boxed::Box, string::String, sync::Arc, vec::Vec};
use bytes::Bytes;
use core::fmt;

/// An event format: a way to write events, with all they carry, as documents.
///
/// ```
/// # use cloudevents_core::Format;
/// fn describe(format: &dyn Format) -> String {
///     format!("{} is written as {}", format.id(), format.media_type())
/// }
/// ```
pub trait Format: Send + Sync + fmt::Debug {
    /// Names the format: `json`.
    fn id(&self) -> FormatId;

    /// The media type of a document with one event: `application/cloudevents+json`.
    fn media_type(&self) -> MediaType<'static>;

    /// The media type of a document with a batch of events; `None` when the format has no batches.
    fn batch_media_type(&self) -> Option<MediaType<'static>> {
        None
    }

    /// Reads a document with one event. The event shares the document's buffer.
    fn decode(&self, document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error>;

    /// Reads a document with a batch. One event that is wrong makes it an error, which carries the event's index.
    fn decode_batch(&self, document: Bytes, with: &Decoding) -> Result<Decoded<Vec<Event>>, Error> {
        let _ = (document, with);
        Err(no_batches(self.id()))
    }

    /// Reads a document with a batch, event by event: one that is wrong does not cost the others. The error is for a document
    /// that cannot be told apart into events.
    fn decode_items(&self, document: Bytes, with: &Decoding) -> Result<Vec<Item>, Error> {
        let _ = (document, with);
        Err(no_batches(self.id()))
    }

    /// Appends the document of one event. The losses say what the format could not hold exactly.
    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error>;

    /// Appends the document of a batch.
    fn encode_batch(&self, events: &[Event], out: &mut Vec<u8>) -> Result<Losses, Error> {
        let _ = (events, out);
        Err(no_batches(self.id()))
    }

    /// One attribute of a document with one event, in its canonical string, without decoding the rest. What comes after it in the
    /// document need not have been looked at.
    fn peek(&self, document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error>;
}

#[cold]
fn no_batches(id: FormatId) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(alloc::format!("the format {id} has no batches"))
}

/// One event of a batch that was read event by event.
///
/// ```
/// # use cloudevents_core::{Error, ErrorKind, Item};
/// fn tell(item: &Item) -> String {
///     match &item.event {
///         Ok(decoded) => decoded.value.id().to_owned(),
///         Err(error) => format!("{error}: {} bytes left aside", item.raw.len()),
///     }
/// }
/// # let item = Item { event: Err(Error::new(ErrorKind::MissingAttribute)), raw: bytes::Bytes::from_static(b"{}") };
/// # assert!(tell(&item).ends_with("2 bytes left aside"));
/// ```
#[derive(Clone, Debug)]
pub struct Item {
    /// The event, or what was wrong with it. The error carries the index.
    pub event: Result<Decoded<Event>, Error>,
    /// The event's own part of the document.
    pub raw: Bytes,
}

/// What a target could not hold exactly; usually nothing.
///
/// ```
/// use cloudevents_core::{ErrorKind, Loss, Losses};
///
/// let mut losses = Losses::none();
/// assert!(losses.is_empty());
/// losses.push(Loss::new("time", "offset", "the offset is not carried"));
/// assert_eq!(losses.exact().unwrap_err().kind(), ErrorKind::Inexact);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// No losses.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, loss: Loss) {
        self.0.push(loss);
    }

    /// Adds those of another step.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One by one.
    pub fn iter(&self) -> core::slice::Iter<'_, Loss> {
        self.0.iter()
    }

    /// An error of kind [`Inexact`](ErrorKind::Inexact) when anything was lost.
    pub fn exact(self) -> Result<(), Error> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some(loss) => Err(Error::new(ErrorKind::Inexact)
                .with_detail(alloc::format!("{loss}"))
                .with_attribute(loss.at)),
        }
    }
}

impl<'a> IntoIterator for &'a Losses {
    type Item = &'a Loss;
    type IntoIter = core::slice::Iter<'a, Loss>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One thing that a target could not hold exactly.
///
/// ```
/// let loss = cloudevents_core::Loss::new("time", "offset", "the offset is not carried");
/// assert_eq!(loss.to_string(), "time: the offset is not carried [offset]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    at: Box<str>,
    kind: &'static str,
    detail: &'static str,
}

impl Loss {
    /// A loss at `data` or at the attribute of this name. `kind` is a kebab-case code, `detail` says it to people.
    pub fn new(at: impl Into<Box<str>>, kind: &'static str, detail: &'static str) -> Self {
        Self { at: at.into(), kind, detail }
    }

    /// `data`, or the name of an attribute.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The kebab-case code.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The loss in words.
    pub fn detail(&self) -> &'static str {
        self.detail
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.at, self.detail, self.kind)
    }
}

/// Names an event format by the suffix of its media type: `json` for `application/cloudevents+json`.
///
/// ```
/// use cloudevents_core::FormatId;
///
/// assert_eq!(FormatId::JSON.media_type(), "application/cloudevents+json");
/// assert_eq!(FormatId::JSON.batch_media_type(), "application/cloudevents-batch+json");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FormatId(Cow<'static, str>);

impl FormatId {
    /// The JSON format.
    pub const JSON: Self = Self::new("json");

    /// A format of this suffix.
    pub const fn new(suffix: &'static str) -> Self {
        Self(Cow::Borrowed(suffix))
    }

    /// A format that is named in a message. Known names cost no allocation.
    pub(crate) fn found(suffix: &str) -> Self {
        for known in ["json", "protobuf", "avro", "xml", "cbor", "avro-compact"] {
            if known.eq_ignore_ascii_case(suffix) {
                return Self::new(known);
            }
        }
        Self(Cow::Owned(suffix.to_ascii_lowercase()))
    }

    /// The suffix. For a media type that has none, the media type.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The media type of one event in this format.
    pub fn media_type(&self) -> String {
        self.under("application/cloudevents")
    }

    /// The media type of a batch in this format.
    pub fn batch_media_type(&self) -> String {
        self.under("application/cloudevents-batch")
    }

    fn under(&self, tree: &str) -> String {
        if self.0.contains('/') { self.0.clone().into_owned() } else { alloc::format!("{tree}+{}", self.0) }
    }
}

impl fmt::Debug for FormatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FormatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of event formats: a value, not a global registry. Cloning counts a reference.
///
/// ```
/// use cloudevents_core::{ErrorKind, FormatId, Formats};
///
/// let formats = Formats::none(); // and .with(Json::new()), .with(...)
/// assert!(formats.get(&FormatId::JSON).is_none());
/// assert_eq!(formats.by_media_type("application/cloudevents+json").unwrap_err().kind(), ErrorKind::UnknownFormat);
/// ```
#[derive(Clone, Default)]
pub struct Formats(Option<Arc<[Arc<dyn Format>]>>);

impl Formats {
    /// None.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The same and this one, in place of one of the same id.
    pub fn with(self, format: impl Format + 'static) -> Self {
        let mut list: Vec<_> = self.iter_arcs().filter(|known| known.id() != format.id()).cloned().collect();
        list.push(Arc::new(format));
        Self(Some(list.into()))
    }

    /// The format of this id.
    pub fn get(&self, id: &FormatId) -> Option<&dyn Format> {
        self.iter().find(|format| format.id() == *id)
    }

    /// The format of this id, or an error of kind [`UnknownFormat`](ErrorKind::UnknownFormat).
    pub fn require(&self, id: &FormatId) -> Result<&dyn Format, Error> {
        self.get(id).ok_or_else(|| unknown(id.as_str()))
    }

    /// The format whose single or batch media type this is, or an error of kind
    /// [`UnknownFormat`](ErrorKind::UnknownFormat).
    pub fn by_media_type(&self, media_type: &str) -> Result<&dyn Format, Error> {
        let wanted = MediaType::parse(media_type)?;
        self.iter()
            .find(|format| {
                wanted.is(format.media_type().essence())
                    || format.batch_media_type().is_some_and(|batch| wanted.is(batch.essence()))
            })
            .ok_or_else(|| unknown(wanted.essence()))
    }

    /// All formats, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Format> {
        self.iter_arcs().map(|format| &**format)
    }

    fn iter_arcs(&self) -> core::slice::Iter<'_, Arc<dyn Format>> {
        self.0.as_deref().unwrap_or_default().iter()
    }
}

#[cold]
pub(crate) fn unknown(format: &str) -> Error {
    Error::new(ErrorKind::UnknownFormat)
        .with_detail(alloc::format!("no format for `{format}` is at hand"))
        .with_help("add the format to Decoding::formats, or forward the message as it is")
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|format| format.id())).finish()
    }
}
