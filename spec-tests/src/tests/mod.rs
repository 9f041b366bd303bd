//! What holds for the data, whoever writes it.

mod carriers;
mod cases;
mod coverage;
mod duplicates;
mod requirements;
mod samples;
mod schema;

use crate::{Case, Document};

/// Every embedded document with its path.
fn all_documents() -> impl Iterator<Item = (&'static str, Document)> {
    crate::documents()
        .map(|(path, text)| (path, Document::parse(text).unwrap_or_else(|error| panic!("{path}: {error}"))))
}

/// Every embedded case.
fn all_cases() -> impl Iterator<Item = Case> {
    all_documents().flat_map(|(_, document)| document.cases)
}

/// Fails with every complaint at once, so that one run shows all there is to mend.
fn assert_none(complaints: &[String], what: &str) {
    assert!(complaints.is_empty(), "{what} ({}):\n  {}", complaints.len(), complaints.join("\n  "));
}
