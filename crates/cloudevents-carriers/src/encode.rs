//! Events and messages to messages of a carrier.

use crate::{Body, Carrier, CarrierMessage, ContentType, Encoding, body, mode::is_key, value};
use bytes::Bytes;
use cloudevents_core::{
    ContentMode, Error, ErrorKind, Event, Format, FormatId, Loss, LossClass, Losses, Message, Mode,
    TextBuffer,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, check_binary_mode},
};

/// An event as a message of a carrier.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Encoded {
    /// The message.
    pub message: CarrierMessage,
    /// The content mode of the message. With [`Encoding::Auto`], it is the one that was chosen.
    pub mode: ContentMode,
    /// The parts that the message does not hold exactly.
    pub losses: Losses,
}

impl Carrier {
    /// Writes an event as a message. The payload is not copied, unless the body is Base64. Attributes are not copied if the event shares
    /// its text and no escapes are needed.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported) if the carrier does not have the mode or cannot hold the event, and of
    /// kinds [`TooMany`](ErrorKind::TooMany) and [`TooLarge`](ErrorKind::TooLarge) if the message does not [fit](Self::fits). Other errors
    /// are those of the format.
    ///
    /// ```
    /// use cloudevents_carriers::{Encoding, rows::GOOGLE_PUBSUB};
    /// use cloudevents_core::{ContentMode, Event, Mode};
    /// use cloudevents_json::Json;
    ///
    /// let event = |subject: &str| Event::builder().id("1").source("/s").ty("t").subject(subject).build();
    /// let encoded = GOOGLE_PUBSUB.encode(&event("100 %")?, Mode::Binary)?;
    /// assert_eq!(encoded.message.header("ce-subject"), Some(&b"100 %"[..]));
    ///
    /// // The value of an attribute has 1,024 bytes at most.
    /// let long = event(&"x".repeat(1025))?;
    /// assert!(GOOGLE_PUBSUB.encode(&long, Mode::Binary).is_err());
    /// assert_eq!(GOOGLE_PUBSUB.encode(&long, Encoding::Auto(&Json::new()))?.mode, ContentMode::Structured);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode<'a>(&self, event: &Event, with: impl Into<Encoding<'a>>) -> Result<Encoded, Error> {
        match with.into() {
            Encoding::Mode(Mode::Structured(format)) => structured(self, event, format),
            Encoding::Mode(_) => binary_mode(self, event),
            Encoding::Auto(format) => {
                // The event itself is valid: an error is one of the carrier.
                binary_mode(self, event).or_else(|_| structured(self, event, format))
            }
        }
    }

    /// Writes a message. The document of a structured message or a batch is moved, unchanged, unless the body is Base64.
    ///
    /// Errors are those of [`encode`](Self::encode). The changes that binary mode makes to an event are not reported here. [`encode`]
    /// returns them.
    ///
    /// ```
    /// use cloudevents_carriers::{MessageView, rows::{LINES, ZEROMQ}};
    /// use cloudevents_core::{Event, Message};
    /// use cloudevents_json::Json;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// let (batch, _) = Message::batched(std::slice::from_ref(&event), &Json::new())?;
    /// let encoded = ZEROMQ.encode_message(&batch)?;
    /// assert_eq!(encoded.content_type(), Some("application/cloudevents-batch+json"));
    /// assert!(LINES.encode_message(&batch).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`encode`]: Self::encode
    pub fn encode_message(&self, message: &Message) -> Result<CarrierMessage, Error> {
        require(self, message.mode())?;
        let written = match message {
            Message::Binary(event) => binary(self, event)?,
            Message::Batched(found) => {
                let media_type = found.format().batch_media_type();
                document(self, found.format(), &media_type, found.body().clone())?
            }
            Message::Structured(found) => {
                document(self, found.format(), &found.format().media_type(), found.body().clone())?
            }
            _ => return Err(no_mode(self, message.mode())),
        };
        self.fits(&written)?;
        Ok(written)
    }
}

fn structured(carrier: &Carrier, event: &Event, format: &dyn Format) -> Result<Encoded, Error> {
    require(carrier, ContentMode::Structured)?;
    let mut body = Vec::new();
    let mut losses = format.encode(event, &mut body)?;
    if format.id() == FormatId::JSON && spaced(carrier, &mut body) {
        let what = "line breaks between the tokens of JSON become spaces";
        losses.push(Loss::of_data(LossClass::Spelling, "line-breaks", what));
    }
    let message = document(carrier, &format.id(), format.media_type().as_str(), body.into())?;
    carrier.fits(&message)?;
    Ok(Encoded { message, mode: ContentMode::Structured, losses })
}

