//! Conversion between events and the records and messages of rdkafka.

use super::{headers::ClientMessage, received::ReceivedRecord};
use crate::{
    Header, Record, RecordView,
    encode::{Name, VERSION, each_header},
    name::PREFIX,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Message as CloudMessage,
    codec::{append_payload, binary_mode_body, binary_mode_meaning_losses, check_binary_mode, other_charset},
};
use cloudevents_transport::{Partition, Received};
use rdkafka::{
    Message,
    message::{Header as ClientHeader, OwnedHeaders, ToBytes},
    producer::{BaseRecord, FutureRecord},
};
use sealed::Sealed;

/// Decodes one event from a message of rdkafka, borrowed or owned, like [`decode`](crate::decode()).
///
/// ```
/// use cloudevents_core::{DecodeOptions, ErrorKind};
/// use rdkafka::{Timestamp, message::OwnedMessage};
///
/// let message = OwnedMessage::new(Some(b"{}".to_vec()), None, "orders".into(), Timestamp::NotAvailable, 0, 0, None);
/// let error = cloudevents_kafka::rdkafka039::decode(&message, &DecodeOptions::strict()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
/// ```
pub fn decode(message: &impl ClientMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    crate::decode(&View(message), with)
}

/// Decodes a message without parsing its document or payload, like
/// [`decode_message`](crate::decode_message).
pub fn decode_message(
    message: &impl ClientMessage,
    with: &DecodeOptions,
) -> Result<Decoded<CloudMessage>, Error> {
    crate::decode_message(&View(message), with)
}

/// Converts a message of rdkafka to a record, for forwarding.
///
/// ```
/// use rdkafka::{Timestamp, message::OwnedMessage};
///
/// let message = OwnedMessage::new(None, Some(b"42".to_vec()), "orders".into(), Timestamp::NotAvailable, 0, 0, None);
/// let record = cloudevents_kafka::rdkafka039::record(&message);
/// assert_eq!((record.key.as_deref(), record.value), (Some(&b"42"[..]), None));
/// ```
pub fn record(message: &impl ClientMessage) -> Record {
    let owned = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    let header = |(name, value): (&str, Option<&[u8]>)| Header::new(name.to_owned(), value.map(owned));
    Record {
        key: message.key().map(owned),
        headers: message.each_header().map(header).collect(),
        value: message.payload().map(copied),
    }
}

/// Writes events into rdkafka's producer records.
pub trait ProducerRecordExt<'a>: Sized + Sealed {
    /// Writes the event in binary mode: appends headers to the existing headers, and replaces the payload. Key, partition and timestamp do
    /// not change.
    ///
    /// The record borrows the payload, and its meaning does not change. A loss that [changes the
    /// meaning](cloudevents_core::LossClass::Meaning) is an error of kind [`Inexact`](ErrorKind::Inexact). A text may have a content type
    /// that wants another charset than UTF-8, which needs bytes of its own. It is an error of kind [`Unsupported`](ErrorKind::Unsupported):
    /// use [`encode`](crate::encode()) and [`RecordExt`]. So is a payload that a receiver would take for the event, by its content type.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_kafka::rdkafka039::ProducerRecordExt;
    /// use rdkafka::{message::Headers, producer::FutureRecord};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").text("hello").build()?;
    /// let record = FutureRecord::to("orders").key("42").event(&event)?;
    /// assert_eq!(record.payload, Some(&b"hello"[..]));
    /// assert_eq!(record.headers.unwrap().get(1).key, "ce_id");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn event(self, event: &'a Event) -> Result<Self, Error>;
}

impl<'a, K: ToBytes + ?Sized> ProducerRecordExt<'a> for FutureRecord<'a, K, [u8]> {
    fn event(mut self, event: &'a Event) -> Result<Self, Error> {
        self.payload = borrowed(event)?;
        self.headers = filled(self.headers, event);
        Ok(self)
    }
}

impl<'a, K: ToBytes + ?Sized, D: rdkafka::IntoOpaque> ProducerRecordExt<'a> for BaseRecord<'a, K, [u8], D> {
    fn event(mut self, event: &'a Event) -> Result<Self, Error> {
        self.payload = borrowed(event)?;
        self.headers = filled(self.headers, event);
        Ok(self)
    }
}

/// Converts records of this crate to rdkafka's producer records.
pub trait RecordExt: Sealed {
    /// Converts for the `FutureProducer`. The value is not copied.
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

