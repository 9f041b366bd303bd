//! Runs a suite, with the reports that the user has requested.

use crate::{
    console::Console,
    failure::{Failure, Status},
    global::Output,
    progress::Progress,
    report::Report,
};
use clap::Args;
use cloudevents_conformance::{
    CaseReport, JunitReport, KnownFailing, NdjsonReport, Reporter, RunError, RunRecord, Selection, Start,
    Suite, Summary, TerminalReport, Testee, badge, html, run,
};
use std::{
    fs::{self, File},
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
    /// Begins the work that leads to a result.
    ///
    /// If it fails, files of an earlier run would stay. So the requested files state that there is no result, and why.
    pub(super) fn begin<T>(
        &self,
        console: &Console,
        begun: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let begun = self.writable(console).and_then(|()| begun());
        begun.inspect_err(|failure| self.write_failure(&failure.message()))
    }

    /// Whether all requested reports can be written.
    fn writable(&self, console: &Console) -> Result<(), Failure> {
        if console.output() == Output::Yaml {
            return Err(
                Failure::usage("a run cannot be written as YAML").help("use --output json, or --junit FILE")
            );
        }
        for path in [&self.junit, &self.html, &self.badge, &self.ndjson].into_iter().flatten() {
            // Nothing in it changes before there is something to write.
            File::options()
                .append(true)
                .create(true)
                .open(path)
                .map_err(|error| Failure::unwritable(path, &error))?;
        }
        Ok(())
    }

    /// The files of a run that could not start. The caller reports the failure itself, so a failure to write is not reported.
    fn write_failure(&self, why: &str) {
        // With the standard error of a testee, it may be long.
        let summary = Summary::not_started(why.chars().take(500).collect::<String>());
        if let Some(path) = &self.badge {
            let _ = fs::write(path, badge(&summary));
        }
        if let Some(file) = self.junit.as_deref().and_then(|path| File::create(path).ok()) {
            let _ = JunitReport::new(BufWriter::new(file)).finished(&summary);
        }
        let mut record = Vec::new();
        let start = serde_json::json!({"type": "start", "vectors": summary.provenance.vectors, "suite": summary.provenance.suite, "date": summary.provenance.date});
        let _ = writeln!(record, "{start}");
        let _ = NdjsonReport::new(&mut record).finished(&summary);
        if let Some(path) = &self.ndjson {
            let _ = fs::write(path, &record);
        }
        if let Some(path) = &self.html
            && let (Ok(run), Ok(suite)) =
                (RunRecord::parse(&String::from_utf8_lossy(&record)), super::suite(None))
        {
            let _ = fs::write(path, html(&[run], &suite));
        }
    }

    /// Runs a suite. `more` gets every result as well.
    ///
    /// Fails only if the run could not start. A report that cannot be written leaves the verdict and the other reports intact.
    pub(super) fn run(
        &self,
        suite: &Suite,
        selection: &Selection,
        known: &KnownFailing,
        testee: &mut dyn Testee,
        more: Option<Box<dyn Reporter + '_>>,
        console: &Console,
    ) -> Result<Ended, Failure> {
        let mut collected = Vec::new();
        let mut reporters: Vec<Box<dyn Reporter + '_>> = Vec::new();
        match console.output() {
            Output::Pretty => reporters.push(Box::new(
                TerminalReport::new(Shown(console.out()))
                    .colour(console.paint().0)
                    .all(self.all)
                    .width(console.columns()),
            )),
            _ => reporters.push(ndjson(Shown(console.out()))),
        }
        if let Some(path) = &self.junit {
            reporters.push(Box::new(JunitReport::new(Late::of(path))));
        }
        if let Some(path) = &self.ndjson {
            reporters.push(ndjson(Late::of(path)));
        }
        if self.html.is_some() {
            reporters.push(ndjson(&mut collected));
        }
        reporters.extend(more);
        let mut watched = Watched { to: reporters, unwritten: None, progress: None, console };
        let summary = run(suite, selection, known, testee, &mut watched).map_err(came_to_no_end)?;
        let mut unwritten = watched.unwritten.take().map(|error| Failure::usage(error.to_string()));
        drop(watched);
        if console.output() != Output::Pretty {
            for problem in &summary.problems {
                console.report(&Report::new(problem.to_string()));
            }
            console.say(&summary.to_string());
        }
        if let Some(path) = &self.html {
            let record = RunRecord::parse(&String::from_utf8_lossy(&collected)).map_err(io::Error::other);
            let written = record.and_then(|record| fs::write(path, html(&[record], suite)));
            unwritten = unwritten.or_else(|| written.err().map(|error| Failure::unwritable(path, &error)));
        }
        if let Some(path) = &self.badge {
            let written = fs::write(path, badge(&summary));
            unwritten = unwritten.or_else(|| written.err().map(|error| Failure::unwritable(path, &error)));
        }
        Ok(Ended { summary, unwritten })
    }
}

