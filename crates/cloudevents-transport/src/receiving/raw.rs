//! An origin with plain fields.

use crate::{Origin, Partition};
use bytes::Bytes;
use std::{any::Any, borrow::Cow, fmt, net::SocketAddr, sync::Arc, time::SystemTime};

/// An [`Origin`] with everything in fields. For tests, and for sources without their own client type.
///
/// `Debug` shows names and sizes, never contents.
///
/// ```
/// use cloudevents_transport::{Origin, Raw};
///
/// let mut raw = Raw::default();
/// raw.headers.push(("Content-Type".into(), Some("text/plain".into())));
/// assert_eq!(raw.header("content-type").unwrap(), &b"text/plain"[..]);
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Raw {
    /// The topic, subject, queue or path.
    pub topic: Option<Arc<str>>,
    /// The partition.
    pub partition: Option<Partition>,
    /// The offset in the partition, or the sequence number in the stream or queue.
    pub offset: Option<u64>,
    /// The key of the record.
    pub key: Option<Bytes>,
    /// Headers in order, duplicates included. `content-type` and names that begin with `ce-` are not forwarded.
    pub headers: Vec<(Cow<'static, str>, Option<Bytes>)>,
    /// The body.
    pub body: Option<Bytes>,
    /// Whether the message has a body that is not in `body`, because it could not be read.
    pub lacks_body: bool,
    /// The broker's time for the message.
    pub timestamp: Option<SystemTime>,
    /// Whether the broker has delivered the message before.
    pub redelivered: Option<bool>,
    /// The address for replies.
    pub reply_to: Option<Box<str>>,
    /// The correlation data that a reply has to carry.
    pub correlation: Option<Bytes>,
    /// The address of the peer.
    pub peer: Option<SocketAddr>,
}

impl Raw {
    /// All of an origin but its headers.
    pub(crate) fn without_headers(origin: &dyn Origin) -> Self {
        let bytes = |bytes: Option<Cow<'_, [u8]>>| bytes.map(|bytes| Bytes::copy_from_slice(&bytes));
        Self {
            topic: origin.topic().map(Into::into),
            partition: origin.partition().cloned(),
            offset: origin.offset(),
            key: bytes(origin.key()),
            headers: Vec::new(),
            body: origin.body(),
            lacks_body: !origin.has_whole_body(),
            timestamp: origin.timestamp(),
            redelivered: origin.is_redelivered(),
            reply_to: origin.reply_to().map(Into::into),
            correlation: bytes(origin.correlation()),
            peer: origin.peer(),
        }
    }
}

impl Origin for Raw {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        self.headers
            .iter()
            .map(|(name, value)| name.len().saturating_add(of(value)))
            .chain([of(&self.key), of(&self.body)])
            .fold(0, usize::saturating_add)
    }

    fn body(&self) -> Option<Bytes> {
        self.body.clone()
    }

    fn has_whole_body(&self) -> bool {
        !self.lacks_body
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        for (name, value) in &self.headers {
            each(name, value.as_deref().map(Cow::Borrowed));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        let prefix = name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ce-"));
        !prefix && !name.eq_ignore_ascii_case("content-type")
    }

    fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    fn partition(&self) -> Option<&Partition> {
        self.partition.as_ref()
    }

    fn offset(&self) -> Option<u64> {
        self.offset
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.key.as_deref().map(Cow::Borrowed)
    }

    fn timestamp(&self) -> Option<SystemTime> {
        self.timestamp
    }

    fn is_redelivered(&self) -> Option<bool> {
        self.redelivered
    }

    fn reply_to(&self) -> Option<&str> {
        self.reply_to.as_deref()
    }

    fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        self.correlation.as_deref().map(Cow::Borrowed)
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Raw")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("headers", &names)
            .field("body_len", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}
