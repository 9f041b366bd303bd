//! One mapping: the documents that it is for, and the attributes and payloads of their events.

use crate::{
    place,
    template::{Given, Template},
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Format, MediaType, Name, Payload, Timestamp,
    codec::{Assembler, CoreName, Given as Piece, decode_base64},
};
use cloudevents_json::{Json, is_event};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;

/// The documents that it is for, and the attributes and payloads of their events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// Places and patterns of their values. All have to match. A pattern may begin or end with `*`; `*` alone is anything but null.
    #[serde(rename = "where")]
    condition: BTreeMap<String, String>,
    /// The place of an array, each element of which is an event.
    each: Option<String>,
    /// Places where an event may stand that is returned as it is.
    #[serde(default)]
    unwrap: Vec<Unwrap>,
    id: Option<Template>,
    source: Option<Template>,
    #[serde(rename = "type")]
    ty: Option<Template>,
    subject: Option<Template>,
    time: Option<Template>,
    dataschema: Option<Template>,
    datacontenttype: Option<Template>,
    #[serde(default)]
    extensions: BTreeMap<String, Template>,
    /// The place of an object whose members are extensions, except for members that the mapping names.
    spread: Option<String>,
    /// The place of the payload. The default is all of the element.
    data: Option<String>,
    /// The place of a payload in base64, in place of `data`.
    base64: Option<String>,
    /// Why there is no event, for documents that are recognised and not converted.
    pub(crate) help: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unwrap {
    at: String,
    /// Whether a text stands there that is base64.
    #[serde(default)]
    base64: bool,
    /// The place of an object with attributes in binary mode, `ce-` before their names, and `content-type`.
    attributes: Option<String>,
}

/// Mappings that can make events.
pub(crate) fn checked<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Mapping>, D::Error> {
    let checked: Vec<Checked> = Vec::deserialize(from)?;
    if checked.is_empty() {
        return Err(de::Error::custom("there is no mapping"));
    }
    Ok(checked.into_iter().map(|Checked(mapping)| mapping).collect())
}

struct Checked(Mapping);

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mapping = Mapping::deserialize(from)?;
        mapping.check().map_err(de::Error::custom)?;
        Ok(Self(mapping))
    }
}

impl Mapping {
    /// Why the mapping can make no event of any document.
    fn check(&self) -> Result<(), String> {
        let required = [("id", &self.id), ("source", &self.source), ("type", &self.ty)];
        let missing = required.into_iter().find(|(_, template)| template.is_none());
        if let Some((name, _)) = missing.filter(|_| self.help.is_none() && self.unwrap.is_empty()) {
            return Err(format!("a mapping has no `{name}`"));
        }
        for name in self.extensions.keys() {
            Name::parse(name).map_err(|error| error.message().to_string())?;
        }
        Ok(())
    }

    pub(crate) fn fits(&self, document: &str) -> bool {
        self.condition.iter().all(|(place, pattern)| match pattern.as_str() {
            "*" => place::at(document, place).is_some(),
            pattern => place::text(document, place).is_some_and(|text| matches(pattern, &text)),
        })
    }

