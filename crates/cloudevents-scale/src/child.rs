//! Programs that are measured, as children.

use crate::{failure::Result, judge::Judge, load::number};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::sleep};

/// How long the program may take to end.
const END: Duration = Duration::from_secs(40);
/// How many of its last lines are shown where it fails.
const LINES: usize = 6;

/// A program with arguments. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    errors: File,
}

/// The memory and processor time that the program took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// The most memory that was resident, in MB.
    pub(crate) memory: f64,
    /// Seconds of processor time.
    pub(crate) processor: f64,
}

impl Program {
    /// Starts `ce`. With a judge, the output of the program goes there.
    pub(crate) fn ce(arguments: &[String], judge: Option<&Arc<Judge>>) -> Result<Self> {
        let program = std::env::var("CE").map_err(|_| "CE is not set: it names the program")?;
        Self::start(&program, arguments, Stdio::null(), judge)
    }

    /// Starts another program, with this input. With a judge, the output of the program goes there.
    pub(crate) fn start(
        program: &str,
        arguments: &[String],
        input: impl Into<Stdio>,
        judge: Option<&Arc<Judge>>,
    ) -> Result<Self> {
        let errors = unnamed()?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(input).stderr(errors.try_clone()?);
        command.stdout(if judge.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn()?;
        if let (Some(judge), Some(output)) = (judge, child.stdout.take()) {
            let judge = Arc::clone(judge);
            std::thread::spawn(move || read(output, &judge));
        }
        Ok(Self { child, errors })
    }

    /// The usage so far.
    pub(crate) fn usage(&self) -> Usage {
        usage(&self.child.id().to_string())
    }

    /// Follows the usage, until the program has ended.
    pub(crate) fn watch(&self) -> Watch {
        let process = self.child.id().to_string();
        let last = Arc::new(Mutex::new(Usage::default()));
        let seen = Arc::clone(&last);
        let watching = tokio::spawn(async move {
            loop {
                let now = usage(&process);
                // A process that has ended has no memory.
                if now.memory > 0.0 {
                    *seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
                }
                sleep(Duration::from_millis(20)).await; // between two looks
            }
        });
        Watch { last, watching }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Interrupts it, and waits for its end. Returns the failure, if its status is not 0: the status, with the last lines that it wrote.
    pub(crate) async fn stop(mut self) -> Result<Option<String>> {
        if self.is_running() {
            Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?;
        }
        self.ended(END).await
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self, patience: Duration) -> Result<Option<String>> {
        let begin = Instant::now();
        while self.is_running() {
            if begin.elapsed() > patience {
                return Ok(Some("it does not end".to_owned()));
            }
            sleep(Duration::from_millis(5)).await; // the standard library cannot wait with a limit
        }
        let status = self.child.wait()?;
        if status.success() {
            return Ok(None);
        }
        let mut text = String::new();
        self.errors.rewind()?;
        self.errors.read_to_string(&mut text)?;
        let last: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).rev().take(LINES).collect();
        Ok(Some(format!("{status}: {}", last.into_iter().rev().collect::<Vec<_>>().join(" | "))))
    }
}

/// The usage of a program, as it was seen last.
#[derive(Debug)]
pub(crate) struct Watch {
    last: Arc<Mutex<Usage>>,
    watching: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn last(&self) -> Usage {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Whether there is a program of this name.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that is gone when it is closed.
fn unnamed() -> Result<File> {
    let path = std::env::temp_dir().join(format!("scale-{}-{:?}", std::process::id(), Instant::now()));
    let file = File::options().read(true).append(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

fn read(output: ChildStdout, judge: &Judge) {
    let (mut output, mut line) = (BufReader::with_capacity(256 << 10, output), Vec::new());
    while matches!(output.read_until(b'\n', &mut line), Ok(1..)) {
        if let Some(number) = number(&line) {
            judge.arrive(number);
        }
        line.clear();
    }
}

/// Of a process, or of `self`.
pub(crate) fn usage(process: &str) -> Usage {
    let read = |file| std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let (status, stat) = (read("status"), read("stat"));
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    // Linux counts in hundredths.
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Usage { memory: memory.unwrap_or(0.0) / 1024.0, processor: ticks / 100.0 }
}
