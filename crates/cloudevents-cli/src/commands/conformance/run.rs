//! `ce conformance run`: holds an implementation against the suite.

use super::{
    command_line::words,
    consumer::Consumer,
    reports::{Ended, Reports, Shown},
    select::Select,
    suite,
};
use crate::{
    console::Console,
    failure::{Failure, Status},
    global::Output,
    input,
    plain::count,
    report::Report,
};
use clap::Args;
use cloudevents_conformance::{
    CaseReport, ChildTestee, Finding, InProcess, KnownFailing, Problem, Reporter, Suite, Summary, Testee,
    Updated, Verdict, smoke,
};
use cloudevents_testkit::testee;
use std::{
    cell::RefCell,
    env,
    ffi::OsString,
    fs,
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The heading of the options about the program under test, in the help text.
const TESTEE: &str = "Testing";

/// Run the suite against this toolkit, the program that --testee names, or the consumer that --consumer names.
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
  ce conformance run --consumer kafka://localhost:9092/to-consumer \\
      --echo kafka://localhost:9092/from-consumer

Exit status: 0 conforms, 1 does not, 2 the testee could not be started,
or a report could not be written.")]
pub(crate) struct Run {
    #[command(flatten)]
    select: Select,
    /// Test this program, given as one argument: its name and its arguments.
    #[arg(long, help_heading = TESTEE, value_name = "COMMAND", conflicts_with = "command")]
    testee: Option<String>,
    /// Test this program: its name and its arguments, after `--`.
    #[arg(last = true, help_heading = TESTEE, value_name = "COMMAND")]
    command: Vec<String>,
    /// Expect the cases of this list, of 1 MiB at most, to fail: a pattern, ` # ` and a reason on each line.
    #[arg(long, help_heading = TESTEE, value_name = "FILE")]
    known_failing: Option<PathBuf>,
    /// Rewrite the list of --known-failing: drop cases that pass or no longer exist, add cases that fail, keep comments, reasons and cases
    /// that this run does not judge. Cases that crash, hang or break the protocol are not added.
    #[arg(long, help_heading = TESTEE, requires = "known_failing")]
    update_known_failing: bool,
    /// Response timeout in seconds, also for the start of the testee [default: 10, and 60 for the start].
    #[arg(long, help_heading = TESTEE, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: Option<u64>,
    /// Timeout in seconds for the start of the testee, if it differs.
    #[arg(long, help_heading = TESTEE, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    start_limit: Option<u64>,
    /// Give events other ids and hosts other names, and send the cases in another order and with other numbers. A testee that looks up
    /// published requests, or answers by their position, fails then. `SEED` stands for the names and the order of that number, `off` for
    /// the published ones. A varied run does not prove an adapter honest. Reports name the seed [default: a seed of its own for each run
    /// where the variable CI is set, otherwise off].
    #[arg(long, help_heading = TESTEE, value_name = "SEED|off", value_parser = vary)]
    vary: Option<Vary>,
    /// Only check that the testee follows the protocol. There is no result for a report.
    #[arg(long, help_heading = TESTEE, conflicts_with_all = ["junit", "html", "badge", "ndjson"])]
    smoke: bool,
    #[command(flatten)]
    consumer: Consumer,
    #[command(flatten)]
    reports: Reports,
}

pub(crate) fn run(command: &Run, console: &Console) -> Result<Status, Failure> {
    if command.smoke {
        return check(&mut *testee_of(command)?, console);
    }
    let ran = RefCell::new(Vec::new());
    let Ran { suite, listed, ended } = command.reports.begin(console, || judge(command, &ran, console))?;
    if let Some(path) = command.known_failing.as_ref().filter(|_| command.update_known_failing) {
        if ended.summary.problems.iter().any(|problem| matches!(problem, Problem::GaveUp { .. })) {
            let words = format!("`{}` stays as it is: not every case was asked", path.display());
            return Err(Failure::usage(words)
                .help("repair first what ended the run, or raise --time-limit or --start-limit"));
        }
        let updated = KnownFailing::updated(&listed, &suite, &ran.into_inner())
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        fs::write(path, &updated.text).map_err(|error| Failure::unwritable(path, &error))?;
        tell(&updated, path, ended.summary.number(Verdict::Crashed), console);
    }
    ended.status()
}

/// The results of the run of a suite.
struct Ran {
    suite: Suite,
    /// The list of known failures as it was.
    listed: String,
    ended: Ended,
}

fn judge(command: &Run, ran: &Judged, console: &Console) -> Result<Ran, Failure> {
    let official = command.select.official.as_deref();
    let suite = match command.vary.unwrap_or_else(|| vary_in(env::var_os("CI"))) {
        Vary::Seed(seed) => suite(official)?.varied(seed),
        Vary::Off => suite(official)?,
    };
    let suite = command.consumer.observed(suite)?;
    let listed = match &command.known_failing {
        // A list that is about to be written need not be there.
        Some(path) if command.update_known_failing && !path.exists() => String::new(),
        Some(path) => readable(path)?,
        None => String::new(),
    };
    let known = parsed(&listed, command.known_failing.as_deref())?;
    let mut testee = testee_of(command)?;
    let more: Option<Box<dyn Reporter + '_>> =
        command.update_known_failing.then(|| Box::new(Failures(ran)) as Box<dyn Reporter + '_>);
    let selection = command.select.selection();
    let ended = command.reports.run(&suite, &selection, &known, &mut *testee, more, console)?;
    Ok(Ran { suite, listed, ended })
}

/// Says how a list of known failures has changed. `broken`: how many cases broke down and are not on it.
fn tell(updated: &Updated, path: &Path, broken: usize, console: &Console) {
    let note = |words: String| console.report(&Report::note(words));
    for pattern in &updated.passing {
        let is_case = !pattern.as_str().contains('*');
        let words =
            if is_case { "passes, and was removed from" } else { "passes in part, and was replaced in" };
        note(format!("`{pattern}` {words} the list"));
    }
    for pattern in &updated.gone {
        note(format!("`{pattern}` matches no case, and was removed from the list"));
    }
    for pattern in &updated.disputed {
        note(format!("`{pattern}` has no effect: its cases are disputed, and no profile judges them"));
    }
    if broken > 0 {
        let report = Report::note(format!("{} without a valid answer are not listed", count(broken, "case")));
        console.report(
            &report.help("repair the adapter; what the implementation itself does there, list by hand"),
        );
    }
    let removed = updated.passing.len() + updated.gone.len();
    console.say(&format!("`{}`: {} added, {removed} removed", path.display(), updated.added));
}

/// How the cases differ from the published ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vary {
    Off,
    Seed(u64),
}

fn vary(text: &str) -> Result<Vary, String> {
    match text {
        "off" => Ok(Vary::Off),
        text => text.parse().map(Vary::Seed).map_err(|_| "expected a number, or off".to_owned()),
    }
}

/// The default, by the variable that CI systems set.
fn vary_in(ci: Option<OsString>) -> Vary {
    match ci.as_deref().and_then(|ci| ci.to_str()) {
        None | Some("" | "0" | "false") => Vary::Off,
        // Readers of JSON may hold numbers as doubles, whose integers have 53 bits.
        Some(_) => Vary::Seed(RandomState::new().hash_one(0) >> 11),
    }
}

/// The id of each case that ran and was judged, and the cause of its failure, if it failed.
type Judged = RefCell<Vec<(String, Option<String>)>>;

/// Keeps the cases that were judged.
struct Failures<'a>(&'a Judged);

