//! JSON Lines, read in chunks of many lines.

use super::{
    decoding::Decoding,
    located::Located,
    reader::{CHUNK, SOME},
};
use crate::source::{Place, Source, Start};
use bytes::{Bytes, BytesMut};
use std::{
    io::{self, BufRead, Read},
    sync::Arc,
};

/// The lines of an input, in chunks.
pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    name: String,
    /// Complete lines that were read before.
    ahead: Bytes,
    /// The beginning of the line after the last chunk.
    rest: BytesMut,
    /// The number of lines in the chunks so far, and their bytes.
    number: usize,
    offset: usize,
    longest: usize,
    ended: bool,
}

/// The lines of a chunk that are not blank. They share its memory.
#[derive(Debug)]
pub(super) struct Chunk {
    source: Arc<Source>,
    /// The lines before it were returned.
    at: usize,
}

impl Lines {
    /// `ahead` was read from the input before: complete lines.
    pub(super) fn new(name: String, ahead: Vec<u8>, reader: Box<dyn BufRead + Send>, longest: usize) -> Self {
        let ahead = ahead.into();
        Self { reader, name, ahead, rest: BytesMut::new(), number: 0, offset: 0, longest, ended: false }
    }

    /// Reads at least one complete line, unless the input ends before. `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Chunk>> {
        if !self.ahead.is_empty() {
            let ahead = std::mem::take(&mut self.ahead);
            return Ok(Some(self.chunk(ahead)));
        }
        if self.ended {
            return Ok(None);
        }
        let mut buffer = std::mem::take(&mut self.rest);
        loop {
            let before = buffer.len();
            buffer.resize(before.saturating_add(CHUNK), 0);
            let read = match self.reader.read(buffer.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    buffer.truncate(before);
                    continue;
                }
                read => read?,
            };
            buffer.truncate(before.saturating_add(read));
            if read == 0 {
                self.ended = true;
                return Ok((!buffer.is_empty()).then(|| self.chunk(buffer.freeze())));
            }
            let new = buffer.get(before..).unwrap_or_default();
            if let Some(at) = memchr::memrchr(b'\n', new) {
                self.rest = buffer.split_off(before.saturating_add(at).saturating_add(1));
                return Ok(Some(self.chunk(buffer.freeze())));
            }
            if buffer.len() > self.longest {
                let number = self.number.saturating_add(1);
                let words = format!("line {number} is longer than {} MiB", self.longest >> 20);
                return Err(io::Error::other(words));
            }
        }
    }

    fn chunk(&mut self, mut text: Bytes) -> Chunk {
        if let Some(last) = memchr::memchr_iter(b'\n', &text).nth(SOME.saturating_sub(1)) {
            self.ahead = text.split_off(last.saturating_add(1));
        }
        let start = Start { line: self.number.saturating_add(1), column: 0, offset: self.offset };
        self.number = self.number.saturating_add(memchr::memchr_iter(b'\n', &text).count());
        self.offset = self.offset.saturating_add(text.len());
        Chunk { source: Arc::new(Source::part(self.name.as_str(), text, start)), at: 0 }
    }
}

impl Chunk {
    /// Returns the event of the next line.
    pub(super) fn next(&mut self, decoding: &Decoding) -> Option<Located> {
        let (place, line) = self.next_line()?;
        Some(Located { event: decoding.json(line), place })
    }

    /// Returns the next line and its place.
    pub(super) fn next_line(&mut self) -> Option<(Place, Bytes)> {
        let chunk = &self.source.text;
        while let Some(rest) = chunk.get(self.at..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default();
            let base = self.at.saturating_add(length.saturating_sub(line.trim_ascii_start().len()));
            let text = line.trim_ascii();
            self.at = self.at.saturating_add(length).saturating_add(1);
            if !text.is_empty() {
                let (source, length) = (Arc::clone(&self.source), text.len());
                let place = Place { source, base, begin: 0, length, index: None };
                return Some((place, chunk.slice_ref(text)));
            }
        }
        None
    }

    /// Whether all of it was returned.
    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.source.text.len()
    }

    /// The bytes of its lines.
    pub(super) fn len(&self) -> usize {
        self.source.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_has_its_number() {
        for before in ["", "{}\n", "{}\n\n{}\n"] {
            let text = before.to_owned() + &" ".repeat(2 << 20);
            let reader = Box::new(io::Cursor::new(text));
            let mut lines = Lines::new("f".into(), Vec::new(), reader, 1 << 20);
            let error = loop {
                match lines.next() {
                    Ok(chunk) => assert!(chunk.is_some()),
                    Err(error) => break error,
                }
            };
            let number = before.lines().count() + 1;
            assert_eq!(error.to_string(), format!("line {number} is longer than 1 MiB"));
        }
    }
}
