//! Parts of the vectors that are read, versioned and run by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::{Carrier, Case, InvalidData, Level, Revision, carriers};

/// A part of the vectors with a version of its own. Each case is in one pack: the first of these whose rule it meets, from the last to the
/// first.
///
/// ```
/// use cloudevents_vectors::{Pack, load_documents, load_packs};
///
/// let documents = load_documents()?;
/// let core = documents.iter().flat_map(|document| &document.cases).filter(|case| case.pack() == Pack::Core).count();
/// assert_eq!(load_packs()?[&Pack::Core].cases, core);
/// # Ok::<(), cloudevents_vectors::InvalidData>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Pack {
    /// What the release 1.0.2 requires of every implementation: level MUST, no flags. The base profile judges all of it.
    Core,
    /// What release 1.0.2 recommends or permits, and cases with flags, which other profiles judge.
    Recommended,
    /// What only `main` says.
    Main,
    /// Documents beside the specification of events, its formats and its bindings: CESQL, subscriptions, webhooks.
    Companions,
    /// Where the specification is silent, and requests that must be exact, of which it knows nothing.
    Policy,
    /// Lenient reading, which the specification does not know.
    Lenient,
    /// Documented extensions.
    Extensions,
    /// Working drafts.
    Drafts,
    /// The bindings of this area, whose document others publish, and not CloudEvents: that for RabbitMQ is one of Knative. Its cases are
    /// those that these bindings carry, in whatever area.
    Binding(&'static str),
}

/// What is recorded of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PackRecord {
    /// The version. It is raised by hand before a release, if the cases have changed since the last one; until then, the digest tells.
    pub version: String,
    /// The number of cases.
    pub cases: usize,
    /// The SHA-256 of the cases, as `generators/fair.py` computes it, in hexadecimal digits.
    pub sha256: String,
}

impl Pack {
    /// Every pack.
    pub fn all() -> impl Iterator<Item = Pack> {
        let own = [
            Pack::Core,
            Pack::Recommended,
            Pack::Main,
            Pack::Companions,
            Pack::Policy,
            Pack::Lenient,
            Pack::Extensions,
            Pack::Drafts,
        ];
        // Several bindings may be of one area.
        let of_others: BTreeSet<Pack> = carriers().iter().filter_map(Pack::of).collect();
        own.into_iter().chain(of_others)
    }

    /// The pack of a carrier, if it has one of its own.
    fn of(carrier: &'static Carrier) -> Option<Self> {
        carrier.publisher.is_some().then(|| Pack::Binding(carrier.area()))
    }

    /// The pack of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Pack::all().find(|pack| pack.as_str() == name)
    }

    /// The name that commands and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Pack::Core => "core",
            Pack::Recommended => "recommended",
            Pack::Main => "main",
            Pack::Companions => "companions",
            Pack::Policy => "policy",
            Pack::Lenient => "lenient",
            Pack::Extensions => "extensions",
            Pack::Drafts => "drafts",
            Pack::Binding(area) => area,
        }
    }
}

impl fmt::Display for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Case {
    /// The pack that the case is in.
    pub fn pack(&self) -> Pack {
        let area = self.id.split('/').next().unwrap_or_default();
        let is_lenient = |side: Option<&Value>| {
            side.and_then(|side| side.get("strictness")).is_some_and(|is| is == "lenient")
        };
        let lenient = self.request.get("strictness").is_some_and(|is| is == "lenient")
            || is_lenient(self.request.get("from"));
        let exact = self.request.get("exact").is_some_and(|is| is == true);
        let carried_by = |side: Option<&Value>, carrier: &Carrier| {
            side.and_then(Value::as_str).is_some_and(|via| via == carrier.name)
        };
        let via = |side: &str| self.request.get(side).and_then(|side| side.get("via"));
        let is_carried = |carrier: &Carrier| {
            [self.request.get("via"), via("from"), via("to")]
                .into_iter()
                .any(|side| carried_by(side, carrier))
        };
        let of_carrier = |carrier: &&'static Carrier| carrier.area() == area || is_carried(carrier);
        if let Some(pack) = carriers().iter().filter(of_carrier).find_map(Pack::of) {
            pack
        } else if self.draft {
            Pack::Drafts
        } else if area == "extensions" {
            Pack::Extensions
        } else if lenient {
            Pack::Lenient
        } else if self.policy || exact {
            Pack::Policy
        } else if ["cesql", "subscriptions", "webhook"].contains(&area) {
            Pack::Companions
        } else if !self.revisions.contains(&Revision::V1_0_2) {
            Pack::Main
        } else if self.level != Level::Must || !self.flags.is_empty() {
            Pack::Recommended
        } else {
            Pack::Core
        }
    }
}

/// Reads what is recorded of every pack: `packs.json`.
pub fn load_packs() -> Result<BTreeMap<Pack, PackRecord>, InvalidData> {
    let invalid = |error| InvalidData::new(&error).at("packs.json");
    let read: BTreeMap<String, PackRecord> =
        serde_json::from_str(include_str!("../packs.json")).map_err(invalid)?;
    Ok(read.into_iter().filter_map(|(name, record)| Some((Pack::from_name(&name)?, record))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_is_recorded_with_its_cases() {
        let mut counts: BTreeMap<Pack, usize> = BTreeMap::new();
        for case in crate::load_documents().unwrap().iter().flat_map(|document| &document.cases) {
            *counts.entry(case.pack()).or_default() += 1;
        }
        let recorded: BTreeMap<Pack, usize> =
            load_packs().unwrap().into_iter().map(|(pack, record)| (pack, record.cases)).collect();
        assert_eq!(recorded, counts);
        assert_eq!(counts.into_keys().collect::<Vec<_>>(), Pack::all().collect::<Vec<_>>());
    }

    #[test]
    fn names() {
        for pack in Pack::all() {
            assert_eq!(Pack::from_name(pack.as_str()), Some(pack));
        }
        assert_eq!(Pack::from_name("all"), None);
    }
}
