//! The list of cases that are known to fail.

use std::error::Error;
use std::fmt;

use cloudevents_vectors::Case;

use crate::{Pattern, Suite};

/// The list of cases that are known to fail, so that a suite can be adopted before everything passes.
///
/// Each line has one [`Pattern`], followed by ` # ` and a reason, which is required. A pattern is there once. Empty lines and lines that
/// begin with `#` are ignored, and so is a byte order mark.
///
/// A stale list fails the run: one with a case that passes now in a run that judges it, or with a pattern that matches no case of the
/// suite.
///
/// ```
/// use cloudevents_conformance::KnownFailing;
///
/// let list: KnownFailing = "
/// ## To be done before the next release.
/// http/header-values-decode/*  # percent-escapes are kept as they are
/// "
/// .parse()?;
/// assert_eq!(list.reason("http/header-values-decode/percent"), Some("percent-escapes are kept as they are"));
/// # Ok::<(), cloudevents_conformance::InvalidKnownFailing>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailing(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    pattern: Pattern,
    reason: String,
    line: usize,
}

impl KnownFailing {
    /// Returns the reason why the case with this id is known to fail, from the first entry that matches it.
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.0.iter().find(|entry| entry.pattern.matches(id)).map(|entry| entry.reason.as_str())
    }

    /// A list, brought up to date with a run: cases that fail and are not listed are added with their cause. Comments and reasons stay,
    /// and of the entries:
    ///
    /// | the cases of the entry | the entry |
    /// |---|---|
    /// | are judged, and pass | goes, and is [reported](Updated::passing) |
    /// | are judged, and some pass | is replaced by those that fail, and is [reported](Updated::passing) |
    /// | did not run, or the profile of the run does not judge them | stays: other runs judge them |
    /// | are disputed, so that no profile judges them | stays, and is [reported](Updated::disputed) |
    /// | do not exist | goes, and is [reported](Updated::gone). One of official material stays where that is not part of the suite |
    ///
    /// `ran` has the id of each case that ran and was judged, and the cause of its failure, if it failed.
    pub fn updated(
        text: &str,
        suite: &Suite,
        ran: &[(String, Option<String>)],
    ) -> Result<Updated, InvalidKnownFailing> {
        let list: KnownFailing = text.parse()?;
        let mut lines: Vec<String> = without_mark(text).lines().map(str::to_owned).collect();
        let (mut added, mut passing) = (0_usize, Vec::new());
        let gone = list.gone(suite);
        for entry in list.0.iter().rev() {
            // An entry owns only the cases that it is the first to match.
            let own = |id: &str| {
                list.0
                    .iter()
                    .find(|other| other.pattern.matches(id))
                    .is_some_and(|first| first.line == entry.line)
            };
            let mine: Vec<_> = ran.iter().filter(|(id, _)| own(id)).collect();
            let failing: Vec<_> = mine.iter().filter(|(_, cause)| cause.is_some()).collect();
            if failing.len() < mine.len() {
                passing.push(entry.pattern.clone());
            }
            if failing.len() < mine.len() || gone.iter().any(|(line, _)| *line == entry.line) {
                let kept = failing.iter().map(|(id, _)| format!("{id}  # {}", entry.reason));
                let index = entry.line.saturating_sub(1);
                if index < lines.len() {
                    lines.splice(index..=index, kept);
                }
            }
        }
        for (id, cause) in ran {
            if let (Some(cause), None) = (cause, list.reason(id)) {
                // The cause goes on one line, even if the testee wrote several.
                added = added.saturating_add(1);
                let cause: Vec<&str> = cause.split_whitespace().collect();
                lines.push(format!("{id}  # {}", cause.join(" ")));
            }
        }
        let text = lines.into_iter().map(|line| line + "\n").collect();
        let gone = gone.into_iter().map(|(_, pattern)| pattern).collect();
        passing.reverse();
        Ok(Updated { text, added, passing, gone, disputed: list.disputed(suite) })
    }

    /// The entries whose cases do not exist any more. Without the official material, its cases are not known.
    fn gone(&self, suite: &Suite) -> Vec<(usize, Pattern)> {
        let is_official = |id: &str| id.starts_with("official/");
        let has_official = suite.cases().iter().any(|case| is_official(&case.id));
        let unmatched = self.unmatched(suite).into_iter();
        unmatched.filter(|(_, pattern)| has_official || !is_official(pattern.as_str())).collect()
    }

    /// The entries of which every case is disputed.
    fn disputed(&self, suite: &Suite) -> Vec<Pattern> {
        let is_disputed = |entry: &&Entry| {
            let mut cases = suite.cases().iter().filter(|case| entry.pattern.matches(&case.id)).peekable();
            cases.peek().is_some() && cases.all(|case| case.disputed.is_some())
        };
        self.0.iter().filter(is_disputed).map(|entry| entry.pattern.clone()).collect()
    }

    /// The entries that match no case of the suite, selected or not, with their lines.
    pub(crate) fn unmatched(&self, suite: &Suite) -> Vec<(usize, Pattern)> {
        let stands_for_none =
            |entry: &&Entry| !suite.cases().iter().any(|case: &Case| entry.pattern.matches(&case.id));
        self.0.iter().filter(stands_for_none).map(|entry| (entry.line, entry.pattern.clone())).collect()
    }
}

