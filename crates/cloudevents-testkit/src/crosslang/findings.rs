//! The differences that were found, and the known differences.

use super::Differing;
use std::{collections::BTreeSet, fmt::Write as _};

/// The peer, the direction, the mode, the event, and the difference.
type Difference = [String; 5];

/// The differences of all peers.
///
/// ```
/// use cloudevents_testkit::crosslang::Findings;
///
/// let known = "go | we write | * | one two | ~time | CE-time-a | both: a known difference";
/// let mut findings = Findings::default();
/// findings.note("go", "we write", "binary", vec![("one", vec!["~time".into()])]);
/// assert!(findings.compare(known)?.contains("1 x  CE-time-a"));
/// findings.note("go", "they write", "binary", vec![("one", vec!["~time".into()])]);
/// assert!(findings.compare(known).is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Findings {
    found: BTreeSet<Difference>,
    peers: BTreeSet<String>,
}

impl Findings {
    /// Records the differences with this peer, for one direction and mode. Events without differences are recorded as well.
    pub fn note(&mut self, peer: &str, way: &str, mode: &str, differing: Differing<'_>) {
        self.peers.insert(peer.to_owned());
        for (event, items) in differing {
            self.found.extend(items.iter().map(|item| [peer, way, mode, event, item].map(str::to_owned)));
        }
    }

    /// Returns the table of differences, if they equal the known ones of these peers. The error lists new differences, missing
    /// differences, and unknown clauses.
    ///
    /// `known` has a line for each difference: `peer | writer | mode | events | difference | clause | verdict`. `*` means all. Spaces
    /// separate several modes or events. Lines that begin with `#` are comments.
    pub fn compare(&self, known: &str) -> Result<String, String> {
        let lines: Vec<Known<'_>> =
            known.lines().filter_map(Known::read).filter(|line| self.peers.contains(line.who)).collect();
        let mut counts = vec![0_usize; lines.len()];
        let mut wrong = String::new();
        for difference in &self.found {
            match lines.iter().zip(&mut counts).find(|(line, _)| line.fits(difference)) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => wrong.push_str(&format!("not on the list: {}\n", difference.join(" | "))),
            }
        }
        let clauses: String = cloudevents_vectors::requirements().map(|(_, text)| text).collect();
        let mut table = String::new();
        for (line, count) in lines.iter().zip(counts) {
            let Known { who, way, mode, what, clause, verdict, .. } = line;
            let _ = writeln!(
                table,
                "{who:<7} {way:<10} {mode:<10} {what:<22} {count:>2} x  {clause:<17} {verdict}"
            );
            if count == 0 {
                let _ = writeln!(
                    wrong,
                    "on the list, but no difference any more: {who} | {way} | {mode} | {what}"
                );
            }
            if !clauses.contains(&format!("\"id\": \"{clause}\"")) {
                let _ = writeln!(wrong, "there is no clause {clause}");
            }
        }
        if wrong.is_empty() { Ok(table) } else { Err(wrong) }
    }
}

struct Known<'k> {
    who: &'k str,
    way: &'k str,
    mode: &'k str,
    events: &'k str,
    what: &'k str,
    clause: &'k str,
    verdict: &'k str,
}

impl<'k> Known<'k> {
    fn read(line: &'k str) -> Option<Self> {
        let mut fields = line.split('|').map(str::trim);
        let mut next = || fields.next();
        let (who, way, mode, events) = (next()?, next()?, next()?, next()?);
        let (what, clause, verdict) = (next()?, next()?, next()?);
        (!who.starts_with('#')).then_some(Self { who, way, mode, events, what, clause, verdict })
    }

    fn fits(&self, [who, way, mode, event, what]: &Difference) -> bool {
        let fits = |field: &str, value: &str| field == "*" || field.split(' ').any(|one| one == value);
        self.who == who
            && self.way == way
            && fits(self.mode, mode)
            && fits(self.events, event)
            && (self.what == "*" || self.what == what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "# a comment | with | bars | in | it | and | more\n\
                         go | we write | * | one two | ~time | CE-time-a | both\n\
                         other | we write | * | * | ~id | X-1-b | not used\n";

    fn findings(what: &[[&str; 3]]) -> Findings {
        let mut findings = Findings::default();
        findings.note("go", "they write", "binary", Vec::new());
        for [mode, event, item] in what {
            findings.note("go", "we write", mode, vec![(event, vec![(*item).to_owned()])]);
        }
        findings
    }

    #[test]
    fn the_list_has_to_be_exact() {
        let one = ["binary", "one", "~time"];
        let table = findings(&[one, ["structured", "two", "~time"]]).compare(KNOWN).unwrap();
        assert!(table.contains("2 x  CE-time-a") && !table.contains("not used"), "{table}");
        let new = findings(&[one, ["binary", "three", "~time"]]).compare(KNOWN).unwrap_err();
        assert_eq!(new, "not on the list: go | we write | binary | three | ~time\n");
        let gone = findings(&[]).compare(KNOWN).unwrap_err();
        assert!(gone.contains("no difference any more: go | we write"), "{gone}");
        let unfounded = findings(&[one]).compare(&KNOWN.replace("CE-time-a", "CE-time-")).unwrap_err();
        assert_eq!(unfounded, "there is no clause CE-time-\n");
    }
}
