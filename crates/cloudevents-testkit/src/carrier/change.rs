//! The differences between two events, and the losses reported for them.

use super::xml::undeclared;
use cloudevents_core::{Data, Event, Losses, Timestamp, Value};
use std::collections::BTreeSet;

/// Returns the names of the attributes that changed, and `data` if the payload changed.
///
/// These differences do not count:
///
/// - Timestamps are the same with the same instant, offset, and leap second: `17:31:00.10+00:00` is `17:31:00.1Z`.
/// - A content type that the payload implied may be stated.
/// - XML and CBOR of a carrier that has no such kind are text or bytes, with their content type.
/// - An XML element may have taken on the namespace declarations of the document it was in.
///
/// ```
/// use cloudevents_core::{Event, Timestamp};
/// use cloudevents_testkit::carrier::changes;
///
/// let event = |time: &str| Event::builder().id("1").source("/s").ty("t").time(time).build();
/// let before = event("2018-04-05T19:31:00+02:00")?;
/// assert!(changes(&before, &event("2018-04-05T19:31:00.000+02:00")?).is_empty());
/// assert!(changes(&before, &event("2018-04-05T17:31:00Z")?).contains("time"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn changes(before: &Event, after: &Event) -> BTreeSet<String> {
    let mut changed = BTreeSet::new();
    let names = before.attributes().chain(after.attributes()).map(|(name, _)| name.as_str().to_owned());
    for name in names.filter(|name| name != "datacontenttype") {
        if !is_same(before.attribute(&name), after.attribute(&name)) {
            changed.insert(name);
        }
    }
    if !is_same_data(before.data(), after.data()) {
        changed.insert("data".to_owned());
    }
    let stated = |event: &Event| event.datacontenttype().map(|content_type| content_type.as_str().to_owned());
    let is_same_type = match (stated(before), stated(after)) {
        (None, Some(after)) => {
            // What a payload is now, its content type may say.
            changed.contains("data") || before.content_type().is_some_and(|before| before.as_str() == after)
        }
        (before, after) => before == after,
    };
    if !is_same_type {
        changed.insert("datacontenttype".to_owned());
    }
    changed
}

/// Returns the names in a report of losses: those of attributes, and `data`.
///
/// A report that a payload does not match its content type (such as `payload-not-json`) does not imply a change.
pub fn told(losses: &Losses) -> BTreeSet<String> {
    losses
        .iter()
        .filter(|loss| !loss.kind().starts_with("payload-not-"))
        .map(|loss| loss.at().to_owned())
        .collect()
}

fn is_same(before: Option<Value<'_>>, after: Option<Value<'_>>) -> bool {
    match (before, after) {
        (Some(Value::Timestamp(before)), Some(Value::Timestamp(after))) => is_same_time(before, after),
        (before, after) => before == after,
    }
}

fn is_same_time(before: Timestamp<'_>, after: Timestamp<'_>) -> bool {
    (before.instant(), before.offset_minutes()) == (after.instant(), after.offset_minutes())
}

fn is_same_data(before: Option<Data<'_>>, after: Option<Data<'_>>) -> bool {
    match (before, after) {
        (Some(Data::Xml(before)), Some(Data::Xml(after) | Data::Text(after))) => {
            undeclared(before) == undeclared(after)
        }
        (Some(Data::Xml(before)), Some(Data::Binary(after))) => {
            std::str::from_utf8(after).is_ok_and(|after| undeclared(before) == undeclared(after))
        }
        (Some(Data::Cbor(before)), Some(Data::Binary(after))) => before == after,
        (before, after) => before == after,
    }
}
