//! Reports on standard error: the problem, its place, the clause that it breaks, and advice.

use crate::{
    clause,
    plain::{plain, plain_columns, shortened},
    source::Place,
    style::{self, Paint},
    timestamp,
};
use cloudevents_kit::{Error, Loss, Repair};
use serde_json::{Map, Value, json};
use std::{fmt::Write as _, iter::repeat_n};

/// The severity of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warning,
    Note,
}

/// An error, a warning or a note.
#[derive(Clone, Debug)]
pub struct Report {
    severity: Severity,
    /// The kebab-case code that programs may rely on.
    kind: Option<String>,
    message: String,
    /// The exact problem, shown at the caret or after the message.
    detail: String,
    attribute: Option<String>,
    place: Option<Place>,
    /// Where the message came from that has the place.
    origin: Option<String>,
    /// The byte in the event's document.
    offset: Option<usize>,
    /// The number of characters to mark from there. `None`: the characters of the JSON token.
    marked: Option<usize>,
    clauses: Vec<String>,
    help: Option<String>,
    explained: bool,
    /// Members of the JSON form alone.
    members: Vec<(&'static str, String)>,
}

impl Report {
    /// Creates an error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind: None,
            message: message.into(),
            detail: String::new(),
            attribute: None,
            place: None,
            origin: None,
            offset: None,
            marked: None,
            clauses: Vec::new(),
            help: None,
            explained: false,
            members: Vec::new(),
        }
    }

    /// Creates a note with this message.
    pub fn note(message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::new(message) }
    }

    /// Creates a warning with this message.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(message) }
    }

    /// Converts an error of the toolkit.
    pub fn of(error: &Error) -> Self {
        let detail = error.detail();
        let mut message = error.message().to_string();
        if let Some(headline) = message.strip_suffix(detail).and_then(|message| message.strip_suffix(": ")) {
            message = headline.to_owned();
        }
        Self {
            kind: Some(error.kind().code().to_owned()),
            detail: detail.to_owned(),
            attribute: error.attribute().map(str::to_owned),
            offset: error.offset().and_then(|offset| usize::try_from(offset).ok()),
            clauses: error.clause().map(str::to_owned).into_iter().collect(),
            help: help_of(error),
            ..Self::new(message)
        }
    }

    /// Creates a warning about a repair of lenient decoding. The place says which event of a batch it is.
    pub fn repair(repair: &Repair) -> Self {
        let mut report = match repair.cause() {
            Some(cause) => Self { severity: Severity::Warning, help: None, ..Self::of(cause) },
            None => Self::warning(""),
        };
        let message = repair.to_string();
        let code = repair.kind().code();
        let words = message.strip_suffix(&format!(" [{code}]")).unwrap_or(&message);
        let index = repair.index().map(|index| format!(" (event {index} of the batch)")).unwrap_or_default();
        let words = words.strip_suffix(index.as_str()).unwrap_or(words);
        let cause = repair.cause().map(|cause| format!(": {}", cause.message())).unwrap_or_default();
        report.message = format!("repaired: {}", words.strip_suffix(cause.as_str()).unwrap_or(words));
        if let Some(cause) = repair.cause().filter(|_| report.detail.is_empty()) {
            report.detail = cause.message().to_string();
        }
        report.kind = Some(code.to_owned());
        report.attribute = repair.attribute().map(str::to_owned);
        report
    }

    /// Creates a warning about a loss of encoding.
    pub fn loss(loss: &Loss) -> Self {
        let text = loss.to_string();
        // It includes the index of the event in its batch.
        let words = text.strip_suffix(&format!(" [{}]", loss.kind())).unwrap_or(&text);
        let attribute = (loss.at() != "data").then(|| loss.at().to_owned());
        Self {
            kind: Some(loss.kind().to_owned()),
            attribute,
            ..Self::warning(format!("not carried exactly: {words}"))
        }
    }

    /// Sets the kebab-case code that programs may rely on.
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Sets the message.
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Sets the exact problem.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Puts the subject before the detail.
    pub(crate) fn about(mut self, what: &str) -> Self {
        let separator = if self.detail.is_empty() { "" } else { ": " };
        self.detail = format!("{what}{separator}{}", self.detail);
        self
    }

    /// Adds a remark in parentheses behind the detail.
    pub fn remark(mut self, text: &str) -> Self {
        let separator = if self.detail.is_empty() { "" } else { " " };
        self.detail = format!("{}{separator}({text})", self.detail);
        self
    }

    /// Cuts texts that a peer may have made long. The cut has a mark.
    pub fn bounded(mut self) -> Self {
        for text in [&mut self.message, &mut self.detail].into_iter().chain(&mut self.attribute) {
            *text = shortened(text, BOUND);
        }
        self
    }

    /// Adds a member to the JSON form, for a part that the message or the detail names. The text stays as it is.
    pub fn member(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Sets how to fix it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets how to fix it, if that is known.
    pub fn any_help(self, help: Option<impl Into<String>>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    pub(crate) fn clause(mut self, clause: Option<&str>) -> Self {
        self.clauses.extend(clause.map(str::to_owned));
        self
    }

    pub(crate) fn attribute(mut self, name: Option<&str>) -> Self {
        self.attribute = name.map(str::to_owned);
        self
    }

    /// Sets the place.
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Sets where the message of the place came from.
    pub fn from(mut self, origin: String) -> Self {
        self.origin = Some(origin).filter(|origin| !origin.is_empty());
        self
    }

    /// Sets the byte offset in the event's document.
    pub(crate) fn offset(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Sets the byte offset in the event's document, if it is known, and marks everything up to the end of the line.
    pub fn up_to_end_of_line(mut self, offset: Option<usize>) -> Self {
        self.marked = offset.map(|_| usize::MAX);
        self.offset = offset.or(self.offset);
        self
    }

    /// Sets whether to explain the clauses.
    pub(crate) fn explained(mut self, explained: bool) -> Self {
        self.explained = explained;
        self
    }

    /// Turns the report into an error.
    pub(crate) fn into_error(self) -> Self {
        Self { severity: Severity::Error, ..self }
    }

    /// Turns the report into a warning.
    pub(crate) fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns the code of the kind, if it has one.
    pub fn kind_code(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Returns the message and its detail.
    pub fn one_line(&self) -> String {
        let separator = if self.detail.is_empty() { "" } else { ": " };
        plain(&format!("{}{separator}{}", self.message, self.detail))
    }

    /// Returns the report as text, wrapped to the columns of a terminal if there is one.
    pub(crate) fn to_text(&self, paint: Paint, width: Option<usize>) -> String {
        let mut text = String::new();
        let (label, color) = match self.severity {
            Severity::Error => ("error", style::ERROR),
            Severity::Warning => ("warning", style::WARNING),
            Severity::Note => ("note", style::NOTE),
        };
        let excerpt = self.excerpt(paint, color, width);
        let mut headline = plain_lines(&self.message);
        if excerpt.is_none() && !self.detail.is_empty() {
            headline = format!("{headline}: {}", plain_lines(&self.detail));
        }
        text += &paint.text(color, label);
        text += &paint.text(style::STRONG, &format!(": {headline}"));
        if let Some(kind) = &self.kind {
            text += &paint.text(style::FAINT, &format!(" [{}]", plain(kind)));
        }
        text.push('\n');
        if let Some(place) = self.place_text() {
            text += &format!("{}{}\n", paint.text(style::NAME, "  --> "), plain(&place));
        }
        text += &excerpt.unwrap_or_default();
        let equals = paint.text(style::NAME, "  = ");
        for id in &self.clauses {
            text += &format!("{equals}{}\n", wrapped(&clause::sentence(id), 4, width));
            if let Some(clause) = clause::find(id).filter(|_| self.explained) {
                text += &format!(
                    "{equals}{} for {}, in {}\n",
                    clause.level,
                    clause::whom(clause),
                    clause.document
                );
            }
        }
        if let Some(help) = &self.help {
            text += &format!("{equals}{}\n", wrapped(&format!("help: {}", plain_lines(help)), 4, width));
        }
        text
    }

    /// Returns the report as one line of JSON.
    pub(crate) fn to_json(&self) -> String {
        let mut line = match self.to_value() {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        line.insert("severity".into(), severity.into());
        line.insert("timestamp".into(), timestamp::now().into());
        format!("{}\n", Value::Object(line))
    }

    /// Returns the report as JSON, without its severity.
    pub(crate) fn to_value(&self) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.into(), value);
            }
        };
        put("kind", self.kind.as_deref().map(Value::from));
        put("message", Some(self.message.as_str().into()));
        put("detail", Some(self.detail.as_str().into()).filter(|_| !self.detail.is_empty()));
        put("attribute", self.attribute.as_deref().map(Value::from));
        if let Some(place) = &self.place {
            put("file", Some(place.source.name.as_str().into()));
            put("index", place.index.map(Value::from));
            if let Some(offset) = self.offset {
                let position = place.position(offset);
                put("line", Some(position.line.into()));
                put("column", Some(position.column.into()));
                let offset =
                    [place.source.offset, place.base, offset].into_iter().fold(0, usize::saturating_add);
                put("offset", Some(offset.into()));
            } else if place.source.first_line > 0 {
                put("line", Some(place.line().into()));
            }
        }
        put("origin", self.origin.as_deref().map(Value::from));
        let clauses: Vec<Value> = self
            .clauses
            .iter()
            .map(|id| match clause::find(id) {
                Some(clause) => json!({
                    "id": id, "document": clause.document, "section": clause.section, "title": clause.title,
                    "level": clause.level, "requirement": clause.requirement,
                }),
                None => json!({"id": id}),
            })
            .collect();
        put("clauses", Some(clauses.into()).filter(|_| !self.clauses.is_empty()));
        put("help", self.help.as_deref().map(Value::from));
        for (name, value) in &self.members {
            put(name, Some(value.as_str().into()));
        }
        Value::Object(members)
    }

    /// `orders.json:3:12 (event 17 of the batch)`.
    fn place_text(&self) -> Option<String> {
        let Some(place) = &self.place else { return self.origin.clone() };
        let mut text = place.source.name.clone();
        if place.source.first_line > 0 {
            // Writing to a string cannot fail.
            let _ = match self.offset.map(|offset| place.position(offset)) {
                Some(position) => write!(text, ":{}:{}", position.line, position.column),
                None => write!(text, ":{}", place.line()),
            };
        }
        if let Some(index) = place.index {
            let _ = write!(text, " (event {index} of the batch)");
        }
        if let Some(origin) = &self.origin {
            let _ = write!(text, " ({origin})");
        }
        Some(text)
    }

    /// Returns the line at fault with carets below it, if the offset is known.
    fn excerpt(&self, paint: Paint, color: anstyle::Style, width: Option<usize>) -> Option<String> {
        let place = self.place.as_ref()?;
        let position = place.position(self.offset?);
        // Binary data is not shown.
        if position.text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
            return None;
        }
        let line: Vec<char> = plain_columns(&position.text).chars().collect();
        let (start, length) = match self.marked {
            Some(most) => {
                let start = position.at;
                (start, line.len().saturating_sub(start).clamp(1, most))
            }
            None => position.extent(),
        };
        // A long line is cut around the caret.
        let room = width.unwrap_or(WIDTH).saturating_sub(8).clamp(32, 200);
        let indent = line.iter().take_while(|character| **character == ' ').count().min(start);
        let from = if line.len().saturating_sub(indent) <= room {
            indent
        } else {
            let end = start.saturating_add(length.min(room / 2));
            let mut from = end.saturating_add(room / 4).min(line.len()).saturating_sub(room).max(indent);
            if start < from {
                from = start.saturating_sub(1).max(indent);
            }
            from
        };
        let cut = |yes: bool| if yes { "…" } else { "" };
        let shown: String = line.iter().skip(from).take(room).collect();
        let more = line.len() > from.saturating_add(room);
        let left = cut(from > indent);
        let shown = format!("{left}{shown}{}", cut(more));
        let before = start.saturating_sub(from).saturating_add(left.chars().count());
        let marked = length.min(from.saturating_add(room).saturating_sub(start)).max(1);
        let bar = paint.text(style::NAME, "   |");
        let (space, carets): (String, String) =
            (repeat_n(' ', before).collect(), repeat_n('^', marked).collect());
        let label = plain_lines(&self.detail);
        // The label goes beside the carets, or below them if it does not fit.
        let fits = width.is_none_or(|width| {
            let columns = [6, before, marked, 1, label.chars().count()];
            columns.into_iter().fold(0, usize::saturating_add) <= width
        });
        let mut text = format!("{bar}  {shown}\n{bar}  {space}{}", paint.text(color, &carets));
        match (label.is_empty(), fits) {
            (true, _) => text.push('\n'),
            (false, true) => text += &format!(" {}\n", paint.text(color, &label)),
            (false, false) => {
                let room = width.unwrap_or(WIDTH).saturating_sub(6);
                let hang = before.min(room.saturating_sub(label.chars().count()));
                let hang: String = repeat_n(' ', hang).collect();
                for (number, line) in wrapped(&label, 0, Some(room)).lines().enumerate() {
                    if number == 0 {
                        text.push('\n');
                    }
                    text += &format!("{bar}  {hang}{}\n", paint.text(color, line));
                }
            }
        }
        Some(text)
    }
}

