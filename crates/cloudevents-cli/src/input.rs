//! Reads events from files and standard input, detects their format, and locates them to the byte.

use crate::{
    console::Console,
    failure::{Failure, Status},
    report::Report,
    source::{Place, Source},
    yaml,
};
use bytes::Bytes;
use clap::Args;
use cloudevents_kit::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Format, FormatId, Formats, Leniency,
    model::codec::scan::{Mistake, Scanner},
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// How input is read.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Reading {
    /// Input format instead of the detected one: a format, its batch, JSON Lines, or YAML.
    #[arg(long, value_name = "FORMAT", value_parser = names())]
    pub(crate) from: Option<String>,
    /// Repair invalid input where possible, and report each repair.
    #[arg(long)]
    pub(crate) lenient: bool,
}

impl Reading {
    fn decoding(&self) -> DecodeOptions {
        let mut decoding = cloudevents_kit::decoding();
        if self.lenient {
            decoding.leniency = Leniency::all();
        }
        // Files that the user chooses may be large.
        decoding.limits.bytes = LARGEST;
        decoding.limits.batch = usize::MAX;
        decoding
    }
}

/// The most bytes that are read into memory at once.
const LARGEST: usize = 1 << 30;

/// The name of JSON Lines.
pub(crate) const LINES: &str = "lines";

/// The name of YAML: documents with the content of JSON format documents.
pub(crate) const YAML: &str = "yaml";

/// A form that events are read from and written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON Lines.
    Lines,
    /// YAML documents, each with an event or a batch.
    Yaml,
    /// A document with one event.
    Single(FormatId),
    /// A document with a batch.
    Batch(FormatId),
}

impl Form {
    /// Returns the form with this name.
    pub(crate) fn of(name: &str, formats: &Formats) -> Option<Self> {
        if name == LINES {
            return Some(Self::Lines);
        }
        if name == YAML {
            return Some(Self::Yaml);
        }
        formats.iter().find_map(|format| {
            let id = format.id();
            let batch =
                name.strip_suffix("-batch") == Some(id.as_str()) && format.batch_media_type().is_some();
            if id.as_str() == name { Some(Self::Single(id)) } else { batch.then_some(Self::Batch(id)) }
        })
    }
}

/// Returns the names of all forms.
pub(crate) fn names() -> clap::builder::PossibleValuesParser {
    let mut names = Vec::new();
    for format in cloudevents_kit::formats().iter() {
        names.push(format.id().to_string());
        names.extend(format.batch_media_type().map(|_| format!("{}-batch", format.id())));
    }
    names.extend([LINES.to_owned(), YAML.to_owned()]);
    names.into()
}

/// Returns the names of all formats.
pub(crate) fn format_names() -> clap::builder::PossibleValuesParser {
    cloudevents_kit::formats().iter().map(|format| format.id().to_string()).collect::<Vec<_>>().into()
}

/// An event or its error, and its place.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) event: Result<Decoded<Event>, Error>,
    pub(crate) place: Place,
}

impl Located {
    /// Returns a report of the error with the place.
    pub(crate) fn report(&self, error: &Error) -> Report {
        Report::of(error).at(&self.place)
    }

    /// Reports repairs.
    pub(crate) fn tell_repairs(&self, console: &Console) {
        for repair in self.event.iter().flat_map(|decoded| &decoded.repairs) {
            console.report(&Report::repair(repair).at(&self.place));
        }
    }
}

/// The events of one file, or of standard input.
pub(crate) struct Events {
    name: String,
    decoding: DecodeOptions,
    state: State,
}

enum State {
    Ready(std::vec::IntoIter<Located>),
    Lines { reader: Box<dyn BufRead>, number: usize, ahead: std::vec::IntoIter<(usize, Vec<u8>)> },
}

/// Returns the files to read: `-`, standard input, if there are none.
pub(crate) fn files(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() { vec![PathBuf::from("-")] } else { files.to_vec() }
}

