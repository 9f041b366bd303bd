//! Building events.

use crate::{
    Error, Event, Name, Payload, SpecVersion, ToTimestamp, ToValue,
    attributes::{Core, Span},
    event::{Body, checked},
    name::is_name,
    parts::{Parts, missing, reserved},
    v03,
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// Builds an [`Event`]. No setter fails: mistakes are kept, and [`build`](Self::build) reports all of them at once.
///
/// Payload helpers such as `.json(&value)` are extension traits of the format crates; they go through
/// [`payload`](Self::payload).
///
/// ```
/// use cloudevents_core::Event;
///
/// let mistakes = Event::builder().source("not a uri").ty("").time("yesterday").extension("Bad-Name", 1).build().unwrap_err();
/// let attributes: Vec<_> = mistakes.errors().iter().filter_map(|error| error.attribute()).collect();
/// assert_eq!(attributes, ["source", "type", "time", "Bad-Name", "id"]);
/// ```
#[derive(Clone, Debug)]
pub struct EventBuilder {
    parts: Parts,
    specversion: SpecVersion,
    body: Option<Body>,
    mistakes: Vec<Error>,
    /// A required attribute that was given, but wrong, is not reported missing too.
    given: [bool; 3],
}

impl EventBuilder {
    pub(crate) fn new() -> Self {
        Self {
            parts: Parts::default(),
            specversion: SpecVersion::V1,
            body: None,
            mistakes: Vec::new(),
            given: [false; 3],
        }
    }

    pub(crate) fn from_event(event: Event) -> Self {
        let (parts, specversion, body) = Parts::thaw(event);
        Self { parts, specversion, body, mistakes: Vec::new(), given: [true; 3] }
    }

    /// The version of the specification: 1.0 unless set. The rules of the version hold for what was set before, too.
    pub fn specversion(mut self, specversion: SpecVersion) -> Self {
        self.specversion = specversion;
        self
    }

    /// Required: identifies the event within its source.
    pub fn id(self, id: impl AsRef<str>) -> Self {
        self.core(Core::Id, id.as_ref())
    }

    /// Required: the context in which the event happened, a URI-reference.
    pub fn source(self, source: impl AsRef<str>) -> Self {
        self.core(Core::Source, source.as_ref())
    }

    /// Required: the type of the event.
    pub fn ty(self, ty: impl AsRef<str>) -> Self {
        self.core(Core::Type, ty.as_ref())
    }

    /// What the event is about, within its source.
    pub fn subject(self, subject: impl AsRef<str>) -> Self {
        self.core(Core::Subject, subject.as_ref())
    }

    /// When it happened: text, or a value of `time`, `jiff` or `chrono` behind the feature of that name.
    pub fn time(mut self, time: impl ToTimestamp) -> Self {
        time.with_timestamp(|time| match time {
            Ok(time) => self.store(Core::Time, time.as_str()),
            Err(error) => self.mistakes.push(error.with_attribute("time")),
        });
        self
    }

    /// The schema of the payload, an absolute URI (`schemaurl`, a URI-reference, in specversion 0.3).
    pub fn dataschema(self, uri: impl AsRef<str>) -> Self {
        self.core(Core::DataSchema, uri.as_ref())
    }

    /// The media type of the payload.
    pub fn datacontenttype(self, media_type: impl AsRef<str>) -> Self {
        self.core(Core::DataContentType, media_type.as_ref())
    }

    /// An extension attribute: text, `bool`, `i32`, bytes, or one of the typed views.
    pub fn extension(mut self, name: &str, value: impl ToValue) -> Self {
        let stored = check_name(name).and_then(|()| {
            value.with_value(|value| {
                let value = value.and_then(checked).map_err(|error| error.with_attribute(name))?;
                self.parts.put(name, value)
            })
        });
        if let Err(error) = stored {
            self.mistakes.push(error);
        }
        self
    }

    /// A payload and its content type. This is the seam of the payload helpers: what they could not encode waits for
    /// [`build`](Self::build).
    pub fn payload(self, datacontenttype: &str, payload: Result<Payload, Error>) -> Self {
        self.datacontenttype(datacontenttype).payload_only(payload)
    }

    /// A payload without a word about its content type.
    pub fn payload_only(mut self, payload: Result<Payload, Error>) -> Self {
        let stored = payload.and_then(|payload| {
            self.parts.type_url = if payload.type_url.is_empty() {
                Span::default()
            } else {
                self.parts.push(&payload.type_url)?
            };
            self.body = Some(Body::new(payload.content, payload.kind));
            Ok(())
        });
        if let Err(error) = stored {
            self.mistakes.push(error);
        }
        self
    }

    /// Character data: `datacontenttype` becomes `text/plain` unless it was set before.
    pub fn text(self, text: impl Into<crate::TextBuffer>) -> Self {
        let payload = Ok(Payload::text(text));
        if self.parts.core(Core::DataContentType).is_absent() {
            return self.payload("text/plain", payload);
        }
        self.payload_only(payload)
    }

    /// Bytes of this media type.
    pub fn binary(self, datacontenttype: &str, bytes: impl Into<bytes::Bytes>) -> Self {
        self.payload(datacontenttype, Ok(Payload::binary(bytes)))
    }

    /// Takes an attribute out again; nothing happens when it was not set.
    pub fn without(mut self, name: &str) -> Self {
        match v03::core_from_name(self.specversion, name) {
            Some(core) => {
                self.parts.set_core(core, Span::default());
                if let Some(given) = self.given.get_mut(core as usize) {
                    *given = false;
                }
            }
            None => {
                if let Ok(at) = self.parts.find(name.as_bytes()) {
                    self.parts.extensions.remove(at);
                }
            }
        }
        self
    }

    /// The event, or every mistake that was made.
    pub fn build(mut self) -> Result<Event, BuildError> {
        for (core, given) in [Core::Id, Core::Source, Core::Type].into_iter().zip(self.given) {
            if !given {
                self.mistakes.push(missing(core.name()));
            }
        }
        self.check_version();
        if !self.mistakes.is_empty() {
            return Err(BuildError(self.mistakes.into()));
        }
        self.parts.side.shrink_to_fit();
        Ok(self.parts.freeze(self.specversion, self.body).agreed())
    }

    /// The rules that depend on the version.
    fn check_version(&mut self) {
        let schema = self.parts.core(Core::DataSchema);
        if !schema.is_absent() {
            self.mistakes
                .extend(v03::check_core(self.specversion, Core::DataSchema, self.parts.str(schema)).err());
        }
        for extension in &self.parts.extensions {
            let name = self.parts.str(extension.name());
            if v03::is_reserved(self.specversion, name) {
                self.mistakes.push(reserved(name));
            }
        }
    }

    fn core(mut self, core: Core, value: &str) -> Self {
        if let Some(given) = self.given.get_mut(core as usize) {
            *given = true;
        }
        let checked = match core {
            // What it may be depends on the version, which may still be set.
            Core::DataSchema if !value.is_empty() => Ok(()),
            _ => v03::check_core(self.specversion, core, value),
        };
        match checked {
            Ok(()) => self.store(core, value),
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    fn store(&mut self, core: Core, value: &str) {
        match self.parts.push(value) {
            Ok(span) => self.parts.set_core(core, span),
            Err(error) => self.mistakes.push(error.with_attribute(core.name())),
        }
    }
}

/// A valid name, and that of no core attribute in any version. What a version rules out beyond that, `build` tells.
fn check_name(name: &str) -> Result<(), Error> {
    match Core::from_name(name.as_bytes()) {
        Some(Core::DataSchema) => Ok(()),
        Some(_) => Err(reserved(name)),
        None if name == "specversion" => Err(reserved(name)),
        None if is_name(name.as_bytes()) => Ok(()),
        None => Name::parse(name).map(drop),
    }
}

/// Every mistake of an event that could not be built, in the order they were made.
///
/// ```
/// let mistakes = cloudevents_core::Event::builder().source("/s").build().unwrap_err();
/// assert_eq!(mistakes.to_string(), "2 mistakes: attribute `id` is required and missing [missing-attribute]; \
///     attribute `type` is required and missing [missing-attribute]");
/// ```
#[derive(Clone, Debug)]
pub struct BuildError(Box<[Error]>);

impl BuildError {
    /// These mistakes; there is always one at least.
    pub fn new(first: Error, others: impl IntoIterator<Item = Error>) -> Self {
        Self(core::iter::once(first).chain(others).collect())
    }

    /// The mistakes: at least one.
    pub fn errors(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 1 {
            write!(f, "{} mistakes: ", self.0.len())?;
        }
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl core::error::Error for BuildError {}

/// The first mistake, where one is all there is room for.
impl From<BuildError> for Error {
    fn from(mistakes: BuildError) -> Self {
        mistakes.0.into_iter().next().unwrap_or_else(|| Error::new(crate::ErrorKind::MissingAttribute))
    }
}
