//! `ce validate`: checks events.

use crate::{
    advice,
    catalog::LenientCatalog,
    console::Console,
    contract,
    emit::Emit,
    encoder::put_text,
    failure::{Failure, Status},
    global::Output,
    input::{self, Located, Piece, Reading},
    plain::{count, plain, thousands},
    progress::Progress,
    report::Report,
    style::{self, Paint},
};
use clap::Args;
use cloudevents_catalog::{Catalog, Judge, NotJudged, Verdict};
use cloudevents_kit::{Event, extensions};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Check events and report every problem.
///
/// Reports each problem with its place and the rule it breaks. Reads a document with one event, a batch, JSON Lines, or several of these
/// one after another. Input that cannot be read does not stop the check of other input. In a folder, it checks the files whose names end in
/// a format: .json, .jsonl, .ndjson, .yaml, .xml, .pb, .binpb, .avro, .cbor, also with .gz.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce validate order.json batch.json
  ce validate --explain events/                   every file of a folder
  tail -f events.jsonl | ce validate --explain
  ce validate --extensions order.json             rules of extensions, too
  ce validate --catalog shop.xreg.json shop-orders.jsonl
  ce validate --error-format json order.json      problems as JSON

Exit status: 0 every event is valid, 1 an event is invalid, 2 a file cannot be read
or the catalog has mistakes, 3 a registry cannot be reached.")]
pub struct Validate {
    /// Check these files and folders. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Explain each broken rule. Note recommendations that are not followed, and broken rules of extensions.
    #[arg(long)]
    explain: bool,
    /// Also check the rules of documented extensions: correlation, severity, partitioning and others.
    #[arg(long)]
    extensions: bool,
    /// Also check against the message definitions and schemas of this catalog: a document of xRegistry, a folder of them, or the URL of a
    /// registry. An event that the catalog does not define is invalid. A catalog with mistakes is refused. Payloads that its schemas cannot
    /// judge are reported.
    #[arg(long, value_name = "CATALOG")]
    catalog: Option<PathBuf>,
    #[command(flatten)]
    lenient_catalog: LenientCatalog,
    /// Leave out valid events and the notes about them, but not events whose payload could not be judged.
    #[arg(long)]
    invalid: bool,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Validate, console: &Console) -> Result<Status, Failure> {
    let mut emit = Emit::new(console);
    let catalog = command.lenient_catalog.open(command.catalog.as_deref(), console)?;
    let rules =
        Rules { extensions: command.extensions, catalog: catalog.map(|loaded| Arc::new(loaded.catalog)) };
    let mut total = Total::default();
    for path in paths(command, console) {
        total.files = total.files.saturating_add(1);
        let found = file(&path, command, &rules, &mut emit, console);
        let found = match found {
            Err(Failure::Told(status, report)) => {
                emit.flush()?;
                console.error(status, &report);
                continue;
            }
            found => found?,
        };
        total.add(&found);
    }
    emit.flush()?;
    // The line of a single file has its numbers.
    if total.files > 1 || total.events > 1 && total.valid < total.events && console.output() != Output::Pretty
    {
        console.say(&total.to_string());
    }
    for (reason, number) in &total.not_judged {
        let payloads = count(*number, "payload");
        let words = format!("{payloads} {} not judged: {reason}", if *number == 1 { "was" } else { "were" });
        console.report(&Report::warning(words).kind("not-judged"));
    }
    Ok(Status::Done)
}

/// Returns the files to check, with the files of folders. Reports folders that cannot be read, and folders without files.
fn paths(command: &Validate, console: &Console) -> Vec<PathBuf> {
    let formats = cloudevents_kit::formats();
    let mut paths = Vec::new();
    for path in input::files(&command.files) {
        if !path.is_dir() {
            paths.push(path);
            continue;
        }
        let folder = input::folder(&path, &formats);
        if folder.others > 0 {
            let words = format!("{} skipped in `{}`", count(folder.others, "other file"), path.display());
            console.report(&Report::note(words).kind("skipped").help("name a file to check it anyway"));
        }
        if folder.files.is_empty() && folder.unreadable.is_empty() {
            console.error(Status::No, &Report::new(format!("`{}` has no files with events", path.display())));
        }
        folder.unreadable.into_iter().for_each(|failure| console.remember(failure.tell(console)));
        paths.extend(folder.files);
    }
    paths
}

/// Counts of the checked files and events.
#[derive(Debug, Default)]
struct Total {
    files: usize,
    /// Files in which every event is valid.
    fine: usize,
    events: usize,
    valid: usize,
    problems: usize,
    /// The valid events whose payload could not be judged, by the reason.
    not_judged: BTreeMap<String, usize>,
}

/// The most reasons that are named: events have the content types in some of them.
const REASONS: usize = 16;

impl Total {
    fn add(&mut self, file: &Self) {
        self.fine = self.fine.saturating_add(usize::from(file.events > 0 && file.valid == file.events));
        self.events = self.events.saturating_add(file.events);
        self.valid = self.valid.saturating_add(file.valid);
        self.problems = self.problems.saturating_add(file.problems);
        for (reason, number) in &file.not_judged {
            self.add_not_judged(reason, *number);
        }
    }