/// The width of text without a terminal.
const WIDTH: usize = 100;

/// The most characters of a text from a peer.
const BOUND: usize = 200;

/// Escapes each line of a text.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n    ")
}

/// Wraps text at words to this width, and indents all lines but the first. Without a width, returns one line.
pub fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let space: String = repeat_n(' ', indent).collect();
    let mut lines = String::new();
    let mut column = indent;
    for (number, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && column.saturating_add(length).saturating_add(1) > width {
            lines.push('\n');
            lines += &space;
            column = indent;
        } else if number > 0 {
            lines.push(' ');
            column = column.saturating_add(1);
        }
        lines += word;
        column = column.saturating_add(length);
    }
    lines
}

/// Returns the help of an error, as far as a user of the program can follow it.
pub fn help_of(error: &Error) -> Option<String> {
    error.help().and_then(for_people)
}

/// Returns the help of the library in terms of the program, without the parts that name the library's API.
///
/// `None` if the help is only for programmers.
fn for_people(help: &str) -> Option<String> {
    if help.contains("`Decompression`") {
        return Some("decompress the body before: `ce decode` reads bodies as they are".to_owned());
    }
    if help.contains("allow losses in the options of the sender") {
        return Some(
            "`ce bridge` has `--losses log`, and `headers: {drop: [NAME]}` in its configuration".to_owned(),
        );
    }
    // A clause ends the sentence at least, and the text behind it may depend on it.
    let clauses = help.split_inclusive("; ").flat_map(|part| part.split_inclusive(", "));
    let kept: String = clauses.take_while(|clause| !names_the_api(clause)).collect();
    let kept = kept.trim_end_matches([' ', ',', ';']);
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// Whether a word is a path or a call of Rust, or the name of a type.
fn names_the_api(clause: &str) -> bool {
    clause.split([' ', '`']).any(|word| {
        let is_type = word.starts_with(|first: char| first.is_ascii_uppercase())
            && word.ends_with("Options")
            && word.len() > "Options".len();
        is_type || word.contains("::") || word.ends_with("()")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use cloudevents_kit::RepairKind;

    fn told(document: &'static str, width: Option<usize>) -> String {
        let error = cloudevents_kit::json::decode(document).unwrap_err();
        let source = Source::new("orders.json", document, 1);
        Report::of(&error).at(&Place::of(source)).to_text(Paint(false), width)
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let document = r#"{"specversion":"1.0","id":"1","source":"/a/rather/long/source/indeed","type":"com.example.something.happened","time":"yesterday","subject":"something that goes on and on and on and on","data":{"a":1}}"#;
        for width in [40, 60, 80, 120] {
            let text = told(document, Some(width));
            let lines: Vec<&str> = text.lines().collect();
            // The terminal wraps the headline.
            assert!(lines.iter().skip(1).all(|line| line.chars().count() <= width), "{text}");
            let caret = lines[3].chars().position(|character| character == '^').unwrap();
            let marked: String = lines[2].chars().skip(caret).take(9).collect();
            assert_eq!(marked, "yesterday", "{text}");
        }
    }

    /// Which event it is and what is wrong with it are said elsewhere in the report.
    #[test]
    fn a_repair_in_a_batch_reads_like_one_of_a_single_event() {
        let cause = cloudevents_kit::json::decode("{}").unwrap_err();
        let repair = Repair::new(RepairKind::DroppedAttribute).with_attribute("time").with_cause(cause);
        let single = Report::repair(&repair).to_text(Paint(false), None);
        assert_eq!(Report::repair(&repair.with_index(3)).to_text(Paint(false), None), single);
    }

    #[test]
    fn help_names_no_api() {
        for (of_the_library, of_the_program) in [
            ("raise Limits::bytes if messages of this size are expected", None),
            (
                "add `dead-letter=<topic>` or `reject=drop` to the URL, or decide in `KafkaReceiverOptions::log`",
                Some("add `dead-letter=<topic>` or `reject=drop` to the URL"),
            ),
            ("read a batch with `Delivery::events`", None),
            ("add the format to DecodeOptions::formats, or forward the message undecoded", None),
            (
                "IN takes the place of many comparisons with OR; Limits::depth can be raised",
                Some("IN takes the place of many comparisons with OR"),
            ),
            ("opening needs `dropping_rejected()`", None),
            (
                "leave it out, or allow losses in the options of the sender",
                Some("`ce bridge` has `--losses log`, and `headers: {drop: [NAME]}` in its configuration"),
            ),
            (
                "write an existing date, or leave the attribute out",
                Some("write an existing date, or leave the attribute out"),
            ),
            ("send OPTIONS, then POST", Some("send OPTIONS, then POST")),
        ] {
            assert_eq!(for_people(of_the_library).as_deref(), of_the_program, "{of_the_library}");
        }
    }

    #[test]
    fn words_wrap() {
        assert_eq!(wrapped("aa bb cc dd", 2, Some(8)), "aa bb\n  cc dd");
        assert_eq!(wrapped("aa bb", 2, None), "aa bb");
    }
}
