//! Putting decoded events together: the seam of every format and binding.

mod given;
mod rules;

pub use given::{AttributeName, Completed, CoreName, Given, TextWriter};

use crate::{
    Decoded, Decoding, Error, ErrorKind, Event, MediaType, Payload, Repair, SpecVersion, TextBuffer,
    attributes::{Core, ExtensionKind, Span},
    event::Body,
    name::is_name,
    parts::{Parts, is_plain_core, missing, side_span, text_span},
    piece::Piece,
    side::{NearSide, Side},
    timestamp::UtcText,
    v03,
};
use alloc::{string::String, vec::Vec};
use core::ops::Range;
use given::NO_NAME;
use rules::at;
use smallvec::SmallVec;

/// Puts an event together from what a decoder found, attribute by attribute, in any order.
///
/// All rules of attributes are here: names, types, values, duplicates, limits, leniency. A decoder knows its own syntax and
/// nothing else. Text is referred to by [`Piece`]s of the document or of a side buffer, so that it need not be copied.
///
/// ```
/// use cloudevents_core::{Assembler, Decoding, Given};
///
/// let decoding = Decoding::strict();
/// let mut assembler = Assembler::new(&decoding);
/// for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t"), ("ext", "x")] {
///     let (name, value) = (assembler.push(name)?, assembler.push(value)?);
///     assembler.attribute(name, Given::Text(value))?;
/// }
/// assembler.complete()?;
/// let event = assembler.finish(None).value;
/// assert_eq!(event.id(), "1");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Assembler<'d> {
    parts: Parts<NearSide>,
    decoding: &'d Decoding,
    repairs: Vec<Repair>,
    specversion: Option<SpecVersion>,
    seen: u8,
    count: usize,
    /// What [`push_utc`](Self::push_utc) wrote last, which need not be looked at.
    utc: Span,
}

impl<'d> Assembler<'d> {
    /// With an empty document: all text is pushed.
    #[inline]
    pub fn new(decoding: &'d Decoding) -> Self {
        Self::in_buffer(TextBuffer::default(), decoding)
    }

    /// With a document that pieces can be sliced from.
    #[inline(always)]
    pub fn in_buffer(document: TextBuffer, decoding: &'d Decoding) -> Self {
        Self {
            // In place: it is large.
            parts: Parts {
                text: document,
                side: NearSide::new(),
                core: [Span::default(); 7],
                extensions: SmallVec::new(),
                binary: Vec::new(),
                type_url: Span::default(),
            },
            decoding,
            repairs: Vec::new(),
            specversion: None,
            seen: 0,
            count: 0,
            utc: Span::default(),
        }
    }

    /// Makes room for so many bytes of pushed text. Without it, text that is longer than usual is moved while it grows; with the
    /// exact number, there is one allocation.
    #[inline]
    pub fn reserve(&mut self, bytes: usize) {
        self.parts.side.reserve(bytes);
    }

    /// A piece of the document. `plain` says that it is known to be printable ASCII, which saves looking.
    #[inline]
    pub fn slice(&self, range: Range<usize>, plain: bool) -> Result<Piece, Error> {
        Ok(Piece::new(text_span(range)?, plain))
    }

    /// Copies a text that is known to be printable ASCII.
    #[inline]
    pub fn push_plain(&mut self, text: &str) -> Result<Piece, Error> {
        Ok(Piece::new(self.parts.push(text)?, true))
    }

