//! Payloads: the member `data`.

use crate::wire::{head_length, is_byte_string, put_head};
use bytes::Bytes;
use cloudevents_core::{
    Data, Error, ErrorKind, Event, JsonText, Loss, LossClass, Losses, MediaType, Payload, Repair, RepairKind,
    TextBuffer,
    codec::{
        self, Assembler, Room,
        cbor::{BYTES, Head, Reader, TEXT, not_utf8},
        content_type_stated, cut, form_lost, type_url_lost,
    },
};
use std::{borrow::Cow, ops::Range};

/// The payload as it was found, until all attributes are known.
pub(crate) struct Found {
    /// The item in the document.
    item: Range<usize>,
    kind: Kind,
}

enum Kind {
    /// The contents in the document.
    Bytes(Range<usize>),
    /// The contents in the document; whether they are UTF-8 is not known yet.
    Text(Range<usize>),
    /// Put together.
    BytesInChunks(Vec<u8>),
    /// Put together.
    TextInChunks(String),
    Other,
}

impl Found {
    /// The item at the reader.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'_>, levels: u32) -> Result<Self, Error> {
        let start = reader.position();
        let head = reader.head()?;
        let kind = match head.major {
            BYTES => match reader.bytes(head)? {
                Cow::Borrowed(bytes) => Kind::Bytes(last(reader, bytes.len())),
                Cow::Owned(bytes) => Kind::BytesInChunks(bytes),
            },
            TEXT => Self::text(head, reader)?,
            _ => {
                reader.skip_rest(head, levels)?;
                Kind::Other
            }
        };
        Ok(Self { item: start..reader.position(), kind })
    }

    #[inline]
    fn text(head: Head, reader: &mut Reader<'_>) -> Result<Kind, Error> {
        Ok(if head.argument.is_some() {
            let length = reader.bytes(head)?.len();
            Kind::Text(last(reader, length))
        } else {
            Kind::TextInChunks(reader.text(head)?.into_owned())
        })
    }

    /// Decides the kind of payload, once the content type is known.
    #[inline]
    pub(crate) fn decide(self, document: Bytes, assembler: &mut Assembler<'_>) -> Result<Payload, Error> {
        // Bytes stay bytes under every content type.
        match self.kind {
            Kind::Bytes(range) => return Ok(Payload::binary(cut(document, range))),
            Kind::BytesInChunks(bytes) => return Ok(Payload::binary(bytes)),
            _ => {}
        }
        let content_type = assembler.content_type();
        let is_cbor = content_type.is_none_or(MediaType::is_cbor);
        match self.kind {
            Kind::Text(range) if !is_cbor => {
                let at = range.start;
                let text = TextBuffer::new(cut(document, range)).map_err(|error| {
                    let valid = error.offset().and_then(|offset| usize::try_from(offset).ok());
                    not_utf8(at.saturating_add(valid.unwrap_or_default()))
                })?;
                Ok(codec::characters(text, content_type))
            }
            Kind::Text(_) => {
                let mut reader = Reader::at(&document, self.item.start);
                reader.skip(0)?;
                item(document, self.item)
            }
            Kind::TextInChunks(text) if !is_cbor => Ok(codec::characters(text, content_type)),
            Kind::Other if !is_cbor => item_as_bytes(document, self.item, assembler),
            _ => item(document, self.item),
        }
    }
}

/// The error for a second payload.
#[cold]
pub(crate) fn duplicate(at: usize) -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("data")
        .with_offset(at)
        .with_clause("CBOR-3.1.1-e")
}

