//! The event.

use crate::{
    BuildError, Data, Error, EventBuilder, EventKey, JsonText, MediaType, Name, Payload, SpecVersion,
    TextBuffer, Timestamp, ToTimestamp, ToValue, Uri, UriReference, Value,
    attributes::{Attributes, Buffers, CORE, Core, Extension, Extensions, Span},
    name::is_name,
    parts::{Parts, check_core, reserved},
    payload::{Content, Kind, agree, read},
    text, v03,
};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use core::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

/// A CloudEvent: valid by construction, cheap to clone, free to read.
///
/// An event that was decoded shares the buffer it came in: attributes and payload are slices of it. A clone counts references and
/// copies neither text nor payload; [`detach`](Self::detach) lets a large receive buffer go.
///
/// Two events are equal when they have the same specversion, the same attributes with the same types and the same spelling, and
/// the same payload: of the same kind and, byte for byte, the same contents.
///
/// ```
/// use cloudevents_core::{Event, Value};
///
/// let event = Event::builder()
///     .id("A234-1234-1234")
///     .source("https://example.com/orders")
///     .ty("com.example.order.placed")
///     .time("2018-04-05T17:31:00+02:00")
///     .extension("priority", 3)
///     .build()?;
/// assert_eq!(event.source().as_str(), "https://example.com/orders");
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
    /// Starts a new event of specversion 1.0. Nothing is made up: `id`, `source` and `type` have to be given.
    pub fn builder() -> EventBuilder {
        EventBuilder::new()
    }

    /// Takes the event apart to change it.
    pub fn into_builder(self) -> EventBuilder {
        EventBuilder::from_event(self)
    }

    /// The version of the specification the event follows.
    pub fn specversion(&self) -> SpecVersion {
        self.specversion
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

    /// The media type of the payload, as stated. A payload may imply one: see [`content_type`](Self::content_type).
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

    /// What the event is about, within its source.
    #[inline]
    pub fn subject(&self) -> Option<&str> {
        self.optional(Core::Subject)
    }

    /// When it happened.
    #[inline]
    pub fn time(&self) -> Option<Timestamp<'_>> {
        self.optional(Core::Time).map(Timestamp::known)
    }

    /// The attribute of this name, core or extension; `specversion` included.
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

    /// The bytes of all attribute names and values but for `specversion`, as canonical strings: what an encoder of text reserves. It
    /// is exact but for Boolean and Integer, where it is what the longest takes.
    ///
    /// ```
    /// let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t").extension("ext", "x").build()?;
    /// assert_eq!(event.attributes_size(), "id1".len() + "source/s".len() + "typet".len() + "extx".len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn attributes_size(&self) -> usize {
        let mut size = 0_usize;
        for (span, core) in self.core.iter().zip(CORE) {
            if !span.is_absent() {
                size = size.saturating_add(span.length() as usize).saturating_add(core.name().len());
            }
        }
        for extension in self.extensions.list() {
            size = size
                .saturating_add(extension.canonical_length())
                .saturating_add(extension.name_length.into());
        }
        size
    }

    /// The payload as what it is.
    ///
    /// The body of a binary-mode message under a JSON content type is scanned by the first call, and the answer is kept; it is
    /// [`Data::Json`] when it is JSON and [`Data::Binary`] when it is not.
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

    /// The bytes of the payload, never looked at: what binary-mode messages carry.
    #[inline]
    pub fn data_bytes(&self) -> Option<&Bytes> {
        self.body.as_ref().map(|body| body.content.as_bytes())
    }

    /// A text of this event, such as that of an attribute, as bytes that share the event's buffer. `None` when the text lies
    /// elsewhere.
    ///
    /// Encoders use it to pass attributes on without copying them.
    #[inline]
    pub fn share(&self, text: &str) -> Option<Bytes> {
        [&self.buffers.side, &self.buffers.text].into_iter().find_map(|buffer| {
            let buffer = buffer.as_bytes();
            let start = text.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
            let end = start.checked_add(text.len()).filter(|end| *end <= buffer.len())?;
            Some(buffer.slice(start..end))
        })
    }

    /// Whether the payload is the body of a binary-mode message whose content type says JSON, while it is not.
    ///
    /// Such a payload is kept as it came, as bytes; JSON documents carry it as `data_base64`.
    pub fn is_payload_not_json(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.kind == Kind::Body && self.kind_of(body) == Kind::Binary)
            && self.datacontenttype().is_some_and(MediaType::is_json)
    }

    /// The key that tells duplicates: source and id.
    pub fn key(&self) -> EventKey {
        EventKey::new(self.source().as_str(), self.id())
    }

    /// Sets `id`. Errors say what is wrong with the value; the event is then unchanged. So for all setters.
    pub fn set_id(&mut self, id: &str) -> Result<(), Error> {
        self.set_core(Core::Id, id)
    }

    /// Sets `source`, a URI-reference.
    pub fn set_source(&mut self, source: &str) -> Result<(), Error> {
        self.set_core(Core::Source, source)
    }

    /// Sets `type`.
    pub fn set_ty(&mut self, ty: &str) -> Result<(), Error> {
        self.set_core(Core::Type, ty)
    }

    /// Sets `subject`.
    pub fn set_subject(&mut self, subject: &str) -> Result<(), Error> {
        self.set_core(Core::Subject, subject)
    }

    /// Sets `time`.
    pub fn set_time(&mut self, time: impl ToTimestamp) -> Result<(), Error> {
        time.with_timestamp(|time| match time {
            Ok(time) => self.set_core(Core::Time, time.as_str()),
            Err(error) => Err(error.with_attribute("time")),
        })
    }

    /// Sets `dataschema`, an absolute URI (`schemaurl`, a URI-reference, in an event of specversion 0.3).
    pub fn set_dataschema(&mut self, uri: &str) -> Result<(), Error> {
        self.set_core(Core::DataSchema, uri)
    }

    /// Sets `datacontenttype`. The payload keeps its bytes; what they are is told anew (see [`Payload`]).
    pub fn set_datacontenttype(&mut self, media_type: &str) -> Result<(), Error> {
        self.set_core(Core::DataContentType, media_type)?;
        self.agree();
        Ok(())
    }

    /// Sets an extension attribute.
    pub fn set_extension(&mut self, name: &str, value: impl ToValue) -> Result<(), Error> {
        check_extension_name(self.specversion, name)?;
        value.with_value(|value| {
            let value = value.and_then(checked).map_err(|error| error.with_attribute(name))?;
            self.change(|parts| parts.put(name, value))
        })
    }

    /// Takes an optional attribute out; the answer says whether it was there. `id`, `source`, `type` and `specversion` stay.
    pub fn remove(&mut self, name: &str) -> bool {
        let there = self.attribute(name).is_some();
        match v03::core_from_name(self.specversion, name) {
            Some(Core::Id | Core::Source | Core::Type) => return false,
            Some(core) if there => {
                // Removing cannot fail: nothing is stored.
                let _ = self.change(|parts| {
                    parts.set_core(core, Span::default());
                    Ok(())
                });
                self.agree();
            }
            None if there && name != "specversion" => {
                let _ = self.change(|parts| {
                    if let Ok(at) = parts.find(name.as_bytes()) {
                        parts.extensions.remove(at);
                    }
                    Ok(())
                });
            }
            _ => return false,
        }
        there
    }

    /// Replaces the payload, with its content type.
    pub fn set_payload(&mut self, datacontenttype: &str, payload: Payload) -> Result<(), Error> {
        check_core(Core::DataContentType, datacontenttype)?;
        let type_url = payload.type_url.clone();
        self.change(|parts| {
            parts.type_url = parts.push(&type_url)?;
            let span = parts.push(datacontenttype)?;
            parts.set_core(Core::DataContentType, span);
            Ok(())
        })?;
        self.body = Some(Body::new(payload.content, payload.kind));
        self.agree();
        Ok(())
    }

    /// Takes the payload out. `datacontenttype` stays.
    pub fn clear_payload(&mut self) {
        self.body = None;
    }

    /// Copies what the event needs out of the buffer it shares, so that the buffer can be freed.
    pub fn detach(&mut self) {
        let mut side = String::new();
        let (text, old_side) = (self.buffers.text.clone(), self.buffers.side.clone());
        let mut move_span = |span: Span| {
            let start = side.len();
            side.push_str(span.of(text.as_str(), old_side.as_str()));
            // What was within reach before still is.
            Span::new(u32::try_from(start).unwrap_or(u32::MAX), span.length())
        };
        self.core = self.core.map(|span| if span.is_absent() { span } else { move_span(span) });
        self.type_url = move_span(self.type_url);
        let list: Vec<Extension> = self
            .extensions
            .list()
            .iter()
            .map(|old| {
                let name_offset = move_span(old.name()).offset();
                let value = if old.is_text() { move_span(old.value) } else { old.value };
                Extension { name_offset, value, ..*old }
            })
            .collect();
        self.extensions = Extensions::new(&list, Bytes::copy_from_slice(self.extensions.binary()));
        self.buffers = Buffers { text: side.into(), side: TextBuffer::default() };
        if let Some(body) = &mut self.body {
            body.content = match &body.content {
                Content::Text(text) => Content::Text(text.as_str().into()),
                Content::Bytes(bytes) => Content::Bytes(Bytes::copy_from_slice(bytes)),
            };
        }
    }

    /// The event in specversion 1.0. One that is 1.0 already is given back as it is.
    ///
    /// The error names every attribute that stands in the way: a `schemaurl` that is no absolute URI, an extension whose name is
    /// that of a 1.0 attribute.
    pub fn upgrade(self) -> Result<Self, BuildError> {
        v03::upgrade(self)
    }

    #[inline]
    pub(crate) fn core_attribute(&self, core: Core) -> Option<(Name<'_>, Value<'_>)> {
        let text = self.optional(core)?;
        let value = match core {
            Core::Id | Core::Type | Core::Subject | Core::DataContentType => Value::String(text),
            Core::Source => Value::UriReference(UriReference::known(text)),
            Core::DataSchema if self.specversion == SpecVersion::V03 => {
                Value::UriReference(UriReference::known(text))
            }
            Core::DataSchema => Value::Uri(Uri::known(text)),
            Core::Time => Value::Timestamp(Timestamp::known(text)),
        };
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
    fn optional(&self, core: Core) -> Option<&str> {
        let span = self.core.get(core as usize).copied().unwrap_or_default();
        if span.is_absent() {
            None
        } else {
            Some(span.of(self.buffers.text.as_str(), self.buffers.side.as_str()))
        }
    }

    /// The same with a payload that agrees with the content type (see [`Payload`]).
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

    fn set_core(&mut self, core: Core, value: &str) -> Result<(), Error> {
        v03::check_core(self.specversion, core, value)?;
        self.change(|parts| {
            let span = parts.push(value)?;
            parts.set_core(core, span);
            Ok(())
        })
    }

    fn change(&mut self, how: impl FnOnce(&mut Parts) -> Result<(), Error>) -> Result<(), Error> {
        let (mut parts, specversion, body) = Parts::thaw(self.clone());
        how(&mut parts)?;
        *self = parts.freeze(specversion, body);
        Ok(())
    }
}