/// A list that was brought up to date, and the facts about the update that a person may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The text of the list.
    pub text: String,
    /// How many cases were added.
    pub added: usize,
    /// The patterns of entries with cases that pass. Such an entry was removed, or replaced by patterns of its cases that fail.
    pub passing: Vec<Pattern>,
    /// The patterns of entries that went because they match no case of the suite.
    pub gone: Vec<Pattern>,
    /// The patterns of entries that have no effect, because no profile judges their cases while these are disputed.
    pub disputed: Vec<Pattern>,
}

impl std::str::FromStr for KnownFailing {
    type Err = InvalidKnownFailing;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lines = without_mark(text).lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let mut entries: Vec<Entry> = Vec::new();
        for (number, line) in lines {
            let new = entry(number, line)?;
            if let Some(first) = entries.iter().find(|entry| entry.pattern == new.pattern) {
                let fault =
                    format!("{} stands in line {}, too: remove one of the two", new.pattern, first.line);
                return Err(InvalidKnownFailing { line: number, fault });
            }
            entries.push(new);
        }
        Ok(KnownFailing(entries))
    }
}

/// The text without the byte order mark that some editors write.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn entry(line: usize, text: &str) -> Result<Entry, InvalidKnownFailing> {
    let invalid = |fault: String| InvalidKnownFailing { line, fault };
    let (pattern, reason) =
        text.split_once('#').map_or((text, ""), |(pattern, reason)| (pattern, reason.trim()));
    let pattern = pattern.trim_end().parse().map_err(|error| invalid(format!("{error}")))?;
    if reason.is_empty() {
        return Err(invalid(format!("{pattern} has no reason; write it behind the pattern: ` # reason`")));
    }
    Ok(Entry { pattern, reason: reason.to_owned(), line })
}

/// The error for a text that is not a list of known failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKnownFailing {
    line: usize,
    fault: String,
}

impl InvalidKnownFailing {
    /// The number of the line at fault, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for InvalidKnownFailing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl Error for InvalidKnownFailing {}

#[cfg(test)]
mod tests {
    use cloudevents_vectors::Document;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_first_entry_gives_the_reason() {
        let list: KnownFailing = "# all\n\n  a/b/c # one # two\r\na/** #three\n".parse().unwrap();
        assert_eq!(list.reason("a/b/c"), Some("one # two"));
        assert_eq!(list.reason("a/b/d"), Some("three"));
        assert_eq!(list.reason("b/b/c"), None);
    }

    #[test]
    fn a_reason_is_mandatory() {
        for text in ["a/b/c", "a/b/c #", "a/b/c #  "] {
            let error = format!("# comment\n{text}").parse::<KnownFailing>().unwrap_err();
            assert_eq!(error.line(), 2);
            assert!(error.to_string().starts_with("line 2: a/b/c has no reason"), "{error}");
        }
    }

