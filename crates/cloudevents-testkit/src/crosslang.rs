//! Programs in other languages that send events to the toolkit and receive events from it, and the list of what is known to differ.
//!
//! A peer is started with one argument, reads a line of JSON, and answers with a line: see the READMEs of `spec-tests/crosslang`.

use crate::tagged;
use cloudevents_core::{Event, Timestamp, Value};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
};

/// Who, which way, in which mode, with which event, and what is different.
pub type Difference = [String; 5];

/// The name and the program with its arguments of each peer, from lines of `NAME=PROGRAM`.
///
/// ```
/// let peers = cloudevents_testkit::crosslang::peers("go=/opt/peer\npython=python3 peer.py\n");
/// assert_eq!(peers, [("go", "/opt/peer"), ("python", "python3 peer.py")]);
/// ```
pub fn peers(lines: &str) -> Vec<(&str, &str)> {
    lines.lines().filter_map(|line| line.split_once('=')).collect()
}

/// Starts the program with this argument, asks it, and answers what it answers: an array.
pub fn ask(program: &str, argument: &str, request: &Json) -> io::Result<Vec<Json>> {
    let mut words = program.split(' ');
    let mut process = Command::new(words.next().unwrap_or_default())
        .args(words)
        .arg(argument)
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
    Ok(serde_json::from_str(&line)?)
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

/// What became of an event: attributes that came (`+`), went (`-`) or changed (`~`), and the payload. Times are the same when they are
/// the same instant.
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
        (Some(sent), Some(got)) if json(&sent).is_some() && json(&sent) == json(got) => {
            items.push("data rewritten".into());
        }
        (Some(sent), Some(got)) => {
            println!("{:?} became {:?}", String::from_utf8_lossy(&sent), String::from_utf8_lossy(got));
            items.push("~data".into());
        }
    }
    items
}

fn is_same(event: &Event, name: &str, sent: &str, got: &str) -> bool {
    let instant = |text: &str| {
        let instant = Timestamp::parse(text).ok()?.instant();
        Some((instant.seconds, instant.fraction.trim_end_matches('0').to_owned()))
    };
    let is_time = matches!(event.attribute(name), Some(Value::Timestamp(_)));
    sent == got || (is_time && instant(sent).is_some_and(|sent| Some(sent) == instant(got)))
}

/// The table of what differs, if that is what is known to, of these peers. The error says what is new and what is gone.
///
/// What is known has a line for each difference: `who | who writes | mode | events | what is different | clause | verdict`, in which `*` is
/// all, and several events have spaces between them. Lines that begin with `#` are comments.
pub fn compare(
    found: &BTreeSet<Difference>,
    known: &str,
    peers: &BTreeSet<String>,
) -> Result<String, String> {
    let lines: Vec<Known<'_>> =
        known.lines().filter_map(Known::read).filter(|line| peers.contains(line.who)).collect();
    let mut counts = vec![0_usize; lines.len()];
    let mut wrong = String::new();
    for difference in found {
        match lines.iter().zip(&mut counts).find(|(line, _)| line.fits(difference)) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => wrong.push_str(&format!("not on the list: {}\n", difference.join(" | "))),
        }
    }
    let mut table = String::new();
    for (line, count) in lines.iter().zip(counts) {
        let Known { who, way, mode, what, clause, verdict, .. } = line;
        let _ =
            writeln!(table, "{who:<7} {way:<10} {mode:<10} {what:<22} {count:>2} x  {clause:<17} {verdict}");
        if count == 0 {
            let _ =
                writeln!(wrong, "on the list, but no difference any more: {who} | {way} | {mode} | {what}");
        }
    }
    if wrong.is_empty() { Ok(table) } else { Err(wrong) }
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
                         go | we write | * | one two | ~time | X-1-a | both\n\
                         other | we write | * | * | ~id | X-1-b | nobody asked\n";

    fn found(what: &[[&str; 5]]) -> BTreeSet<Difference> {
        what.iter().map(|difference| difference.map(str::to_owned)).collect()
    }

    #[test]
    fn the_list_has_to_be_exact() {
        let peers = BTreeSet::from(["go".to_owned()]);
        let one = ["go", "we write", "binary", "one", "~time"];
        let table =
            compare(&found(&[one, ["go", "we write", "structured", "two", "~time"]]), KNOWN, &peers).unwrap();
        assert!(table.contains("2 x  X-1-a") && !table.contains("nobody"), "{table}");
        let new = compare(&found(&[one, ["go", "we write", "binary", "three", "~time"]]), KNOWN, &peers)
            .unwrap_err();
        assert_eq!(new, "not on the list: go | we write | binary | three | ~time\n");
        let gone = compare(&found(&[]), KNOWN, &peers).unwrap_err();
        assert!(gone.contains("no difference any more: go | we write"), "{gone}");
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