    fn add_not_judged(&mut self, reason: &str, number: usize) {
        let is_named = self.not_judged.len() < REASONS || self.not_judged.contains_key(reason);
        let reason = if is_named { reason } else { "other reasons" };
        let total = self.not_judged.entry(reason.to_owned()).or_default();
        *total = total.saturating_add(number);
    }
}

/// `valid: 3 of 4 files, 10 of 12 events; 5 problems`.
impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("valid: ")?;
        if self.files > 1 {
            write!(f, "{} of {}, ", thousands(self.fine), count(self.files, "file"))?;
        }
        write!(f, "{} of {}", thousands(self.valid), count(self.events, "event"))?;
        match self.problems {
            0 => Ok(()),
            problems => write!(f, "; {}", count(problems, "problem")),
        }
    }
}

/// Checks the events of a file.
fn file(
    path: &Path,
    command: &Validate,
    rules: &Rules,
    emit: &mut Emit,
    console: &Console,
) -> Result<Total, Failure> {
    let reading = Reading { every: true, ..command.reading.clone() };
    let events = input::open(path, &reading)?;
    let name = events.name().to_owned();
    let mut progress = Progress::new(console, None, "events");
    let mut total = Total::default();
    let output = console.output();
    let lines =
        Lines { quiet: command.invalid, explain: command.explain, rules: rules.clone(), ..Lines::new(&name) };
    let mut pieces = events.pieces(move || {
        let lines = lines.clone();
        move |located: &Located, out: &mut Vec<u8>| lines.write(located, output, out)
    });
    while let Some(piece) = pieces.next() {
        let (events, problems) = match piece? {
            Piece::Output(lines, events) => {
                emit.bytes(&lines)?;
                (events, 0)
            }
            Piece::Event(located) => {
                let judged = rules.judge(&located);
                progress.suspend(|| tell(&located, &judged, command, console));
                let not_judged = judged.not_judged();
                if let Some(reason) = not_judged {
                    total.add_not_judged(&reason.to_string(), 1);
                }
                let is_left_out = command.invalid && judged.problems.is_empty() && not_judged.is_none();
                if output != Output::Pretty && !is_left_out {
                    emit.value(&described(&located, &judged, &name), |_| String::new())?;
                }
                (1, judged.problems.len())
            }
        };
        total.events = total.events.saturating_add(events);
        total.problems = total.problems.saturating_add(problems);
        total.valid = total.valid.saturating_add(if problems == 0 { events } else { 0 });
        if output != Output::Pretty && pieces.may_wait() {
            emit.flush()?;
        }
        progress.steps(events);
    }
    progress.finish();
    // A stream whose format is named may be empty.
    let may_be_empty = command.reading.is_named();
    if total.events == 0 && !may_be_empty {
        console.error(Status::No, &input::no_events(&name));
    }
    if console.output() == Output::Pretty {
        console.separate();
        emit.value(&Value::Null, |paint| line(&name, &total, may_be_empty, paint))?;
        emit.flush()?;
    }
    Ok(total)
}

/// The rules that events are checked by, besides the specification.
#[derive(Clone, Default)]
struct Rules {
    /// Whether rules of extensions count.
    extensions: bool,
    catalog: Option<Arc<Catalog>>,
}

/// The results for an event.
#[derive(Default)]
struct Judged {
    problems: Vec<Report>,
    verdict: Option<Verdict>,
}

impl Rules {
    /// Judges an event.
    ///
    /// If it is no event, its problems are the problems of reading it. Otherwise they are breaches of the rules that count.
    fn judge(&self, located: &Located) -> Judged {
        let decoded = match &located.event {
            Ok(decoded) => decoded,
            Err(error) => {
                let problems = error.clone().into_mistakes();
                return Judged {
                    problems: problems.iter().map(|error| located.report(error)).collect(),
                    verdict: None,
                };
            }
        };
        let mut problems = Vec::new();
        if self.extensions {
            problems.extend(extensions::check(&decoded.value).iter().map(|error| located.report(error)));
        }
        let verdict = self.catalog.as_deref().map(|catalog| catalog.judge(&decoded.value));
        if let Some(verdict) = &verdict {
            problems.extend(contract::problems(verdict, &decoded.value, &located.place));
        }
        Judged { problems, verdict }
    }
}

impl Judged {
    /// Why the payload was not judged, though there is a schema for it.
    fn not_judged(&self) -> Option<&NotJudged> {
        self.verdict.as_ref().filter(|_| self.problems.is_empty()).and_then(contract::not_judged)
    }

    /// Whether the event would be invalid without a deviation.
    fn is_repaired(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| !verdict.repairs().is_empty())
    }
}

