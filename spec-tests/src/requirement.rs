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

impl Requirement {
    /// The address of the section in the text of a revision. Documents that release 1.0.2 does not have are those of `main`.
    ///
    /// ```
    /// use cloudevents_vectors::{Revision, load_requirements};
    ///
    /// let requirements = load_requirements()?;
    /// let clause = requirements.iter().find(|requirement| requirement.id == "HTTP-3.1.3.2-f").expect("a clause");
    /// assert_eq!(
    ///     clause.link(Revision::V1_0_2),
    ///     "https://github.com/cloudevents/spec/blob/ce@v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values"
    /// );
    /// # Ok::<(), cloudevents_vectors::InvalidData>(())
    /// ```
    pub fn link(&self, revision: Revision) -> String {
        let document = &self.document;
        if let Some((repository, path)) = of_others(document) {
            return format!("https://github.com/{repository}/blob/main/{path}");
        }
        let of_release = revision == Revision::V1_0_2 && self.revisions.contains(&revision);
        let tag = match document.split_once('/') {
            Some(("cesql", _)) if of_release => "cesql@v1.0.0",
            Some(("cloudevents", path)) if of_release && is_released(path) => "ce@v1.0.2",
            _ => "main",
        };
        let mut link = format!("https://github.com/cloudevents/spec/blob/{tag}/{document}");
        if !NO_HEADING.iter().any(|(tags, start)| tags.contains(&tag) && self.id.starts_with(start)) {
            link.push('#');
            link += &fragment(&self.section, &self.title);
        }
        link
    }
}

/// The repository and the path in it, of a document that others publish: one in none of the folders of the specification's repository.
fn of_others(document: &str) -> Option<(&str, &str)> {
    let (folder, rest) = document.split_once('/')?;
    let (name, path) = rest.split_once('/')?;
    let repository = document.get(..folder.len() + 1 + name.len())?;
    (!["cesql", "cloudevents", "subscriptions"].contains(&folder)).then_some((repository, path))
}

/// Whether release 1.0.2 has this document.
fn is_released(path: &str) -> bool {
    let extensions = ["dataref", "distributed-tracing", "partitioning", "sampledrate", "sequence"];
    match path.split_once('/') {
        Some(("extensions", name)) => name.strip_suffix(".md").is_some_and(|name| extensions.contains(&name)),
        Some(("working-drafts", _)) => false,
        _ => true,
    }
}

/// Clauses whose sections have no heading of their own in the texts of these tags.
const NO_HEADING: &[(&[&str], &str)] = &[
    (&["main"], "BAM-"),
    (&["main"], "OPCUA-"),
    (&["main"], "VERIFY-Notes-"),
    (&["main"], "SUBS-"),
    (&["main", "ce@v1.0.2"], "DATAREF-Intro-"),
    (&["ce@v1.0.2"], "NATS-3.2-"),
    (&["ce@v1.0.2"], "CE-Naming-"),
];

/// The fragment that GitHub gives a heading.
fn fragment(section: &str, title: &str) -> String {
    let is_number = section.chars().all(|c| c.is_ascii_digit() || c == '.');
    // What follows in brackets tells sections of one title apart, and is not in the text.
    let title = title.split(" (").next().unwrap_or_default();
    let heading = if is_number { format!("{section} {title}") } else { title.to_owned() };
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
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
