//! Building events.

use crate::{
    Error, Event, IntoPayload, MediaType, Name, Payload, SpecVersion, ToText, ToTimestamp, ToValue, Value,
    attributes::Span,
    core_attribute::Core,
    event::Body,
    name::is_name,
    parts::{Parts, checked, missing, reserved},
    v03,
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// Builds an [`Event`]. No setter fails: mistakes are kept, and [`build`](Self::build) reports all of them at once.
///
/// Setters of optional attributes also take an `Option`, and `None` removes the attribute. [`attribute`](Self::attribute) reads
/// attributes set so far. Setters such as `.json(&value)` come from extension traits of the format crates; your own can call
/// [`payload`](Self::payload), [`extension`](Self::extension) and [`mistake`](Self::mistake).
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
    /// Whether `id`, `source` and `type` were set. An invalid value is not reported as missing as well.
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

    /// Sets the version of the specification; the default is 1.0. Its rules also apply to attributes set before.
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

    /// The thing that the event is about, within its source.
    pub fn subject<How>(self, subject: impl ToText<How>) -> Self {
        self.optional(Core::Subject, subject.to_text())
    }

    /// When the event happened: text, `SystemTime`, or a date type of `time`, `jiff` or `chrono` with the feature of that name.
    pub fn time(mut self, time: impl ToTimestamp) -> Self {
        time.with_timestamp(|time| match time {
            Ok(Some(time)) => self.store(Core::Time, time.as_str()),
            Ok(None) => self.parts.set_core(Core::Time, Span::default()),
            Err(error) => self.mistakes.push(error.with_attribute("time")),
        });
        self
    }

    /// The schema of the payload, an absolute URI (`schemaurl`, a URI-reference, in specversion 0.3).
    pub fn dataschema<How>(self, uri: impl ToText<How>) -> Self {
        self.optional(Core::DataSchema, uri.to_text())
    }

    /// The media type of the payload.
    pub fn datacontenttype<How>(self, media_type: impl ToText<How>) -> Self {
        self.optional(Core::DataContentType, media_type.to_text())
    }

    /// An extension attribute: text, `bool`, an integer, bytes, one of the typed values, or a date type. See [`ToValue`].
    pub fn extension(mut self, name: impl AsRef<str>, value: impl ToValue) -> Self {
        let name = name.as_ref();
        let stored = check_name(name).and_then(|()| {
            value.with_value(|value| match value.and_then(checked) {
                Ok(Some(value)) => self.parts.put(name, value),
                Ok(None) => {
                    self.parts.remove(name);
                    Ok(())
                }
                Err(error) => Err(error.with_attribute(name)),
            })
        });
        match stored {
            Ok(()) => self,
            Err(error) => self.mistake(error),
        }
    }

    /// Sets the payload and its content type.
    pub fn payload(self, datacontenttype: impl AsRef<str>, payload: impl IntoPayload) -> Self {
        self.datacontenttype(datacontenttype.as_ref()).payload_only(payload)
    }

    /// Sets the payload and leaves `datacontenttype` unchanged.
    pub fn payload_only(mut self, payload: impl IntoPayload) -> Self {
        let stored = payload.into_payload().and_then(|payload| {
            self.parts.type_url = if payload.type_url.is_empty() {
                Span::default()
            } else {
                self.parts.push(&payload.type_url)?
            };
            self.body = Some(Body::new(payload.content, payload.kind));
            Ok(())
        });
        match stored {
            Ok(()) => self,
            Err(error) => self.mistake(error),
        }
    }

    /// Sets character data as the payload. `datacontenttype` becomes `text/plain` unless it was set before.
    pub fn text(self, text: impl Into<crate::TextBuffer>) -> Self {
        self.payload_as("text/plain", |_| true, Payload::text(text))
    }

    /// Sets the payload, and its content type unless one was set before that describes it, as `writes` decides.
    pub(crate) fn payload_as(
        self,
        datacontenttype: &str,
        writes: impl FnOnce(MediaType<'_>) -> bool,
        payload: impl IntoPayload,
    ) -> Self {
        let stated = self.parts.core(Core::DataContentType);
        if !stated.is_absent() && writes(MediaType::known(self.parts.str(stated))) {
            return self.payload_only(payload);
        }
        self.payload(datacontenttype, payload)
    }

    /// Sets bytes of this media type as the payload.
    pub fn binary(self, datacontenttype: impl AsRef<str>, bytes: impl Into<bytes::Bytes>) -> Self {
        self.payload(datacontenttype, Payload::binary(bytes))
    }

    /// Removes an attribute, if it was set.
    pub fn without(mut self, name: &str) -> Self {
        match v03::core_from_name(self.specversion, name) {
            Some(core) => {
                self.parts.set_core(core, Span::default());
                if let Some(given) = self.given.get_mut(core as usize) {
                    *given = false;
                }
            }
            None => self.parts.remove(name),
        }
        self
    }

    /// Records a mistake, which [`build`](Self::build) reports with the others: for extension traits whose setters can fail.
    ///
    /// A required attribute that the error names is not reported as missing as well.
    ///
    /// ```
    /// use cloudevents_core::{Error, ErrorKind, Event, EventBuilder};
    ///
    /// trait Tenant {
    ///     fn tenant(self, number: u64) -> Self;
    /// }
    /// impl Tenant for EventBuilder {
    ///     fn tenant(self, number: u64) -> Self {
    ///         match number {
    ///             1..=999 => self.extension("tenant", format!("t{number:03}")),
    ///             _ => self.mistake(
    ///                 Error::new(ErrorKind::InvalidString).with_attribute("tenant").with_detail("tenants are 1 to 999"),
    ///             ),
    ///         }
    ///     }
    /// }
    ///
    /// let mistakes = Event::builder().id("1").source("/s").ty("t").tenant(1000).build().unwrap_err();
    /// assert_eq!(mistakes.errors()[0].attribute(), Some("tenant"));
    /// ```
    pub fn mistake(mut self, error: Error) -> Self {
        let core = error.attribute().and_then(|name| Core::from_name(name.as_bytes()));
        if let Some(given) = core.and_then(|core| self.given.get_mut(core as usize)) {
            *given = true;
        }
        self.mistakes.push(error);
        self
    }

    /// The mistakes made so far, except for missing required attributes.
    pub fn mistakes(&self) -> &[Error] {
        &self.mistakes
    }

    /// The attribute of this name as set so far: core or extension, `specversion` included.
    ///
    /// ```
    /// use cloudevents_core::Event;
    ///
    /// let builder = Event::builder().id("1").extension("priority", 3);
    /// assert_eq!(builder.attribute("id").unwrap(), "1");
    /// assert_eq!(builder.attribute("priority").unwrap(), 3);
    /// assert!(builder.attribute("source").is_none());
    /// ```
    pub fn attribute(&self, name: &str) -> Option<Value<'_>> {
        if name == "specversion" {
            return Some(Value::String(self.specversion.as_str()));
        }
        if let Some(core) = v03::core_from_name(self.specversion, name) {
            let span = self.parts.core(core);
            return (!span.is_absent())
                .then(|| v03::core_value(self.specversion, core, self.parts.str(span)));
        }
        self.parts.value(name)
    }

    /// The bytes of the payload set so far.
    pub fn data_bytes(&self) -> Option<&bytes::Bytes> {
        self.body.as_ref().map(Body::as_bytes)
    }

    /// Returns the event, or every mistake that was made.
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
        self.parts.compact();
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
            // The rule depends on the version, which may still be set.
            Core::DataSchema if !value.is_empty() => Ok(()),
            _ => v03::check_core(self.specversion, core, value),
        };
        match checked {
            Ok(()) => self.store(core, value),
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    fn optional(mut self, core: Core, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.core(core, value),
            None => {
                self.parts.set_core(core, Span::default());
                self
            }
        }
    }

    fn store(&mut self, core: Core, value: &str) {
        match self.parts.push(value) {
            Ok(span) => self.parts.set_core(core, span),
            Err(error) => self.mistakes.push(error.with_attribute(core.name())),
        }
    }
}

