//! Messages of fields with names, beside a payload, as those of Redis and SQS. For bindings.
//!
//! In binary mode, each attribute has a field, whose name begins with [`PREFIX`], and whose value is text. One more field has the media
//! type of the payload.

use crate::{assume, find, is_event, recognize};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message, Payload, Repair,
    codec::{Assembler, CoreName, Detected, Given, decode_base64, detect, share},
};

/// The beginning of the name of the field of each attribute.
pub const PREFIX: &str = "ce-";

/// How a binding calls the parts of its messages, for errors.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// A field, without and with its article: `field` and `a field`.
    pub field: [&'static str; 2],
    /// The detail of the error of a value that is not text.
    pub not_text: &'static str,
    /// The detail of the error of a message that claims to be a batch.
    pub one_event: &'static str,
}

/// The result of the first look at the fields of a message.
#[derive(Debug, Default)]
pub struct Look<'m> {
    /// Empty if there is none.
    pub payload: Bytes,
    /// A field that determines the content mode, and is there twice.
    pub twice: Option<&'static str>,
    /// Whether a JSON document without any mark is an event if it has a `specversion`.
    pub takes_unmarked: bool,
    content_type: Option<&'m str>,
    /// Whether there is an attribute.
    is_prefixed: bool,
    /// Whether the content type is not text.
    is_garbled: bool,
    /// Bytes of text that the attributes take, names of extensions included.
    length: usize,
}

impl<'m> Look<'m> {
    /// Looks at a field, and returns whether it is one of an attribute.
    pub fn is_attribute(&mut self, name: &[u8], value: &[u8]) -> bool {
        let Some(attribute) = name.strip_prefix(PREFIX.as_bytes()) else { return false };
        self.is_prefixed = true;
        let kept = if CoreName::of(attribute).is_some() { 0 } else { attribute.len() };
        self.length = self.length.saturating_add(kept).saturating_add(value.len());
        true
    }

    /// Takes the media type of the payload: of so many bytes, and with its text if it is text.
    pub fn has_content_type(&mut self, length: usize, text: Option<&'m str>) {
        self.content_type = text.map(str::trim);
        self.is_garbled = text.is_none();
        self.length = self.length.saturating_add(length);
    }

    /// Whether the message bears a mark of CloudEvents.
    pub fn is_cloudevent(&self) -> bool {
        !matches!(self.detect(), Ok(Detected::NotADocument)) || self.is_prefixed
    }

