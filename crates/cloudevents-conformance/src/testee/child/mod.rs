//! A testee in a child process, on its standard input and output.

mod lines;
mod process;
mod tail;

use std::process::Command;
use std::time::Duration;

use super::{Breakdown, BreakdownKind, Testee};
use process::{Limits, Process};

/// A testee in a child process: requests go to its standard input, answers come from its standard output, one a line.
///
/// The process starts with the first request. It is killed when it does not answer in time, and when the value is
/// dropped. If the command is a shell script, start the testee with `exec`: otherwise only the script is killed, not
/// the program that it runs.
///
/// ```no_run
/// use std::process::Command;
/// use std::time::Duration;
///
/// use cloudevents_conformance::ChildTestee;
///
/// let mut command = Command::new("python3");
/// command.arg("adapter.py");
/// let testee = ChildTestee::new(command).time_limit(Duration::from_secs(2));
/// ```
#[derive(Debug)]
pub struct ChildTestee {
    command: Command,
    start_limit: Duration,
    limits: Limits,
    process: Option<Process>,
    diagnostics: String,
}

impl ChildTestee {
    /// Creates a testee that this command runs. The harness replaces its standard input, output and error.
    pub fn new(command: Command) -> Self {
        ChildTestee {
            command,
            start_limit: Duration::from_secs(60),
            limits: Limits { request: Duration::from_secs(10), line: 4 << 20, diagnostics: 16 << 10 },
            process: None,
            diagnostics: String::new(),
        }
    }

    /// Sets how long an answer may take. Default: 10 seconds.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limits.request = limit;
        self
    }

    /// Sets how long the first answer may take, while the process still loads. Default: 60 seconds.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Sets the maximum size of an answer in bytes. Default: 4 MiB.
    pub fn line_limit(mut self, bytes: usize) -> Self {
        self.limits.line = bytes;
        self
    }

    /// Sets how many of the last bytes of its standard error are kept. Default: 16 KiB.
    pub fn diagnostics_limit(mut self, bytes: usize) -> Self {
        self.limits.diagnostics = bytes;
        self
    }

    /// Kills the process if it still runs, and keeps only its standard error.
    fn forget(&mut self) {
        if let Some(process) = self.process.take() {
            self.diagnostics += &process.end();
        }
    }
}

impl Testee for ChildTestee {
    fn call(&mut self, request: &str) -> Result<String, Breakdown> {
        let (process, limit) = match &mut self.process {
            Some(process) => (process, self.limits.request),
            process => {
                let started = Process::start(&mut self.command, self.limits).map_err(|error| {
                    let program = self.command.get_program().to_string_lossy();
                    Breakdown::new(BreakdownKind::NotStarted, format!("{program}: {error}"))
                })?;
                (process.insert(started), self.start_limit)
            }
        };
        let answer = process.call(request, limit);
        if answer.is_err() {
            self.forget();
        }
        answer
    }

    fn restart(&mut self) -> Result<(), Breakdown> {
        self.forget();
        Ok(())
    }

    fn stop(&mut self) -> Result<(), Breakdown> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let stopped = process.stop(self.limits.request);
        self.diagnostics += &process.end();
        stopped
    }

    fn diagnostics(&mut self) -> String {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        if let Some(process) = &self.process {
            diagnostics += &process.diagnostics();
        }
        diagnostics
    }
}
