//! The names of runs and areas in reports of several runs.

use std::collections::{BTreeMap, BTreeSet};

use super::record::RunRecord;

/// The runs in the order of their names.
pub(super) fn sorted(runs: &[RunRecord]) -> Vec<&RunRecord> {
    let mut runs: Vec<_> = runs.iter().collect();
    runs.sort_by_key(|run| {
        let who = &run.provenance.implementation;
        (who.name.to_lowercase(), who.version.clone(), run.provenance.date.clone())
    });
    runs
}

/// A title for each run.
///
/// If an implementation and version has several runs, their titles end with the conditions that differ between them, such as the profile.
/// Runs with equal conditions have a number.
pub(super) fn titles(runs: &[&RunRecord]) -> Vec<String> {
    let mut same: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        same.entry(run.title()).or_default().push(index);
    }
    let mut titles: Vec<_> = runs.iter().map(|run| run.title()).collect();
    for indices in same.into_values().filter(|indices| indices.len() > 1) {
        let rows: Vec<BTreeMap<_, _>> = indices
            .iter()
            .filter_map(|index| runs.get(*index))
            .map(|run| run.provenance.rows().into_iter().collect())
            .collect();
        let differs = |name: &str| rows.iter().map(|row| row.get(name)).collect::<BTreeSet<_>>().len() > 1;
        let parts = [
            "revisions",
            "profile",
            "packs",
            "drafts",
            "selection",
            "observed",
            "adapter",
            "vectors",
            "suite",
            "seed",
        ];
        let mut parts: Vec<_> = parts.into_iter().filter(|name| differs(name)).collect();
        if parts.is_empty() && differs("date") {
            parts.push("date");
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (index, row) in indices.into_iter().zip(&rows) {
            let Some(title) = titles.get_mut(index) else { continue };
            let value = |name: &&str| format!("{name} {}", row.get(name).map_or("-", String::as_str));
            let words: Vec<_> = parts.iter().map(value).collect();
            if !words.is_empty() {
                *title += &format!(" ({})", words.join(", "));
            }
            let number = seen.entry(title.clone()).or_default();
            *number = number.saturating_add(1);
            if *number > 1 {
                *title += &format!(" ({number})");
            }
        }
    }
    titles
}

/// A name for the fragment of an address, for each of these titles.
pub(super) fn anchors(titles: &[String]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut anchor = |title: &String| {
        let kept =
            title.chars().map(|c| if c.is_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' });
        let slug: String =
            kept.collect::<String>().split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let mut unique = slug.clone();
        let mut number = 1_usize;
        while !taken.insert(unique.clone()) {
            number = number.saturating_add(1);
            unique = format!("{slug}-{number}");
        }
        unique
    };
    titles.iter().map(&mut anchor).collect()
}

/// The name of an area, with the kind of its document unless this is a released document of CloudEvents.
pub(super) fn marked(area: &str, is_draft: bool) -> String {
    let mut of_area = cloudevents_vectors::carriers().iter().filter(|carrier| carrier.area() == area);
    let publisher = of_area.find_map(|carrier| carrier.publisher.as_deref());
    match (publisher, is_draft) {
        (Some(publisher), true) => format!("{area} ({publisher}, draft)"),
        (Some(publisher), false) => format!("{area} ({publisher})"),
        (None, true) => format!("{area} (draft)"),
        (None, false) => area.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(version: &str, more: &str) -> RunRecord {
        RunRecord::parse(&format!(
            r#"{{"type":"start","implementation":{{"name":"N","version":"{version}","language":"L"}}{more}}}"#
        ))
        .unwrap()
    }

    fn of(runs: &[RunRecord]) -> Vec<String> {
        titles(&runs.iter().collect::<Vec<_>>())
    }

    #[test]
    fn runs_of_one_version_are_named_by_what_differs() {
        let strict = || run("1", r#","profile":"strict","date":"2026-01-02T00:00:00Z""#);
        let base = run("1", r#","profile":"base","date":"2026-01-01T00:00:00Z""#);
        assert_eq!(of(&[base.clone(), run("2", "")]), ["N 1", "N 2"]);
        assert_eq!(of(&[base.clone(), strict()]), ["N 1 (profile base)", "N 1 (profile strict)"]);
        let later = run("1", r#","profile":"base","date":"2026-01-03T00:00:00Z""#);
        assert_eq!(
            of(&[base.clone(), later]),
            ["N 1 (date 2026-01-01T00:00:00Z)", "N 1 (date 2026-01-03T00:00:00Z)"]
        );
        assert_eq!(of(&[base.clone(), base]), ["N 1", "N 1 (2)"]);
    }

    #[test]
    fn anchors_are_words_and_differ() {
        let titles = ["A b <1.0> (2)", "A b 1.0 2", "é"].map(str::to_owned);
        assert_eq!(anchors(&titles), ["a-b-1.0-2", "a-b-1.0-2-2", "é"]);
    }
}
