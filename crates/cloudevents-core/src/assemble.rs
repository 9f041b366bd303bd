//! Putting decoded events together: the seam of every format and binding.

use crate::{
    Decoded, Decoding, Error, ErrorKind, Event, MediaType, Name, Payload, Repair, RepairKind, SpecVersion,
    TextBuffer, Timestamp, Uri, UriReference, Value,
    attributes::{Core, ExtensionKind, SIDE, Span},
    event::Body,
    name::is_name,
    parts::{self, Parts, check_core, is_plain_core, missing, wrong_type},
    text,
    timestamp::UtcText,
    v03,
};
use alloc::{string::String, vec::Vec};
use core::ops::Range;

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
    parts: Parts,
    decoding: &'d Decoding,
    repairs: Vec<Repair>,
    specversion: Option<SpecVersion>,
    seen: u8,
    count: usize,
}

/// A piece of text: of the document, or of what was pushed.
///
/// ```
/// let decoding = cloudevents_core::Decoding::strict();
/// let mut assembler = cloudevents_core::Assembler::new(&decoding);
/// let piece = assembler.push("text")?;
/// assert_eq!(assembler.text(piece), "text");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    span: Span,
    known: Known,
}

/// What is known of a piece without looking at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Text,
    /// It is printable ASCII.
    Plain,
    /// It is the text of a point in time.
    Timestamp,
}

/// Stands for a name that is known and has no place.
const NO_NAME: Piece = Piece { span: Span { offset: SIDE, length: 0 }, known: Known::Plain };

/// The value of an attribute as a carrier gives it. Carriers of text give [`Text`](Self::Text) for everything; typed carriers
/// name the type. Core attributes are read as their own type in either case.
///
/// ```
/// use cloudevents_core::{Assembler, Decoding, Given};
///
/// let decoding = Decoding::strict();
/// let mut assembler = Assembler::new(&decoding);
/// assembler.named("priority", Given::Integer(3))?;
/// assert!(assembler.named("id", Given::Boolean(true)).is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Given<'a> {
    /// A String, or text whose type the carrier does not tell.
    Text(Piece),
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Integer(i32),
    /// Bytes.
    Binary(&'a [u8]),
    /// An absolute URI.
    Uri(Piece),
    /// A URI-reference.
    UriReference(Piece),
    /// A timestamp.
    Timestamp(Piece),
}

impl<'d> Assembler<'d> {
    /// With an empty document: all text is pushed.
    #[inline]
    pub fn new(decoding: &'d Decoding) -> Self {
        Self::in_buffer(TextBuffer::default(), decoding)
    }

    /// With a document that pieces can be sliced from.
    #[inline]
    pub fn in_buffer(document: TextBuffer, decoding: &'d Decoding) -> Self {
        let parts = Parts { text: document, ..Parts::default() };
        Self { parts, decoding, repairs: Vec::new(), specversion: None, seen: 0, count: 0 }
    }

    /// Makes room for so many bytes of pushed text, so that there is one allocation, of the right size.
    #[inline]
    pub fn reserve(&mut self, bytes: usize) {
        self.parts.side.reserve_exact(bytes);
    }

    /// A piece of the document. `plain` says that it is known to be printable ASCII, which saves looking.
    #[inline]
    pub fn slice(&self, range: Range<usize>, plain: bool) -> Result<Piece, Error> {
        Ok(Piece { span: Parts::text_span(range)?, known: if plain { Known::Plain } else { Known::Text } })
    }

    /// Copies a text that is known to be printable ASCII.
    #[inline]
    pub fn push_plain(&mut self, text: &str) -> Result<Piece, Error> {
        Ok(Piece { span: self.parts.push(text)?, known: Known::Plain })
    }