/// Opens a file, or standard input for `-`, and detects its format.
pub(crate) fn open(path: &Path, reading: &Reading) -> Result<Events, Failure> {
    let (name, mut reader) = reader(path)?;
    let decoding = reading.decoding();
    let form = reading.from.as_deref().and_then(|name| Form::of(name, &decoding.formats));
    let unreadable = |error: io::Error| cannot_read(&name, &error);
    let by_name = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let form = match (form, by_name.as_deref()) {
        (None, Some("jsonl" | "ndjson")) => Some(Form::Lines),
        (None, Some("yaml" | "yml")) => Some(Form::Yaml),
        (None, Some(extension)) if extension != "json" => {
            decoding.formats.iter().map(Format::id).find(|id| id.as_str() == extension).map(Form::Single)
        }
        (form, _) => form,
    };
    if form == Some(Form::Lines) {
        return Ok(Events {
            name,
            decoding,
            state: State::Lines { reader, number: 0, ahead: Vec::new().into_iter() },
        });
    }
    let mut ahead = Vec::new();
    if form.is_none() && is_lines(&mut reader, &mut ahead).map_err(unreadable)? {
        return Ok(Events {
            name,
            decoding,
            state: State::Lines { reader, number: ahead.len(), ahead: ahead.into_iter() },
        });
    }
    let mut text: Vec<u8> = ahead.into_iter().flat_map(|(_, line)| line).collect();
    let room = u64::try_from(LARGEST.saturating_add(1).saturating_sub(text.len())).unwrap_or(u64::MAX);
    reader.take(room).read_to_end(&mut text).map_err(unreadable)?;
    let source = Arc::new(Source::new(name.clone(), text, 1));
    let located = documents(&source, form.as_ref(), &decoding)?;
    Ok(Events { name, decoding, state: State::Ready(located.into_iter()) })
}

impl Events {
    /// Returns the name of the input.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether reading the next event may block.
    pub(crate) fn may_wait(&self) -> bool {
        match &self.state {
            State::Ready(_) => false,
            State::Lines { ahead, .. } => ahead.as_slice().is_empty(),
        }
    }

    fn line(&mut self) -> Option<Result<Located, Failure>> {
        let State::Lines { reader, number, ahead } = &mut self.state else { return None };
        loop {
            let (number, line) = match ahead.next() {
                Some(line) => line,
                None => {
                    let mut line = Vec::new();
                    match read_line(reader, self.decoding.limits.bytes, &mut line) {
                        Ok(false) => return None,
                        Ok(true) => {}
                        Err(error) => return Some(Err(cannot_read(&self.name, &error))),
                    }
                    *number = number.saturating_add(1);
                    (*number, line)
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let text = Bytes::from(line);
            let start = text.len().saturating_sub(text.trim_ascii_start().len());
            let event = cloudevents_kit::json::Json::new();
            let document = text.slice_ref(text.trim_ascii());
            let event = event.decode(document, &self.decoding);
            let source = Arc::new(Source::new(self.name.as_str(), text, number));
            return Some(Ok(Located { event, place: Place { source, base: start, begin: 0, index: None } }));
        }
    }
}

impl Iterator for Events {
    type Item = Result<Located, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.state {
            State::Ready(located) => located.next().map(Ok),
            State::Lines { .. } => self.line(),
        }
    }
}

/// Reads a whole file, or standard input for `-`. Returns its name and bytes.
pub(crate) fn read(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let (name, mut reader) = reader(path)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| cannot_read(&name, &error))?;
    Ok((name, bytes))
}

/// Opens a file, or standard input for `-`. Returns its name and a reader.
pub(crate) fn reader(path: &Path) -> Result<(String, Box<dyn BufRead>), Failure> {
    if path == Path::new("-") {
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            // Ignore a closed standard error: this is only a hint for the user.
            let _ = writeln!(io::stderr(), "reading standard input");
        }
        return Ok(("standard input".to_owned(), Box::new(BufReader::with_capacity(64 << 10, io::stdin()))));
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) if file.metadata().is_ok_and(|about| about.is_dir()) => {
            Err(Failure::usage(format!("`{name}` is a directory")).help("name the files in it"))
        }
        Ok(file) => Ok((name, Box::new(BufReader::with_capacity(64 << 10, file)))),
        Err(error) => Err(cannot_read(&name, &error)),
    }
}

fn cannot_read(name: &str, error: &io::Error) -> Failure {
    let failure = Failure::new(Status::Usage, format!("`{name}` cannot be read: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => failure.help("check the name; `-` stands for standard input"),
        _ => failure,
    }
}

/// Reads a line with its line break, and keeps at most `limit + 1` bytes of it. Returns `false` at the end of
/// the input.
pub(crate) fn read_line(reader: &mut dyn BufRead, limit: usize, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut any = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let newline = available.iter().position(|&byte| byte == b'\n');
        let length = newline.map_or(available.len(), |at| at.saturating_add(1));
        let room = limit.saturating_add(1).saturating_sub(line.len()).min(length);
        line.extend_from_slice(available.get(..room).unwrap_or_default());
        reader.consume(length);
        if newline.is_some() {
            return Ok(true);
        }
    }
}

