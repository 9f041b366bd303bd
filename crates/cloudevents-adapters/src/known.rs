//! The adapters that are known.

use crate::{Adapter, place};
use std::sync::LazyLock;

static ADAPTERS: LazyLock<Vec<Adapter>> = LazyLock::new(|| {
    // A test reads it.
    serde_json::from_str(include_str!("adapters.json")).unwrap_or_default()
});

/// The adapters that are known, by their names.
///
/// ```
/// assert!(cloudevents_adapters::adapters().iter().any(|adapter| adapter.name() == "aws-s3"));
/// ```
pub fn adapters() -> &'static [Adapter] {
    &ADAPTERS
}

/// The adapter of this name.
pub fn find(name: &str) -> Option<&'static Adapter> {
    adapters().iter().find(|adapter| adapter.name() == name)
}

/// The adapter that a document is for, by its members. `None` for events and what is not known.
///
/// ```
/// let document = br#"{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "orders"}}}]}"#;
/// assert_eq!(cloudevents_adapters::recognize(document).unwrap().name(), "aws-s3");
/// assert!(cloudevents_adapters::recognize(br#"{"specversion": "1.0"}"#).is_none());
/// ```
pub fn recognize(document: &[u8]) -> Option<&'static Adapter> {
    let is_current = || {
        let version = std::str::from_utf8(document).ok().and_then(|text| place::text(text, "specversion"));
        matches!(version.as_deref(), Some("1.0" | "0.3"))
    };
    adapters().iter().find(|adapter| adapter.fits(document)).filter(|_| !is_current())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_and_named_once() {
        let all: Vec<Adapter> = serde_json::from_str(include_str!("adapters.json")).unwrap();
        let mut names: Vec<_> = all.iter().map(Adapter::name).collect();
        assert!(names.is_sorted() && names.len() > 5, "{names:?}");
        names.dedup();
        assert_eq!(names.len(), adapters().len());
        assert!(all.iter().all(|adapter| adapter.reference().starts_with("https://")));
    }
}
