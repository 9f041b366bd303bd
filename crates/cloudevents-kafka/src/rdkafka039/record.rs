//! Events in the records and messages of rdkafka.

use super::headers::ClientMessage;
use crate::{Header, Record, RecordView};
use bytes::Bytes;
use cloudevents_core::{Decoded, Decoding, Error, Event, Message as CloudMessage, Mode};
use cloudevents_transport::Raw;
use rdkafka::{
    Message,
    message::{Header as ClientHeader, OwnedHeaders, ToBytes},
    producer::{BaseRecord, FutureRecord},
};
use std::borrow::Cow;

/// Reads one event from a message of rdkafka, borrowed or owned, as [`decode`](crate::decode()) does.
///
/// ```
/// use cloudevents_core::{Decoding, ErrorKind};
/// use rdkafka::{Timestamp, message::OwnedMessage};
///
/// let message = OwnedMessage::new(Some(b"{}".to_vec()), None, "orders".into(), Timestamp::NotAvailable, 0, 0, None);
/// let error = cloudevents_kafka::rdkafka039::decode(&message, &Decoding::strict()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
/// ```
pub fn decode(message: &impl ClientMessage, with: &Decoding) -> Result<Decoded<Event>, Error> {
    crate::decode(&View(message), with)
}

/// Reads a message without looking into its document or its payload, as [`decode_message`](crate::decode_message) does.
pub fn decode_message(message: &impl ClientMessage, with: &Decoding) -> Result<Decoded<CloudMessage>, Error> {
    crate::decode_message(&View(message), with)
}

/// A message of rdkafka as a record, for forwarding it.
///
/// ```
/// use rdkafka::{Timestamp, message::OwnedMessage};
///
/// let message = OwnedMessage::new(None, Some(b"42".to_vec()), "orders".into(), Timestamp::NotAvailable, 0, 0, None);
/// let record = cloudevents_kafka::rdkafka039::record(&message);
/// assert_eq!((record.key.as_deref(), record.value), (Some(&b"42"[..]), None));
/// ```
pub fn record(message: &impl ClientMessage) -> Record {
    let raw = raw(message);
    let headers =
        raw.headers.into_iter().map(|(name, value)| Header::new(name.into_owned(), value)).collect();
    Record { key: raw.key, headers, value: raw.body }
}

/// Events in the records that rdkafka sends.
pub trait ProducerRecordExt<'a>: Sized {
    /// Fills in the event, in binary mode: headers behind those that are there already, and the payload in place of one that is.
    /// Key, partition and timestamp stay as they are.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_kafka::rdkafka039::ProducerRecordExt;
    /// use rdkafka::{message::Headers, producer::FutureRecord};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").text("hello").build()?;
    /// let record = FutureRecord::to("orders").key("42").event(&event);
    /// assert_eq!(record.payload, Some(&b"hello"[..]));
    /// assert_eq!(record.headers.unwrap().get(1).key, "ce_id");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn event(self, event: &'a Event) -> Self;
}

impl<'a, K: ToBytes + ?Sized> ProducerRecordExt<'a> for FutureRecord<'a, K, [u8]> {
    fn event(mut self, event: &'a Event) -> Self {
        self.headers = filled(self.headers, event);
        self.payload = event.data_bytes().map(|payload| &**payload);
        self
    }
}

impl<'a, K: ToBytes + ?Sized, D: rdkafka::IntoOpaque> ProducerRecordExt<'a> for BaseRecord<'a, K, [u8], D> {
    fn event(mut self, event: &'a Event) -> Self {
        self.headers = filled(self.headers, event);
        self.payload = event.data_bytes().map(|payload| &**payload);
        self
    }
}

/// Records of this crate as those that rdkafka sends.
pub trait RecordExt {
    /// For the `FutureProducer`. The value is not copied.
    ///
    /// ```
    /// use cloudevents_core::{Event, Mode};
    /// use cloudevents_json::Json;
    /// use cloudevents_kafka::rdkafka039::RecordExt;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// let (record, _) = cloudevents_kafka::encode(&event, Mode::structured(&Json::new()))?;
    /// let record = record.to_future("orders");
    /// assert!(record.payload.unwrap().starts_with(b"{"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn to_future<'a>(&'a self, topic: &'a str) -> FutureRecord<'a, [u8], [u8]>;

    /// For the other producers. The value is not copied.
    fn to_base<'a>(&'a self, topic: &'a str) -> BaseRecord<'a, [u8], [u8]>;
}

impl RecordExt for Record {
    fn to_future<'a>(&'a self, topic: &'a str) -> FutureRecord<'a, [u8], [u8]> {
        let mut record = FutureRecord::to(topic);
        record.key = self.key.as_deref();
        record.payload = self.value.as_deref();
        record.headers = headers(None, &self.headers);
        record
    }

    fn to_base<'a>(&'a self, topic: &'a str) -> BaseRecord<'a, [u8], [u8]> {
        let mut record = BaseRecord::to(topic);
        record.key = self.key.as_deref();
        record.payload = self.value.as_deref();
        record.headers = headers(None, &self.headers);
        record
    }
}

