//! Messages, as each carrier says.

mod body;
mod content_type;
mod fields;

use cloudevents_vectors::{Carrier, ContentType};

use crate::tree::json::{self, Json, Kind};

use super::document::{self, Notation};
use super::how::CONTENT_TYPE;
use super::{Difference, How, MOST, Path, bytes};
use body::Body;
use content_type::PROPERTIES;

/// The expected message, and how to compare it.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The format or the binding that carries the message.
    pub(crate) via: &'a str,
    pub(crate) message: &'a Json,
    /// Names of headers that must not be there.
    pub(crate) absent: &'a [String],
    /// Whether headers of attributes count that are not stated, in comparisons where only some headers count.
    pub(crate) counts_attributes: bool,
    pub(crate) how: &'a How,
}

/// Notes where a message is not the wanted one.
///
/// Headers, content type and body are always compared: if the case states no body, the message must have none. Other members are compared
/// only if the case states them.
pub(crate) fn diff(path: &Path, wanted: &Wanted<'_>, got: &Json, differences: &mut Vec<Difference>) {
    let Some(carrier) = Carrier::of(wanted.via) else {
        return json::diff(path, wanted.message, got, differences);
    };
    if !got.is_object() {
        differences.push(path.differs(wanted.message, got));
        return;
    }
    let headers = carrier.headers.as_ref().map(|headers| &headers.member);
    for (name, value) in wanted.message.members() {
        let name = name.to_string();
        match &carrier.content_type {
            ContentType::Member(content_type) if *content_type == name => (),
            ContentType::Property(content_type) if name == PROPERTIES => {
                let others = without(value, content_type);
                stated(&path.member(&name), &others, got.get(&name).or(Some(&EMPTY)), differences);
            }
            _ if name == carrier.body.member || Some(&name) == headers => (),
            _ => stated(&path.member(&name), value, got.get(&name), differences),
        }
    }
    if let Some(name) = headers {
        let path = path.member(name);
        if let Some(headers) = wanted.message.get(name) {
            let stated = fields::names(Some(headers));
            let is_batched = content_type::is_batched(carrier, wanted.message);
            // Beside a batch, no header carries an attribute.
            let is_free = |name: &str| is_batched && carrier.is_of_attribute(name);
            let counts = |name: &str| carrier.is_of_event(name) && !is_free(name) || stated.contains(&name);
            let counted = got.get(name).map(|headers| fields::only(headers, counts));
            let states_it = stated.iter().any(|name| carrier.attribute(name) == CONTENT_TYPE);
            let counted = if states_it {
                counted
            } else {
                counted.map(|headers| content_type::without_attribute(carrier, got, headers))
            };
            let counted = counted.map(|counted| content_type::without_repetition(carrier, headers, counted));
            let may_mirror = wanted.how.may_mirror && content_type::is_structured(carrier, wanted.message);
            fields::diff(&path, carrier, wanted.how, may_mirror, (headers, counted.as_ref()), differences);
        }
        fields::absent(&path, carrier, wanted.absent, got.get(name), differences);
    }
    content_type::diff(path, carrier, wanted.how, wanted.message, got, differences);
    let notation = content_type::notation(carrier, wanted.message);
    body(path, carrier, notation, wanted, got, differences);
}

/// Records the differences of a response of a webhook's target, or of a request of a sender.
///
/// The headers that count are the stated headers, and the headers of events and of the handshake. A body counts if it is stated.
pub(crate) fn diff_exchange(path: &Path, wanted: &Wanted<'_>, got: &Json, differences: &mut Vec<Difference>) {
    let Some(carrier) = Carrier::of("http") else { return };
    for name in ["status", "method", "target"] {
        match (wanted.message.get(name), got.get(name)) {
            (None, _) => (),
            (Some(class), Some(got)) if is_of_class(class, got) => (),
            (Some(value), got) => stated(&path.member(name), value, got, differences),
        }
    }
    if wanted.message.get(&carrier.body.member).is_some() {
        let notation = content_type::notation(carrier, wanted.message);
        body(path, carrier, notation, wanted, got, differences);
    }
    let path = path.member("headers");
    let headers = got.get("headers");
    let stated = fields::names(wanted.message.get("headers"));
    let counts = |name: &str| {
        name.to_ascii_lowercase().starts_with("webhook-")
            || wanted.counts_attributes && carrier.is_of_attribute(name)
            || stated.iter().any(|stated| stated.eq_ignore_ascii_case(name))
    };
    if let Some(wanted_headers) = wanted.message.get("headers") {
        let counted = headers.map(|headers| fields::only(headers, counts));
        let is_validation = got.get("method").and_then(Json::as_str) == Some("OPTIONS");
        let is_free = |name: &str, value: &Json| {
            let is_stated = stated.iter().any(|stated| stated.eq_ignore_ascii_case(name));
            is_validation && !is_stated && is_optional(name, value)
        };
        let counted = counted.map(|headers| fields::without(&headers, is_free));
        // Each header of an attribute beside a structured message may be there or not.
        let may_mirror = content_type::is_structured(carrier, wanted.message);
        let counted = counted.map(|headers| content_type::without_attribute(carrier, got, headers));
        fields::diff(&path, carrier, wanted.how, may_mirror, (wanted_headers, counted.as_ref()), differences);
    }
    fields::absent(&path, carrier, wanted.absent, headers, differences);
}