    /// Copies a text.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<Piece, Error> {
        let known = if text::is_plain(text.as_bytes()) { Known::Plain } else { Known::Text };
        Ok(Piece { span: self.parts.push(text)?, known })
    }

    /// Copies bytes that are to be a text. Errors are of kind [`InvalidUtf8`](ErrorKind::InvalidUtf8), without a place.
    ///
    /// For most texts this is one look, at many bytes at a time.
    #[inline]
    pub fn push_bytes(&mut self, text: &[u8]) -> Result<Piece, Error> {
        let known = if text::is_plain(text) {
            Known::Plain
        } else if core::str::from_utf8(text).is_ok() {
            Known::Text
        } else {
            return Err(Error::new(ErrorKind::InvalidUtf8));
        };
        let start = self.parts.side.len();
        self.parts.side.extend_from_slice(text);
        Ok(Piece { span: self.parts.side_span(start)?, known })
    }

    /// Has a text written, by a function that appends it: an unescaped string, for example.
    #[inline]
    pub fn push_with<E: From<Error>>(
        &mut self,
        write: impl FnOnce(&mut TextWriter<'_>) -> Result<(), E>,
    ) -> Result<Piece, E> {
        let start = self.parts.side.len();
        write(&mut TextWriter(&mut self.parts.side))?;
        Ok(Piece { span: self.parts.side_span(start)?, known: Known::Text })
    }

    /// Writes the text of a point in time, in UTC: what [`Timestamp::format_utc`] writes. `None` when that has none.
    #[inline]
    pub fn push_utc(&mut self, seconds: i64, nanosecond: u32) -> Result<Option<Piece>, Error> {
        let Some(text) = UtcText::of(seconds, nanosecond) else { return Ok(None) };
        let start = self.parts.side.len();
        self.parts.side.extend_from_slice(text.as_bytes());
        Ok(Some(Piece { span: self.parts.side_span(start)?, known: Known::Timestamp }))
    }

    /// Takes an attribute, `specversion` included.
    ///
    /// Errors name the attribute and, for pieces of the document, the offset.
    #[inline]
    pub fn attribute(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        self.check_size(name, value)?;
        let text = self.parts.bytes(name.span);
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
        if let Some(core) = Core::from_name(name) {
            self.check_size(NO_NAME, value).map_err(|error| error.with_attribute(core.name()))?;
            return self.core(core, value);
        }
        if name == b"specversion" {
            self.check_size(NO_NAME, value)?;
            return self.version(NO_NAME, value);
        }
        let name = self.push_bytes(name)?;
        self.check_size(name, value)?;
        self.other(name, value)
    }

    /// Whether [`named`](Self::named) copies this name: for decoders that count what they [`reserve`](Self::reserve).
    #[inline]
    pub fn keeps(name: &[u8]) -> bool {
        Core::from_name(name).is_none() && name != b"specversion"
    }

    /// Takes an attribute that the carrier names but says has no value. It is absent, and must not come again.
    pub fn unset(&mut self, name: Piece) -> Result<(), Error> {
        self.check_size(name, Given::Boolean(false))?;
        let text = self.parts.bytes(name.span);
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
        let text = String::from(self.parts.str(name.span));
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
        self.parts.str(piece.span)
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
        if span.is_absent() { None } else { Some(MediaType::known(self.parts.str(span))) }
    }

    /// The event with this payload. [`complete`](Self::complete) comes first; without it, an event with a missing attribute would
    /// have it empty.
    #[inline]
    pub fn finish(mut self, payload: Option<Payload>) -> Decoded<Event> {
        let body = payload.map(|payload| {
            if !payload.type_url.is_empty() {
                self.parts.type_url = self.parts.push(&payload.type_url).unwrap_or_default();
            }
            Body::new(payload.content, payload.kind)
        });
        let event = self.parts.freeze(self.specversion.unwrap_or_default(), body);
        Decoded { value: event, repairs: self.repairs }
    }

    #[inline]
    fn core(&mut self, core: Core, value: Given<'_>) -> Result<(), Error> {
        let piece = match (core, value) {
            (Core::DataSchema, Given::Text(piece)) if piece.span.length == 0 => {
                return self.odd_dataschema(value);
            }
            (_, Given::Text(piece))
            | (Core::Time, Given::Timestamp(piece))
            | (Core::Source | Core::DataSchema, Given::Uri(piece) | Given::UriReference(piece)) => piece,
            (Core::DataSchema, _) => return self.odd_dataschema(value),
            _ => return self.wrong_type(core, value),
        };
        self.see(1 << core as u8, core.name(), piece)?;
        // What `dataschema` may be depends on the version, which may not be known yet.
        let checked = match core {
            Core::DataSchema => Ok(()),
            Core::Time if piece.known == Known::Timestamp => Ok(()),
            _ if is_plain_core(core, self.parts.bytes(piece.span), piece.known == Known::Plain) => Ok(()),
            _ => check_core(core, self.parts.str(piece.span)),
        };
        match checked {
            Ok(()) => {
                self.parts.set_core(core, piece.span);
                Ok(())
            }
            Err(error) => {
                let required = matches!(core, Core::Id | Core::Source | Core::Type);
                self.drop_or_refuse(core.name(), required, at(error, piece))
            }
        }
    }

    #[inline]
    fn other(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        let Some(name) = self.extension_name(name)? else { return Ok(()) };
        if name.repaired {
            // A core attribute in another case is that attribute.
            if let Some(core) = Core::from_name(self.parts.bytes(name.piece.span)) {
                return self.core(core, value);
            }
            if self.parts.bytes(name.piece.span) == b"specversion" {
                return self.version(name.piece, value);
            }
        }
        let name = name.piece;
        let (kind, span, checked) = match value {
            Given::Boolean(boolean) => {
                (ExtensionKind::Boolean, Span { offset: boolean.into(), length: 0 }, Ok(()))
            }
            Given::Integer(number) => {
                (ExtensionKind::Integer, Span { offset: number.cast_unsigned(), length: 0 }, Ok(()))
            }
            Given::Binary(bytes) => {
                let (kind, span) = self.parts.store(Value::Binary(bytes))?;
                (kind, span, Ok(()))
            }
            Given::Text(piece) if piece.known == Known::Plain => (ExtensionKind::String, piece.span, Ok(())),
            Given::Text(piece) => (ExtensionKind::String, piece.span, self.check(piece, text::check)),
            Given::Uri(piece) => {
                (ExtensionKind::Uri, piece.span, self.check(piece, |text| Uri::parse(text).map(drop)))
            }
            Given::UriReference(piece) => (
                ExtensionKind::UriReference,
                piece.span,
                self.check(piece, |text| UriReference::parse(text).map(drop)),
            ),
            Given::Timestamp(piece) if piece.known == Known::Timestamp => {
                (ExtensionKind::Timestamp, piece.span, Ok(()))
            }
            Given::Timestamp(piece) => (
                ExtensionKind::Timestamp,
                piece.span,
                self.check(piece, |text| Timestamp::parse(text).map(drop)),
            ),
        };
        match checked {
            Ok(()) => self.insert(name, kind, span),
            Err(error) => {
                self.insert(name, ExtensionKind::Unset, Span::default())?;
                let shown = String::from(self.parts.str(name.span));
                self.drop_or_refuse(&shown, false, error)
            }
        }
    }

    fn version(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        self.see(1 << 7, "specversion", name)?;
        let Given::Text(piece) = value else {
            return Err(at(
                Error::new(ErrorKind::InvalidType)
                    .with_attribute("specversion")
                    .with_detail("String is expected")
                    .with_clause("CE-specversion-b"),
                name,
            ));
        };
        self.specversion =
            Some(SpecVersion::parse(self.parts.str(piece.span)).map_err(|error| at(error, piece))?);
        Ok(())
    }

    /// A name that is one, repaired where that is allowed; `None`: the attribute is left out.
    #[inline]
    fn extension_name(&mut self, name: Piece) -> Result<Option<FoundName>, Error> {
        if is_name(self.parts.bytes(name.span)) {
            return Ok(Some(FoundName { piece: name, repaired: false }));
        }
        self.repair_name(name)
    }

    #[cold]
    fn repair_name(&mut self, name: Piece) -> Result<Option<FoundName>, Error> {
        let text = String::from(self.parts.str(name.span));
        let lower = text.to_ascii_lowercase();
        if self.decoding.leniency.allows(RepairKind::LowerCasedName)
            && lower != text
            && is_name(lower.as_bytes())
        {
            self.repairs.push(Repair::new(RepairKind::LowerCasedName).with_attribute(lower.as_str()));
            return Ok(Some(FoundName { piece: self.push(&lower)?, repaired: true }));
        }
        let error = Name::parse(&text).err().unwrap_or_else(|| Error::new(ErrorKind::InvalidName));
        if self.decoding.leniency.allows(RepairKind::DroppedName) {
            self.repairs.push(Repair::new(RepairKind::DroppedName).with_attribute(text).with_cause(error));
            return Ok(None);
        }
        Err(at(error, name))
    }

    #[inline]
    fn insert(&mut self, name: Piece, kind: ExtensionKind, value: Span) -> Result<(), Error> {
        match self.parts.find(self.parts.bytes(name.span)) {
            Err(place) => {
                self.parts.extensions.insert(place, parts::extension(name.span, kind, value));
                Ok(())
            }
            Ok(_) => Err(duplicate(self.parts.str(name.span), name)),
        }
    }

    #[inline]
    fn check(&self, piece: Piece, rule: impl FnOnce(&str) -> Result<(), Error>) -> Result<(), Error> {
        rule(self.parts.str(piece.span)).map_err(|error| at(error, piece))
    }

    #[inline]
    fn see(&mut self, bit: u8, name: &'static str, piece: Piece) -> Result<(), Error> {
        if self.seen & bit != 0 {
            return Err(duplicate(name, piece));
        }
        self.seen |= bit;
        Ok(())
    }

    fn check_dataschema(&mut self) -> Result<(), Error> {
        let piece = Piece { span: self.parts.core(Core::DataSchema), known: Known::Text };
        let text = self.parts.str(piece.span);
        let Err(error) = Uri::parse(text) else { return Ok(()) };
        if let Ok((_, true)) = Uri::parse_with_fragment(text)
            && self.decoding.leniency.allows(RepairKind::UriFragment)
        {
            self.repairs.push(Repair::new(RepairKind::UriFragment).with_attribute("dataschema"));
            return Ok(());
        }
        self.parts.set_core(Core::DataSchema, Span::default());
        self.drop_or_refuse("dataschema", false, at(error, piece))
    }

    /// A `dataschema` that is no text, or empty: wrong in 1.0, and an extension like any other in 0.3. Which it is, the version
    /// tells.
    #[cold]
    fn odd_dataschema(&mut self, value: Given<'_>) -> Result<(), Error> {
        self.see(1 << Core::DataSchema as u8, "dataschema", NO_NAME)?;
        let name = self.push("dataschema")?;
        self.other(name, value)
    }

    #[cold]
    fn refuse_odd_dataschema(&mut self, at: usize) -> Result<(), Error> {
        let extension = self.parts.extensions.remove(at);
        let error = match extension.kind {
            ExtensionKind::Unset => return Ok(()),
            ExtensionKind::String => parts::empty("dataschema"),
            _ => {
                let side = core::str::from_utf8(&self.parts.side).unwrap_or_default();
                wrong_type(
                    Core::DataSchema,
                    extension.value(self.parts.text.as_str(), side, &self.parts.binary),
                )
            }
        };
        self.drop_or_refuse("dataschema", false, error)
    }

    #[cold]
    fn wrong_type(&mut self, core: Core, value: Given<'_>) -> Result<(), Error> {
        self.see(1 << core as u8, core.name(), NO_NAME)?;
        let shown = match value {
            Given::Text(_) => Value::String(""),
            Given::Boolean(boolean) => Value::Boolean(boolean),
            Given::Integer(number) => Value::Integer(number),
            Given::Binary(bytes) => Value::Binary(bytes),
            Given::Uri(_) => Value::Uri(Uri::known("")),
            Given::UriReference(_) => Value::UriReference(UriReference::known("")),
            Given::Timestamp(_) => Value::Timestamp(Timestamp::known("")),
        };
        let required = matches!(core, Core::Id | Core::Source | Core::Type);
        self.drop_or_refuse(core.name(), required, wrong_type(core, shown))
    }

    #[cold]
    fn drop_or_refuse(&mut self, name: &str, required: bool, error: Error) -> Result<(), Error> {
        let error = if error.attribute().is_none() { error.with_attribute(name) } else { error };
        if required || !self.decoding.leniency.allows(RepairKind::DroppedAttribute) {
            return Err(error);
        }
        self.repairs.push(Repair::new(RepairKind::DroppedAttribute).with_attribute(name).with_cause(error));
        Ok(())
    }

    #[inline]
    fn check_size(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        let limits = &self.decoding.limits;
        self.count = self.count.wrapping_add(1);
        let length = match value {
            Given::Text(piece) | Given::Uri(piece) | Given::UriReference(piece) | Given::Timestamp(piece) => {
                piece.span.length as usize
            }
            Given::Binary(bytes) => bytes.len(),
            Given::Boolean(_) | Given::Integer(_) => 0,
        };
        if self.count > limits.attributes || name.span.length as usize > limits.name || length > limits.value
        {
            return Err(self.oversize(name, length));
        }
        Ok(())
    }

    #[cold]
    fn oversize(&self, name: Piece, length: usize) -> Error {
        let limits = &self.decoding.limits;
        if self.count > limits.attributes {
            let detail = alloc::format!("the limit is {} attributes", limits.attributes);
            return at(Error::new(ErrorKind::TooMany).with_detail(detail), name);
        }
        let (detail, shown) = if name.span.length as usize > limits.name {
            (alloc::format!("a name of {} bytes, and the limit is {}", name.span.length, limits.name), None)
        } else {
            (
                alloc::format!("a value of {length} bytes, and the limit is {}", limits.value),
                Some(self.parts.str(name.span)),
            )
        };
        let error = Error::new(ErrorKind::TooLarge).with_detail(detail);
        at(shown.map_or(error.clone(), |name| error.with_attribute(name)), name)
    }
}

