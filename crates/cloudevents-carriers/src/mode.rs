//! Which content mode a message is in.

use crate::{Carrier, ContentType, MessageView, body, name, value};
use bytes::Bytes;
use cloudevents_core::{
    ContentMode, DecodeOptions, Error, ErrorKind, FormatId, Leniency, Repair, RepairKind,
    codec::{CoreName, Detected, detect, is_content_type, repeated_content_type},
};
use cloudevents_json::{assume, is_event};
use std::borrow::Cow;

impl Carrier {
    /// Whether a message bears a mark of CloudEvents: a content type under `application/cloudevents`, or a header with the prefix.
    ///
    /// Where nothing states a content type, the mark is a body that is a JSON object with a `specversion`.
    ///
    /// A message without a mark is not a CloudEvent, which is normal in a queue with other messages. A message with a mark may still be
    /// malformed.
    ///
    /// ```
    /// use cloudevents_carriers::{CarrierMessage, rows::{LINES, PULSAR}};
    ///
    /// assert!(PULSAR.is_cloudevent(&CarrierMessage::new("21.5").with_header("ce_id", "1")));
    /// assert!(!PULSAR.is_cloudevent(&CarrierMessage::new(r#"{"specversion":"1.0"}"#)));
    /// assert!(LINES.is_cloudevent(&CarrierMessage::new(r#"{"specversion":"1.0"}"#)));
    /// ```
    pub fn is_cloudevent(&self, message: &impl MessageView) -> bool {
        Look::at(self, message, Leniency::strict()).is_marked() || is_unmarked_event(self, message)
    }
}

/// The kind of a message.
pub(crate) enum Opened<'m> {
    /// An event in binary mode, and its payload.
    Binary(Look<'m>, Bytes),
    /// A document with one event.
    Document(FormatId, Bytes),
    /// A document with a batch.
    Batch(FormatId, Bytes),
}

/// Returns the kind of a message, and the repairs if the message does not state this kind as the carrier has it.
pub(crate) fn open<'m>(
    carrier: &Carrier,
    message: &'m impl MessageView,
    with: &DecodeOptions,
) -> Result<(Opened<'m>, Vec<Repair>), Error> {
    with.limits.check_bytes(message.body().len())?;
    let look = Look::at(carrier, message, with.leniency);
    if look.is_marked() && look.twice {
        return Err(two_content_types(carrier));
    }
    if look.is_document {
        let media_type = look.media_type()?;
        let body = body::read(carrier, message.body_bytes())?;
        let opened = match detect(media_type)? {
            Detected::Structured(id) => Opened::Document(id, body),
            Detected::Batched(id) if carrier.has(ContentMode::Batched) => Opened::Batch(id, body),
            _ => return Err(batched(carrier)),
        };
        return Ok((opened, look.repairs(carrier)));
    }
    if look.is_prefixed {
        let repairs = look.repairs(carrier);
        let body = body::read(carrier, message.body_bytes())?;
        return Ok((Opened::Binary(look, body), repairs));
    }
    // Any text may be in a queue of other programs, so that a body that is not Base64 is no mistake of an event.
    let unmarked = not_a_cloudevent(carrier);
    let body = match body::read(carrier, message.body_bytes()) {
        Ok(body) => body,
        Err(error) => return Err(unmarked.with_source(error)),
    };
    if carrier.content_type == ContentType::Unmarked {
        return match is_event(&body) {
            true => Ok((Opened::Document(FormatId::JSON, body), Vec::new())),
            false => Err(unmarked),
        };
    }
    let assumed = assume(&body, unmarked, with)?;
    Ok((Opened::Document(FormatId::JSON, body), vec![assumed]))
}

/// The findings of the first look at the headers.
pub(crate) struct Look<'m> {
    /// The content type, trimmed.
    content_type: Option<&'m [u8]>,
    /// Whether it is under `application/cloudevents`.
    is_document: bool,
    /// Whether it is in a header with another spelling of the name.
    is_respelled: bool,
    /// Whether the spellings of the name have different values, and none is exact.
    pub(crate) differ: bool,
    /// Whether the content type is there twice, except equal ones that leniency ignores.
    twice: bool,
    /// Whether leniency has ignored a content type that is there again, also after a comma.
    repeated: bool,
    /// Whether there is a header of an attribute.
    is_prefixed: bool,
    /// The prefix of attributes.
    prefix: &'static str,
    /// Bytes of text that the attributes take, including the names of extensions.
    pub(crate) length: usize,
}

impl<'m> Look<'m> {
    /// A foreign prefix counts only if there is no other mark.
    fn at(carrier: &Carrier, message: &'m impl MessageView, leniency: Leniency) -> Self {
        let look = Self::with_prefix(carrier, message, carrier.prefix, leniency);
        if look.is_marked() || !leniency.allows(RepairKind::ForeignPrefix) {
            return look;
        }
        let foreign = message.headers().find_map(|(header, _)| {
            let mut prefixes = carrier.also_prefix.iter().copied();
            prefixes.find(|prefix| name::attribute(carrier, prefix, header).is_some())
        });
        match foreign {
            // A writer with another prefix also spells the content type in its own way.
            Some(prefix) => {
                Self::with_prefix(carrier, message, prefix, leniency.with(RepairKind::ContentTypeName))
            }
            None => look,
        }
    }

