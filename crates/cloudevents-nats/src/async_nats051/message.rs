//! Conversion between messages of async-nats and of the codec.

use crate::{Encoding, MessageView, NatsMessage};
use async_nats::{HeaderMap, HeaderName, HeaderValue, Subject, message::OutboundMessage, subject::ToSubject};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Losses, Message, TextBuffer};

/// Decodes the event of a message of async-nats. The payload is not copied. Errors are those of
/// [`decode`](crate::decode()).
///
/// ```
/// use async_nats::Message;
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_nats::async_nats051::{decode, encode};
///
/// # fn example(received: Message) -> Result<(), Box<dyn std::error::Error>> {
/// let event = decode(&received, &DecodeOptions::strict())?.value; // subscriber.next().await
/// let (message, _) = encode("orders.placed", &event, Mode::Binary)?; // client.publish_message(message).await?
/// # Ok(()) }
/// ```
pub fn decode(message: &async_nats::Message, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    crate::decode(&View(message), with)
}

/// Decodes a message of async-nats without parsing its document or payload. Errors are those of
/// [`decode_message`](crate::decode_message).
pub fn decode_message(
    message: &async_nats::Message,
    with: &DecodeOptions,
) -> Result<Decoded<Message>, Error> {
    crate::decode_message(&View(message), with)
}

/// Encodes an event as a message of async-nats, and returns it with the losses: the parts that the format could
/// not represent. The payload is not copied. Errors are those of [`encode`](crate::encode()).
///
/// ```
/// use cloudevents_core::{Event, Mode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (message, _) = cloudevents_nats::async_nats051::encode("orders.placed", &event, Mode::Binary)?;
/// assert_eq!(message.subject.as_str(), "orders.placed");
/// assert_eq!(message.headers.unwrap().get("ce-id").unwrap().as_str(), "1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<'a>(
    subject: impl ToSubject,
    event: &Event,
    with: impl Into<Encoding<'a>>,
) -> Result<(OutboundMessage, Losses), Error> {
    let (message, losses) = crate::encode(event, with)?;
    Ok((outbound(subject, message)?, losses))
}

/// Encodes a message as a message of async-nats. Documents do not change. Errors are those of
/// [`encode_message`](crate::encode_message).
pub fn encode_message(subject: impl ToSubject, message: &Message) -> Result<OutboundMessage, Error> {
    outbound(subject, crate::encode_message(message)?)
}

/// Returns headers and payload of a message of async-nats. The client does not keep the order of headers
/// with different names.
pub fn to_message(message: &async_nats::Message) -> NatsMessage {
    let headers = View(message)
        .headers()
        .map(|(name, value)| (TextBuffer::from(name.to_owned()), Bytes::copy_from_slice(value)))
        .collect();
    NatsMessage { headers, payload: message.payload.clone() }
}

/// Creates a message of async-nats to this subject. Without headers, servers before NATS 2.2 understand it, too.
///
/// Headers that NATS does not have are errors of kind [`Unsupported`](ErrorKind::Unsupported). These are names with a colon or with
/// characters other than visible ASCII, and values that are not UTF-8 or have line breaks.
pub fn outbound(subject: impl ToSubject, message: NatsMessage) -> Result<OutboundMessage, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &message.headers {
        append(&mut headers, name.as_str(), value)?;
    }
    let headers = (!headers.is_empty()).then_some(headers);
    Ok(OutboundMessage { subject: subject.to_subject(), reply: None, payload: message.payload, headers })
}

/// Adds a header, after others of the same name.
pub(super) fn append(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), Error> {
    let known = match name {
        "ce-specversion" => SPECVERSION,
        "ce-id" => ID,
        "ce-source" => SOURCE,
        "ce-type" => TYPE,
        "ce-subject" => SUBJECT,
        "ce-time" => TIME,
        "ce-datacontenttype" => DATACONTENTTYPE,
        _ => name.parse().map_err(|_| no_header("name"))?,
    };
    let value = std::str::from_utf8(value).map_err(|_| no_header("value"))?;
    let value: HeaderValue = value.parse().map_err(|_| no_header("value"))?;
    headers.append(known, value);
    Ok(())
}

/// Names that are not copied.
const SPECVERSION: HeaderName = HeaderName::from_static("ce-specversion");
const ID: HeaderName = HeaderName::from_static("ce-id");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const TYPE: HeaderName = HeaderName::from_static("ce-type");
const SUBJECT: HeaderName = HeaderName::from_static("ce-subject");
const TIME: HeaderName = HeaderName::from_static("ce-time");
const DATACONTENTTYPE: HeaderName = HeaderName::from_static("ce-datacontenttype");

/// A subject of a valid name.
pub(super) fn subject(name: &str) -> Result<Subject, Error> {
    let valid = Subject::validated(name).map_err(|_| super::failure::invalid_subject())?;
    if valid.split('.').any(|token| matches!(token, "*" | ">")) || valid.chars().any(char::is_control) {
        return Err(super::failure::invalid_subject());
    }
    Ok(valid)
}

/// A message of async-nats, as the codec reads it.
pub(super) struct View<'m>(pub(super) &'m async_nats::Message);

impl MessageView for View<'_> {
    #[inline]
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.headers.iter().flat_map(HeaderMap::iter).flat_map(|(name, values)| {
            values.iter().map(move |value| (AsRef::<str>::as_ref(name), value.as_str().as_bytes()))
        })
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    #[inline]
    fn payload_bytes(&self) -> Bytes {
        self.0.payload.clone()
    }
}

#[cold]
fn no_header(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("NATS has no header with this {what}"))
        .with_help("names are visible ASCII without a colon; values are UTF-8 without line breaks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive() {
        let message = NatsMessage::new("{}")
            .with_header("ce-id", "1")
            .with_header("ce-id", "2")
            .with_header("X-Other", "Größe")
            .with_header("Empty", "");
        let outbound = outbound("a.b", message).unwrap();
        let back = to_message(&async_nats::Message {
            subject: outbound.subject,
            reply: None,
            payload: outbound.payload,
            headers: outbound.headers,
            status: None,
            description: None,
            length: 0,
        });
        let mut headers: Vec<_> =
            back.headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        headers.sort_by_key(|(name, _)| *name);
        let expected: [(&str, &[u8]); 4] =
            [("Empty", b""), ("X-Other", "Größe".as_bytes()), ("ce-id", b"1"), ("ce-id", b"2")];
        assert_eq!((headers.as_slice(), &back.payload[..]), (&expected[..], &b"{}"[..]));
    }

    #[test]
    fn what_is_no_header_is_an_error() {
        for (name, value) in [("a b", "x"), ("a:", "x"), ("é", "x"), ("a", "x\ny"), ("a", "x\r")] {
            let message = NatsMessage::new("").with_header(name, value);
            assert_eq!(outbound("s", message).unwrap_err().kind(), ErrorKind::Unsupported, "{name}: {value}");
        }
        let message = NatsMessage::new("").with_header("a", Bytes::from_static(b"\xff"));
        assert_eq!(outbound("s", message).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn subjects_to_publish_to() {
        assert!(subject("a.b").is_ok() && subject("a.b*").is_ok());
        for name in ["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\u{1}"] {
            assert_eq!(subject(name).unwrap_err().kind(), ErrorKind::InvalidString, "{name}");
        }
    }
}
