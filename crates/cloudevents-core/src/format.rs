//! Event formats, and sets of them.

use crate::{
    Batch, DecodeOptions, Decoded, Error, ErrorKind, Event, FoundAttributes, Losses, MediaType, ResolvedName,
};
use alloc::{borrow::Cow, string::String, sync::Arc, vec::Vec};
use bytes::Bytes;
use core::fmt;

/// An event format: a way to write whole events as documents.
///
/// ```
/// # use cloudevents_core::Format;
/// fn describe(format: &dyn Format) -> String {
///     format!("{} is written as {}", format.id(), format.media_type())
/// }
/// ```
pub trait Format: Send + Sync + fmt::Debug {
    /// The id of the format: `json`.
    fn id(&self) -> FormatId;

    /// Returns the format as a `'static` reference, so that [documents](crate::Document) can remember it at no cost. A format without
    /// settings returns a constant. The default returns `None`.
    #[doc(hidden)]
    fn as_static(&self) -> Option<&'static dyn Format> {
        None
    }

    /// Whether documents are text (UTF-8) rather than bytes. Text can be displayed and sent in a text frame. The default is `false`.
    fn is_text(&self) -> bool {
        false
    }

    /// The media type of a document with one event: `application/cloudevents+json`.
    fn media_type(&self) -> MediaType<'static>;

    /// The media type of a document with a batch of events. `None` if the format has no batches.
    fn batch_media_type(&self) -> Option<MediaType<'static>> {
        None
    }

    /// Reads a document with one event. The event shares the document's buffer.
    fn decode(&self, document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error>;

    /// Reads a document with a batch. An invalid event fails the whole batch. The error carries its index.
    fn decode_batch(&self, document: Bytes, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
        let _ = (document, with);
        Err(no_batches(self.id()))
    }

    /// Reads a document with a batch, event by event: an invalid event does not fail the rest of the batch. Returns an error only for a
    /// document that cannot be split into events. A repair of the document itself is reported with the first valid event, without an
    /// index.
    fn decode_items(&self, document: Bytes, with: &DecodeOptions) -> Result<Vec<Item>, Error> {
        let _ = (document, with);
        Err(no_batches(self.id()))
    }

    /// Appends the document of one event. Returns the parts that the format could not hold exactly.
    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error>;

    /// Appends the document of a batch. Returns the losses, each with the index of its event.
    fn encode_batch(&self, events: Batch<'_>, out: &mut Vec<u8>) -> Result<Losses, Error> {
        let _ = (events, out);
        Err(no_batches(self.id()))
    }

    /// Returns the document of one event, and the parts that the format could not hold exactly.
    fn to_vec(&self, event: &Event) -> Result<(Vec<u8>, Losses), Error> {
        let mut document = Vec::new();
        let losses = self.encode(event, &mut document)?;
        Ok((document, losses))
    }

    /// Returns the document of a batch, and the parts that the format could not hold exactly.
    fn batch_to_vec(&self, events: Batch<'_>) -> Result<(Vec<u8>, Losses), Error> {
        let mut document = Vec::new();
        let losses = self.encode_batch(events, &mut document)?;
        Ok((document, losses))
    }

    /// Reads the attributes of these names in a document with one event, and calls `read` with them once. The rest of the document
    /// need not be checked. Errors that concern the attributes are those of [`decode`](Self::decode).
    ///
    /// The default decodes the whole document. Formats use one pass with a [`Picker`](crate::codec::Picker).
    fn look_up(
        &self,
        document: &Bytes,
        names: &[ResolvedName],
        with: &DecodeOptions,
        read: &mut dyn FnMut(FoundAttributes<'_>),
    ) -> Result<(), Error> {
        let decoded = self.decode(document.clone(), with)?;
        read(FoundAttributes::in_event(names, &decoded.value));
        Ok(())
    }

    /// Returns one attribute of a document with one event as its canonical string, `specversion` included. See
    /// [`look_up`](Self::look_up).
    fn peek(&self, document: &Bytes, name: &str, with: &DecodeOptions) -> Result<Option<String>, Error> {
        let Ok(name) = ResolvedName::new(name) else { return Ok(None) };
        let mut value = None;
        self.look_up(document, &[name], with, &mut |found| {
            value = found.get(0).map(|value| value.to_canonical().into_owned());
        })?;
        Ok(value)
    }
}

#[cold]
fn no_batches(id: FormatId) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(alloc::format!("the format {id} has no batches"))
}

