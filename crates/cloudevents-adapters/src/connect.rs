//! Values of Kafka Connect with their schemas, as its `JsonConverter` writes them:
//! <https://github.com/apache/kafka/blob/trunk/connect/json/src/main/java/org/apache/kafka/connect/json/JsonConverter.java>

use crate::{mapping::invalid, place};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Format,
    codec::{CoreName, decode_base64},
};
use cloudevents_json::{Json, is_event};
use std::collections::BTreeMap;

/// The event that a value with this schema is. `None` if the value fits its schema, and is no event. Offsets of errors are offsets of the
/// value.
///
/// `bytes` are Base64. A value of this type is a document. The member `data` of an object is a payload of bytes then.
pub(crate) fn event(
    value: &str,
    schema: &str,
    with: &DecodeOptions,
) -> Result<Option<Decoded<Event>>, Error> {
    let ty = check(value, schema, "payload")?;
    let (document, is_copy) = match ty {
        Type::Text => (Bytes::from(string(value)?), false),
        Type::Bytes => (Bytes::from(decode_base64(string(value)?)?), false),
        Type::Object => object(value, schema, with)?,
        _ => (Bytes::new(), false),
    };
    if let Some(version) = place::older_version(&document) {
        let detail = format!("the payload of the schema is an event of CloudEvents {version}");
        let help = match ty {
            Type::Text | Type::Bytes => {
                format!("`--from auto` reads an event of CloudEvents {version} there")
            }
            _ => format!(
                "set `value.converter.schemas.enable` to `false`, and `--from cloudevents-{version}` makes events of the values"
            ),
        };
        return Err(Error::new(ErrorKind::NotACloudEvent).with_detail(detail).with_help(help));
    }
    if !is_event(&document) {
        return Ok(None);
    }
    Json::new().decode(document, with).map(Some).map_err(|error| match error.offset() {
        Some(_) if !is_copy => error.with_offset(0),
        _ => error,
    })
}

/// The document that an object is, and whether it is the same text.
fn object(value: &str, schema: &str, with: &DecodeOptions) -> Result<(Bytes, bool), Error> {
    // The members of payloads are no attributes, and one more is too many.
    let most = with.limits.attributes.saturating_add(3);
    let members = place::members(value, most, |_| true);
    if members.len() == most {
        let detail = format!("the limit is {} attributes", with.limits.attributes);
        return Err(Error::new(ErrorKind::TooMany).with_detail(detail));
    }
    if let Some(name) = place::name_twice(&members) {
        return Err(invalid(format!("`payload.{name:.80}` is there twice")));
    }
    let (fields, values) = (fields(schema, most), place::at(schema, "values"));
    if let Some(name) = place::name_twice(&fields) {
        return Err(invalid(format!("the schema has the field `{name:.80}` twice")));
    }
    let decimals_of_values = values.and_then(|values| Decimals::of(values, DEPTH));
    let mut has_bytes = false;
    for (name, member) in &members {
        let field = fields.iter().find(|(field, _)| field == name).map(|(_, schema)| *schema);
        let path = format!("payload.{name}");
        let placed = |error: Error| error.with_offset(place::begin(value, member));
        let of = field.or(values).ok_or_else(|| placed(invalid(format!("`{path}` is not in the schema"))))?;
        let ty = check(member, of, &path).map_err(placed)?;
        let decimals_of_field = field.and_then(|schema| Decimals::of(schema, DEPTH));
        let decimals = if field.is_some() { &decimals_of_field } else { &decimals_of_values };
        if let Some(decimals) = decimals {
            decimals.refuse(member, &path).map_err(placed)?;
        }
        let is_text = member.starts_with('"');
        match ty {
            Type::Bytes if is_text && CoreName::of(name.as_bytes()).is_some() => {
                let detail = format!("`{path}` is of type `bytes`, and the attribute `{name}` is not");
                return Err(placed(invalid(detail)));
            }
            Type::Bytes if name == "data" => has_bytes = true,
            _ => {}
        }
    }
    if !has_bytes {
        return Ok((Bytes::copy_from_slice(value.as_bytes()), true));
    }
    let mut document = String::with_capacity(value.len());
    for (name, member) in &members {
        document.push(if document.is_empty() { '{' } else { ',' });
        let name = if name == "data" { "data_base64" } else { name.as_str() };
        document.push_str(&serde_json::Value::from(name).to_string());
        document.push(':');
        document.push_str(member);
    }
    document.push('}');
    Ok((document.into(), false))
}

/// Schemas within each other that are examined for Decimals.
const DEPTH: u8 = 32;

/// The name of the schema of a Decimal.
const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";

/// The parts of a schema that have Decimals. A payload has no schema, so a Decimal in Base64 would lose its scale.
enum Decimals {
    Here,
    TooDeep,
    /// In each element or member.
    Each(Box<Self>),
    /// In members of these names, or in elements with these indices.
    Named(BTreeMap<String, Self>),
}

