//! Decodes AMQP messages into messages and events.

use crate::{
    AmqpMessage, AmqpValue, Body, Separator, name,
    sections::{Property, Sections},
    value,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Leniency, MediaType, Message, Payload, Repair,
    RepairKind, TextBuffer,
    codec::{self, Assembler, Detected, Given, decode_base64, detect, is_encoded},
};
use cloudevents_json::{assume, find, recognize};

/// Decodes the event of a message in binary or structured mode.
///
/// One data section is not copied. Several data sections are joined. JSON documents are decoded even when JSON is not in
/// [`DecodeOptions::formats`].
///
/// Errors are of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) when nothing marks the message as a CloudEvent. They are of kind
/// [`Batched`](ErrorKind::Batched) when its content type is the content type of a batch, which AMQP does not have.
///
/// Attributes are read from AMQP's native types and from strings. Integers of any width that fit 32 bits
/// become Integers, symbols become Strings, timestamps are in UTC. Strings stay Strings except for the core
/// attributes, whose types are known. A null value is an absent attribute.
///
/// ```
/// use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
/// use cloudevents_core::{DecodeOptions, Value};
///
/// let mut message = AmqpMessage::default();
/// message.properties.content_type = Some("application/json".into());
/// for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/orders"), ("type", "com.example.order.placed")] {
///     message.application_properties.push((format!("cloudEvents_{name}").into(), AmqpValue::String(value.into())));
/// }
/// message.application_properties.push(("cloudEvents_time".into(), AmqpValue::Timestamp(1_522_949_460_000)));
/// message.application_properties.push(("cloudEvents_priority".into(), AmqpValue::Long(3)));
/// message.body = Body::Data(bytes::Bytes::from_static(b"{\"total\":1.10}"));
///
/// let event = cloudevents_amqp::decode(&message, &DecodeOptions::strict())?.value;
/// assert_eq!(event.time().unwrap().as_str(), "2018-04-05T17:31:00Z");
/// assert_eq!(event.extension("priority"), Some(Value::Integer(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &AmqpMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    event(message, with)
}

/// Decodes a message without parsing its document or payload. Use it to forward messages, or to read an
/// attribute first.
///
/// Documents in unknown formats are messages too (AMQP binding, clause AMQP-3-b).
pub fn decode_message(message: &AmqpMessage, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    self::message(message, with)
}

/// [`decode`] for any message type.
#[inline]
pub(crate) fn event(message: &impl Sections, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    match open(message, with)? {
        Opened::Binary(look) => binary(message, &look, with),
        Opened::Document(id, document, repair) => {
            Ok(find(&id, &with.formats)?.decode(document, with)?.with_repair(repair))
        }
    }
}

/// [`decode_message`] for any message type.
#[inline]
pub(crate) fn message(message: &impl Sections, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    match open(message, with)? {
        Opened::Binary(look) => Ok(binary(message, &look, with)?.map(Message::Binary)),
        Opened::Document(id, document, repair) => {
            let message = Message::Structured(recognize(id, document, &with.formats));
            Ok(Decoded::clean(message).with_repair(repair))
        }
    }
}

/// The kind of a message.
enum Opened<'m> {
    Binary(Look<'m>),
    /// A document in this format, and the repair if the message does not state this as the binding has it.
    Document(FormatId, Bytes, Option<Repair>),
}

#[inline]
fn open<'m>(message: &'m impl Sections, with: &DecodeOptions) -> Result<Opened<'m>, Error> {
    let (detected, look) = match detect(message.content_type())? {
        Detected::NotADocument => match Look::at(message, with.leniency) {
            Some(look) => (detect(look.content_type)?, Some(look)),
            None => {
                let (document, assumed) = assumed(message, with)?;
                return Ok(Opened::Document(FormatId::JSON, document, Some(assumed)));
            }
        },
        detected => (detected, None),
    };
    match (detected, look) {
        (Detected::Structured(id), look) => {
            let repair = look.and_then(|look| look.repair());
            Ok(Opened::Document(id, document(message, with)?, repair))
        }
        (Detected::NotADocument, Some(look)) => Ok(Opened::Binary(look)),
        _ => Err(batched()),
    }
}

