//! The published vectors of extensions: what of them breaks a rule, and what does not.

use cloudevents_core::Event;
use cloudevents_extensions::check;
use cloudevents_testkit::tagged;
use cloudevents_vectors::{Case, Expected, Level, load_documents, load_requirements};
use std::collections::HashMap;

/// The content mode of a message is not part of the event.
const NOT_ON_THE_EVENT: &str = "extensions/opcua/structured";

#[test]
fn what_breaks_a_rule_is_found_by_its_clause() {
    let levels: HashMap<_, _> =
        load_requirements().unwrap().into_iter().map(|rule| (rule.id, rule.level.level())).collect();
    let documents = load_documents().unwrap();
    let cases = documents.iter().flat_map(|document| &document.cases);
    let (mut followed, mut broken) = (0, 0);
    for case in cases.filter(|case| case.id.starts_with("extensions/")) {
        let rule = case.clauses[0].as_str();
        let breaks = case.title.contains("is refused, or ") && levels[rule] == Level::Must;
        let expected = if breaks && case.id != NOT_ON_THE_EVENT { vec![rule] } else { Vec::new() };
        for event in events(case) {
            let violations = check(&event);
            let clauses: Vec<_> = violations.iter().filter_map(|violation| violation.clause()).collect();
            assert_eq!(clauses, expected, "{}: {event:?}: {violations:?}", case.id);
        }
        if expected.is_empty() { followed += 1 } else { broken += 1 }
    }
    assert!(followed >= 102 && broken >= 34, "{followed}, {broken}");
}

/// The events that an encoder is given, or that a decoder returns.
fn events(case: &Case) -> Vec<Event> {
    let events = case.request.get("events").or_else(|| match &case.expect[0].expected {
        Expected::Result(result) => result.get("events"),
        Expected::Error(_) => None,
    });
    let events = events.and_then(|events| events.as_array()).unwrap();
    assert!(!events.is_empty());
    events.iter().map(|event| tagged::to_event(event).unwrap()).collect()
}
