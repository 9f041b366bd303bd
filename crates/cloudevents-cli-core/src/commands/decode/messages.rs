//! Wire messages of an input, one after the other.

use crate::{
    failure::Failure,
    http_text,
    input::{beginning, cannot_read},
    plain::shortened,
    source::{Place, Source, Start},
    wire::begins_value,
};
use bytes::Bytes;
use cloudevents_kit::json::codec;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use std::io::{self, BufRead};

/// The most bytes of a message.
pub(super) const LARGEST: usize = 32 << 20;

/// The longest words about a message, in characters: they may have the name of a member.
const LONGEST: usize = 200;

/// The most values of a message in JSON, and the names of members: each takes hundreds of bytes of memory.
const MOST_VALUES: usize = 100_000;

/// The messages of an input. Only one message, and the bytes that were read with it, are in memory.
pub(super) struct Messages {
    reader: Box<dyn BufRead + Send>,
    name: String,
    /// The bytes that were read. The first `at` of them belong to messages that were returned.
    text: Vec<u8>,
    at: usize,
    ended: bool,
    /// Where the rest begins.
    start: Start,
    /// How far the object is known that the rest begins with.
    object: Object,
    /// The bytes that a message of HTTP needs at least.
    wanted: usize,
}

/// A message.
#[derive(Debug)]
pub(super) enum Message {
    /// HTTP as text, as a message of the testee protocol.
    Http(Value),
    Json(Value),
    /// A document with one event, as it is.
    Document(String),
}

/// A message or the reason why there is none, and its place.
pub(super) type Found = (Place, Result<Message, Broken>);

/// Why there is no message, and where in it.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) words: String,
    pub(super) offset: usize,
}

impl Messages {
    pub(super) fn new(name: String, reader: Box<dyn BufRead + Send>) -> Self {
        let start = Start { line: 1, column: 0, offset: 0 };
        let (text, object) = (Vec::new(), Object::default());
        Self { reader, name, text, at: 0, ended: false, start, object, wanted: 0 }
    }

    /// Whether reading the next message may block.
    pub(super) fn may_wait(&self) -> bool {
        !self.ended && self.rest().trim_ascii_start().is_empty()
    }

