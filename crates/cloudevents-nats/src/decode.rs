//! Messages of NATS to messages and events.

use crate::{
    mode::{self, Look},
    name, value,
    wire::MessageView,
};
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Message, Payload, RepairKind,
    codec::{Assembler, Detected, decode_base64, repeated_content_type},
};
use cloudevents_json::{find, recognize};

/// Reads one event from a message, in binary or structured mode. The subject has no influence.
///
/// The payload is not copied if the message shares it, as [`NatsMessage`](crate::NatsMessage) does. An empty payload means no payload.
/// Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean that the message bears no mark of CloudEvents. Errors of kind
/// [`Batched`](ErrorKind::Batched) mean that it claims to be a batch, which NATS does not have. JSON is understood without being in
/// [`DecodeOptions::formats`]. Documents in other formats that the options list are read, too, although the binding does not write them.
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_nats::NatsMessage;
///
/// let message = NatsMessage::new("{}")
///     .with_header("ce-specversion", "1.0")
///     .with_header("ce-id", "1")
///     .with_header("ce-source", "/orders")
///     .with_header("ce-type", "com.example.order.placed")
///     .with_header("ce-subject", "caf%C3%A9");
/// let event = cloudevents_nats::decode(&message, &DecodeOptions::strict())?.value;
/// assert_eq!(event.subject(), Some("café"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(message.payload().len())?;
    let look = Look::at(message);
    let (detected, repair) = look.mode(message, with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(message, &look, with),
        Detected::Structured(id) => find(&id, &with.formats)?.decode(message.payload_bytes(), with),
        Detected::Batched(_) => Err(batched()),
    };
    Ok(decoded?.with_repair(repair))
}

/// Reads a message without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too. Batches are not.
pub fn decode_message(message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    with.limits.check_bytes(message.payload().len())?;
    let look = Look::at(message);
    let (detected, repair) = look.mode(message, with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(message, &look, with)?.map(Message::Binary),
        Detected::Structured(id) => {
            Decoded::clean(Message::Structured(recognize(id, message.payload_bytes(), &with.formats)))
        }
        Detected::Batched(_) => return Err(batched()),
    };
    Ok(decoded.with_repair(repair))
}

#[inline]
fn binary(
    message: &impl MessageView,
    look: &Look<'_>,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    let mut assembler = Assembler::new(with);
    assembler.reserve(look.length); // one allocation, of the right size
    let mut typed = Typed::default();
    for (header, value) in message.headers() {
        let Some(name) = name::attribute(header) else { continue };
        let value = if name == "datacontenttype" { typed.first(value, with) } else { Some(value) };
        if let Some(value) = value {
            value::read(&name, value, &mut assembler)?;
        }
    }
    let completed = assembler.complete()?;
    let payload = message.payload_bytes();
    let payload = match payload.is_empty() {
        true => None,
        false if completed.base64 => Some(Payload::body(decode_base64(&payload)?)),
        false => Some(Payload::body(payload)),
    };
    let decoded = assembler.finish(payload)?;
    Ok(decoded.with_repair(typed.is_repeated.then(|| mode::repeated("ce-datacontenttype"))))
}

/// The headers `ce-datacontenttype`, of which leniency ignores all but the first if they are equal, also after a comma.
#[derive(Default)]
struct Typed<'m> {
    value: Option<&'m [u8]>,
    is_repeated: bool,
}

impl<'m> Typed<'m> {
    /// The value to read. `None` if it was read before.
    fn first(&mut self, value: &'m [u8], with: &DecodeOptions) -> Option<&'m [u8]> {
        if self.value == Some(value) && with.leniency.allows(RepairKind::IgnoredHeader) {
            self.is_repeated = true;
            return None;
        }
        self.value.get_or_insert(value);
        let text = std::str::from_utf8(value).ok().map(str::trim);
        let joined = text.and_then(|text| repeated_content_type(text, with.leniency));
        self.is_repeated |= joined.is_some();
        Some(joined.map_or(value, str::as_bytes))
    }
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("NATS has no batched mode").with_clause("NATS-1.3-a")
}
