//! Attributes of an event that a mapping makes.

use crate::{
    attribute,
    template::{Given, Lacking, Template},
};
use cloudevents_core::{
    Error, ErrorKind, Value,
    codec::{Assembler, Given as Piece},
};

pub(crate) fn put(event: &mut Assembler<'_>, name: &str, value: &str) -> Result<(), Error> {
    let value = event.push(value)?;
    event.named(name, Piece::Text(value))
}

/// Puts an attribute whose value is JSON.
pub(crate) fn put_json(event: &mut Assembler<'_>, name: &str, raw: &str) -> Result<(), Error> {
    let value = attribute::value(raw).ok_or_else(|| {
        invalid("the value is not a text of Unicode".to_owned()).with_attribute(name.to_owned())
    })?;
    match value.view() {
        Value::Boolean(boolean) => event.named(name, Piece::Boolean(boolean)),
        Value::Integer(integer) => event.named(name, Piece::Integer(integer)),
        text => put(event, name, &text.to_canonical()),
    }
}

/// Puts an attribute, unless a place with `?` is not there.
pub(crate) fn put_optional(
    event: &mut Assembler<'_>,
    name: &str,
    template: &Template,
    given: Given<'_>,
) -> Result<(), Error> {
    match template.fill(given) {
        Ok(Some(value)) => put(event, name, &value).map_err(|error| match template.unchanged(given) {
            Some(why) => error.with_help(why),
            None => error,
        }),
        Ok(None) => Ok(()),
        Err(lacking) => Err(unfilled(name, &lacking)),
    }
}

/// The error of an attribute whose template gives no text.
pub(crate) fn unfilled(name: &str, lacking: &Lacking<'_, String>) -> Error {
    let error = invalid(lacking.to_string()).with_attribute(name.to_owned());
    match lacking.absent() {
        Some(places) => error.with_help(format!("`{{{places}?}}` leaves `{name}` out then")),
        None => error,
    }
}

/// The text of a required attribute.
pub(crate) fn required(template: &Template, given: Given<'_>) -> Result<String, Error> {
    match template.fill(given) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(invalid(format!("{} is not there", template.places()))),
        Err(lacking) => Err(invalid(lacking.to_string())),
    }
}

#[cold]
fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}
