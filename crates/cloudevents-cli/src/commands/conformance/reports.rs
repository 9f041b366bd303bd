//! Runs a suite, with the reports that the user has requested.

use crate::{console::Console, failure::Failure, global::Output, progress::Progress, report::Report};
use clap::Args;
use cloudevents_conformance::{
    CaseReport, JunitReport, KnownFailing, NdjsonReport, Reporter, RunError, RunRecord, Selection, Start,
    Suite, Summary, TerminalReport, Testee, badge, html, run,
};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Where results are written besides standard output.
#[derive(Args, Debug)]
#[command(next_help_heading = "Reports")]
pub(super) struct Reports {
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
    /// Also list the cases that pass, are skipped or are known to fail.
    #[arg(long)]
    all: bool,
}

impl Reports {
    /// Runs a suite. `more` gets every result as well.
    pub(super) fn run(
        &self,
        suite: &Suite,
        selection: &Selection,
        known: &KnownFailing,
        testee: &mut dyn Testee,
        more: Option<Box<dyn Reporter + '_>>,
        console: &Console,
    ) -> Result<Summary, Failure> {
        let mut collected = Vec::new();
        let mut reporters: Vec<Box<dyn Reporter + '_>> = Vec::new();
        match console.output() {
            Output::Pretty => reporters.push(Box::new(
                TerminalReport::new(console.out())
                    .colour(console.paint().0)
                    .all(self.all)
                    .width(console.columns()),
            )),
            Output::Json => reporters.push(ndjson(console.out())),
            Output::Yaml => {
                return Err(Failure::usage("a run cannot be written as YAML")
                    .help("use --output json, or --junit FILE"));
            }
        }
        if let Some(path) = &self.junit {
            reporters.push(Box::new(JunitReport::new(BufWriter::new(created(path)?))));
        }
        if let Some(path) = &self.ndjson {
            reporters.push(ndjson(BufWriter::new(created(path)?)));
        }
        let page = self.html.as_deref().map(created).transpose()?;
        if page.is_some() {
            reporters.push(ndjson(&mut collected));
        }
        reporters.extend(more);
        let mut watched = Watched { to: reporters, progress: None, console };
        let summary = run(suite, selection, known, testee, &mut watched).map_err(came_to_no_end)?;
        drop(watched);
        if console.output() != Output::Pretty {
            for problem in &summary.problems {
                console.report(&Report::new(problem.to_string()));
            }
            console.say(&summary.to_string());
        }
        if let Some(mut file) = page {
            let record = RunRecord::parse(&String::from_utf8_lossy(&collected)).map_err(Failure::usage)?;
            file.write_all(html(&[record], suite).as_bytes())?;
        }
        if let Some(path) = &self.badge {
            created(path)?.write_all(badge(&summary).as_bytes())?;
        }
        Ok(summary)
    }
}

fn ndjson<'a>(out: impl Write + 'a) -> Box<dyn Reporter + 'a> {
    let out: Box<dyn Write + 'a> = Box::new(out);
    Box::new(NdjsonReport::new(out))
}

fn created(path: &Path) -> Result<File, Failure> {
    File::create(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))
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
