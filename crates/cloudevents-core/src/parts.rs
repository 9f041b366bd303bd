//! An event under construction: shared by the builder, the setters and the decoders.

use crate::{
    Error, ErrorKind, MediaType, TextBuffer, Timestamp, Uri, UriReference, Value,
    attributes::{Extension, ExtensionKind, SIDE, Span, side_span, text_span},
    core_attribute::Core,
    side::Side,
    text,
    uri::is_plain_reference,
};
use alloc::vec::Vec;
use smallvec::SmallVec;

#[derive(Clone, Debug, Default)]
pub(crate) struct Parts<S = Vec<u8>> {
    pub(crate) text: TextBuffer,
    pub(crate) side: S,
    pub(crate) core: [Span; 7],
    /// Sorted by name.
    pub(crate) extensions: SmallVec<[Extension; 8]>,
    pub(crate) binary: Vec<u8>,
    pub(crate) type_url: Span,
}

impl<S: Side> Parts<S> {
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        if span.is_in_side() {
            self.side.part(span.range())
        } else {
            self.text.as_bytes().get(span.range()).unwrap_or_default()
        }
    }

    /// The text of a span. Text of the side buffer is checked for UTF-8 again; hot paths compare bytes instead.
    #[inline]
    pub(crate) fn str(&self, span: Span) -> &str {
        if span.is_in_side() {
            return core::str::from_utf8(self.bytes(span)).unwrap_or_default();
        }
        span.of(self.text.as_str(), "")
    }

    /// Appends a text to the side buffer.
    #[inline]
    pub(crate) fn push(&mut self, text: &str) -> Result<Span, Error> {
        let start = self.side.length();
        self.side.append(text.as_bytes());
        side_span(start, text.len())
    }

    #[inline]
    pub(crate) fn core(&self, core: Core) -> Span {
        self.core.get(core as usize).copied().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn set_core(&mut self, core: Core, span: Span) {
        if let Some(slot) = self.core.get_mut(core as usize) {
            *slot = span;
        }
    }

    /// The position of the extension with this name, or the position at which to insert it.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Result<usize, usize> {
        // From the end: messages with sorted names, as ours are, need one comparison per name.
        let mut at = self.extensions.len();
        for extension in self.extensions.iter().rev() {
            match self.bytes(extension.name()).cmp(name) {
                core::cmp::Ordering::Less => return Err(at),
                core::cmp::Ordering::Equal => return Ok(at.wrapping_sub(1)),
                core::cmp::Ordering::Greater => at = at.wrapping_sub(1),
            }
        }
        Err(at)
    }

    /// The value of an extension.
    pub(crate) fn extension(&self, name: &[u8]) -> Option<Value<'_>> {
        let extension = self.extensions.get(self.find(name).ok()?)?;
        let side = core::str::from_utf8(self.side.bytes()).unwrap_or_default();
        Some(extension.value(self.text.as_str(), side, &self.binary))
    }

    /// Inserts an extension. It replaces one of the same name.
    pub(crate) fn put(&mut self, name: &str, value: Value<'_>) -> Result<(), Error> {
        let (kind, value) = self.store(value)?;
        match self.find(name.as_bytes()) {
            Ok(at) => {
                if let Some(slot) = self.extensions.get_mut(at) {
                    (slot.kind, slot.value) = (kind, value);
                }
            }
            Err(at) => {
                let name = self.push(name)?;
                self.extensions.insert(at, extension(name, kind, value));
            }
        }
        Ok(())
    }

    /// Removes the extension of this name, if there is one.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Ok(at) = self.find(name.as_bytes()) {
            self.extensions.remove(at);
        }
    }

    /// The value of the extension of this name.
    pub(crate) fn value(&self, name: &str) -> Option<Value<'_>> {
        let extension = self.extensions.get(self.find(name.as_bytes()).ok()?)?;
        let side = core::str::from_utf8(self.side.bytes()).unwrap_or_default();
        Some(extension.value(self.text.as_str(), side, &self.binary))
    }

    /// Stores a value in the buffers.
    pub(crate) fn store(&mut self, value: Value<'_>) -> Result<(ExtensionKind, Span), Error> {
        let kind = match value {
            Value::Boolean(boolean) => {
                return Ok((ExtensionKind::Boolean, Span::new(boolean.into(), 0)));
            }
            Value::Integer(number) => {
                return Ok((ExtensionKind::Integer, Span::new(number.cast_unsigned(), 0)));
            }
            Value::Binary(bytes) => {
                let start = self.binary.len();
                self.binary.extend_from_slice(bytes);
                return Ok((ExtensionKind::Binary, text_span(start..self.binary.len())?));
            }
            Value::String(_) => ExtensionKind::String,
            Value::Uri(_) => ExtensionKind::Uri,
            Value::UriReference(_) => ExtensionKind::UriReference,
            Value::Timestamp(_) => ExtensionKind::Timestamp,
        };
        Ok((kind, self.push(value.as_str().unwrap_or_default())?))
    }
}

