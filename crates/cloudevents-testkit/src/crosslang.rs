//! Programs in other languages that exchange events with the toolkit, and the list of known differences.
//!
//! A peer is started with one argument, reads a line of JSON, and answers with a line: see the READMEs of `spec-tests/crosslang`.

use crate::tagged;
use cloudevents_core::{Event, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
};

/// The differences of each event, by the event's name.
pub type Differing<'e> = Vec<(&'e str, Vec<String>)>;

/// The peer, the direction, the mode, the event, and the difference.
type Difference = [String; 5];

/// A program in another language, which is started with a broker as its last argument.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'l> {
    /// The name in the list of known differences.
    pub name: &'l str,
    program: &'l str,
}

/// Parses peers from lines of `NAME=PROGRAM`, where the program may have arguments.
///
/// ```
/// let peers = cloudevents_testkit::crosslang::peers("go=/opt/peer\npython=python3 peer.py\n");
/// assert_eq!(peers.iter().map(|peer| peer.name).collect::<Vec<_>>(), ["go", "python"]);
/// ```
pub fn peers(lines: &str) -> Vec<Peer<'_>> {
    lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, program)| Peer { name, program })
        .collect()
}

impl Peer<'_> {
    /// Makes the peer send these events to an address in this mode. Returns whether it sent each event, and prints failures.
    pub fn send(
        &self,
        broker: &str,
        address: &str,
        mode: &str,
        events: &[(String, Event)],
    ) -> io::Result<Vec<bool>> {
        let tagged: Vec<_> = events.iter().map(|(_, event)| tagged::from_event(event)).collect();
        let request = json!({"address": address, "mode": mode, "events": tagged});
        let answers = self.ask(broker, &request, events.len())?;
        let is_sent = |((name, _), answer): (&(String, Event), Json)| {
            if !answer.is_null() {
                println!("{name}, {mode}: does not write it: {answer}");
            }
            answer.is_null()
        };
        Ok(events.iter().zip(answers).map(is_sent).collect())
    }

    /// Makes the peer read these events from an address, and compares its results with them.
    pub fn read<'e>(
        &self,
        broker: &str,
        address: &str,
        expected: Vec<(&'e str, Event)>,
    ) -> io::Result<Differing<'e>> {
        let request = json!({"address": address, "count": expected.len()});
        let answers = self.ask(broker, &request, expected.len())?;
        let differ = |((name, event), answer): ((&'e str, Event), Json)| {
            if let Some(error) = answer.get("error") {
                println!("{name}: does not read it: {error}");
                return Ok((name, vec!["does not read it".to_owned()]));
            }
            let got = serde_json::from_value(answer.get("attributes").cloned().unwrap_or_default())?;
            let data = answer.get("data").filter(|data| !data.is_null());
            let data = data.map(|data| tagged::to_bytes(&json!({"base64": data})));
            Ok((name, differences(&event, &got, data.transpose().map_err(io::Error::other)?.as_deref())))
        };
        expected.into_iter().zip(answers).map(differ).collect()
    }

    /// Starts the program, sends the request, and returns the response: an array of this length.
    fn ask(&self, broker: &str, request: &Json, length: usize) -> io::Result<Vec<Json>> {
        let mut words = self.program.split(' ');
        let mut process = Command::new(words.next().unwrap_or_default())
            .args(words)
            .arg(broker)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = process.stdin.take() {
            writeln!(input, "{request}")?; // and then its end, which ends the program
        }
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        process.wait()?;
        let answers: Vec<Json> = serde_json::from_str(&line)?;
        if answers.len() == length {
            return Ok(answers);
        }
        Err(io::Error::other(format!("{} answered {} times instead of {length}", self.name, answers.len())))
    }
}

/// The sample events, with their names. None are left out.
pub fn samples() -> Result<Vec<(String, Event)>, Box<dyn std::error::Error>> {
    let (_, text) =
        cloudevents_vectors::samples().find(|(path, _)| *path == "events.json").unwrap_or_default();
    let samples: Vec<Json> = serde_json::from_str(text)?;
    let read = |sample: &Json| {
        let name = sample.get("name").and_then(Json::as_str).ok_or("a sample has no name")?;
        let event = sample.get("event").ok_or("a sample has no event")?;
        Ok((name.to_owned(), tagged::to_event(event)?))
    };
    samples.iter().map(read).collect()
}

