//! Assembling decoded events: the interface between decoders and the model.

mod given;
mod odd;
mod rules;

pub use given::{AttributeName, Completed, Given, TextWriter};

use crate::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, MediaType, Payload, Repair, RepairKind, SpecVersion,
    TextBuffer,
    attributes::{ExtensionKind, Span, side_span, text_span},
    codec::Piece,
    core_attribute::{Core, CoreName},
    event::Body,
    name::is_name,
    parts::{Parts, is_plain_core, missing, wanted_type},
    side::{NearSide, Side},
    timestamp::UtcText,
    v03,
};
use alloc::{string::String, vec::Vec};
use core::ops::Range;
use given::NO_NAME;
use rules::at;
use smallvec::SmallVec;

/// Assembles an event from the attributes that a decoder finds, in any order.
///
/// It applies all rules of attributes: names, types, values, duplicates, limits, leniency. A decoder knows only its own syntax.
/// [`Piece`]s refer to text in the document or in a side buffer, so that it need not be copied.
///
/// ```
/// use cloudevents_core::{DecodeOptions, codec::{Assembler, Given}};
///
/// let decoding = DecodeOptions::strict();
/// let mut assembler = Assembler::new(&decoding);
/// for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t"), ("ext", "x")] {
///     let (name, value) = (assembler.push(name)?, assembler.push(value)?);
///     assembler.attribute(name, Given::Text(value))?;
/// }
/// assembler.complete()?;
/// let event = assembler.finish(None)?.value;
/// assert_eq!(event.id(), "1");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Assembler<'d> {
    pub(super) parts: Parts<NearSide>,
    decoding: &'d DecodeOptions,
    repairs: Vec<Repair>,
    pub(super) specversion: Option<SpecVersion>,
    seen: u8,
    count: usize,
    /// The text that [`push_utc`](Self::push_utc) wrote last, which needs no check.
    utc: Span,
    /// The number of attributes when [`complete`](Self::complete) found the event complete.
    completed: usize,
}

impl<'d> Assembler<'d> {
    /// Creates an assembler without a document: all text is pushed.
    #[inline]
    pub fn new(decoding: &'d DecodeOptions) -> Self {
        Self::in_buffer(TextBuffer::default(), decoding)
    }

