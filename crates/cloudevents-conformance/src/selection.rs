//! The selection of the cases of a run, and the rules that judge them.

use cloudevents_vectors::{Case, Flag, Level, Outcome, Pack, Revision};

use crate::{Pattern, Suite};

/// The selection of the cases of a run, and the rules that judge them.
///
/// The default: every case of no working draft, for a profile of MUST, by the revisions that the testee claims.
///
/// ```
/// use cloudevents_conformance::{Selection, Suite};
/// use cloudevents_conformance::vectors::{Level, Revision};
///
/// let selection = Selection::default().run("http/**".parse()?).skip("**/lenient/*".parse()?).profile(Level::Should);
/// let suite = Suite::published()?;
/// for case in selection.cases(&suite, &[Revision::V1_0_2]) {
///     println!("{:6} {}  {}", case.level, case.id, case.title);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Selection {
    run: Vec<Pattern>,
    skip: Vec<Pattern>,
    areas: Vec<String>,
    profile: Level,
    revisions: Option<Vec<Revision>>,
    drafts: bool,
    strict: bool,
    verbatim: bool,
    lenient: bool,
    clauses: Vec<String>,
    shard: Option<(usize, usize)>,
    packs: Vec<Pack>,
}

impl Default for Selection {
    fn default() -> Self {
        Selection {
            run: Vec::new(),
            skip: Vec::new(),
            areas: Vec::new(),
            profile: Level::Must,
            revisions: None,
            drafts: false,
            strict: false,
            verbatim: false,
            lenient: false,
            clauses: Vec::new(),
            shard: None,
            packs: Vec::new(),
        }
    }
}

impl Selection {
    /// Adds cases by their ids. Without any pattern, every case runs.
    pub fn run(mut self, pattern: Pattern) -> Self {
        self.run.push(pattern);
        self
    }

    /// Takes cases away by their ids.
    pub fn skip(mut self, pattern: Pattern) -> Self {
        self.skip.push(pattern);
        self
    }

    /// Adds an area. Without any, the cases of every area run.
    pub fn area(mut self, area: impl Into<String>) -> Self {
        self.areas.push(area.into());
        self
    }

    /// The weakest level that fails a run. Cases of a weaker one run too, and are warnings at most.
    pub fn profile(mut self, level: Level) -> Self {
        self.profile = level;
        self
    }