    fn with_prefix(
        carrier: &Carrier,
        message: &'m impl MessageView,
        prefix: &'static str,
        leniency: Leniency,
    ) -> Self {
        let native =
            message.content_type().filter(|_| matches!(carrier.content_type, ContentType::Native(_)));
        let mut look = Self {
            content_type: native.map(str::as_bytes),
            is_document: false,
            is_respelled: false,
            differ: false,
            twice: false,
            repeated: false,
            is_prefixed: false,
            prefix,
            length: 0,
        };
        let respells = matches!(carrier.content_type, ContentType::Key(_))
            && leniency.allows(RepairKind::ContentTypeName);
        let (mut respelled, mut named) = (None, None);
        for (header, value) in message.headers() {
            if is_key(carrier, header) {
                if let Some(first) = look.content_type.replace(value) {
                    let is_ignored = leniency.allows(RepairKind::IgnoredHeader) && first == value;
                    look.repeated |= is_ignored;
                    look.twice |= !is_ignored;
                }
            } else if let Some(name) = look.attribute(carrier, header) {
                look.is_prefixed = true;
                if name == "datacontenttype" {
                    named = named.or(Some(value));
                }
                let kept = if CoreName::of(name.as_bytes()).is_some() { 0 } else { name.len() };
                look.length = look.length.saturating_add(kept).saturating_add(value.len());
            } else if respells && is_content_type(header) {
                look.differ |= *respelled.get_or_insert(value) != value;
            }
        }
        look.settle(respelled, named, prefix != carrier.prefix);
        look.content_type = look.content_type.map(<[u8]>::trim_ascii);
        let text = look.content_type.and_then(|value| std::str::from_utf8(value).ok());
        if let Some(joined) = text.and_then(|text| repeated_content_type(text, leniency)) {
            (look.content_type, look.repeated) = (Some(joined.as_bytes()), true);
        }
        look.is_document = look.content_type.is_some_and(is_document);
        look.length = look.length.saturating_add(look.content_type.map_or(0, <[u8]>::len));
        look
    }

    /// Decides about other spellings of content-type. The exact name takes precedence, and then the attribute.
    fn settle(&mut self, respelled: Option<&'m [u8]>, named: Option<&'m [u8]>, is_foreign: bool) {
        match respelled {
            Some(_) if self.content_type.is_some() => self.differ = false,
            // Under a foreign prefix, it is the content type that a framework states of its own serializer.
            Some(value) if named.is_some() && !is_document(value) => {
                self.differ = !is_foreign && (self.differ || named != Some(value));
            }
            Some(value) => (self.content_type, self.is_respelled) = (Some(value), true),
            None => {}
        }
    }

    /// The attribute that a header names.
    pub(crate) fn attribute<'h>(&self, carrier: &Carrier, header: &'h str) -> Option<Cow<'h, str>> {
        name::attribute(carrier, self.prefix, header)
    }

    /// The content type as text.
    pub(crate) fn media_type(&self) -> Result<Option<&'m str>, Error> {
        self.content_type.map(|value| value::text("datacontenttype", value)).transpose()
    }

    fn is_marked(&self) -> bool {
        self.is_prefixed || self.is_document
    }

    /// The repairs of names and of the content type: a foreign prefix or another spelling of content-type, and the same value again.
    fn repairs(&self, carrier: &Carrier) -> Vec<Repair> {
        let of_type = |kind| Repair::new(kind).with_attribute("datacontenttype");
        let is_foreign = self.is_prefixed && self.prefix != carrier.prefix;
        let foreign = || Repair::new(RepairKind::ForeignPrefix).with_cause(not_a_cloudevent(carrier));
        let is_respelled = self.is_respelled && !is_foreign;
        let repeated = || of_type(RepairKind::IgnoredHeader).with_cause(two_content_types(carrier));
        let named = is_foreign.then(foreign);
        let respelled = is_respelled.then(|| of_type(RepairKind::ContentTypeName));
        [named, respelled, self.repeated.then(repeated)].into_iter().flatten().collect()
    }
}

/// Whether a header is the content type.
pub(crate) fn is_key(carrier: &Carrier, header: &str) -> bool {
    matches!(carrier.content_type, ContentType::Key(key) if name::is_same(carrier, key, header))
}

fn is_unmarked_event(carrier: &Carrier, message: &impl MessageView) -> bool {
    carrier.content_type == ContentType::Unmarked
        && body::read(carrier, message.body_bytes()).is_ok_and(|body| is_event(&body))
}

/// Whether a content type is under `application/cloudevents`, in any case.
fn is_document(content_type: &[u8]) -> bool {
    const TREE: &[u8] = b"application/cloudevents";
    content_type.trim_ascii_start().get(..TREE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TREE))
}

#[cold]
fn not_a_cloudevent(carrier: &Carrier) -> Error {
    let detail = match carrier.content_type {
        ContentType::Unmarked => "the body is no JSON object with a `specversion`".to_owned(),
        ContentType::Key(place) | ContentType::Native(place) if carrier.prefix.is_empty() => {
            format!("`{place}` of {} is not under application/cloudevents", carrier.name)
        }
        ContentType::Key(place) | ContentType::Native(place) => {
            let prefix = carrier.prefix;
            format!("there is neither a header `{prefix}…` nor a `{place}` under application/cloudevents")
        }
    };
    Error::new(ErrorKind::NotACloudEvent).with_detail(detail)
}

#[cold]
fn two_content_types(carrier: &Carrier) -> Error {
    let ContentType::Key(key) = carrier.content_type else {
        return Error::new(ErrorKind::DuplicateAttribute);
    };
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail(format!("the header `{key}` is there twice"))
        .with_clause("CE-Context-Attributes-d")
}

#[cold]
pub(crate) fn batched(carrier: &Carrier) -> Error {
    let detail = match carrier.has(ContentMode::Batched) {
        true => format!("this message of {} is a batch", carrier.name),
        false => format!("{} has no batched mode", carrier.name),
    };
    Error::new(ErrorKind::Batched).with_detail(detail)
}
