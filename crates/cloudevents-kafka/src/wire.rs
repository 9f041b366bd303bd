//! Records: owned ones, and whatever a client library has, seen as one.

use bytes::Bytes;
use cloudevents_core::TextBuffer;
use std::{fmt, ops::Deref};

/// A Kafka record, of no client library in particular: key, headers and value.
///
/// A key or value of `None` is null, which is not the same as an empty one: on a compacted topic, a null value is a tombstone.
/// Cloning counts references, but for the list of headers.
///
/// ```
/// use cloudevents_kafka::{Header, Record};
///
/// let mut record = Record::default();
/// record.headers.push(Header::new("ce_id", bytes::Bytes::from_static(b"1")));
/// assert_eq!(record.header("ce_id"), Some(&b"1"[..]));
/// assert_eq!((record.key, record.value), (None, None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The key, which decides on the partition.
    pub key: Option<Bytes>,
    /// The headers, in order. Kafka allows several of one name.
    pub headers: Vec<Header>,
    /// The value: the payload or document.
    pub value: Option<Bytes>,
}

impl Record {
    /// A record with neither key nor headers.
    pub fn new(value: impl Into<Option<Bytes>>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// The same with this key.
    pub fn with_key(mut self, key: impl Into<Option<Bytes>>) -> Self {
        self.key = key.into();
        self
    }

    /// The same with this value.
    pub fn with_value(mut self, value: impl Into<Option<Bytes>>) -> Self {
        self.value = value.into();
        self
    }

    /// The same with one header more.
    pub fn with_header(mut self, name: impl Into<HeaderName>, value: impl Into<Option<Bytes>>) -> Self {
        self.headers.push(Header::new(name, value));
        self
    }

    /// The value of the first header of this name, in this case, that is not null.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().filter(|header| *header.name == *name).find_map(|header| header.value.as_deref())
    }
}

/// One header of a record.
///
/// ```
/// let header = cloudevents_kafka::Header::new("trace", None);
/// assert_eq!((&*header.name, header.value), ("trace", None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name. Kafka knows no two spellings of one name.
    pub name: HeaderName,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
}

impl Header {
    /// A header of this name and value.
    #[inline]
    pub fn new(name: impl Into<HeaderName>, value: impl Into<Option<Bytes>>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// The name of a header: a static text, or a part of a buffer that is shared.
///
/// ```
/// use cloudevents_kafka::HeaderName;
///
/// assert_eq!(HeaderName::from("ce_id"), HeaderName::from(String::from("ce_id")));
/// assert_eq!(&*HeaderName::from("ce_id"), "ce_id");
/// ```
#[derive(Clone)]
pub struct HeaderName(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(TextBuffer),
}

impl HeaderName {
    /// A name that costs nothing.
    #[inline]
    pub const fn from_static(name: &'static str) -> Self {
        Self(Repr::Static(name))
    }

    /// The name.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name.as_str(),
        }
    }
}

impl Deref for HeaderName {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&'static str> for HeaderName {
    fn from(name: &'static str) -> Self {
        Self::from_static(name)
    }
}

impl From<String> for HeaderName {
    fn from(name: String) -> Self {
        Self(Repr::Shared(name.into()))
    }
}

/// The name is a part of the buffer.
impl From<TextBuffer> for HeaderName {
    #[inline]
    fn from(name: TextBuffer) -> Self {
        Self(Repr::Shared(name))
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for HeaderName {}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A record as its client library holds it: what [`decode`](crate::decode()) reads, without copying the headers.
///
/// To decode the messages of another client, implement it for a newtype:
///
/// ```
/// use cloudevents_kafka::RecordView;
///
/// struct Fetched<'a> {
///     headers: Vec<(&'a str, &'a [u8])>,
///     payload: &'a [u8],
/// }
///
/// impl RecordView for Fetched<'_> {
///     fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
///         self.headers.iter().map(|(name, value)| (*name, Some(*value)))
///     }
///
///     fn value(&self) -> Option<&[u8]> {
///         Some(self.payload)
///     }
/// }
///
/// let fetched = Fetched { headers: vec![("ce_id", b"1")], payload: b"" };
/// assert!(cloudevents_kafka::is_cloudevent(&fetched));
/// ```
pub trait RecordView {
    /// The headers in order, a null value as `None`. They are gone through twice.
    ///
    /// A client that hands out names as bytes leaves out those that are not UTF-8: they name no attribute.
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)>;

    /// The value; `None` is null.
    fn value(&self) -> Option<&[u8]>;

    /// The value to keep. It is copied, unless the client shares it: then override this.
    fn value_bytes(&self) -> Option<Bytes> {
        self.value().map(Bytes::copy_from_slice)
    }
}

impl RecordView for Record {
    #[inline]
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref()))
    }

    #[inline]
    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    #[inline]
    fn value_bytes(&self) -> Option<Bytes> {
        self.value.clone()
    }
}