    /// Creates an assembler with a document that pieces can refer to.
    #[inline(always)]
    pub fn in_buffer(document: TextBuffer, decoding: &'d DecodeOptions) -> Self {
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
            completed: 0,
        }
    }

    /// Reserves this many bytes for pushed text. Without it, long text is moved while it grows. With the exact number, there is one
    /// allocation.
    #[inline]
    pub fn reserve(&mut self, bytes: usize) {
        self.parts.side.reserve(bytes);
    }

    /// Returns a piece of the document. `plain` means that it is known to be printable ASCII, which saves a check.
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

    /// Copies bytes as text. Errors are of kind [`InvalidUtf8`](ErrorKind::InvalidUtf8), without an offset.
    ///
    /// Most texts are checked in one vectorised pass.
    #[inline]
    pub fn push_bytes(&mut self, text: &[u8]) -> Result<Piece, Error> {
        let piece = self.append(text)?;
        self.check_text(piece, text)
    }

    #[inline(never)] // Hot callers inline the body.
    fn append(&mut self, text: &[u8]) -> Result<Piece, Error> {
        self.parts.side.append_and_look(text)
    }

    /// The piece, if the copied bytes are UTF-8.
    #[inline(always)]
    fn check_text(&mut self, piece: Piece, text: &[u8]) -> Result<Piece, Error> {
        if piece.is_plain() { Ok(piece) } else { self.check_utf8(piece, text) }
    }

    /// Calls a function that appends a text, such as an unescaped string, and returns the piece.
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

    /// Writes a point in time in UTC, as [`Timestamp::format_utc`](crate::Timestamp::format_utc) does. `None` if that returns `None`.
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

    /// Takes an attribute whose name is not in the document. The name of an extension is copied. The name of a core attribute is not.
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

    /// Takes an attribute of the specification, `specversion` included, by its resolved name.
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

    /// Copies the text of an attribute of the specification and takes the attribute: [`push_bytes`](Self::push_bytes) and
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

    /// Copies the text of an attribute and takes the attribute: [`push_bytes`](Self::push_bytes) and [`named`](Self::named) in one.
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

    /// Takes an attribute that the carrier names without a value, such as a null. It is absent, and must not occur again.
    pub fn unset(&mut self, name: Piece) -> Result<(), Error> {
        self.check_size(name, Given::Boolean(false))?;
        let Some((found, core)) = self.resolve(name)? else { return Ok(()) };
        let Some(core) = core else { return self.insert(found, ExtensionKind::Unset, Span::default()) };
        let missing = || at(missing(core.as_str()), name);
        // Under its own name, it is missing whether or not it occurs again.
        if core.is_required() && found.span() == name.span() {
            return Err(missing());
        }
        self.see(core.bit(), core.as_str(), name)?;
        if core.is_required() { self.drop_or_wait(core.as_str(), true, missing()) } else { Ok(()) }
    }

    /// Takes an attribute whose value has none of the seven types. Strict decoding returns the error. Lenient decoding drops an optional
    /// attribute.
    #[cold]
    pub fn invalid(&mut self, name: Piece, error: Error) -> Result<(), Error> {
        self.check_size(name, Given::Boolean(false))?;
        let Some((found, core)) = self.resolve(name)? else { return Ok(()) };
        match core {
            Some(core) => self.see(core.bit(), core.as_str(), name)?,
            None => self.insert(found, ExtensionKind::Unset, Span::default())?,
        }
        // No core attribute is a number, so the range of the number is not the mistake.
        let error = match core {
            Some(core) if error.kind() == ErrorKind::InvalidInteger => not_a_number(core, &error),
            _ => error,
        };
        let text = String::from(self.parts.str(found.span()));
        self.drop_or_wait(&text, core.is_some_and(CoreName::is_required), at(error, name))
    }

    /// Ignores a header, or the like, that must not be there, if leniency allows [`RepairKind::IgnoredHeader`]. Otherwise returns the
    /// error, which names the attribute.
    #[cold]
    pub fn ignore_or_refuse(&mut self, error: Error) -> Result<(), Error> {
        if !self.decoding().leniency.allows(RepairKind::IgnoredHeader) {
            return Err(error);
        }
        let repair = Repair::new(RepairKind::IgnoredHeader);
        let repair = match error.attribute() {
            Some(name) => repair.with_attribute(String::from(name)),
            None => repair,
        };
        self.repaired(repair.with_cause(error));
        Ok(())
    }

    /// Records a repair that the decoder made.
    pub fn repaired(&mut self, repair: Repair) {
        self.repairs.push(repair);
    }

    /// The text of a piece.
    #[inline]
    pub fn text(&self, piece: Piece) -> &str {
        self.parts.str(piece.span())
    }

    /// The text of a piece as bytes, which is cheaper.
    #[inline]
    pub fn bytes(&self, piece: Piece) -> &[u8] {
        self.parts.bytes(piece.span())
    }

    /// The options.
    #[inline]
    pub fn decoding(&self) -> &'d DecodeOptions {
        self.decoding
    }

    /// Checks that all required attributes are present. After this the decoder can decide the kind of the payload.
    #[inline]
    pub fn complete(&mut self) -> Result<Completed, Error> {
        self.refuse_in_vain()?;
        let Some(specversion) = self.specversion else { return Err(missing("specversion")) };
        for core in [Core::Id, Core::Source, Core::Type] {
            if self.parts.core(core).is_absent() {
                return Err(missing(core.name()));
            }
        }
        let base64 = self.settle_version()?;
        self.completed = self.count;
        Ok(Completed { specversion, base64 })
    }

    /// Applies the rules of the version, which is 1.0 unless another was given. Returns whether the payload is base64 text.
    #[inline]
    pub(super) fn settle_version(&mut self) -> Result<bool, Error> {
        let mut base64 = false;
        if self.specversion == Some(SpecVersion::V03) {
            base64 = self.settle_v03()?;
        } else if self.seen & 1 << Core::DataSchema as u8 != 0 {
            if !self.parts.core(Core::DataSchema).is_absent() {
                self.check_dataschema()?;
            } else if let Ok(at) = self.parts.find(b"dataschema") {
                self.refuse_odd_dataschema(at)?;
            }
        }
        self.parts.extensions.retain(|extension| extension.kind != ExtensionKind::Unset);
        Ok(base64)
    }

    #[cold]
    fn settle_v03(&mut self) -> Result<bool, Error> {
        let (base64, invalid) = v03::adopt(&mut self.parts)?;
        for (name, error) in invalid {
            self.drop_or_refuse(name, false, error)?;
        }
        Ok(base64)
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

    /// Returns the event with this payload.
    ///
    /// Calls [`complete`](Self::complete), unless it was called after the last attribute, and returns its errors. A type URL that does not
    /// fit is an error of kind [`TooLarge`](ErrorKind::TooLarge). A second call fails, because no attributes are left.
    #[inline]
    pub fn finish(&mut self, payload: Option<Payload>) -> Result<Decoded<Event>, Error> {
        // A complete event has at least four attributes.
        if self.completed != self.count || self.count == 0 {
            self.complete()?;
        }
        let body = match payload {
            Some(payload) => {
                if !payload.type_url.is_empty() {
                    self.parts.type_url = self.parts.push(&payload.type_url)?;
                }
                Some(Body::new(payload.content, payload.kind))
            }
            None => None,
        };
        let event = self.parts.freeze(self.specversion.take().unwrap_or_default(), body);
        self.completed = usize::MAX;
        Ok(Decoded { value: event, repairs: core::mem::take(&mut self.repairs) })
    }

    /// Removes appended bytes that are not UTF-8.
    #[cold]
    fn check_utf8(&mut self, piece: Piece, text: &[u8]) -> Result<Piece, Error> {
        if core::str::from_utf8(text).is_ok() {
            return Ok(piece);
        }
        self.parts.side.truncate(piece.span().range().start);
        Err(Error::new(ErrorKind::InvalidUtf8))
    }
}

#[cold]
fn not_a_number(core: CoreName, number: &Error) -> Error {
    let wanted = core.core().map_or("String", wanted_type);
    let error = Error::new(ErrorKind::InvalidType)
        .with_attribute(core.as_str())
        .with_detail(alloc::format!("{wanted} is expected, and this is a number"))
        .with_help("write the value as text")
        .with_clause("CE-Type-System-m");
    match number.offset().and_then(|offset| usize::try_from(offset).ok()) {
        Some(offset) => error.with_offset(offset),
        None => error,
    }
}