    /// Judges by this revision, and by the others set in this way. The testee's claims make no difference then.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revisions.get_or_insert_default().push(revision);
        self
    }

    /// Whether cases of working drafts run.
    pub fn drafts(mut self, drafts: bool) -> Self {
        self.drafts = drafts;
        self
    }

    /// The profile `strict`: input that breaks a rule for producers, and hostile input, must be refused as the cases say. In
    /// the base profile, a testee that accepts it gets a warning.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The profile `verbatim`: times keep their text, with the offset and every digit, and no time is added to an event without one.
    ///
    /// In the base profile, cases that need the text are warnings, times compare by the instant, and a written event may have an added
    /// time.
    pub fn verbatim(mut self, verbatim: bool) -> Self {
        self.verbatim = verbatim;
        self
    }

    /// The profile `lenient`: lenient reading repairs and reports faults as the cases state.
    ///
    /// No document requires this, so differences are warnings in the base profile.
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// Adds the cases that cite a clause. Without any, the cases of every clause run.
    pub fn clause(mut self, id: impl Into<String>) -> Self {
        self.clauses.push(id.into());
        self
    }

    /// Adds a pack. Without any, the cases of every pack run. One of working drafts needs no [`drafts`](Self::drafts).
    pub fn pack(mut self, pack: Pack) -> Self {
        self.packs.push(pack);
        self
    }

    /// Takes one part of the cases: part `index`, from 1, of `count` parts of about the same size.
    pub fn shard(mut self, index: usize, count: usize) -> Self {
        self.shard = Some((index, count));
        self
    }

    /// The selected cases for a testee that claims these revisions.
    pub fn cases<'s>(&self, suite: &'s Suite, claimed: &[Revision]) -> Vec<&'s Case> {
        let revisions = self.judged_by(claimed);
        let cases = suite.cases().iter().filter(|case| self.has(case, revisions));
        match self.shard {
            None => cases.collect(),
            Some((index, count)) => {
                let of_shard = |(number, _): &(usize, _)| {
                    number % count.max(1) == index.saturating_sub(1) % count.max(1)
                };
                cases.enumerate().filter(of_shard).map(|(_, case)| case).collect()
            }
        }
    }

    /// Whether the profile judges a case, so that failing it fails the run.
    pub(crate) fn judges(&self, case: &Case) -> bool {
        case.level >= self.profile
            && case.disputed.is_none()
            && (self.strict || !case.has_flag(Flag::ProducerRule) && !case.has_flag(Flag::Hostile))
            && (self.verbatim || !case.has_flag(Flag::Verbatim))
            && (self.lenient || !case.has_flag(Flag::Lenient))
    }

    /// The names of profiles that judge some of these cases which this profile does not judge.
    pub(crate) fn other_profiles(&self, cases: &[&Case]) -> Vec<&'static str> {
        let some = |is: &dyn Fn(&Case) -> bool| cases.iter().any(|case| case.disputed.is_none() && is(case));
        let of_level = |level| self.profile > level && some(&|case| case.level == level);
        let is_strict = |case: &Case| case.has_flag(Flag::ProducerRule) || case.has_flag(Flag::Hostile);
        let profiles = [
            ("should", of_level(Level::Should)),
            ("may", of_level(Level::May)),
            ("strict", !self.strict && some(&is_strict)),
            ("verbatim", !self.verbatim && some(&|case| case.has_flag(Flag::Verbatim))),
            ("lenient", !self.lenient && some(&|case| case.has_flag(Flag::Lenient))),
        ];
        profiles.into_iter().filter(|(_, judges)| *judges).map(|(name, _)| name).collect()
    }

    /// Why no case is selected for a testee that is judged by these revisions, if one of another revision or of a draft would be.
    pub(crate) fn why_none(&self, suite: &Suite, revisions: &[Revision]) -> Option<String> {
        let with_drafts = self.clone().drafts(true);
        let found = |selection: &Selection| {
            let mut of_all = revisions.iter().copied().chain([Revision::Main, Revision::V1_0_2]);
            of_all.find(|revision| suite.cases().iter().any(|case| selection.has(case, &[*revision])))
        };
        let revision = found(self).or_else(|| found(&with_drafts))?;
        let mut what = Vec::new();
        if !revisions.contains(&revision) {
            what.push(format!(
                "of the revision {revision} (claim it in `spec`, or use --revision {revision})"
            ));
        }
        if found(self).is_none() {
            what.push("of working drafts (use --drafts)".to_owned());
        }
        (!what.is_empty()).then(|| format!("those that match are {}", what.join(" and ")))
    }

    /// Whether the profile is `verbatim`.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.verbatim
    }

    /// Whether times compare by their text in a case.
    pub(crate) fn compares_text(&self, case: &Case) -> bool {
        self.verbatim && case.has_flag(Flag::Verbatim)
    }

    /// The revisions that were named.
    pub(crate) fn named_revisions(&self) -> Option<&[Revision]> {
        self.revisions.as_deref()
    }

    /// The revisions to judge by.
    pub(crate) fn judged_by<'a>(&'a self, claimed: &'a [Revision]) -> &'a [Revision] {
        self.revisions.as_deref().unwrap_or(claimed)
    }

    /// The patterns, areas and clauses that match nothing in the suite, most likely because they are mistyped.
    pub(crate) fn unmatched(&self, suite: &Suite) -> Vec<String> {
        let patterns = self.run.iter().chain(&self.skip);
        let patterns = patterns.filter(|pattern| !suite.cases().iter().any(|case| pattern.matches(&case.id)));
        let areas =
            self.areas.iter().filter(|area| !suite.cases().iter().any(|case| area_of(case) == area.as_str()));
        let clauses = self.clauses.iter().filter(|id| suite.requirement(id).is_none());
        patterns.map(ToString::to_string).chain(areas.cloned()).chain(clauses.cloned()).collect()
    }

    /// The number of cases that the profile judges in a run of the whole suite. Selections, of packs too, make no difference.
    pub(crate) fn all_judged(&self, suite: &Suite, revisions: &[Revision]) -> usize {
        let counts = |case: &Case| self.drafts || !case.draft || self.packs.contains(&case.pack());
        suite.whole().filter(|case| counts(case) && of(case, revisions) && self.judges(case)).count()
    }

    /// The selection by patterns, areas, clauses and parts. Empty if all cases are selected.
    ///
    /// Each is in words that begin with `only`, `in`, `citing`, `without` or `part`.
    pub(crate) fn described(&self) -> Vec<String> {
        let only = self.run.iter().map(|pattern| format!("only {pattern}"));
        let areas = self.areas.iter().map(|area| format!("in {area}"));
        let clauses = self.clauses.iter().map(|id| format!("citing {id}"));
        let without = self.skip.iter().map(|pattern| format!("without {pattern}"));
        let part = self.shard.map(|(index, count)| format!("part {index} of {count}"));
        only.chain(areas).chain(clauses).chain(without).chain(part).collect()
    }

    /// The names of the profile, joined by `+`.
    pub(crate) fn profile_name(&self) -> String {
        let level = match self.profile {
            Level::May => Some("may"),
            Level::Should => Some("should"),
            _ => None,
        };
        let flags = [(self.strict, "strict"), (self.verbatim, "verbatim"), (self.lenient, "lenient")];
        let flags = flags.into_iter().map(|(is, name)| is.then_some(name));
        let names = std::iter::once(level).chain(flags);
        let names: Vec<_> = names.flatten().collect();
        if names.is_empty() { "base".to_owned() } else { names.join("+") }
    }

    /// The packs that were named.
    pub(crate) fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// Whether cases of drafts are selected.
    pub(crate) fn has_drafts(&self) -> bool {
        self.drafts && self.packs.is_empty()
            || self.packs.iter().any(|pack| matches!(pack, Pack::Drafts | Pack::Binding(_)))
    }

    fn has(&self, case: &Case, revisions: &[Revision]) -> bool {
        (self.run.is_empty() || self.run.iter().any(|pattern| pattern.matches(&case.id)))
            && !self.skip.iter().any(|pattern| pattern.matches(&case.id))
            && (self.areas.is_empty() || self.areas.iter().any(|area| area == area_of(case)))
            && (self.clauses.is_empty() || self.clauses.iter().any(|id| case.clauses.contains(id)))
            && self.holds(case, revisions)
    }

    fn holds(&self, case: &Case, revisions: &[Revision]) -> bool {
        let named = self.packs.contains(&case.pack());
        (named || self.packs.is_empty() && (self.drafts || !case.draft)) && of(case, revisions)
    }
}

