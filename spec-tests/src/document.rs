//! A document of cases.

use serde::Deserialize;

use crate::{Case, InvalidData, documents};

/// A document: the cases of one topic.
///
/// ```
/// let document = cloudevents_vectors::Document::parse(r#"{
///   "area": "json", "topic": "decode", "title": "Reading JSON", "cases": []
/// }"#)?;
/// assert_eq!(document.area, "json");
/// # Ok::<(), cloudevents_vectors::InvalidData>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Document {
    /// The first component of the ids of the cases.
    pub area: String,
    /// The second component of the ids of the cases.
    pub topic: String,
    /// What the cases have in common.
    pub title: String,
    /// The cases.
    pub cases: Vec<Case>,
}

impl Document {
    /// Parses a document that is not embedded in this crate.
    pub fn parse(text: &str) -> Result<Self, InvalidData> {
        serde_json::from_str(text).map_err(|error| InvalidData::new(&error))
    }
}

/// Reads every embedded document.
///
/// ```
/// for document in cloudevents_vectors::load_documents()? {
///     println!("{}/{}: {} cases", document.area, document.topic, document.cases.len());
/// }
/// # Ok::<(), cloudevents_vectors::InvalidData>(())
/// ```
pub fn load_documents() -> Result<Vec<Document>, InvalidData> {
    documents().map(|(path, text)| Document::parse(text).map_err(|error| error.at(path))).collect()
}
