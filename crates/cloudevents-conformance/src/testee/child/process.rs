//! A running child process and the threads at its ends.

use std::io::{self, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::lines::{self, Line};
use super::tail::Tail;
use super::{Breakdown, BreakdownKind};
use crate::compare::shortened;

/// How long a process that has closed its standard output may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// The limits of a testee.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The time of a request.
    pub(super) request: Duration,
    /// The bytes of an answer.
    pub(super) line: usize,
    /// The bytes of standard error that are kept.
    pub(super) diagnostics: usize,
}

/// A running process. Threads read and write, so that neither can outlast a time limit. They end with the process, without a wait.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    requests: Option<SyncSender<String>>,
    answers: Receiver<Line>,
    diagnostics: Tail,
    line_limit: usize,
}

impl Process {
    pub(super) fn start(command: &mut Command, limits: Limits) -> io::Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the process has no standard input, output or error"));
        };
        Ok(Process {
            child,
            requests: Some(writer(stdin)),
            answers: reader(stdout, limits.line),
            diagnostics: Tail::of(stderr, limits.diagnostics)?,
            line_limit: limits.line,
        })
    }

    pub(super) fn call(&mut self, request: &str, limit: Duration) -> Result<String, Breakdown> {
        match self.requests.as_ref().map(|requests| requests.try_send(format!("{request}\n"))) {
            Some(Ok(())) => (),
            Some(Err(TrySendError::Full(_))) => return Err(unread()),
            Some(Err(TrySendError::Disconnected(_))) | None => return Err(self.crashed()),
        }
        match self.answers.recv_timeout(limit) {
            Ok(Line::Text(answer)) => Ok(answer),
            Ok(Line::NotText) => Err(Breakdown::garbage("it is not UTF-8")),
            Ok(Line::TooLong) => {
                Err(Breakdown::garbage(format!("it is longer than {} bytes", self.line_limit)))
            }
            Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => Err(self.crashed()),
            Err(RecvTimeoutError::Timeout) => Err(Breakdown::hung(limit)),
        }
    }

    /// Asks the process to end, which it does with status 0.
    pub(super) fn stop(&mut self, limit: Duration) -> Result<(), Breakdown> {
        let deadline = Instant::now() + limit;
        // Taken, so that standard input closes behind the request.
        if let Some(requests) = self.requests.take() {
            // A process that is gone by now is seen below.
            if let Err(TrySendError::Full(_)) = requests.try_send("{\"cmd\":\"stop\"}\n".to_owned()) {
                return Err(unread());
            }
        }
        match self.answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => {}
            Ok(Line::Text(line)) => {
                let line = shortened(&line);
                return Err(Breakdown::garbage(format!(
                    "a line beyond its answers, before it ended: {line}"
                )));
            }
            Ok(Line::NotText | Line::TooLong) => {
                return Err(Breakdown::garbage("a line beyond its answers, before it ended"));
            }
            Err(RecvTimeoutError::Timeout) => {
                let detail = format!("still there {limit:?} after `stop`");
                return Err(Breakdown::new(BreakdownKind::Hung, detail));
            }
        }
        match self.status() {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(None) => {
                let detail = format!("still there {GRACE:?} after it closed its standard output");
                Err(Breakdown::new(BreakdownKind::Hung, detail))
            }
            Ok(Some(status)) => {
                Err(Breakdown::new(BreakdownKind::Crashed, format!("after `stop` it ended with {status}")))
            }
            Err(error) => Err(Breakdown::new(BreakdownKind::Crashed, error.to_string())),
        }
    }

    /// Returns the standard error of the process since the last call.
    pub(super) fn diagnostics(&self) -> String {
        self.diagnostics.take()
    }

    /// Kills the process, and returns its standard error.
    pub(super) fn end(mut self) -> String {
        self.kill();
        self.diagnostics.wait(GRACE);
        self.diagnostics.take()
    }

    fn crashed(&mut self) -> Breakdown {
        let detail = match self.status() {
            Ok(Some(status)) => format!("no answer, and it ended with {status}"),
            Ok(None) => format!(
                "no answer: it closed its standard output and did not end in {GRACE:?}, so the harness ended it"
            ),
            Err(error) => format!("no answer, and its end is not known: {error}"),
        };
        Breakdown::new(BreakdownKind::Crashed, detail)
    }

    /// The status of a process that has closed its standard output. If it does not end by itself, it is killed, and has no status.
    fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        let begin = Instant::now();
        // A process closes standard error when it ends, if not before.
        self.diagnostics.wait(GRACE);
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(Some(status)),
                None if begin.elapsed() < GRACE => thread::sleep(Duration::from_millis(5)),
                None => break,
            }
        }
        self.kill();
        self.child.wait().map(|_| None)
    }

    fn kill(&mut self) {
        // It may have ended, and then there is nothing to kill.
        let _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Collected, so that no dead process stays in the system's table.
        let _ = self.child.wait();
    }
}

/// The next request waits to be written. A testee that has read the request before it has made room for it.
fn unread() -> Breakdown {
    Breakdown::garbage("it answered a request that it has not read")
}

fn writer(mut stdin: ChildStdin) -> SyncSender<String> {
    let (requests, queue) = sync_channel::<String>(1);
    thread::spawn(move || {
        for request in queue {
            // A request that is not read has no answer either. The other end notices that.
            if stdin.write_all(request.as_bytes()).and_then(|()| stdin.flush()).is_err() {
                return;
            }
        }
    });
    requests
}

/// The lines of a stream. One at most waits to be taken, so that a testee that writes without end fills no memory.
fn reader(stdout: ChildStdout, limit: usize) -> Receiver<Line> {
    let (lines, answers) = sync_channel(1);
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        loop {
            let line = lines::read(&mut stdout, limit).unwrap_or(Line::End);
            let last = matches!(line, Line::End | Line::TooLong);
            if lines.send(line).is_err() || last {
                return;
            }
        }
    });
    answers
}