/// Whether a case is one of these revisions.
fn of(case: &Case, revisions: &[Revision]) -> bool {
    case.revisions.iter().any(|revision| revisions.contains(revision))
}

/// Whether an outcome is allowed by the revisions that a testee is judged by.
///
/// Where the two revisions conflict, main decides for a testee that claims it. A case that only the release has is
/// unaffected: it already allows the outcome of main.
pub(crate) fn allows(case: &Case, outcome: &Outcome, revisions: &[Revision]) -> bool {
    let Some(stated) = &outcome.revisions else { return true };
    if revisions.contains(&Revision::Main) && case.revisions.contains(&Revision::Main) {
        stated.contains(&Revision::Main)
    } else {
        stated.iter().any(|revision| revisions.contains(revision))
    }
}

fn area_of(case: &Case) -> &str {
    case.id.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use cloudevents_vectors::Document;
    use serde_json::{Value, json};

    use super::*;

    const BOTH: [Revision; 2] = [Revision::V1_0_2, Revision::Main];

    fn case(id: &str, revisions: &[&str], draft: bool, expect: Value) -> Value {
        json!({"id": id, "title": "t", "clauses": ["A-1-a"], "level": "MUST", "revisions": revisions, "draft": draft,
            "request": {"op": "decode"}, "expect": expect})
    }

    fn suite() -> Suite {
        let any = || json!([{"error": {}}]);
        let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [
            case("a/t/both", &["1.0.2", "main"], false, any()),
            case("a/t/main", &["main"], false, any()),
            case("a/u/release", &["1.0.2"], false, any()),
            case("b/t/draft", &["main"], true, any()),
        ]});
        Suite::new([Document::parse(&document.to_string()).unwrap()], [])
    }

    fn ids(selection: &Selection, claimed: &[Revision]) -> Vec<String> {
        selection.cases(&suite(), claimed).iter().map(|case| case.id.clone()).collect()
    }

    #[test]
    fn by_revision() {
        let all = Selection::default();
        assert_eq!(ids(&all, &BOTH), ["a/t/both", "a/t/main", "a/u/release"]);
        assert_eq!(ids(&all, &[Revision::V1_0_2]), ["a/t/both", "a/u/release"]);
        assert_eq!(ids(&all.clone().revision(Revision::Main), &[Revision::V1_0_2]), ["a/t/both", "a/t/main"]);
        assert_eq!(ids(&all, &[]), [""; 0]);
    }

    #[test]
    fn by_pattern_area_and_draft() {
        let pattern = |text: &str| text.parse().unwrap();
        assert_eq!(ids(&Selection::default().run(pattern("a/t/*")), &BOTH), ["a/t/both", "a/t/main"]);
        assert_eq!(
            ids(&Selection::default().run(pattern("a/t/*")).run(pattern("**/release")), &BOTH).len(),
            3
        );
        assert_eq!(ids(&Selection::default().skip(pattern("a/t/*")), &BOTH), ["a/u/release"]);
        assert_eq!(ids(&Selection::default().area("b"), &BOTH), [""; 0]);
        assert_eq!(ids(&Selection::default().area("b").drafts(true), &BOTH), ["b/t/draft"]);
    }

    #[test]
    fn why_nothing_is_selected() {
        let why = |selection: Selection, claimed: &[Revision]| selection.why_none(&suite(), claimed);
        let release = [Revision::V1_0_2];
        assert_eq!(
            why(Selection::default().pack(Pack::Main), &release).unwrap(),
            "those that match are of the revision main (claim it in `spec`, or use --revision main)"
        );
        assert_eq!(
            why(Selection::default().area("b"), &BOTH).unwrap(),
            "those that match are of working drafts (use --drafts)"
        );
        assert_eq!(
            why(Selection::default().area("b"), &release).unwrap(),
            "those that match are of the revision main (claim it in `spec`, or use --revision main) and of working drafts (use --drafts)"
        );
        assert_eq!(why(Selection::default().area("c"), &BOTH), None);
        assert_eq!(why(Selection::default().shard(9, 9), &BOTH), None);
    }

    #[test]
    fn by_pack() {
        assert_eq!(ids(&Selection::default().pack(Pack::Core), &BOTH), ["a/t/both", "a/u/release"]);
        assert_eq!(ids(&Selection::default().pack(Pack::Main), &BOTH), ["a/t/main"]);
        assert_eq!(ids(&Selection::default().pack(Pack::Drafts), &BOTH), ["b/t/draft"]);
        // What there is to judge does not shrink with what is selected.
        let main = Selection::default().pack(Pack::Main);
        assert_eq!((main.all_judged(&suite(), &BOTH), main.has_drafts()), (3, false));
        let two = main.pack(Pack::Drafts);
        assert_eq!((two.all_judged(&suite(), &BOTH), two.has_drafts()), (4, true));
    }

    #[test]
    fn a_selection_is_described() {
        let pattern = |text: &str| text.parse().unwrap();
        let selection = Selection::default().run(pattern("a/**")).skip(pattern("a/b/*")).skip(pattern("c"));
        let selection = selection.area("a").clause("B-1-a").shard(2, 4);
        let words = ["only a/**", "in a", "citing B-1-a", "without a/b/*", "without c", "part 2 of 4"];
        assert_eq!(selection.described(), words);
        let whole = Selection::default().pack(Pack::Core).drafts(true).strict(true).revision(Revision::Main);
        assert_eq!(whole.described(), [""; 0]);
    }

    #[test]
    fn by_clause_and_shard() {
        assert_eq!(ids(&Selection::default().clause("A-1-a"), &BOTH).len(), 3);
        assert_eq!(ids(&Selection::default().clause("B-1-a"), &BOTH), [""; 0]);
        assert_eq!(Selection::default().clause("B-1-a").unmatched(&suite()), ["B-1-a"]);
        let mut all: Vec<_> =
            (1..=2).flat_map(|part| ids(&Selection::default().shard(part, 2), &BOTH)).collect();
        all.sort();
        assert_eq!(all, ["a/t/both", "a/t/main", "a/u/release"]);
    }

    #[test]
    fn profiles_judge_flagged_cases() {
        let flagged = |flag: &str| {
            let mut case = case("a/t/x", &["main"], false, json!([{"error": {}}]));
            case["flags"] = json!([flag]);
            let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [case]});
            Document::parse(&document.to_string()).unwrap().cases.remove(0)
        };
        let base = Selection::default;
        let (strict, verbatim, lenient) = (base().strict(true), base().verbatim(true), base().lenient(true));
        for (flag, judged) in [
            ("producer-rule", [false, true, false, false]),
            ("hostile", [false, true, false, false]),
            ("verbatim", [false, false, true, false]),
            ("lenient", [false, false, false, true]),
        ] {
            let case = flagged(flag);
            assert_eq!(
                [&base(), &strict, &verbatim, &lenient].map(|selection| selection.judges(&case)),
                judged,
                "{flag}"
            );
        }
        assert!(verbatim.compares_text(&flagged("verbatim")) && !verbatim.compares_text(&flagged("hostile")));
    }

    #[test]
    fn no_profile_judges_a_disputed_case() {
        let mut case = case("a/t/x", &["main"], false, json!([{"error": {}}]));
        let parsed = |case: &Value| {
            let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [case]});
            Document::parse(&document.to_string()).unwrap().cases.remove(0)
        };
        let all = Selection::default().strict(true).verbatim(true).profile(Level::May);
        assert!(all.judges(&parsed(&case)));
        case["disputed"] = json!("the clause is for producers, says the SDK of X: https://example.com/1");
        assert!(!all.judges(&parsed(&case)));
    }

    #[test]
    fn what_stands_for_nothing_is_known() {
        let pattern = |text: &str| text.parse().unwrap();
        let selection = Selection::default()
            .run(pattern("a/**"))
            .run(pattern("x/**"))
            .skip(pattern("y"))
            .area("a")
            .area("z");
        assert_eq!(selection.unmatched(&suite()), ["x/**", "y", "z"]);
    }

    #[test]
    fn main_decides_where_it_is_claimed() {
        let expect = json!([
            {"error": {"kind": "parse"}, "revisions": ["main"]},
            {"error": {"kind": "inexact"}, "revisions": ["1.0.2"]},
            {"error": {"kind": "unknown-format"}},
        ]);
        let allowed = |holds: &[&str], judged: &[Revision]| -> Vec<bool> {
            let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [
                case("a/t/x", holds, false, expect.clone())]});
            let case = Document::parse(&document.to_string()).unwrap().cases.remove(0);
            case.expect.iter().map(|outcome| allows(&case, outcome, judged)).collect()
        };
        assert_eq!(allowed(&["1.0.2", "main"], &BOTH), [true, false, true]);
        assert_eq!(allowed(&["1.0.2", "main"], &[Revision::V1_0_2]), [false, true, true]);
        assert_eq!(allowed(&["1.0.2", "main"], &[Revision::Main]), [true, false, true]);
        assert_eq!(allowed(&["1.0.2"], &BOTH), [true, true, true]);
        assert_eq!(allowed(&["1.0.2"], &[Revision::V1_0_2]), [false, true, true]);
    }
}
