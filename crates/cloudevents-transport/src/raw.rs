//! A message as it came, decoded or not.

use bytes::Bytes;
use std::{borrow::Cow, fmt, sync::Arc};

/// A message as the protocol delivered it: for messages that are no CloudEvents, for dead-letter queues, and for what the protocol
/// knows beyond the event.
///
/// Names and bytes share the buffers of the protocol client where it allows that. `Debug` shows names and sizes, never contents.
///
/// ```
/// use cloudevents_transport::Raw;
///
/// let mut raw = Raw::default();
/// raw.headers.push(("Content-Type".into(), Some("text/plain".into())));
/// assert_eq!(raw.header("content-type").unwrap(), "text/plain");
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Raw {
    /// The topic, subject, queue or path it came from.
    pub topic: Option<Arc<str>>,
    /// The partition, where the protocol has partitions.
    pub partition: Option<Partition>,
    /// The place in the partition or stream: an offset or sequence number.
    pub position: Option<u64>,
    /// The key of the record, where the protocol has one.
    pub key: Option<Bytes>,
    /// Headers or properties in their order, duplicates included. A value may be absent.
    pub headers: Vec<(Cow<'static, str>, Option<Bytes>)>,
    /// The body. A protocol may tell an absent body from an empty one.
    pub body: Option<Bytes>,
}

impl Raw {
    /// The first value of this header, in any case of letters.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?.1.as_ref()
    }

    /// The bytes of key, headers and body.
    pub fn size(&self) -> usize {
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        self.headers
            .iter()
            .map(|(name, value)| name.len().saturating_add(of(value)))
            .chain([of(&self.key), of(&self.body)])
            .fold(0, usize::saturating_add)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Raw")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("position", &self.position)
            .field("headers", &names)
            .field("body_len", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// A partition of a topic: within it, messages have an order.
///
/// ```
/// use cloudevents_transport::Partition;
///
/// assert_eq!(Partition::new("orders", 3).to_string(), "orders/3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    topic: Arc<str>,
    number: u32,
}

impl Partition {
    /// The partition of this number.
    pub fn new(topic: impl Into<Arc<str>>, number: u32) -> Self {
        Self { topic: topic.into(), number }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The topic, shared.
    #[cfg(feature = "log")]
    pub(crate) fn shared_topic(&self) -> Arc<str> {
        Arc::clone(&self.topic)
    }

    /// The number.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}