/// The body of a message that nothing marks as a CloudEvent, if it may be taken for a document.
#[cold]
fn assumed(message: &impl Sections, with: &DecodeOptions) -> Result<(Bytes, Repair), Error> {
    let unmarked = || with_help(not_a_cloudevent(), message, with);
    if !with.leniency.allows(RepairKind::AssumedJson) {
        return Err(unmarked());
    }
    let Ok(document) = document(message, with) else { return Err(unmarked()) };
    let assumed = assume(&document, unmarked(), with)?;
    Ok((document, assumed))
}

/// The content of the body.
enum Content {
    Bytes(Bytes),
    Text(TextBuffer),
}

impl Content {
    #[inline]
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes().clone(),
        }
    }
}

/// Returns the body of a structured message.
fn document(message: &impl Sections, with: &DecodeOptions) -> Result<Bytes, Error> {
    content(message, with).map(Content::into_bytes)
}

#[inline]
fn content(message: &impl Sections, with: &DecodeOptions) -> Result<Content, Error> {
    if message.content_encoding().is_some_and(is_encoded) {
        return Err(encoded());
    }
    let content = match message.body() {
        Body::Data(bytes) => Content::Bytes(bytes.clone()),
        other => unusual(other, with)?,
    };
    with.limits.check_bytes(match &content {
        Content::Bytes(bytes) => bytes.len(),
        Content::Text(text) => text.as_str().len(),
    })?;
    Ok(content)
}

/// Reads a body other than the usual single data section.
#[cold]
fn unusual(body: &Body, with: &DecodeOptions) -> Result<Content, Error> {
    Ok(match body {
        Body::Absent | Body::Value(AmqpValue::Null) => Content::Bytes(Bytes::new()),
        Body::Data(bytes) | Body::Value(AmqpValue::Binary(bytes)) => Content::Bytes(bytes.clone()),
        Body::DataSections(sections) => Content::Bytes(join(sections, with)?),
        Body::Value(AmqpValue::String(text)) => Content::Text(text.clone()),
        Body::Value(other) => return Err(no_payload(format!("an amqp-value of type {}", other.type_name()))),
        Body::Sequence => return Err(no_payload("an amqp-sequence".into())),
    })
}

fn join(sections: &[Bytes], with: &DecodeOptions) -> Result<Bytes, Error> {
    if let [section] = sections {
        return Ok(section.clone());
    }
    let length = sections.iter().map(Bytes::len).fold(0, usize::saturating_add);
    with.limits.check_bytes(length)?;
    let mut joined = Vec::with_capacity(length);
    sections.iter().for_each(|section| joined.extend_from_slice(section));
    Ok(joined.into())
}

/// The findings of the first look at the application properties of a message in binary mode.
struct Look<'m> {
    names: Names,
    /// The content type in an application property, which counts under a foreign prefix alone.
    content_type: Option<&'m str>,
    /// Whether text has the type binary: `specversion` has.
    is_binary: bool,
    /// Bytes of text that the attributes take. One allocation of the right size, except for the names of core attributes.
    length: usize,
}