impl Parts {
    /// Frees the text of replaced attributes once it exceeds the text in use. So the size of an event depends on its attributes, and
    /// not on how often they were set.
    pub(crate) fn compact(&mut self) {
        let in_side = |span: &Span| span.is_in_side();
        let texts = self.texts().filter(in_side).map(|span| span.length() as usize);
        let live = texts.fold(0_usize, usize::saturating_add);
        if self.side.len() / 2 > live {
            let old = core::mem::replace(&mut self.side, Vec::with_capacity(live));
            let side = &mut self.side;
            for span in self.core.iter_mut().chain([&mut self.type_url]) {
                *span = moved(*span, &old, side);
            }
            for extension in &mut self.extensions {
                extension.name_offset = moved(extension.name(), &old, side).offset();
                if extension.is_text() {
                    extension.value = moved(extension.value, &old, side);
                }
            }
        }
        let is_binary = |extension: &&Extension| extension.kind == ExtensionKind::Binary;
        let binaries =
            self.extensions.iter().filter(is_binary).map(|extension| extension.value.length() as usize);
        let live = binaries.fold(0_usize, usize::saturating_add);
        if self.binary.len() / 2 > live {
            let old = core::mem::replace(&mut self.binary, Vec::with_capacity(live));
            for extension in
                self.extensions.iter_mut().filter(|extension| extension.kind == ExtensionKind::Binary)
            {
                // Offsets only decrease, so they stay in range.
                let start = self.binary.len() as u32;
                self.binary.extend_from_slice(old.get(extension.value.range()).unwrap_or_default());
                extension.value = Span::new(start, extension.value.length());
            }
        }
    }

    /// All pieces of text.
    fn texts(&self) -> impl Iterator<Item = Span> + '_ {
        let values =
            self.extensions.iter().filter(|extension| extension.is_text()).map(|extension| extension.value);
        let names = self.extensions.iter().map(|extension| extension.name());
        self.core.iter().copied().chain([self.type_url]).chain(names).chain(values)
    }
}

/// Checks the characters of a String; the other types are valid by construction.
pub(crate) fn checked(value: Option<Value<'_>>) -> Result<Option<Value<'_>>, Error> {
    if let Some(Value::String(text)) = value {
        text::check(text)?;
    }
    Ok(value)
}

/// Copies a piece of the side buffer to another buffer. A piece of the document stays where it is.
fn moved(span: Span, from: &[u8], to: &mut Vec<u8>) -> Span {
    if !span.is_in_side() {
        return span;
    }
    // Offsets only decrease, so they stay in range.
    let start = to.len() as u32;
    to.extend_from_slice(from.get(span.range()).unwrap_or_default());
    Span::new(start | SIDE, span.length())
}

#[inline]
pub(crate) fn extension(name: Span, kind: ExtensionKind, value: Span) -> Extension {
    // Names are no longer than 65535 bytes (see `name`).
    let name_length = u16::try_from(name.length()).unwrap_or(u16::MAX);
    Extension { name_offset: name.offset(), name_length, kind, value }
}

/// A quick check whether a text follows the rules of a core attribute. `false` is inconclusive. `plain` means that the text is known
/// to be printable ASCII.
#[inline(always)]
pub(crate) fn is_plain_core(core: Core, value: &[u8], plain: bool) -> bool {
    !value.is_empty()
        && match core {
            Core::Id | Core::Type | Core::Subject => plain,
            Core::Source => is_plain_reference(value),
            Core::DataContentType => {
                value == MediaType::JSON.as_str().as_bytes() || MediaType::is_plain(value)
            }
            Core::DataSchema => false,
            Core::Time => Timestamp::is(value),
        }
}

/// The rules of each core attribute of a 1.0 event.
pub(crate) fn check_core(core: Core, value: &str) -> Result<(), Error> {
    if value.is_empty() {
        return Err(empty(core.name()));
    }
    let checked = match core {
        Core::Id | Core::Type | Core::Subject => text::check(value),
        Core::Source => UriReference::parse(value).map(drop),
        Core::DataContentType => MediaType::parse(value).map(drop),
        Core::DataSchema => Uri::parse(value).map(drop),
        Core::Time => Timestamp::parse(value).map(drop),
    };
    checked.map_err(|error| error.with_attribute(core.name()))
}

/// The name of the type that a core attribute has.
pub(crate) fn wanted_type(core: Core) -> &'static str {
    match core {
        Core::Time => "Timestamp",
        Core::DataSchema => "URI",
        Core::Source => "URI-reference",
        Core::Id | Core::Type | Core::Subject | Core::DataContentType => "String",
    }
}

#[cold]
pub(crate) fn wrong_type(core: Core, value: Value<'_>) -> Error {
    let wanted = wanted_type(core);
    Error::new(ErrorKind::InvalidType)
        .with_attribute(core.name())
        .with_detail(alloc::format!("{wanted} is expected, and this is {}", value.attribute_type()))
        .with_clause("CE-Type-System-m")
}

#[cold]
pub(crate) fn empty(name: &'static str) -> Error {
    let clause = match name {
        "id" => "CE-id-b",
        "source" => "CE-source-b",
        "type" => "CE-type-b",
        "subject" => "CE-subject-b",
        "dataschema" => "CE-dataschema-b",
        "time" => "CE-time-b",
        _ => "CE-datacontenttype-b",
    };
    Error::new(ErrorKind::EmptyAttribute).with_attribute(name).with_clause(clause)
}

#[cold]
pub(crate) fn missing(name: &'static str) -> Error {
    let clause = match name {
        "id" => "CE-id-a",
        "source" => "CE-source-a",
        "type" => "CE-type-a",
        _ => "CE-specversion-a",
    };
    Error::new(ErrorKind::MissingAttribute).with_attribute(name).with_clause(clause)
}

/// The error for an extension with the name of a core attribute.
#[cold]
pub(crate) fn reserved(name: &str) -> Error {
    Error::new(ErrorKind::InvalidName)
        .with_attribute(name)
        .with_detail("this is a core attribute, not an extension")
        .with_help("use the function of that name")
        .with_clause("CE-Extension-b")
}
