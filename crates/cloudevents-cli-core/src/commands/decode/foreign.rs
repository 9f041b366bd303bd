//! Documents of other systems in place of events.

use crate::{report::Report, source::Place};
use cloudevents_kit::adapters::{Adapters, recognize};
use cloudevents_testkit::tagged;
use cloudevents_vectors::Carrier;
use serde_json::Value;

/// The report that names the system of this document. `None` if the system is not known.
pub(super) fn document(place: &Place) -> Option<Report> {
    let document = place.text();
    let adapter = recognize(&document)?;
    Some(Report::of(&adapter.unread(&document, &by_convert(adapter.name(), "it"))))
}

/// The report that names the system of the document in the body of a message, by its headers, too. `None` if the system is not known.
pub(super) fn body(via: &str, message: Option<&Value>) -> Option<Report> {
    let member = Carrier::of(via)?.body.member.as_str();
    let message = message?;
    let body = message.get(member)?;
    // AMQP has sections. A document is in one of them.
    let body = tagged::to_bytes(body.pointer("/data/0").unwrap_or(body)).ok()?;
    let headers: Vec<_> =
        message.get("headers").and_then(Value::as_array).into_iter().flatten().filter_map(header).collect();
    let known = Adapters::known();
    let adapter = known.recognize_message(&headers, &body)?;
    let name = adapter.name();
    let how = match adapter.reads(&body) {
        true => by_convert(name, "its body"),
        // Its headers are needed, too.
        false => format!(
            "`ce listen URL --from {name}` makes events of such requests, and `ce convert --from {name}` of their text"
        ),
    };
    Some(Report::of(&adapter.unread_message(&headers, &body, &how)))
}

fn by_convert(adapter: &str, what: &str) -> String {
    format!("`ce convert --from {adapter}` makes events of {what}")
}

/// The name and the text of a header of the testee protocol.
fn header(pair: &Value) -> Option<(&str, &str)> {
    let value = pair.get(1)?;
    let text = value.as_str().or_else(|| value.get("text")?.as_str())?;
    Some((pair.get(0)?.as_str()?, text))
}
