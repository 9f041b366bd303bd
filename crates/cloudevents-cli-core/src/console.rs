//! Standard output and standard error: forms, colours and the exit status.

use crate::{
    aside::{Aside, WAITING},
    failure::Status,
    global::{ColorChoice, ErrorFormat, Global, Output},
    report::Report,
    style::Paint,
    timestamp,
};
use std::{
    cell::Cell,
    io::{self, BufWriter, IsTerminal, StdoutLock, Write},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// The output of commands. A clone is for another thread, and remembers an exit status of its own.
#[derive(Clone, Debug)]
pub struct Console {
    output: Option<Output>,
    errors: ErrorFormat,
    quiet: bool,
    terminal: bool,
    /// Colour on standard output and on standard error.
    color: (bool, bool),
    /// Columns of the terminal, if standard error is one.
    width: Option<usize>,
    /// Columns of standard output.
    columns: usize,
    remembered: Cell<Status>,
    /// Whether the last report had several lines: a blank line goes before the next one.
    apart: Cell<bool>,
    /// Where standard error goes, unless it is written at once. All clones and notes share it.
    aside: Arc<OnceLock<Aside>>,
    /// Whether the log has lines of level `info`. All clones share it.
    informs: Arc<AtomicBool>,
}

impl Console {
    /// Creates the console for these options, the environment and the terminal.
    pub fn new(global: &Global) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        anstyle_query::windows::enable_ansi_colors();
        let color = |terminal: bool| match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                !anstyle_query::no_color()
                    && (anstyle_query::clicolor_force()
                        || terminal
                            && anstyle_query::term_supports_ansi_color()
                            && anstyle_query::clicolor().unwrap_or(true))
            }
        };
        Self {
            output: global.output,
            errors: global.error_format,
            quiet: global.quiet,
            terminal: out,
            color: (color(out), color(err)),
            width: err.then(|| width(io::stderr())),
            columns: width(io::stdout()),
            remembered: Cell::default(),
            apart: Cell::default(),
            aside: Arc::default(),
            informs: Arc::default(),
        }
    }

    /// Whether the log has lines of level `info`. Then a command also reports its successes.
    pub fn informs(&self) -> bool {
        self.informs.load(Ordering::Relaxed)
    }

    pub(crate) fn set_informs(&self, informs: bool) {
        self.informs.store(informs, Ordering::Relaxed);
    }

    /// Returns the form of data: the requested one, else `Pretty` on a terminal and `Json` elsewhere.
    pub fn output(&self) -> Output {
        self.output.unwrap_or(if self.terminal { Output::Pretty } else { Output::Json })
    }

    /// Returns the form of data that was requested, if one was.
    pub fn requested(&self) -> Option<Output> {
        self.output
    }

    /// Whether standard output is a terminal.
    pub(crate) fn is_shown(&self) -> bool {
        self.terminal
    }

    /// Returns standard output, buffered.
    pub fn out(&self) -> BufWriter<StdoutLock<'static>> {
        BufWriter::with_capacity(64 << 10, io::stdout().lock())
    }

    /// Returns the form of reports.
    pub(crate) fn format(&self) -> ErrorFormat {
        self.errors
    }

    /// Returns the styles of standard output.
    pub fn paint(&self) -> Paint {
        Paint(self.color.0)
    }

    /// Returns the columns of standard output: the columns of the terminal, or 80.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether to show progress: on a terminal, with errors as text.
    pub(crate) fn shows_progress(&self) -> bool {
        self.width.is_some() && !self.quiet && self.errors == ErrorFormat::Text
    }

    /// Writes an error, a warning or a note to standard error.
    pub fn report(&self, report: &Report) {
        if self.quiet && !report.is_error() {
            return;
        }
        let text = match self.errors {
            ErrorFormat::Text => {
                let text = report.to_text(Paint(self.color.1), self.width);
                let several = text.lines().nth(1).is_some();
                if self.apart.replace(several) { format!("\n{text}") } else { text }
            }
            ErrorFormat::Json => report.to_json(),
        };
        put(self.aside.get(), text);
    }

    /// Writes an error to standard error, and remembers the exit status for the end.
    pub fn error(&self, status: Status, report: &Report) {
        self.remember(status);
        self.report(report);
    }

    /// Remembers an exit status for the end.
    pub fn remember(&self, status: Status) {
        self.remembered.set(self.remembered.get().max(status));
    }

    /// Returns the most severe exit status remembered so far.
    pub fn remembered(&self) -> Status {
        self.remembered.get()
    }

    /// Writes a line of text to standard error, unless errors are written as JSON.
    pub fn say(&self, text: &str) {
        if !self.quiet && self.errors == ErrorFormat::Text {
            let break_ = if self.apart.replace(false) { "\n" } else { "" };
            put(self.aside.get(), format!("{break_}{text}\n"));
        }
    }

    /// Writes a blank line to the terminal after a report with several lines. Data behind the report would not stand out otherwise.
    pub(crate) fn separate(&self) {
        if self.terminal && self.width.is_some() && self.apart.replace(false) {
            put(self.aside.get(), "\n".to_owned());
        }
    }

    /// From now on, a thread writes standard error: if nothing reads it, reports are left out, and the command continues.
    pub fn write_aside(&self) {
        self.write_by_thread(WAITING);
    }

    /// As [`write_aside`](Self::write_aside), but nothing is left out: for bounded output that a reader needs in whole.
    pub fn write_all_aside(&self) {
        self.write_by_thread(usize::MAX);
    }

    fn write_by_thread(&self, most: usize) {
        if self.aside.get().is_none()
            && let Some(aside) = Aside::start(self.errors, most)
        {
            let _ = self.aside.set(aside);
        }
    }

    /// Waits until everything is written, however late it is read.
    pub fn finish(&self) {
        self.aside.get().into_iter().for_each(Aside::finish);
    }

    /// Returns a writer of notes for other threads.
    pub fn notes(&self) -> Notes {
        Notes { errors: self.errors, quiet: self.quiet, aside: Arc::clone(&self.aside) }
    }

    /// Writes a line of text, or an object with `severity` `note` and these members, to standard error.
    pub fn announce(&self, text: &str, members: serde_json::Value) {
        if self.errors == ErrorFormat::Text {
            self.say(text);
        } else {
            self.notes().announce(text, members);
        }
    }
}