/// One event of a batch that was read event by event.
///
/// ```
/// # use cloudevents_core::{Error, ErrorKind, Item};
/// fn report(item: &Item) -> String {
///     match &item.event {
///         Ok(decoded) => decoded.value.id().to_owned(),
///         Err(error) => format!("{error}: {} bytes left aside", item.raw.len()),
///     }
/// }
/// # let item = Item::new(Err(Error::new(ErrorKind::MissingAttribute)), bytes::Bytes::from_static(b"{}"));
/// # assert!(report(&item).ends_with("2 bytes left aside"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Item {
    /// The event, or an error. The error has the index of the event, and so have its repairs.
    pub event: Result<Decoded<Event>, Error>,
    /// The event's own part of the document.
    pub raw: Bytes,
}

impl Item {
    /// Creates an item from an event, or an error with its index, and the part of the document that it came from.
    pub fn new(event: Result<Decoded<Event>, Error>, raw: Bytes) -> Self {
        Self { event, raw }
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

    /// The id for this media type suffix, which must be lower case. Use [`parse`](Self::parse) for suffixes known only at run time.
    pub const fn new(suffix: &'static str) -> Self {
        Self(Cow::Borrowed(suffix))
    }

    /// Reads the suffix of a media type (RFC 6838, section 4.2) in any letter case, such as a name from a configuration.
    ///
    /// Errors are of kind [`UnknownFormat`](ErrorKind::UnknownFormat).
    ///
    /// ```
    /// use cloudevents_core::FormatId;
    ///
    /// assert_eq!(FormatId::parse("JSON")?, FormatId::JSON);
    /// assert_eq!("my-format".parse::<FormatId>()?.media_type(), "application/cloudevents+my-format");
    /// assert!(FormatId::parse("a b").is_err());
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn parse(suffix: &str) -> Result<Self, Error> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        if suffix.len() <= 127
            && suffix.bytes().all(is_name)
            && suffix.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        {
            return Ok(Self::found(suffix));
        }
        let shown: String = suffix.chars().take(64).collect();
        Err(Error::new(ErrorKind::UnknownFormat)
            .with_detail(alloc::format!("`{shown}` is not the suffix of a media type"))
            .with_help("write the part behind the plus sign: `json` for application/cloudevents+json"))
    }

    /// The id of a format that a message names. Known names need no allocation.
    pub(crate) fn found(suffix: &str) -> Self {
        for known in ["json", "protobuf", "avro", "xml", "cbor", "avro-compact"] {
            if known.eq_ignore_ascii_case(suffix) {
                return Self::new(known);
            }
        }
        Self(Cow::Owned(suffix.to_ascii_lowercase()))
    }

    /// The suffix. For a media type without a suffix, this is the whole media type.
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

impl core::str::FromStr for FormatId {
    type Err = Error;

    fn from_str(suffix: &str) -> Result<Self, Error> {
        Self::parse(suffix)
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
    /// No formats.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Returns the set with this format added. It replaces a format with the same id.
    pub fn with(self, format: impl Format + 'static) -> Self {
        let mut list: Vec<_> = self.iter_arcs().filter(|known| known.id() != format.id()).cloned().collect();
        list.push(Arc::new(format));
        Self(Some(list.into()))
    }

    /// The format of this id.
    pub fn get(&self, id: &FormatId) -> Option<&dyn Format> {
        self.iter().find(|format| format.id() == *id)
    }

    /// Like [`get`](Self::get), but returns a format that the caller can own.
    pub fn shared(&self, id: &FormatId) -> Option<&Arc<dyn Format>> {
        self.iter_arcs().find(|format| format.id() == *id)
    }

    /// The format of this id, or an error of kind [`UnknownFormat`](ErrorKind::UnknownFormat).
    pub fn require(&self, id: &FormatId) -> Result<&dyn Format, Error> {
        self.get(id).ok_or_else(|| unknown(id.as_str()))
    }

    /// The format with this media type, for one event or for a batch, or an error of kind
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
        .with_detail(alloc::format!("the format `{format}` is not among the known ones"))
        .with_help("add the format to DecodeOptions::formats, or forward the message undecoded")
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|format| format.id())).finish()
    }
}