    /// The members of a document that the condition asks for.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.condition.keys().filter_map(|place| place.split('.').next())
    }

    /// The first elements that become events, up to this number.
    pub(crate) fn elements<'a>(&self, document: &'a str, most: usize) -> Result<Vec<&'a str>, Error> {
        let Some(place) = &self.each else { return Ok(vec![document]) };
        let array = place::at(document, place).and_then(|array| place::elements(array, most));
        array.ok_or_else(|| invalid(format!("there is no array at `{place}`")))
    }

    /// Makes an event of an element.
    pub(crate) fn event(&self, given: Given<'_>, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        if let Some(event) = self.unwrap.iter().find_map(|unwrap| unwrap.find(given.element, with)) {
            return event;
        }
        let required = |template: &Option<Template>, name: &str| {
            let template = template.as_ref().ok_or_else(|| invalid("it has no event in it"))?;
            template.fill(given).ok_or_else(|| {
                invalid(format!("it has no {}", template.places())).with_attribute(name.to_owned())
            })
        };
        let mut event = Event::builder()
            .id(required(&self.id, "id")?)
            .source(required(&self.source, "source")?)
            .ty(required(&self.ty, "type")?);
        let optional =
            |template: &Option<Template>| template.as_ref().and_then(|template| template.fill(given));
        if let Some(subject) = optional(&self.subject) {
            event = event.subject(subject);
        }
        if let Some(time) = optional(&self.time) {
            match Timestamp::parse(&time) {
                Ok(time) => event = event.time(time),
                // It stays in the payload.
                Err(_) if self.data.is_none() && self.base64.is_none() => {}
                Err(error) => return Err(error.with_attribute("time")),
            }
        }
        if let Some(uri) = optional(&self.dataschema) {
            event = event.dataschema(uri);
        }
        for (name, template) in &self.extensions {
            if let Some(value) = template.fill(given) {
                event = event.extension(name, value);
            }
        }
        for (name, value) in self.spread(given.element, with)? {
            if event.attribute(&name).is_some() || CoreName::of(name.as_bytes()).is_some() {
                return Err(Error::new(ErrorKind::DuplicateAttribute).with_attribute(name));
            }
            event = event.extension(name, value);
        }
        let media_type = optional(&self.datacontenttype);
        if let Some(payload) = self.payload(given.element, media_type.as_deref())? {
            event = event.payload(media_type.as_deref().unwrap_or("application/json"), payload);
        } else if let Some(media_type) = media_type {
            event = event.datacontenttype(media_type);
        }
        Ok(Decoded::clean(event.build()?))
    }

    /// Further attributes. A value that is neither text nor number nor truth value is an error, because it would be lost.
    fn spread(&self, element: &str, with: &DecodeOptions) -> Result<Vec<(String, String)>, Error> {
        let Some(place) = &self.spread else { return Ok(Vec::new()) };
        let named = [
            &self.id,
            &self.source,
            &self.ty,
            &self.subject,
            &self.time,
            &self.dataschema,
            &self.datacontenttype,
        ];
        let named = named.into_iter().flatten().chain(self.extensions.values());
        let mut known: Vec<&str> = named.flat_map(Template::members).collect();
        known.extend(self.data.as_deref().into_iter().chain(self.base64.as_deref()));
        known.extend(self.condition.keys().map(String::as_str));
        let object = place::at(element, place).unwrap_or_default();
        let most = with.limits.attributes;
        let is_other = |name: &str| !place.is_empty() || !known.contains(&name);
        let others = place::members(object, most.saturating_add(1), is_other);
        if others.len() > most {
            let detail = format!("the limit is {most} attributes");
            return Err(Error::new(ErrorKind::TooMany).with_detail(detail));
        }
        let others = others.into_iter().filter(|(_, value)| *value != "null");
        let text = |(name, value): (String, &str)| match place::text(value, "") {
            Some(text) => Ok((name.to_ascii_lowercase(), text)),
            None => Err(invalid("it is neither text nor number nor truth value").with_attribute(name)),
        };
        others.map(text).collect()
    }

    fn payload(&self, element: &str, media_type: Option<&str>) -> Result<Option<Payload>, Error> {
        if let Some(path) = &self.base64 {
            let text = place::text(element, path);
            return text.map(|text| Ok(Payload::body(decode_base64(text)?))).transpose();
        }
        let Some(raw) = place::at(element, self.data.as_deref().unwrap_or_default()) else { return Ok(None) };
        let is_json = match media_type {
            None => true,
            Some(media_type) => MediaType::parse(media_type).is_ok_and(|media_type| media_type.is_json()),
        };
        match serde_json::from_str::<String>(raw) {
            Ok(text) if !is_json => Ok(Some(Payload::text(text))),
            _ => Payload::json(Bytes::copy_from_slice(raw.as_bytes())).map(Some),
        }
    }
}

impl Unwrap {
    /// An event that stands there. `None` if there is none.
    fn find(&self, element: &str, with: &DecodeOptions) -> Option<Result<Decoded<Event>, Error>> {
        let document = || {
            let Some(raw) = place::at(element, &self.at) else { return Ok(Bytes::new()) };
            Ok(match serde_json::from_str::<String>(raw) {
                Ok(text) if self.base64 => decode_base64(text)?.into(),
                Ok(text) => text.into(),
                Err(_) => Bytes::copy_from_slice(raw.as_bytes()),
            })
        };
        if let Some(place) = &self.attributes {
            let is_own = |name: &str| name.starts_with("ce-") || name.eq_ignore_ascii_case("content-type");
            let object = place::at(element, place).unwrap_or_default();
            // One more than the assembler takes.
            let attributes = place::members(object, with.limits.attributes.saturating_add(1), is_own);
            if attributes.iter().any(|(name, _)| name.starts_with("ce-")) {
                return Some(document().and_then(|body| binary(&attributes, body, with)));
            }
        }
        // A document that cannot be read is no event.
        let document = document().ok()?;
        is_event(&document).then(|| Json::new().decode(document, with))
    }
}

/// An event whose attributes are texts, with `ce-` before their names.
fn binary(attributes: &[(String, &str)], body: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let mut assembler = Assembler::new(with);
    for (name, value) in attributes {
        let attribute = name.strip_prefix("ce-").unwrap_or("datacontenttype");
        let text: String = serde_json::from_str(value).map_err(|_| {
            invalid(format!("the attribute `{name}` is not text")).with_attribute(attribute.to_owned())
        })?;
        let piece = assembler.push(&text)?;
        assembler.named(attribute, Piece::Text(piece))?;
    }
    assembler.complete()?;
    assembler.finish((!body.is_empty()).then(|| Payload::body(body)))
}

fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => text.ends_with(end),
        (None, Some(begin)) => text.starts_with(begin),
        (None, None) => text == pattern,
    }
}

#[cold]
pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}