/// The response to a delivery without the headers of consent. No sentence forbids them there.
pub(crate) fn without_consent(response: &Json) -> Json {
    let is_consent = |name: &str, _: &Json| {
        ["webhook-allowed-origin", "webhook-allowed-rate"]
            .iter()
            .any(|consent| name.eq_ignore_ascii_case(consent))
    };
    if !response.is_object() {
        return response.clone();
    }
    let mut members = response.members().to_vec();
    for (_, headers) in members.iter_mut().filter(|(name, _)| name.as_str() == Some("headers")) {
        *headers = fields::without(headers, is_consent);
    }
    Json { kind: Kind::Object(members), span: response.span.clone() }
}

/// Whether a sender may add this header to its validation request without being required to.
///
/// `WebHook-Request-Callback` "is OPTIONAL", and `WebHook-Request-Rate`, a positive integer, "MAY be included" (HTTP webhooks, sections
/// 4.1.3 and 4.1.4).
fn is_optional(name: &str, value: &Json) -> bool {
    let is_rate =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0');
    match &*name.to_ascii_lowercase() {
        "webhook-request-callback" => true,
        "webhook-request-rate" => value.as_str().is_some_and(is_rate),
        _ => false,
    }
}

/// Records the differences between the requests of a sender and the wanted requests, in their order.
pub(crate) fn diff_requests(path: &Path, wanted: &Wanted<'_>, got: &Json, differences: &mut Vec<Difference>) {
    let (Some(items), Some(got_items)) = (wanted.message.items(), got.items()) else {
        differences.push(path.differs(wanted.message, got));
        return;
    };
    for (index, message) in items.iter().enumerate() {
        let path = path.item(index);
        match got_items.get(index) {
            Some(got) => diff_exchange(&path, &Wanted { message, ..*wanted }, got, differences),
            None => differences.push(path.differs(message, "nothing")),
        }
    }
    for (index, got) in got_items.iter().enumerate().skip(items.len()).take(MOST) {
        differences.push(path.item(index).differs("nothing", got));
    }
}

/// Whether a status is one of the wanted class, such as `4xx`.
fn is_of_class(class: &Json, status: &Json) -> bool {
    let class = class.as_str().and_then(|class| class.strip_suffix("xx"));
    let status = status.to_string();
    class.is_some_and(|class| class.len() == 1 && status.len() == 3 && status.starts_with(class))
}

/// An object of members that count if they are stated, for a message that leaves it out.
const EMPTY: Json = Json { kind: Kind::Object(Vec::new()), span: 0..0 };

/// The object without the member of this name.
fn without(object: &Json, name: &str) -> Json {
    let others = object.members().iter().filter(|(member, _)| member.as_str() != Some(name));
    Json { kind: Kind::Object(others.cloned().collect()), span: 0..0 }
}

/// Compares a member other than headers, content type and body.
fn stated(path: &Path, wanted: &Json, got: Option<&Json>, differences: &mut Vec<Difference>) {
    match got {
        None if wanted.is_null() => (),
        None => differences.push(path.differs(wanted, "nothing")),
        Some(got) => value(path, wanted, got, differences),
    }
}

/// Compares bytes as bytes, objects by the members that are stated, and anything else as JSON.
fn value(path: &Path, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    match (bytes::read(wanted), bytes::read(got)) {
        (Ok(wanted), Ok(got)) => bytes::diff(path, &wanted, &got, differences),
        (Err(_), Err(_)) if wanted.is_object() && got.is_object() => {
            for (name, wanted) in wanted.members() {
                let name = name.to_string();
                stated(&path.member(&name), wanted, got.get(&name), differences);
            }
        }
        _ => json::diff(path, wanted, got, differences),
    }
}

fn body(
    path: &Path,
    carrier: &Carrier,
    notation: Notation,
    Wanted { message, how, .. }: &Wanted<'_>,
    got: &Json,
    differences: &mut Vec<Difference>,
) {
    let path = &path.member(&carrier.body.member);
    match (body::read(carrier, message), body::read(carrier, got)) {
        (Ok(Body::Bytes(wanted)), Ok(Body::Bytes(got))) => {
            document::diff(path, notation, how, &wanted, &got, differences);
        }
        (Ok(Body::Null), Ok(Body::Null)) => (),
        (Ok(Body::Null), Ok(Body::Bytes(got))) if how.null_is_empty && got.is_empty() => (),
        (Ok(Body::Other(wanted)), Ok(Body::Other(got))) => json::diff(path, wanted, got, differences),
        (Ok(wanted), Ok(got)) => differences.push(path.differs(wanted, got)),
        (Ok(wanted), Err(reason)) => differences.push(path.differs(wanted, reason)),
        (Err(reason), _) => differences.push(path.differs(reason, "nothing that could be that")),
    }
}

#[cfg(test)]
mod tests;