/// How attributes are named.
#[derive(Clone, Copy)]
enum Names {
    /// As the binding has it.
    Own(Separator),
    /// With the prefix of another protocol.
    Foreign(&'static str),
}

impl<'m> Look<'m> {
    /// `None` if no property is an attribute. A foreign prefix counts only if there is no other mark.
    #[inline]
    fn at(message: &'m impl Sections, leniency: Leniency) -> Option<Self> {
        let mut properties = message.application_properties();
        if let Some((_, separator)) = properties.find_map(|(property, _)| name::attribute(property)) {
            return Some(Self::with_names(Names::Own(separator), message, leniency));
        }
        if !leniency.allows(RepairKind::ForeignPrefix) {
            return None;
        }
        let prefix = message.application_properties().find_map(|(name, _)| name::foreign_prefix(name))?;
        let mut look = Self::with_names(Names::Foreign(prefix), message, leniency);
        let of_type = |(name, _): &(&str, Property<'_>)| codec::is_content_type(name);
        let stated = message.application_properties().find(of_type).map(|(_, value)| value);
        look.content_type = stated.and_then(value::text_of);
        Some(look)
    }

    #[inline]
    fn with_names(names: Names, message: &'m impl Sections, leniency: Leniency) -> Self {
        let length = message.content_type().map_or(0, str::len);
        let mut look = Self { names, content_type: None, is_binary: false, length };
        let reads_binary = leniency.allows(RepairKind::BinaryText);
        for (property, value) in message.application_properties() {
            if let Some((name, _)) = look.attribute(property) {
                if reads_binary && name == "specversion" {
                    look.is_binary |= matches!(value, Property::Binary(_));
                }
                look.length = look.length.saturating_add(name.len()).saturating_add(value::length(value));
            }
        }
        look
    }

    /// The attribute that a property names, and whether another separator is used for it.
    #[inline]
    fn attribute<'p>(&self, property: &'p str) -> Option<(&'p str, bool)> {
        match self.names {
            Names::Own(separator) => {
                name::attribute(property).map(|(name, found)| (name, found != separator))
            }
            Names::Foreign(prefix) => property.strip_prefix(prefix).map(|name| (name, false)),
        }
    }

