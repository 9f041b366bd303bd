//! The event.

mod attributes;
mod body;
mod change;
mod freeze;

pub use attributes::Attributes;
pub(crate) use body::Body;

use crate::{
    Data, Error, ErrorKind, EventBuilder, EventKey, FromValue, JsonText, MediaType, Name, SpecVersion,
    Timestamp, Uri, UriReference, Value,
    attributes::{Buffers, Extension, Extensions, Span},
    codec::is_utf8,
    core_attribute::{CORE, Core},
    parts::reserved,
    payload::{Content, Kind},
    v03,
};
use bytes::Bytes;
use core::fmt;

/// A CloudEvent: valid by construction, cheap to clone, free to read.
///
/// A decoded event shares the buffer it came in: attributes and payload are slices of it. A clone counts references and copies neither text
/// nor payload. [`detach`](Self::detach) copies the parts that the event needs, so that a large receive buffer can be freed.
///
/// Two events are equal when they have the same specversion, the same attributes with the same types and the same spelling, and
/// the same payload: of the same kind and, byte for byte, the same contents.
///
/// ```
/// use cloudevents_core::Event;
///
/// let event = Event::builder()
///     .id("A234-1234-1234")
///     .source("https://example.com/orders")
///     .ty("com.example.order.placed")
///     .time("2018-04-05T17:31:00+02:00")
///     .extension("priority", 3)
///     .build()?;
/// assert_eq!(event.id(), "A234-1234-1234");
/// assert_eq!(event.source(), "https://example.com/orders");
/// assert_eq!(event.time().unwrap().as_str(), "2018-04-05T17:31:00+02:00");
/// let names: Vec<_> = event.attributes().map(|(name, _)| name.as_str()).collect();
/// assert_eq!(names, ["id", "source", "type", "time", "priority"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Event {
    pub(crate) buffers: Buffers,
    pub(crate) core: [Span; 7],
    pub(crate) extensions: Extensions,
    pub(crate) type_url: Span,
    pub(crate) body: Option<Body>,
    pub(crate) specversion: SpecVersion,
}

impl Event {
    /// Starts a new event of specversion 1.0. `id`, `source` and `type` are required and have no default.
    pub fn builder() -> EventBuilder {
        EventBuilder::new()
    }

    /// Identifies the event within its source.
    #[inline]
    pub fn id(&self) -> &str {
        self.core_text(Core::Id)
    }

