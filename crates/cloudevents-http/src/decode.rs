//! Headers and body to messages and events.

use crate::{mode::content_type, name, value};
use bytes::Bytes;
use cloudevents_core::{
    Assembler, Decoded, Decoding, Detected, Error, ErrorKind, Event, Given, Message, Payload, Repair,
    RepairKind, decode_base64, detect,
};
use cloudevents_json::format_of;
use http::{HeaderMap, header::CONTENT_ENCODING};

/// Reads one event from the headers and the body of a request or response, in binary or structured mode.
///
/// The body is not copied. Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean that the message bears no
/// mark of CloudEvents; [`Batched`](ErrorKind::Batched), that it is a batch. JSON is understood without being in
/// [`Decoding::formats`].
///
/// ```
/// use cloudevents_core::Decoding;
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
/// let event = cloudevents_http::decode(&parts.headers, body, &Decoding::strict())?.value;
/// assert_eq!(event.subject(), Some("café"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(headers: &HeaderMap, body: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
    let (media_type, detected) = open(headers, &body, with)?;
    match detected {
        Detected::NotADocument => binary(headers, media_type, body, with),
        Detected::Structured(id) => format_of(&id, &with.formats)?.decode(body, with),
        Detected::Batched(_) => Err(Error::new(ErrorKind::Batched).with_clause("HTTP-3-c")),
    }
}

/// Reads all events of a message: those of a batch, or the one of a binary or structured message.
pub fn decode_events(
    headers: &HeaderMap,
    body: Bytes,
    with: &Decoding,
) -> Result<Decoded<Vec<Event>>, Error> {
    match open(headers, &body, with)?.1 {
        Detected::Batched(id) => format_of(&id, &with.formats)?.decode_batch(body, with),
        _ => decode(headers, body, with).map(|decoded| decoded.map(|event| vec![event])),
    }
}

/// Reads a message without looking into its document or its payload: for forwarding it, and for looking at an attribute first.
///
/// Documents in formats that are not at hand are messages too.
pub fn decode_message(headers: &HeaderMap, body: Bytes, with: &Decoding) -> Result<Decoded<Message>, Error> {
    let (media_type, detected) = open(headers, &body, with)?;
    match detected {
        Detected::NotADocument => {
            binary(headers, media_type, body, with).map(|decoded| decoded.map(Message::Binary))
        }
        Detected::Structured(format) => Ok(Decoded::clean(Message::Structured { format, body })),
        Detected::Batched(format) => Ok(Decoded::clean(Message::Batched { format, body })),
    }
}

#[inline]
fn open<'a>(
    headers: &'a HeaderMap,
    body: &Bytes,
    with: &Decoding,
) -> Result<(Option<&'a str>, Detected), Error> {
    with.limits.check_bytes(body.len())?;
    if headers.contains_key(CONTENT_ENCODING) {
        check_content_encoding(headers)?;
    }
    let media_type = content_type(headers)?;
    Ok((media_type, detect(media_type)?))
}

#[cold]
fn check_content_encoding(headers: &HeaderMap) -> Result<(), Error> {
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ContentEncoding).with_help(
        "undo the encoding before the event is read, by a decompression layer with a limit, for example",
    ))
}

#[inline]
fn binary(
    headers: &HeaderMap,
    media_type: Option<&str>,
    body: Bytes,
    with: &Decoding,
) -> Result<Decoded<Event>, Error> {
    let mut assembler = Assembler::new(with);
    // One allocation, of the right size but for the names of core attributes.
    let mut length = media_type.map_or(0, str::len);
    for (header, value) in headers {
        if name::attribute(header).is_some() {
            length = length.saturating_add(header.as_str().len()).saturating_add(value.len());
        }
    }
    assembler.reserve(length);
    let mut marked = false;
    for (header, value) in headers {
        let Some(name) = name::attribute(header) else { continue };
        marked = true;
        if name == "datacontenttype" {
            prefixed_content_type(&mut assembler)?;
        } else {
            value::read(name, value.as_bytes(), &mut assembler)?;
        }
    }
    if !marked {
        return Err(not_a_cloudevent());
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
    Ok(assembler.finish(payload))
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("there is neither a `ce-` header nor a media type under application/cloudevents")
        .with_clause("HTTP-3-e")
}

#[cold]
fn prefixed_content_type(assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = Error::new(ErrorKind::InvalidName)
        .with_attribute("datacontenttype")
        .with_detail("it travels as Content-Type; a ce-datacontenttype header must not be there")
        .with_clause("HTTP-3.1.1-b");
    if !assembler.decoding().leniency.allows(RepairKind::IgnoredHeader) {
        return Err(error);
    }
    assembler
        .repaired(Repair::new(RepairKind::IgnoredHeader).with_attribute("datacontenttype").with_cause(error));
    Ok(())
}
