//! Changing an event in place.

use super::{Body, Event};
use crate::{
    BuildError, Error, IntoPayload, Name, Payload, SpecVersion, TextBuffer, ToText, ToTimestamp, ToValue,
    Uri,
    attributes::{Buffers, Extension, Extensions, Span},
    core_attribute::Core,
    name::is_name,
    parts::{Parts, check_core, checked, reserved},
    payload::Content,
    v03,
};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;

/// Setters return an error when the value is not valid, and then leave the event unchanged. Setters of optional attributes also take
/// an `Option`, and `None` removes the attribute.
///
/// A setter takes time in proportion to the size of the attributes, however often attributes were set before. To set many at once, use
/// [`into_builder`](Self::into_builder).
impl Event {
    /// Sets `id`.
    pub fn set_id(&mut self, id: impl AsRef<str>) -> Result<(), Error> {
        self.set_core(Core::Id, id.as_ref())
    }

    /// Sets `source`, a URI-reference.
    pub fn set_source(&mut self, source: impl AsRef<str>) -> Result<(), Error> {
        self.set_core(Core::Source, source.as_ref())
    }

    /// Sets `type`.
    pub fn set_ty(&mut self, ty: impl AsRef<str>) -> Result<(), Error> {
        self.set_core(Core::Type, ty.as_ref())
    }

    /// Sets `subject`.
    pub fn set_subject<How>(&mut self, subject: impl ToText<How>) -> Result<(), Error> {
        self.set_optional(Core::Subject, subject.to_text())
    }

    /// Sets `time`.
    pub fn set_time(&mut self, time: impl ToTimestamp) -> Result<(), Error> {
        time.with_timestamp(|time| match time {
            Ok(time) => self.set_optional(Core::Time, time.map(|time| time.as_str())),
            Err(error) => Err(error.with_attribute("time")),
        })
    }

    /// Sets `dataschema`, an absolute URI (`schemaurl`, a URI-reference, in an event of specversion 0.3).
    pub fn set_dataschema<How>(&mut self, uri: impl ToText<How>) -> Result<(), Error> {
        self.set_optional(Core::DataSchema, uri.to_text())
    }

    /// Sets `datacontenttype`. The payload keeps its bytes, but its kind may change (see [`Payload`]).
    pub fn set_datacontenttype<How>(&mut self, media_type: impl ToText<How>) -> Result<(), Error> {
        self.set_optional(Core::DataContentType, media_type.to_text())?;
        self.agree();
        Ok(())
    }

    /// Sets an extension attribute.
    pub fn set_extension(&mut self, name: impl AsRef<str>, value: impl ToValue) -> Result<(), Error> {
        let name = name.as_ref();
        check_extension_name(self.specversion, name)?;
        value.with_value(|value| match value.and_then(checked) {
            Ok(Some(value)) => self.change(|parts| parts.put(name, value)),
            Ok(None) => {
                self.remove(name);
                Ok(())
            }
            Err(error) => Err(error.with_attribute(name)),
        })
    }

    /// Removes an optional attribute and returns whether it was there. `id`, `source`, `type` and `specversion` stay.
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
                    parts.remove(name);
                    Ok(())
                });
            }
            _ => return false,
        }
        there
    }

    /// Sets the payload and its content type.
    pub fn set_payload(
        &mut self,
        datacontenttype: impl AsRef<str>,
        payload: impl IntoPayload,
    ) -> Result<(), Error> {
        let datacontenttype = datacontenttype.as_ref();
        check_core(Core::DataContentType, datacontenttype)?;
        self.put_payload(Some(datacontenttype), payload.into_payload()?)
    }

    /// Sets the payload and leaves `datacontenttype` unchanged.
    pub fn set_payload_only(&mut self, payload: impl IntoPayload) -> Result<(), Error> {
        self.put_payload(None, payload.into_payload()?)
    }

    /// Sets character data as the payload. `datacontenttype` becomes `text/plain` unless it is set.
    pub fn set_text(&mut self, text: impl Into<TextBuffer>) -> Result<(), Error> {
        let content_type = if self.datacontenttype().is_none() { Some("text/plain") } else { None };
        self.put_payload(content_type, Payload::text(text))
    }

    /// Sets bytes of this media type as the payload.
    pub fn set_binary(
        &mut self,
        datacontenttype: impl AsRef<str>,
        bytes: impl Into<Bytes>,
    ) -> Result<(), Error> {
        self.set_payload(datacontenttype, Payload::binary(bytes))
    }

    /// Removes the payload. `datacontenttype` stays.
    pub fn clear_payload(&mut self) {
        self.body = None;
        self.type_url = Span::default();
    }

    /// Copies the parts that the event needs out of the buffer it shares, so that the buffer can be freed.
    pub fn detach(&mut self) {
        let mut side = String::new();
        let (text, old_side) = (self.buffers.text.clone(), self.buffers.side.clone());
        let mut move_span = |span: Span| {
            let start = side.len();
            side.push_str(span.of(text.as_str(), old_side.as_str()));
            // The offset was within range before and still is.
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

    /// Converts the event to specversion 1.0. An event of 1.0 is returned unchanged.
    ///
    /// The error names every attribute that prevents the conversion: a `schemaurl` that is not an absolute URI, or an extension with
    /// the name of a 1.0 attribute.
    pub fn upgrade(self) -> Result<Self, BuildError> {
        if self.specversion == SpecVersion::V1 {
            return Ok(self);
        }
        let mut mistakes = Vec::new();
        if let Some(Err(error)) = self.schemaurl().map(|reference| Uri::parse(reference.as_str())) {
            mistakes.push(
                error
                    .with_attribute("schemaurl")
                    .with_help("1.0 has dataschema instead, which is an absolute URI"),
            );
        }
        if self.attribute("dataschema").is_some() {
            mistakes.push(
                reserved("dataschema")
                    .with_help("rename the extension: 1.0 has a core attribute of this name"),
            );
        }
        let mut mistakes = mistakes.into_iter();
        if let Some(first) = mistakes.next() {
            return Err(BuildError::new(first, mistakes));
        }
        let (mut parts, _, body) = Parts::thaw(self);
        Ok(parts.freeze(SpecVersion::V1, body))
    }

    fn put_payload(&mut self, datacontenttype: Option<&str>, payload: Payload) -> Result<(), Error> {
        self.change(|parts| {
            parts.type_url = parts.push(&payload.type_url)?;
            if let Some(content_type) = datacontenttype {
                let span = parts.push(content_type)?;
                parts.set_core(Core::DataContentType, span);
            }
            Ok(())
        })?;
        self.body = Some(Body::new(payload.content, payload.kind));
        self.agree();
        Ok(())
    }

    fn set_optional(&mut self, core: Core, value: Option<&str>) -> Result<(), Error> {
        match value {
            Some(value) => self.set_core(core, value),
            None => {
                self.remove(v03::core_name(self.specversion, core));
                Ok(())
            }
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
        parts.compact();
        *self = parts.freeze(specversion, body);
        Ok(())
    }
}

/// Checks that a name is valid, and not the name of a core attribute.
fn check_extension_name(specversion: SpecVersion, name: &str) -> Result<(), Error> {
    if v03::is_reserved(specversion, name) {
        return Err(reserved(name));
    }
    if is_name(name.as_bytes()) { Ok(()) } else { Name::parse(name).map(drop) }
}
