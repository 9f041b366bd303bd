//! Entries to messages and events.

use crate::wire::{CONTENT_TYPE, DATA, PREFIX, RedisMessage};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message, Payload, Repair,
    codec::{Assembler, CoreName, Detected, Given, decode_base64, detect},
};
use cloudevents_json::{assume, find, is_event, recognize};

/// Reads one event from an entry, in structured or binary mode.
///
/// The payload is not copied; an empty one in binary mode means none. Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean
/// that the entry bears no mark of CloudEvents; [`Batched`](ErrorKind::Batched), that it claims to be a batch. JSON is understood without
/// being in [`DecodeOptions::formats`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_redis::RedisMessage;
///
/// // As Dapr writes it.
/// let message = RedisMessage::default().with_field("data", r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
/// assert_eq!(cloudevents_redis::decode(&message, &DecodeOptions::strict())?.value.id(), "1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &RedisMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let look = Look::at(message);
    let (detected, repair) = look.mode(with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(message, &look, with),
        Detected::Structured(id) => find(&id, &with.formats)?.decode(look.data.clone(), with),
        Detected::Batched(_) => Err(batched()),
    };
    Ok(decoded?.with_repair(repair))
}

/// Reads an entry without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too; batches are not.
pub fn decode_message(message: &RedisMessage, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    let look = Look::at(message);
    let (detected, repair) = look.mode(with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(message, &look, with)?.map(Message::Binary),
        Detected::Structured(id) => {
            Decoded::clean(Message::Structured(recognize(id, look.data.clone(), &with.formats)))
        }
        Detected::Batched(_) => return Err(batched()),
    };
    Ok(decoded.with_repair(repair))
}

/// Whether an entry bears a mark of CloudEvents.
///
/// A mark is a field `content-type` under `application/cloudevents`, or a field that begins with `ce-`. Without a content type, a field
/// `data` that is a JSON object with a `specversion` is a mark, too.
///
/// ```
/// use cloudevents_redis::{RedisMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&RedisMessage::default().with_field("ce-id", "1")));
/// assert!(is_cloudevent(&RedisMessage::default().with_field("data", r#"{"specversion":"1.0"}"#)));
/// assert!(!is_cloudevent(&RedisMessage::default().with_field("data", "{}").with_field("id", "1")));
/// ```
pub fn is_cloudevent(message: &RedisMessage) -> bool {
    let look = Look::at(message);
    !matches!(look.detect(), Ok(Detected::NotADocument)) || look.prefixed
}

/// The result of the first look at the fields.
struct Look<'m> {
    /// Empty if there is none.
    data: Bytes,
    content_type: Option<&'m str>,
    /// A field that determines the content mode, and is there twice.
    twice: Option<&'static str>,
    /// Whether there is an attribute.
    prefixed: bool,
    /// Whether the content type is not text.
    garbled: bool,
    /// Bytes of text that the attributes take, names of extensions included.
    length: usize,
}

impl<'m> Look<'m> {
    fn at(message: &'m RedisMessage) -> Self {
        let mut look = Self {
            data: Bytes::new(),
            content_type: None,
            twice: None,
            prefixed: false,
            garbled: false,
            length: 0,
        };
        let (mut data, mut content_type) = (None, None);
        for (name, value) in &message.fields {
            if let Some(attribute) = name.strip_prefix(PREFIX.as_bytes()) {
                look.prefixed = true;
                let kept = if CoreName::of(attribute).is_some() { 0 } else { attribute.len() };
                look.length = look.length.saturating_add(kept).saturating_add(value.len());
            } else if name == DATA && data.replace(value).is_some() {
                look.twice = Some(DATA);
            } else if name == CONTENT_TYPE && content_type.replace(value).is_some() {
                look.twice = Some(CONTENT_TYPE);
            }
        }
        if let Some(value) = content_type {
            look.content_type = std::str::from_utf8(value).ok().map(str::trim);
            look.garbled = look.content_type.is_none();
            look.length = look.length.saturating_add(value.len());
        }
        look.data = data.cloned().unwrap_or_default();
        look
    }

    fn detect(&self) -> Result<Detected, Error> {
        match self.content_type {
            None if !self.prefixed && !self.garbled && is_event(&self.data) => {
                Ok(Detected::Structured(FormatId::JSON))
            }
            content_type => detect(content_type),
        }
    }

    /// Returns the content mode of the message, and the repair if the mode had to be assumed.
    fn mode(&self, with: &DecodeOptions) -> Result<(Detected, Option<Repair>), Error> {
        with.limits.check_bytes(self.data.len())?;
        let detected = self.detect()?;
        if matches!(detected, Detected::NotADocument) && !self.prefixed {
            let assumed = assume(&self.data, not_a_cloudevent(), with)?;
            return Ok((Detected::Structured(FormatId::JSON), Some(assumed)));
        }
        match self.twice {
            Some(field) => Err(twice(field)),
            None => Ok((detected, None)),
        }
    }
}

fn binary(message: &RedisMessage, look: &Look<'_>, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    if look.garbled {
        return Err(no_text("datacontenttype"));
    }
    let mut assembler = Assembler::new(with);
    assembler.reserve(look.length); // one allocation, of the right size
    for (field, value) in &message.fields {
        let Some(name) = field.strip_prefix(PREFIX.as_bytes()) else { continue };
        let name = std::str::from_utf8(name).map_err(|_| no_name())?;
        let text = std::str::from_utf8(value).map_err(|_| no_text(name))?;
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
    let payload = match look.data.is_empty() {
        true => None,
        false if completed.base64 => Some(Payload::body(decode_base64(&look.data)?)),
        false => Some(Payload::body(look.data.clone())),
    };
    assembler.finish(payload)
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("there is neither a field `ce-…` nor a content-type under application/cloudevents")
}

#[cold]
fn no_name() -> Error {
    Error::new(ErrorKind::InvalidName).with_detail("a field is named `ce-` and bytes that are not UTF-8")
}

#[cold]
fn no_text(name: &str) -> Error {
    Error::new(ErrorKind::InvalidUtf8)
        .with_attribute(name)
        .with_detail("the field is not UTF-8 text")
        .with_clause("CE-Type-System-f")
}

#[cold]
fn twice(field: &'static str) -> Error {
    Error::new(ErrorKind::DuplicateAttribute).with_detail(format!("the field `{field}` is there twice"))
}

#[cold]
fn differ() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("the fields `content-type` and `ce-datacontenttype` differ")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("an entry of a stream has one event")
}
