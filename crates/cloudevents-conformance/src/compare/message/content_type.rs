//! The content type of a message, wherever its carrier keeps it.

use cloudevents_vectors::{Carrier, ContentType};

use crate::compare::document::Notation;
use crate::compare::how::{CONTENT_TYPE, How};
use crate::compare::{Difference, Path, media_type};
use crate::tree::json::{self, Json};

use super::body::{self, Body};
use super::fields;

/// The member that holds [`ContentType::Property`].
pub(super) const PROPERTIES: &str = "properties";

/// Records a difference if the content type is not the wanted one. A content type in a header was compared with the headers.
pub(super) fn diff(
    path: &Path,
    carrier: &Carrier,
    how: &How,
    wanted: &Json,
    got: &Json,
    differences: &mut Vec<Difference>,
) {
    let path = match &carrier.content_type {
        ContentType::Member(name) => path.member(name),
        ContentType::Property(name) => path.member(PROPERTIES).member(name),
        _ => return,
    };
    member(&path, how, content_type(carrier, wanted), content_type(carrier, got), differences);
}

/// The notation of the body of a message.
pub(super) fn notation(carrier: &Carrier, message: &Json) -> Notation {
    if let ContentType::Always(format) = &carrier.content_type {
        return Notation::of_format(format);
    }
    let headers = headers(carrier, message);
    let is_nothing = |headers: &Json| headers.is_null() || headers.items().is_some_and(<[Json]>::is_empty);
    let bare = carrier.headers.is_some() && headers.is_none_or(is_nothing);
    if bare && content_type(carrier, message).is_none() {
        return carrier.without_headers.as_deref().map_or(Notation::Opaque, Notation::of_format);
    }
    // A binding whose messages have no content type of their own, such as that of NATS, has the attribute.
    let attribute = || fields::attribute(carrier, CONTENT_TYPE, headers);
    let text = content_type(carrier, message).or_else(attribute).and_then(fields::text).unwrap_or_default();
    match carrier.content_type {
        ContentType::Subprotocol => {
            text.strip_prefix("cloudevents.").map_or(Notation::Opaque, Notation::of_format)
        }
        _ => Notation::of_content_type(&text),
    }
}

/// The headers of a message without the attribute `datacontenttype`, if it repeats the content type.
///
/// In structured mode, the attribute is removed if it repeats the attribute in the document of the event. The bindings of AMQP except it
/// from the attributes that "MUST be individually mapped", which forbids nothing. The binding of HTTP forbids it for binary mode, where the
/// content type is that of the payload. In Kafka and MQTT, the outcomes of a case state the headers of a message in binary mode.
pub(super) fn without_attribute(carrier: &Carrier, message: &Json, headers: Json) -> Json {
    let is_structured = is_structured(carrier, message);
    if !is_structured && !matches!(carrier.content_type, ContentType::Property(_)) {
        return headers;
    }
    let of_document = || match body::read(carrier, message) {
        Ok(Body::Bytes(octets)) => {
            let event = json::parse(str::from_utf8(&octets).ok()?).ok()?;
            event.get(CONTENT_TYPE)?.as_str().map(str::to_owned)
        }
        _ => None,
    };
    let said =
        if is_structured { of_document() } else { content_type(carrier, message).and_then(fields::text) };
    let Some(said) = said else { return headers };
    fields::without(&headers, |name, value| {
        let text = fields::text(value.get("value").unwrap_or(value));
        carrier.is_of_event(name)
            && carrier.attribute(name) == CONTENT_TYPE
            && text.is_some_and(|text| media_type::same(&said, &text))
    })
}

/// The headers of a message without the header of the content type, if the wanted headers do not have it, and it repeats the wanted
/// attribute.
///
/// The binding of NATS has the content type of the payload in `ce-datacontenttype`. No sentence forbids the same value in `Content-Type`.
pub(super) fn without_repetition(carrier: &Carrier, wanted: &Json, got: Json) -> Json {
    let ContentType::Header(header) = &carrier.content_type else { return got };
    let stated = fields::attribute(carrier, CONTENT_TYPE, Some(wanted)).and_then(fields::text);
    let Some(stated) = stated.filter(|_| fields::value(carrier, header, Some(wanted)).is_none()) else {
        return got;
    };
    fields::without(&got, |name, value| {
        carrier.is_same_name(name, header)
            && fields::text(value).is_some_and(|text| media_type::same(&stated, &text))
    })
}

/// Whether a message is an event in structured mode.
pub(super) fn is_structured(carrier: &Carrier, message: &Json) -> bool {
    let text = content_type(carrier, message).and_then(fields::text);
    text.is_some_and(|text| media_type::essence(&text).starts_with("application/cloudevents+"))
}

/// Whether a message is a batch of events.
pub(super) fn is_batched(carrier: &Carrier, message: &Json) -> bool {
    let text = content_type(carrier, message).and_then(fields::text);
    text.is_some_and(|text| media_type::essence(&text).starts_with("application/cloudevents-batch+"))
}

fn content_type<'a>(carrier: &Carrier, message: &'a Json) -> Option<&'a Json> {
    match &carrier.content_type {
        ContentType::Header(name) => fields::value(carrier, name, headers(carrier, message)),
        ContentType::Member(name) => message.get(name),
        ContentType::Property(name) => message.get(PROPERTIES)?.get(name),
        ContentType::Subprotocol => message.get("subprotocol"),
        _ => None,
    }
}

/// The list of headers.
fn headers<'a>(carrier: &Carrier, message: &'a Json) -> Option<&'a Json> {
    message.get(&carrier.headers.as_ref()?.member)
}

fn member(
    path: &Path,
    how: &How,
    wanted: Option<&Json>,
    got: Option<&Json>,
    differences: &mut Vec<Difference>,
) {
    let is = |value: &&Json| !value.is_null();
    match (wanted.filter(is), got.filter(is)) {
        (None, None) => (),
        (Some(wanted), None) => differences.push(path.differs(wanted, "nothing")),
        (None, Some(got)) => differences.push(path.differs("nothing", got)),
        (Some(wanted), Some(got)) => match (wanted.as_str(), got.as_str()) {
            (Some(one), Some(other))
                if media_type::same(one, other)
                    || how.json_supplied && media_type::is_json(one) && media_type::is_json(other) => {}
            (Some(_), Some(_)) => differences.push(path.differs(wanted, got)),
            _ => json::diff(path, wanted, got, differences),
        },
    }
}