/// Reports the problems of an event, its repairs, and possible improvements.
fn tell(located: &Located, judged: &Judged, command: &Validate, console: &Console) {
    for report in &judged.problems {
        console.error(Status::No, &report.clone().explained(command.explain));
    }
    if let Some(verdict) = &judged.verdict {
        contract::repairs(verdict, &located.place).for_each(|repair| console.report(&repair));
    }
    if let Ok(decoded) = &located.event {
        located.tell_repairs(console);
        if command.explain {
            if let Some(reason) = judged.not_judged() {
                let words = format!("the payload was not judged: {reason}");
                console.report(&Report::note(words).kind("not-judged").at(&located.place));
            }
            // A valid event that is left out has no line that the notes would belong to.
            let is_left_out = command.invalid && judged.problems.is_empty();
            for advice in advice(&decoded.value, command.extensions).iter().filter(|_| !is_left_out) {
                console.report(&advice.report().at(&located.place).explained(true));
            }
        }
    }
}

/// Returns the notes of an explanation. Broken rules of extensions are among them, unless they are problems.
fn advice(event: &Event, extensions: bool) -> Vec<advice::Advice> {
    let mut all = advice::of(event);
    if !extensions {
        all.extend(advice::of_extensions(event));
    }
    all
}

/// Writes the lines of valid events, as [`described`] does.
#[derive(Clone)]
struct Lines {
    file: Vec<u8>,
    /// Whether valid events have none.
    quiet: bool,
    /// Whether recommendations are noted.
    explain: bool,
    rules: Rules,
}

impl Lines {
    fn new(name: &str) -> Self {
        let mut file = b"\"file\":".to_vec();
        put_text(name, &mut file);
        Self { file, quiet: false, explain: false, rules: Rules::default() }
    }

    /// Writes the line of an event, unless something has to be reported.
    fn write(&self, located: &Located, output: Output, line: &mut Vec<u8>) -> bool {
        let Ok(decoded) = &located.event else { return false };
        let event = &decoded.value;
        let judged = self.rules.judge(located);
        if !decoded.repairs.is_empty()
            || !judged.problems.is_empty()
            || judged.is_repaired()
            || judged.not_judged().is_some()
            || self.explain && !advice(event, self.rules.extensions).is_empty()
        {
            return false;
        }
        match output {
            Output::Pretty => return true,
            _ if self.quiet => return true,
            Output::Yaml => return false,
            Output::Json => {}
        }
        line.push(b'{');
        if let Some(definition) = judged.verdict.as_ref().and_then(Verdict::definition) {
            line.extend_from_slice(b"\"definition\":");
            put_text(definition, line);
            line.push(b',');
        }
        line.extend_from_slice(&self.file);
        line.extend_from_slice(b",\"id\":");
        put_text(event.id(), line);
        // Writing to a vector cannot fail.
        if let Some(index) = located.place.index {
            let _ = write!(line, ",\"index\":{index}");
        }
        if located.place.source.first_line > 0 {
            let _ = write!(line, ",\"line\":{}", located.place.line());
        }
        line.extend_from_slice(b",\"source\":");
        put_text(event.source().as_str(), line);
        line.extend_from_slice(b",\"type\":");
        put_text(event.ty(), line);
        line.extend_from_slice(b",\"valid\":true}\n");
        true
    }
}

fn described(located: &Located, judged: &Judged, name: &str) -> Value {
    let problems = &judged.problems;
    let mut value = Map::new();
    if let Some(verdict) = &judged.verdict {
        value.extend(verdict.definition().map(|xid| ("definition".into(), xid.into())));
        value.extend(judged.not_judged().map(|reason| ("notJudged".into(), reason.to_string().into())));
    }
    value.insert("file".into(), name.into());
    if located.place.source.first_line > 0 {
        value.insert("line".into(), located.place.line().into());
    }
    value.extend(located.place.index.map(|index| ("index".into(), index.into())));
    value.insert("valid".into(), problems.is_empty().into());
    if let Ok(decoded) = &located.event {
        let event: &Event = &decoded.value;
        let repairs = decoded.repairs.iter().map(|repair| repair.kind().code());
        let of_catalog = judged.verdict.iter().flat_map(Verdict::repairs).map(|repair| repair.code());
        let repairs: Vec<_> = repairs.chain(of_catalog).collect();
        value.insert("id".into(), event.id().into());
        value.insert("source".into(), event.source().as_str().into());
        value.insert("type".into(), event.ty().into());
        if !repairs.is_empty() {
            value.insert("repairs".into(), json!(repairs));
        }
    }
    if !problems.is_empty() {
        let problems = problems.iter().map(Report::to_value).collect();
        value.insert("problems".into(), problems);
    }
    Value::Object(value)
}

fn line(name: &str, total: &Total, may_be_empty: bool, paint: Paint) -> String {
    let (label, words) = match total.events.saturating_sub(total.valid) {
        0 if total.events > 0 || may_be_empty => {
            (paint.text(style::GOOD, "valid  "), count(total.events, "event"))
        }
        0 => (paint.text(style::ERROR, "invalid"), "no event".to_owned()),
        bad => {
            let problems = count(total.problems, "problem");
            let events = count(total.events, "event");
            (paint.text(style::ERROR, "invalid"), format!("{} of {events}, {problems}", thousands(bad)))
        }
    };
    format!("{label}  {}: {words}\n", plain(name))
}
