//! Reads events from files and standard input, detects their format, and locates them to the byte.

mod decoding;
mod detect;
mod documents;
mod folder;
mod foreign;
mod form;
mod identity;
mod lines;
mod located;
mod part;
mod reader;
mod requests;
mod stream;
mod threads;
mod yaml_documents;

pub(crate) use documents::no_events;
pub(crate) use folder::folder;
pub(crate) use form::{Form, LINES, names};
pub(crate) use reader::{beginning, cannot_read, decompressed};
pub(crate) use threads::Piece;

pub use foreign::{AnyName, Systems, system_names};
pub use form::format_names;
pub use identity::check_written;
pub use located::Located;
pub use reader::{LARGEST, SMALL, bytes, files, read, read_line, reader, text};

use crate::{
    failure::{Failure, Status},
    http_text,
    lenient::Lenient,
    source::Source,
    yaml,
};
use clap::Args;
use decoding::{Decoding, MOST};
use detect::{Content, is_lines};
use documents::JsonDocuments;
use foreign::read_names;
use lines::Lines;
use part::{Part, Parts};
use std::{
    fmt,
    io::{self, BufRead},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use stream::Elements;

/// How input is read.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// Input format instead of the detected one: a format, its batch, JSON Lines, YAML, or documents of another system, such as aws-s3.
    /// With `auto`, the adapter that fits each document is used. docs/adapters.md has all systems. FORMAT can also be a name in --map. JSON
    /// Lines and large JSON batches may have any length, with at most 256 MiB for an event. All other input may have 256 MiB, YAML 64 MiB,
    /// and a batch or YAML 200,000 events.
    #[arg(long, value_name = "FORMAT", value_parser = read_names(), hide_possible_values = true)]
    pub from: Option<String>,
    /// Read documents of a system of your own with the adapters in this file of JSON: one, or a list. `--from NAME` chooses one. Otherwise
    /// the first adapter that fits each document is used, and these adapters come first. docs/adapters.md has their form and an example.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// The adapters of both options, once the file was read. It may be a pipe.
    #[arg(skip)]
    pub(crate) systems: Arc<OnceLock<Systems>>,
    /// Which mistakes are repaired.
    #[command(flatten)]
    pub lenient: Lenient,
    /// Add to errors which repairs would read the event.
    #[arg(skip)]
    pub suggests: bool,
    /// Find every problem of an event, not only the first.
    #[arg(skip)]
    pub every: bool,
    /// Refuse a document of another system with parts beside its event that the event cannot carry.
    #[arg(skip)]
    pub exact: bool,
    /// Refuse a document of another system as a whole if one of its events cannot be made.
    #[arg(skip)]
    pub whole: bool,
}

impl Reading {
    /// Reads files of these systems, if there are some, with these repairs. A document is refused as a whole, as a message is.
    pub fn by(lenient: Lenient, systems: Option<Systems>) -> Self {
        let systems = Arc::new(systems.map_or_else(OnceLock::new, OnceLock::from));
        Self { lenient, systems, whole: true, ..Self::default() }
    }

    /// Whether an option names the form of the input.
    pub fn is_named(&self) -> bool {
        self.from.is_some() || self.map.is_some()
    }

    fn decoding(&self) -> Result<Decoding, Failure> {
        let mut options = cloudevents_kit::decoding();
        options.leniency = self.lenient.leniency();
        // Files that the user chooses may be large.
        options.limits.bytes = LARGEST;
        options.limits.batch = MOST;
        let is_form = self.from.as_ref().is_some_and(|name| Form::of(name, &options.formats).is_some());
        let is_foreign = !is_form && self.is_named() || self.systems.get().is_some();
        let foreign = is_foreign.then(|| self.systems()).transpose()?;
        Ok(Decoding { options, every: self.every, suggests: self.suggests, whole: self.whole, foreign })
    }

    fn systems(&self) -> Result<Systems, Failure> {
        if let Some(systems) = self.systems.get() {
            return Ok(systems.clone());
        }
        let systems = Systems::of(self.from.as_deref(), self.map.as_deref())?;
        let systems = if self.exact { systems.exact() } else { systems };
        Ok(self.systems.get_or_init(|| systems).clone())
    }
}

/// A larger JSON batch is read element by element.
const SMALL_BATCH: usize = 8 << 20;