/// A value of a String has no characters a String cannot have; the other types are valid by construction.
pub(crate) fn checked(value: Value<'_>) -> Result<Value<'_>, Error> {
    if let Value::String(text) = value {
        text::check(text)?;
    }
    Ok(value)
}

/// A valid name, and not that of a core attribute.
pub(crate) fn check_extension_name(specversion: SpecVersion, name: &str) -> Result<(), Error> {
    if v03::is_reserved(specversion, name) {
        return Err(reserved(name));
    }
    if is_name(name.as_bytes()) { Ok(()) } else { Name::parse(name).map(drop) }
}

/// A payload with what is known of it.
#[derive(Debug)]
pub(crate) struct Body {
    content: Content,
    kind: Kind,
    /// What a [`Kind::Body`] or [`Kind::Characters`] turned out to be when somebody asked.
    read: AtomicU8,
}

const UNREAD: u8 = 0;
const JSON: u8 = 1;
const CBOR: u8 = 2;
const BINARY: u8 = 3;
const TEXT: u8 = 4;

impl Body {
    #[inline]
    pub(crate) fn new(content: Content, kind: Kind) -> Self {
        Self { content, kind, read: AtomicU8::new(UNREAD) }
    }

    /// What the payload is under another content type.
    #[inline]
    pub(crate) fn under(self, content_type: Option<MediaType<'_>>) -> Self {
        let kind = agree(self.kind, &self.content, content_type);
        let content = match self.content {
            Content::Text(text) if kind == Kind::Binary => Content::Bytes(text.as_bytes().clone()),
            content => content,
        };
        Self { content, kind, read: AtomicU8::new(UNREAD) }
    }

    /// Characters as what they are under this content type.
    pub(crate) fn settled(self, content_type: Option<MediaType<'_>>) -> Self {
        let kind = if self.kind == Kind::Characters { self.read(content_type) } else { self.kind };
        Self { kind, ..self }
    }

    fn read(&self, content_type: Option<MediaType<'_>>) -> Kind {
        match self.read.load(Ordering::Relaxed) {
            JSON => Kind::Json,
            CBOR => Kind::Cbor,
            BINARY => Kind::Binary,
            TEXT => Kind::Text,
            _ => {
                let kind = read(self.kind, &self.content, content_type);
                let code = match kind {
                    Kind::Json => JSON,
                    Kind::Cbor => CBOR,
                    Kind::Text => TEXT,
                    _ => BINARY,
                };
                self.read.store(code, Ordering::Relaxed);
                kind
            }
        }
    }
}

impl Clone for Body {
    fn clone(&self) -> Self {
        Self {
            content: self.content.clone(),
            kind: self.kind,
            read: AtomicU8::new(self.read.load(Ordering::Relaxed)),
        }
    }
}

impl Extension {
    fn is_text(self) -> bool {
        use crate::attributes::ExtensionKind as Is;
        matches!(self.kind, Is::String | Is::Uri | Is::UriReference | Is::Timestamp)
    }

    /// The length of the value's canonical string, at most.
    #[inline]
    fn canonical_length(self) -> usize {
        use crate::attributes::ExtensionKind as Is;
        match self.kind {
            Is::Boolean | Is::Integer => "-2147483648".len(),
            Is::Binary => (self.value.length() as usize).div_ceil(3).saturating_mul(4),
            _ => self.value.length() as usize,
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
