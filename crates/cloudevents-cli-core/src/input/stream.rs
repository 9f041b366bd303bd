//! Large JSON batches, read element by element.

use super::{
    decoding::Decoding,
    documents::JsonDocuments,
    located::Located,
    reader::{CHUNK, LARGEST, SOME, fill},
};
use crate::source::{Place, Source, Start};
use bytes::Bytes;
use cloudevents_kit::{Error, SpecVersion, json::BatchSplitter, model::codec::mixed_specversions};
use std::{
    io::{self, BufRead, Read},
    sync::Arc,
};

/// The events of a JSON array, in groups of elements, and the documents that follow it.
pub(super) struct Elements {
    reader: Box<dyn BufRead + Send>,
    name: String,
    decoding: Decoding,
    splitter: BatchSplitter,
    index: usize,
    /// The version of the first valid event.
    version: Option<SpecVersion>,
    lines: LineCounter,
    /// The offset of the array in the input.
    base: usize,
    /// The documents after the array, which are not arrays.
    behind: Option<JsonDocuments>,
    ended: bool,
}

/// Some events of an array, most of them still undecoded, and the events that follow the array.
#[derive(Debug)]
pub(super) struct Group {
    name: Arc<str>,
    /// The elements up to the first valid event.
    first: std::vec::IntoIter<Located>,
    elements: std::vec::IntoIter<Element>,
    /// The version that these elements must have.
    version: Option<SpecVersion>,
    /// The events after the array, or the error that ends it.
    last: std::vec::IntoIter<Located>,
}

/// An element, where it begins, and its index in the array.
#[derive(Debug)]
struct Element {
    raw: Bytes,
    start: Start,
    index: usize,
}

impl Elements {
    /// `ahead` was read from the input before.
    pub(super) fn new(
        name: String,
        ahead: Vec<u8>,
        reader: Box<dyn BufRead + Send>,
        decoding: Decoding,
    ) -> Self {
        let mut elements = Self {
            reader,
            name,
            splitter: splitter(&decoding),
            decoding,
            index: 0,
            version: None,
            lines: LineCounter::default(),
            base: 0,
            behind: None,
            ended: false,
        };
        elements.push(ahead);
        elements
    }

