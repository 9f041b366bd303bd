//! Cases are named after their file and cite clauses that exist.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{
    Expected, ExpectedError, Flag, Level, Outcome, PayloadComparison, Requirement, Revision, Role, Validity,
    load_requirements,
};

use super::{all_cases, all_documents, assert_none};

#[test]
fn documents_are_where_their_area_and_topic_say() {
    let complaints: Vec<_> = all_documents()
        .filter(|(path, document)| *path != format!("{}/{}.json", document.area, document.topic))
        .map(|(path, document)| format!("{path}: {}/{}", document.area, document.topic))
        .collect();
    assert_none(&complaints, "documents whose path is not <area>/<topic>.json");
}

#[test]
fn ids_are_unique_and_begin_with_area_and_topic() {
    let mut seen = HashSet::new();
    let mut complaints = Vec::new();
    for (path, document) in all_documents() {
        for case in document.cases {
            let name = case.id.strip_prefix(&format!("{}/{}/", document.area, document.topic));
            if !name.is_some_and(is_name) {
                complaints.push(format!("{path}: {} is not <area>/<topic>/<name>", case.id));
            }
            if !seen.insert(case.id.clone()) {
                complaints.push(format!("{path}: {} is there twice", case.id));
            }
        }
    }
    assert_none(&complaints, "ids");
}

#[test]
fn clauses_exist() {
    let requirements = load_requirements().unwrap();
    let known: HashSet<_> = requirements.iter().map(|requirement| requirement.id.as_str()).collect();
    let mut complaints = Vec::new();
    for case in all_cases() {
        let unknown = case.clauses.iter().filter(|clause| !known.contains(clause.as_str()));
        complaints.extend(unknown.map(|clause| format!("{}: {clause}", case.id)));
    }
    assert_none(&complaints, "clauses that no requirement has");
}

#[test]
fn levels_do_not_exceed_the_strongest_clause() {
    let requirements = load_requirements().unwrap();
    let levels: HashMap<_, _> =
        requirements.iter().map(|requirement| (requirement.id.as_str(), requirement.level.level())).collect();
    let mut complaints = Vec::new();
    for case in all_cases() {
        let strongest = case.clauses.iter().filter_map(|clause| levels.get(clause.as_str())).max();
        if *strongest.unwrap_or(&Level::May) < case.level {
            complaints.push(format!("{}: {} on the ground of {:?}", case.id, case.level, case.clauses));
        }
    }
    assert_none(&complaints, "cases stronger than what they cite");
}

#[test]
fn revisions_of_outcomes_leave_each_revision_of_the_case_an_outcome() {
    let mut complaints = Vec::new();
    for case in all_cases() {
        for revision in &case.revisions {
            let allowed =
                |revisions: &Option<Vec<_>>| revisions.as_ref().is_none_or(|list| list.contains(revision));
            if !case.expect.iter().any(|outcome| allowed(&outcome.revisions)) {
                complaints.push(format!("{}: nothing is allowed by {revision}", case.id));
            }
        }
    }
    assert_none(&complaints, "revisions without an outcome");
}

#[test]
fn outcomes_are_distinct() {
    let mut complaints = Vec::new();
    for case in all_cases() {
        for (index, outcome) in case.expect.iter().enumerate() {
            if case.expect[..index].contains(outcome) {
                complaints.push(format!("{}: outcome {index}", case.id));
            }
        }
    }
    assert_none(&complaints, "outcomes listed twice");
}

#[test]
fn no_refusal_is_allowed_by_one_before_it() {
    let mut complaints = Vec::new();
    for case in all_cases() {
        for (index, outcome) in case.expect.iter().enumerate() {
            let Expected::Error(error) = &outcome.expected else { continue };
            // One that only some revisions allow leaves room for others behind it.
            let before = case.expect.iter().take(index).filter(|before| before.revisions.is_none());
            let included =
                |before: &Expected| matches!(before, Expected::Error(before) if allows(before, error));
            if before.map(|before| &before.expected).any(included) {
                complaints.push(format!("{}: outcome {index}", case.id));
            }
        }
    }
    assert_none(&complaints, "refusals behind one that asks for no more: the stricter comes first");
}

#[test]
fn a_refusal_that_is_stated_is_followed_by_one_of_any() {
    let any = ExpectedError::default();
    let mut complaints = Vec::new();
    for case in all_cases() {
        let mut refusals = case.expect.iter().filter_map(|outcome| match &outcome.expected {
            Expected::Error(error) => Some(error),
            Expected::Result(_) => None,
        });
        if refusals.next().is_some_and(|first| *first != any) && !refusals.any(|error| *error == any) {
            complaints.push(case.id);
        }
    }
    assert_none(&complaints, "refusals that prescribe what the specification does not");
}

