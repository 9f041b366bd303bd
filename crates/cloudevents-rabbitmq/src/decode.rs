//! Messages of AMQP 0.9.1 to messages and events.

use crate::{Field, mode::Look, name, value, wire::MessageView};
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message, Payload, Repair, RepairKind,
    codec::{Assembler, Detected, Given, decode_base64, detect, is_content_type, is_encoded},
};
use cloudevents_json::{assume, find, recognize};

/// Reads one event from a message, in binary or structured mode.
///
/// The body is not copied if the message shares it, as [`RabbitMessage`](crate::RabbitMessage) does. An empty body means no payload. Errors
/// of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean that the message bears no mark of CloudEvents. Errors of kind
/// [`Batched`](ErrorKind::Batched) mean that it claims to be a batch, which the binding does not have. JSON is understood without being in
/// [`DecodeOptions::formats`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_rabbitmq::RabbitMessage;
///
/// let message = RabbitMessage::new("{}")
///     .with_content_type("application/json")
///     .with_header("ce-specversion", "1.0")
///     .with_header("ce-id", "1")
///     .with_header("ce-source", "/orders")
///     .with_header("ce-type", "com.example.order.placed");
/// let event = cloudevents_rabbitmq::decode(&message, &DecodeOptions::strict())?.value;
/// assert_eq!(event.ty(), "com.example.order.placed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let (opened, repair) = open(message, with)?;
    let decoded = match opened {
        Opened::Binary(look, found) => binary(message, &look, found, with),
        Opened::Document(id) => find(&id, &with.formats)?.decode(message.body_bytes(), with),
    };
    Ok(decoded?.with_repair(repair))
}

/// Reads a message without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too. Batches are not.
pub fn decode_message(message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    let (opened, repair) = open(message, with)?;
    let decoded = match opened {
        Opened::Binary(look, found) => binary(message, &look, found, with)?.map(Message::Binary),
        Opened::Document(id) => {
            Decoded::clean(Message::Structured(recognize(id, message.body_bytes(), &with.formats)))
        }
    };
    Ok(decoded.with_repair(repair))
}

/// The kind of a message.
enum Opened<'m> {
    /// An event in binary mode, with this content type.
    Binary(Look, ContentType<'m>),
    /// A document in this format.
    Document(FormatId),
}

/// Returns the kind of a message, and the repair if it does not state this kind.
#[inline]
fn open<'m>(
    message: &'m impl MessageView,
    with: &DecodeOptions,
) -> Result<(Opened<'m>, Option<Repair>), Error> {
    with.limits.check_bytes(message.body().len())?;
    let found = ContentType::of(message, with);
    let opened = match detect(found.media_type)? {
        Detected::NotADocument => Look::at(message).map(|look| Opened::Binary(look, found)),
        Detected::Structured(id) => Ok(Opened::Document(id)),
        Detected::Batched(_) => Err(batched()),
    };
    // A message that is no event may be encoded.
    let is_event = !matches!(&opened, Err(error) if error.kind() == ErrorKind::NotACloudEvent);
    if is_event && message.content_encoding().is_some_and(is_encoded) {
        return Err(encoded());
    }
    match opened {
        Err(error) if !is_event => {
            let assumed = assume(&message.body_bytes(), error, with)?;
            Ok((Opened::Document(FormatId::JSON), Some(assumed)))
        }
        opened => Ok((opened?, found.repair())),
    }
}

/// The content type: the property, or headers with other spellings of the name, since producers of other protocols know no properties.
#[derive(Clone, Copy)]
struct ContentType<'m> {
    media_type: Option<&'m str>,
    /// Whether it is in a header.
    is_respelled: bool,
    /// Whether such headers differ from each other, or from that of the attribute.
    differ: bool,
}

impl<'m> ContentType<'m> {
    #[inline]
    fn of(message: &'m impl MessageView, with: &DecodeOptions) -> Self {
        let media_type = message.content_type();
        if media_type.is_some() || !with.leniency.allows(RepairKind::ContentTypeName) {
            return Self { media_type, is_respelled: false, differ: false };
        }
        Self::respelled(message)
    }

