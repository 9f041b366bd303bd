//! Headers and body to messages and events.

use crate::{
    mode::{Headers, not_a_cloudevent, repeated},
    value,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message, Payload, Repair, RepairKind,
    codec::{Assembler, Detected, Given, decode_base64, detect},
};
use cloudevents_json::{assume, find, recognize};

/// Reads one event from the headers and the body of a request or response, in binary or structured mode.
///
/// The headers are a `&HeaderMap`, or pairs of any other library's names and values. Names are in any letter case, values are text or
/// bytes. A header that has several values comes as several pairs.
///
/// The body is not copied. Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean that the message bears no mark of CloudEvents.
/// Errors of kind [`Batched`](ErrorKind::Batched) mean that it is a batch. JSON is understood without being in [`DecodeOptions::formats`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use std::collections::HashMap;
///
/// let request = http::Request::post("/")
///     .header("ce-specversion", "1.0")
///     .header("ce-id", "1")
///     .header("ce-source", "/orders")
///     .header("ce-type", "com.example.order.placed")
///     .header("ce-subject", "caf%C3%A9")
///     .header("content-type", "application/json")
///     .body(bytes::Bytes::from_static(b"{\"total\":1.10}"))?;
/// let (parts, body) = request.into_parts();
/// let options = DecodeOptions::strict();
/// let event = cloudevents_http::decode(&parts.headers, body.clone(), &options)?.value;
/// assert_eq!(event.subject(), Some("café"));
///
/// // What a client or server without the `http` crate has:
/// let pairs = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
/// assert_eq!(cloudevents_http::decode(pairs, body, &options)?.value, event);
/// let map = HashMap::from([("Ce-Specversion", "1.0"), ("Ce-Id", "1"), ("Ce-Source", "/s"), ("Ce-Type", "t")]);
/// assert_eq!(cloudevents_http::decode(map, bytes::Bytes::new(), &options)?.value.id(), "1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode<N: AsRef<str>, V: AsRef<[u8]>>(
    headers: impl IntoIterator<Item = (N, V)>,
    body: Bytes,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(body.len())?;
    let headers = Headers::read(headers);
    let (media_type, detected, repairs) = open(&headers, &body, with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(&headers, media_type, body, with),
        Detected::Structured(id) => find(&id, &with.formats)?.decode(body, with),
        Detected::Batched(_) => Err(batched()),
    };
    Ok(with_repairs(decoded?, repairs))
}

/// Reads all events of a message: the events of a batch, or the event of a binary or structured message.
///
/// Headers and errors are those of [`decode`], without [`Batched`](ErrorKind::Batched).
pub fn decode_events<N: AsRef<str>, V: AsRef<[u8]>>(
    headers: impl IntoIterator<Item = (N, V)>,
    body: Bytes,
    with: &DecodeOptions,
) -> Result<Decoded<Vec<Event>>, Error> {
    with.limits.check_bytes(body.len())?;
    let headers = Headers::read(headers);
    let (media_type, detected, repairs) = open(&headers, &body, with)?;
    let one = match detected {
        Detected::NotADocument => binary(&headers, media_type, body, with),
        Detected::Structured(id) => find(&id, &with.formats)?.decode(body, with),
        Detected::Batched(id) => {
            return Ok(with_repairs(find(&id, &with.formats)?.decode_batch(body, with)?, repairs));
        }
    };
    Ok(with_repairs(one?.map(|event| vec![event]), repairs))
}

