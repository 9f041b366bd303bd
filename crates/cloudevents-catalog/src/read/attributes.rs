//! The rule for one attribute: its type, its value, and whether it is required.

use super::entities::{Members, text};
use crate::finding::{Notes, Rule};
use crate::verdict::{Breach, Fault};
use crate::{Leniency, Template};
use cloudevents_core::{AttributeType, Event, EventBuilder, MediaType, Name, Timestamp, Value as EventValue};
use cloudevents_json::codec::{below, kind};
use serde_json::Value;
use std::borrow::Cow;

/// The rule for an attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    /// The place of the rule.
    pub(crate) place: String,
    ty: Type,
    expected: Expected,
    pub(crate) is_required: bool,
}

#[derive(Debug)]
enum Expected {
    Anything,
    Text(String),
    /// Events may have more parameters.
    MediaType(String),
    Template(Template),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Any,
    Binary,
    Boolean,
    Duration,
    Integer,
    Number,
    String,
    Symbol,
    Timestamp,
    Uri,
    UriTemplate,
}

const TYPES: [(&str, Type); 11] = [
    ("any", Type::Any),
    ("binary", Type::Binary),
    ("boolean", Type::Boolean),
    ("duration", Type::Duration),
    ("integer", Type::Integer),
    ("number", Type::Number),
    ("string", Type::String),
    ("symbol", Type::Symbol),
    ("timestamp", Type::Timestamp),
    ("uri", Type::Uri),
    ("uritemplate", Type::UriTemplate),
];

/// The value of `time` that stands for the current time.
const NOW: &str = "0000-01-01T00:00:00Z";

impl Attribute {
    /// `of` is the place of the rule that states a member: that of a base message may state another one than that at `place`.
    pub(super) fn read(
        name: &str,
        members: &Members,
        place: String,
        of: &dyn Fn(&str) -> String,
        notes: &mut Notes<'_>,
    ) -> Self {
        if Name::parse(name).is_err() {
            let message = match name {
                "data" => "`data` is the payload, which has a `dataschema` and no entry here".to_owned(),
                name => format!(
                    "`{name}` is not the name of an attribute: it has only lower-case letters and digits"
                ),
            };
            notes.mistake(Rule::AttributeName, place.as_str(), message);
        }
        let ty = ty(name, members, &of("type"), notes);
        let is_core = ["id", "type", "source", "specversion"].contains(&name);
        let required = match members.get("required") {
            None => None,
            Some(Value::Bool(required)) => Some(*required),
            Some(other) => {
                let message = format!("`required` is a boolean, and this is {}", kind(other));
                notes.mistake(Rule::MemberType, below(&of("required"), "required"), message);
                None
            }
        };
        if is_core && required == Some(false) {
            notes.mistake(
                Rule::AttributeRequired,
                below(&of("required"), "required"),
                format!("`{name}` is always required"),
            );
        }
        let expected = match members.get("value") {
            None | Some(Value::Null) => Expected::Anything,
            Some(value) => expected(name, ty, value, &below(&of("value"), "value"), notes),
        };
        Self { name: name.to_owned(), place, ty, expected, is_required: required == Some(true) || is_core }
    }

    /// States the content type of events, unless a rule does. Senders add parameters to it, such as a `charset`.
    pub(super) fn state_content_type(all: &mut Vec<Self>, value: &str, place: String) {
        let value = Expected::MediaType(value.to_owned());
        match all.iter_mut().find(|attribute| attribute.name == "datacontenttype") {
            Some(Self { expected: expected @ Expected::Anything, .. }) => *expected = value,
            Some(_) => {}
            None => {
                let name = "datacontenttype".to_owned();
                all.push(Self { name, place, ty: Type::String, expected: value, is_required: false });
            }
        }
    }