    /// Converts for the other producers. The value is not copied.
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

/// The payload as binary mode writes it, if it is written as it is.
fn borrowed(event: &Event) -> Result<Option<&[u8]>, Error> {
    check_binary_mode(event)?;
    let _ = binary_mode_meaning_losses(event).keep_meaning()?;
    match other_charset(event) {
        None => Ok(event.data_bytes().map(|payload| &**payload)),
        Some(_) => Err(Error::new(ErrorKind::Unsupported)
            .with_attribute("datacontenttype")
            .with_detail(
                "it states another charset than UTF-8, and this record borrows the payload, which is UTF-8",
            )
            .with_help("`cloudevents_kafka::encode` and `to_future` or `to_base` write the charset")),
    }
}

fn filled(present: Option<OwnedHeaders>, event: &Event) -> Option<OwnedHeaders> {
    let headers = present
        .unwrap_or_else(|| OwnedHeaders::new_with_capacity(event.attributes().len().saturating_add(2)));
    Some(headers_of(event, headers).0)
}

/// Appends the headers of an event in binary mode to the existing headers, and returns their size in bytes.
///
/// librdkafka gets them without a [`Record`] in between.
fn headers_of(event: &Event, present: OwnedHeaders) -> (OwnedHeaders, usize) {
    let version = event.specversion().as_str();
    let mut size = VERSION.len().saturating_add(version.len());
    let mut headers = Some(present.insert(ClientHeader { key: VERSION, value: Some(version) }));
    let mut of_extension = String::new();
    each_header(event, |name, text| {
        let key = match name {
            Name::Header(name) => name,
            Name::Extension(name) => {
                of_extension.clear();
                of_extension.reserve(PREFIX.len().saturating_add(name.len()));
                of_extension.push_str(PREFIX);
                of_extension.push_str(name);
                &of_extension
            }
        };
        size = size.saturating_add(key.len()).saturating_add(text.len());
        headers = headers.take().map(|headers| headers.insert(ClientHeader { key, value: Some(&*text) }));
    });
    (headers.unwrap_or_default(), size)
}

/// A record as librdkafka takes it.
pub(super) struct Prepared {
    pub(super) key: Option<Bytes>,
    pub(super) payload: Option<Bytes>,
    pub(super) headers: Option<OwnedHeaders>,
    /// The size of all three in bytes.
    pub(super) size: usize,
}

impl Prepared {
    /// An event in binary mode, with capacity for this many more headers.
    pub(super) fn of_event(event: &Event, key: Option<Bytes>, more: usize) -> Self {
        let capacity = event.attributes().len().saturating_add(2).saturating_add(more);
        let (headers, size) = headers_of(event, OwnedHeaders::new_with_capacity(capacity));
        Self::new(key, binary_mode_body(event), Some(headers), size)
    }

    /// Adds a header.
    pub(super) fn push(&mut self, name: &str, value: Option<&[u8]>) {
        let headers = self.headers.take().unwrap_or_default();
        self.headers = Some(headers.insert(ClientHeader { key: name, value }));
        self.size = self.size.saturating_add(name.len()).saturating_add(value.map_or(0, <[u8]>::len));
    }

    pub(super) fn of_record(record: &Record) -> Self {
        let of =
            |header: &Header| header.name.len().saturating_add(header.value.as_ref().map_or(0, Bytes::len));
        let size = record.headers.iter().map(of).fold(0, usize::saturating_add);
        Self::new(record.key.clone(), record.value.clone(), headers(None, &record.headers), size)
    }

    fn new(key: Option<Bytes>, payload: Option<Bytes>, headers: Option<OwnedHeaders>, size: usize) -> Self {
        let size = [&key, &payload]
            .into_iter()
            .map(|bytes| bytes.as_ref().map_or(0, Bytes::len))
            .fold(size, usize::saturating_add);
        Self { key, payload, headers, size }
    }
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

/// A message of rdkafka, viewed as a record.
struct View<'m, M>(&'m M);

impl<M: ClientMessage> RecordView for View<'_, M> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.each_header()
    }

    fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }
}

/// Copies the message at this index and decodes it: its payload shares the copy.
pub(super) fn read(
    message: &impl ClientMessage,
    (partition, offset): (Partition, u64),
    with: &DecodeOptions,
) -> Received {
    // The value first, because the headers follow it in memory: old messages are loaded into the
    // processor's cache in address order.
    let value = message.payload().map(copied);
    with_headers(message, |headers| {
        let decoded = crate::decode_message(&Copied { headers, value: value.as_ref() }, with);
        let place = (partition, offset, message.timestamp());
        Received::new(decoded, ReceivedRecord::new(place, message.key(), headers, value))
    })
}

fn copied(value: &[u8]) -> Bytes {
    let mut copy = Vec::with_capacity(value.len());
    append_payload(value, &mut copy);
    copy.into()
}

/// Up to this many headers are copied without allocating.
const FEW: usize = 16;

