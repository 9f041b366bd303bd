//! A received record.

use super::message::Copied;
use crate::name::{CONTENT_TYPE, PREFIX};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_transport::{Origin, Partition};
use rdkafka::Timestamp;
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    iter::from_fn,
    time::{Duration, SystemTime},
};

/// A received record. [`Received::native`](cloudevents_transport::Received::native) returns it for Kafka.
///
/// librdkafka's own message must be returned to it, so key and headers are copied, into one buffer.
///
/// ```no_run
/// use cloudevents_kafka::rdkafka039::ReceivedRecord;
/// use rdkafka::Timestamp;
///
/// # async fn example(mut receiver: cloudevents_transport::Receiver) -> Result<(), cloudevents_core::Error> {
/// let Some(delivery) = receiver.next().await? else { return Ok(()) };
/// if let Some(Timestamp::LogAppendTime(time)) = delivery.native().map(ReceivedRecord::timestamp) {
///     println!("appended at {time}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ReceivedRecord {
    partition: Partition,
    offset: u64,
    timestamp: Timestamp,
    /// Separate from the buffer, because the event shares it and may be kept for long.
    value: Option<Bytes>,
    /// The key, and then for each header the lengths of name and value, and both.
    buffer: Box<[u8]>,
    key: Option<usize>,
    size: usize,
    /// Whether a header is neither an attribute nor the content type.
    has_foreign: bool,
}

/// A length in the buffer. The largest number stands for a null value. No value is that long.
type Length = [u8; size_of::<usize>()];

const NULL: usize = usize::MAX;

impl ReceivedRecord {
    /// Copies the key and the headers, and keeps the value.
    pub(super) fn new(
        (partition, offset, timestamp): (Partition, u64, Timestamp),
        key: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
        value: Option<Bytes>,
    ) -> Self {
        let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let kept = headers
            .iter()
            .map(|(name, value)| name.len().saturating_add(of(*value)))
            .fold(of(key), usize::saturating_add);
        let lengths = headers.len().saturating_mul(size_of::<Length>().saturating_mul(2));
        let mut buffer = Vec::with_capacity(kept.saturating_add(lengths));
        buffer.extend_from_slice(key.unwrap_or_default());
        let mut has_foreign = false;
        for (name, value) in headers {
            has_foreign |= is_foreign(name);
            buffer.extend_from_slice(&name.len().to_ne_bytes());
            buffer.extend_from_slice(&value.map_or(NULL, <[u8]>::len).to_ne_bytes());
            buffer.extend_from_slice(name.as_bytes());
            buffer.extend_from_slice(value.unwrap_or_default());
        }
        let size = kept.saturating_add(of(value.as_deref()));
        let key = key.map(<[u8]>::len);
        Self { partition, offset, timestamp, value, buffer: buffer.into(), key, size, has_foreign }
    }

    /// Returns the time of the record, and whether the producer or the broker set it.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    fn each_header(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        // It was UTF-8 before it was copied.
        self.each_pair().map(|(name, value)| (std::str::from_utf8(name).unwrap_or_default(), value))
    }

    fn each_pair(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut rest = self.buffer.get(self.key.unwrap_or_default()..).unwrap_or_default();
        from_fn(move || {
            let (name, value) = (length(&mut rest)?, length(&mut rest)?);
            let name = rest.split_off(..name)?;
            let value = if value == NULL { None } else { Some(rest.split_off(..value)?) };
            Some((name, value))
        })
    }
}

/// Whether this is a header of the program: no attribute, and no content type.
fn is_foreign(name: &str) -> bool {
    !name.starts_with(PREFIX) && name != CONTENT_TYPE
}

/// Reads a length from the front. `None` at the end.
fn length(rest: &mut &[u8]) -> Option<usize> {
    let (length, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(usize::from_ne_bytes(*length))
}

impl Origin for ReceivedRecord {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        self.size
    }

    fn body(&self) -> Option<Bytes> {
        self.value.clone()
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        let headers: Vec<_> = self.each_header().collect();
        Some(crate::decode_message(&Copied { headers: &headers, value: self.value.as_ref() }, with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        self.each_header().for_each(|(name, value)| each(name, value.map(Cow::Borrowed)));
    }

    /// Compares bytes, and does not look further than the first of the name.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let found = self.each_pair().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found?.1.map(Cow::Borrowed)
    }

    fn is_forwarded(&self, name: &str) -> bool {
        is_foreign(name)
    }

    fn has_forwarded_headers(&self) -> bool {
        self.has_foreign
    }

    fn topic(&self) -> Option<&str> {
        Some(self.partition.topic())
    }

    fn partition(&self) -> Option<&Partition> {
        Some(&self.partition)
    }

    fn offset(&self) -> Option<u64> {
        Some(self.offset)
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.buffer.get(..self.key?).map(Cow::Borrowed)
    }

    fn timestamp(&self) -> Option<SystemTime> {
        let since = Duration::from_millis(u64::try_from(self.timestamp.to_millis()?).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

impl fmt::Debug for ReceivedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedRecord")
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("timestamp", &self.timestamp)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_kept() {
        let headers: [(&str, Option<&[u8]>); 4] =
            [("ce_id", Some(b"1")), ("null", None), ("", Some(b"")), ("ce_id", Some(b"\xff"))];
        for (key, body) in [(None, None), (Some(&b""[..]), Some(&b""[..])), (Some(b"key"), Some(b"body"))] {
            let place = (Partition::new("t", 3), 7, Timestamp::CreateTime(1500));
            let record = ReceivedRecord::new(place, key, &headers, body.map(Bytes::copy_from_slice));
            assert_eq!((Origin::key(&record).as_deref(), record.body().as_deref()), (key, body));
            assert!(record.each_header().eq(headers));
            assert_eq!(record.header("CE_ID").as_deref(), Some(&b"1"[..]));
            assert_eq!(record.header("null"), None);
            assert_eq!((record.topic(), Origin::offset(&record)), (Some("t"), Some(7)));
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
            assert_eq!(Origin::timestamp(&record), Some(time));
            let sum =
                headers.iter().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len)).sum::<usize>();
            assert_eq!(record.size(), sum + key.map_or(0, <[u8]>::len) + body.map_or(0, <[u8]>::len));
        }
    }

    #[test]
    fn headers_of_the_program_are_noticed() {
        let has_foreign = |names: &[&'static str]| {
            let headers: Vec<_> = names.iter().map(|name| (*name, None)).collect();
            let place = (Partition::new("t", 0), 0, Timestamp::NotAvailable);
            ReceivedRecord::new(place, None, &headers, None).has_forwarded_headers()
        };
        assert!(!has_foreign(&[]) && !has_foreign(&["ce_id", "content-type", "ce_x"]));
        for foreign in ["traceparent", "Ce_id", "Content-Type", ""] {
            assert!(has_foreign(&["ce_id", foreign, "content-type"]), "{foreign}");
        }
    }

    #[test]
    fn the_mark_of_a_record_without_a_time_is_none() {
        let place = (Partition::new("t", 0), 0, Timestamp::NotAvailable);
        assert_eq!(Origin::timestamp(&ReceivedRecord::new(place, None, &[], None)), None);
    }
}
