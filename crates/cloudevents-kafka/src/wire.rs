//! Records: an owned type, and a view of any client library's records.

use bytes::Bytes;
use cloudevents_core::TextBuffer;
use std::{fmt, ops::Deref};

/// A Kafka record independent of any client library: key, headers and value.
///
/// A key or value of `None` is null, which differs from an empty one: on a compacted topic, a null value is
/// a tombstone. Cloning shares all bytes and copies only the list of headers.
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
    /// The key, which selects the partition.
    pub key: Option<Bytes>,
    /// The headers, in order. Kafka allows several with the same name.
    pub headers: Vec<Header>,
    /// The value: the payload or document.
    pub value: Option<Bytes>,
}

impl Record {
    /// Creates a record with this value, without key and headers.
    pub fn new(value: impl Into<Option<Bytes>>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// Returns a copy with this key.
    pub fn with_key(mut self, key: impl Into<Option<Bytes>>) -> Self {
        self.key = key.into();
        self
    }

    /// Returns a copy with this value.
    pub fn with_value(mut self, value: impl Into<Option<Bytes>>) -> Self {
        self.value = value.into();
        self
    }

    /// Returns a copy with one more header.
    pub fn with_header(mut self, name: impl Into<HeaderName>, value: impl Into<Option<Bytes>>) -> Self {
        self.headers.push(Header::new(name, value));
        self
    }

    /// Returns the value of the first header of this name that is not null. Names are case-sensitive.
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
    /// The name. Header names are case-sensitive.
    pub name: HeaderName,
    /// The value. `None` is null.
    pub value: Option<Bytes>,
}

impl Header {
    /// Creates a header with this name and value.
    #[inline]
    pub fn new(name: impl Into<HeaderName>, value: impl Into<Option<Bytes>>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// The name of a header: a static text, or a part of a shared buffer.
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
    /// Creates a name without allocating.
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

/// Creates a name from a part of the buffer.
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

/// A record as its client library holds it. [`decode`](crate::decode()) reads it without copying the
/// headers.
///
/// Implement it for a newtype to decode the messages of another client:
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
    /// Returns the headers in order, a null value as `None`. Decoding iterates over them twice.
    ///
    /// If a client returns names as bytes, skip names that are not UTF-8: they cannot name an attribute.
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)>;

    /// The value. `None` is null.
    fn value(&self) -> Option<&[u8]>;

    /// Returns the value for keeping. The default copies it. Override this if the client shares it.
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
