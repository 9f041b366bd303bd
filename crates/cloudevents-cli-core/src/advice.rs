//! Recommendations of the specification that a valid event does not follow.

use crate::{report::Report, show};
use cloudevents_kit::{Event, SpecVersion, UriReference, extensions, model::codec::is_payload_not_json};

/// One recommendation.
#[derive(Clone, Debug)]
pub(crate) struct Advice {
    pub(crate) kind: &'static str,
    pub(crate) attribute: Option<String>,
    pub(crate) message: String,
    pub(crate) clause: Option<&'static str>,
}

impl Advice {
    fn new(
        kind: &'static str,
        attribute: Option<&str>,
        message: String,
        clause: Option<&'static str>,
    ) -> Self {
        Self { kind, attribute: attribute.map(str::to_owned), message, clause }
    }

    /// Returns the recommendation as a note.
    pub(crate) fn report(&self) -> Report {
        let report = Report::note(self.message.as_str()).kind(self.kind);
        report.attribute(self.attribute.as_deref()).clause(self.clause)
    }

    /// Returns the recommendation as JSON.
    pub(crate) fn to_value(&self) -> serde_json::Value {
        let mut value = serde_json::json!({"kind": self.kind, "message": self.message});
        if let Some(members) = value.as_object_mut() {
            members.extend(self.attribute.as_deref().map(|name| ("attribute".to_owned(), name.into())));
            members.extend(self.clause.map(|clause| ("clause".to_owned(), clause.into())));
        }
        value
    }
}

/// Returns the recommendations that the event does not follow.
pub(crate) fn of(event: &Event) -> Vec<Advice> {
    let mut all = Vec::new();
    if event.specversion() == SpecVersion::V03 {
        let message = "the event has specversion 0.3, which 1.0 replaced in 2019".to_owned();
        all.push(Advice::new("old-specversion", Some("specversion"), message, None));
    }
    if UriReference::as_uri(event.source()).is_none() {
        let message = format!("the source `{}` is relative; an absolute URI is recommended", event.source());
        all.push(Advice::new("relative-source", Some("source"), message, Some("CE-source-c")));
    }
    for (name, _) in event.extensions() {
        let name = name.as_str();
        if name.len() > 20 {
            let message =
                format!("the name `{name}` has {} characters; no more than 20 are recommended", name.len());
            all.push(Advice::new("long-name", Some(name), message, Some("CE-Naming-d")));
        }
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            let message = format!("the name `{name}` begins with a digit; a letter is recommended");
            all.push(Advice::new("name-begins-with-digit", Some(name), message, Some("CE-Naming-b")));
        }
    }
    if is_payload_not_json(event) {
        let message = "datacontenttype is JSON, but the payload is not; it is kept as bytes".to_owned();
        all.push(Advice::new("payload-not-json", Some("datacontenttype"), message, None));
    }
    let size = show::document_size(event);
    if size > 65_536 {
        let message =
            format!("the event is {size} bytes as JSON; intermediaries need not forward more than 65,536");
        all.push(Advice::new("large-event", None, message, Some("CE-Size-Limits-b")));
    }
    all
}

/// Returns the rules of documented extensions that the event breaks.
pub(crate) fn of_extensions(event: &Event) -> Vec<Advice> {
    let broken = extensions::check(event);
    let advice = broken.iter().map(|error| {
        let kind = error.kind().code();
        Advice::new(kind, error.attribute(), error.message().to_string(), error.clause())
    });
    advice.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clause_is_known() {
        let event = Event::builder()
            .id("1")
            .source("s")
            .ty("t")
            .extension("0aaaaaaaaaaaaaaaaaaaaa", 1)
            .payload("application/json", cloudevents_kit::Payload::body(vec![b'x'; 70_000]))
            .build()
            .unwrap();
        let all = of(&event);
        let kinds: Vec<_> = all.iter().map(|advice| advice.kind).collect();
        assert_eq!(
            kinds,
            ["relative-source", "long-name", "name-begins-with-digit", "payload-not-json", "large-event"]
        );
        for clause in all.iter().filter_map(|advice| advice.clause) {
            assert!(crate::clause::find(clause).is_some(), "{clause}");
        }
    }
}
