//! Messages of SQS to messages and events.

use crate::wire::{AttributeValue, CONTENT_TYPE, PREFIX, SqsMessage};
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message, Payload, Repair,
    codec::{Assembler, CoreName, Detected, Given, decode_base64, detect},
};
use cloudevents_json::{assume, find, recognize};

/// Reads one event from a message, in structured or binary mode.
///
/// The payload is not copied; an empty one in binary mode means none. Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean
/// that the message bears no mark of CloudEvents; [`Batched`](ErrorKind::Batched), that it claims to be a batch. JSON is understood without
/// being in [`DecodeOptions::formats`]. A document without a mark, as the message processing framework of AWS writes it, is read only with
/// the leniency [`AssumedJson`](cloudevents_core::RepairKind::AssumedJson).
///
/// ```
/// use cloudevents_core::{DecodeOptions, Leniency, RepairKind};
/// use cloudevents_sqs::{SqsMessage, decode};
///
/// let unmarked = SqsMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
/// assert!(decode(&unmarked, &DecodeOptions::strict()).is_err());
/// let marked = unmarked.clone().with_attribute("content-type", "application/cloudevents+json");
/// assert_eq!(decode(&marked, &DecodeOptions::strict())?.value.id(), "1");
/// let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::AssumedJson));
/// let assumed = decode(&unmarked, &with)?;
/// assert_eq!(assumed.repairs()[0].kind(), RepairKind::AssumedJson);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(message: &SqsMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let look = Look::at(message);
    let (detected, repair) = look.mode(message, with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(message, &look, with),
        Detected::Structured(id) => find(&id, &with.formats)?.decode(message.body.clone(), with),
        Detected::Batched(_) => Err(batched()),
    };
    Ok(decoded?.with_repair(repair))
}

/// Reads a message without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too; batches are not.
pub fn decode_message(message: &SqsMessage, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    let look = Look::at(message);
    let (detected, repair) = look.mode(message, with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(message, &look, with)?.map(Message::Binary),
        Detected::Structured(id) => {
            Decoded::clean(Message::Structured(recognize(id, message.body.clone(), &with.formats)))
        }
        Detected::Batched(_) => return Err(batched()),
    };
    Ok(decoded.with_repair(repair))
}

/// Whether a message bears a mark of CloudEvents.
///
/// A mark is an attribute `content-type` under `application/cloudevents`, or an attribute that begins with `ce-`.
///
/// ```
/// use cloudevents_sqs::{SqsMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&SqsMessage::new("x").with_attribute("ce-id", "1")));
/// assert!(!is_cloudevent(&SqsMessage::new("{}").with_attribute("content-type", "application/json")));
/// ```
pub fn is_cloudevent(message: &SqsMessage) -> bool {
    let look = Look::at(message);
    !matches!(detect(look.content_type), Ok(Detected::NotADocument)) || look.prefixed
}

/// The result of the first look at the attributes.
struct Look<'m> {
    content_type: Option<&'m str>,
    /// Whether the content type is there twice.
    twice: bool,
    /// Whether there is an attribute of an event.
    prefixed: bool,
    /// Whether the content type is not text.
    garbled: bool,
    /// Bytes of text that the attributes take, names of extensions included.
    length: usize,
}

impl<'m> Look<'m> {
    fn at(message: &'m SqsMessage) -> Self {
        let mut look = Self { content_type: None, twice: false, prefixed: false, garbled: false, length: 0 };
        let mut content_type: Option<&AttributeValue> = None;
        for (name, value) in &message.attributes {
            if let Some(attribute) = name.strip_prefix(PREFIX) {
                look.prefixed = true;
                let kept = if CoreName::of(attribute.as_bytes()).is_some() { 0 } else { attribute.len() };
                look.length = look.length.saturating_add(kept).saturating_add(value.value.len());
            } else if name == CONTENT_TYPE && content_type.replace(value).is_some() {
                look.twice = true;
            }
        }
        if let Some(value) = content_type {
            look.content_type = value.text().map(str::trim);
            look.garbled = look.content_type.is_none();
            look.length = look.length.saturating_add(value.value.len());
        }
        look
    }

    /// Returns the content mode of the message, and the repair if the mode had to be assumed.
    fn mode(&self, message: &SqsMessage, with: &DecodeOptions) -> Result<(Detected, Option<Repair>), Error> {
        with.limits.check_bytes(message.body.len())?;
        let detected = detect(self.content_type)?;
        if matches!(detected, Detected::NotADocument) && !self.prefixed {
            let assumed = assume(&message.body, not_a_cloudevent(), with)?;
            return Ok((Detected::Structured(FormatId::JSON), Some(assumed)));
        }
        match self.twice {
            true => Err(twice()),
            false => Ok((detected, None)),
        }
    }
}

fn binary(message: &SqsMessage, look: &Look<'_>, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    if look.garbled {
        return Err(no_text("datacontenttype"));
    }
    let mut assembler = Assembler::new(with);
    assembler.reserve(look.length); // one allocation, of the right size
    for (attribute, value) in &message.attributes {
        let Some(name) = attribute.strip_prefix(PREFIX) else { continue };
        let text = value.text().ok_or_else(|| no_text(name))?;
        if name == "datacontenttype"
            && let Some(media_type) = look.content_type
        {
            if text != media_type {
                assembler.ignore_or_refuse(differ())?;
            }
            continue;
        }
        let piece = assembler.push(text)?;
        assembler.named(name, Given::Text(piece))?;
    }
    if let Some(media_type) = look.content_type {
        let piece = assembler.push(media_type)?;
        assembler.named("datacontenttype", Given::Text(piece))?;
    }
    let completed = assembler.complete()?;
    let payload = match message.body.is_empty() {
        true => None,
        false if completed.base64 => Some(Payload::body(decode_base64(&message.body)?)),
        false => Some(Payload::body(message.body.clone())),
    };
    assembler.finish(payload)
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("there is neither an attribute `ce-…` nor a content-type under application/cloudevents")
}

#[cold]
fn no_text(name: &str) -> Error {
    Error::new(ErrorKind::InvalidUtf8)
        .with_attribute(name)
        .with_detail("the attribute of the message is not text")
        .with_clause("CE-Type-System-f")
}

#[cold]
fn twice() -> Error {
    Error::new(ErrorKind::DuplicateAttribute).with_detail("the attribute `content-type` is there twice")
}

#[cold]
fn differ() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("the attributes `content-type` and `ce-datacontenttype` differ")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("a message of SQS has one event")
}
