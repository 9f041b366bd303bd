//! The rules of attributes.

use super::{
    Assembler,
    given::{Completed, Given, NO_NAME},
    odd,
};
use crate::{
    Error, ErrorKind, MediaType, Name, Repair, RepairKind, SpecVersion, Timestamp, Uri, UriReference, Value,
    attributes::{ExtensionKind, Span},
    codec::Piece,
    core_attribute::{Core, CoreName},
    name::is_name,
    parts::{self, check_core, is_plain_core, missing, wrong_type},
    repair,
    side::Side,
    text,
};
use alloc::{string::String, vec::Vec};

impl Assembler<'_> {
    /// Like [`complete`](Self::complete), for reports of every problem: adds each error to `problems` and continues. An attribute that
    /// one of the `problems` names is not reported as missing. Without a known specversion, the rules of 1.0 apply.
    #[cold]
    pub fn complete_all(&mut self, problems: &mut Vec<Error>) -> Completed {
        problems.extend(self.in_vain());
        let specversion = self.specversion.is_none().then_some("specversion");
        let required = [Core::Id, Core::Source, Core::Type];
        let absent = required.into_iter().filter(|core| self.parts.core(*core).is_absent()).map(Core::name);
        for name in specversion.into_iter().chain(absent) {
            if !problems.iter().any(|problem| problem.attribute() == Some(name)) {
                problems.push(missing(name));
            }
        }
        let base64 = self.settle_version().unwrap_or_else(|error| {
            problems.push(error);
            false
        });
        Completed { specversion: self.specversion.unwrap_or_default(), base64 }
    }

    #[inline]
    pub(super) fn core(&mut self, core: Core, value: Given<'_>) -> Result<(), Error> {
        let piece = match (core, value) {
            // An extension, whose type is kept.
            (Core::DataSchema, Given::Uri(_) | Given::UriReference(_))
                if self.specversion == Some(SpecVersion::V03) =>
            {
                return self.odd_dataschema(value);
            }
            (Core::DataSchema, Given::Text(piece) | Given::Uri(piece) | Given::UriReference(piece))
                if piece.span().length() == 0 =>
            {
                return self.odd_dataschema(Given::Text(piece));
            }
            (_, Given::Text(piece))
            | (Core::Time, Given::Timestamp(piece))
            | (Core::Source | Core::DataSchema, Given::Uri(piece) | Given::UriReference(piece)) => piece,
            (Core::DataSchema, _) => return self.odd_dataschema(value),
            _ => return self.wrong_type(core, value),
        };
        self.see(1 << core as u8, core.name(), piece)?;
        // The rule for `dataschema` depends on the version, which may not be known yet.
        let checked = match core {
            Core::DataSchema => Ok(()),
            Core::Time if self.is_utc(piece) => Ok(()),
            _ if is_plain_core(core, self.parts.bytes(piece.span()), piece.is_plain()) => Ok(()),
            _ => check_core(core, self.parts.str(piece.span())),
        };
        match checked {
            Ok(()) => {
                self.parts.set_core(core, piece.span());
                Ok(())
            }
            Err(error) => self.odd_core(core, piece, at(error, piece)),
        }
    }

    #[inline]
    pub(super) fn other(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        let Some(name) = self.extension_name(name)? else { return Ok(()) };
        if name.repaired {
            // A core attribute in another case is that attribute.
            if let Some(core) = Core::from_name(self.parts.bytes(name.piece.span())) {
                return self.core(core, value);
            }
            if self.parts.bytes(name.piece.span()) == b"specversion" {
                return self.version(name.piece, value);
            }
        }
        let name = name.piece;
        let (kind, span, checked) = match value {
            Given::Boolean(boolean) => (ExtensionKind::Boolean, Span::new(boolean.into(), 0), Ok(())),
            Given::Integer(number) => (ExtensionKind::Integer, Span::new(number.cast_unsigned(), 0), Ok(())),
            Given::Binary(bytes) => {
                let (kind, span) = self.parts.store(Value::Binary(bytes))?;
                (kind, span, Ok(()))
            }
            Given::Text(piece) if piece.is_plain() => (ExtensionKind::String, piece.span(), Ok(())),
            Given::Text(piece) => (ExtensionKind::String, piece.span(), self.check(piece, text::check)),
            Given::Uri(piece) => {
                (ExtensionKind::Uri, piece.span(), self.check(piece, |text| Uri::parse(text).map(drop)))
            }
            Given::UriReference(piece) => (
                ExtensionKind::UriReference,
                piece.span(),
                self.check(piece, |text| UriReference::parse(text).map(drop)),
            ),
            Given::Timestamp(piece) if self.is_utc(piece) => (ExtensionKind::Timestamp, piece.span(), Ok(())),
            Given::Timestamp(piece) => (
                ExtensionKind::Timestamp,
                piece.span(),
                self.check(piece, |text| Timestamp::parse(text).map(drop)),
            ),
        };
        match checked {
            Ok(()) => self.insert(name, kind, span),
            Err(error) => {
                self.insert(name, ExtensionKind::Unset, Span::default())?;
                let shown = String::from(self.parts.str(name.span()));
                self.drop_or_wait(&shown, false, error)
            }
        }
    }

    /// Whether the text is already known to be a timestamp.
    #[inline]
    fn is_utc(&self, piece: Piece) -> bool {
        !piece.span().is_absent() && piece.span() == self.utc
    }

    pub(super) fn version(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        self.see(CoreName::SpecVersion.bit(), "specversion", name)?;
        let version = match value {
            Given::Text(piece) => match self.parts.bytes(piece.span()) {
                b"1.0" => Ok(SpecVersion::V1),
                _ => SpecVersion::parse(self.parts.str(piece.span())).map_err(|error| at(error, piece)),
            },
            _ => Err(at(
                Error::new(ErrorKind::InvalidType)
                    .with_attribute("specversion")
                    .with_detail("String is expected")
                    .with_clause("CE-specversion-b"),
                name,
            )),
        };
        match version {
            Ok(version) => {
                self.specversion = Some(version);
                Ok(())
            }
            Err(error) => self.drop_or_wait("specversion", true, error),
        }
    }

    /// The attribute of the specification that a name names, and the name, repaired where that is allowed. `None` if the attribute is
    /// left out.
    pub(super) fn resolve(&mut self, name: Piece) -> Result<Option<(Piece, Option<CoreName>)>, Error> {
        let core = CoreName::of(self.parts.bytes(name.span()));
        if core.is_some() {
            return Ok(Some((name, core)));
        }
        let Some(found) = self.extension_name(name)? else { return Ok(None) };
        // A core attribute in another case is that attribute.
        Ok(Some((found.piece, CoreName::of(self.parts.bytes(found.piece.span())))))
    }

    /// Returns a valid name, repaired where that is allowed. `None` if the attribute is left out.
    #[inline]
    pub(super) fn extension_name(&mut self, name: Piece) -> Result<Option<FoundName>, Error> {
        if is_name(self.parts.bytes(name.span())) {
            return Ok(Some(FoundName { piece: name, repaired: false }));
        }
        self.repair_name(name)
    }

    #[cold]
    pub(super) fn repair_name(&mut self, name: Piece) -> Result<Option<FoundName>, Error> {
        let text = String::from(self.parts.str(name.span()));
        let lower = text.to_ascii_lowercase();
        let drops = self.decoding.leniency.allows(RepairKind::DroppedName);
        let mut error = Name::parse(&text).err().unwrap_or_else(|| Error::new(ErrorKind::InvalidName));
        if self.decoding.leniency.allows(RepairKind::LowerCasedName)
            && lower != text
            && is_name(lower.as_bytes())
        {
            if !(drops && self.has(&lower)) {
                self.repairs.push(Repair::lower_cased(&text, &lower));
                return Ok(Some(FoundName { piece: self.push(&lower)?, repaired: true }));
            }
            error = repair::duplicate(&text, &lower);
        }
        if drops {
            self.repairs.push(Repair::new(RepairKind::DroppedName).with_attribute(text).with_cause(error));
            return Ok(None);
        }
        Err(at(error, name))
    }

    #[inline]
    pub(super) fn insert(&mut self, name: Piece, kind: ExtensionKind, value: Span) -> Result<(), Error> {
        let place = self.parts.find(self.parts.bytes(name.span()));
        self.insert_at(place, name, kind, value)
    }

    /// Like [`insert`](Self::insert), with the bytes of the name given.
    #[inline]
    pub(super) fn insert_named(
        &mut self,
        piece: Piece,
        name: &[u8],
        kind: ExtensionKind,
        value: Span,
    ) -> Result<(), Error> {
        let place = self.parts.find(name);
        self.insert_at(place, piece, kind, value)
    }

    #[inline]
    fn insert_at(
        &mut self,
        place: Result<usize, usize>,
        name: Piece,
        kind: ExtensionKind,
        value: Span,
    ) -> Result<(), Error> {
        match place {
            Err(place) => {
                let extension = parts::extension(name.span(), kind, value);
                if place == self.parts.extensions.len() {
                    self.parts.extensions.push(extension);
                } else {
                    self.parts.extensions.insert(place, extension);
                }
                Ok(())
            }
            Ok(place) => {
                let shown = String::from(self.parts.str(name.span()));
                if !self.gives_way(&shown) {
                    return Err(duplicate(&shown, name));
                }
                if let Some(former) = self.parts.extensions.get_mut(place) {
                    *former = parts::extension(name.span(), kind, value);
                }
                Ok(())
            }
        }
    }

    /// Whether an attribute of this name is there, as far as decoding has got.
    fn has(&self, name: &str) -> bool {
        match CoreName::of(name.as_bytes()) {
            Some(core) => self.seen & core.bit() != 0,
            None => self.parts.find(name.as_bytes()).is_ok(),
        }
    }

    /// Whether the present attribute has its name from lower-casing, and is left out for an attribute with exactly this name. The order of
    /// the two makes no difference.
    #[cold]
    fn gives_way(&mut self, name: &str) -> bool {
        let gives_way = self.decoding.leniency.allows(RepairKind::DroppedName)
            && self.repairs.iter_mut().any(|repair| repair.drop_lower_cased(name));
        if gives_way {
            // A mistake in its value does not matter then.
            let of_value = [
                RepairKind::DroppedAttribute,
                RepairKind::EmptyParameter,
                RepairKind::HttpDate,
                RepairKind::QuotedText,
            ];
            self.repairs
                .retain(|repair| repair.attribute() != Some(name) || !of_value.contains(&repair.kind()));
        }
        gives_way
    }

    #[inline]
    pub(super) fn check(
        &self,
        piece: Piece,
        rule: impl FnOnce(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        rule(self.parts.str(piece.span())).map_err(|error| at(error, piece))
    }

    #[inline]
    pub(super) fn see(&mut self, bit: u8, name: &'static str, piece: Piece) -> Result<(), Error> {
        if self.seen & bit != 0 {
            return self.see_again(name, piece);
        }
        self.seen |= bit;
        Ok(())
    }

    #[cold]
    fn see_again(&mut self, name: &'static str, piece: Piece) -> Result<(), Error> {
        if !self.gives_way(name) {
            return Err(duplicate(name, piece));
        }
        match Core::from_name(name.as_bytes()) {
            Some(core) => self.parts.set_core(core, Span::default()),
            None => self.specversion = None,
        }
        // A `dataschema` that is not text is among the extensions until the version is known.
        if let Ok(place) = self.parts.find(name.as_bytes()) {
            self.parts.extensions.remove(place);
        }
        Ok(())
    }

    pub(super) fn check_dataschema(&mut self) -> Result<(), Error> {
        let piece = Piece::new(self.parts.core(Core::DataSchema), false);
        let text = self.parts.str(piece.span());
        let Err(error) = Uri::parse(text) else { return Ok(()) };
        if let Some((kind, text)) = odd::read(Core::DataSchema, text, self.decoding.leniency) {
            return self.repair_core(Core::DataSchema, kind, &text, at(error, piece));
        }
        if let Some(length) = Uri::length_without_fragment(text)
            && self.decoding.leniency.allows(RepairKind::UriFragment)
        {
            // It is shorter than the text before.
            self.parts.set_core(Core::DataSchema, Span::new(piece.span().offset(), length as u32));
            let repair = Repair::new(RepairKind::UriFragment).with_attribute("dataschema");
            self.repairs.push(repair.with_cause(at(error, piece)));
            return Ok(());
        }
        self.parts.set_core(Core::DataSchema, Span::default());
        self.drop_or_refuse("dataschema", false, at(error, piece))
    }

    /// A value that is not valid: an error, unless a repair reads it, or drops it.
    #[cold]
    fn odd_core(&mut self, core: Core, piece: Piece, error: Error) -> Result<(), Error> {
        if core == Core::DataContentType {
            return self.odd_content_type(piece, error);
        }
        if let Some((kind, text)) = odd::read(core, self.parts.str(piece.span()), self.decoding.leniency) {
            return self.repair_core(core, kind, &text, error);
        }
        let required = matches!(core, Core::Id | Core::Source | Core::Type);
        self.drop_or_wait(core.name(), required, error)
    }

    fn repair_core(&mut self, core: Core, kind: RepairKind, text: &str, error: Error) -> Result<(), Error> {
        let span = self.parts.push(text)?;
        self.parts.set_core(core, span);
        self.repairs.push(Repair::new(kind).with_attribute(core.name()).with_cause(error));
        Ok(())
    }

    /// A media type that is not valid: an error, unless that is because of empty parameters, which may be left out.
    #[cold]
    fn odd_content_type(&mut self, piece: Piece, error: Error) -> Result<(), Error> {
        let repaired = MediaType::without_empty_parameters(self.parts.str(piece.span()));
        match repaired {
            Some(text) if self.decoding.leniency.allows(RepairKind::EmptyParameter) => {
                self.repair_core(Core::DataContentType, RepairKind::EmptyParameter, &text, error)
            }
            _ => self.drop_or_wait("datacontenttype", false, error),
        }
    }

    /// A `dataschema` that is not text, or is empty: an error in 1.0, and an extension in 0.3. The version may not be known yet.
    #[cold]
    pub(super) fn odd_dataschema(&mut self, value: Given<'_>) -> Result<(), Error> {
        self.see(1 << Core::DataSchema as u8, "dataschema", NO_NAME)?;
        let name = self.push("dataschema")?;
        self.other(name, value)
    }

    #[cold]
    pub(super) fn refuse_odd_dataschema(&mut self, at: usize) -> Result<(), Error> {
        let extension = self.parts.extensions.remove(at);
        let error = match extension.kind {
            ExtensionKind::Unset => return Ok(()),
            ExtensionKind::String => parts::empty("dataschema"),
            _ => {
                let side = core::str::from_utf8(self.parts.side.bytes()).unwrap_or_default();
                wrong_type(
                    Core::DataSchema,
                    extension.value(self.parts.text.as_str(), side, &self.parts.binary),
                )
            }
        };
        self.drop_or_refuse("dataschema", false, error)
    }

    #[cold]
    pub(super) fn wrong_type(&mut self, core: Core, value: Given<'_>) -> Result<(), Error> {
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
        self.drop_or_wait(core.name(), required, wrong_type(core, shown))
    }

    /// Drops an attribute whose value is not valid, or returns the error. If its name was lower-cased, an attribute with exactly this name
    /// may follow. Then the lower-cased attribute is left out in any case, with any value. So its error is returned at the end, unless the
    /// other attribute came.
    #[cold]
    pub(super) fn drop_or_wait(&mut self, name: &str, required: bool, error: Error) -> Result<(), Error> {
        let waits = self.decoding.leniency.allows(RepairKind::DroppedName)
            && self.repairs.iter().any(|repair| repair.is_lower_cased(name));
        if !waits {
            return self.drop_or_refuse(name, required, error);
        }
        self.drop_attribute(name, error);
        Ok(())
    }

    /// Returns the first error of [`in_vain`](Self::in_vain).
    #[inline]
    pub(crate) fn refuse_in_vain(&self) -> Result<(), Error> {
        self.in_vain().next().map_or(Ok(()), Err)
    }

    /// The errors of attributes that may not be dropped, and that waited for others of the right name, which did not come.
    fn in_vain(&self) -> impl Iterator<Item = Error> {
        let refused = move |name: &str| {
            !self.decoding.leniency.allows(RepairKind::DroppedAttribute)
                || CoreName::of(name.as_bytes()).is_some_and(CoreName::is_required)
        };
        let of_value = self.repairs.iter().filter(|repair| repair.kind() == RepairKind::DroppedAttribute);
        of_value
            .filter(move |repair| repair.attribute().is_some_and(refused))
            .filter_map(|repair| repair.cause().cloned())
    }

    #[cold]
    pub(super) fn drop_or_refuse(&mut self, name: &str, required: bool, error: Error) -> Result<(), Error> {
        if required || !self.decoding.leniency.allows(RepairKind::DroppedAttribute) {
            return Err(named(error, name));
        }
        self.drop_attribute(name, error);
        Ok(())
    }

    fn drop_attribute(&mut self, name: &str, error: Error) {
        let repair = Repair::new(RepairKind::DroppedAttribute).with_attribute(name);
        self.repairs.push(repair.with_cause(named(error, name)));
    }

    #[inline]
    pub(super) fn check_size(&mut self, name: Piece, value: Given<'_>) -> Result<(), Error> {
        let limits = &self.decoding.limits;
        self.count = self.count.wrapping_add(1);
        let length = match value {
            Given::Text(piece) | Given::Uri(piece) | Given::UriReference(piece) | Given::Timestamp(piece) => {
                piece.span().length() as usize
            }
            Given::Binary(bytes) => bytes.len(),
            Given::Boolean(_) | Given::Integer(_) => 0,
        };
        if self.count > limits.attributes
            || name.span().length() as usize > limits.name
            || length > limits.value
        {
            return Err(self.oversize(name, length));
        }
        Ok(())
    }

    #[cold]
    pub(super) fn oversize(&self, name: Piece, length: usize) -> Error {
        let limits = &self.decoding.limits;
        if self.count > limits.attributes {
            let detail = alloc::format!("the limit is {} attributes", limits.attributes);
            return at(Error::new(ErrorKind::TooMany).with_detail(detail), name);
        }
        let (detail, shown) = if name.span().length() as usize > limits.name {
            (
                alloc::format!("a name of {} bytes, and the limit is {}", name.span().length(), limits.name),
                None,
            )
        } else {
            (
                alloc::format!("a value of {length} bytes, and the limit is {}", limits.value),
                Some(self.parts.str(name.span())),
            )
        };
        let error = Error::new(ErrorKind::TooLarge).with_detail(detail);
        at(shown.map_or(error.clone(), |name| error.with_attribute(name)), name)
    }
}

/// The name of an attribute that, as spelled, is not a core attribute.
#[derive(Clone, Copy)]
pub(super) struct FoundName {
    pub(super) piece: Piece,
    /// Whether lower-casing made it valid.
    repaired: bool,
}

/// Adds the offset, if the piece is in the document.
#[cold]
pub(super) fn at(error: Error, piece: Piece) -> Error {
    if !piece.span().is_in_side() && error.offset().is_none() {
        return error.with_offset(piece.span().range().start);
    }
    error
}

/// Adds the name of the attribute, if the error has none.
#[cold]
fn named(error: Error, name: &str) -> Error {
    if error.attribute().is_none() { error.with_attribute(name) } else { error }
}

#[cold]
fn duplicate(name: &str, piece: Piece) -> Error {
    at(
        Error::new(ErrorKind::DuplicateAttribute).with_attribute(name).with_clause("CE-Context-Attributes-d"),
        piece,
    )
}
