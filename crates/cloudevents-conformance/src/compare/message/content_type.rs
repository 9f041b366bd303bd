//! The content type of a message, wherever its carrier keeps it.

use crate::compare::document::Notation;
use crate::compare::{Difference, Path, media_type};
use crate::tree::json::{self, Json};

use super::carrier::{Carrier, ContentType, PROPERTIES};
use super::fields;

/// Notes where the content type is not the wanted one. One in a header was compared with the headers.
pub(super) fn diff(
    path: &Path,
    carrier: &Carrier,
    wanted: &Json,
    got: &Json,
    differences: &mut Vec<Difference>,
) {
    let path = match carrier.content_type {
        ContentType::Member(name) => path.member(name),
        ContentType::Property(name) => path.member(PROPERTIES).member(name),
        ContentType::Fixed(_) | ContentType::Header(_) | ContentType::Subprotocol => return,
    };
    member(&path, content_type(carrier, wanted), content_type(carrier, got), differences);
}

/// The notation of the body of a message.
pub(super) fn notation(carrier: &Carrier, message: &Json) -> Notation {
    if let ContentType::Fixed(notation) = carrier.content_type {
        return notation;
    }
    let bare = carrier.headers.is_some_and(|headers| message.get(headers).is_none_or(Json::is_null));
    if bare && content_type(carrier, message).is_none() {
        return carrier.bare;
    }
    // NATS has no header of its own for the content type of a payload.
    let headers = carrier.headers.and_then(|headers| message.get(headers));
    let attribute = || fields::values(carrier, "ce-datacontenttype", headers).first().copied();
    let text = content_type(carrier, message).or_else(attribute).and_then(fields::text).unwrap_or_default();
    match carrier.content_type {
        ContentType::Subprotocol => {
            text.strip_prefix("cloudevents.").map_or(Notation::Opaque, Notation::of_format)
        }
        _ => Notation::of_content_type(&text),
    }
}

/// Whether a message is an event in structured mode.
pub(super) fn is_structured(carrier: &Carrier, message: &Json) -> bool {
    let text = content_type(carrier, message).and_then(fields::text);
    text.is_some_and(|text| media_type::essence(&text).starts_with("application/cloudevents+"))
}

fn content_type<'a>(carrier: &Carrier, message: &'a Json) -> Option<&'a Json> {
    match carrier.content_type {
        ContentType::Fixed(_) => None,
        ContentType::Header(name) => {
            let headers = carrier.headers.and_then(|headers| message.get(headers));
            fields::values(carrier, name, headers).first().copied()
        }
        ContentType::Member(name) => message.get(name),
        ContentType::Property(name) => message.get(PROPERTIES)?.get(name),
        ContentType::Subprotocol => message.get("subprotocol"),
    }
}

fn member(path: &Path, wanted: Option<&Json>, got: Option<&Json>, differences: &mut Vec<Difference>) {
    let is = |value: &&Json| !value.is_null();
    match (wanted.filter(is), got.filter(is)) {
        (None, None) => (),
        (Some(wanted), None) => differences.push(path.differs(wanted, "nothing")),
        (None, Some(got)) => differences.push(path.differs("nothing", got)),
        (Some(wanted), Some(got)) => match (wanted.as_str(), got.as_str()) {
            (Some(one), Some(other)) if media_type::same(one, other) => (),
            (Some(_), Some(_)) => differences.push(path.differs(wanted, got)),
            _ => json::diff(path, wanted, got, differences),
        },
    }
}
