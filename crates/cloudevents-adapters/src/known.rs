//! The adapters that are known.

use crate::{Adapter, Headers, adapter::first, place, template::header};
use std::{collections::BTreeSet, sync::LazyLock};

static ADAPTERS: LazyLock<Vec<Adapter>> = LazyLock::new(|| {
    // A test reads both.
    let mut all: Vec<Adapter> = serde_json::from_str(include_str!("adapters.json")).unwrap_or_default();
    all.extend(serde_json::from_str::<Adapter>(include_str!("github.json")));
    all.sort_by(|one, other| one.name().cmp(other.name()));
    all
});

/// The members by which documents are recognised.
static MEMBERS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| ADAPTERS.iter().flat_map(Adapter::members).collect());

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

/// The adapter of a document, which is recognised by its members. `None` for an event, and for an unknown document.
///
/// [`Adapters::recognize_message`](crate::Adapters::recognize_message) also looks at headers.
///
/// ```
/// let document = br#"{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "orders"}}}]}"#;
/// assert_eq!(cloudevents_adapters::recognize(document).unwrap().name(), "aws-s3");
/// assert!(cloudevents_adapters::recognize(br#"{"specversion": "1.0"}"#).is_none());
/// ```
pub fn recognize(document: &[u8]) -> Option<&'static Adapter> {
    recognize_with(&[], document)
}

pub(crate) fn recognize_with(headers: Headers<'_>, document: &[u8]) -> Option<&'static Adapter> {
    let first = first(std::str::from_utf8(document).ok()?)?;
    // Most documents are none of them: they are looked at once.
    let there = place::members(first, MEMBERS.len().saturating_mul(2), |name| MEMBERS.contains(name));
    if place::is_event(first) {
        return None;
    }
    let is_there = |wanted: &str| there.iter().any(|(name, _)| name == wanted);
    let may_fit = |adapter: &&Adapter| {
        adapter.members().any(is_there) || adapter.headers().any(|name| header(headers, name).is_some())
    };
    adapters().iter().filter(may_fit).find(|adapter| adapter.mapping(first, headers).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_and_named_once() {
        let mut all: Vec<Adapter> = serde_json::from_str(include_str!("adapters.json")).unwrap();
        assert!(all.is_sorted_by_key(|adapter| adapter.name().to_owned()));
        all.push(serde_json::from_str(include_str!("github.json")).unwrap());
        let names: BTreeSet<_> = all.iter().map(Adapter::name).collect();
        assert!(names.len() == all.len() && names.iter().copied().eq(adapters().iter().map(Adapter::name)));
        assert!(all.iter().all(|adapter| adapter.reference().starts_with("https://")));
    }
}