/// Reads a message without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Headers are those of [`decode`]. A document in a format that is not in [`DecodeOptions::formats`] is a message, too.
pub fn decode_message<N: AsRef<str>, V: AsRef<[u8]>>(
    headers: impl IntoIterator<Item = (N, V)>,
    body: Bytes,
    with: &DecodeOptions,
) -> Result<Decoded<Message>, Error> {
    with.limits.check_bytes(body.len())?;
    let headers = Headers::read(headers);
    let (media_type, detected, repairs) = open(&headers, &body, with)?;
    let decoded = match detected {
        Detected::NotADocument => binary(&headers, media_type, body, with)?.map(Message::Binary),
        Detected::Structured(id) => Decoded::clean(Message::Structured(recognize(id, body, &with.formats))),
        Detected::Batched(id) => Decoded::clean(Message::Batched(recognize(id, body, &with.formats))),
    };
    Ok(with_repairs(decoded, repairs))
}

/// The content type and the detected mode, and the repairs if the content type had to be assumed, or is there several times.
type Opened<'h> = (Option<&'h str>, Detected, Vec<Repair>);

/// Adds repairs, as the first.
#[inline]
fn with_repairs<T>(mut decoded: Decoded<T>, repairs: Vec<Repair>) -> Decoded<T> {
    if !repairs.is_empty() {
        decoded.repairs.splice(0..0, repairs);
    }
    decoded
}

#[inline]
fn open<'h, N: AsRef<str>, V: AsRef<[u8]>>(
    headers: &'h Headers<N, V>,
    body: &Bytes,
    with: &DecodeOptions,
) -> Result<Opened<'h>, Error> {
    if headers.is_encoded() {
        return Err(encoded());
    }
    let (media_type, is_repeated) = headers.content_type(with.leniency)?;
    let mut repairs = Vec::new();
    if is_repeated {
        repairs.push(repeated());
    }
    match detect(media_type)? {
        Detected::NotADocument if !headers.is_marked(with.leniency) => {
            let error = with_help(not_a_cloudevent(), headers, media_type, body, with);
            repairs.push(assume(body, error, with)?);
            Ok((media_type, Detected::Structured(FormatId::JSON), repairs))
        }
        Detected::NotADocument => {
            repairs.extend(headers.foreign());
            Ok((media_type, Detected::NotADocument, repairs))
        }
        detected => Ok((media_type, detected, repairs)),
    }
}

/// Names the prefix of another protocol that the attributes have, and the repair if it reads the message.
#[cold]
fn with_help<N: AsRef<str>, V: AsRef<[u8]>>(
    error: Error,
    headers: &Headers<N, V>,
    media_type: Option<&str>,
    body: &Bytes,
    with: &DecodeOptions,
) -> Error {
    if !headers.is_foreign() {
        return error;
    }
    let lenient = with.clone().with_leniency(with.leniency.with(RepairKind::ForeignPrefix));
    let reads = match binary(headers, media_type, body.clone(), &lenient) {
        Ok(_) => "; the repair `foreign-prefix` reads it",
        Err(_) => "",
    };
    error.with_help(format!("the prefix `ce_` is that of another protocol{reads}"))
}

#[cold]
fn encoded() -> Error {
    Error::new(ErrorKind::ContentEncoding)
        .with_help("turn on `Decompression`, or decompress the body with a limit before the event is read")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_clause("HTTP-3-c")
}

#[inline]
fn binary<N: AsRef<str>, V: AsRef<[u8]>>(
    headers: &Headers<N, V>,
    media_type: Option<&str>,
    body: Bytes,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    let mut assembler = Assembler::new(with);
    // One allocation, of the right size but for the names of core attributes.
    assembler.reserve(headers.attribute_bytes().saturating_add(media_type.map_or(0, str::len)));
    for (name, value) in headers.attributes() {
        if &*name == "datacontenttype" {
            prefixed_content_type(&mut assembler)?;
        } else {
            value::read(&name, value, &mut assembler)?;
        }
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

#[cold]
fn prefixed_content_type(assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = Error::new(ErrorKind::InvalidName)
        .with_attribute("datacontenttype")
        .with_detail("it travels as Content-Type; a ce-datacontenttype header must not be there")
        .with_clause("HTTP-3.1.1-b");
    assembler.ignore_or_refuse(error)
}
