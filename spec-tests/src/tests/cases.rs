//! Cases are named after their file and cite clauses that exist.

use std::collections::{HashMap, HashSet};

use crate::{Expected, ExpectedError, Level, load_requirements};

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