    /// The repair of a foreign prefix.
    fn repair(&self) -> Option<Repair> {
        let is_foreign = matches!(self.names, Names::Foreign(_));
        is_foreign.then(|| Repair::new(RepairKind::ForeignPrefix).with_cause(not_a_cloudevent()))
    }
}

#[inline]
fn binary(message: &impl Sections, look: &Look<'_>, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let media_type = message.content_type().or(look.content_type);
    let content = content(message, with)?;
    let mut assembler = Assembler::new(with);
    assembler.reserve(look.length);
    if let Some(repair) = look.repair() {
        assembler.repaired(repair);
    }
    let (mut mixed, mut named, mut is_overruled) = (None, false, false);
    for (property, value) in message.application_properties() {
        let Some((name, is_mixed)) = look.attribute(property) else { continue };
        if is_mixed {
            mixed = Some(name);
        }
        let value = if look.is_binary { value::binary_text(name, value, &mut assembler) } else { value };
        match media_type {
            Some(_) if name == "datacontenttype" && std::mem::replace(&mut named, true) => {
                return Err(twice());
            }
            _ if name == "datacontenttype" => {
                is_overruled |= named_content_type(value, media_type, &mut assembler)?;
            }
            _ => value::read(name, value, &mut assembler)?,
        }
    }
    if with.leniency.allows(RepairKind::UnprefixedExtension) {
        unprefixed(message, look, &mut assembler)?;
    }
    // Reported last: an attribute in both spellings is a duplicate, which is the more serious error.
    if let Some(name) = mixed {
        return Err(mixed_separators(name));
    }
    if let Some(media_type) = media_type.filter(|_| !is_overruled) {
        let piece = assembler.push(media_type)?;
        assembler.named("datacontenttype", Given::Text(piece))?;
    }
    let completed = assembler.complete()?;
    let payload = match content {
        Content::Bytes(bytes) if bytes.is_empty() => None,
        Content::Text(text) if text.as_str().is_empty() => None,
        content if completed.base64 => Some(Payload::body(decode_base64(content.into_bytes())?)),
        Content::Bytes(bytes) => Some(Payload::body(bytes)),
        Content::Text(text) => Some(codec::characters(text, assembler.content_type())),
    };
    assembler.finish(payload)
}

#[cold]
fn encoded() -> Error {
    Error::new(ErrorKind::ContentEncoding)
        .with_help("undo the encoding before the event is read, and leave the property content-encoding out")
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail(
            "there is neither an application property that begins with `cloudEvents_` or `cloudEvents:` nor a media type under application/cloudevents",
        )
        .with_clause("AMQP-3-a")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("AMQP has no batched mode").with_clause("AMQP-1.3-a")
}

#[cold]
fn no_payload(what: String) -> Error {
    Error::new(ErrorKind::InvalidData)
        .with_detail(format!("the body is {what}; the payload of an event is in data sections"))
        .with_clause("AMQP-3.1.2-a")
}

#[cold]
fn mixed_separators(name: &str) -> Error {
    Error::new(ErrorKind::InvalidName)
        .with_attribute(name)
        .with_detail("`cloudEvents_` and `cloudEvents:` are both in one message")
        .with_clause("AMQP-3.1.3.1-c")
}

/// Reads properties without a prefix as extensions, if name and value fit an extension and no attribute has the name already.
///
/// Other properties are not part of the event, and are no mistake of it.
#[cold]
fn unprefixed(message: &impl Sections, look: &Look<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let limits = assembler.decoding().limits;
    let attributes = message.application_properties().filter_map(|(property, _)| look.attribute(property));
    let mut taken: Vec<_> = attributes.map(|(name, _)| name).collect();
    for (property, value) in message.application_properties() {
        // The content type is still to come.
        let is_room = taken.len().saturating_add(1) < limits.attributes;
        let is_extension = name::is_extension(property) && value::is_extension(value, limits.value);
        if !is_room || !is_extension || property.len() > limits.name || taken.contains(&property) {
            continue;
        }
        taken.push(property);
        value::read(property, value, assembler)?;
        assembler.repaired(Repair::new(RepairKind::UnprefixedExtension).with_attribute(property));
    }
    Ok(())
}

/// `datacontenttype` among the application properties: some producers repeat the property content-type there. They must agree.
///
/// Returns whether leniency has read it in place of the property, which is absent, or says nothing about the bytes.
#[cold]
fn named_content_type(
    value: Property<'_>,
    media_type: Option<&str>,
    assembler: &mut Assembler<'_>,
) -> Result<bool, Error> {
    let error = match (media_type, value) {
        (Some(media_type), Property::Text(text)) if text == media_type => return Ok(false),
        (_, Property::Null) => return Ok(false),
        (Some(_), _) => Error::new(ErrorKind::DuplicateAttribute)
            .with_detail("the application property for datacontenttype and the property content-type differ"),
        (None, _) => Error::new(ErrorKind::InvalidName).with_detail(
            "it travels as the property content-type and does not stand in for it among the application properties",
        ),
    };
    let error = error.with_attribute("datacontenttype").with_clause("AMQP-3.1.1-a");
    match value {
        Property::Text(text)
            if media_type.is_none_or(|stated| stated == MediaType::OCTET_STREAM.as_str())
                && assembler.decoding().leniency.allows(RepairKind::NamedContentType) =>
        {
            let piece = assembler.push(text)?;
            assembler.named("datacontenttype", Given::Text(piece))?;
            let repair = Repair::new(RepairKind::NamedContentType).with_attribute("datacontenttype");
            assembler.repaired(repair.with_cause(error));
            Ok(true)
        }
        _ => assembler.ignore_or_refuse(error).map(|()| false),
    }
}

/// Names the prefix of another protocol that the attributes have, and the repair if it reads the message.
#[cold]
fn with_help(error: Error, message: &impl Sections, with: &DecodeOptions) -> Error {
    let foreign = message.application_properties().find_map(|(property, _)| name::foreign_prefix(property));
    let Some(prefix) = foreign.filter(|_| !with.leniency.allows(RepairKind::ForeignPrefix)) else {
        return error;
    };
    let lenient = with.clone().with_leniency(with.leniency.with(RepairKind::ForeignPrefix));
    let reads = if event(message, &lenient).is_ok() { "; the repair `foreign-prefix` reads it" } else { "" };
    error.with_help(format!("the prefix `{prefix}` is that of another protocol{reads}"))
}

#[cold]
fn twice() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_clause("CE-Context-Attributes-d")
}
