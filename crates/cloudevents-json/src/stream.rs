//! Batches as streams: reading events while the array arrives, and writing them while it is sent.

use crate::{decode, encode};
use bytes::{Bytes, BytesMut};
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Item, Losses, Repair, RepairKind, SpecVersion,
    codec::mixed_specversions,
};
use std::io::{self, Read, Write};

/// Splits a JSON array into its elements while it arrives in chunks of any size. It does no IO.
///
/// It scans only brackets and strings and does not check the elements. It buffers at most one element, of at most
/// [`Limits::bytes`](cloudevents_core::Limits::bytes).
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_json::BatchSplitter;
///
/// let mut splitter = BatchSplitter::new(&DecodeOptions::strict());
/// splitter.push(b"[ {\"a\":1}, {\"b\"");
/// assert_eq!(splitter.next_element()?.as_deref(), Some(&b"{\"a\":1}"[..]));
/// assert_eq!(splitter.next_element()?, None); // not yet
/// splitter.push(b":[2]} ]");
/// assert_eq!(splitter.next_element()?.as_deref(), Some(&b"{\"b\":[2]}"[..]));
/// assert_eq!(splitter.next_element()?, None);
/// splitter.finish()?;
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchSplitter {
    buffer: BytesMut,
    /// The number of bytes of the buffer that were scanned.
    looked: usize,
    /// The offset of the buffer in the document.
    offset: usize,
    limit: usize,
    count: usize,
    most: usize,
    state: State,
    allows_mark: bool,
    mark: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the opening bracket.
    Start,
    /// Before an element; the first may be absent.
    Element { first: bool },
    /// In an element, within this many brackets.
    Inside { depth: usize, string: bool, escape: bool },
    /// After an element: a comma or the closing bracket follows.
    Behind,
    /// After the closing bracket.
    End,
}

impl BatchSplitter {
    /// Creates a splitter with the limits of these options.
    pub fn new(with: &DecodeOptions) -> Self {
        Self {
            buffer: BytesMut::new(),
            looked: 0,
            offset: 0,
            limit: with.limits.bytes,
            count: 0,
            most: with.limits.batch,
            state: State::Start,
            allows_mark: with.leniency.allows(RepairKind::ByteOrderMark),
            mark: false,
        }
    }

    /// Takes the next part of the document.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// Returns the next complete element; `None` if more input is needed or the array has ended.
    pub fn next_element(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(&byte) = self.buffer.get(self.looked) {
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            match (self.state, byte) {
                (State::Start | State::Element { .. } | State::Behind | State::End, _) if space => {
                    self.skip()
                }
                (State::Start, b'\xef') if self.offset == 0 && self.looked == 0 => {
                    if !self.byte_order_mark()? {
                        return Ok(None);
                    }
                }
                (State::Start, b'[') => self.skip_to(State::Element { first: true }),
                (State::Element { first: true } | State::Behind, b']') => self.skip_to(State::End),
                (State::Behind, b',') => self.skip_to(State::Element { first: false }),
                (State::Element { .. }, _) => {
                    self.begin_element()?;
                    self.state = State::Inside { depth: 0, string: false, escape: false };
                }
                (State::Inside { depth, string, escape }, _) => {
                    let ends = self.inside(depth, string, escape);
                    self.check_size()?;
                    if ends && let Some(element) = self.take() {
                        return Ok(Some(element));
                    }
                }
                (State::Start, _) => return Err(self.refuse("expected a batch, which is a JSON array")),
                (State::Behind, _) => return Err(self.refuse("expected `,` or `]`")),
                (State::End, _) => return Err(self.refuse("expected the end of the document")),
            }
        }
        Ok(None)
    }

    /// Whether the closing bracket was read.
    pub fn is_finished(&self) -> bool {
        self.state == State::End
    }

    /// The number of bytes of the document before the part that was not returned yet.
    ///
    /// After an element was returned, it is the offset of the end of the element.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the input that was pushed and not read. After the closing bracket, this is the input behind the array.
    ///
    /// There, [`next_element`](Self::next_element) returns an error unless the input is white space.
    ///
    /// ```
    /// use cloudevents_core::DecodeOptions;
    /// use cloudevents_json::BatchSplitter;
    ///
    /// let mut splitter = BatchSplitter::new(&DecodeOptions::strict());
    /// splitter.push(b"[] [1]");
    /// assert!(splitter.next_element().is_err() && splitter.is_finished());
    /// assert_eq!((splitter.offset(), splitter.into_rest().as_ref()), (3, &b"[1]"[..]));
    /// ```
    pub fn into_rest(self) -> Bytes {
        self.buffer.freeze()
    }

