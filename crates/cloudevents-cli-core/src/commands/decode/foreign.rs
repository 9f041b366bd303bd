//! Documents of other systems in place of events.

use crate::{input, report::Report, source::Place};
use cloudevents_testkit::tagged;
use cloudevents_vectors::Carrier;
use serde_json::Value;

/// The report that names the system of this document. `None` if the system is not known.
pub(super) fn document(place: &Place) -> Option<Report> {
    named(&place.text(), "it")
}

/// The report that names the system of the document in the body of a message. `None` if the system is not known.
pub(super) fn body(via: &str, message: Option<&Value>) -> Option<Report> {
    let member = Carrier::of(via)?.body.member.as_str();
    let body = message?.get(member)?;
    // AMQP has sections. A document is in one of them.
    let body = body.pointer("/data/0").unwrap_or(body);
    named(&tagged::to_bytes(body).ok()?, "its body")
}

fn named(document: &[u8], what: &str) -> Option<Report> {
    let how = |adapter: &str| format!("`ce convert --from {adapter}` makes events of {what}");
    Some(Report::of(&input::named_by(document, how)?))
}
