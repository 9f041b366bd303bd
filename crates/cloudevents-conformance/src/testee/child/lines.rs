//! Lines with a limit to their length.

use std::io::{self, BufRead};

/// The result of reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end. The last one need not have an end.
    Text(String),
    /// A line that is not UTF-8.
    NotText,
    /// A line longer than the limit. Its rest was not read.
    TooLong,
    /// There are no more lines.
    End,
}

/// Reads one line of at most `limit` bytes, its end not counted.
pub(super) fn read(reader: &mut impl BufRead, limit: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        if available.is_empty() {
            return Ok(if line.is_empty() { Line::End } else { text(line) });
        }
        let (part, found) = match available.iter().position(|byte| *byte == b'\n') {
            Some(end) => (available.get(..end).unwrap_or_default(), true),
            None => (available, false),
        };
        if line.len() + part.len() > limit {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(found);
        reader.consume(used);
        if found {
            return Ok(text(line));
        }
    }
}

fn text(mut line: Vec<u8>) -> Line {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_or(Line::NotText, Line::Text)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(bytes: &[u8], limit: usize) -> Vec<Line> {
        // A small buffer, so that lines come in parts.
        let mut reader = BufReader::with_capacity(3, bytes);
        let mut lines = Vec::new();
        loop {
            lines.push(read(&mut reader, limit).unwrap());
            if matches!(lines.last(), Some(Line::End | Line::TooLong)) {
                return lines;
            }
        }
    }

    fn line(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn lines_are_read() {
        assert_eq!(
            all(b"abcdef\n\r\n\ng\r\nh", 100),
            [line("abcdef"), line(""), line(""), line("g"), line("h"), Line::End]
        );
        assert_eq!(all(b"", 100), [Line::End]);
        assert_eq!(all(b"\xff\na\n", 100), [Line::NotText, line("a"), Line::End]);
    }

    #[test]
    fn lines_have_a_limit() {
        assert_eq!(all(b"abcd\nabcd", 4), [line("abcd"), line("abcd"), Line::End]);
        assert_eq!(all(b"abcd\nabcde\n", 4), [line("abcd"), Line::TooLong]);
    }
}
