//! Which clauses have a case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{Document, Level, Requirement, Testable, carriers};

/// Which of the clauses that can be seen on the wire have a case that can fail by them.
///
/// ```
/// use cloudevents_vectors::{Coverage, load_documents, load_requirements};
///
/// let coverage = Coverage::of(&load_documents()?, &load_requirements()?);
/// println!("{coverage}");
/// # Ok::<(), cloudevents_vectors::InvalidData>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// The coverage of each document of the specification that has clauses to be seen on the wire.
    pub documents: Vec<DocumentCoverage>,
}

/// Which clauses of one document of the specification have a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocumentCoverage {
    /// The path of the document in the specification's repository.
    pub document: String,
    /// Whether the area of the document has vectors.
    pub has_vectors: bool,
    /// The count of MUST and MUST NOT clauses.
    pub musts: Tally,
    /// The count of SHOULD and SHOULD NOT clauses.
    pub shoulds: Tally,
    /// The ids of MUST and SHOULD clauses with neither a case nor a waiver.
    pub missing: Vec<String>,
    /// The ids of clauses of any level with both a case and a waiver. Such a waiver must be removed.
    pub stale_waivers: Vec<String>,
}

/// A count of clauses that can be seen on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// All of them.
    pub clauses: usize,
    /// Those with at least one case that can fail by them.
    pub proven: usize,
    /// Those with a waiver and no case.
    pub waived: usize,
}

impl Coverage {
    /// Compares the clauses that the cases of the documents cite with the requirements.
    ///
    /// A case of any area counts for the clauses it cites, where it can fail by them. A case of a weaker level than the clause, or one that
    /// is disputed, fails no run for it. A document of the specification has vectors when its area (see [`specification_documents`]) is the
    /// area of at least one of the vector documents.
    pub fn of(documents: &[Document], requirements: &[Requirement]) -> Self {
        let levels: BTreeMap<&str, Level> =
            requirements.iter().map(|one| (one.id.as_str(), one.level.level())).collect();
        let mut proven: BTreeSet<&str> = BTreeSet::new();
        let mut covered: BTreeSet<&str> = BTreeSet::new();
        for document in documents {
            covered.extend(specification_documents(&document.area));
            for case in document.cases.iter().filter(|case| case.disputed.is_none()) {
                let clauses = case.clauses.iter().map(String::as_str);
                proven.extend(clauses.filter(|id| levels.get(id).is_none_or(|level| case.level >= *level)));
            }
        }
        let mut rows: BTreeMap<&str, DocumentCoverage> = BTreeMap::new();
        for requirement in requirements {
            let name = requirement.document.as_str();
            if requirement.testable == Testable::Wire {
                rows.entry(name)
                    .or_insert_with(|| DocumentCoverage::new(name, covered.contains(name)))
                    .add(requirement, proven.contains(requirement.id.as_str()));
            }
        }
        Coverage { documents: rows.into_values().collect() }
    }

    /// The ids of MUST and SHOULD clauses with neither a case nor a waiver.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().flat_map(|document| &document.missing).map(String::as_str)
    }

    /// The ids of clauses with both a case and a waiver. Such a waiver must be removed.
    pub fn stale_waivers(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().flat_map(|document| &document.stale_waivers).map(String::as_str)
    }
}

impl DocumentCoverage {
    fn new(document: &str, has_vectors: bool) -> Self {
        DocumentCoverage {
            document: document.to_owned(),
            has_vectors,
            musts: Tally::default(),
            shoulds: Tally::default(),
            missing: Vec::new(),
            stale_waivers: Vec::new(),
        }
    }

    fn add(&mut self, requirement: &Requirement, proven: bool) {
        let waived = requirement.waiver.is_some();
        if proven && waived {
            self.stale_waivers.push(requirement.id.clone());
        }
        let tally = match requirement.level.level() {
            Level::Must => &mut self.musts,
            Level::Should => &mut self.shoulds,
            Level::May => return,
        };
        tally.clauses += 1;
        match (proven, waived) {
            (true, _) => tally.proven += 1,
            (false, true) => tally.waived += 1,
            (false, false) => self.missing.push(requirement.id.clone()),
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<52} {:>22} {:>22}", "document", "MUST", "SHOULD")?;
        for row in &self.documents {
            writeln!(
                f,
                "{:<52} {:>22} {:>22}",
                row.document,
                row.musts.to_string(),
                row.shoulds.to_string()
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.proven, self.clauses)?;
        if self.waived > 0 {
            write!(f, " ({} waived)", self.waived)?;
        }
        Ok(())
    }
}

/// The documents of the specification that the cases of an area set out to cover.
///
/// An area that proves clauses of other documents only, such as one of a vendor's binding, has none.
///
/// ```
/// use cloudevents_vectors::specification_documents;
///
/// assert_eq!(specification_documents("json"), ["cloudevents/formats/json-format.md"]);
/// assert!(specification_documents("no-such-area").is_empty());
/// ```
pub fn specification_documents(area: &str) -> Vec<&'static str> {
    match area {
        "core" => vec!["cloudevents/spec.md"],
        "extensions" => EXTENSIONS.to_vec(),
        "webhook" => vec!["cloudevents/http-webhook.md"],
        "cesql" | "sql" => vec!["cesql/spec.md"],
        "subscriptions" => vec!["subscriptions/spec.md"],
        area => {
            let of_area = carriers().iter().filter(|carrier| carrier.area() == area);
            of_area.flat_map(|carrier| &carrier.documents).map(String::as_str).collect()
        }
    }
}

const EXTENSIONS: &[&str] = &[
    "cloudevents/extensions/README.md",
    "cloudevents/extensions/authcontext.md",
    "cloudevents/extensions/bam.md",
    "cloudevents/extensions/correlation.md",
    "cloudevents/extensions/data-classification.md",
    "cloudevents/extensions/dataref.md",
    "cloudevents/extensions/deprecation.md",
    "cloudevents/extensions/distributed-tracing.md",
    "cloudevents/extensions/expirytime.md",
    "cloudevents/extensions/opcua.md",
    "cloudevents/extensions/partitioning.md",
    "cloudevents/extensions/recordedtime.md",
    "cloudevents/extensions/sampledrate.md",
    "cloudevents/extensions/sequence.md",
    "cloudevents/extensions/severity.md",
    "cloudevents/extensions/verifiability.md",
];