/// Reads each header from the client once.
fn with_headers<T>(message: &impl ClientMessage, then: impl FnOnce(&[(&str, Option<&[u8]>)]) -> T) -> T {
    let count = message.header_count();
    let mut few = [("", None); FEW];
    if let Some(headers) = few.get_mut(..count) {
        let mut filled = 0_usize;
        for (place, header) in headers.iter_mut().zip(message.each_header()) {
            *place = header;
            filled = filled.saturating_add(1);
        }
        return then(headers.get(..filled).unwrap_or_default());
    }
    then(&message.each_header().collect::<Vec<_>>())
}

/// Returns a message's partition and offset, unless they are not set.
pub(super) fn place(message: &impl Message) -> Option<(u32, u64)> {
    Some((u32::try_from(message.partition()).ok()?, u64::try_from(message.offset()).ok()?))
}

/// A message whose value was already copied. Its headers are still those of the client, or are copied, too.
pub(super) struct Copied<'m> {
    pub(super) headers: &'m [(&'m str, Option<&'m [u8]>)],
    pub(super) value: Option<&'m Bytes>,
}

impl RecordView for Copied<'_> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.headers.iter().copied()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.map(|value| &**value)
    }

    fn value_bytes(&self) -> Option<Bytes> {
        self.value.cloned()
    }
}

/// Not public: the traits are for the types of this file only.
mod sealed {
    use rdkafka::producer::{BaseRecord, FutureRecord};

    pub trait Sealed {}
    impl<K: rdkafka::message::ToBytes + ?Sized> Sealed for FutureRecord<'_, K, [u8]> {}
    impl<K: rdkafka::message::ToBytes + ?Sized, D: rdkafka::IntoOpaque> Sealed for BaseRecord<'_, K, [u8], D> {}
    impl Sealed for super::Record {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Payload;
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
    fn a_record_that_borrows_the_payload_has_its_meaning_or_is_none() {
        let of = |payload: Payload, ty: Option<&str>| {
            let builder = Event::builder().id("1").source("/s").ty("t");
            let event = match ty {
                Some(ty) => builder.payload(ty, payload),
                None => builder.payload_only(payload),
            };
            let event = event.build().unwrap();
            FutureRecord::<[u8], [u8]>::to("orders")
                .event(&event)
                .map(|record| record.payload.map(<[u8]>::to_vec))
                .map_err(|error| error.kind())
        };
        assert_eq!(of(Payload::text("caf\u{e9}"), Some("text/plain")), Ok(Some("caf\u{e9}".into())));
        assert_eq!(
            of(Payload::text("cafe"), Some("text/plain; charset=iso-8859-1")),
            Ok(Some("cafe".into()))
        );
        let latin = of(Payload::text("caf\u{e9}"), Some("text/plain; charset=iso-8859-1"));
        assert_eq!(latin, Err(ErrorKind::Unsupported));
        let lost = of(Payload::text("\u{1f600}"), Some("text/plain; charset=iso-8859-1"));
        assert_eq!(lost, Err(ErrorKind::Inexact));
        let proto = of(Payload::proto("type.googleapis.com/example.Order", vec![8, 1]), None);
        assert_eq!(proto, Err(ErrorKind::Inexact));
        // Receivers would read the inner event.
        let inner = of(Payload::binary(b"{}".as_slice()), Some("application/cloudevents+json"));
        assert_eq!(inner, Err(ErrorKind::Unsupported));
    }

    #[test]
    fn everything_is_kept() {
        let headers = OwnedHeaders::new()
            .insert(header("ce_id", Some(b"1")))
            .insert(header("null", None))
            .insert(header("empty", Some(b"")))
            .insert(header("ce_id", Some(b"2")));
        let message = message(headers);
        let received = read(&message, (Partition::new("topic", 3), 7), &DecodeOptions::strict());
        assert_eq!(received.message().unwrap_err().kind(), ErrorKind::DuplicateAttribute);
        let headers = received.headers();
        let value = |index: usize| headers[index].1.as_deref();
        assert_eq!(
            headers.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["ce_id", "null", "empty", "ce_id"]
        );
        assert_eq!([value(0), value(1), value(2), value(3)], [Some(&b"1"[..]), None, Some(b""), Some(b"2")]);
        assert_eq!(received.key().as_deref(), Some(&b"key"[..]));
        assert_eq!(received.body().as_deref(), Some(&b"payload"[..]));
        assert_eq!(place(&message), Some((3, 7)));
        let sent = record(&message);
        let back = sent.to_base("topic");
        assert_eq!((back.key, back.payload), (Some(&b"key"[..]), Some(&b"payload"[..])));
        let back = back.headers.unwrap();
        assert_eq!((back.get(1).value, back.get(2).value, back.count()), (None, Some(&b""[..]), 4));
    }
}