/// Writes a space for each line break that the carrier does not have. In JSON, line breaks stand between tokens alone: strings have
/// escapes. Returns whether there was one.
fn spaced(carrier: &Carrier, json: &mut [u8]) -> bool {
    let Body::Text { without } = carrier.body else { return false };
    let mut found = false;
    for byte in json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
        if without.contains(&char::from(*byte)) {
            (*byte, found) = (b' ', true);
        }
    }
    found
}

fn binary_mode(carrier: &Carrier, event: &Event) -> Result<Encoded, Error> {
    require(carrier, ContentMode::Binary)?;
    let message = binary(carrier, event)?;
    carrier.fits(&message)?;
    let losses = binary_mode_losses(event, BinaryMode::TEXT);
    Ok(Encoded { message, mode: ContentMode::Binary, losses })
}

fn document(
    carrier: &Carrier,
    format: &FormatId,
    media_type: &str,
    body: Bytes,
) -> Result<CarrierMessage, Error> {
    if carrier.content_type == ContentType::Unmarked && *format != FormatId::JSON {
        return Err(only_json(carrier, format));
    }
    let mut message = CarrierMessage::new(body::write(carrier, body)?);
    put_content_type(carrier, media_type, &mut message);
    Ok(message)
}

fn binary(carrier: &Carrier, event: &Event) -> Result<CarrierMessage, Error> {
    check_binary_mode(event)?;
    let attributes = event.attributes();
    let mut message = CarrierMessage::new(body::write(carrier, payload(event))?);
    message.headers.reserve(attributes.len().saturating_add(2));
    put(carrier, event, "specversion", event.specversion().as_str(), &mut message)?;
    for (name, value) in attributes {
        if name.as_str() != "datacontenttype" {
            put(carrier, event, name.as_str(), &value.to_canonical(), &mut message)?;
        }
    }
    match (event.content_type(), carrier.content_type) {
        (Some(media_type), ContentType::Unmarked) => {
            put(carrier, event, "datacontenttype", media_type.as_str(), &mut message)?;
        }
        (Some(media_type), _) => put_content_type(carrier, media_type.as_str(), &mut message),
        (None, _) => {}
    }
    Ok(message)
}

fn payload(event: &Event) -> Bytes {
    binary_mode_body(event).unwrap_or_default()
}

/// Adds the header of an attribute.
fn put(
    carrier: &Carrier,
    event: &Event,
    name: &str,
    text: &str,
    message: &mut CarrierMessage,
) -> Result<(), Error> {
    let header = format!("{}{name}", carrier.prefix);
    if is_key(carrier, &header) {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_attribute(name.to_owned())
            .with_detail(format!("over {}, `{header}` is the content type", carrier.name))
            .with_help("rename the extension, or send the event in structured mode"));
    }
    message.headers.push((header.into(), value::write(carrier, event, text)));
    Ok(())
}

/// States the media type, if the carrier has a place for it.
fn put_content_type(carrier: &Carrier, media_type: &str, message: &mut CarrierMessage) {
    match carrier.content_type {
        ContentType::Key(key) => {
            let value = Bytes::copy_from_slice(media_type.as_bytes());
            message.headers.push((TextBuffer::from_static(key), value));
        }
        ContentType::Native(_) => message.content_type = Some(media_type.into()),
        ContentType::Unmarked => {}
    }
}

fn require(carrier: &Carrier, mode: ContentMode) -> Result<(), Error> {
    if carrier.has(mode) { Ok(()) } else { Err(no_mode(carrier, mode)) }
}

#[cold]
fn no_mode(carrier: &Carrier, mode: ContentMode) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(format!("{} has no {mode} mode", carrier.name)).with_help(
        match mode {
            ContentMode::Batched => "send the events one by one",
            _ => "send the event in structured mode",
        },
    )
}

#[cold]
fn only_json(carrier: &Carrier, format: &FormatId) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("{} states no content type, and {format} is not JSON", carrier.name))
        .with_help("write the event in the JSON format")
}
