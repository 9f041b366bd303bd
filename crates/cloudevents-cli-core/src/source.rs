//! Sources of events, and places in them down to the character.

use bytes::Bytes;
use cloudevents_kit::Error;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A text that events are read from: a file, a line of a file, or a message.
#[derive(Debug)]
pub struct Source {
    /// A file name, `standard input` or a URL.
    pub name: String,
    /// The whole text.
    pub text: Bytes,
    /// The number of its first line; 0 if lines have no meaning.
    pub(crate) first_line: usize,
    /// The offset of the text in its file, and the columns before it in its first line.
    pub(crate) offset: usize,
    before: usize,
    /// For each block of the text: the line breaks before it, and where its first line begins. Computed on first use.
    blocks: OnceLock<Vec<(usize, usize)>>,
    /// The last offset whose column was computed, and the column. The next one is usually after it.
    column: Mutex<(usize, usize)>,
}

impl Source {
    /// Creates a source. `first_line` is 0 if lines have no meaning.
    pub fn new(name: impl Into<String>, text: impl Into<Bytes>, first_line: usize) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            first_line,
            offset: 0,
            before: 0,
            blocks: OnceLock::new(),
            column: Mutex::default(),
        }
    }

    /// Creates a part of a larger text.
    pub(crate) fn part(name: impl Into<String>, text: impl Into<Bytes>, start: Start) -> Self {
        let Start { line, column, offset } = start;
        Self { offset, before: column, ..Self::new(name, text, line) }
    }

    /// Returns the number of characters between the start of a line and this byte.
    fn column(&self, begin: usize, at: usize) -> usize {
        let mut last = self.column.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, before) = if (begin..=at).contains(&last.0) { *last } else { (begin, 0) };
        // Counts the first byte of each character.
        let counted = self.text.get(from..at).unwrap_or_default().iter().filter(|byte| **byte & 0xC0 != 0x80);
        *last = (at, before.saturating_add(counted.count()));
        last.1
    }

    /// Returns the number of lines that end before this byte, where its own line begins, and where its line ends.
    ///
    /// In a long line, the end is a place in it that is further away than [`AROUND`].
    fn line(&self, at: usize) -> (usize, usize, usize) {
        let block = at / BLOCK;
        let (before, begin) =
            self.blocks.get_or_init(|| blocks(&self.text)).get(block).copied().unwrap_or_default();
        let text = self.text.get(block.saturating_mul(BLOCK)..at).unwrap_or_default();
        let begin = memchr::memrchr(b'\n', text)
            .map_or(begin, |last| at.saturating_sub(text.len()).saturating_add(last).saturating_add(1));
        let far = self.text.len().min(at.saturating_add(AROUND).saturating_add(1));
        let rest = self.text.get(at..far).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(far, |first| at.saturating_add(first));
        (before.saturating_add(memchr::memchr_iter(b'\n', text).count()), begin, end)
    }
}

/// The bytes that are looked at to find a line: an index of all line breaks may be larger than the text.
const BLOCK: usize = 4096;

fn blocks(text: &[u8]) -> Vec<(usize, usize)> {
    let (mut before, mut begin) = (0_usize, 0_usize);
    let mut all = Vec::with_capacity((text.len() / BLOCK).saturating_add(1));
    for (number, block) in text.chunks(BLOCK).enumerate() {
        all.push((before, begin));
        before = before.saturating_add(memchr::memchr_iter(b'\n', block).count());
        if let Some(last) = memchr::memrchr(b'\n', block) {
            begin = number.saturating_mul(BLOCK).saturating_add(last).saturating_add(1);
        }
    }
    // For the end of the text.
    all.push((before, begin));
    all
}

/// Where a part of a text begins: its line, starting at 1, the columns before it in that line, and its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) offset: usize,
}

