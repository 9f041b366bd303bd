//! Where events come from, down to the character.

use bytes::Bytes;
use std::sync::Arc;

/// A text that events were read from: a file, a line of one, a message.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The file's name, `standard input`, a URL.
    pub(crate) name: String,
    /// All of it.
    pub(crate) text: Bytes,
    /// The number of its first line.
    pub(crate) first_line: usize,
}

/// A place in a source.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) source: Arc<Source>,
    /// Where the event's document begins.
    pub(crate) base: usize,
    /// Where, from there, the event itself begins.
    pub(crate) begin: usize,
    /// The event's index in its batch.
    pub(crate) index: Option<usize>,
}

impl Place {
    /// A source as a whole.
    pub(crate) fn of(source: Source) -> Self {
        Self { source: Arc::new(source), base: 0, begin: 0, index: None }
    }

    /// Line and column, counted from 1, of a byte of the event's document.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let at = self.base.saturating_add(offset).min(self.source.text.len());
        let (before, after) = self.source.text.split_at(at);
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at.saturating_add(1));
        let end = after.iter().position(|&byte| byte == b'\n').unwrap_or(after.len()).saturating_add(at);
        let line =
            before.iter().filter(|&&byte| byte == b'\n').count().saturating_add(self.source.first_line);
        let text = self.source.text.get(start..end).unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let column = before.get(start..).map_or(0, |head| String::from_utf8_lossy(head).chars().count());
        Position { line, column: column.saturating_add(1), text: String::from_utf8_lossy(text).into_owned() }
    }
}

/// A line, a column in it, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) text: String,
}

impl Position {
    /// How many characters a caret has to mark: the whole string, number or word that stands there, without quotation marks.
    pub(crate) fn extent(&self) -> (usize, usize) {
        let at = self.column.saturating_sub(1);
        let characters: Vec<char> = self.text.chars().collect();
        // JSON strings do not go on in the next line, so the quotation marks before tell whether this is in one.
        let mut string: Option<usize> = None;
        let mut escaped = false;
        for (index, &character) in characters.iter().enumerate() {
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
            // The string's own place: all of it.
            Some(start) if at <= start => {
                let mut escaped = false;
                let length = characters.iter().skip(start).take_while(|&&character| {
                    let goes_on = escaped || character != '"';
                    escaped = !escaped && character == '\\';
                    goes_on
                });
                (start, length.count().max(1))
            }
            // Something in it.
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
        Place::of(Source { name: "f".into(), text: Bytes::copy_from_slice(text.as_bytes()), first_line: 1 })
    }

    #[test]
    fn lines_and_columns() {
        let place = place("{\r\n  \"é\": \"x\"\n}");
        assert_eq!(place.position(0), Position { line: 1, column: 1, text: "{".into() });
        let position = place.position(11);
        assert_eq!((position.line, position.column, position.text.as_str()), (2, 8, "  \"é\": \"x\""));
        assert_eq!(position.extent(), (8, 1));
        assert_eq!(place.position(999).line, 3);
    }

    #[test]
    fn carets_mark_what_stands_there() {
        let at = |text: &str, column: usize| Position { line: 1, column, text: text.into() }.extent();
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