    /// Reads the next message. A broken message ends the input. `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Found>, Failure> {
        loop {
            let blank = self.rest().len().saturating_sub(self.rest().trim_ascii_start().len());
            if blank > 0 {
                self.skip(blank);
            }
            if self.rest().is_empty() && self.ended {
                return Ok(None);
            }
            let Some((length, found)) = self.parse() else {
                self.read().map_err(|error| cannot_read(&self.name, &error))?;
                continue;
            };
            let text = Bytes::copy_from_slice(self.rest().get(..length).unwrap_or_default());
            let place = Place::of(Source::part(self.name.as_str(), text, self.start));
            self.skip(length);
            if found.is_err() {
                (self.ended, self.at) = (true, self.text.len());
            }
            return Ok(Some((place, found)));
        }
    }

    /// Returns the message at the beginning of the rest and its length; `None` to read more first.
    fn parse(&mut self) -> Option<(usize, Result<Message, Broken>)> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let broken = |words: String, offset| Some((rest.len().min(LARGEST), Err(Broken { words, offset })));
        let too_large = || broken(format!("a message has {} MiB at most", LARGEST >> 20), 0);
        let more = || if rest.len() > LARGEST { too_large() } else { None };
        match rest.first() {
            None => return None,
            Some(b'{') => {}
            Some(_) if !self.ended && (!rest.contains(&b'\n') || rest.len() < self.wanted) => return more(),
            Some(_) if http_text::begins(rest, 0) => {
                return match http_text::message(rest, self.ended) {
                    Ok((length, _)) if length > LARGEST => too_large(),
                    Ok((length, message)) => Some((length, Ok(Message::Http(message)))),
                    Err(http_text::Partial::Needs(bytes)) if bytes <= LARGEST && !self.ended => {
                        self.wanted = bytes;
                        None
                    }
                    Err(http_text::Partial::Needs(_)) => too_large(),
                    Err(http_text::Partial::Broken(words)) => broken(words.to_owned(), 0),
                };
            }
            Some(_) => {}
        }
        let object = match self.object.end(rest) {
            Some(end) => rest.get(..end).unwrap_or_default(),
            None if self.ended || rest.first() != Some(&b'{') => rest,
            None => return more(),
        };
        if object.len() > LARGEST {
            return too_large();
        }
        let refused = |error: serde_json::Error| {
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or(&words).to_owned();
            broken(words, offset(object, error.line(), error.column()))
        };
        if object.first() != Some(&b'{') {
            let mut others = serde_json::Deserializer::from_slice(object).into_iter::<IgnoredAny>();
            return match others.next()? {
                Ok(_) => Some((others.byte_offset(), Ok(Message::Json(Value::Null)))),
                Err(error) => refused(error),
            };
        }
        let mut objects = serde_json::Deserializer::from_slice(object).into_iter::<Names>();
        let is_document = match objects.next()? {
            Ok(names) => names.is_document(),
            Err(error) => return refused(error),
        };
        let length = objects.byte_offset();
        let value = object.get(..length).unwrap_or_default();
        if is_document {
            return match String::from_utf8(value.to_vec()) {
                Ok(text) => Some((length, Ok(Message::Document(text)))),
                Err(error) => broken("the message is not UTF-8".to_owned(), error.utf8_error().valid_up_to()),
            };
        }
        if self.object.values > MOST_VALUES {
            return broken("a message has more than 100,000 values".to_owned(), 0);
        }
        // A reader that takes the last of two members would lose the first in silence.
        match codec::parse(value) {
            Ok(value) => Some((length, Ok(Message::Json(value)))),
            Err(error) => {
                let words = error.detail().split(" at line ").next().unwrap_or_default();
                let at = error.offset().and_then(|offset| usize::try_from(offset).ok());
                broken(shortened(words, LONGEST), at.unwrap_or_default())
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, length: usize) {
        let skipped = self.text.get(self.at..self.at.saturating_add(length)).unwrap_or_default();
        let last = memchr::memrchr(b'\n', skipped).map(|at| at.saturating_add(1));
        let characters = |text: &[u8]| text.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let column = characters(skipped.get(last.unwrap_or_default()..).unwrap_or_default());
        self.start.column = if last.is_some() { column } else { self.start.column.saturating_add(column) };
        self.start.line = self.start.line.saturating_add(memchr::memchr_iter(b'\n', skipped).count());
        self.start.offset = self.start.offset.saturating_add(skipped.len());
        self.at = self.at.saturating_add(length).min(self.text.len());
        (self.object, self.wanted) = (Object::default(), 0);
    }

    /// Reads the bytes that are there, at least one: more may come late.
    fn read(&mut self) -> io::Result<()> {
        if self.at > 0 {
            self.text.drain(..self.at);
            self.at = 0;
        }
        let more = beginning(&mut *self.reader)?;
        self.ended = more.is_empty();
        self.text.extend_from_slice(more);
        let length = more.len();
        self.reader.consume(length);
        Ok(())
    }
}

/// Finds the end of a JSON object, whose text may come in pieces.
#[derive(Default)]
struct Object {
    at: usize,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// The values so far, and the names of members.
    values: usize,
}

impl Object {
    /// Returns the length of the object that the text begins with; `None` if its end is not there. Each byte is looked at once.
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        for byte in text.get(self.at..).unwrap_or_default() {
            self.at = self.at.saturating_add(1);
            self.values = self.values.saturating_add(usize::from(!self.in_string && begins_value(*byte)));
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// Names of members that show the kind of an object. Other members are skipped.
#[derive(Deserialize)]
struct Names {
    specversion: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
    topic: Option<IgnoredAny>,
    payload: Option<IgnoredAny>,
    offset: Option<IgnoredAny>,
}

impl Names {
    /// Whether it is a document with one event. A message that names its carrier is none, and neither is a line of `kcat -J`.
    fn is_document(&self) -> bool {
        let is_kcat = self.topic.is_some() && self.payload.is_some() && self.offset.is_some();
        self.specversion.is_some() && self.message.is_none() && !is_kcat
    }
}

/// Returns the byte offset of this line and column, both starting at 1.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').take(line.saturating_sub(1));
    lines.map(<[u8]>::len).fold(0, usize::saturating_add).saturating_add(column.saturating_sub(1))
}