/// A place in a source.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file or standard input.
    pub source: Arc<Source>,
    /// The offset of the event's document in the source.
    pub base: usize,
    /// The offset of the event in the document.
    pub(crate) begin: usize,
    /// The bytes of the event, from there on.
    pub(crate) length: usize,
    /// The event's index in its batch.
    pub index: Option<usize>,
}

impl Place {
    /// Returns the place of a whole source.
    pub fn of(source: Source) -> Self {
        let length = source.text.len();
        Self { source: Arc::new(source), base: 0, begin: 0, length, index: None }
    }

    /// Returns the text of the event, without the text around it.
    pub fn text(&self) -> Bytes {
        let most = self.source.text.len();
        let begin = self.base.saturating_add(self.begin).min(most);
        self.source.text.slice(begin..begin.saturating_add(self.length).min(most))
    }

    /// Returns the error with its offset in the [text](Self::text) of the event. Before, the offset is an offset of the document.
    pub fn in_text(&self, error: Error) -> Error {
        match error.offset().map(usize::try_from) {
            Some(Ok(at)) => error.with_offset(at.saturating_sub(self.begin)),
            _ => error,
        }
    }

    /// Returns the line, starting at 1, in which the event begins.
    pub fn line(&self) -> usize {
        let at = self.base.saturating_add(self.begin).min(self.source.text.len());
        self.source.line(at).0.saturating_add(self.source.first_line)
    }

    /// Returns the name of the source, and the line if lines have a meaning.
    pub(crate) fn words(&self) -> String {
        let name = &self.source.name;
        if self.source.first_line == 0 { name.clone() } else { format!("{name}:{}", self.line()) }
    }

    /// Returns line and column, starting at 1, of a byte of the event's document.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let text = &self.source.text;
        let at = self.base.saturating_add(offset).min(text.len());
        let (before, begin, end) = self.source.line(at);
        let is_first = |byte: &&u8| **byte & 0xC0 != 0x80;
        let left_of = if begin == 0 { self.source.before } else { 0 };
        let column = self.source.column(begin, at).saturating_add(left_of);
        // A batch may be one long line: take only the text around the place.
        let from = text.get(begin..at.saturating_sub(AROUND)).map_or(begin, |left_out| {
            begin.saturating_add(left_out.len()).saturating_add(
                text.iter()
                    .skip(begin.saturating_add(left_out.len()))
                    .take_while(|byte| !is_first(byte))
                    .count(),
            )
        });
        let to = end.min(at.saturating_add(AROUND)).max(at);
        let shown = |from: usize, to: usize| {
            let bytes = text.get(from..to).unwrap_or_default();
            let text = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned();
            // Cutting the text may leave part of a character.
            match to < end {
                true => text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned(),
                false => text,
            }
        };
        let head = text.get(from..at).map_or(0, |head| String::from_utf8_lossy(head).chars().count());
        Position {
            line: before.saturating_add(self.source.first_line),
            column: column.saturating_add(1),
            text: shown(from, to),
            at: head,
            cut: from > begin,
        }
    }
}

/// The number of bytes to take on each side of a place.
const AROUND: usize = 4096;

/// A line, a column, and the text around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) text: String,
    /// The index of the column's character in the text.
    pub(crate) at: usize,
    /// Whether the line begins before the text does.
    cut: bool,
}