/// A run that came to its end.
pub(super) struct Ended {
    pub(super) summary: Summary,
    /// Why the first report that is not complete could not be written.
    unwritten: Option<Failure>,
}

impl Ended {
    /// The verdict, if all its reports could be written.
    pub(super) fn status(self) -> Result<Status, Failure> {
        match self.unwritten {
            Some(failure) => Err(failure),
            None if self.summary.is_success() => Ok(Status::Done),
            None => Ok(Status::No),
        }
    }
}

fn ndjson<'a>(out: impl Write + 'a) -> Box<dyn Reporter + 'a> {
    let out: Box<dyn Write + 'a> = Box::new(out);
    Box::new(NdjsonReport::new(out))
}

/// The error, with the name of the file that cannot be written.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}` cannot be written: {error}", path.display()))
}

/// Standard output. If its reader leaves, such as `head`, the run continues: the exit status and the files show how it ends.
pub(super) struct Shown<W>(pub(super) W);

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        shown(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        shown(self.0.flush(), ())
    }
}

fn shown<T>(written: io::Result<T>, unread: T) -> io::Result<T> {
    written.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(unread),
        kind => Err(io::Error::new(kind, format!("standard output cannot be written: {error}"))),
    })
}

/// A file that keeps its content until the first write: when the testee has started, or when the run is over.
struct Late<'a> {
    path: &'a Path,
    file: Option<BufWriter<File>>,
}

impl<'a> Late<'a> {
    fn of(path: &'a Path) -> Self {
        Self { path, file: None }
    }
}

impl Write for Late<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            Some(file) => file.write(bytes),
            file => File::create(self.path).and_then(|new| file.insert(BufWriter::new(new)).write(bytes)),
        };
        written.map_err(|error| named(self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|error| named(self.path, &error))
    }
}

fn came_to_no_end(error: RunError) -> Failure {
    match error {
        RunError::NotStarted { .. } => Failure::usage(error.to_string())
            .help("`ce conformance run --smoke` checks the basics of the protocol"),
        _ => Failure::usage(error.to_string()),
    }
}

/// Reporters with a bar of progress between them and the terminal.
struct Watched<'a> {
    to: Vec<Box<dyn Reporter + 'a>>,
    /// Why the first report that is not complete could not be written.
    unwritten: Option<io::Error>,
    progress: Option<Progress>,
    console: &'a Console,
}

impl Watched<'_> {
    /// Passes each report to every reporter. A reporter that cannot write gets nothing more.
    fn each(&mut self, mut report: impl FnMut(&mut dyn Reporter) -> io::Result<()>) {
        self.to.retain_mut(|reporter| match report(&mut **reporter) {
            Ok(()) => true,
            Err(error) => {
                self.unwritten.get_or_insert(error);
                false
            }
        });
    }
}

impl Reporter for Watched<'_> {
    fn started(&mut self, start: &Start<'_>) -> io::Result<()> {
        self.progress = Some(Progress::new(self.console, Some(start.cases), "cases"));
        self.each(|reporter| reporter.started(start));
        Ok(())
    }

    fn asked(&mut self) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.step();
        }
        self.each(|reporter| reporter.asked());
        Ok(())
    }

    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let progress = self.progress.take();
        match &progress {
            Some(progress) => progress.suspend(|| self.each(|reporter| reporter.case(report))),
            None => self.each(|reporter| reporter.case(report)),
        }
        self.progress = progress;
        Ok(())
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        self.progress = None;
        self.each(|reporter| reporter.finished(summary));
        Ok(())
    }
}