/// Checks that a name is valid and not a core attribute of any version. `build` checks the rules of the version.
fn check_name(name: &str) -> Result<(), Error> {
    match Core::from_name(name.as_bytes()) {
        Some(Core::DataSchema) => Ok(()),
        Some(_) => Err(reserved(name)),
        None if name == "specversion" => Err(reserved(name)),
        None if is_name(name.as_bytes()) => Ok(()),
        None => Name::parse(name).map(drop),
    }
}

/// All mistakes of an event that could not be built, in the order they were made.
///
/// ```
/// let mistakes = cloudevents_core::Event::builder().source("/s").build().unwrap_err();
/// assert_eq!(mistakes.to_string(), "2 problems: attribute `id` is required and missing [missing-attribute]; \
///     attribute `type` is required and missing [missing-attribute]");
/// ```
#[derive(Clone)]
pub struct BuildError(Box<[Error]>);

impl BuildError {
    /// Creates an error from at least one mistake.
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
            write!(f, "{} problems: ", self.0.len())?;
        }
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            fmt::Display::fmt(error, f)?;
        }
        Ok(())
    }
}

/// Writes the same as `{:#}`, which includes the help of each mistake.
impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl core::error::Error for BuildError {}

/// The first mistake; [`Error::others`] has the rest.
impl From<BuildError> for Error {
    fn from(mistakes: BuildError) -> Self {
        let mut mistakes = mistakes.0.into_iter();
        let first = mistakes.next().unwrap_or_else(|| Error::new(crate::ErrorKind::MissingAttribute));
        if mistakes.len() == 0 { first } else { first.with_others(mistakes) }
    }
}