/// Detects from the first one or two lines whether the input is JSON Lines. Adds the lines read to `ahead`.
fn is_lines(reader: &mut dyn BufRead, ahead: &mut Vec<(usize, Vec<u8>)>) -> io::Result<bool> {
    let mut doubtful = false;
    loop {
        let mut line = Vec::new();
        if !read_line(reader, LARGEST, &mut line)? {
            return Ok(false);
        }
        let text = String::from_utf8_lossy(line.trim_ascii()).into_owned();
        let begins = line.first() == Some(&b'{');
        ahead.push((ahead.len().saturating_add(1), line));
        if text.is_empty() {
            continue;
        }
        if doubtful {
            return Ok(begins);
        }
        if !text.starts_with('{') {
            return Ok(false);
        }
        let mut scanner = Scanner::new(&text);
        match scanner.value(u32::MAX) {
            Ok(_) => return Ok(scanner.is_at_end()),
            // The object continues on the next line.
            Err(problem) if problem.at >= text.len() && problem.what != Mistake::TooDeep => return Ok(false),
            // The line is invalid: the next line decides.
            Err(_) => doubtful = true,
        }
    }
}

/// Decodes the events of a source in memory.
fn documents(
    source: &Arc<Source>,
    form: Option<&Form>,
    decoding: &DecodeOptions,
) -> Result<Vec<Located>, Failure> {
    let require = |id: &FormatId| {
        decoding
            .formats
            .require(id)
            .map_err(|error| Failure::Told(Status::Usage, Box::new(Report::of(&error))))
    };
    let single = |format: &dyn Format, document: Bytes, base: usize| Located {
        event: format.decode(document, decoding),
        place: Place { source: Arc::clone(source), base, begin: 0, index: None },
    };
    Ok(match form {
        Some(Form::Single(id)) => vec![single(require(id)?, source.text.clone(), 0)],
        Some(Form::Batch(id)) => batch(require(id)?, source, source.text.clone(), 0, decoding),
        Some(Form::Yaml) => yaml_documents(require(&FormatId::JSON)?, source, decoding),
        None if yaml::is_likely(&source.text) => yaml_documents(require(&FormatId::JSON)?, source, decoding),
        _ => {
            let json = require(&FormatId::JSON)?;
            let mut all = Vec::new();
            let mut base = 0;
            // JSON documents one after another, usually one.
            while let Some(document) = next_document(&source.text, &mut base) {
                let at = base;
                base = base.saturating_add(document.len());
                if document.first() == Some(&b'[') {
                    all.extend(batch(json, source, document, at, decoding));
                } else {
                    all.push(single(json, document, at));
                }
            }
            all
        }
    })
}

/// Decodes YAML documents by converting them to JSON. Errors have their offset in the YAML.
fn yaml_documents(json: &dyn Format, source: &Arc<Source>, decoding: &DecodeOptions) -> Vec<Located> {
    let located = |event, begin, index| Located {
        event,
        place: Place { source: Arc::clone(source), base: 0, begin, index },
    };
    let text = match str::from_utf8(&source.text) {
        Ok(text) if text.len() <= yaml::LARGEST => text,
        Ok(_) => {
            let limit = format!("the limit for YAML is {} MiB", yaml::LARGEST >> 20);
            let error = Error::new(ErrorKind::TooLarge).with_detail(limit);
            return vec![located(Err(error.with_help("convert it to JSON Lines")), 0, None)];
        }
        Err(error) => {
            let error = Error::new(ErrorKind::InvalidUtf8).with_offset(error.valid_up_to());
            return vec![located(Err(error), 0, None)];
        }
    };
    let mut all = Vec::new();
    for document in yaml::Documents::new(text) {
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                all.push(located(Err(error), 0, None));
                break;
            }
        };
        let moved = |error: Error| {
            let Some(Ok(at)) = error.offset().map(usize::try_from) else { return error };
            let is_number = matches!(document.json.as_bytes().get(at), Some(b'-' | b'0'..=b'9'));
            let error = error.with_offset(document.place(at));
            match error.help() {
                None if is_number => {
                    error.with_help("if it is text, put it in quotation marks; without them it is a number")
                }
                _ => error,
            }
        };
        let placed = |event: Result<Decoded<Event>, Error>| match event {
            Ok(mut decoded) => {
                for repair in &mut decoded.repairs {
                    if let Some(cause) = repair.cause().cloned() {
                        *repair = repair.clone().with_cause(moved(cause));
                    }
                }
                Ok(decoded)
            }
            Err(error) => Err(moved(error)),
        };
        let text = Bytes::copy_from_slice(document.json.as_bytes());
        if text.first() != Some(&b'[') {
            all.push(located(placed(json.decode(text, decoding)), document.begin, None));
            continue;
        }
        let written = Arc::new(Source::new(source.name.clone(), text.clone(), 1));
        for item in batch(json, &written, text, 0, decoding) {
            let begin = document.place(item.place.begin);
            all.push(located(placed(item.event), begin, item.place.index));
        }
    }
    all
}