    /// Continues with the next array after the closing bracket, and returns whether it does.
    ///
    /// It does if the input behind this array begins like an array. Numbers and offsets begin anew, and the limit of events is for each
    /// array.
    ///
    /// ```
    /// use cloudevents_core::DecodeOptions;
    /// use cloudevents_json::BatchSplitter;
    ///
    /// let mut splitter = BatchSplitter::new(&DecodeOptions::strict());
    /// splitter.push(b"[] [1]");
    /// assert!(splitter.next_element().is_err() && splitter.next_array());
    /// assert_eq!(splitter.next_element()?.as_deref(), Some(&b"1"[..]));
    /// assert!(splitter.next_element()?.is_none() && splitter.is_finished() && !splitter.next_array());
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn next_array(&mut self) -> bool {
        let begins = self.is_finished() && self.buffer.first() == Some(&b'[');
        if begins {
            (self.state, self.looked, self.offset, self.count) = (State::Start, 0, 0, 0);
        }
        begins
    }

    /// Ends the input. Returns an error if the array is incomplete.
    pub fn finish(&self) -> Result<(), Error> {
        if self.is_finished() { Ok(()) } else { Err(self.refuse("the document ends before the array does")) }
    }

    /// Scans an element as far as it has arrived. Returns whether the element ends before or with the last byte that was scanned.
    fn inside(&mut self, mut depth: usize, mut string: bool, mut escape: bool) -> bool {
        let end = self.buffer.len().min(self.limit.saturating_add(1));
        let bytes = self.buffer.get(self.looked..end).unwrap_or_default();
        let mut at = 0_usize;
        let ends = loop {
            if string && !escape {
                let rest = bytes.get(at..).unwrap_or_default();
                at = memchr::memchr2(b'"', b'\\', rest).map_or(bytes.len(), |found| at.saturating_add(found));
            }
            let Some(&byte) = bytes.get(at) else { break false };
            match byte {
                _ if escape => escape = false,
                b'\\' if string => escape = true,
                b'"' => string = !string,
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' | b',' if depth == 0 => break true,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        at = at.saturating_add(1);
                        break true;
                    }
                }
                _ => {}
            }
            at = at.saturating_add(1);
        };
        self.looked = self.looked.saturating_add(at);
        self.state = if ends { State::Behind } else { State::Inside { depth, string, escape } };
        ends
    }

    fn check_size(&self) -> Result<(), Error> {
        if self.looked <= self.limit {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TooLarge)
            .with_detail(format!("an element is larger than the limit of {} bytes", self.limit))
            .with_index(self.count.saturating_sub(1))
            .with_offset(self.offset))
    }

    /// Skips a byte order mark where leniency allows it. Returns `false` if more input is needed.
    fn byte_order_mark(&mut self) -> Result<bool, Error> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let Some(start) = self.buffer.get(..MARK.len()) else { return Ok(false) };
        match (start == MARK, self.allows_mark) {
            (true, true) => {
                self.looked = MARK.len();
                let _ = self.take();
                self.mark = true;
                Ok(true)
            }
            (true, false) => Err(decode::unwanted_byte_order_mark()),
            (false, _) => Err(self.refuse("expected a batch, which is a JSON array")),
        }
    }

    /// Returns once whether a byte order mark was skipped, which leniency allows.
    fn take_mark(&mut self) -> bool {
        std::mem::take(&mut self.mark)
    }

    fn begin_element(&mut self) -> Result<(), Error> {
        if self.count >= self.most {
            return Err(Error::new(ErrorKind::TooMany)
                .with_detail(format!("the limit is {} events in a batch", self.most))
                .with_index(self.count)
                .with_offset(self.offset));
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn skip(&mut self) {
        self.looked = self.looked.saturating_add(1);
        let _ = self.take();
    }

    fn skip_to(&mut self, state: State) {
        self.skip();
        self.state = state;
    }

    /// Removes the scanned bytes from the buffer.
    fn take(&mut self) -> Option<Bytes> {
        let length = std::mem::take(&mut self.looked);
        self.offset = self.offset.saturating_add(length);
        if length <= self.buffer.len() { Some(self.buffer.split_to(length).freeze()) } else { None }
    }

    #[cold]
    fn refuse(&self, detail: &'static str) -> Error {
        Error::new(ErrorKind::InvalidDocument)
            .with_detail(detail)
            .with_offset(self.offset.saturating_add(self.looked))
            .with_clause("JSON-4.1-a")
    }
}

/// Reads a batch from a stream and returns its items as they arrive: each an event, or an error with its index and its raw text.
///
/// An invalid event does not fail the rest of the batch. The rules are the rules of
/// [`Format::decode_items`](cloudevents_core::Format::decode_items). A byte order mark that leniency allows is reported with the first
/// valid event.
///
/// The outer result is an error that ends the stream: an IO error, or a document that is not a JSON array.
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_json::BatchReader;
///
/// let document = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"}, {"id":"2"}]"#;
/// let mut reader = BatchReader::new(document.as_bytes(), DecodeOptions::strict());
/// assert_eq!(reader.next().unwrap()?.event.unwrap().value.id(), "1");
/// let bad = reader.next().unwrap()?;
/// assert_eq!((bad.event.unwrap_err().index(), bad.raw.as_ref()), (Some(1), &br#"{"id":"2"}"#[..]));
/// assert!(reader.next().is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchReader<R> {
    source: R,
    with: DecodeOptions,
    splitter: BatchSplitter,
    index: usize,
    /// The version of the first valid event.
    version: Option<SpecVersion>,
    ended: bool,
}