#[test]
fn validity_is_stated_and_agrees_with_the_outcomes() {
    let mut complaints = Vec::new();
    for case in all_cases() {
        let refusals = case.expect.iter().filter(|outcome| is_refusal(outcome)).count();
        let agrees = match case.stated_validity {
            None => false,
            Some(Validity::Valid) => refusals == 0,
            Some(Validity::Invalid) => refusals == case.expect.len(),
            Some(Validity::Acceptable) => {
                let excused = case.has_flag(Flag::ProducerRule) || case.has_flag(Flag::Hostile);
                refusals > 0 && (refusals < case.expect.len() || excused)
            }
        };
        if !agrees {
            complaints.push(format!("{}: {:?}", case.id, case.stated_validity));
        }
    }
    assert_none(&complaints, "cases whose validity is missing or wrong: run generators/fair.py");
}

#[test]
fn a_rule_for_producers_obliges_no_consumer() {
    let requirements = load_requirements().unwrap();
    let binds_consumers: HashMap<_, _> = requirements
        .iter()
        .map(|clause| (clause.id.as_str(), matches!(clause.role, Role::Consumer | Role::Both)))
        .collect();
    let mut complaints = Vec::new();
    for case in all_cases() {
        let reads = matches!(case.op(), Some("decode" | "upgrade" | "parse" | "name"));
        let binding =
            case.clauses.iter().any(|id| binds_consumers.get(id.as_str()).copied().unwrap_or_default());
        if reads && case.validity() == Validity::Invalid && !binding {
            complaints.push(format!("{}: {:?}", case.id, case.clauses));
        }
    }
    assert_none(
        &complaints,
        "refusals that only rules for producers ask for, without the flag producer-rule",
    );
}

#[test]
fn a_batch_is_refused_for_what_is_no_event_at_all() {
    // Whether one invalid event makes the whole batch invalid is not said, so the others may be read.
    let mut complaints = Vec::new();
    for case in all_cases() {
        let index = case.expect.iter().find_map(|outcome| match &outcome.expected {
            Expected::Error(error) => error.index,
            Expected::Result(_) => None,
        });
        let decides = case.op() == Some("decode") && case.validity() == Validity::Invalid;
        let Some(index) = index.and_then(|index| usize::try_from(index).ok()).filter(|_| decides) else {
            continue;
        };
        let body = case.request.get("message").and_then(|message| message.get("body"));
        let text = body.and_then(|body| body.get("text")?.as_str()).unwrap_or_default();
        let batch: Value = serde_json::from_str(text).unwrap_or_default();
        if batch.get(index).is_none_or(Value::is_object) {
            complaints.push(case.id);
        }
    }
    assert_none(&complaints, "batches that have to be refused because of one invalid event");
}

#[test]
fn a_case_holds_for_revisions_that_have_its_clauses() {
    let requirements = load_requirements().unwrap();
    let known: HashMap<_, _> = requirements.iter().map(|clause| (clause.id.as_str(), clause)).collect();
    let mut complaints = Vec::new();
    for case in all_cases() {
        let clauses: Vec<_> = case.clauses.iter().filter_map(|id| known.get(id.as_str())).collect();
        for revision in &case.revisions {
            let backed = clauses.iter().any(|clause| {
                clause.revisions.contains(revision) && (clause.level.level() >= case.level || case.policy)
            });
            if !backed || (case.draft && *revision != Revision::Main) {
                complaints.push(format!("{} for {revision}: {:?}", case.id, case.clauses));
            }
        }
        // The refusal of a duplicate attribute, say, is new in main: nothing else in the case makes it a rule of 1.0.2.
        let new = |clause: &&Requirement| clause.revisions == [Revision::Main];
        let moved = clauses.iter().any(|clause| clause.revisions == [Revision::V1_0_2]);
        let refuses = case.expect.iter().all(is_refusal);
        if refuses
            && case.revisions.contains(&Revision::V1_0_2)
            && clauses.iter().any(|clause| new(clause))
            && !moved
        {
            complaints.push(format!("{}: {:?} is new in main", case.id, case.clauses));
        }
    }
    assert_none(&complaints, "cases for revisions that do not have their clauses");
}