impl Position {
    /// Returns the start and number of characters to mark: the whole string, without quotation marks, number
    /// or word at the column.
    pub(crate) fn extent(&self) -> (usize, usize) {
        let at = self.at;
        let characters: Vec<char> = self.text.chars().collect();
        // JSON strings end on their line, so the quotation marks before the column show whether it is in a
        // string. If the start of the line is missing, a quotation mark after a colon, comma or bracket
        // begins a string.
        let first = match self.cut {
            true => (1..=at).rev().find(|&index| {
                characters.get(index) == Some(&'"')
                    && characters.get(index.wrapping_sub(1)).is_some_and(|before| ":,[{ ".contains(*before))
            }),
            false => Some(0),
        };
        let mut string: Option<usize> = None;
        let mut escaped = false;
        for (index, &character) in characters.iter().enumerate().skip(first.unwrap_or(at)) {
            let opens = character == '"' && string.is_none();
            if index == at && !opens {
                break;
            }
            if opens {
                string = Some(index.saturating_add(1));
            } else if character == '"' && !escaped {
                string = None;
            }
            escaped = string.is_some() && character == '\\' && !escaped;
            if index == at {
                break;
            }
        }
        match string {
            // The place is that of the string: mark all of it.
            Some(start) if at <= start => {
                let mut escaped = false;
                let length = characters.iter().skip(start).take_while(|&&character| {
                    let goes_on = escaped || character != '"';
                    escaped = !escaped && character == '\\';
                    goes_on
                });
                (start, length.count().max(1))
            }
            // The place is in the string.
            Some(_) => (at, 1),
            None => {
                let word =
                    |character: &&char| character.is_ascii_alphanumeric() || "+-._".contains(**character);
                (at, characters.iter().skip(at).take_while(word).count().max(1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::of(Source::new("f", text.to_owned(), 1))
    }

    #[test]
    fn lines_and_columns() {
        let place = place("{\r\n  \"é\": \"x\"\n}");
        let position = place.position(0);
        assert_eq!((position.line, position.column, position.text.as_str()), (1, 1, "{"));
        let position = place.position(11);
        assert_eq!((position.line, position.column, position.text.as_str()), (2, 8, "  \"é\": \"x\""));
        assert_eq!(position.extent(), (8, 1));
        assert_eq!(place.position(999).line, 3);
        assert_eq!(place.position(3).line, 2);
        assert_eq!(place.position(2).line, 1);
        for offset in [13, 5, 11, 0, 3, 12] {
            assert_eq!(
                place.position(offset).column,
                self::place("{\r\n  \"é\": \"x\"\n}").position(offset).column
            );
        }
    }

    #[test]
    fn a_place_in_words() {
        let words = |first_line, base| {
            let place = Place::of(Source::new("f", "{}\n\n{}", first_line));
            Place { base, ..place }.words()
        };
        assert_eq!(
            (words(1, 0), words(1, 4), words(7, 4), words(0, 4)),
            ("f:1".into(), "f:3".into(), "f:9".into(), "f".into())
        );
    }

    #[test]
    fn only_what_is_around_is_looked_at() {
        let place = place(&format!("[{}\"time\":\"é\",{}", "\"ü\",".repeat(50_000), "1,".repeat(50_000)));
        let offset = 1 + 50_000 * 5 + 7;
        let position = place.position(offset);
        assert_eq!((position.line, position.column), (1, 1 + 50_000 * 4 + 7 + 1));
        assert!(position.text.len() <= 2 * AROUND);
        assert_eq!(position.extent(), (position.at + 1, 1));
        let marked = position.text.chars().nth(position.at + 1);
        assert_eq!(marked, Some('é'));
    }

    #[test]
    fn carets_mark_what_stands_there() {
        let at = |text: &str, column: usize| {
            Position { line: 1, column, text: text.into(), at: column - 1, cut: false }.extent()
        };
        assert_eq!(at(r#""time": "2026-02-30""#, 10), (9, 10));
        assert_eq!(at(r#""time": "2026-02-30""#, 9), (9, 10));
        assert_eq!(at(r#""a": "x\"y", "b""#, 7), (6, 4));
        assert_eq!(at("1.5e+3}", 1), (0, 6));
        assert_eq!(at("}", 1), (0, 1));
        assert_eq!(at(r#""a":"b"}"#, 8), (7, 1));
        assert_eq!(at(r#""a":"","b""#, 6), (5, 1));
        assert_eq!(at(r#""a":"b\qc""#, 7), (6, 1));
        assert_eq!(at("", 1), (0, 1));
    }
}
