//! The cases and the clauses they prove.

use std::collections::HashMap;

use crate::vary::varied;
use cloudevents_vectors::{
    Case, Document, InvalidData, Requirement, Revision, load_documents, load_requirements,
};

/// The cases and the clauses they prove.
#[derive(Clone, Debug)]
pub struct Suite {
    cases: Vec<Case>,
    requirements: HashMap<String, Requirement>,
    seed: Option<u64>,
    /// The implementation that the cases can be tested with as it runs, such as `a consumer over kafka`.
    observed: Option<String>,
    /// Cases that such an implementation cannot be tested with. They count among the cases to judge.
    unobserved: Vec<Case>,
    /// How many cases of other documents were added.
    added: usize,
}

impl Suite {
    /// Creates a suite of these documents and requirements.
    ///
    /// ```
    /// use cloudevents_conformance::Suite;
    /// use cloudevents_conformance::vectors::Document;
    ///
    /// let document = r#"{"area": "mine", "topic": "t", "title": "My own rules", "cases": []}"#;
    /// let suite = Suite::new([Document::parse(document)?], []);
    /// assert!(suite.cases().is_empty());
    /// # Ok::<(), cloudevents_conformance::vectors::InvalidData>(())
    /// ```
    pub fn new(
        documents: impl IntoIterator<Item = Document>,
        requirements: impl IntoIterator<Item = Requirement>,
    ) -> Self {
        Suite {
            cases: documents.into_iter().flat_map(|document| document.cases).collect(),
            requirements: requirements
                .into_iter()
                .map(|requirement| (requirement.id.clone(), requirement))
                .collect(),
            seed: None,
            observed: None,
            unobserved: Vec::new(),
            added: 0,
        }
    }

    /// The suite of the published vectors.
    pub fn published() -> Result<Self, InvalidData> {
        Ok(Suite::new(load_documents()?, load_requirements()?))
    }

    /// Returns a copy in which ids of events and other names differ, by the seed, in requests and in outcomes.
    ///
    /// The cases are sent in another order and with other numbers. A testee fails the suite if it looks up published requests, or answers
    /// by the position or the number of a request. A testee that was made to pass the suite cannot be found out: the parts that decide a
    /// case stay as published, and a known rule varies the names. Reports are in the published order, and record the seed.
    pub fn varied(&self, seed: u64) -> Self {
        let cases = self.cases.iter().map(|case| varied(case, seed)).collect();
        Suite { seed: Some(seed), ..self.having(cases) }
    }

    /// The seed by which the cases vary.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The implementation that the cases can be tested with as it runs, if they are observed.
    pub(crate) fn observed(&self) -> Option<&str> {
        self.observed.as_deref()
    }

    /// A suite for an implementation that is tested as it runs, with the cases for which `keep` returns true.
    pub(crate) fn observing(mut self, what: String, keep: impl Fn(&Case) -> bool) -> Self {
        self.unobserved = self.cases.extract_if(.., |case| !keep(case)).collect();
        self.observed = Some(what);
        self
    }

    /// Every case, with the cases that an implementation cannot be tested with as it runs.
    pub(crate) fn whole(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().chain(&self.unobserved)
    }

    /// Adds the cases of other documents, such as documents of an importer.
    ///
    /// They count in the result like any other case, so reports state their number.
    pub fn with(mut self, documents: impl IntoIterator<Item = Document>) -> Self {
        let before = self.cases.len();
        self.cases.extend(documents.into_iter().flat_map(|document| document.cases));
        self.added = self.added.saturating_add(self.cases.len().saturating_sub(before));
        self
    }

    /// The added cases, in words that begin with `with`.
    pub(crate) fn addition(&self) -> Option<String> {
        match self.added {
            0 => None,
            1 => Some("with 1 case of another document".to_owned()),
            added => Some(format!("with {added} cases of other documents")),
        }
    }

    /// The cases for which `keep` returns true.
    pub fn filter(mut self, keep: impl Fn(&Case) -> bool) -> Self {
        self.cases.retain(keep);
        self
    }

    /// Returns a copy with the cases for which `keep` returns true.
    pub(crate) fn only(&self, keep: impl Fn(&Case) -> bool) -> Self {
        self.having(self.cases.iter().filter(|case| keep(case)).cloned().collect())
    }

    /// A copy with these cases instead.
    fn having(&self, cases: Vec<Case>) -> Self {
        Suite {
            cases,
            requirements: self.requirements.clone(),
            seed: self.seed,
            observed: self.observed.clone(),
            unobserved: self.unobserved.clone(),
            added: self.added,
        }
    }

    /// Every case, in the order of the documents.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Every case, to be changed.
    pub(crate) fn cases_mut(&mut self) -> &mut [Case] {
        &mut self.cases
    }

    /// The case of this id.
    pub fn case(&self, id: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// The clauses that a case cites and that one of these revisions has.
    pub(crate) fn clauses(&self, case: &Case, revisions: &[Revision]) -> Vec<&Requirement> {
        let cited = case.clauses.iter().filter_map(|id| self.requirement(id));
        cited.filter(|clause| clause.revisions.iter().any(|revision| revisions.contains(revision))).collect()
    }

    /// The clause of this id.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_suite_is_there() {
        let suite = Suite::published().unwrap();
        assert!(suite.requirement("HTTP-3.1.3.2-f").is_some());
        for case in suite.cases() {
            assert_eq!(suite.case(&case.id), Some(case));
        }
    }
}
