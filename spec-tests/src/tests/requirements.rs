//! The inventory of clauses is in order.

use std::collections::HashSet;

use crate::{Requirement, load_requirements, requirements};

use super::assert_none;

#[test]
fn ids_are_unique() {
    let mut seen = HashSet::new();
    let all = load_requirements().unwrap();
    let complaints: Vec<_> = all
        .iter()
        .filter(|requirement| !seen.insert(&requirement.id))
        .map(|requirement| requirement.id.clone())
        .collect();
    assert_none(&complaints, "ids of requirements that are there twice");
}

#[test]
fn a_file_holds_the_clauses_of_the_document_it_is_named_after() {
    let mut complaints = Vec::new();
    for (path, text) in requirements() {
        let file: Vec<Requirement> =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let strangers = file.iter().filter(|requirement| file_name(&requirement.document) != path);
        complaints.extend(strangers.map(|requirement| format!("{path}: {}", requirement.id)));
    }
    assert_none(&complaints, "requirements in another document's file");
}

#[test]
fn waivers_give_a_reason() {
    let all = load_requirements().unwrap();
    let complaints: Vec<_> = all
        .iter()
        .filter(|requirement| requirement.waiver.as_ref().is_some_and(|reason| reason.trim().is_empty()))
        .map(|requirement| requirement.id.clone())
        .collect();
    assert_none(&complaints, "waivers without a reason");
}

fn file_name(document: &str) -> String {
    let stem = document.strip_suffix(".md").unwrap_or(document);
    format!("{}.json", stem.replace('/', "-").to_lowercase())
}
