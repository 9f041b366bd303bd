//! How the program ends.

use crate::{console::Console, report::Report};
use std::{io, process::ExitCode};

/// The exit status. The order is that of gravity: what is remembered never gets better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// 0: done.
    #[default]
    Done,
    /// 1: the answer is no.
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

/// Why a command cannot go on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads standard output any more.
    Pipe,
    /// Something to tell, and the exit status that goes with it.
    Told(Status, Box<Report>),
}

impl Failure {
    /// Wrong usage or unreadable input.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// With this exit status.
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self::Told(status, Box::new(Report::new(message)))
    }

    /// What to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Told(status, report) => Self::Told(status, Box::new(report.help(help))),
            Self::Pipe => Self::Pipe,
        }
    }

    /// Tells it on standard error.
    pub(crate) fn tell(self, console: &Console) -> Status {
        match self {
            Self::Pipe => Status::Done,
            Self::Told(status, report) => {
                console.report(&report);
                status
            }
        }
    }
}

/// Of writing to standard output, which is the only IO whose errors are not looked at where they occur.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::usage(format!("standard output cannot be written: {error}")),
        }
    }
}
