//! One mapping: the documents that it is for, and the attributes and payloads of their events.

use crate::{
    Headers,
    beside::{self, Around, Beside, NotCarried, Parts, is_excepted},
    condition::{self, Condition, matches},
    payload::{self, Form, Others},
    place,
    put::{put, put_json, put_optional, required},
    template::{Given, Of, Template, header_place},
    unwrap::Unwrap,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Name, Payload,
    codec::{Assembler, CoreName},
};
use serde::{Deserialize, Deserializer, de};
use std::{collections::BTreeMap, fmt};

/// The documents that it is for, and the attributes and payloads of their events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping, which is an object")]
pub(crate) struct Mapping {
    #[serde(rename = "where")]
    condition: Condition,
    /// The place of an array, each element of which is an event.
    each: Option<String>,
    /// Places where an event may stand that is returned as it is.
    #[serde(default)]
    unwrap: Vec<Unwrap>,
    /// Places of the envelopes around the document, and patterns of texts there that the document implies: they are no loss.
    #[serde(default, deserialize_with = "condition::once")]
    implies: BTreeMap<String, String>,
    id: Option<Template>,
    source: Option<Template>,
    #[serde(rename = "type")]
    ty: Option<Template>,
    subject: Option<Template>,
    time: Option<Template>,
    dataschema: Option<Template>,
    datacontenttype: Option<Template>,
    #[serde(default, deserialize_with = "condition::once")]
    extensions: BTreeMap<String, Template>,
    /// Places of objects whose members are extensions, except for members that have another place in the event.
    #[serde(default)]
    spread: Places,
    /// Parts of an element that become extensions of the event that is made of it, or are named.
    #[serde(default)]
    beside: Beside,
    /// Places of members of such objects that are no extensions. A place may begin or end with `*`.
    #[serde(default)]
    except: Vec<String>,
    /// The place of the payload, with `?` behind it if it may be absent. The default is all of the element.
    data: Option<String>,
    /// The place of a payload in base64, which comes before `either` and `data`. Any other value there is a payload in JSON.
    base64: Option<String>,
    /// The place of a payload that is base64 if the content type is neither JSON nor text. It comes before `data`.
    either: Option<String>,
    /// Which payloads that are no texts may stand there, if the content type is not JSON.
    #[serde(default)]
    others: Others,
    /// Why there is no event: of the documents, or with `unwrap`, of an element without an event at its places.
    help: Option<Template>,
    /// Whether a program defines it.
    #[serde(skip)]
    own: bool,
}

/// One place, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a place, or an array of places")]
enum Places {
    One(String),
    Several(Vec<String>),
}

