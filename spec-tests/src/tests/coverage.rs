//! Every MUST and SHOULD that can be seen on the wire has a case that can fail by it, or a waiver.

use crate::{Coverage, Document, Level, Requirement, load_documents, load_requirements};

use super::assert_none;

#[test]
fn every_clause_has_a_case_or_a_waiver() {
    let requirements = load_requirements().unwrap();
    let coverage = Coverage::of(&load_documents().unwrap(), &requirements);
    println!("{coverage}");
    let missing: Vec<_> = requirements
        .iter()
        .filter(|requirement| {
            let mut rows = coverage.documents.iter().filter(|row| row.has_vectors);
            rows.any(|row| row.missing.contains(&requirement.id))
        })
        .map(|requirement| format!("{} ({}): {}", requirement.id, requirement.level, requirement.requirement))
        .collect();
    assert_none(&missing, "clauses with neither a case nor a waiver");
    let stale: Vec<_> = coverage.stale_waivers().map(str::to_owned).collect();
    assert_none(&stale, "waived clauses that have a case: take the waiver away");
}

#[test]
fn counts() {
    let requirements = [
        requirement("A", "MUST", "wire", None),
        requirement("B", "MUST NOT", "wire", Some("reason")),
        requirement("C", "MUST", "wire", None),
        requirement("D", "MUST", "api", None),
        requirement("E", "SHOULD", "wire", None),
        requirement("F", "MAY", "wire", Some("reason")),
        requirement("G", "SHOULD NOT", "wire", Some("reason")),
    ];
    let coverage = Coverage::of(&[document("json", &["A", "F", "G"])], &requirements);
    let row = &coverage.documents[0];
    assert_eq!((row.musts.clauses, row.musts.proven, row.musts.waived), (3, 1, 1));
    assert_eq!((row.shoulds.clauses, row.shoulds.proven, row.shoulds.waived), (2, 1, 0));
    assert_eq!(coverage.missing().collect::<Vec<_>>(), ["C", "E"]);
    assert_eq!(coverage.stale_waivers().collect::<Vec<_>>(), ["F", "G"]);
    assert!(coverage.to_string().contains("1 of 3 (1 waived)"));
}

#[test]
fn a_case_proves_what_it_can_fail_by() {
    let requirements =
        [requirement("A", "MUST", "wire", None), requirement("B", "SHOULD", "wire", Some("reason"))];
    let mut weaker = document("json", &["A", "B"]);
    weaker.cases[0].level = Level::Should;
    let coverage = Coverage::of(std::slice::from_ref(&weaker), &requirements);
    assert_eq!(coverage.missing().collect::<Vec<_>>(), ["A"]);
    assert_eq!(coverage.stale_waivers().collect::<Vec<_>>(), ["B"]);
    weaker.cases[0].disputed = Some("reason".to_owned());
    let coverage = Coverage::of(&[weaker], &requirements);
    assert!(coverage.stale_waivers().next().is_none());
}

#[test]
fn a_document_without_vectors_has_a_row() {
    let requirements = [requirement("A", "MUST", "wire", None)];
    let rows = |documents: &[Document]| Coverage::of(documents, &requirements).documents;
    let [row] = &rows(&[])[..] else { panic!("{:?}", rows(&[])) };
    assert!(!row.has_vectors);
    assert_eq!(row.missing, ["A"]);
    assert!(rows(&[document("http", &["A"])])[0].missing.is_empty());
    assert!(rows(&[document("json", &[])])[0].has_vectors);
}

fn requirement(id: &str, level: &str, testable: &str, waiver: Option<&str>) -> Requirement {
    let mut value = serde_json::json!({
        "id": id, "document": "cloudevents/formats/json-format.md", "section": "1", "title": "t", "level": level,
        "role": "both", "requirement": "r", "testable": testable
    });
    if let Some(reason) = waiver {
        value["waiver"] = reason.into();
    }
    serde_json::from_value(value).unwrap()
}

fn document(area: &str, clauses: &[&str]) -> Document {
    let clauses = if clauses.is_empty() { &["X"] } else { clauses };
    let value = serde_json::json!({"area": area, "topic": "t", "title": "t", "cases": [{
        "id": "a/t/x", "title": "t", "clauses": clauses, "level": "MUST", "revisions": ["main"],
        "request": {"op": "decode"}, "expect": [{"error": {}}]
    }]});
    Document::parse(&value.to_string()).unwrap()
}