impl Decimals {
    /// `None` if a schema has no Decimals.
    fn of(schema: &str, depth: u8) -> Option<Self> {
        // A name with escapes is not found as it is.
        if !schema.contains(DECIMAL) && !schema.contains('\\') {
            return None;
        }
        let Some(depth) = depth.checked_sub(1) else { return Some(Self::TooDeep) };
        let inner = |place: &str| Self::of(place::at(schema, place)?, depth);
        let each = |inner: Self| Self::Each(Box::new(inner));
        match (place::text(schema, "type")?.as_str(), Type::of(schema)?) {
            (_, Type::Decimal) => Some(Self::Here),
            ("array", _) => inner("items").map(each),
            ("map", Type::Object) => inner("values").map(each),
            // An array of pairs.
            ("map", _) => {
                let pair = [("0", inner("keys")), ("1", inner("values"))];
                let pair = pair.into_iter().filter_map(|(index, inner)| Some((index.to_owned(), inner?)));
                Some(each(Self::Named(pair.collect())))
            }
            ("struct", _) => {
                let mut named = BTreeMap::new();
                place::each(place::at(schema, "fields")?, |_, field| {
                    named.extend(place::text(field, "field").zip(Self::of(field, depth)));
                });
                Some(Self::Named(named))
            }
            _ => None,
        }
    }

    /// Refuses a value that has a Decimal in Base64.
    fn refuse(&self, value: &str, path: &str) -> Result<(), Error> {
        match self {
            Self::Here if value.starts_with('"') => {
                let detail = format!("`{path}` is a Decimal of Kafka Connect, in Base64");
                Err(invalid(detail).with_help("set `value.converter.decimal.format` to `NUMERIC`"))
            }
            Self::TooDeep if value != "null" => {
                let detail =
                    format!("`{path}` is within more than {DEPTH} schemas, one of which is a Decimal");
                Err(invalid(detail).with_help("set `value.converter.schemas.enable` to `false`"))
            }
            Self::Here | Self::TooDeep => Ok(()),
            Self::Each(inner) => refuse_within(value, path, |_| Some(inner)),
            Self::Named(named) => refuse_within(value, path, |name| named.get(name)),
        }
    }
}

fn refuse_within<'s>(
    value: &str,
    path: &str,
    schema: impl Fn(&str) -> Option<&'s Decimals>,
) -> Result<(), Error> {
    let mut result = Ok(());
    place::each(value, |name, inner| {
        if let Some(decimals) = schema(name)
            && result.is_ok()
        {
            result = decimals.refuse(inner, &format!("{path}.{name:.80}"));
        }
    });
    result
}

/// The first fields of a Struct, up to this number, with their schemas.
fn fields(schema: &str, most: usize) -> Vec<(String, &str)> {
    let fields = place::at(schema, "fields").and_then(|fields| place::elements(fields, most));
    let named = |field| Some((place::text(field, "field")?, field));
    fields.into_iter().flatten().filter_map(named).collect()
}

/// Types of schemas whose values have different forms in JSON.
#[derive(Clone, Copy)]
enum Type {
    Boolean,
    Number,
    Float,
    /// `bytes` with the name of this logical type: a number, or the Base64 of its digits without the scale.
    Decimal,
    Bytes,
    Text,
    Array,
    Object,
}

impl Type {
    fn of(schema: &str) -> Option<Self> {
        Some(match place::text(schema, "type")?.as_str() {
            "boolean" => Self::Boolean,
            "int8" | "int16" | "int32" | "int64" => Self::Number,
            "float" | "double" => Self::Float,
            "bytes" => match place::text(schema, "name").as_deref() {
                Some(DECIMAL) => Self::Decimal,
                _ => Self::Bytes,
            },
            "string" => Self::Text,
            "array" => Self::Array,
            "struct" => Self::Object,
            // Keys that are no texts make the map an array of pairs.
            "map" if place::text(schema, "keys.type").as_deref() == Some("string") => Self::Object,
            "map" => Self::Array,
            _ => return None,
        })
    }

    /// Whether a value other than null has the form of the type. The elements and members of the value are not looked at.
    fn fits(self, value: &str) -> bool {
        let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Number => is_number,
            Self::Float => is_number || matches!(value, r#""NaN""# | r#""Infinity""# | r#""-Infinity""#),
            Self::Decimal => is_number || is_base64(value),
            Self::Bytes => is_base64(value),
            Self::Text => value.starts_with('"'),
            Self::Array => value.starts_with('['),
            Self::Object => value.starts_with('{'),
        }
    }
}

/// The type of a value, which fits its schema.
fn check(value: &str, schema: &str, path: &str) -> Result<Type, Error> {
    let name = place::text(schema, "type");
    let Some((ty, name)) = Type::of(schema).zip(name) else {
        return Err(invalid(format!("the schema of `{path}` has no type of Kafka Connect")));
    };
    let may_be_null = || {
        place::text(schema, "optional").as_deref() == Some("true") || place::at(schema, "default").is_some()
    };
    match value {
        "null" if may_be_null() => Ok(ty),
        "null" => Err(invalid(format!("`{path}` is null, and its schema is not optional"))),
        _ if ty.fits(value) => Ok(ty),
        _ => Err(invalid(format!("`{path}` does not fit its schema, which has the type `{name}`"))),
    }
}

fn is_base64(value: &str) -> bool {
    string(value).is_ok_and(|text| decode_base64(text).is_ok())
}

fn string(value: &str) -> Result<String, Error> {
    serde_json::from_str(value).map_err(|error| invalid("a value is no text").with_source(error))
}
