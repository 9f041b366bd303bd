//! `ce conformance run`: holds an implementation against the suite.

use super::{select::Select, suite, words::words};
use crate::{
    cli::Output,
    console::Console,
    failure::{Failure, Status},
    progress::Progress,
    report::Report,
};
use clap::Args;
use cloudevents_conformance::{
    CaseReport, ChildTestee, Finding, InProcess, JunitReport, KnownFailing, NdjsonReport, Reporter, RunError,
    RunRecord, Start, Summary, TerminalReport, Testee, badge, html, run as run_suite, smoke,
};
use cloudevents_testkit::testee;
use std::{
    cell::RefCell,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Run the suite against this toolkit, or against the program that --testee names.
///
/// The program reads one JSON object per line and answers each with one: the testee protocol, which spec-tests/PROTOCOL.md in the
/// repository describes. `ce testee` is such a program, to see requests and answers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce conformance run
  ce conformance run 'http/**' -- node adapter.js
  ce conformance run --known-failing known.txt --junit report.xml -- ./adapter
  ce conformance run --known-failing known.txt --update-known-failing \\
      -- ./adapter
  ce conformance run --html report.html -- ./adapter
  ce conformance run 'official/**' --official spec/cesql   the test kit of CESQL
  ce conformance run --smoke -- ./adapter   check only the protocol

Exit status: 0 conforms, 1 does not, 2 the testee could not be started.")]
pub(crate) struct Run {
    #[command(flatten)]
    select: Select,
    /// Test this program, given as one argument: its name and its arguments.
    #[arg(long, value_name = "COMMAND", conflicts_with = "command")]
    testee: Option<String>,
    /// Test this program: its name and its arguments, after `--`.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Expect the cases of this list to fail: a pattern, ` # ` and a reason on each line.
    #[arg(long, value_name = "FILE")]
    known_failing: Option<PathBuf>,
    /// Rewrite the list of --known-failing: drop what passes and what no longer exists, add what fails, keep comments, reasons and
    /// what this run does not judge.
    #[arg(long, requires = "known_failing")]
    update_known_failing: bool,
    /// Also write a JUnit report to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also write an HTML report to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the data of a badge to this file, for the endpoint badges of shields.io.
    #[arg(long, value_name = "FILE")]
    badge: Option<PathBuf>,
    /// Also write every result to this file, one JSON object per line, for `ce conformance report` and `diff`.
    #[arg(long, value_name = "FILE")]
    ndjson: Option<PathBuf>,
    /// Response timeout in seconds, also for the start of the testee [default: 10, and 60 for the start].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: Option<u64>,
    /// Timeout in seconds for the start of the testee, if it differs.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    start_limit: Option<u64>,
    /// Give the events of the suite other ids, so that no testee can look up a published case.
    #[arg(long, value_name = "SEED")]
    vary: Option<u64>,
    /// Also list the cases that pass, are skipped or are known to fail.
    #[arg(long)]
    all: bool,
    /// Only check that the testee follows the protocol.
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(command: &Run, console: &Console) -> Result<Status, Failure> {
    let official = command.select.official.as_deref();
    let suite = match command.vary {
        Some(seed) => suite(official)?.varied(seed),
        None => suite(official)?,
    };
    let listed = match &command.known_failing {
        // A list that is about to be written need not be there.
        Some(path) if command.update_known_failing && !path.exists() => String::new(),
        Some(path) => readable(path)?,
        None => String::new(),
    };
    let known = parsed(&listed, command.known_failing.as_deref())?;
    let mut testee = testee_of(command)?;
    if command.smoke {
        return check(&mut *testee, console);
    }
    let mut collected = Vec::new();
    let ran = RefCell::new(Vec::new());
    let mut reporters: Vec<Box<dyn Reporter + '_>> = Vec::new();
    match console.output() {
        Output::Pretty => reporters.push(Box::new(
            TerminalReport::new(console.out())
                .colour(console.paint().0)
                .all(command.all)
                .width(console.columns()),
        )),
        Output::Json => reporters.push(Box::new(NdjsonReport::new(console.out()))),
        Output::Yaml => {
            return Err(
                Failure::usage("a run cannot be written as YAML").help("use --output json, or --junit FILE")
            );
        }
    }
    if let Some(path) = &command.junit {
        reporters.push(Box::new(JunitReport::new(BufWriter::new(created(path)?))));
    }
    if let Some(path) = &command.ndjson {
        reporters.push(Box::new(NdjsonReport::new(BufWriter::new(created(path)?))));
    }
    let page = command.html.as_deref().map(created).transpose()?;
    if page.is_some() {
        reporters.push(Box::new(NdjsonReport::new(&mut collected)));
    }
    if command.update_known_failing {
        reporters.push(Box::new(Failures(&ran)));
    }
    let mut watched = Watched { to: reporters, progress: None, console };
    let summary = run_suite(&suite, &command.select.selection(), &known, &mut *testee, &mut watched)
        .map_err(came_to_no_end)?;
    drop(watched);
    if console.output() != Output::Pretty {
        for problem in &summary.problems {
            console.report(&Report::new(problem.to_string()));
        }
        console.say(&summary.to_string());
    }
    if let Some(mut file) = page {
        let record = RunRecord::parse(&String::from_utf8_lossy(&collected)).map_err(Failure::usage)?;
        file.write_all(html(&[record], &suite).as_bytes())?;
    }
    if let Some(path) = &command.badge {
        created(path)?.write_all(badge(&summary).as_bytes())?;
    }
    if let Some(path) = command.known_failing.as_ref().filter(|_| command.update_known_failing) {
        let updated = KnownFailing::updated(&listed, &suite, &ran.into_inner())
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        fs::write(path, updated.text)
            .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))?;
        for pattern in updated.gone {
            console
                .report(&Report::note(format!("`{pattern}` matches no case, and was removed from the list")));
        }
        for pattern in updated.disputed {
            let words =
                format!("`{pattern}` has no effect: its cases are disputed, and no profile judges them");
            console.report(&Report::note(words));
        }
        console.say(&format!("`{}` is up to date", path.display()));
    }
    Ok(if summary.is_success() { Status::Done } else { Status::No })
}