#[test]
fn a_payload_may_be_presented_as_any_kind_that_its_carrier_allows() {
    let mut complaints = Vec::new();
    for case in all_cases() {
        let area = case.id.split('/').next().unwrap_or_default();
        if case.op() != Some("decode") || matches!(area, "json" | "core") {
            continue;
        }
        let allowed: Vec<_> = case.expect.iter().filter_map(payload_kinds).collect();
        let text = |kinds: &[String]| kinds.iter().any(|kind| kind == "json" || kind == "text");
        // The JSON format has its own kinds.
        let own = case.expect.iter().any(|outcome| match &outcome.expected {
            Expected::Result(result) => {
                result.get("format").is_some_and(|format| format == "json")
                    || matches!(area, "http" | "kafka" | "amqp")
                        && result.get("mode").is_some_and(|mode| mode != "binary")
            }
            Expected::Error(_) => false,
        });
        let native = allowed
            .iter()
            .any(|kinds| kinds.iter().any(|kind| matches!(kind.as_str(), "xml" | "cbor" | "proto")));
        let has = |kind: &str| allowed.iter().any(|kinds| kinds.iter().any(|other| other == kind));
        let plain = !own && !native && allowed.iter().any(|kinds| text(kinds));
        let any = case.compare.payload == PayloadComparison::Json;
        if plain && !any && !(has("binary") && has("text")) {
            complaints.push(format!("{}: {allowed:?}", case.id));
        }
    }
    assert_none(&complaints, "payloads that siblings allow as json, text or binary");
}

#[test]
fn outcomes_state_more_than_extensions_of_the_protocol() {
    let mut complaints = Vec::new();
    for case in all_cases() {
        for outcome in &case.expect {
            let Expected::Result(result) = &outcome.expected else { continue };
            if result.keys().all(|name| matches!(name.as_str(), "losses" | "repairs" | "notes")) {
                complaints.push(case.id.clone());
            }
        }
    }
    assert_none(&complaints, "outcomes of losses, repairs and notes alone");
}

#[test]
fn what_is_recommended_is_no_must() {
    let complaints: Vec<_> = all_cases()
        .filter(|case| case.clauses.iter().any(|clause| clause == "CE-datacontenttype-d"))
        .filter(|case| case.level == Level::Must && case.expect.len() == 1)
        .map(|case| case.id)
        .collect();
    assert_none(&complaints, "cases that make the explicit content type, a SHOULD, a MUST");
}

#[test]
fn most_events_have_a_time() {
    // Some implementations invent a missing `time`. One fault costs a few cases, not most of them.
    for area in ["core", "json", "http", "kafka"] {
        let (mut without, mut all) = (0, 0);
        for case in all_cases().filter(|case| case.id.starts_with(&format!("{area}/"))) {
            let accepted = case.expect.iter().any(|outcome| !is_refusal(outcome));
            if accepted && matches!(case.op(), Some("decode" | "encode" | "transcode" | "upgrade")) {
                let text = serde_json::to_string(&case.request).unwrap().to_lowercase();
                // An empty batch has no event.
                if !text.contains("specversion") {
                    continue;
                }
                all += 1;
                let names = ["\"time", "ce-time", "ce_time", "cloudevents:time", "cloudevents_time"];
                without += usize::from(!names.iter().any(|name| text.contains(name)));
            }
        }
        assert!(without * 100 <= all * 7, "{area}: {without} of {all} cases have an event without time");
    }
}

/// The kinds of the payloads in an outcome.
fn payload_kinds(outcome: &Outcome) -> Option<Vec<String>> {
    let Expected::Result(result) = &outcome.expected else { return None };
    let events = result.get("events")?.as_array()?;
    let kinds = events.iter().filter_map(|event| event.get("data")?.as_object()?.keys().next().cloned());
    Some(kinds.collect())
}

/// Whether the input is refused: by an error, or by the response to a delivery.
fn is_refusal(outcome: &Outcome) -> bool {
    match &outcome.expected {
        Expected::Error(_) => true,
        Expected::Result(result) => {
            result.contains_key("response") && result.get("delivered") == Some(&0.into())
        }
    }
}

#[test]
fn a_refusal_allows_what_it_states_and_more() {
    let error = |text: &str| serde_json::from_str::<ExpectedError>(text).unwrap();
    let (any, time) = (error("{}"), error(r#"{"attribute": "time"}"#));
    let second = error(r#"{"attribute": "time", "index": 1}"#);
    assert!(allows(&any, &time) && allows(&any, &any) && allows(&time, &second));
    assert!(!allows(&time, &any) && !allows(&second, &time));
    assert!(!allows(&time, &error(r#"{"attribute": "id"}"#)));
}

/// Whether whatever the second refusal is, the first is too.
fn allows(general: &ExpectedError, special: &ExpectedError) -> bool {
    (general.kind.is_none() || general.kind == special.kind)
        && (general.attribute.is_none() || general.attribute == special.attribute)
        && (general.index.is_none() || general.index == special.index)
}

fn is_name(text: &str) -> bool {
    text.split('-').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}
