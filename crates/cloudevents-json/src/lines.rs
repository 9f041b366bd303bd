//! JSON Lines: one event per line.

use crate::{decode, encode};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Item, Loss, LossClass, Losses};
use std::io::{self, BufRead, Write};

/// Reads JSON Lines: an event per line. Blank lines are skipped. A line that is not an event yields an [`Item`] with the line and the
/// error. The index of errors and repairs counts the non-blank lines from 0. [`line_number`](Self::line_number) counts all lines, as
/// editors do. A line beyond [`Limits::bytes`](cloudevents_core::Limits::bytes) is not kept: its [`Item`] has no bytes.
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_json::LineReader;
///
/// let text = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}\n\n{oops\n";
/// let mut lines = LineReader::new(text.as_bytes(), DecodeOptions::strict());
/// let mut wrong = Vec::new();
/// while let Some(item) = lines.next() {
///     let item = item?;
///     match item.event {
///         Ok(decoded) => println!("{}", decoded.value),
///         Err(_) => wrong.push((lines.line_number(), item.raw)),
///     }
/// }
/// assert_eq!(wrong, [(3, "{oops".into())]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LineReader<R> {
    source: R,
    with: DecodeOptions,
    index: usize,
    line_number: u64,
    ended: bool,
}

impl<R: BufRead> LineReader<R> {
    /// Reads from this source.
    pub fn new(source: R, with: DecodeOptions) -> Self {
        Self { source, with, index: 0, line_number: 0, ended: false }
    }

    /// The number of the line that was read last, counted from 1, blank lines included; 0 before the first.
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// The next line that is not blank, without its end. `None` at the end of the source.
    fn line(&mut self) -> io::Result<Option<Result<Vec<u8>, Error>>> {
        loop {
            let mut line = Vec::new();
            if !self.read_to_newline(&mut line)? {
                return Ok(None);
            }
            self.line_number = self.line_number.saturating_add(1);
            if line.len() > self.with.limits.bytes {
                let detail = format!("the line is longer than the limit of {} bytes", self.with.limits.bytes);
                return Ok(Some(Err(Error::new(ErrorKind::TooLarge)
                    .with_detail(detail)
                    .with_help("raise Limits::bytes if lines of this length are expected"))));
            }
            let text = line.trim_ascii();
            if !text.is_empty() {
                let start = line.len().saturating_sub(line.trim_ascii_start().len());
                line.truncate(start.saturating_add(text.len()));
                line.drain(..start);
                return Ok(Some(Ok(line)));
            }
        }
    }

    /// Reads a line, keeping no more of it than the limit and a byte. `false` at the end of the source.
    fn read_to_newline(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let most = self.with.limits.bytes.saturating_add(1);
        let mut any = false;
        loop {
            let available = match self.source.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(any);
            }
            any = true;
            let newline = available.iter().position(|&byte| byte == b'\n');
            let part = available.get(..newline.unwrap_or(available.len())).unwrap_or_default();
            let room = most.saturating_sub(line.len());
            line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
            let used = part.len().saturating_add(newline.is_some().into());
            self.source.consume(used);
            if newline.is_some() {
                return Ok(true);
            }
        }
    }
}

impl<R: BufRead> Iterator for LineReader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let line = match self.line() {
            Ok(Some(line)) => line,
            Ok(None) => {
                self.ended = true;
                return None;
            }
            Err(error) => {
                self.ended = true;
                return Some(Err(error));
            }
        };
        let index = self.index;
        self.index = index.saturating_add(1);
        let (raw, event) = match line {
            Ok(line) => {
                let raw = Bytes::from(line);
                (raw.clone(), decode::document(raw, &self.with).map(|decoded| decoded.with_index(index)))
            }
            Err(error) => (Bytes::new(), Err(error)),
        };
        Some(Ok(Item::new(event.map_err(|error| error.with_index(index)), raw)))
    }
}

/// Writes JSON Lines: an event per line.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_json::LineWriter;
///
/// let mut writer = LineWriter::new(Vec::new());
/// writer.write(&Event::builder().id("1").source("/s").ty("t").build().unwrap())?;
/// assert_eq!(writer.into_inner(), b"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LineWriter<W> {
    sink: W,
    scratch: Vec<u8>,
}

impl<W: Write> LineWriter<W> {
    /// Writes to this sink, in one call per event.
    pub fn new(sink: W) -> Self {
        Self { sink, scratch: Vec::new() }
    }

    /// Writes one event. Line breaks between the tokens of a JSON payload become spaces, which is a [loss](LossClass::Spelling).
    pub fn write(&mut self, event: &Event) -> io::Result<Losses> {
        self.scratch.clear();
        let mut losses = encode::event(event, &mut self.scratch);
        // Line breaks can only stand between the tokens of a JSON payload: strings have them escaped.
        // Each byte is stored, changed or not: without a branch, many are checked at once.
        let mut breaks = false;
        for byte in &mut self.scratch {
            let is_break = matches!(byte, b'\n' | b'\r');
            breaks |= is_break;
            *byte = if is_break { b' ' } else { *byte };
        }
        if breaks {
            losses.push(Loss::of_data(
                LossClass::Spelling,
                "line-breaks",
                "line breaks between the tokens of JSON become spaces",
            ));
        }
        self.scratch.push(b'\n');
        self.sink.write_all(&self.scratch)?;
        Ok(losses)
    }

    /// Returns the sink.
    pub fn into_inner(self) -> W {
        self.sink
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Payload;

    #[test]
    fn a_payload_with_line_breaks_stays_on_its_line() {
        let payload = Payload::json("{\n \"a\": \"x\\n\",\r\n \"b\": [\n]}");
        let event = Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .payload("application/json", payload)
            .build()
            .unwrap();
        let mut writer = LineWriter::new(Vec::new());
        let _ = writer.write(&event).unwrap();
        let text = writer.into_inner();
        assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let mut lines = LineReader::new(text.as_slice(), DecodeOptions::strict());
        let again = lines.next().unwrap().unwrap().event.unwrap().value;
        assert_eq!(again.data_bytes().unwrap().as_ref(), b"{  \"a\": \"x\\n\",   \"b\": [ ]}");
    }

    #[test]
    fn a_long_line_costs_only_itself() {
        let mut with = DecodeOptions::strict();
        with.limits.bytes = 100;
        let good = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}";
        let text = format!("{good}\r\n{}\n  {good}", "x".repeat(100_000));
        let items: Vec<_> = LineReader::new(text.as_bytes(), with).map(|item| item.unwrap().event).collect();
        assert!(items[0].is_ok() && items[2].is_ok());
        assert_eq!(items[1].as_ref().unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn lines_have_the_numbers_of_editors() {
        let mut with = DecodeOptions::strict();
        with.limits.bytes = 10;
        let text = format!("\n \r\n{{}}\n{}\n\n{{}}", "x".repeat(100));
        let mut lines = LineReader::new(text.as_bytes(), with);
        assert_eq!(lines.line_number(), 0);
        let mut numbers = Vec::new();
        while let Some(item) = lines.next() {
            let index = item.unwrap().event.unwrap_err().index().unwrap();
            numbers.push((index, lines.line_number()));
        }
        assert_eq!(numbers, [(0, 3), (1, 4), (2, 6)]);
    }

    #[test]
    fn a_source_that_fails_ends_the_lines() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut lines = LineReader::new(io::BufReader::new(Broken), DecodeOptions::strict());
        assert!(lines.next().unwrap().is_err());
        assert!(lines.next().is_none());
    }
}