/// How a payload is written.
#[derive(Clone, Copy)]
pub(crate) enum Written<'a> {
    Nothing,
    Text(&'a str),
    Bytes(&'a [u8]),
    Item(&'a [u8]),
}

impl<'a> Written<'a> {
    /// How the payload of an event is written (CBOR format, section 3.1.1).
    #[inline]
    pub(crate) fn of(event: &Event, data: Option<Data<'a>>) -> Self {
        match data {
            None => Self::Nothing,
            Some(Data::Json(json)) => Self::Text(json.as_str()),
            Some(Data::Text(text) | Data::Xml(text)) => Self::Text(text),
            Some(Data::Cbor(item)) if says_cbor(event) => Self::Item(item),
            Some(data) => Self::Bytes(data.as_bytes()),
        }
    }

    /// `datacontenttype` as stated, or made explicit if the document would otherwise mean something else than the event.
    #[inline]
    pub(crate) fn content_type(self, event: &Event) -> Option<MediaType<'_>> {
        event.datacontenttype().or_else(|| match self {
            // An absent content type means the same.
            Self::Item(_) => None,
            _ => event.content_type(),
        })
    }

    /// The bytes after the head; for an encoded item, the whole item.
    #[inline]
    pub(crate) fn contents(self) -> &'a [u8] {
        match self {
            Self::Nothing => &[],
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(contents) | Self::Item(contents) => contents,
        }
    }

    /// The length of the head.
    #[inline]
    pub(crate) fn head_length(self) -> usize {
        match self {
            Self::Nothing | Self::Item(_) => 0,
            Self::Text(_) | Self::Bytes(_) => head_length(self.contents().len() as u64),
        }
    }

    /// Writes the head.
    #[inline(always)]
    pub(crate) fn put_head(self, room: &mut Room<'_>) {
        match self {
            Self::Nothing | Self::Item(_) => {}
            Self::Text(text) => put_head(TEXT, text.len() as u64, room),
            Self::Bytes(bytes) => put_head(BYTES, bytes.len() as u64, room),
        }
    }

    /// The losses: parts that do not read back unchanged.
    #[inline]
    pub(crate) fn losses(self, event: &Event, data: Option<Data<'_>>) -> Losses {
        let mut losses = Losses::none();
        let mut meaning = |kind, detail| losses.push(Loss::of_data(LossClass::Meaning, kind, detail));
        match (self, data) {
            (Self::Text(_), _) if self.content_type(event).is_none_or(MediaType::is_cbor) => {
                meaning("text-as-cbor", "text under a CBOR content type, or none, becomes a CBOR item");
            }
            (Self::Text(text), Some(Data::Text(_)))
                if event.datacontenttype().is_some_and(MediaType::is_json)
                    && JsonText::parse(text).is_ok() =>
            {
                losses.push(form_lost("text-as-json", "text under a JSON content type becomes JSON"));
            }
            (Self::Text(_), Some(Data::Xml(_))) => {
                losses.push(form_lost("xml-as-text", "an XML element becomes text"));
            }
            (Self::Item(item), _) if is_byte_string(item) => {
                meaning("byte-string", "a CBOR item that is a byte string becomes bytes");
            }
            (_, Some(Data::Proto { type_url, .. })) => losses.push(type_url_lost(type_url)),
            _ => {}
        }
        if event.datacontenttype().is_none() && self.content_type(event).is_some() {
            losses.push(content_type_stated());
        }
        losses
    }
}

/// Whether the content type of the event is CBOR, or implied to be.
fn says_cbor(event: &Event) -> bool {
    event.datacontenttype().is_none_or(MediaType::is_cbor)
}

fn item(document: Bytes, range: Range<usize>) -> Result<Payload, Error> {
    let at = range.start;
    Payload::cbor(cut(document, range)).map_err(|error| error.with_offset(at))
}

#[cold]
fn item_as_bytes(
    document: Bytes,
    range: Range<usize>,
    assembler: &mut Assembler<'_>,
) -> Result<Payload, Error> {
    let error = Error::new(ErrorKind::InvalidData)
        .with_detail("data is neither a text string nor a byte string, and datacontenttype is not CBOR")
        .with_offset(range.start)
        .with_help("correct datacontenttype, or write the payload as a text string or byte string")
        .with_clause("CBOR-3.1.2-e");
    if !assembler.decoding().leniency.allows(RepairKind::DataAsText) {
        return Err(error);
    }
    assembler.repaired(Repair::new(RepairKind::DataAsText).with_cause(error));
    Ok(Payload::binary(cut(document, range)))
}

/// The last bytes that were read.
#[inline]
fn last(reader: &Reader<'_>, length: usize) -> Range<usize> {
    reader.position().saturating_sub(length)..reader.position()
}
