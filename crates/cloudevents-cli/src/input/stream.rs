//! Large JSON batches, read element by element.

use super::{Located, documents, reader::CHUNK};
use crate::source::{Place, Source, Start};
use bytes::Bytes;
use cloudevents_kit::{
    Decoded, Error, Event, SpecVersion, json::BatchSplitter, model::codec::mixed_specversions,
};
use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
    sync::Arc,
};

/// The events of a JSON array, and what follows it. Keeps one element in memory.
pub(super) struct Elements {
    reader: Box<dyn BufRead>,
    name: String,
    decoding: documents::Decoding,
    splitter: BatchSplitter,
    index: usize,
    /// The version of the first valid event.
    version: Option<SpecVersion>,
    lines: LineCounter,
    /// The offset of the array in the input.
    base: usize,
    /// The events of the documents after the array.
    after: std::vec::IntoIter<Located>,
    ended: bool,
}

impl Elements {
    /// `ahead` was read from the input before.
    pub(super) fn new(
        name: String,
        ahead: &[u8],
        reader: Box<dyn BufRead>,
        decoding: documents::Decoding,
    ) -> Self {
        let mut elements = Self {
            reader,
            name,
            splitter: BatchSplitter::new(&decoding.options),
            decoding,
            index: 0,
            version: None,
            lines: LineCounter::default(),
            base: 0,
            after: Vec::new().into_iter(),
            ended: false,
        };
        elements.push(ahead);
        elements
    }

    /// Returns the next event, or its error.
    pub(super) fn next(&mut self) -> io::Result<Option<Located>> {
        loop {
            if let Some(located) = self.after.next() {
                return Ok(Some(located));
            }
            if self.ended {
                return Ok(None);
            }
            match self.splitter.next_element() {
                Ok(Some(raw)) => return Ok(Some(self.element(raw))),
                Ok(None) => {
                    let mut chunk = vec![0; CHUNK];
                    match self.reader.read(&mut chunk) {
                        Ok(0) => {
                            self.ended = true;
                            if let Err(error) = self.splitter.finish() {
                                return Ok(Some(self.broken(&error)));
                            }
                        }
                        Ok(length) => self.push(chunk.get(..length).unwrap_or_default()),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                // Another document follows.
                Err(_) if self.splitter.is_finished() => self.follow()?,
                Err(error) => {
                    self.ended = true;
                    return Ok(Some(self.broken(&error)));
                }
            }
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.lines.count(chunk);
        self.splitter.push(chunk);
    }

    fn element(&mut self, raw: Bytes) -> Located {
        let end = self.base.saturating_add(self.splitter.offset());
        let start = self.lines.start(end.saturating_sub(raw.len()));
        let source = Arc::new(Source::part(self.name.as_str(), raw.clone(), start));
        let event = self.decoding.json(raw).and_then(|decoded| self.same_version(decoded));
        let index = Some(self.index);
        self.index = self.index.saturating_add(1);
        Located { event, place: Place { source, base: 0, begin: 0, index } }
    }

    fn same_version(&mut self, decoded: Decoded<Event>) -> Result<Decoded<Event>, Error> {
        let version = decoded.value.specversion();
        let first = *self.version.get_or_insert(version);
        if version == first { Ok(decoded) } else { Err(mixed_specversions(first)) }
    }

    /// Returns an error of the array itself.
    fn broken(&mut self, error: &Error) -> Located {
        let offset = error.offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or_default();
        let start = self.lines.start(self.base.saturating_add(offset));
        let source = Arc::new(Source::part(self.name.as_str(), Bytes::new(), start));
        let event = Err(error.clone().with_offset(0));
        Located { event, place: Place { source, base: 0, begin: 0, index: error.index() } }
    }

    /// Continues with the documents after the array: with another array element by element, with others in memory.
    fn follow(&mut self) -> io::Result<()> {
        let next = BatchSplitter::new(&self.decoding.options);
        let splitter = std::mem::replace(&mut self.splitter, next);
        self.base = self.base.saturating_add(splitter.offset());
        let rest = splitter.into_rest();
        let spaces = rest.len().saturating_sub(rest.trim_ascii_start().len());
        self.base = self.base.saturating_add(spaces);
        let rest = rest.get(spaces..).unwrap_or_default();
        (self.index, self.version) = (0, None);
        if rest.first() == Some(&b'[') {
            self.splitter.push(rest);
            return Ok(());
        }
        let mut text = rest.to_vec();
        super::reader::fill(&mut *self.reader, super::LARGEST, &mut text)?;
        let source = Source::part(self.name.as_str(), text, self.lines.start(self.base));
        self.after = documents::json(&Arc::new(source), &self.decoding).into_iter();
        self.ended = true;
        Ok(())
    }
}

/// Finds lines and columns of increasing offsets.
#[derive(Default)]
struct LineCounter {
    /// The number of bytes counted.
    counted: usize,
    /// The offsets of line breaks that no place was after.
    ahead: VecDeque<usize>,
    /// The number of lines before them, and where their line begins.
    lines: usize,
    begin: usize,
}

impl LineCounter {
    fn count(&mut self, chunk: &[u8]) {
        let before = self.counted;
        self.ahead.extend(memchr::memchr_iter(b'\n', chunk).map(|at| before.saturating_add(at)));
        self.counted = before.saturating_add(chunk.len());
    }

    /// Returns the place of this byte, which is not before that of the last call.
    fn start(&mut self, offset: usize) -> Start {
        while self.ahead.front().is_some_and(|newline| *newline < offset) {
            self.begin = self.ahead.pop_front().unwrap_or_default().saturating_add(1);
            self.lines = self.lines.saturating_add(1);
        }
        Start { line: self.lines.saturating_add(1), column: offset.saturating_sub(self.begin), offset }
    }
}