impl Places {
    fn all(&self) -> &[String] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Several(places) => places,
        }
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
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
        if let Some(place) = self.places_of_values().find(|place| header_place(place).is_some()) {
            let member = place.trim_start_matches('$');
            return Err(format!(
                "`{place}` is a header, which cannot be there; `.{member}` is a place of the document"
            ));
        }
        if let Some((place, name)) = self.condition.null_header() {
            return Err(format!(
                "`{place}` is a header, which is never null; `.header.{name}` is a place of the document"
            ));
        }
        let beside = self.all_beside().flat_map(Beside::excepted);
        let names = self.except.iter().chain(self.implies.keys()).map(String::as_str);
        let mut within = self.places_of_values().chain(beside).chain(names);
        if let Some((place, inner)) = within.find_map(|place| Some((place, place.strip_prefix("$.")?))) {
            return Err(format!(
                "`{place}` is for `where` and templates; `{inner}` is a place of the element or of the document without `each`, and `.{place}` is one of its member `$`"
            ));
        }
        for name in self.extensions.keys() {
            Name::parse(name).map_err(|error| error.message().to_string())?;
        }
        // One document is read in place of the envelope.
        if self.unwrap.iter().filter(|unwrap| unwrap.documents).count() > 1 {
            return Err("two places in `unwrap` have `documents`".to_owned());
        }
        if self.each.is_some() && self.is_envelope() {
            return Err("documents of other adapters are read in a document, and not in elements of `each`: leave out `documents` or `each`".to_owned());
        }
        self.all_beside().try_for_each(Beside::check).map_err(|error| error.message().to_string())
    }

    /// The mapping as one that a program defines.
    pub(crate) fn owned(self) -> Self {
        Self { own: true, ..self }
    }

    pub(crate) fn fits(&self, document: &str, headers: Headers<'_>) -> bool {
        self.condition.fits(document, headers, self.own)
    }

    /// The first place of the condition that does not fit.
    pub(crate) fn unfit(&self, document: &str, headers: Headers<'_>) -> Option<&str> {
        self.condition.unfit(document, headers, self.own)
    }

    /// Why there is no event of the document. `None` if there can be one.
    pub(crate) fn help(&self, element: &str, headers: Headers<'_>) -> Option<String> {
        let help = self.help.as_ref().filter(|_| !self.makes_events())?;
        let document = self.of_document(element);
        Some(help.words(Given { element, document: &document, headers, is_signed: false }))
    }

    /// Whether the document implies a part of an envelope around it.
    pub(crate) fn implies(&self, place: &str, text: Option<&str>) -> bool {
        let fits = |pattern: &str| pattern == "*" || text.is_some_and(|text| matches(pattern, text));
        let mut implied = self.implies.iter();
        implied.any(|(known, pattern)| known.trim_start_matches('.') == place && fits(pattern))
    }

    /// Whether it makes events.
    pub(crate) fn makes_events(&self) -> bool {
        self.help.is_none() || !self.unwrap.is_empty()
    }

    pub(crate) fn is_envelope(&self) -> bool {
        self.unwrap.iter().any(|unwrap| unwrap.documents)
    }

    /// The members of a document that the condition asks for.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.condition.places().filter_map(|place| place.split('.').next())
    }

    /// The headers that the condition asks for.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &str> {
        self.condition.headers()
    }

    /// A value of the document, and the document in it that may be one of another system, which is read in place of this one.
    pub(crate) fn inner<'a>(&self, document: &'a str) -> Option<(&'a str, Bytes)> {
        let unwrap = self.unwrap.iter().find(|unwrap| unwrap.documents)?;
        if unwrap.is_binary(document) {
            return None;
        }
        let value = place::at(document, &unwrap.at).filter(|value| unwrap.may_be_document(value))?;
        Some((value, unwrap.document(value).ok()?))
    }

    /// Refuses a document with a member twice that the mapping reads: a reader before this one may have read the other. Elements of `each`
    /// are checked one by one.
    pub(crate) fn check_document(&self, document: &str) -> Result<(), Error> {
        self.check_member_header(document)?;
        let of_document = self.of_events().flat_map(Template::all).filter_map(Of::in_document);
        let mut places: Vec<&str> =
            self.condition.places().chain(of_document).chain(self.each.as_deref()).collect();
        if self.each.is_none() {
            places.extend(self.in_element());
        }
        once(place::twice(document, &places))
    }

    /// The same for an element of `each`.
    fn check_element(&self, element: &str) -> Result<(), Error> {
        if self.each.is_none() {
            return Ok(());
        }
        self.check_member_header(element)?;
        once(place::twice(element, &self.in_element().collect::<Vec<_>>()))
    }

    /// Refuses a document or an element, if a place may be one of its member `header`. The places of known adapters are headers.
    fn check_member_header(&self, value: &str) -> Result<(), Error> {
        match self.own {
            true => self.condition.check_member_header(value, self.all_places()),
            false => Ok(()),
        }
    }

    /// Refuses a header that is read, and is there twice with different values.
    pub(crate) fn check_headers(&self, headers: Headers<'_>) -> Result<(), Error> {
        self.condition.check_headers(headers, self.all_places())
    }

    /// The places that no header can be.
    fn places_of_values(&self) -> impl Iterator<Item = &str> {
        let payload = [&self.each, &self.data, &self.base64, &self.either].into_iter().flatten();
        let places = payload.chain(self.spread.all()).map(String::as_str);
        places.chain(self.unwrap.iter().flat_map(Unwrap::places)).chain(self.beside.places())
    }

    /// The parts beside events, and beside messages without an event.
    fn all_beside(&self) -> impl Iterator<Item = &Beside> {
        self.unwrap.iter().map(|unwrap| &unwrap.beside).chain([&self.beside])
    }

    /// The places within an element that make its event.
    fn in_element(&self) -> impl Iterator<Item = &str> {
        let places = self.templates().flat_map(Template::in_element);
        let places = places.chain(self.payload_places().map(|(place, ..)| place));
        let places = places.chain(self.spread.all().iter().map(String::as_str));
        places.chain(self.unwrap.iter().flat_map(Unwrap::places)).chain(self.beside.places())
    }

    /// The parts beside the [document](Self::inner) of another system.
    pub(crate) fn beside_inner(
        &self,
        headers: Headers<'_>,
        document: &str,
        with: &DecodeOptions,
        is_signed: bool,
    ) -> Result<Parts, Error> {
        let Some(unwrap) = self.unwrap.iter().find(|unwrap| unwrap.documents) else {
            return Ok(Parts::default());
        };
        self.check_headers(headers)?;
        self.check_document(document)?;
        self.alone(unwrap, document, with)?;
        let around = self.of_document(document);
        unwrap.parts(Given { element: document, document: &around, headers, is_signed }, with)
    }

    /// Refuses an element with an event at another place, which would be lost.
    fn alone(&self, unwrap: &Unwrap, element: &str, with: &DecodeOptions) -> Result<(), Error> {
        let has_more = |other: &&Unwrap| !unwrap.has(&other.at) && other.find(element, with).is_some();
        self.unwrap.iter().find(has_more).map_or(Ok(()), |other| {
            let detail = format!("there is an event at `{}`, and another one at `{}`", unwrap.at, other.at);
            let help = "a mapping makes one event of an element: let `unwrap` name one of both places, or `each` the array of the events";
            Err(invalid(detail).with_help(help))
        })
    }

    /// The first elements that become events, up to this number.
    pub(crate) fn elements<'a>(&self, document: &'a str, most: usize) -> Result<Vec<&'a str>, Error> {
        let Some(place) = &self.each else { return Ok(vec![document]) };
        let array = place::at(document, place).and_then(|array| place::elements(array, most));
        array.ok_or_else(|| invalid(format!("there is no array at `{place}`")))
    }

    /// The texts of the places of the document that templates have. They are read once, and not for each element.
    pub(crate) fn of_document(&self, document: &str) -> Vec<(&str, Result<String, String>)> {
        let places = self.all_places().filter_map(Of::in_document);
        places.filter_map(|path| Some((path, place::plain_of_adapter(document, path).transpose()?))).collect()
    }

    /// Makes an event of an element.
    ///
    /// With `is_exact`, parts beside an event that it cannot carry are an error.
    pub(crate) fn event(
        &self,
        given: Given<'_>,
        with: &DecodeOptions,
        is_exact: bool,
    ) -> Result<Decoded<Event>, Error> {
        self.check_element(given.element)?;
        if let Some((unwrap, event)) =
            self.unwrap.iter().find_map(|unwrap| Some((unwrap, unwrap.find(given.element, with)?)))
        {
            let Decoded { value, repairs, .. } = event?;
            self.alone(unwrap, given.element, with)?;
            let mut not_carried = NotCarried::new();
            let event = unwrap.parts(given, with)?.carried(value, &with.limits, &mut not_carried)?;
            beside::told(&not_carried, event.id(), is_exact)?;
            return Ok(Decoded::new(event, repairs));
        }
        if let Some(help) = &self.help {
            let error = Error::new(ErrorKind::NotACloudEvent).with_detail(WITHOUT_EVENT);
            return Err(error.with_help(help.words(given)));
        }
        let mut event = Assembler::new(with);
        put(&mut event, "specversion", "1.0")?;
        for (name, template) in [("id", &self.id), ("source", &self.source), ("type", &self.ty)] {
            let template = template.as_ref().ok_or_else(|| {
                let help = "a mapping with `id`, `source` and `type` makes an event of it";
                invalid(WITHOUT_EVENT).with_help(help)
            })?;
            put(&mut event, name, &required(template, given).map_err(|error| error.with_attribute(name))?)?;
        }
        for (name, template) in [
            ("subject", &self.subject),
            ("time", &self.time),
            ("dataschema", &self.dataschema),
            ("datacontenttype", &self.datacontenttype),
        ] {
            if let Some(template) = template {
                put_optional(&mut event, name, template, given)?;
            }
        }
        for (name, template) in &self.extensions {
            put_optional(&mut event, name, template, given)?;
        }
        for (name, value) in self.spread(given, with)? {
            match CoreName::of(name.as_bytes()) {
                None if matches!(name.as_str(), "data" | "data_base64") => {
                    return Err(self.second_payload(name));
                }
                None => put_json(&mut event, &name, value).map_err(|error| match error.kind() {
                    // A name with a full stop has no place.
                    ErrorKind::InvalidName if !name.contains('.') => error.with_help(LEFT_OUT),
                    _ => error,
                })?,
                // Before it was an attribute, it was an extension.
                Some(CoreName::Subject) if self.subject.is_none() && value.starts_with('"') => {
                    put_json(&mut event, &name, value)?;
                }
                Some(_) => return Err(self.taken(name, given)),
            }
        }
        let (payload, form) = self.payload(given.element, &mut event)?;
        // Base64 says nothing about the content. A document with a place for the content type is read as in the JSON format: without the
        // content type, the payload is JSON, and the attribute is absent.
        let is_silent = form != Form::Base64 && self.datacontenttype.is_none();
        if payload.is_some() && is_silent && event.content_type().is_none() {
            put(&mut event, "datacontenttype", "application/json")?;
        }
        let Decoded { value, repairs, .. } = event.finish(payload)?;
        let mut not_carried = NotCarried::new();
        let parts = self.beside.parts(given, Around::Nothing, &with.limits)?;
        let event = parts.carried(value, &with.limits, &mut not_carried)?;
        beside::told(&not_carried, event.id(), is_exact)?;
        Ok(Decoded::new(event, repairs))
    }

    /// The error of an extension that has the name of an attribute of the specification.
    fn taken(&self, name: String, given: Given<'_>) -> Error {
        let template = self.named().into_iter().find(|(known, _)| *known == name);
        let template = template.and_then(|(_, template)| template.as_ref());
        let (kind, from) = match template {
            Some(template) if matches!(template.fill(given), Ok(Some(_))) => {
                (ErrorKind::DuplicateAttribute, template.places())
            }
            Some(template) => (ErrorKind::InvalidName, template.places()),
            None => (ErrorKind::InvalidName, String::new()),
        };
        let from = match from.as_str() {
            "" => String::new(),
            places => format!(", and the mapping reads the attribute from {places}"),
        };
        let detail =
            format!("an extension of the document has the name of this attribute of CloudEvents 1.0{from}");
        Error::new(kind).with_attribute(name).with_detail(detail).with_help(LEFT_OUT)
    }

    /// The error of an extension that has the name of a payload.
    fn second_payload(&self, name: String) -> Error {
        let from = self
            .payload_places()
            .next()
            .map_or(String::new(), |(place, ..)| format!(", which is read from `{place}`"));
        let detail = format!("it names the payload{from}");
        Error::new(ErrorKind::InvalidName).with_attribute(name).with_detail(detail)
    }

    /// Further attributes, with their values in JSON: members whose values have no other place in the event.
    fn spread<'e>(&self, given: Given<'e>, with: &DecodeOptions) -> Result<Vec<(String, &'e str)>, Error> {
        if self.spread.all().is_empty() {
            return Ok(Vec::new());
        }
        let element = given.element;
        let named: Vec<&str> = self.templates().flat_map(Template::in_element).collect();
        let mut carried: Vec<&str> = self.templates().flat_map(|template| template.carried(given)).collect();
        let payload = self.payload_places().find(|(place, _, form)| found(element, place, *form).is_some());
        carried.extend(payload.map(|(place, ..)| place));
        carried.extend(self.spread.all().iter().map(String::as_str));
        let most = with.limits.attributes;
        let mut all = Vec::new();
        let mut count = 0_usize;
        for place in self.spread.all() {
            let object = place::at(element, place).unwrap_or_default();
            if !place::may_have_members(object) {
                return Err(invalid(format!("`{place}` is no object")));
            }
            open(element, place)?;
            let is_other =
                |name: &str| !is_excepted(&self.except, place, name) && !has(&carried, place, name);
            let mut others = place::members(object, most.saturating_add(1), is_other);
            let way = if place.is_empty() { String::new() } else { format!("{place}.") };
            once(place::name_twice(&others).map(|name| format!("{way}{name}")))?;
            // Members without a value count, because those behind the limit are not read.
            count = count.saturating_add(others.len());
            others.retain(|(name, value)| {
                *value != "null" && !(place::is_empty(value) && has(&named, place, name))
            });
            all.extend(others.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)));
        }
        if count > most {
            let detail = format!("the limit is {most} attributes");
            return Err(Error::new(ErrorKind::TooMany).with_detail(detail));
        }
        Ok(all)
    }

    /// The payload at the first of its places that is there, and its form.
    fn payload(&self, element: &str, event: &mut Assembler<'_>) -> Result<(Option<Payload>, Form), Error> {
        let mut last = ("", false, Form::Plain);
        let mut places: Vec<_> = self.payload_places().collect();
        if places.is_empty() {
            places.push(last);
        }
        for (place, optional, form) in places {
            if let Some(raw) = found(element, place, form) {
                return Ok((payload::read(raw, place, form, self.others, event)?, form));
            }
            open(element, place)?;
            last = (place, optional, form);
        }
        let (place, optional, form) = last;
        if optional {
            return Ok((None, form));
        }
        let help = format!("`{place}?` makes events without a payload");
        Err(invalid(format!("`{place}` is not there")).with_help(help))
    }

    /// The places of the payload in their order, whether each may be absent, and the forms. There is none if it is the whole element.
    fn payload_places(&self) -> impl Iterator<Item = (&str, bool, Form)> {
        let all = [(&self.base64, Form::Base64), (&self.either, Form::Either), (&self.data, Form::Plain)];
        all.into_iter().filter_map(|(place, form)| {
            let place = place.as_deref()?;
            let (place, optional) = place.strip_suffix('?').map_or((place, false), |place| (place, true));
            Some((place, optional, form))
        })
    }

    /// The places of all templates, with those of parts beside an event and of errors.
    fn all_places(&self) -> impl Iterator<Item = &Of> {
        self.of_events().chain(&self.help).flat_map(Template::all)
    }

    /// The templates of events, with those of parts beside an event.
    fn of_events(&self) -> impl Iterator<Item = &Template> {
        self.templates().chain(self.all_beside().flat_map(Beside::templates))
    }

    /// The templates of an event that the mapping makes.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        self.named().into_iter().filter_map(|(_, template)| template.as_ref()).chain(self.extensions.values())
    }

    /// The templates of the attributes of the specification.
    fn named(&self) -> [(&'static str, &Option<Template>); 7] {
        [
            ("id", &self.id),
            ("source", &self.source),
            ("type", &self.ty),
            ("subject", &self.subject),
            ("time", &self.time),
            ("dataschema", &self.dataschema),
            ("datacontenttype", &self.datacontenttype),
        ]
    }
}

/// Of an element without an event.
const WITHOUT_EVENT: &str = "it has no event in it";

/// Of a member of `spread` whose name no extension can have.
const LEFT_OUT: &str = "a mapping of your own, with `--map` of `ce`, leaves it out by `except`, or gives it another name by `extensions`";

/// The payload at a place. As in the JSON format: `data` that is null is a payload, and `data_base64` that is null is absent.
fn found<'e>(element: &'e str, place: &str, form: Form) -> Option<&'e str> {
    place::or_null(element, place).filter(|raw| *raw != "null" || form != Form::Base64)
}

/// Whether one of these places is the member of this name of an object, or is within the member.
fn has(places: &[&str], object: &str, name: &str) -> bool {
    places.iter().any(|place| place::is_within(place, object, name))
}

/// Refuses a value on the way to a place that has no such members.
fn open(value: &str, place: &str) -> Result<(), Error> {
    place::open_way(value, place).map_err(|why| invalid(format!("`{place}` {why}")))
}

/// Refuses the name of a member that is there twice.
fn once(twice: Option<impl fmt::Display>) -> Result<(), Error> {
    twice.map_or(Ok(()), |name| Err(invalid(format!("`{name:.80}` is there twice"))))
}

#[cold]
pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}