    #[cold]
    fn respelled(message: &'m impl MessageView) -> Self {
        let (mut first, mut named, mut differ) = (None, None, false);
        for (header, value) in message.headers() {
            let Field::Bytes(value) = value else { continue };
            let Ok(value) = std::str::from_utf8(value) else { continue };
            if name::prefixed(header).map_or(header, |(name, _)| name) == "datacontenttype" {
                named = named.or(Some(value));
            } else if is_content_type(header) {
                differ |= *first.get_or_insert(value) != value;
            }
        }
        let is_document = |text: &&str| !matches!(detect(Some(text)), Ok(Detected::NotADocument));
        match named {
            // Beside attributes, strict reading sees no document either.
            _ if first.filter(is_document).is_some() && Look::at(message).is_ok() => {
                Self { media_type: None, is_respelled: false, differ: false }
            }
            // The exact name takes precedence. A mark of a document does not contradict it.
            Some(_) if first.is_some() && first.filter(is_document).is_none() => {
                Self { media_type: None, is_respelled: false, differ: differ || first != named }
            }
            _ => Self { media_type: first, is_respelled: first.is_some(), differ },
        }
    }

    fn repair(self) -> Option<Repair> {
        self.is_respelled.then(|| Repair::new(RepairKind::ContentTypeName).with_attribute("datacontenttype"))
    }
}

#[inline]
fn binary(
    message: &impl MessageView,
    look: &Look,
    found: ContentType<'_>,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    let media_type = found.media_type;
    let mut assembler = Assembler::new(with);
    if found.differ {
        assembler.ignore_or_refuse(spelled_differently())?;
    }
    assembler.reserve(look.length); // one allocation, of the right size
    let (mut named, mut is_overruled) = (false, false);
    for (header, value) in message.headers() {
        let Some(name) = name::attribute(header, look.spelling) else { continue };
        match media_type {
            Some(_) if name == "datacontenttype" && std::mem::replace(&mut named, true) => {
                return Err(twice());
            }
            Some(media_type) if name == "datacontenttype" => {
                if !agrees(value, media_type, &mut assembler)? {
                    value::read(name, value, &mut assembler)?;
                    is_overruled = true;
                }
            }
            _ => value::read(name, value, &mut assembler)?,
        }
    }
    // Reported last: an attribute in both spellings is a duplicate, which is the graver mistake.
    if look.mixed {
        return Err(mixed());
    }
    if let Some(media_type) = media_type.filter(|_| !is_overruled) {
        let piece = assembler.push(media_type)?;
        assembler.named("datacontenttype", Given::Text(piece))?;
    }
    let completed = assembler.complete()?;
    let body = message.body_bytes();
    let payload = match body.is_empty() {
        true => None,
        false if completed.base64 => Some(Payload::body(decode_base64(&body)?)),
        false => Some(Payload::body(body)),
    };
    assembler.finish(payload)
}

/// The binding's example has a header `ce-datacontenttype` beside the content type, so some producers write both. They must agree. If
/// leniency ignores one of them, it is the property: frameworks set it by themselves, for their own serializer.
#[cold]
fn agrees(value: Field<'_>, media_type: &str, assembler: &mut Assembler<'_>) -> Result<bool, Error> {
    if matches!(value, Field::Void) || value == Field::Bytes(media_type.as_bytes()) {
        return Ok(true);
    }
    let error = Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("a header for datacontenttype and the content-type differ");
    assembler.ignore_or_refuse(error).map(|()| false)
}

#[cold]
fn spelled_differently() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail(
            "headers with spellings of content-type differ from each other, or from that of datacontenttype",
        )
        .with_help("set the property content-type")
}

#[cold]
fn twice() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_clause("CE-Context-Attributes-d")
}

#[cold]
fn mixed() -> Error {
    Error::new(ErrorKind::InvalidName).with_detail(
        "attributes are named with more than one of `ce-`, `cloudEvents_` and `cloudEvents:` in one message",
    )
}

#[cold]
fn encoded() -> Error {
    Error::new(ErrorKind::ContentEncoding)
        .with_help("undo the encoding before the event is read, and leave the property content-encoding out")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("the binding of RabbitMQ has no batched mode")
}
