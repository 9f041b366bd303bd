//! Events on standard output.

use crate::{
    console::Console,
    failure::{Failure, Status},
    global::Output,
    json_view, show,
    style::Paint,
    yaml,
};
use cloudevents_kit::{Event, json};
use std::io::{self, BufWriter, StdoutLock, Write};

/// Writes these bytes to standard output, and nothing else.
pub fn print(bytes: &[u8]) -> Result<Status, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(Status::Done)
}

/// Writes events to standard output as JSON Lines, as YAML documents, or in a readable layout.
#[derive(Debug)]
pub struct Emit {
    out: BufWriter<StdoutLock<'static>>,
    output: Output,
    paint: Paint,
    /// Whether a terminal shows the output.
    is_shown: bool,
    first: bool,
}

impl Emit {
    /// Writes to standard output, in the form of the console.
    pub fn new(console: &Console) -> Self {
        Self {
            out: console.out(),
            output: console.output(),
            paint: console.paint(),
            is_shown: console.is_shown(),
            first: true,
        }
    }

    /// Writes one event.
    pub fn event(&mut self, event: &Event) -> Result<(), Failure> {
        match self.output {
            Output::Json if self.is_shown => {
                let mut line = Vec::new();
                let _ = json::LineWriter::new(&mut line).write(event)?;
                self.bytes(&line)?;
            }
            Output::Json => {
                let _ = json::LineWriter::new(&mut self.out).write(event)?;
            }
            Output::Yaml => {
                self.out.write_all(yaml::of_event(event).as_bytes())?;
            }
            Output::Pretty => {
                if !self.first {
                    self.out.write_all(b"\n")?;
                }
                self.out.write_all(show::event(event, self.paint, show::SHORT).as_bytes())?;
            }
        }
        self.first = false;
        Ok(())
    }

    /// The form of the output.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Whether a terminal shows the output.
    pub fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Writes an object, given as JSON on one line, with an event in it; `words` is its readable layout. As events, objects are set apart
    /// by blank lines in that.
    pub fn object(&mut self, json: &str, words: impl FnOnce(Paint) -> String) -> Result<(), Failure> {
        match self.output {
            Output::Json if self.is_shown => writeln!(self.out, "{}", json_view::inert(json))?,
            Output::Json => writeln!(self.out, "{json}")?,
            Output::Yaml => self.out.write_all(json_view::yaml(&json_view::inert(json)).as_bytes())?,
            Output::Pretty => {
                if !self.first {
                    self.out.write_all(b"\n")?;
                }
                self.out.write_all(words(self.paint).as_bytes())?;
            }
        }
        self.first = false;
        Ok(())
    }

    /// Writes these bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes a value that is not an event; `words` is its readable layout.
    pub fn value(
        &mut self,
        value: &serde_json::Value,
        words: impl FnOnce(Paint) -> String,
    ) -> Result<(), Failure> {
        match self.output {
            Output::Json => writeln!(self.out, "{}", json_view::inert(&value.to_string()))?,
            Output::Yaml => {
                self.out.write_all(json_view::yaml(&json_view::inert(&value.to_string())).as_bytes())?
            }
            Output::Pretty => self.out.write_all(words(self.paint).as_bytes())?,
        }
        self.first = false;
        Ok(())
    }

    /// Writes lines of JSON.
    pub fn bytes(&mut self, lines: &[u8]) -> Result<(), Failure> {
        self.first = false;
        if self.is_shown {
            return Ok(self.out.write_all(json_view::inert(&String::from_utf8_lossy(lines)).as_bytes())?);
        }
        Ok(self.out.write_all(lines)?)
    }

    /// Flushes standard output.
    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}