impl<R: Read> BatchReader<R> {
    /// Reads from this source. It need not be buffered.
    pub fn new(source: R, with: DecodeOptions) -> Self {
        let splitter = BatchSplitter::new(&with);
        Self { source, with, splitter, index: 0, version: None, ended: false }
    }

    /// Reads the element as an event of the batch. All events must have the same specversion.
    fn event(&mut self, raw: Bytes, index: usize) -> Result<Decoded<Event>, Error> {
        let mut decoded = decode::element(raw, &self.with)?.with_index(index);
        let version = decoded.value.specversion();
        let first = *self.version.get_or_insert(version);
        if version != first {
            return Err(mixed_specversions(first));
        }
        if self.splitter.take_mark() {
            decoded.repairs.push(Repair::new(RepairKind::ByteOrderMark));
        }
        Ok(decoded)
    }

    fn read_element(&mut self) -> io::Result<Option<Bytes>> {
        let mut chunk = [0; 16 << 10];
        loop {
            if let Some(element) = self.splitter.next_element().map_err(invalid)? {
                return Ok(Some(element));
            }
            match self.source.read(&mut chunk) {
                Ok(0) => return self.splitter.finish().map(|()| None).map_err(invalid),
                Ok(length) => self.splitter.push(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Iterator for BatchReader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read_element() {
            Ok(Some(raw)) => {
                let index = self.index;
                self.index = index.saturating_add(1);
                let event = self.event(raw.clone(), index);
                Some(Ok(Item::new(event.map_err(|error| error.with_index(index)), raw)))
            }
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

/// Writes a batch to a stream, event by event. [`finish`](Self::finish) writes the closing bracket.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_json::BatchWriter;
///
/// let mut writer = BatchWriter::new(Vec::new())?;
/// writer.write(&Event::builder().id("1").source("/s").ty("t").build().unwrap())?;
/// assert_eq!(writer.finish()?, br#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"}]"#);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchWriter<W> {
    sink: W,
    scratch: Vec<u8>,
    first: bool,
}

impl<W: Write> BatchWriter<W> {
    /// Writes to this sink, beginning with the opening bracket.
    pub fn new(mut sink: W) -> io::Result<Self> {
        sink.write_all(b"[")?;
        Ok(Self { sink, scratch: Vec::new(), first: true })
    }

    /// Writes one event. The caller must ensure that all events have the same specversion.
    pub fn write(&mut self, event: &Event) -> io::Result<Losses> {
        self.scratch.clear();
        if !std::mem::take(&mut self.first) {
            self.scratch.push(b',');
        }
        let losses = encode::event(event, &mut self.scratch);
        self.sink.write_all(&self.scratch)?;
        Ok(losses)
    }

    /// Writes the closing bracket and returns the sink.
    pub fn finish(mut self) -> io::Result<W> {
        self.sink.write_all(b"]")?;
        self.sink.flush()?;
        Ok(self.sink)
    }
}

/// Converts our error to an IO error.
pub(crate) fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_chunks_give_the_same_elements() {
        let document = br#" [ {"a":"]}\"\\"} ,[[],{}], 1 ,"x,]" , null,{"b":[{"c":1}]}] "#;
        let whole = split(document, document.len());
        assert_eq!(whole.len(), 6);
        assert_eq!(whole[0].as_ref(), br#"{"a":"]}\"\\"}"#);
        for size in 1..document.len() {
            assert_eq!(
                split(document, size).iter().map(|e| e.trim_ascii()).collect::<Vec<_>>(),
                whole.iter().map(|e| e.trim_ascii()).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn what_is_no_array() {
        for bad in ["", "{}", "[", "[1", "[,]", "[1 2]", "[1]x", "[1,]", "[1}"] {
            let mut reader = BatchReader::new(bad.as_bytes(), DecodeOptions::strict());
            assert!(
                reader.by_ref().any(|item| item.is_err() || item.is_ok_and(|item| item.event.is_err())),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_endless_element_is_refused() {
        let mut with = DecodeOptions::strict();
        with.limits.bytes = 1000;
        let endless = io::Cursor::new(b"[\"").chain(io::repeat(b'x'));
        let error = BatchReader::new(endless, with).next().unwrap().unwrap_err();
        assert!(error.to_string().contains("too-large"), "{error}");
    }

    fn split(document: &[u8], size: usize) -> Vec<Bytes> {
        let mut splitter = BatchSplitter::new(&DecodeOptions::strict());
        let mut elements = Vec::new();
        for chunk in document.chunks(size) {
            splitter.push(chunk);
            while let Some(element) = splitter.next_element().unwrap() {
                elements.push(element);
            }
        }
        splitter.finish().unwrap();
        elements
    }
}
