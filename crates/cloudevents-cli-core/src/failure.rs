//! Exit statuses and failures.

use crate::{console::Console, report::Report};
use std::{io, path::Path, process::ExitCode};

/// The exit status, ordered by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// 0: done.
    #[default]
    Done,
    /// 1: a check failed.
    No,
    /// 2: wrong usage or unreadable input.
    Usage,
    /// 3: the network or a broker failed.
    Network,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command cannot continue.
#[derive(Debug)]
pub enum Failure {
    /// The reader of standard output closed the pipe.
    Pipe,
    /// A report and its exit status.
    Told(Status, Box<Report>),
}

impl Failure {
    /// Creates a failure for wrong usage or unreadable input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// Creates a failure with this exit status.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self::Told(status, Box::new(Report::new(message)))
    }

    /// Creates a failure for a file or a folder that cannot be written.
    pub fn unwritable(path: &Path, error: &io::Error) -> Self {
        Self::usage(format!("`{}` cannot be written: {error}", path.display()))
    }

    /// Sets the exit status.
    pub(crate) fn status(self, status: Status) -> Self {
        match self {
            Self::Told(_, report) => Self::Told(status, report),
            Self::Pipe => Self::Pipe,
        }
    }

    /// Adds how to fix it.
    pub fn help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Told(status, report) => Self::Told(status, Box::new(report.help(help))),
            Self::Pipe => Self::Pipe,
        }
    }

    /// Puts the subject of the report before the detail.
    pub fn about(self, what: &str) -> Self {
        match self {
            Self::Told(status, report) => Self::Told(status, Box::new(report.about(what))),
            Self::Pipe => Self::Pipe,
        }
    }

    /// Returns the message and its detail in one line.
    pub fn message(&self) -> String {
        match self {
            Self::Pipe => "the pipe is closed".to_owned(),
            Self::Told(_, report) => report.one_line(),
        }
    }

    /// Writes the report to standard error, and returns the exit status.
    pub fn tell(self, console: &Console) -> Status {
        match self {
            // Reports that were made until then count. If the status is a verdict on all of the input, see `unread`.
            Self::Pipe => Status::Done,
            Self::Told(status, report) => {
                console.report(&report);
                status
            }
        }
    }
}

/// Continues if the reader of standard output has left, such as `head`: a verdict counts even if nothing reads the rest.
pub fn unread(written: Result<(), Failure>) -> Result<(), Failure> {
    match written {
        Err(Failure::Pipe) => Ok(()),
        written => written,
    }
}

/// Converts errors of writing to standard output, the only IO errors that are not handled where they occur.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::usage(format!("standard output cannot be written: {error}")),
        }
    }
}