/// Returns the JSON value at `base`, or all the rest if it is not valid JSON, and moves `base` to its start.
/// `None` at the end of the text.
fn next_document(text: &Bytes, base: &mut usize) -> Option<Bytes> {
    let rest = text.get(*base..)?;
    let document = rest.trim_ascii_start();
    if document.is_empty() {
        return None;
    }
    *base = base.saturating_add(rest.len().saturating_sub(document.len()));
    let document = text.slice(*base..);
    let Ok(readable) = std::str::from_utf8(&document) else { return Some(document) };
    let mut scanner = Scanner::new(readable);
    let Ok(range) = scanner.value(u32::MAX) else { return Some(document) };
    scanner.white_space();
    // If another document does not follow, the decoder reports the trailing garbage.
    if scanner.is_at_end() || matches!(scanner.peek(), Ok(b'{' | b'[')) {
        Some(document.slice(range))
    } else {
        Some(document)
    }
}

fn batch(
    format: &dyn Format,
    source: &Arc<Source>,
    document: Bytes,
    base: usize,
    decoding: &DecodeOptions,
) -> Vec<Located> {
    match format.decode_items(document.clone(), decoding) {
        Ok(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| Located {
                place: Place {
                    source: Arc::clone(source),
                    base,
                    // The event's part of the document shares its memory.
                    begin: item
                        .raw
                        .as_ptr()
                        .addr()
                        .saturating_sub(document.as_ptr().addr())
                        .min(document.len()),
                    index: Some(index),
                },
                event: item.event,
            })
            .collect(),
        Err(error) => {
            vec![Located {
                event: Err(error),
                place: Place { source: Arc::clone(source), base, begin: 0, index: None },
            }]
        }
    }
}

/// Returns the error for input without an event.
pub(crate) fn no_events(name: &str) -> Report {
    Report::of(&Error::new(ErrorKind::InvalidDocument).with_detail("it contains no event"))
        .at(&Place::of(Source::new(name.to_owned(), Bytes::new(), 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

    fn lines(text: &str) -> bool {
        is_lines(&mut text.as_bytes(), &mut Vec::new()).unwrap()
    }

    #[test]
    fn lines_are_told_from_documents() {
        for yes in [EVENT, &format!("\n{EVENT}\n{EVENT}\n"), "{oops\n{\"a\":1}", "{\"a\":1,}\n\n{", "{}"] {
            assert!(lines(yes), "{yes}");
        }
        for no in [
            "",
            "[]",
            "{\n",
            "{\"a\":\n1}\n{}",
            "{\"a\":oops,\n  \"b\":1}",
            "{} {}",
            "{}x",
            "x",
            "{\"a\":\"\n\"}",
        ] {
            assert!(!lines(no), "{no}");
        }
    }

    #[test]
    fn documents_one_after_another() {
        let text = format!(" {EVENT}\n[{EVENT}, {EVENT}]\n{EVENT} x");
        let source = Arc::new(Source::new("f", text, 1));
        let all = documents(&source, None, &Reading::default().decoding()).unwrap();
        let found: Vec<_> = all
            .iter()
            .map(|located| (located.event.is_ok(), located.place.line(), located.place.index))
            .collect();
        assert_eq!(found, [(true, 1, None), (true, 2, Some(0)), (true, 2, Some(1)), (false, 3, None)]);
        let error = all[3].event.as_ref().unwrap_err();
        assert_eq!(all[3].place.position(error.offset().unwrap() as usize).column, EVENT.len() + 2);
    }
}