/// The events of one file, or of standard input.
pub struct Events {
    name: String,
    decoding: Decoding,
    parts: Parts,
    part: Part,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Opens a file, or standard input for `-`, and detects its form: by its content, then by its name. Decompresses gzip.
pub fn open(path: &Path, reading: &Reading) -> Result<Events, Failure> {
    let (name, reader) = reader(path)?;
    events(path, name, reader, reading)
}

/// Detects the form of an open file as [`open`] does. It reads as much of it as that takes.
pub fn events(
    path: &Path,
    name: String,
    reader: Box<dyn BufRead + Send>,
    reading: &Reading,
) -> Result<Events, Failure> {
    let decoding = reading.decoding()?;
    if decoding.foreign.is_some() {
        let parts = foreign_parts(&name, reader, &decoding)?;
        return Ok(Events { name, decoding, parts, part: Part::default() });
    }
    let given = reading.from.as_deref().and_then(|name| Form::of(name, &decoding.options.formats));
    let by_name = detect::by_name(path, &decoding.options.formats);
    let parts = detected(&name, reader, given, by_name, &decoding)?;
    Ok(Events { name, decoding, parts, part: Part::default() })
}

fn detected(
    name: &str,
    reader: Box<dyn BufRead + Send>,
    given: Option<Form>,
    by_name: Option<Form>,
    decoding: &Decoding,
) -> Result<Parts, Failure> {
    let unreadable = |error: io::Error| cannot_read(name, &error);
    let mut reader = decompressed(reader).map_err(unreadable)?;
    let content = match given {
        Some(_) => Content::Unknown,
        None => {
            let beginning = reader::beginning(&mut *reader).map_err(unreadable)?;
            detect::check(name, beginning)?;
            detect::content(beginning)
        }
    };
    let form = match (given, content, &by_name) {
        (given @ Some(_), ..) => given,
        (None, Content::Text, Some(Form::Lines | Form::Yaml)) => by_name.clone(),
        _ => None,
    };
    if form == Some(Form::Lines) {
        return Ok(Parts::Lines(Lines::new(name.to_owned(), Vec::new(), reader, LARGEST)));
    }
    let mut text = Vec::new();
    if form.is_none()
        && matches!(content, Content::Text | Content::Unknown)
        && is_lines(&mut *reader, &mut text).map_err(unreadable)?
    {
        return Ok(Parts::Lines(Lines::new(name.to_owned(), text, reader, LARGEST)));
    }
    let is_batch = match (&form, content) {
        (None, Content::Array) => true,
        (Some(form), _) => *form == Form::Batch(cloudevents_kit::FormatId::JSON),
        _ => false,
    };
    if is_batch && !reader::fill(&mut *reader, SMALL_BATCH, &mut text).map_err(unreadable)? {
        return Ok(Parts::Elements(Box::new(Elements::new(name.to_owned(), text, reader, decoding.clone()))));
    }
    let most = if form == Some(Form::Yaml) { yaml::LARGEST } else { LARGEST };
    let room = most.saturating_add(1).saturating_sub(text.len());
    if !reader::fill(&mut *reader, room, &mut text).map_err(unreadable)? {
        return Err(too_much(name, most));
    }
    // Lines of binary documents have no meaning.
    let first_line = usize::from(content != Content::Binary);
    let source = Arc::new(Source::new(name, text, first_line));
    let form = match form {
        None => detect::document(&source.text, content, by_name.as_ref(), &decoding.options),
        form => form,
    };
    Parts::of(&source, form.as_ref(), by_name.as_ref(), decoding)
}

/// Documents of other systems: lines, however many there are, or one after another in memory. Messages of HTTP have them as bodies.
fn foreign_parts(name: &str, reader: Box<dyn BufRead + Send>, decoding: &Decoding) -> Result<Parts, Failure> {
    let unreadable = |error: io::Error| cannot_read(name, &error);
    let mut reader = decompressed(reader).map_err(unreadable)?;
    let mut text = Vec::new();
    if is_lines(&mut *reader, &mut text).map_err(unreadable)? {
        let lines = Lines::new(name.to_owned(), text, reader, LARGEST);
        return Ok(Parts::ForeignLines(Box::new((lines, decoding.clone()))));
    }
    let room = LARGEST.saturating_add(1).saturating_sub(text.len());
    if !reader::fill(&mut *reader, room, &mut text).map_err(unreadable)? {
        return Err(too_much(name, LARGEST));
    }
    if http_text::begins_message(text.trim_ascii_start()) {
        return Ok(Parts::Ready(requests::events(name, text, decoding)?));
    }
    let documents = JsonDocuments::new(Arc::new(Source::new(name, text, 1)), decoding.clone());
    Ok(Parts::Documents(Box::new(documents)))
}

/// The error for input that is read as a whole, and is larger than this.
#[cold]
fn too_much(name: &str, most: usize) -> Failure {
    Failure::new(Status::Usage, format!("`{name}` has more than {} MiB", most >> 20))
        .help("lines of JSON and JSON arrays are read piece by piece, whatever their size")
}

impl Events {
    /// Returns the name of the input.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether more of the input is in memory.
    pub fn is_ready(&self) -> bool {
        !self.part.is_empty()
    }

    /// Whether reading the next event may block.
    pub fn may_wait(&self) -> bool {
        !self.is_ready() && !matches!(self.parts, Parts::Ready(_) | Parts::Documents(_))
    }

    /// Reads the next part of the input. `None` at the end.
    fn read(&mut self) -> Result<Option<Part>, Failure> {
        self.parts.next().map_err(|error| cannot_read(&self.name, &error))
    }
}

impl Iterator for Events {
    type Item = Result<Located, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(located) = self.part.next(&self.decoding) {
                return Some(Ok(located));
            }
            match self.read() {
                Ok(part) => self.part = part?,
                Err(failure) => return Some(Err(failure)),
            }
        }
    }
}
