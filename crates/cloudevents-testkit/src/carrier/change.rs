//! The differences between two events, and the losses reported for them.

use super::{http::in_charset, xml::undeclared};
use cloudevents_core::{Data, Event, LossClass, Losses, Timestamp, Value};
use std::collections::BTreeMap;

/// Returns the names of the attributes that changed, and `data` if the payload changed, each with the class of the loss.
///
/// - [`Spelling`](LossClass::Spelling): a timestamp with the same instant, offset, and leap second. A content type that the payload implied
///   and that is stated. An XML element with the namespace declarations of the document that it was in, or without white space around it.
///   JSON with other white space.
/// - [`Type`](LossClass::Type): a value of the same canonical string.
/// - [`PayloadForm`](LossClass::PayloadForm): a payload of the same bytes, or of the same text in the charset of the content type. No
///   payload instead of a payload without bytes.
/// - [`Meaning`](LossClass::Meaning): all else.
///
/// ```
/// use cloudevents_core::{Event, LossClass};
/// use cloudevents_testkit::carrier::changes;
///
/// let event = |time: &str| Event::builder().id("1").source("/s").ty("t").time(time).build();
/// let before = event("2018-04-05T19:31:00+02:00")?;
/// assert!(changes(&before, &before).is_empty());
/// assert_eq!(changes(&before, &event("2018-04-05T19:31:00.000+02:00")?)["time"], LossClass::Spelling);
/// assert_eq!(changes(&before, &event("2018-04-05T17:31:00Z")?)["time"], LossClass::Meaning);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn changes(before: &Event, after: &Event) -> BTreeMap<String, LossClass> {
    let mut changed = BTreeMap::new();
    for (name, _) in before.attributes().chain(after.attributes()) {
        let name = name.as_str();
        let class = match (before.attribute(name), after.attribute(name)) {
            (before, after) if before == after => continue,
            (None, Some(_)) if name == "datacontenttype" && is_implied(before, after) => LossClass::Spelling,
            (Some(before), Some(after)) => attribute_class(before, after),
            _ => LossClass::Meaning,
        };
        changed.insert(name.to_owned(), class);
    }
    if before.data() != after.data() {
        changed.insert("data".to_owned(), payload_class(before, after));
    }
    changed
}

/// Returns the names in a report of losses: names of attributes, and `data`, each with the weightiest class.
pub fn told(losses: &Losses) -> BTreeMap<String, LossClass> {
    let mut named = BTreeMap::new();
    for loss in losses {
        let class = named.entry(loss.at().to_owned()).or_insert(loss.class());
        *class = loss.class().max(*class);
    }
    named
}

/// Whether the payload implied the content type that is stated now.
fn is_implied(before: &Event, after: &Event) -> bool {
    let text = |event: &Event| event.content_type().map(|content_type| content_type.as_str().to_owned());
    text(before) == text(after)
}

fn attribute_class(before: Value<'_>, after: Value<'_>) -> LossClass {
    match (before, after) {
        (Value::Timestamp(before), Value::Timestamp(after)) if is_same_time(before, after) => {
            LossClass::Spelling
        }
        (before, after) if before.to_canonical() == after.to_canonical() => LossClass::Type,
        _ => LossClass::Meaning,
    }
}

fn is_same_time(before: Timestamp<'_>, after: Timestamp<'_>) -> bool {
    (before.instant(), before.offset_minutes()) == (after.instant(), after.offset_minutes())
}

/// Line breaks are between the tokens of JSON: its strings have them escaped.
fn on_one_line(json: &str) -> String {
    json.replace(['\r', '\n'], " ")
}

fn payload_class(before: &Event, after: &Event) -> LossClass {
    match (before.data(), after.data()) {
        (Some(Data::Proto { type_url, .. }), _) if !type_url.is_empty() => LossClass::Meaning,
        (Some(Data::Xml(before)), Some(Data::Xml(after)))
            if undeclared(before.trim()) == undeclared(after.trim()) =>
        {
            LossClass::Spelling
        }
        (Some(Data::Json(before)), Some(Data::Json(after)))
            if on_one_line(before.as_str()).trim() == on_one_line(after.as_str()).trim() =>
        {
            LossClass::Spelling
        }
        (Some(was), Some(Data::Text(_) | Data::Xml(_) | Data::Json(_) | Data::Cbor(_)))
            if after.data_bytes().is_some_and(|now| now == was.as_bytes()) =>
        {
            LossClass::PayloadForm
        }
        (Some(was), None) if was.as_bytes().is_empty() => LossClass::PayloadForm,
        (Some(was), Some(now)) if in_charset(before, was).is_some_and(|bytes| bytes == now.as_bytes()) => {
            LossClass::PayloadForm
        }
        _ => LossClass::Meaning,
    }
}
