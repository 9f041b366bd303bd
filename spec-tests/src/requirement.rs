//! The normative clauses of the specification.

use serde::{Deserialize, Serialize};

use crate::{InvalidData, Keyword, Revision, requirements};

/// A normative clause of a specification document, in this project's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Requirement {
    /// The id that cases cite.
    pub id: String,
    /// The path of the document in the specification's repository.
    pub document: String,
    /// The number or the name of the section.
    pub section: String,
    /// The title of the section.
    pub title: String,
    /// The keyword of the clause.
    pub level: Keyword,
    /// The role that the clause binds.
    pub role: Role,
    /// What the clause requires.
    pub requirement: String,
    /// Where an implementation can be seen to follow the clause.
    pub testable: Testable,
    /// The revisions of the specification that have the clause.
    #[serde(default = "every_revision", skip_serializing_if = "is_every_revision")]
    pub revisions: Vec<Revision>,
    /// Why a clause that can be seen on the wire has no case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
}

fn every_revision() -> Vec<Revision> {
    vec![Revision::V1_0_2, Revision::Main]
}

fn is_every_revision(revisions: &[Revision]) -> bool {
    revisions == [Revision::V1_0_2, Revision::Main]
}

/// The role that a clause binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Those who create events.
    Producer,
    /// Those who receive events.
    Consumer,
    /// Producers and consumers.
    Both,
    /// Those who send messages.
    Sender,
    /// Those who answer requests.
    Server,
    /// Those who forward events.
    Intermediary,
    /// Those who evaluate expressions.
    Evaluator,
}

/// Where an implementation can be seen to follow a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Testable {
    /// In the bytes it writes, and in what it makes of bytes: a case can prove it.
    Wire,
    /// In what its programming interface offers.
    Api,
    /// In what it does over time.
    Behaviour,
    /// Nowhere: the clause binds people or other documents.
    No,
}

/// Reads every embedded requirement.
///
/// ```
/// let requirements = cloudevents_vectors::load_requirements()?;
/// assert!(requirements.iter().any(|requirement| requirement.id == "HTTP-3.1.3.2-f"));
/// # Ok::<(), cloudevents_vectors::InvalidData>(())
/// ```
pub fn load_requirements() -> Result<Vec<Requirement>, InvalidData> {
    let mut all = Vec::new();
    for (path, text) in requirements() {
        let file: Vec<Requirement> =
            serde_json::from_str(text).map_err(|error| InvalidData::new(&error).at(path))?;
        all.extend(file);
    }
    Ok(all)
}
