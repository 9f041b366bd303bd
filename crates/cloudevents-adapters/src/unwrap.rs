//! Places of a document where an event may stand.

use crate::{
    attribute,
    beside::{Around, Beside, Parts},
    connect,
    mapping::invalid,
    place,
    template::Given,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, Event, Format, Payload,
    codec::{Assembler, Detected, Given as Piece, decode_base64, detect},
};
use cloudevents_json::{Json, is_event};
use serde::Deserialize;

/// A place where an event may stand that is returned as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the place of an event in `at`")]
pub(crate) struct Unwrap {
    /// The place.
    pub(crate) at: String,
    /// Whether a text stands there that is base64.
    #[serde(default)]
    pub(crate) base64: bool,
    /// Whether a document of another system that stands there is read in place of the envelope, if its adapter is among those to choose
    /// from.
    #[serde(default)]
    pub(crate) documents: bool,
    /// The place of an object with attributes in binary mode, `ce-` before their names, and `content-type`.
    attributes: Option<String>,
    /// The place of the schema of Kafka Connect that the value has to fit.
    schema: Option<String>,
    /// The parts of the envelope beside the event.
    #[serde(default)]
    pub(crate) beside: Beside,
}

impl Unwrap {
    /// The places of the envelope that are read.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        let at = [Some(&self.at), self.attributes.as_ref(), self.schema.as_ref()];
        at.into_iter().flatten().map(String::as_str).chain(self.beside.places())
    }

    /// Whether the event here has the value at this place in it.
    pub(crate) fn has(&self, place: &str) -> bool {
        let rest = place.strip_prefix(self.at.as_str());
        rest.is_some_and(|rest| self.at.is_empty() || rest.is_empty() || rest.starts_with('.'))
    }

    /// An event that stands there. `None` if there is none.
    pub(crate) fn find(&self, element: &str, with: &DecodeOptions) -> Option<Result<Decoded<Event>, Error>> {
        let raw = place::at(element, &self.at);
        let within = |error| match raw {
            Some(raw) => place::of_element(error, raw, element),
            None => error,
        };
        if let Some(place) = &self.schema {
            let (value, schema) = (raw.unwrap_or("null"), place::at(element, place).unwrap_or("null"));
            return connect::event(value, schema, with).map_err(within).transpose();
        }
        let document = || raw.map_or_else(|| Ok(Bytes::new()), |raw| self.document(raw));
        // One more than the assembler takes.
        if let Some(attributes) = self.binary_mode(element, with.limits.attributes.saturating_add(1)) {
            let is_typed = self.beside.is_typed();
            return Some(document().and_then(|body| binary(&attributes, is_typed, body, with)));
        }
        // A document that cannot be read is no event.
        let document = document().ok()?;
        is_event(&document).then(|| {
            let decoded = Json::new().decode(document.clone(), with);
            decoded.map_err(|error| match place::older_version(&document) {
                Some(version) => within(error).with_help(self.help_of_older(version)),
                None => within(error),
            })
        })
    }

    /// How an event of an older version is read that stands there.
    fn help_of_older(&self, version: &str) -> String {
        match self.documents {
            true => format!("`--from auto` reads an event of CloudEvents {version} at `{}`", self.at),
            false => format!(
                "`--from cloudevents-{version}` makes an event of the value at `{}`, if it is sent alone",
                self.at
            ),
        }
    }

    /// Whether the envelope has attributes of an event in binary mode.
    pub(crate) fn is_binary(&self, element: &str) -> bool {
        self.binary_mode(element, usize::MAX).is_some()
    }

    /// The attributes of an event in binary mode, up to this number. `None` if there are none. A content type of CloudEvents is the type of
    /// a document, also beside such attributes: a sender of structured mode may add them.
    fn binary_mode<'e>(&self, element: &'e str, most: usize) -> Option<Vec<(String, &'e str)>> {
        let object = place::at(element, self.attributes.as_ref()?)?;
        let is_own = |name: &str| name.starts_with("ce-") || name.eq_ignore_ascii_case("content-type");
        let attributes = place::members(object, most, is_own);
        let is_type_of_document = |(name, value): &(String, &str)| {
            !name.starts_with("ce-")
                && attribute::text(value, self.beside.is_typed())
                    .is_some_and(|text| !matches!(detect(Some(text.trim())), Ok(Detected::NotADocument)))
        };
        let is_binary = attributes.iter().any(|(name, _)| name.starts_with("ce-"))
            && !attributes.iter().any(is_type_of_document);
        is_binary.then_some(attributes)
    }

    /// Whether a document of another system may be the value. With a schema, the document is in a text.
    pub(crate) fn may_be_document(&self, value: &str) -> bool {
        self.schema.is_none() || value.starts_with('"')
    }

    /// The parts of the envelope beside the event.
    pub(crate) fn parts(&self, given: Given<'_>, with: &DecodeOptions) -> Result<Parts, Error> {
        let around = if self.attributes.is_some() { Around::Binary } else { Around::Document };
        self.beside.parts(given, around, &with.limits)
    }

    /// The document that the value is, or that is in its text.
    pub(crate) fn document(&self, raw: &str) -> Result<Bytes, Error> {
        Ok(match serde_json::from_str::<String>(raw) {
            Ok(text) if self.base64 => decode_base64(text)?.into(),
            Ok(text) => text.into(),
            Err(_) => Bytes::copy_from_slice(raw.as_bytes()),
        })
    }
}

/// An event whose attributes are texts, with `ce-` before their names.
fn binary(
    attributes: &[(String, &str)],
    is_typed: bool,
    body: Bytes,
    with: &DecodeOptions,
) -> Result<Decoded<Event>, Error> {
    let mut assembler = Assembler::new(with);
    for (name, value) in attributes {
        let attribute = name.strip_prefix("ce-").unwrap_or("datacontenttype");
        let text = attribute::text(value, is_typed).ok_or_else(|| {
            invalid(format!("the attribute `{name}` is not text")).with_attribute(attribute.to_owned())
        })?;
        let piece = assembler.push(&text)?;
        assembler.named(attribute, Piece::Text(piece))?;
    }
    assembler.complete()?;
    assembler.finish((!body.is_empty()).then(|| Payload::body(body)))
}