    /// Copies a text.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<Piece, Error> {
        self.append(text.as_bytes())
    }

    /// Copies bytes that are to be a text. Errors are of kind [`InvalidUtf8`](ErrorKind::InvalidUtf8), without a place.
    ///
    /// For most texts this is one look, at many bytes at a time.
    #[inline]
    pub fn push_bytes(&mut self, text: &[u8]) -> Result<Piece, Error> {
        let piece = self.append(text)?;
        self.check_text(piece, text)
    }

    #[inline(never)] // Where it matters, the body is taken in.
    fn append(&mut self, text: &[u8]) -> Result<Piece, Error> {
        self.parts.side.append_and_look(text)
    }

    /// The piece, if the bytes that were copied are text.
    #[inline(always)]
    fn check_text(&mut self, piece: Piece, text: &[u8]) -> Result<Piece, Error> {
        if piece.is_plain() { Ok(piece) } else { self.check_utf8(piece, text) }
    }

    /// Has a text written, by a function that appends it: an unescaped string, for example.
    #[inline]
    pub fn push_with<E: From<Error>>(
        &mut self,
        write: impl FnOnce(&mut TextWriter<'_>) -> Result<(), E>,
    ) -> Result<Piece, E> {
        let start = self.parts.side.length();
        write(&mut TextWriter(&mut self.parts.side))?;
        let length = self.parts.side.length().wrapping_sub(start);
        Ok(Piece::new(side_span(start, length)?, false))
    }

    /// Writes the text of a point in time, in UTC: what [`Timestamp::format_utc`](crate::Timestamp::format_utc) writes. `None` when that has none.
    #[inline]
    pub fn push_utc(&mut self, seconds: i64, nanosecond: u32) -> Result<Option<Piece>, Error> {
        let start = self.parts.side.length();
        let written = self.parts.side.append_written(|text| UtcText::write(seconds, nanosecond, text));
        if written.is_none() {
            return Ok(None);
        }
        self.utc = side_span(start, self.parts.side.length().wrapping_sub(start))?;
        Ok(Some(Piece::new(self.utc, true)))
    }

    /// Takes an attribute, `specversion` included.
    ///
    /// Errors name the attribute and, for pieces of the document, the offset.
    #[inline]
    pub fn attribute(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        self.check_size(name, value)?;
        let text = self.parts.bytes(name.span());
        match Core::from_name(text) {
            Some(core) => self.core(core, value),
            None if text == b"specversion" => self.version(name, value),
            None => self.other(name, value),
        }
    }

    /// Takes an attribute whose name does not lie in the document. The name is copied where it has to be kept; a core attribute's
    /// need not be, see [`keeps`](Self::keeps).
    #[inline]
    pub fn named(&mut self, name: &(impl AsRef<[u8]> + ?Sized), value: Given<'_>) -> Result<(), Error> {
        let name = name.as_ref();
        match CoreName::of(name) {
            Some(name) => self.core_named(name, value),
            None => {
                let name = self.push_bytes(name)?;
                self.check_size(name, value)?;
                self.other(name, value)
            }
        }
    }

    /// Takes an attribute of the specification, `specversion` included. For decoders that know which it is.
    #[inline]
    pub fn core_named(&mut self, name: CoreName, value: Given<'_>) -> Result<(), Error> {
        if let Err(error) = self.check_size(NO_NAME, value) {
            return Err(error.with_attribute(name.as_str()));
        }
        match name.core() {
            Some(core) => self.core(core, value),
            None => self.version(NO_NAME, value),
        }
    }

    /// Takes an attribute of the specification that came as text, which is copied: [`push_bytes`](Self::push_bytes) and
    /// [`core_named`](Self::core_named) in one.
    pub fn core_text(&mut self, name: CoreName, text: &[u8]) -> Result<(), Error> {
        let bit = name.bit();
        let is_usual = self.seen & bit == 0
            && self.count < self.decoding.limits.attributes
            && text.len() <= self.decoding.limits.value;
        let Some(core) = name.core() else {
            if is_usual && text == b"1.0" {
                self.seen |= bit;
                self.count = self.count.wrapping_add(1);
                self.specversion = Some(SpecVersion::V1);
                return Ok(());
            }
            return self.unusual_text(name, text);
        };
        if !is_usual {
            return self.unusual_text(name, text);
        }
        let piece = self.parts.side.append_and_look(text)?;
        if is_plain_core(core, text, piece.is_plain()) {
            self.seen |= bit;
            self.count = self.count.wrapping_add(1);
            self.parts.set_core(core, piece.span());
            return Ok(());
        }
        let piece = self.check_text(piece, text)?;
        self.core_named(name, Given::Text(piece))
    }

    #[inline(never)]
    fn unusual_text(&mut self, name: CoreName, text: &[u8]) -> Result<(), Error> {
        let piece = self.push_bytes(text)?;
        self.core_named(name, Given::Text(piece))
    }

    /// Takes an attribute that came as text, which is copied: [`push_bytes`](Self::push_bytes) and [`named`](Self::named) in one.
    #[inline]
    pub fn text_named(&mut self, name: AttributeName<'_>, text: &[u8]) -> Result<(), Error> {
        match name.core {
            Some(name) => self.core_text(name, text),
            None => self.extension_text(name.bytes, text),
        }
    }

    fn extension_text(&mut self, name: &[u8], text: &[u8]) -> Result<(), Error> {
        let value = self.push_bytes(text)?;
        let piece = self.push_bytes(name)?;
        self.check_size(piece, Given::Text(value))?;
        if value.is_plain() && is_name(name) {
            return self.insert_named(piece, name, ExtensionKind::String, value.span());
        }
        self.other(piece, Given::Text(value))
    }

    /// Whether [`named`](Self::named) copies this name: for decoders that count what they [`reserve`](Self::reserve).
    #[inline]
    pub fn keeps(name: &[u8]) -> bool {
        CoreName::of(name).is_none()
    }

    /// Takes an attribute that the carrier names but says has no value. It is absent, and must not come again.
    pub fn unset(&mut self, name: Piece) -> Result<(), Error> {
        self.check_size(name, Given::Boolean(false))?;
        let text = self.parts.bytes(name.span());
        match Core::from_name(text) {
            Some(core @ (Core::Id | Core::Source | Core::Type)) => Err(at(missing(core.name()), name)),
            Some(core) => self.see(1 << core as u8, core.name(), name),
            None if text == b"specversion" => Err(at(missing("specversion"), name)),
            None => {
                let Some(name) = self.extension_name(name)? else { return Ok(()) };
                self.insert(name.piece, ExtensionKind::Unset, Span::default())
            }
        }
    }

    /// Takes an attribute whose value is none of the seven types. Strict decoding answers with the error; lenient decoding leaves
    /// out an attribute that is optional.
    #[cold]
    pub fn invalid(&mut self, name: Piece, error: Error) -> Result<(), Error> {
        self.check_size(name, Given::Boolean(false))?;
        let text = String::from(self.parts.str(name.span()));
        let core = Core::from_name(text.as_bytes());
        if let Some(core) = core {
            self.see(1 << core as u8, core.name(), name)?;
        } else if text != "specversion" {
            let Some(name) = self.extension_name(name)? else { return Ok(()) };
            self.insert(name.piece, ExtensionKind::Unset, Span::default())?;
        }
        let required = matches!(core, Some(Core::Id | Core::Source | Core::Type)) || text == "specversion";
        self.drop_or_refuse(&text, required, at(error, name))
    }

    /// Notes a repair that the decoder made.
    pub fn repaired(&mut self, repair: Repair) {
        self.repairs.push(repair);
    }

    /// The text of a piece.
    #[inline]
    pub fn text(&self, piece: Piece) -> &str {
        self.parts.str(piece.span())
    }

    /// The same as bytes, which takes less.
    #[inline]
    pub fn bytes(&self, piece: Piece) -> &[u8] {
        self.parts.bytes(piece.span())
    }

    /// The options.
    #[inline]
    pub fn decoding(&self) -> &'d Decoding {
        self.decoding
    }

    /// Checks that all required attributes are there. After this the payload can be decided on.
    #[inline]
    pub fn complete(&mut self) -> Result<Completed, Error> {
        let Some(specversion) = self.specversion else { return Err(missing("specversion")) };
        for core in [Core::Id, Core::Source, Core::Type] {
            if self.parts.core(core).is_absent() {
                return Err(missing(core.name()));
            }
        }
        let mut completed = Completed { specversion, base64: false };
        if specversion == SpecVersion::V03 {
            completed.base64 = v03::adopt(&mut self.parts)?.is_some();
        } else if self.seen & 1 << Core::DataSchema as u8 != 0 {
            if !self.parts.core(Core::DataSchema).is_absent() {
                self.check_dataschema()?;
            } else if let Ok(at) = self.parts.find(b"dataschema") {
                self.refuse_odd_dataschema(at)?;
            }
        }
        self.parts.extensions.retain(|extension| extension.kind != ExtensionKind::Unset);
        Ok(completed)
    }

    /// `datacontenttype`, as far as it is known.
    #[inline]
    pub fn content_type(&self) -> Option<MediaType<'_>> {
        let span = self.parts.core(Core::DataContentType);
        match self.parts.bytes(span) {
            b"" => None,
            json if json == MediaType::JSON.as_str().as_bytes() => Some(MediaType::JSON),
            _ => Some(MediaType::known(self.parts.str(span))),
        }
    }

    /// Takes the event out, with this payload. [`complete`](Self::complete) comes first; without it, an event with a missing
    /// attribute would have it empty.
    #[inline]
    pub fn finish(&mut self, payload: Option<Payload>) -> Decoded<Event> {
        let body = payload.map(|payload| {
            if !payload.type_url.is_empty() {
                self.parts.type_url = self.parts.push(&payload.type_url).unwrap_or_default();
            }
            Body::new(payload.content, payload.kind)
        });
        let event = self.parts.freeze(self.specversion.unwrap_or_default(), body);
        Decoded { value: event, repairs: core::mem::take(&mut self.repairs) }
    }

    /// Takes bytes away again that are no text.
    #[cold]
    fn check_utf8(&mut self, piece: Piece, text: &[u8]) -> Result<Piece, Error> {
        if core::str::from_utf8(text).is_ok() {
            return Ok(piece);
        }
        self.parts.side.truncate(piece.span().range().start);
        Err(Error::new(ErrorKind::InvalidUtf8))
    }
}
