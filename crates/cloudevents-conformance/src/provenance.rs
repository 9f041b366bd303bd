//! The conditions of a result.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::Implementation;
use crate::echo::PRODUCER;

/// The conditions that a result depends on. Readers need them to judge the result and to repeat the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provenance {
    /// The implementation under test.
    pub implementation: Implementation,
    /// The version of this harness.
    pub suite: String,
    /// The version of the published vectors.
    pub vectors: String,
    /// When the run began, in UTC: `2026-11-22T17:04:03Z`.
    pub date: String,
    /// The revisions of the specification by which the implementation is judged.
    pub revisions: Vec<String>,
    /// The profile: `base`, or the names of others, such as `should+strict`.
    pub profile: String,
    /// The packs that were selected, each with its version, such as `core 0.1.0`; empty if all were.
    pub packs: Vec<String>,
    /// Whether the cases of working drafts were selected.
    pub drafts: bool,
    /// The selection by patterns, areas, clauses and parts, and the additions, each in words, such as `without kafka/**`.
    ///
    /// Empty for the whole suite without additions.
    pub selection: Vec<String>,
    /// The seed by which the cases vary; `None` if they are as published.
    pub seed: Option<u64>,
    /// The implementation that was tested as it runs, such as `a consumer over kafka`. `None` for a testee that answers requests.
    pub observed: Option<String>,
}

impl Provenance {
    /// The revisions, the profile, the version of the vectors and the other conditions of the result, in one line.
    ///
    /// ```
    /// use cloudevents_conformance::Provenance;
    ///
    /// let mut run = Provenance::default();
    /// run.revisions.push("1.0.2".to_owned());
    /// (run.profile, run.vectors, run.seed) = ("base".to_owned(), "0.1.0".to_owned(), Some(7));
    /// assert_eq!(run.conditions(), "1.0.2, base, vectors 0.1.0, names and order by seed 7");
    /// run.selection = vec!["without kafka/**".to_owned(), "without amqp/**".to_owned(), "part 2 of 4".to_owned()];
    /// run.seed = None;
    /// assert_eq!(run.conditions(), "1.0.2, base, without 2 patterns, part 2 of 4, vectors 0.1.0, as published");
    /// ```
    pub fn conditions(&self) -> String {
        let mut text = format!("{}, {}", self.revisions.join(" and "), self.profile);
        if let Some(observed) = &self.observed {
            text += &format!(", {observed}");
        }
        if !self.packs.is_empty() {
            text += &format!(", {}", self.packs.join(" and "));
        } else if self.drafts {
            text += ", with drafts";
        }
        for part in self.selected() {
            text += &format!(", {part}");
        }
        text += &format!(", vectors {}", self.vectors);
        match (self.seed, &self.observed) {
            (Some(seed), _) => text += &format!(", names and order by seed {seed}"),
            // A producer is given the events that it has to write.
            (None, Some(observed)) if observed.starts_with(PRODUCER) => (),
            (None, _) => text += ", as published",
        }
        text
    }

    /// The selection in short. Several entries of a sort are counted.
    fn selected(&self) -> Vec<String> {
        let mut parts = Vec::new();
        for (sort, what) in [
            ("only", "patterns"),
            ("in", "areas"),
            ("citing", "clauses"),
            ("without", "patterns"),
            ("part", ""),
            ("with", ""),
        ] {
            let of_sort = |words: &&String| words.split(' ').next() == Some(sort);
            let words: Vec<_> = self.selection.iter().filter(of_sort).collect();
            match words.as_slice() {
                [] => (),
                [one] => parts.push((*one).clone()),
                several => parts.push(format!("{sort} {} {what}", several.len())),
            }
        }
        parts
    }

    /// Names and values, as reports write them. Unknown values are left out.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let who = &self.implementation;
        let rows = [
            ("implementation", format!("{} {} ({})", who.name, who.version, who.language)),
            ("adapter", who.adapter.clone().unwrap_or_default()),
            ("observed", self.observed.clone().unwrap_or_default()),
            ("revisions", self.revisions.join(" and ")),
            ("profile", self.profile.clone()),
            ("packs", self.packs.join(" and ")),
            ("drafts", if self.drafts { "yes" } else { "no" }.to_owned()),
            ("selection", self.selection.join(", ")),
            ("vectors", self.vectors.clone()),
            ("suite", self.suite.clone()),
            (
                "seed",
                self.seed.map(|seed| seed.to_string()).unwrap_or_else(|| "none, as published".to_owned()),
            ),
            ("date", self.date.clone()),
        ];
        rows.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// As members of a record.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let who = &self.implementation;
        let members = [
            (
                "implementation",
                json!({"name": who.name, "version": who.version, "language": who.language, "adapter": who.adapter}),
            ),
            ("suite", json!(self.suite)),
            ("vectors", json!(self.vectors)),
            ("date", json!(self.date)),
            ("revisions", json!(self.revisions)),
            ("profile", json!(self.profile)),
            ("packs", json!(self.packs)),
            ("drafts", json!(self.drafts)),
            ("selection", json!(self.selection)),
            ("seed", json!(self.seed)),
            ("observed", json!(self.observed)),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Reads the record that [`members`](Self::members) wrote. Missing members are empty.
    pub(crate) fn of_members(record: &Value) -> Self {
        let at = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let who = |name: &str| record.get("implementation")?.get(name)?.as_str().map(str::to_owned);
        let list = |name: &str| -> Vec<String> {
            let items = record.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Provenance {
            implementation: Implementation {
                name: who("name").unwrap_or_default(),
                version: who("version").unwrap_or_default(),
                language: who("language").unwrap_or_default(),
                adapter: who("adapter"),
            },
            suite: at("suite"),
            vectors: at("vectors"),
            date: at("date"),
            revisions: list("revisions"),
            profile: at("profile"),
            packs: list("packs"),
            drafts: record.get("drafts").and_then(Value::as_bool).unwrap_or_default(),
            selection: list("selection"),
            seed: record.get("seed").and_then(Value::as_u64),
            observed: record.get("observed").and_then(Value::as_str).map(str::to_owned),
        }
    }
}

/// The present time in UTC, to the second.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date_of(i64::try_from(since.as_secs()).unwrap_or_default())
}

/// Seconds since 1970 as a date and time.
fn date_of(seconds: i64) -> String {
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= if leap(year) { 366 } else { 365 } {
        days -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_522_949_460, "2018-04-05T17:31:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(date_of(seconds), date);
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let run = Provenance {
            implementation: Implementation { adapter: Some("2".into()), ..Implementation::default() },
            revisions: vec!["main".into()],
            profile: "strict".into(),
            packs: vec!["drafts 2".into()],
            drafts: true,
            selection: vec!["without kafka/**".into()],
            seed: Some(u64::MAX),
            observed: Some("a consumer over kafka".into()),
            ..Provenance::default()
        };
        assert_eq!(Provenance::of_members(&Value::Object(run.members())), run);
    }
}
