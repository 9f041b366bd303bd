//! Decodes records into messages and events.

use crate::{
    amqp_encoded,
    mode::Look,
    name,
    value::{self, text},
    wire::RecordView,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message, Payload, Repair, RepairKind,
    codec::{Assembler, Detected, Given, decode_base64},
};
use cloudevents_json::{assume, find, recognize};

/// Decodes one event from a record in binary or structured mode. The key is not read.
///
/// The value is not copied if the record shares it, as [`Record`](crate::Record) does. JSON documents are
/// decoded even when JSON is not in [`DecodeOptions::formats`].
///
/// Errors are of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) when nothing marks the record as a CloudEvent. They are of kind
/// [`Batched`](ErrorKind::Batched) when its content type is the content type of a batch, which Kafka does not have.
///
/// ```
/// use bytes::Bytes;
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_kafka::Record;
///
/// let record = Record::new(Bytes::from_static(b"{\"total\":1.10}"))
///     .with_header("ce_specversion", Bytes::from("1.0"))
///     .with_header("ce_id", Bytes::from("1"))
///     .with_header("ce_source", Bytes::from("/orders"))
///     .with_header("ce_type", Bytes::from("com.example.order.placed"))
///     .with_header("ce_subject", Bytes::from("café"))
///     .with_header("content-type", Bytes::from("application/json"));
/// let event = cloudevents_kafka::decode(&record, &DecodeOptions::strict())?.value;
/// assert_eq!(event.subject(), Some("café"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(record: &impl RecordView, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let (look, repairs, opened) = open(record, with)?;
    let decoded = match opened {
        Opened::Binary(media_type) => binary(record, &look, media_type, with),
        Opened::Document(id, document) => find(&id, &with.formats)?.decode(document, with),
    };
    Ok(with_repairs(decoded?, repairs))
}

/// Decodes a message without parsing its document or payload. Use it to forward messages, or to read an
/// attribute first.
///
/// Documents in unknown formats are messages, too. Batches are not.
pub fn decode_message(record: &impl RecordView, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    let (look, repairs, opened) = open(record, with)?;
    let decoded = match opened {
        Opened::Binary(media_type) => binary(record, &look, media_type, with)?.map(Message::Binary),
        Opened::Document(id, body) => Decoded::clean(Message::Structured(recognize(id, body, &with.formats))),
    };
    Ok(with_repairs(decoded, repairs))
}

/// The kind of a record.
enum Opened<'r> {
    /// An event in binary mode, with this content type.
    Binary(Option<&'r str>),
    /// A document in this format.
    Document(FormatId, Bytes),
}

/// Adds repairs, as the first.
#[inline]
fn with_repairs<T>(mut decoded: Decoded<T>, repairs: Vec<Repair>) -> Decoded<T> {
    if !repairs.is_empty() {
        decoded.repairs.splice(0..0, repairs);
    }
    decoded
}

/// Returns the kind of a record, and the repairs if it does not state this kind as the binding has it.
#[inline]
fn open<'r>(
    record: &'r impl RecordView,
    with: &DecodeOptions,
) -> Result<(Look<'r>, Vec<Repair>, Opened<'r>), Error> {
    with.limits.check_bytes(record.value().map_or(0, <[u8]>::len))?;
    let look = Look::at(record, with.leniency);
    let (media_type, detected) = match look.detect() {
        Err(error) if error.kind() == ErrorKind::NotACloudEvent => {
            let error = with_help(error, record, with);
            let body = record.value_bytes().unwrap_or_default();
            let assumed = assume(&body, error, with)?;
            return Ok((look, vec![assumed], Opened::Document(FormatId::JSON, body)));
        }
        detected => detected?,
    };
    let repairs = look.repairs().collect();
    let opened = match detected {
        Detected::NotADocument => Opened::Binary(media_type),
        Detected::Structured(id) => Opened::Document(id, record.value_bytes().ok_or_else(tombstone)?),
        Detected::Batched(_) => return Err(batched()),
    };
    Ok((look, repairs, opened))
}

#[inline]
fn binary(
    record: &impl RecordView,
    look: &Look<'_>,
    media_type: Option<&str>,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    let mut assembler = Assembler::new(with);
    assembler.reserve(look.length); // one allocation of the right size
    if look.differ {
        assembler.ignore_or_refuse(spelled_differently())?;
    }
    let mut prefixed = false;
    for (header, value) in record.headers() {
        let Some(name) = look.attribute(header) else { continue };
        if name == "datacontenttype" && media_type.is_some() {
            if std::mem::replace(&mut prefixed, true) {
                return Err(twice());
            }
            let decoded = value.filter(|_| look.encoded).and_then(amqp_encoded::text);
            prefixed_content_type(decoded.map(str::as_bytes).or(value), media_type, &mut assembler)?;
        } else {
            match value.filter(|_| look.encoded) {
                Some(value) => value::read_encoded(name, value, &mut assembler)?,
                None => value::read(name, value, &mut assembler)?,
            }
        }
    }
    if let Some(media_type) = media_type {
        let piece = assembler.push(media_type)?;
        assembler.named("datacontenttype", Given::Text(piece))?;
    }
    let completed = assembler.complete()?;
    let payload = match record.value_bytes() {
        Some(text) if completed.base64 => Some(Payload::body(decode_base64(&text)?)),
        Some(bytes) => Some(Payload::body(bytes)),
        None => None,
    };
    assembler.finish(payload)
}

/// Handles `ce_datacontenttype` beside `content-type`. The binding maps every attribute to a `ce_` header
/// and this one to `content-type`, so some producers write both. They must agree.
#[cold]
fn prefixed_content_type(
    value: Option<&[u8]>,
    media_type: Option<&str>,
    assembler: &mut Assembler<'_>,
) -> Result<(), Error> {
    let Some(value) = value else { return Ok(()) };
    if text("datacontenttype", value)? == media_type.unwrap_or_default() {
        return Ok(());
    }
    let error = Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("ce_datacontenttype and content-type differ")
        .with_clause("KAFKA-3.2.1-a");
    assembler.ignore_or_refuse(error)
}

/// Names the prefix of another protocol that the attributes have, and the repair if it reads the record.
#[cold]
fn with_help(error: Error, record: &impl RecordView, with: &DecodeOptions) -> Error {
    let foreign = record.headers().find_map(|(header, _)| name::foreign_prefix(header));
    let Some(prefix) = foreign.filter(|_| !with.leniency.allows(RepairKind::ForeignPrefix)) else {
        return error;
    };
    let lenient = with.clone().with_leniency(with.leniency.with(RepairKind::ForeignPrefix));
    let reads = if decode(record, &lenient).is_ok() { "; the repair `foreign-prefix` reads it" } else { "" };
    error.with_help(format!("the prefix `{prefix}` is that of another protocol{reads}"))
}

#[cold]
fn spelled_differently() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail(
            "headers with other spellings of content-type differ from each other, or from ce_datacontenttype",
        )
        .with_help("write the header content-type")
        .with_clause("KAFKA-3.2.1-a")
}

#[cold]
fn twice() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_clause("CE-Context-Attributes-d")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("Kafka has no batched mode").with_clause("KAFKA-1.3-a")
}

#[cold]
fn tombstone() -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail("the content-type says that the value is a document, and the value is null")
        .with_clause("KAFKA-3.3.2-a")
}