/// The name of an attribute that is no core attribute as it is spelled.
#[derive(Clone, Copy)]
struct FoundName {
    piece: Piece,
    /// Whether lower-casing made it one.
    repaired: bool,
}

/// Takes text that is written bit by bit: see [`Assembler::push_with`].
///
/// ```
/// use cloudevents_core::{Assembler, Decoding, Error};
///
/// let decoding = Decoding::strict();
/// let mut assembler = Assembler::new(&decoding);
/// let piece = assembler.push_with(|out| {
///     out.push_str("caf");
///     out.push('é');
///     Ok::<_, Error>(())
/// })?;
/// assert_eq!(assembler.text(piece), "café");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct TextWriter<'a>(&'a mut Vec<u8>);

impl TextWriter<'_> {
    /// Appends a text.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends a character.
    #[inline]
    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }
}

/// What is known when all attributes have come.
///
/// ```
/// use cloudevents_core::{Assembler, Decoding, Given, SpecVersion};
///
/// let decoding = Decoding::strict();
/// let mut assembler = Assembler::new(&decoding);
/// for (name, value) in [("specversion", "0.3"), ("id", "1"), ("source", "/s"), ("type", "t"), ("datacontentencoding", "base64")] {
///     let value = assembler.push(value)?;
///     assembler.named(name, Given::Text(value))?;
/// }
/// let completed = assembler.complete()?;
/// assert_eq!((completed.specversion, completed.base64), (SpecVersion::V03, true));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed {
    /// The version of the event.
    pub specversion: SpecVersion,
    /// Whether the `datacontentencoding` of specversion 0.3 says that the payload came as base64 text.
    pub base64: bool,
}

/// Adds the offset of a piece of the document, when it is one.
#[cold]
fn at(error: Error, piece: Piece) -> Error {
    if piece.span.offset & SIDE == 0 && error.offset().is_none() {
        return error.with_offset(piece.span.offset as usize);
    }
    error
}

#[cold]
fn duplicate(name: &str, piece: Piece) -> Error {
    at(
        Error::new(ErrorKind::DuplicateAttribute).with_attribute(name).with_clause("CE-Context-Attributes-d"),
        piece,
    )
}
