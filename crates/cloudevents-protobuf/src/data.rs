//! Payloads: the three branches of the oneof `data`.

use crate::{
    value::place,
    wire::{Content, Field, Reader, Text, bytes_tag, field_length, put_length, put_payload, wrong_wire_type},
};
use bytes::Bytes;
use cloudevents_core::{
    Data, Error, ErrorKind, Event, Losses, MediaType, Payload, TextBuffer,
    codec::{self, content_type_stated, cut, form_lost},
};
use core::ops::Range;

/// A payload that was found. Ranges are ranges of the event's part of the document.
pub(crate) enum Found {
    Binary(Range<usize>),
    Text(Range<usize>),
    Any { type_url: String, value: Range<usize> },
}

impl Found {
    /// The field, of number 6, 7 or 8, of an event that begins at `start`.
    pub(crate) fn read<'a>(message: &Reader<'a>, field: Field<'a>, start: usize) -> Result<Self, Error> {
        let Content::Bytes(bytes) = field.content else {
            let name = match field.number {
                6 => "binary_data",
                7 => "text_data",
                _ => "proto_data",
            };
            return Err(wrong_wire_type(name, field.content, field.at));
        };
        let range = range(bytes, field.at, start);
        match field.number {
            6 => Ok(Self::Binary(range)),
            7 => Ok(Self::Text(range)),
            _ => Self::any(message.inner(bytes, field.at), start),
        }
    }

    /// The message `google.protobuf.Any`.
    fn any(mut message: Reader<'_>, start: usize) -> Result<Self, Error> {
        let (mut type_url, mut value) = ("", 0..0);
        while let Some(field) = message.field()? {
            match (field.number, field.content) {
                (1, Content::Bytes(bytes)) => type_url = Text { bytes, at: field.at }.read()?,
                (2, Content::Bytes(bytes)) => value = range(bytes, field.at, start),
                (1, other) => return Err(wrong_wire_type("type_url", other, field.at)),
                (2, other) => return Err(wrong_wire_type("value", other, field.at)),
                _ => {}
            }
        }
        Ok(Self::Any { type_url: type_url.to_owned(), value })
    }

    /// The payload, cut out of the event's part of the document. The content type decides the kind of a text.
    #[inline]
    pub(crate) fn cut(
        self,
        part: Bytes,
        start: usize,
        content_type: Option<MediaType<'_>>,
    ) -> Result<Payload, Error> {
        Ok(match self {
            Self::Binary(range) => Payload::binary(cut(part, range)),
            Self::Any { type_url, value } => Payload::proto(type_url, cut(part, value)),
            Self::Text(range) => {
                let at = start.saturating_add(range.start);
                let text = TextBuffer::new(cut(part, range)).map_err(|error| not_utf8(&error, at))?;
                codec::characters(text, content_type)
            }
        })
    }
}

/// The error for a second payload: protobuf would let the last one win.
#[cold]
pub(crate) fn conflicting(at: usize) -> Error {
    Error::new(ErrorKind::ConflictingData)
        .with_detail("binary_data, text_data and proto_data: there is one of them, once")
        .with_offset(at)
}

/// The `datacontenttype` to make explicit if none is stated and the document would otherwise not determine the kind of payload.
pub(crate) fn implied<'a>(event: &'a Event, data: Option<Data<'a>>) -> Option<MediaType<'a>> {
    match data {
        // The branch implies it.
        Some(Data::Proto { .. }) => None,
        _ => event.content_type(),
    }
}

/// The length of the field.
#[inline]
pub(crate) fn length(data: Data<'_>) -> usize {
    match data {
        Data::Proto { type_url, value } => field_length(any_length(type_url, value)),
        _ => field_length(data.as_bytes().len()),
    }
}

/// Appends the field.
#[inline]
pub(crate) fn write(data: Data<'_>, out: &mut Vec<u8>) {
    match data {
        Data::Json(_) | Data::Text(_) | Data::Xml(_) => put_payload(bytes_tag(7), data.as_bytes(), out),
        Data::Proto { type_url, value } => {
            out.push(bytes_tag(8));
            put_length(any_length(type_url, value), out);
            for (number, bytes) in [(1, type_url.as_bytes()), (2, value)] {
                if !bytes.is_empty() {
                    put_payload(bytes_tag(number), bytes, out);
                }
            }
        }
        _ => put_payload(bytes_tag(6), data.as_bytes(), out),
    }
}

/// Text that is JSON reads back as JSON under a JSON content type. There are no elements of XML and no items of CBOR.
#[inline]
pub(crate) fn losses(event: &Event, data: Data<'_>, losses: &mut Losses) {
    match data {
        Data::Text(text)
            if event.datacontenttype().is_some_and(MediaType::is_json)
                && cloudevents_core::JsonText::parse(text).is_ok() =>
        {
            losses.push(form_lost("text-as-json", "text under a JSON content type becomes JSON"));
        }
        Data::Xml(_) => losses.push(form_lost("xml-as-text", "an XML element becomes text")),
        Data::Cbor(_) => losses.push(form_lost("cbor-as-bytes", "a CBOR item becomes bytes")),
        _ => {}
    }
    if event.datacontenttype().is_none() && implied(event, Some(data)).is_some() {
        losses.push(content_type_stated());
    }
}

fn any_length(type_url: &str, value: &[u8]) -> usize {
    [type_url.len(), value.len()]
        .into_iter()
        .filter(|length| *length > 0)
        .fold(0, |sum, length| sum.saturating_add(field_length(length)))
}

fn range(bytes: &[u8], at: usize, start: usize) -> Range<usize> {
    let begin = at.saturating_sub(start);
    begin..begin.saturating_add(bytes.len())
}

#[cold]
fn not_utf8(error: &Error, at: usize) -> Error {
    let valid = error.offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or_default();
    place(
        Error::new(ErrorKind::InvalidUtf8).with_detail("text_data is UTF-8").with_clause("PROTO-3-d"),
        at.saturating_add(valid),
    )
}