    /// Reads at least one element, unless the input ends before. `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Group>> {
        let (mut first, mut elements, mut last, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0_usize);
        let version = loop {
            if let Some(documents) = &mut self.behind {
                last = documents.next();
                self.ended = last.is_empty();
                break None;
            }
            if self.ended || bytes >= CHUNK || first.len().saturating_add(elements.len()) >= SOME {
                break self.version;
            }
            match self.splitter.next_element() {
                Ok(Some(raw)) => {
                    bytes = bytes.saturating_add(raw.len());
                    let element = self.element(raw);
                    if self.version.is_some() {
                        elements.push(element);
                    } else {
                        let located = element.decode(&self.name, None, &self.decoding);
                        self.version = located.event.as_ref().ok().map(|decoded| decoded.value.specversion());
                        first.push(located);
                    }
                }
                Ok(None) if bytes > 0 => break self.version,
                Ok(None) => last.extend(self.read()?),
                // Another document follows.
                Err(_) if self.splitter.is_finished() => {
                    let version = self.version;
                    self.follow()?;
                    if !elements.is_empty() || !first.is_empty() {
                        break version;
                    }
                }
                Err(error) => {
                    self.ended = true;
                    last.push(self.broken(&error));
                }
            }
        };
        let group = Group {
            name: self.name.as_str().into(),
            first: first.into_iter(),
            elements: elements.into_iter(),
            version,
            last: last.into_iter(),
        };
        Ok((!self.ended || !group.is_empty()).then_some(group))
    }

    /// Reads more of the array. At the end of the input, returns an error if the array is incomplete.
    fn read(&mut self) -> io::Result<Option<Located>> {
        let mut chunk = vec![0; CHUNK];
        match self.reader.read(&mut chunk) {
            Ok(0) => {
                self.ended = true;
                return Ok(self.splitter.finish().err().map(|error| self.broken(&error)));
            }
            Ok(length) => {
                chunk.truncate(length);
                self.push(chunk);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    fn push(&mut self, chunk: Vec<u8>) {
        self.splitter.push(&chunk);
        self.lines.count(chunk, self.base.saturating_add(self.splitter.offset()));
    }

    fn element(&mut self, raw: Bytes) -> Element {
        let end = self.base.saturating_add(self.splitter.offset());
        let start = self.lines.start(end.saturating_sub(raw.len()));
        let index = self.index;
        self.index = self.index.saturating_add(1);
        Element { raw, start, index }
    }

    /// Returns an error of the array itself.
    fn broken(&mut self, error: &Error) -> Located {
        let offset = error.offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or_default();
        let start = self.lines.start(self.base.saturating_add(offset));
        let source = Arc::new(Source::part(self.name.as_str(), Bytes::new(), start));
        let event = Err(error.clone().with_offset(0));
        Located { event, place: Place { source, base: 0, begin: 0, length: 0, index: error.index() } }
    }

    /// Continues with the documents after the array: with another array element by element. Others are read into memory.
    fn follow(&mut self) -> io::Result<()> {
        self.base = self.base.saturating_add(self.splitter.offset());
        (self.index, self.version) = (0, None);
        if self.splitter.next_array() {
            return Ok(());
        }
        let splitter = std::mem::replace(&mut self.splitter, splitter(&self.decoding));
        let mut text = splitter.into_rest().to_vec();
        if !fill(&mut *self.reader, LARGEST, &mut text)? {
            return Err(io::Error::other("what follows the array has 256 MiB or more"));
        }
        let source = Source::part(self.name.as_str(), text, self.lines.start(self.base));
        self.behind = Some(JsonDocuments::new(Arc::new(source), self.decoding.clone()));
        Ok(())
    }
}

/// A splitter of batches with any number of events.
fn splitter(decoding: &Decoding) -> BatchSplitter {
    let mut options = decoding.options.clone();
    options.limits.batch = usize::MAX;
    BatchSplitter::new(&options)
}

impl Group {
    /// Returns the next event, or its error.
    pub(super) fn next(&mut self, decoding: &Decoding) -> Option<Located> {
        let element = |element: Element| element.decode(&self.name, self.version, decoding);
        self.first.next().or_else(|| self.elements.next().map(element)).or_else(|| self.last.next())
    }

    /// Whether all of it was returned.
    pub(super) fn is_empty(&self) -> bool {
        self.first.len() == 0 && self.elements.len() == 0 && self.last.len() == 0
    }

    /// The bytes of its elements.
    pub(super) fn len(&self) -> usize {
        self.elements.as_slice().iter().map(|element| element.raw.len()).sum()
    }
}

impl Element {
    /// Decodes the element, whose event must have this version.
    fn decode(self, name: &str, version: Option<SpecVersion>, decoding: &Decoding) -> Located {
        let (source, length) = (Arc::new(Source::part(name, self.raw.clone(), self.start)), self.raw.len());
        let event = decoding.json(self.raw).and_then(|decoded| match version {
            Some(version) if version != decoded.value.specversion() => Err(mixed_specversions(version)),
            _ => Ok(decoded),
        });
        Located { event, place: Place { source, base: 0, begin: 0, length, index: Some(self.index) } }
    }
}

/// Finds lines and columns of increasing offsets. Of the input, only the last chunk is kept.
#[derive(Default)]
struct LineCounter {
    chunk: Vec<u8>,
    /// The offset of the chunk.
    offset: usize,
    /// The last place in the chunk that was searched for, or its end. Before it are `lines` line breaks. Its line begins at `begin`.
    at: usize,
    lines: usize,
    begin: usize,
    /// The place before the chunk where an incomplete element begins.
    pending: Option<Start>,
}

impl LineCounter {
    /// Takes the next chunk. The element that begins at `pending` is not complete.
    fn count(&mut self, chunk: Vec<u8>, pending: usize) {
        let begins = self.start(pending);
        let end = self.offset.saturating_add(self.chunk.len());
        let _ = self.start(end);
        self.pending = Some(begins);
        (self.chunk, self.offset) = (chunk, end);
    }

    /// Returns the place of this byte. It is not before the byte of the last call.
    fn start(&mut self, offset: usize) -> Start {
        if let Some(pending) = self.pending.filter(|pending| offset <= pending.offset) {
            return pending;
        }
        let of = |offset: usize| offset.saturating_sub(self.offset);
        let text = self.chunk.get(of(self.at)..of(offset)).unwrap_or_default();
        self.lines = self.lines.saturating_add(memchr::memchr_iter(b'\n', text).count());
        if let Some(last) = memchr::memrchr(b'\n', text) {
            self.begin = self.at.saturating_add(last).saturating_add(1);
        }
        self.at = self.at.max(offset);
        Start { line: self.lines.saturating_add(1), column: offset.saturating_sub(self.begin), offset }
    }
}