fn filled(present: Option<OwnedHeaders>, event: &Event) -> Option<OwnedHeaders> {
    // Binary mode has no errors.
    let encoded = crate::encode(event, Mode::Binary);
    let of_event = encoded.as_ref().map_or(&[][..], |(record, _)| &record.headers);
    headers(present, of_event)
}

fn headers(present: Option<OwnedHeaders>, more: &[Header]) -> Option<OwnedHeaders> {
    if more.is_empty() {
        return present;
    }
    let headers = present.unwrap_or_else(|| OwnedHeaders::new_with_capacity(more.len()));
    Some(more.iter().fold(headers, |headers, header| {
        headers.insert(ClientHeader { key: &header.name, value: header.value.as_deref() })
    }))
}

/// A message of rdkafka, seen as a record.
struct View<'m, M>(&'m M);

impl<M: ClientMessage> RecordView for View<'_, M> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.each_header()
    }

    fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }
}

/// Everything of a message, in one buffer.
pub(super) fn raw(message: &impl ClientMessage) -> Raw {
    let count = message.header_count();
    // The client is asked once for each header.
    let mut few = [("", None); FEW];
    if let Some(headers) = few.get_mut(..count) {
        let mut filled = 0_usize;
        for (place, header) in headers.iter_mut().zip(message.each_header()) {
            *place = header;
            filled = filled.saturating_add(1);
        }
        return copied(message, headers.get(..filled).unwrap_or_default());
    }
    copied(message, &message.each_header().collect::<Vec<_>>())
}

/// So many headers need no memory of their own while they are copied.
const FEW: usize = 16;

fn copied(message: &impl ClientMessage, headers: &[(&str, Option<&[u8]>)]) -> Raw {
    let (payload, key) = (message.payload(), message.key());
    let values = || headers.iter().map(|(_, value)| *value);
    let parts = || [payload, key].into_iter().chain(values()).flatten();
    let mut buffer = Vec::with_capacity(parts().map(<[u8]>::len).fold(0, usize::saturating_add));
    parts().for_each(|part| buffer.extend_from_slice(part));
    let mut rest = Bytes::from(buffer);
    let mut take = |bytes: Option<&[u8]>| bytes.map(|bytes| rest.split_to(bytes.len()));
    let mut raw = Raw::default();
    raw.body = take(payload);
    raw.key = take(key);
    raw.headers = headers.iter().map(|(name, value)| (spelled(name), take(*value))).collect();
    raw
}

/// The partition's number and the offset of a message, unless they are none.
pub(super) fn place(message: &impl Message) -> Option<(u32, u64)> {
    Some((u32::try_from(message.partition()).ok()?, u64::try_from(message.offset()).ok()?))
}

/// Names that many events have cost nothing.
fn spelled(name: &str) -> Cow<'static, str> {
    const KNOWN: &[&str] = &[
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_dataschema",
        "ce_partitionkey",
        "content-type",
        "ce_traceparent",
        "ce_tracestate",
        "ce_sequence",
        "ce_dataref",
    ];
    match KNOWN.iter().find(|known| **known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

/// What a receiver keeps of a message, seen as a record.
pub(super) struct RawView<'r>(pub(super) &'r Raw);

impl RecordView for RawView<'_> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.headers.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    fn value(&self) -> Option<&[u8]> {
        self.0.body.as_deref()
    }

    fn value_bytes(&self) -> Option<Bytes> {
        self.0.body.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::{
        Timestamp,
        message::{Headers, OwnedMessage},
    };

    fn message(headers: OwnedHeaders) -> OwnedMessage {
        let (payload, key) = (Some(b"payload".to_vec()), Some(b"key".to_vec()));
        OwnedMessage::new(payload, key, "topic".into(), Timestamp::NotAvailable, 3, 7, Some(headers))
    }

    fn header<'a>(key: &'a str, value: Option<&'a [u8]>) -> ClientHeader<'a, &'a [u8]> {
        ClientHeader { key, value }
    }

    #[test]
    fn everything_is_kept() {
        let headers = OwnedHeaders::new()
            .insert(header("ce_id", Some(b"1")))
            .insert(header("null", None))
            .insert(header("empty", Some(b"")))
            .insert(header("ce_id", Some(b"2")));
        let message = message(headers);
        let raw = raw(&message);
        let value = |index: usize| raw.headers[index].1.as_deref();
        assert_eq!(
            raw.headers.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
            ["ce_id", "null", "empty", "ce_id"]
        );
        assert_eq!([value(0), value(1), value(2), value(3)], [Some(&b"1"[..]), None, Some(b""), Some(b"2")]);
        assert_eq!((raw.key.as_deref(), raw.body.as_deref()), (Some(&b"key"[..]), Some(&b"payload"[..])));
        assert_eq!(place(&message), Some((3, 7)));
        let sent = record(&message);
        let back = sent.to_base("topic");
        assert_eq!((back.key, back.payload), (Some(&b"key"[..]), Some(&b"payload"[..])));
        let back = back.headers.unwrap();
        assert_eq!((back.get(1).value, back.get(2).value, back.count()), (None, Some(&b""[..]), 4));
    }
}