    #[test]
    fn a_pattern_is_there_once() {
        let error = "a/b/c # one\na/** # two\na/b/c # three".parse::<KnownFailing>().unwrap_err();
        assert_eq!(error.to_string(), "line 3: a/b/c stands in line 1, too: remove one of the two");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_pattern() {
        let text = "\u{feff}a/b/c  # one\n";
        assert_eq!(text.parse::<KnownFailing>().unwrap().reason("a/b/c"), Some("one"));
        let updated = updated(text, &suite(&["a/b/c"]), &[("a/b/c", Some("late"))]);
        assert_eq!(updated.text, "a/b/c  # one\n");
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        assert!("a b # reason".parse::<KnownFailing>().is_err());
        assert!("a//b # reason".parse::<KnownFailing>().is_err());
    }

    /// A suite of cases with these ids. Those that end with `disputed` are.
    fn suite(ids: &[&str]) -> Suite {
        let cases: Vec<Value> = ids
            .iter()
            .map(|id| {
                let mut case = json!({"id": id, "title": "t", "clauses": ["A-1-a"], "level": "MUST", "revisions": ["main"],
                    "request": {"op": "decode"}, "expect": [{"error": {}}]});
                if id.ends_with("disputed") {
                    case["disputed"] = "why".into();
                }
                case
            })
            .collect();
        let document = json!({"area": "a", "topic": "t", "title": "t", "cases": cases});
        Suite::new([Document::parse(&document.to_string()).unwrap()], [])
    }

    fn updated(text: &str, suite: &Suite, ran: &[(&str, Option<&str>)]) -> Updated {
        let ran: Vec<_> =
            ran.iter().map(|(id, cause)| ((*id).to_owned(), cause.map(str::to_owned))).collect();
        KnownFailing::updated(text, suite, &ran).unwrap()
    }

    #[test]
    fn a_list_is_brought_up_to_date() {
        let text = "# comment\na/b/c  # one\na/x/*  # two\nother/**  # not run\n";
        let suite = suite(&["a/b/c", "a/x/1", "a/x/2", "a/y/1", "other/b/c"]);
        let ran =
            [("a/b/c", None), ("a/x/1", Some("late")), ("a/x/2", None), ("a/y/1", Some("new\r\n cause"))];
        let updated = updated(text, &suite, &ran);
        assert_eq!(updated.text, "# comment\na/x/1  # two\nother/**  # not run\na/y/1  # new cause\n");
        assert_eq!((updated.added, updated.gone.len(), updated.disputed.len()), (1, 0, 0));
        assert_eq!(updated.passing.iter().map(Pattern::as_str).collect::<Vec<_>>(), ["a/b/c", "a/x/*"]);
    }

    #[test]
    fn entries_of_cases_that_do_not_exist_go() {
        let text = "a/b/gone  # one\n# comment\na/b/c  # two\na/old/*  # three\nofficial/**  # four\n";
        let without = updated(text, &suite(&["a/b/c"]), &[("a/b/c", Some("late"))]);
        assert_eq!(without.text, "# comment\na/b/c  # two\nofficial/**  # four\n");
        assert_eq!(without.gone.iter().map(Pattern::as_str).collect::<Vec<_>>(), ["a/b/gone", "a/old/*"]);
        // Where the official material is part of the suite, its cases are known.
        let with = |id| updated("official/old/*  # four\n", &suite(&[id]), &[]).text;
        assert_eq!(
            (with("official/new/1"), with("official/old/1")),
            (String::new(), "official/old/*  # four\n".into())
        );
    }

    #[test]
    fn entries_that_no_profile_judges_are_reported() {
        let suite = suite(&["a/b/c", "a/b/disputed", "a/x/disputed"]);
        let updated = updated("a/b/*  # one\na/x/*  # two\n", &suite, &[]);
        assert_eq!(updated.text, "a/b/*  # one\na/x/*  # two\n");
        assert_eq!(updated.disputed.iter().map(Pattern::as_str).collect::<Vec<_>>(), ["a/x/*"]);
    }

    #[test]
    fn entries_that_stand_for_nothing_are_known() {
        let list: KnownFailing = "\nnothing/* # reason".parse().unwrap();
        let [(line, pattern)] = list.unmatched(&Suite::new([], [])).try_into().unwrap();
        assert_eq!((line, pattern.as_str()), (2, "nothing/*"));
    }
}