    /// The context in which the event happened.
    #[inline]
    pub fn source(&self) -> UriReference<'_> {
        UriReference::known(self.core_text(Core::Source))
    }

    /// The type of the event.
    #[inline]
    pub fn ty(&self) -> &str {
        self.core_text(Core::Type)
    }

    /// The media type of the payload, as stated in the event. [`content_type`](Self::content_type) also returns a type that the payload
    /// implies.
    #[inline]
    pub fn datacontenttype(&self) -> Option<MediaType<'_>> {
        self.optional(Core::DataContentType).map(MediaType::known)
    }

    /// The media type of the payload: `datacontenttype`, or else the one a native payload implies (`application/json`,
    /// `application/cbor`, `application/protobuf`, `application/xml`).
    pub fn content_type(&self) -> Option<MediaType<'_>> {
        self.datacontenttype().or_else(|| match self.body.as_ref()?.kind {
            Kind::Json => Some(MediaType::JSON),
            Kind::Cbor => Some(MediaType::CBOR),
            Kind::Proto => Some(MediaType::PROTOBUF),
            Kind::Xml => Some(MediaType::XML),
            Kind::Text | Kind::Characters | Kind::Binary | Kind::Body => None,
        })
    }

    /// The schema of the payload. `None` for an event of specversion 0.3, which has a [`schemaurl`](Self::schemaurl).
    pub fn dataschema(&self) -> Option<Uri<'_>> {
        self.optional(Core::DataSchema).filter(|_| self.specversion == SpecVersion::V1).map(Uri::known)
    }

    /// The schema of the payload in an event of specversion 0.3.
    pub fn schemaurl(&self) -> Option<UriReference<'_>> {
        self.optional(Core::DataSchema)
            .filter(|_| self.specversion == SpecVersion::V03)
            .map(UriReference::known)
    }

    /// The thing that the event is about, within its source.
    #[inline]
    pub fn subject(&self) -> Option<&str> {
        self.optional(Core::Subject)
    }

    /// When the event happened.
    ///
    /// Timestamps are equal when they are spelled alike, so they have no order. [`Timestamp::instant`] has the order of time:
    ///
    /// ```
    /// use cloudevents_core::Event;
    ///
    /// let at = |time| Event::builder().id("1").source("/s").ty("t").time(time).build();
    /// let mut events = [at("2026-05-17T12:00:00Z")?, at("2026-05-17T13:00:00+02:00")?];
    /// events.sort_by_key(|event| event.time().map(|time| time.instant()));
    /// assert_eq!(events[0].time().unwrap(), "2026-05-17T13:00:00+02:00");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn time(&self) -> Option<Timestamp<'_>> {
        self.optional(Core::Time).map(Timestamp::known)
    }

    /// The attribute of this name, core or extension. `specversion` is included.
    pub fn attribute(&self, name: &str) -> Option<Value<'_>> {
        if name == "specversion" {
            return Some(Value::String(self.specversion.as_str()));
        }
        if let Some(core) = v03::core_from_name(self.specversion, name) {
            return self.core_attribute(core).map(|(_, value)| value);
        }
        let (text, side) = (self.buffers.text.as_str(), self.buffers.side.as_str());
        let found =
            self.extensions.list().iter().find(|extension| extension.name().of(text, side) == name)?;
        Some(found.value(text, side, self.extensions.binary()))
    }

    /// The extension attribute of this name.
    pub fn extension(&self, name: &str) -> Option<Value<'_>> {
        let is_core = v03::core_from_name(self.specversion, name).is_some() || name == "specversion";
        if is_core { None } else { self.attribute(name) }
    }

    /// The extension attribute of this name as a Rust type. `None` when it is absent.
    ///
    /// The result does not depend on the carrier: an Integer that a text-only carrier turned into a String is read as an integer again. The
    /// rules are the rules of [`FromValue`]. Errors name the attribute. The name of a core attribute, which has its own function, is an
    /// error of kind [`InvalidName`](ErrorKind::InvalidName).
    ///
    /// ```
    /// use cloudevents_core::Event;
    ///
    /// let builder = || Event::builder().id("1").source("/s").ty("t");
    /// for event in [builder().extension("priority", 3).build()?, builder().extension("priority", "3").build()?] {
    ///     let priority: Option<i32> = event.extension_as("priority")?;
    ///     assert_eq!(priority, Some(3));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extension_as<'a, T: FromValue<'a>>(&'a self, name: &str) -> Result<Option<T>, Error> {
        if v03::is_reserved(self.specversion, name) {
            return Err(reserved(name));
        }
        match self.extension(name) {
            Some(value) => T::from_value(value).map(Some).map_err(|error| error.with_attribute(name)),
            None => Ok(None),
        }
    }

    /// All attributes but `specversion`, in a fixed order: the core attributes, then the extensions by name.
    #[inline]
    pub fn attributes(&self) -> Attributes<'_> {
        let core = self.core.iter().filter(|span| !span.is_absent()).count();
        Attributes { event: self, core: 0, core_left: core, extensions: self.extensions.list().iter() }
    }

    /// The extension attributes by name.
    #[inline]
    pub fn extensions(&self) -> Attributes<'_> {
        Attributes { event: self, core: CORE.len(), core_left: 0, extensions: self.extensions.list().iter() }
    }

    /// The payload.
    ///
    /// The first call scans the body of a binary-mode message under a JSON content type, and the result is kept: it is
    /// [`Data::Json`] when it is JSON, else [`Data::Binary`].
    pub fn data(&self) -> Option<Data<'_>> {
        let body = self.body.as_ref()?;
        let kind = self.kind_of(body);
        Some(match (kind, &body.content) {
            (Kind::Json, content) => Data::Json(JsonText::known(content.as_text().unwrap_or_default())),
            (Kind::Text, Content::Text(text)) => Data::Text(text.as_str()),
            (Kind::Xml, Content::Text(text)) => Data::Xml(text.as_str()),
            (Kind::Cbor, content) => Data::Cbor(content.as_bytes()),
            (Kind::Proto, content) => {
                let type_url = self.type_url.of(self.buffers.text.as_str(), self.buffers.side.as_str());
                Data::Proto { type_url, value: content.as_bytes() }
            }
            (Kind::Binary | Kind::Body | Kind::Text | Kind::Characters | Kind::Xml, content) => {
                Data::Binary(content.as_bytes())
            }
        })
    }

    /// The payload as text: character data, JSON and XML as written, or bytes that are valid UTF-8.
    ///
    /// Errors are of kind [`UnexpectedContentType`](ErrorKind::UnexpectedContentType) when the content type has a `charset` other than
    /// UTF-8 or US-ASCII, [`InvalidUtf8`](ErrorKind::InvalidUtf8) for bytes that are not UTF-8, and
    /// [`InvalidData`](ErrorKind::InvalidData) when there is no payload, or when it is a CBOR item or a protobuf message.
    ///
    /// ```
    /// use cloudevents_core::{Event, Payload};
    ///
    /// let builder = || Event::builder().id("1").source("/s").ty("t");
    /// assert_eq!(builder().text("hi").build()?.data_as_text()?, "hi");
    /// // A binary-mode message carries bytes.
    /// assert_eq!(builder().payload("text/plain", Payload::body("hi")).build()?.data_as_text()?, "hi");
    /// assert!(builder().build()?.data_as_text().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn data_as_text(&self) -> Result<&str, Error> {
        match self.data() {
            Some(Data::Json(json)) => Ok(json.as_str()),
            Some(Data::Text(text) | Data::Xml(text)) => Ok(text),
            Some(Data::Binary(bytes)) => {
                self.check_charset()?;
                core::str::from_utf8(bytes).map_err(|error| {
                    Error::new(ErrorKind::InvalidUtf8)
                        .with_attribute("data")
                        .with_offset(error.valid_up_to())
                        .with_help("read the bytes with Event::data_bytes")
                })
            }
            Some(Data::Cbor(_) | Data::Proto { .. }) => Err(Error::new(ErrorKind::InvalidData)
                .with_detail("text is expected, and the payload is CBOR or protobuf")
                .with_help("read it with the trait of its format, or its bytes with Event::data_bytes")),
            None => Err(Error::new(ErrorKind::InvalidData).with_detail("there is no payload")),
        }
    }

    fn check_charset(&self) -> Result<(), Error> {
        let other = self.datacontenttype().filter(|content_type| !is_utf8(*content_type));
        match other.and_then(|content_type| content_type.parameter("charset")) {
            Some(charset) => Err(Error::new(ErrorKind::UnexpectedContentType)
                .with_attribute("datacontenttype")
                .with_detail(alloc::format!("the charset is `{charset}`, and only UTF-8 can be read as text"))
                .with_help("decode the bytes of Event::data_bytes with a library that knows the charset")),
            None => Ok(()),
        }
    }

    /// The bytes of the payload, exactly as received. Binary-mode messages carry these bytes.
    #[inline]
    pub fn data_bytes(&self) -> Option<&Bytes> {
        self.body.as_ref().map(|body| body.content.as_bytes())
    }

    /// Whether the payload is the body of a binary-mode message with a JSON content type, and is not JSON.
    ///
    /// Such a payload is kept as bytes, as it came. JSON documents carry it as `data_base64`.
    pub(crate) fn is_payload_not_json(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.kind == Kind::Body && self.kind_of(body) == Kind::Binary)
            && self.datacontenttype().is_some_and(MediaType::is_json)
    }

    /// The key that identifies the event: source and id. Duplicates have the same key.
    pub fn key(&self) -> EventKey {
        EventKey::known(self.source().as_str(), self.id())
    }

    /// Converts the event back into a builder.
    pub fn into_builder(self) -> EventBuilder {
        EventBuilder::from_event(self)
    }

    /// The version of the specification the event follows.
    pub fn specversion(&self) -> SpecVersion {
        self.specversion
    }

    #[inline]
    pub(crate) fn core_attribute(&self, core: Core) -> Option<(Name<'_>, Value<'_>)> {
        let text = self.optional(core)?;
        let value = v03::core_value(self.specversion, core, text);
        Some((Name::known(v03::core_name(self.specversion, core)), value))
    }

    #[inline(always)]
    pub(crate) fn extension_attribute(&self, extension: Extension) -> (Name<'_>, Value<'_>) {
        let (text, side) = (self.buffers.text.as_str(), self.buffers.side.as_str());
        (Name::known(extension.name().of(text, side)), extension.value(text, side, self.extensions.binary()))
    }

    #[inline]
    fn core_text(&self, core: Core) -> &str {
        let span = self.core.get(core as usize).copied().unwrap_or_default();
        span.of(self.buffers.text.as_str(), self.buffers.side.as_str())
    }

    #[inline]
    pub(crate) fn optional(&self, core: Core) -> Option<&str> {
        let span = self.core.get(core as usize).copied().unwrap_or_default();
        if span.is_absent() {
            None
        } else {
            Some(span.of(self.buffers.text.as_str(), self.buffers.side.as_str()))
        }
    }

    /// Makes the payload agree with the content type (see [`Payload`](crate::Payload)).
    pub(crate) fn agreed(mut self) -> Self {
        self.agree();
        self
    }

    fn agree(&mut self) {
        self.body = self.body.take().map(|body| body.under(self.datacontenttype()));
    }

    fn kind_of(&self, body: &Body) -> Kind {
        match body.kind {
            Kind::Body | Kind::Characters => body.read(self.datacontenttype()),
            kind => kind,
        }
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.specversion == other.specversion
            && self.attributes().eq(other.attributes())
            && self.data() == other.data()
    }
}

impl Eq for Event {}

/// Writes one line that names the event: its type, its source and its id. The last two are its [key](Event::key) as text.
///
/// ```
/// use cloudevents_core::Event;
///
/// let event = Event::builder().id("A-1").source("/orders").ty("com.example.order.placed").build()?;
/// assert_eq!(event.to_string(), "com.example.order.placed /orders A-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.ty(), self.source(), self.id())
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        map.entry(&"specversion", &self.specversion.as_str());
        for (name, value) in self.attributes() {
            map.entry(&name.as_str(), &value);
        }
        if let Some(data) = self.data() {
            map.entry(&"data", &data);
        }
        map.finish()
    }
}