/// Waiting texts are written before the program ends, if standard error is read.
impl Drop for Console {
    fn drop(&mut self) {
        self.aside.get().into_iter().for_each(Aside::flush);
    }
}

fn note(text: &str) -> serde_json::Value {
    serde_json::json!({"severity": "note", "message": text, "timestamp": timestamp::now()})
}

/// Writes a text to standard error: at once, or by a thread.
fn put(aside: Option<&Aside>, text: String) {
    match aside {
        Some(aside) => aside.write(text),
        // If standard error is closed, nothing can be reported.
        None => drop(io::stderr().lock().write_all(text.as_bytes())),
    }
}

/// Writes notes to standard error from any thread.
#[derive(Clone, Debug)]
pub struct Notes {
    errors: ErrorFormat,
    quiet: bool,
    aside: Arc<OnceLock<Aside>>,
}

impl Notes {
    /// Writes a line of text, or an object with `severity` `note`.
    pub fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        let line = match self.errors {
            ErrorFormat::Text => format!("{text}\n"),
            ErrorFormat::Json => {
                format!("{}\n", note(text))
            }
        };
        self.put(line);
    }

    /// Writes a line of text, or an object with `severity` `note` and these members.
    pub fn announce(&self, text: &str, members: serde_json::Value) {
        if self.errors == ErrorFormat::Text {
            self.say(text);
        } else if !self.quiet {
            let mut line = note(text);
            if let (Some(line), serde_json::Value::Object(members)) = (line.as_object_mut(), members) {
                line.extend(members);
            }
            self.put(format!("{line}\n"));
        }
    }

    /// Writes a text as it is, even with `--quiet`.
    pub(crate) fn put(&self, text: String) {
        put(self.aside.get(), text);
    }

    /// Writes the last line of the program, and the texts that wait before it, if standard error is read.
    pub fn say_last(&self, text: &str) {
        self.say(text);
        self.aside.get().into_iter().for_each(Aside::flush);
    }
}

/// Returns the columns of standard output, as a terminal: `COLUMNS` if set, else its width, else 80. The least is 40.
pub fn stdout_columns() -> usize {
    width(io::stdout())
}

/// Returns the columns of a terminal: `COLUMNS` if set, else its actual width, else 80; at least 40.
#[cfg(unix)]
fn width(stream: impl std::os::fd::AsFd) -> usize {
    columns(|| terminal_size::terminal_size_of(stream))
}

/// Returns the columns of a terminal: `COLUMNS` if set, else its actual width, else 80; at least 40.
#[cfg(windows)]
fn width(stream: impl std::os::windows::io::AsHandle) -> usize {
    columns(|| terminal_size::terminal_size_of(stream))
}

fn columns(actual: impl FnOnce() -> Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    let requested = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let found = || actual().map(|(width, _)| usize::from(width.0));
    requested.or_else(found).unwrap_or(80).max(40)
}