/// Keeps the id of each case that ran and was judged, and the cause of its failure, if it failed.
struct Failures<'a>(&'a RefCell<Vec<(String, Option<String>)>>);

impl Reporter for Failures<'_> {
    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let cause = match &report.finding {
            Finding::Unsupported(_) => return Ok(()),
            // Other profiles judge it.
            Finding::Passed | Finding::Failed(_) if !report.judged => return Ok(()),
            Finding::Passed => None,
            Finding::Failed(failure) => Some(failure.cause()),
            Finding::Crashed(breakdown) => Some(breakdown.kind.as_str().to_owned()),
            Finding::Declined(reason) => Some(format!("declined: {reason}")),
            _ => None,
        };
        self.0.borrow_mut().push((report.case.id.clone(), cause));
        Ok(())
    }

    fn finished(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

fn created(path: &Path) -> Result<File, Failure> {
    File::create(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))
}

/// The toolkit in process, or a program.
fn testee_of(command: &Run) -> Result<Box<dyn Testee>, Failure> {
    let words = match &command.testee {
        None => command.command.clone(),
        Some(line) => words(line).ok_or_else(|| {
            Failure::usage("a quotation mark in the command of --testee is not closed")
                .help("quote as in a shell, or give the command after `--`")
        })?,
    };
    let Some((program, arguments)) = words.split_first() else {
        if command.testee.is_some() {
            return Err(Failure::usage("the command of --testee is empty"));
        }
        return Ok(Box::new(InProcess::new(|request: &str| testee::answer(request).unwrap_or_default())));
    };
    let mut process = Command::new(program);
    process.args(arguments);
    let start = command.start_limit.or(command.time_limit).unwrap_or(60);
    Ok(Box::new(
        ChildTestee::new(process)
            .time_limit(Duration::from_secs(command.time_limit.unwrap_or(10)))
            .start_limit(Duration::from_secs(start)),
    ))
}

fn readable(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", path.display())))
}

fn parsed(text: &str, path: Option<&Path>) -> Result<KnownFailing, Failure> {
    let shown = path.map(Path::display).map(|path| format!("{path}: ")).unwrap_or_default();
    text.parse().map_err(|error| Failure::usage(format!("{shown}{error}")))
}

fn check(testee: &mut dyn Testee, console: &Console) -> Result<Status, Failure> {
    let checks = smoke(testee);
    let mut out = console.out();
    for check in &checks {
        match console.output() {
            Output::Pretty => writeln!(out, "{check}")?,
            _ => {
                let line = serde_json::json!({"name": check.name, "rule": check.rule, "fault": check.fault});
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()?;
    Ok(if checks.iter().all(|check| check.fault.is_none()) { Status::Done } else { Status::No })
}

fn came_to_no_end(error: RunError) -> Failure {
    match error {
        RunError::Report(error) => Failure::from(error),
        RunError::NotStarted { .. } => Failure::usage(error.to_string())
            .help("`ce conformance run --smoke` checks the basics of the protocol"),
        _ => Failure::usage(error.to_string()),
    }
}

/// Reporters with a bar of progress between them and the terminal.
struct Watched<'a> {
    to: Vec<Box<dyn Reporter + 'a>>,
    progress: Option<Progress>,
    console: &'a Console,
}

impl Reporter for Watched<'_> {
    fn started(&mut self, start: &Start<'_>) -> io::Result<()> {
        self.progress = Some(Progress::new(self.console, Some(start.cases), "cases"));
        self.to.started(start)
    }

    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let Some(progress) = &mut self.progress else { return self.to.case(report) };
        progress.step();
        let to = &mut self.to;
        progress.suspend(|| to.case(report))
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        self.progress = None;
        self.to.finished(summary)
    }
}
