//! The embedded files, as text.

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The JSON Schema of the documents that [`documents`] lists.
pub const SCHEMA: &str = include_str!("../schema/vectors.schema.json");

/// Every vector document: its path below `vectors/` and its text, in the order of the paths.
///
/// ```
/// for (path, text) in cloudevents_vectors::documents() {
///     assert!(path.ends_with(".json") && text.starts_with('{'));
/// }
/// ```
pub fn documents() -> impl Iterator<Item = (&'static str, &'static str)> {
    DOCUMENTS.iter().copied()
}

/// Every file of normative clauses: its path below `requirements/` and its text, in the order of the paths.
///
/// ```
/// assert!(cloudevents_vectors::requirements().any(|(path, _)| path == "cloudevents-spec.json"));
/// ```
pub fn requirements() -> impl Iterator<Item = (&'static str, &'static str)> {
    REQUIREMENTS.iter().copied()
}

/// Every sample event: its path below `samples/` and its text, in the order of the paths.
///
/// ```
/// for (path, text) in cloudevents_vectors::samples() {
///     println!("{path}: {} bytes", text.len());
/// }
/// ```
pub fn samples() -> impl Iterator<Item = (&'static str, &'static str)> {
    SAMPLES.iter().copied()
}