impl Reporter for Failures<'_> {
    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let cause = match &report.finding {
            // It does not fail.
            _ if report.verdict == Verdict::Abstained => None,
            Finding::Unsupported(_) | Finding::Uncovered(_) | Finding::Unasked(_) => return Ok(()),
            // Other profiles judge it.
            Finding::Passed | Finding::Failed(_) if !report.judged => return Ok(()),
            Finding::Passed => None,
            Finding::Failed(failure) => Some(failure.cause()),
            // A line that is no answer is most likely the adapter's, and most cases would fail in this way. A user can list the case.
            Finding::Crashed(_) if report.known_failing.is_none() => return Ok(()),
            Finding::Crashed(breakdown) => Some(breakdown.kind.as_str().to_owned()),
            Finding::Declined(reason) | Finding::Inexpressible(reason) => Some(format!("declined: {reason}")),
            _ => None,
        };
        self.0.borrow_mut().push((report.case.id.clone(), cause));
        Ok(())
    }

    fn finished(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

/// The toolkit in process, a program, or a consumer.
fn testee_of(command: &Run) -> Result<Box<dyn Testee>, Failure> {
    if let Some(consumer) = command.consumer.testee(command.time_limit, command.start_limit)? {
        return Ok(consumer);
    }
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

pub(super) fn readable(path: &Path) -> Result<String, Failure> {
    input::text(path, input::SMALL)
}

pub(super) fn parsed(text: &str, path: Option<&Path>) -> Result<KnownFailing, Failure> {
    let shown = path.map(Path::display).map(|path| format!("{path}: ")).unwrap_or_default();
    text.parse().map_err(|error| Failure::usage(format!("{shown}{error}")))
}

fn check(testee: &mut dyn Testee, console: &Console) -> Result<Status, Failure> {
    let checks = smoke(testee);
    let mut out = Shown(console.out());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_vary_in_ci() {
        for off in [None, Some(""), Some("0"), Some("false")] {
            assert_eq!(vary_in(off.map(OsString::from)), Vary::Off);
        }
        let seeds: Vec<_> = (0..8).map(|_| vary_in(Some("true".into()))).collect();
        assert!(seeds.iter().all(|vary| matches!(vary, Vary::Seed(0..0x20_0000_0000_0000))), "{seeds:?}");
        // There are too many seeds to try them all.
        assert!(seeds.iter().any(|vary| matches!(vary, Vary::Seed(0x1_0000_0000..))), "{seeds:?}");
        assert_eq!((vary("7"), vary("off")), (Ok(Vary::Seed(7)), Ok(Vary::Off)));
        assert!(vary("on").is_err());
    }
}