/// The attributes as their canonical strings, with `specversion`.
pub fn attributes(event: &Event) -> BTreeMap<String, String> {
    let all = event.attributes().map(|(name, value)| (name.as_str().to_owned(), value.to_string()));
    all.chain([("specversion".to_owned(), event.specversion().as_str().to_owned())]).collect()
}

/// Returns how an event changed: attributes that were added (`+`), removed (`-`) or changed (`~`), and the payload. Times are equal if
/// they are the same instant.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_testkit::crosslang::{attributes, differences};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut got = attributes(&event);
/// got.insert("id".into(), "2".into());
/// assert_eq!(differences(&event, &got, Some(b"")), ["~id", "+data of 0 bytes"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn differences(event: &Event, got: &BTreeMap<String, String>, data: Option<&[u8]>) -> Vec<String> {
    let sent = attributes(event);
    let mut items = Vec::new();
    for name in sent.keys().chain(got.keys()).collect::<BTreeSet<_>>() {
        match (sent.get(name), got.get(name)) {
            (Some(sent), Some(got)) if is_same(event, name, sent, got) => {}
            (Some(sent), Some(got)) => {
                println!("{name}: {sent:?} became {got:?}");
                items.push(format!("~{name}"));
            }
            (Some(_), None) => items.push(format!("-{name}")),
            _ => items.push(format!("+{name}")),
        }
    }
    let json = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).ok();
    match (event.data_bytes(), data) {
        (None, None) => {}
        (None, Some(data)) => items.push(format!("+data of {} bytes", data.len())),
        (Some(data), None) => items.push(format!("-data of {} bytes", data.len())),
        (Some(sent), Some(got)) if *sent == *got => {}
        (Some(sent), Some(got)) if json(sent).is_some() && json(sent) == json(got) => {
            items.push("data rewritten".into());
        }
        (Some(sent), Some(got)) => {
            println!("{:?} became {:?}", String::from_utf8_lossy(sent), String::from_utf8_lossy(got));
            items.push("~data".into());
        }
    }
    items
}

fn is_same(event: &Event, name: &str, sent: &str, got: &str) -> bool {
    // Not every peer knows leap seconds.
    let instant = |text: &str| {
        let mut instant = Timestamp::parse(text).ok()?.instant();
        instant.leap_second = false;
        Some(instant)
    };
    let is_time = matches!(event.attribute(name), Some(Value::Timestamp(_)));
    sent == got || (is_time && instant(sent).is_some_and(|sent| Some(sent) == instant(got)))
}

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
    /// `known` has a line for each difference: `peer | writer | mode | events | difference | clause | verdict`. `*` means all; several
    /// modes or events are separated by spaces. Lines that begin with `#` are comments.
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

    #[test]
    fn answers_have_to_be_complete() {
        let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        // It reads the line, of the file that stands for the broker: the standard input.
        let peer = |program| Peer { name: "awk", program };
        let read = |program| peer(program).read("-", "y", vec![("one", event.clone())]);
        assert!(read("awk {print\"[]\"}").unwrap_err().to_string().contains("0 times instead of 1"));
        let refused = read(r#"awk {print"[{\"error\":\"no\"}]"}"#).unwrap();
        assert_eq!(refused, [("one", vec!["does not read it".to_owned()])]);
        let events = [("one".to_owned(), event.clone())];
        let send = |program| peer(program).send("-", "y", "binary", &events).unwrap();
        assert_eq!(send("awk {print\"[null]\"}"), [true]);
        assert_eq!(send(r#"awk {print"[\"no\"]"}"#), [false]);
    }

    #[test]
    fn times_are_instants_and_json_is_a_value() {
        let event = Event::builder().id("1").source("/s").ty("t").time("2024-01-01T01:00:00.50+01:00");
        let event =
            event.payload("application/json", cloudevents_core::Payload::json("{\"a\": 1}")).build().unwrap();
        let mut got = attributes(&event);
        got.insert("time".into(), "2024-01-01T00:00:00.5Z".into());
        assert_eq!(differences(&event, &got, Some(b"{\"a\":1}")), ["data rewritten"]);
        got.insert("time".into(), "2024-01-01T00:00:01Z".into());
        got.remove("id");
        assert_eq!(differences(&event, &got, None), ["-id", "~time", "-data of 8 bytes"]);
    }

    #[test]
    fn samples_are_there() {
        assert!(samples().unwrap().len() > 5);
    }
}