    /// Reads one event. `attributes` are the names of attributes, without the prefix, and their values, in the order of the fields.
    pub fn event<'a>(
        &self,
        attributes: impl Iterator<Item = Result<(&'a str, &'a str), Error>>,
        words: &Words,
        with: &DecodeOptions,
    ) -> Result<Decoded<Event>, Error> {
        let (detected, repair) = self.mode(words, with)?;
        let decoded = match detected {
            Detected::NotADocument => self.binary(attributes, words, with),
            Detected::Structured(id) => find(&id, &with.formats)?.decode(self.payload.clone(), with),
            Detected::Batched(_) => Err(words.batched()),
        };
        Ok(decoded?.with_repair(repair))
    }

    /// As [`event`](Self::event), without looking into a document or the payload.
    pub fn message<'a>(
        &self,
        attributes: impl Iterator<Item = Result<(&'a str, &'a str), Error>>,
        words: &Words,
        with: &DecodeOptions,
    ) -> Result<Decoded<Message>, Error> {
        let (detected, repair) = self.mode(words, with)?;
        let decoded = match detected {
            Detected::NotADocument => self.binary(attributes, words, with)?.map(Message::Binary),
            Detected::Structured(id) => {
                Decoded::clean(Message::Structured(recognize(id, self.payload.clone(), &with.formats)))
            }
            Detected::Batched(_) => return Err(words.batched()),
        };
        Ok(decoded.with_repair(repair))
    }

    fn detect(&self) -> Result<Detected, Error> {
        let is_bare = self.content_type.is_none() && !self.is_prefixed && !self.is_garbled;
        match self.takes_unmarked && is_bare && is_event(&self.payload) {
            true => Ok(Detected::Structured(FormatId::JSON)),
            false => detect(self.content_type),
        }
    }

    /// Returns the content mode of the message, and the repair if the mode had to be assumed.
    fn mode(&self, words: &Words, with: &DecodeOptions) -> Result<(Detected, Option<Repair>), Error> {
        with.limits.check_bytes(self.payload.len())?;
        let detected = self.detect()?;
        if matches!(detected, Detected::NotADocument) && !self.is_prefixed {
            let assumed = assume(&self.payload, words.not_a_cloudevent(), with)?;
            return Ok((Detected::Structured(FormatId::JSON), Some(assumed)));
        }
        match self.twice {
            Some(field) => Err(words.twice(field)),
            None => Ok((detected, None)),
        }
    }

    fn binary<'a>(
        &self,
        attributes: impl Iterator<Item = Result<(&'a str, &'a str), Error>>,
        words: &Words,
        with: &DecodeOptions,
    ) -> Result<Decoded<Event>, Error> {
        if self.is_garbled {
            return Err(words.no_text("datacontenttype"));
        }
        let mut assembler = Assembler::new(with);
        assembler.reserve(self.length); // one allocation, of the right size
        for attribute in attributes {
            let (name, text) = attribute?;
            if name == "datacontenttype"
                && let Some(media_type) = self.content_type
            {
                if text != media_type {
                    assembler.ignore_or_refuse(words.differ())?;
                }
                continue;
            }
            let piece = assembler.push(text)?;
            assembler.named(name, Given::Text(piece))?;
        }
        if let Some(media_type) = self.content_type {
            let piece = assembler.push(media_type)?;
            assembler.named("datacontenttype", Given::Text(piece))?;
        }
        let completed = assembler.complete()?;
        let payload = match self.payload.is_empty() {
            true => None,
            false if completed.base64 => Some(Payload::body(decode_base64(&self.payload)?)),
            false => Some(Payload::body(self.payload.clone())),
        };
        assembler.finish(payload)
    }
}

/// The fields of an event in binary mode, but for its version and its content type. Values are where the event shares its text.
pub fn of_event(event: &Event) -> impl Iterator<Item = (String, Bytes)> + '_ {
    let attributes = event.attributes().filter(|(attribute, _)| attribute.as_str() != "datacontenttype");
    attributes.map(|(attribute, value)| {
        let text = value.to_canonical();
        let value = share(event, &text).unwrap_or_else(|| Bytes::copy_from_slice(text.as_bytes()));
        (format!("{PREFIX}{}", attribute.as_str()), value)
    })
}

impl Words {
    /// The error of an attribute whose value is not text.
    #[cold]
    pub fn no_text(&self, attribute: &str) -> Error {
        Error::new(ErrorKind::InvalidUtf8)
            .with_attribute(attribute)
            .with_detail(self.not_text)
            .with_clause("CE-Type-System-f")
    }

    #[cold]
    fn not_a_cloudevent(&self) -> Error {
        let [_, field] = self.field;
        Error::new(ErrorKind::NotACloudEvent).with_detail(format!(
            "there is neither {field} `ce-…` nor a content-type under application/cloudevents"
        ))
    }

    #[cold]
    fn twice(&self, name: &str) -> Error {
        let [field, _] = self.field;
        Error::new(ErrorKind::DuplicateAttribute).with_detail(format!("the {field} `{name}` is there twice"))
    }

    #[cold]
    fn differ(&self) -> Error {
        let [field, _] = self.field;
        Error::new(ErrorKind::DuplicateAttribute)
            .with_attribute("datacontenttype")
            .with_detail(format!("the {field}s `content-type` and `ce-datacontenttype` differ"))
    }

    #[cold]
    fn batched(&self) -> Error {
        Error::new(ErrorKind::Batched).with_detail(self.one_event)
    }
}
