//! `ce conformance run`: holds an implementation against the suite.

use super::{select::Select, suite};
use crate::{
    cli::Output,
    console::Console,
    failure::{Failure, Status},
    progress::Progress,
    report::Report,
};
use clap::Args;
use cloudevents_conformance::{
    CaseReport, ChildTestee, InProcess, JunitReport, KnownFailing, NdjsonReport, Reporter, RunError, Start,
    Summary, TerminalReport, Testee, run as run_suite, smoke,
};
use cloudevents_testkit::testee;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::Command,
    time::Duration,
};

/// Run the suite against this toolkit, or against the program that --testee names.
///
/// The program reads a JSON object a line and answers each with one: the testee protocol.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce conformance run
  ce conformance run 'http/**' --testee \"node adapter.js\"
  ce conformance run --testee ./adapter --known-failing known.txt --junit report.xml
  ce conformance run --testee ./adapter --smoke       whether it speaks the protocol at all

Exit status: 0 conforms, 1 does not, 2 the testee could not be started.")]
pub(crate) struct Run {
    #[command(flatten)]
    select: Select,
    /// Test this program: its name and its arguments.
    #[arg(long, value_name = "COMMAND")]
    testee: Option<String>,
    /// Expect the cases of this list to fail: a pattern and ` # ` and a reason a line.
    #[arg(long, value_name = "FILE")]
    known_failing: Option<PathBuf>,
    /// Write a JUnit report to this file as well.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Wait for each answer so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    time_limit: u64,
    /// Name the cases that pass or are skipped as well.
    #[arg(long)]
    all: bool,
    /// Only ask whether the testee follows the protocol.
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(command: &Run, console: &Console) -> Result<Status, Failure> {
    let suite = suite()?;
    let known = match &command.known_failing {
        Some(path) => known_failing(path)?,
        None => KnownFailing::default(),
    };
    let mut testee = testee_of(command)?;
    if command.smoke {
        return check(&mut *testee, console);
    }
    let junit =
        match &command.junit {
            Some(path) => Some(File::create(path).map_err(|error| {
                Failure::usage(format!("`{}` cannot be written: {error}", path.display()))
            })?),
            None => None,
        };
    let mut reporters: Vec<Box<dyn Reporter + '_>> = Vec::new();
    match console.output() {
        Output::Pretty => reporters
            .push(Box::new(TerminalReport::new(console.out()).colour(console.paint().0).all(command.all))),
        Output::Json => reporters.push(Box::new(NdjsonReport::new(console.out()))),
        Output::Yaml => {
            return Err(
                Failure::usage("a run is not reported as YAML").help("take --output json, or --junit FILE")
            );
        }
    }
    if let Some(file) = junit {
        reporters.push(Box::new(JunitReport::new(BufWriter::new(file))));
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
    Ok(if summary.is_success() { Status::Done } else { Status::No })
}

/// The toolkit in process, or a program.
fn testee_of(command: &Run) -> Result<Box<dyn Testee>, Failure> {
    let Some(line) = &command.testee else {
        return Ok(Box::new(InProcess::new(|request: &str| testee::answer(request).unwrap_or_default())));
    };
    let words = words(line).ok_or_else(|| {
        Failure::usage("a quotation mark in the command of --testee is not closed")
            .help("quote as in a shell")
    })?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::usage("the command of --testee is empty"));
    };
    let mut process = Command::new(program);
    process.args(arguments);
    Ok(Box::new(ChildTestee::new(process).time_limit(Duration::from_secs(command.time_limit.max(1)))))
}

fn known_failing(path: &PathBuf) -> Result<KnownFailing, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", path.display())))?;
    text.parse().map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
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
            .help("`ce conformance run --smoke` asks the testee for the basics of the protocol"),
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

/// A command line as a shell splits it: words, quotation marks of both kinds, and, but for Windows paths, backslashes before what
/// they protect.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') if characters.peek().is_some_and(|next| "\\\"' ".contains(*next)) => {
                word.get_or_insert_default().extend(characters.next());
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn commands_are_split_as_in_a_shell() {
        for (line, wanted) in [
            ("node adapter.js", &["node", "adapter.js"][..]),
            ("  a 'b c'  \"d 'e'\" '' f\\ g", &["a", "b c", "d 'e'", "", "f g"]),
            (
                r#"C:\bin\ce.exe "C:\Program Files\x" \"y\""#,
                &[r"C:\bin\ce.exe", r"C:\Program Files\x", "\"y\""],
            ),
            ("", &[]),
        ] {
            assert_eq!(words(line).unwrap(), wanted, "{line}");
        }
        assert!(words("a 'b").is_none());
    }
}
