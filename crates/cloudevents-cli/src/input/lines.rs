//! JSON Lines, read in chunks of many lines.

use super::reader::CHUNK;
use crate::source::{Place, Source, Start};
use bytes::{Bytes, BytesMut};
use std::{
    io::{self, BufRead, Read},
    sync::Arc,
};

/// The lines of an input that are not blank. Lines of one chunk share its memory.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    /// Complete lines, those before `at` already returned.
    chunk: Bytes,
    at: usize,
    source: Option<Arc<Source>>,
    /// The beginning of the line after the chunk.
    rest: BytesMut,
    /// The number of lines that were returned or skipped, and the offset of the chunk in the input.
    number: usize,
    offset: usize,
    longest: usize,
    ended: bool,
}

impl Lines {
    /// `ahead` was read from the input before: complete lines.
    pub(super) fn new(name: String, ahead: Vec<u8>, reader: Box<dyn BufRead>, longest: usize) -> Self {
        let mut lines = Self {
            reader,
            name,
            chunk: Bytes::new(),
            at: 0,
            source: None,
            rest: BytesMut::new(),
            number: 0,
            offset: 0,
            longest,
            ended: false,
        };
        lines.begin(Bytes::from(ahead));
        lines
    }

    /// Whether the next line is in memory.
    pub(super) fn is_ready(&self) -> bool {
        self.at < self.chunk.len()
    }

    /// Returns the next line, without white space around it, and its place.
    pub(super) fn next(&mut self) -> io::Result<Option<(Bytes, Place)>> {
        loop {
            while let Some(rest) = self.chunk.get(self.at..).filter(|rest| !rest.is_empty()) {
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let line = rest.get(..length).unwrap_or_default();
                let begin = self.at.saturating_add(length.saturating_sub(line.trim_ascii_start().len()));
                let text = line.trim_ascii();
                let found = (!text.is_empty()).then(|| self.chunk.slice_ref(text));
                self.at = self.at.saturating_add(length).saturating_add(1);
                self.number = self.number.saturating_add(1);
                if let (Some(text), Some(source)) = (found, &self.source) {
                    let source = Arc::clone(source);
                    return Ok(Some((text, Place { source, base: begin, begin: 0, index: None })));
                }
            }
            if self.ended {
                return Ok(None);
            }
            self.read()?;
        }
    }

    /// Reads at least one complete line, unless the input ends before.
    fn read(&mut self) -> io::Result<()> {
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
                break;
            }
            let new = buffer.get(before..).unwrap_or_default();
            if let Some(at) = memchr::memrchr(b'\n', new) {
                self.rest = buffer.split_off(before.saturating_add(at).saturating_add(1));
                break;
            }
            if buffer.len() > self.longest {
                let words = format!("line {} is longer than {} MiB", self.number, self.longest >> 20);
                return Err(io::Error::other(words));
            }
        }
        self.begin(buffer.freeze());
        Ok(())
    }

    fn begin(&mut self, chunk: Bytes) {
        self.offset = self.offset.saturating_add(self.chunk.len());
        let start = Start { line: self.number.saturating_add(1), column: 0, offset: self.offset };
        self.source = Some(Arc::new(Source::part(self.name.as_str(), chunk.clone(), start)));
        self.chunk = chunk;
        self.at = 0;
    }
}
