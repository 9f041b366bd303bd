//! Messages of a carrier to messages and events.

use crate::{
    Carrier, MessageView,
    mode::{self, Look, Opened, open},
    name, value,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Message, Payload, Repair, RepairKind,
    codec::{Assembler, Given, decode_base64},
};
use cloudevents_json::{find, recognize};

impl Carrier {
    /// Reads one event from a message, in binary or structured mode.
    ///
    /// The payload is not copied if the message shares it, as [`CarrierMessage`](crate::CarrierMessage) does. JSON is understood without
    /// being in [`DecodeOptions::formats`]. An attribute that is there twice is an error. Errors of kind
    /// [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean that the message bears no mark of CloudEvents. Errors of kind
    /// [`Batched`](ErrorKind::Batched) mean that it is a batch: [`decode_message`](Self::decode_message) reads it.
    ///
    /// ```
    /// use cloudevents_carriers::{CarrierMessage, rows::GOOGLE_PUBSUB};
    /// use cloudevents_core::DecodeOptions;
    ///
    /// let message = CarrierMessage::new("{}")
    ///     .with_header("ce-specversion", "1.0")
    ///     .with_header("ce-id", "1")
    ///     .with_header("ce-source", "/orders")
    ///     .with_header("ce-type", "com.example.order.placed")
    ///     .with_header("content-type", "application/json");
    /// let event = GOOGLE_PUBSUB.decode(&message, &DecodeOptions::strict())?.value;
    /// assert_eq!(event.source().as_str(), "/orders");
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn decode(&self, message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        let (opened, repairs) = open(self, message, with)?;
        let decoded = match opened {
            Opened::Binary(look, body) => binary(self, message, &look, body, with),
            Opened::Document(id, body) => find(&id, &with.formats)?.decode(body, with),
            Opened::Batch(..) => Err(mode::batched(self)),
        };
        Ok(with_repairs(decoded?, repairs))
    }

    /// Reads a message without looking into its document or its payload: for forwarding it, for batches, and for looking at an attribute
    /// first.
    ///
    /// Documents in unknown formats are messages, too. Batches are messages if the carrier has batches.
    pub fn decode_message(
        &self,
        message: &impl MessageView,
        with: &DecodeOptions,
    ) -> Result<Decoded<Message>, Error> {
        let (opened, repairs) = open(self, message, with)?;
        let decoded = match opened {
            Opened::Binary(look, body) => binary(self, message, &look, body, with)?.map(Message::Binary),
            Opened::Document(id, body) => {
                Decoded::clean(Message::Structured(recognize(id, body, &with.formats)))
            }
            Opened::Batch(id, body) => Decoded::clean(Message::Batched(recognize(id, body, &with.formats))),
        };
        Ok(with_repairs(decoded, repairs))
    }
}

/// Adds repairs, as the first.
fn with_repairs<T>(mut decoded: Decoded<T>, repairs: Vec<Repair>) -> Decoded<T> {
    decoded.repairs.splice(0..0, repairs);
    decoded
}

fn binary(
    carrier: &Carrier,
    message: &impl MessageView,
    look: &Look<'_>,
    body: Bytes,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    let media_type = look.media_type()?;
    let mut assembler = Assembler::new(with);
    if look.differ {
        assembler.ignore_or_refuse(spelled_differently())?;
    }
    assembler.reserve(look.length); // one allocation, of the right size
    let mut named = false;
    for (header, value) in message.headers() {
        if mode::is_key(carrier, header) {
            continue;
        }
        let Some(name) = look.attribute(carrier, header) else { continue };
        match media_type {
            // Examples of bindings have it beside the content type, so some producers write both. They must agree.
            Some(media_type) if name == "datacontenttype" => {
                if std::mem::replace(&mut named, true) {
                    return Err(twice());
                }
                if value.trim_ascii() != media_type.as_bytes() {
                    assembler.ignore_or_refuse(contradicts())?;
                }
            }
            _ => value::read(carrier, &name, value, &mut assembler)?,
        }
    }
    if with.leniency.allows(RepairKind::UnprefixedExtension) {
        unprefixed(carrier, message, look, &mut assembler)?;
    }
    if let Some(media_type) = media_type {
        let piece = assembler.push(media_type)?;
        assembler.named("datacontenttype", Given::Text(piece))?;
    }
    let completed = assembler.complete()?;
    let payload = match body.is_empty() {
        true => None,
        false if completed.base64 => Some(Payload::body(decode_base64(&body)?)),
        false => Some(Payload::body(body)),
    };
    assembler.finish(payload)
}

/// Reads headers without a prefix as extensions, if name and value fit an extension and no attribute has the name already.
///
/// Other headers are not part of the event, and are no mistake of it.
#[cold]
fn unprefixed(
    carrier: &Carrier,
    message: &impl MessageView,
    look: &Look<'_>,
    assembler: &mut Assembler<'_>,
) -> Result<(), Error> {
    let limits = assembler.decoding().limits;
    let named = message.headers().filter_map(|(header, _)| look.attribute(carrier, header));
    let mut taken: Vec<_> = named.map(std::borrow::Cow::into_owned).collect();
    for (header, value) in message.headers() {
        // The content type is still to come.
        let is_room = taken.len().saturating_add(1) < limits.attributes;
        let is_extension = name::is_extension(header) && std::str::from_utf8(value).is_ok();
        let is_small = header.len() <= limits.name && value.len() <= limits.value;
        if !is_room || !is_extension || !is_small || taken.iter().any(|name| name == header) {
            continue;
        }
        taken.push(header.to_owned());
        value::read(carrier, header, value, assembler)?;
        let repair = Repair::new(RepairKind::UnprefixedExtension).with_attribute(header.to_owned());
        assembler.repaired(repair);
    }
    Ok(())
}

#[cold]
fn contradicts() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("a header for datacontenttype and the content type differ")
}

#[cold]
fn spelled_differently() -> Error {
    Error::new(ErrorKind::DuplicateAttribute).with_attribute("datacontenttype").with_detail(
        "headers with spellings of content-type differ from each other, or from that of datacontenttype",
    )
}

#[cold]
fn twice() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_clause("CE-Context-Attributes-d")
}