    /// The text that the attribute has in every event.
    pub(crate) fn constant(&self) -> Option<&str> {
        match &self.expected {
            Expected::Text(text) | Expected::MediaType(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a media type, and events may have more parameters.
    pub(crate) fn has_parameters(&self) -> bool {
        matches!(self.expected, Expected::MediaType(_))
    }

    pub(crate) fn template(&self) -> Option<&Template> {
        match &self.expected {
            Expected::Template(template) => Some(template),
            _ => None,
        }
    }

    /// The name of its type.
    pub(crate) fn ty(&self) -> &'static str {
        TYPES.iter().find(|(_, ty)| *ty == self.ty).map_or("", |(name, _)| name)
    }

    /// Sets the attribute, if its value is stated, with these values of placeholders as they are written.
    ///
    /// Errors: the name of a placeholder without a value.
    pub(crate) fn set(
        &self,
        event: EventBuilder,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<EventBuilder, &str> {
        match &self.expected {
            Expected::Anything => Ok(event),
            Expected::Text(text) | Expected::MediaType(text) => Ok(self.set_text(event, text.clone())),
            Expected::Template(template) => {
                match template.placeholders().find(|name| value(name).is_none_or(|value| value.is_empty())) {
                    Some(name) => Err(name),
                    None => Ok(self.set_text(event, template.filled(|name| value(name).unwrap_or_default()))),
                }
            }
        }
    }

    /// Sets the attribute of an example, if it is required or has a value. Values of placeholders are their names.
    pub(crate) fn example(&self, event: EventBuilder) -> EventBuilder {
        let text = match &self.expected {
            Expected::Text(text) | Expected::MediaType(text) => text.clone(),
            Expected::Template(template) => template.expand(str::to_owned),
            Expected::Anything if self.is_required => self.ty.example(&self.name).to_owned(),
            Expected::Anything => return event,
        };
        self.set_text(event, text)
    }

    fn set_text(&self, event: EventBuilder, text: String) -> EventBuilder {
        match self.name.as_str() {
            "specversion" => event,
            "id" => event.id(text),
            "source" => event.source(text),
            "type" => event.ty(text),
            "subject" => event.subject(text),
            "time" => event.time(text.as_str()),
            "dataschema" => event.dataschema(text),
            "datacontenttype" => event.datacontenttype(text),
            name => match (self.ty, text.parse::<bool>(), text.parse::<i32>()) {
                (Type::Boolean, Ok(value), _) => event.extension(name, value),
                (Type::Integer, _, Ok(value)) => event.extension(name, value),
                _ => event.extension(name, text),
            },
        }
    }

    /// Compares with an event, except for templates. Returns the text.
    pub(crate) fn check<'e>(&self, event: &'e Event, faults: &mut Vec<Fault>) -> Option<Cow<'e, str>> {
        let value = match self.name.as_str() {
            "specversion" => Some(EventValue::String(event.specversion().as_str())),
            name => event.attribute(name),
        };
        let Some(value) = value else {
            if self.is_required {
                faults.push(self.fault(Breach::Missing, "the attribute is required and missing"));
            }
            return None;
        };
        let text = value.to_canonical();
        // With `Leniency::AmqpSymbol`, a definition may state a symbol that has other characters.
        let is_stated = self.ty == Type::Symbol
            && matches!(value, EventValue::String(_))
            && matches!(&self.expected, Expected::Text(expected) if *expected == text);
        if !is_stated && !self.ty.has(value, &text) {
            faults.push(self.fault(Breach::Type, format!("`{text}` is not of the type `{}`", self.ty())));
        } else if let Expected::Text(expected) | Expected::MediaType(expected) = &self.expected
            && !self.is_expected(expected, &text)
        {
            faults
                .push(self.fault(Breach::Value, format!("the value is `{expected}`, and this is `{text}`")));
        }
        Some(text)
    }

    pub(crate) fn fault(&self, breach: Breach, message: impl Into<String>) -> Fault {
        Fault { breach, place: self.name.clone(), rule: self.place.clone(), message: message.into() }
    }

    fn is_expected(&self, expected: &str, text: &str) -> bool {
        let instant = |text| Timestamp::parse(text).ok().map(Timestamp::instant);
        // As doubles, numbers beyond 2^53 could compare as equal.
        let is_same_number = |a: &str, b: &str| match (a.parse::<i128>(), b.parse::<i128>()) {
            (Ok(a), Ok(b)) => a == b,
            _ => a.parse::<f64>().is_ok_and(|a| a.is_finite() && b.parse::<f64>() == Ok(a)),
        };
        match self.ty {
            _ if expected == text => true,
            _ if matches!(self.expected, Expected::MediaType(_)) => has_media_type(expected, text),
            _ if self.name == "datacontenttype" => is_same_media_type(expected, text),
            Type::Timestamp => instant(expected).is_some_and(|expected| instant(text) == Some(expected)),
            Type::Number => is_same_number(expected, text),
            _ => false,
        }
    }
}

impl Type {
    /// A value of this type for an attribute of this name.
    fn example(self, name: &str) -> &str {
        match (name, self) {
            ("datacontenttype", _) => "application/json",
            (_, Self::Any | Self::String | Self::Symbol) => name,
            (_, Self::Binary) => "AQI=",
            (_, Self::Boolean) => "true",
            (_, Self::Duration) => "PT1S",
            (_, Self::Integer) => "1",
            (_, Self::Number) => "1.5",
            (_, Self::Timestamp) => "2026-01-01T00:00:00Z",
            (_, Self::Uri | Self::UriTemplate) => "https://example.com/",
        }
    }

    /// Whether a value has the type. Carriers without types deliver a String, which is read as the type.
    fn has(self, value: EventValue<'_>, text: &str) -> bool {
        let is_text =
            matches!(value, EventValue::String(_) | EventValue::Uri(_) | EventValue::UriReference(_));
        let parses = |ty: AttributeType| is_text && ty.parse(text, &mut Vec::new()).is_ok();
        match self {
            Self::Any => true,
            Self::Binary => matches!(value, EventValue::Binary(_)) || parses(AttributeType::Binary),
            Self::Boolean => matches!(value, EventValue::Boolean(_)) || parses(AttributeType::Boolean),
            Self::Integer => matches!(value, EventValue::Integer(_)) || parses(AttributeType::Integer),
            Self::Number => {
                matches!(value, EventValue::Integer(_))
                    || is_text && serde_json::from_str::<serde_json::Number>(text).is_ok()
            }
            Self::Timestamp => matches!(value, EventValue::Timestamp(_)) || parses(AttributeType::Timestamp),
            Self::Uri => parses(AttributeType::UriReference),
            Self::Duration => is_text && is_duration(text),
            Self::Symbol => is_text && is_symbol(text),
            Self::String | Self::UriTemplate => is_text,
        }
    }
}

pub(super) fn is_same_media_type(first: &str, second: &str) -> bool {
    has_media_type(first, second) && has_media_type(second, first)
}

/// Whether a text is this media type, with all of its parameters, and perhaps with more.
fn has_media_type(expected: &str, text: &str) -> bool {
    let (Ok(expected), Ok(media_type)) = (MediaType::parse(expected), MediaType::parse(text)) else {
        return false;
    };
    expected.is(media_type.essence())
        && expected.parameters().all(|(name, value)| {
            media_type.parameters().any(|(known, own)| {
                name.eq_ignore_ascii_case(known) && value.unquoted().eq_ignore_ascii_case(&own.unquoted())
            })
        })
}

fn ty(name: &str, members: &Members, place: &str, notes: &mut Notes<'_>) -> Type {
    let usual = match name {
        "source" | "dataschema" => Type::UriTemplate,
        "time" => Type::Timestamp,
        _ => Type::String,
    };
    let Some(written) = text(members, "type", place, notes) else { return usual };
    let place = below(place, "type");
    let ty = match TYPES.iter().find(|(known, _)| *known == written) {
        Some((_, ty)) => *ty,
        None if written == "datetime" => {
            notes.deviation(Leniency::EarlierType, place.clone(), "`datetime` is read as `timestamp`");
            return Type::Timestamp;
        }
        None => {
            notes.mistake(Rule::AttributeType, place, format!("there is no type `{written}`"));
            return usual;
        }
    };
    let is_possible = match name {
        "time" => ty == Type::Timestamp || ty == Type::Any,
        "specversion" => ty == Type::String,
        "id" | "type" | "source" | "subject" | "dataschema" | "datacontenttype" => {
            !matches!(ty, Type::Binary | Type::Boolean)
        }
        _ => true,
    };
    if !is_possible {
        notes.mistake(Rule::AttributeType, place, format!("`{name}` cannot have the type `{written}`"));
        return usual;
    }
    ty
}

fn expected(name: &str, ty: Type, value: &Value, place: &str, notes: &mut Notes<'_>) -> Expected {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) if matches!(ty, Type::Boolean | Type::Any) => value.to_string(),
        Value::Number(_) if matches!(ty, Type::Integer | Type::Number | Type::Any) => value.to_string(),
        other => {
            notes.mistake(
                Rule::AttributeValue,
                place,
                format!("{} is not a value of this type", kind(other)),
            );
            return Expected::Anything;
        }
    };
    if name == "specversion" && text != "1.0" {
        notes.mistake(Rule::AttributeValue, place, "`specversion` is `1.0`");
    }
    if name == "id" {
        notes.advice(Rule::ValueFixed, place, "events have different ids, so a value should not be defined");
    }
    if ty == Type::Timestamp && text == NOW {
        return Expected::Anything;
    }
    if ty == Type::Timestamp && text.starts_with("0001-01-01T00:00:00") {
        return match notes.deviation(Leniency::EarliestTime, place, format!("read as `{NOW}`")) {
            true => Expected::Anything,
            false => Expected::Text(text),
        };
    }
    if name == "time" {
        notes.advice(
            Rule::ValueFixed,
            place,
            "the value of `time` should be `0000-01-01T00:00:00Z`, which stands for the current time",
        );
    }
    if matches!(ty, Type::String | Type::UriTemplate) {
        return template(ty, &text, place, notes);
    }
    if ty == Type::Symbol
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !is_symbol(&text)
    {
        notes.deviation(Leniency::AmqpSymbol, place, "a symbol has only letters, digits and `_`");
        return Expected::Text(text);
    }
    let fits = match value {
        Value::Bool(_) => true,
        Value::Number(number) => {
            ty != Type::Integer || number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        _ => ty.has(EventValue::String(&text), &text),
    };
    if !fits {
        notes.mistake(Rule::AttributeValue, place, format!("`{text}` is not a value of this type"));
        return Expected::Anything;
    }
    Expected::Text(text)
}

fn template(ty: Type, text: &str, place: &str, notes: &mut Notes<'_>) -> Expected {
    if text.is_empty() {
        notes.mistake(Rule::AttributeValue, place, "no attribute is empty");
        return Expected::Anything;
    }
    let mut template = match text.parse::<Template>() {
        Ok(template) => template,
        // A string may have braces of its own.
        Err(_) if ty == Type::String => return Expected::Text(text.to_owned()),
        Err(error) => {
            notes.mistake(Rule::Template, place, error.to_string());
            return Expected::Anything;
        }
    };
    if let Some(text) = template.as_text() {
        return Expected::Text(text.to_owned());
    }
    if template.is_ambiguous() {
        notes.advice(
            Rule::TemplateAmbiguous,
            place,
            "the values of placeholders next to each other are ambiguous",
        );
    }
    template.is_wide = notes.options.allows(Leniency::WidePlaceholder);
    Expected::Template(template)
}

fn is_symbol(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A duration of RFC 3339, appendix A: `P1DT12H`, `P2W`.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    let is_in_order = |text: &str, units: &str| {
        let (mut units, mut digits) = (units.chars(), 0_usize);
        text.chars().all(|character| match character.is_ascii_digit() {
            true => {
                digits = digits.saturating_add(1);
                true
            }
            false => std::mem::take(&mut digits) > 0 && units.any(|unit| unit == character),
        }) && digits == 0
    };
    match time {
        Some(time) => !time.is_empty() && is_in_order(date, "YMD") && is_in_order(time, "HMS"),
        None => !date.is_empty() && (is_in_order(date, "YMD") || is_in_order(date, "W")),
    }
}
