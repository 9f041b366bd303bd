//! A cursor over XML 1.0 (fifth edition) with namespaces, which checks that everything it passes is well-formed.
//!
//! Only the predefined entities exist, because a document type declaration is refused. So nothing expands, and nothing outside the
//! document is ever accessed.

mod characters;
mod prolog;
mod tags;

use crate::{
    glance::Glance,
    namespaces::{Bindings, Namespace},
};
use characters::{BREAK, END, HIGH, ODD, character, class, is_ncname, is_white, until};
use cloudevents_core::{Error, ErrorKind, Limits};
use memchr::{memchr, memchr2, memchr3, memmem};
use smallvec::SmallVec;

/// A range of the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    start: u32,
    end: u32,
}

impl Run {
    /// Documents have less than 2 GiB, so nothing is truncated.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    #[inline]
    pub(crate) fn end(self) -> usize {
        self.end as usize
    }

    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }

    /// The text as bytes, which compare faster.
    #[inline]
    pub(crate) fn bytes(self, text: &str) -> &[u8] {
        text.as_bytes().get(self.range()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start()..self.end()
    }
}

/// A qualified name: `prefix:local`, or `local` alone with an empty prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QName {
    pub(crate) prefix: Run,
    pub(crate) local: Run,
}

/// A start tag that was read. Its attributes are the attributes of the scanner until the next tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag {
    /// The offset of its `<`.
    pub(crate) start: usize,
    pub(crate) name: QName,
    pub(crate) namespace: Namespace,
}

/// An XML attribute that is not a namespace declaration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: QName,
    pub(crate) namespace: Namespace,
    pub(crate) value: Quoted,
}

/// A value between its quotation marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted {
    /// The value as written.
    pub(crate) run: Run,
    /// Whether the value differs from its written form, because of references or line ends.
    escaped: bool,
}

/// The next part of the content of an element. Comments and processing instructions are skipped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    /// A start tag, which is not read yet.
    Start,
    /// An end tag, which is not read yet, or the end of an empty element.
    End,
    /// Character data as written.
    Text(Run),
    /// The contents of a CDATA section.
    CData(Run),
}

/// Character data without references, with line ends as written, and its properties.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub(crate) run: Run,
    /// Printable ASCII only.
    pub(crate) ascii: bool,
    /// Whether there is a line break.
    pub(crate) breaks: bool,
}

/// The cursor.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The offsets of the names of the open elements.
    open: SmallVec<[u32; 8]>,
    pub(crate) bindings: Bindings,
    attributes: SmallVec<[Attribute; 3]>,
    /// Whether the last start tag is also its end tag, and was not read as such yet.
    empty: bool,
    /// Whether the document has a carriage return, which is read as a line feed.
    returns: bool,
    /// Levels of elements.
    depth: u32,
    /// Attributes of one element, and namespace declarations in scope.
    count: usize,
}

impl<'a> Scanner<'a> {
    /// Creates a scanner at the beginning of the text. Checks all characters of the text.
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Result<Self, Error> {
        if i32::try_from(text.len()).is_err() {
            return Err(Error::new(ErrorKind::TooLarge).with_detail("documents are limited to 2 GiB"));
        }
        let glance = Glance::of(text);
        if let Some((at, character)) = glance.foreign(text) {
            return Err(Error::new(ErrorKind::InvalidDocument)
                .with_detail(format!("XML does not have the character U+{:04X}", u32::from(character)))
                .with_offset(at));
        }
        Ok(Self {
            text,
            at: 0,
            open: SmallVec::new(),
            bindings: Bindings::default(),
            attributes: SmallVec::new(),
            empty: false,
            returns: glance.returns,
            depth: limits.depth,
            count: limits.attributes,
        })
    }

    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    #[inline]
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Sets the limit of depth from here on. Returns the previous one.
    pub(crate) fn set_depth(&mut self, depth: u32) -> u32 {
        std::mem::replace(&mut self.depth, depth)
    }

    /// The number of open elements.
    #[inline]
    pub(crate) fn level(&self) -> usize {
        self.open.len()
    }

    /// Goes back to an offset at which this many elements were open and only their declarations were in scope.
    pub(crate) fn rewind(&mut self, at: usize, level: usize) {
        self.at = at;
        self.empty = false;
        self.open.truncate(level);
        self.bindings.leave(level);
    }

    /// Reads the next token.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Token, Error> {
        if self.empty {
            return Ok(Token::End);
        }
        loop {
            if self.peek() != b'<' {
                return self.characters();
            }
            match self.byte(self.at.wrapping_add(1)) {
                b'/' => return Ok(Token::End),
                b'!' => {
                    if let Some(run) = self.markup()? {
                        return Ok(Token::CData(run));
                    }
                }
                b'?' => self.instruction()?,
                _ => return Ok(Token::Start),
            }
        }
    }

    /// The text up to an end tag, if it consists of literal characters only.
    #[inline]
    pub(crate) fn plain(&mut self) -> Option<Plain> {
        if self.empty {
            return Some(Plain { run: Run::new(self.at, self.at), ascii: true, breaks: false });
        }
        let bytes = self.text.as_bytes().get(self.at..)?;
        let (length, seen) = until(bytes, b'&')?;
        if !bytes.get(length..)?.starts_with(b"</")
            || seen & ODD != 0 && ends_section(bytes.get(..length)?).is_some()
        {
            return None;
        }
        let run = Run::new(self.at, self.at.wrapping_add(length));
        self.at = run.end();
        Some(Plain {
            run,
            ascii: seen & (HIGH | BREAK | ODD) == 0,
            breaks: seen & BREAK != 0 && self.has_break(run),
        })
    }

    /// Like [`plain`](Self::plain), for text that may be long.
    pub(crate) fn plain_long(&mut self) -> Option<Run> {
        if self.empty {
            return Some(Run::new(self.at, self.at));
        }
        let bytes = self.text.as_bytes().get(self.at..)?;
        let mut length = memchr3(b'<', b'&', b']', bytes)?;
        if bytes.get(length) == Some(&b']') {
            let rest = bytes.get(length..)?;
            let more = memchr2(b'<', b'&', rest)?;
            if ends_section(rest.get(..more)?).is_some() {
                return None;
            }
            length = length.wrapping_add(more);
        }
        if !bytes.get(length..)?.starts_with(b"</")
            || self.returns && memchr(b'\r', bytes.get(..length)?).is_some()
        {
            return None;
        }
        let run = Run::new(self.at, self.at.wrapping_add(length));
        self.at = run.end();
        Some(run)
    }

    /// Passes on all text up to the end tag of an element without child elements, unescaped.
    pub(crate) fn gather(&mut self, mut out: impl FnMut(&str), clause: &'static str) -> Result<(), Error> {
        loop {
            match self.next()? {
                Token::End => return Ok(()),
                Token::Start => {
                    return Err(self.problem("this element has no child elements").with_clause(clause));
                }
                Token::Text(run) => self.expand(run, Place::Content, &mut out)?,
                Token::CData(run) => self.expand(run, Place::CData, &mut out)?,
            }
        }
    }

    /// Skips the content and the end tag of the element whose start tag was read.
    pub(crate) fn skip(&mut self) -> Result<(), Error> {
        let level = self.open.len();
        while self.open.len() >= level {
            match self.next()? {
                Token::Start => {
                    self.start()?;
                }
                Token::End => self.end()?,
                Token::Text(run) => self.expand(run, Place::Content, &mut |_| ())?,
                Token::CData(_) => {}
            }
        }
        Ok(())
    }

    /// Checks that character data is white space.
    pub(crate) fn blank(&self, token: Token, clause: &'static str) -> Result<(), Error> {
        let (run, place) = match token {
            Token::Text(run) => (run, Place::Content),
            Token::CData(run) => (run, Place::CData),
            Token::Start | Token::End => return Ok(()),
        };
        let mut blank = true;
        self.expand(run, place, &mut |part| blank &= part.bytes().all(is_white))?;
        if blank {
            return Ok(());
        }
        let skipped = run.of(self.text).bytes().take_while(|&byte| is_white(byte)).count();
        Err(self
            .problem_at(run.start().saturating_add(skipped), "there is text where only elements belong")
            .with_clause(clause))
    }

    /// Passes on text with references resolved and line ends normalised. Returns an error for an invalid reference.
    pub(crate) fn expand(&self, run: Run, place: Place, out: &mut impl FnMut(&str)) -> Result<(), Error> {
        let mut start = run.start();
        loop {
            let rest = Run::new(start, run.end());
            let bytes = rest.bytes(self.text);
            let special = match place {
                Place::Content => memchr2(b'&', b'\r', bytes),
                Place::CData => memchr(b'\r', bytes),
                Place::Attribute => {
                    bytes.iter().position(|byte| matches!(byte, b'&' | b'\r' | b'\n' | b'\t'))
                }
            };
            let Some(length) = special else {
                out(rest.of(self.text));
                return Ok(());
            };
            let at = start.wrapping_add(length);
            out(Run::new(start, at).of(self.text));
            start = at.wrapping_add(1);
            match self.byte(at) {
                b'&' => start = self.reference(Run::new(at, run.end()), out)?,
                b'\r' => {
                    if self.byte(start) == b'\n' && start < run.end() {
                        start = start.wrapping_add(1);
                    }
                    out(if place == Place::Attribute { " " } else { "\n" });
                }
                _ => out(" "),
            }
        }
    }

    #[inline]
    pub(crate) fn white_space(&mut self) {
        while is_white(self.peek()) {
            self.step(1);
        }
    }

    /// The error for a document that is not well-formed at the cursor.
    #[cold]
    pub(crate) fn problem(&self, detail: &'static str) -> Error {
        self.problem_at(self.at, detail)
    }

    /// The error for a document that is not well-formed at this offset.
    #[cold]
    pub(crate) fn problem_at(&self, at: usize, detail: &'static str) -> Error {
        Error::new(ErrorKind::InvalidDocument).with_detail(detail).with_offset(at)
    }

    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(END)
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.byte(self.at)
    }

    #[inline]
    fn class_at(&self, ahead: usize) -> u8 {
        class(self.byte(self.at.wrapping_add(ahead)))
    }

    #[inline]
    fn step(&mut self, by: usize) {
        self.at = self.at.wrapping_add(by).min(self.text.len());
    }

    #[inline]
    fn expect(&mut self, byte: u8, detail: &'static str) -> Result<(), Error> {
        if self.peek() != byte {
            return Err(if self.at >= self.text.len() { self.ends() } else { self.problem(detail) });
        }
        self.step(1);
        Ok(())
    }

    fn starts_with(&self, what: &str) -> bool {
        self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(what.as_bytes()))
    }

    fn has_break(&self, run: Run) -> bool {
        memchr2(b'\n', b'\r', run.bytes(self.text)).is_some()
    }

    fn characters(&mut self) -> Result<Token, Error> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let Some(length) = memchr(b'<', rest) else {
            self.at = self.text.len();
            return Err(self.ends());
        };
        let run = Run::new(self.at, self.at.wrapping_add(length));
        if let Some(found) = ends_section(run.bytes(self.text)) {
            return Err(self.problem_at(run.start().wrapping_add(found), "`]]>` must be escaped in text"));
        }
        self.at = run.end();
        Ok(Token::Text(run))
    }

    /// Reads a comment, or the contents of a CDATA section.
    fn markup(&mut self) -> Result<Option<Run>, Error> {
        if self.starts_with("<!--") {
            return self.comment().map(|()| None);
        }
        if !self.starts_with("<![CDATA[") {
            return Err(self.problem("this markup is not allowed in content"));
        }
        let start = self.at.wrapping_add(9);
        let Some(length) = self.find(9, b"]]>") else { return Err(self.ends()) };
        let end = start.wrapping_add(length);
        self.at = end.wrapping_add(3);
        Ok(Some(Run::new(start, end)))
    }

    fn comment(&mut self) -> Result<(), Error> {
        let Some(length) = self.find(4, b"--") else { return Err(self.ends()) };
        self.step(length.wrapping_add(6));
        self.expect(b'>', "`--` cannot be part of a comment")
    }

    fn instruction(&mut self) -> Result<(), Error> {
        let start = self.at;
        self.step(2);
        let target = self.name_run().of(self.text);
        if !is_ncname(target) || target.eq_ignore_ascii_case("xml") {
            return Err(self.problem_at(start, "this is not a processing instruction"));
        }
        if !is_white(self.peek()) && !self.starts_with("?>") {
            return Err(if self.at >= self.text.len() {
                self.ends()
            } else {
                self.problem("white space is expected")
            });
        }
        let Some(length) = self.find(0, b"?>") else { return Err(self.ends()) };
        self.step(length.wrapping_add(2));
        Ok(())
    }

    fn find(&mut self, ahead: usize, what: &[u8]) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at.wrapping_add(ahead)..);
        let found = rest.and_then(|rest| memmem::find(rest, what));
        if found.is_none() {
            self.at = self.text.len();
        }
        found
    }

    /// Reads the reference at the beginning of the run. Returns the offset of its end.
    fn reference(&self, run: Run, out: &mut impl FnMut(&str)) -> Result<usize, Error> {
        let refuse = |detail| Err(self.problem_at(run.start(), detail));
        let bytes = run.bytes(self.text);
        let Some(length) = memchr(b';', bytes) else {
            return refuse("`&` begins a reference, and this has no `;`");
        };
        let name = Run::new(run.start().wrapping_add(1), run.start().wrapping_add(length)).of(self.text);
        let text = match name {
            "lt" => "<",
            "gt" => ">",
            "amp" => "&",
            "quot" => "\"",
            "apos" => "'",
            _ => {
                let Some(number) = name.strip_prefix('#') else {
                    return refuse("this entity is not defined: there are lt, gt, amp, quot and apos");
                };
                let Some(character) = character(number) else {
                    return refuse("this is not a reference to a character that XML has");
                };
                out(character.encode_utf8(&mut [0; 4]));
                ""
            }
        };
        out(text);
        Ok(run.start().wrapping_add(length).wrapping_add(1))
    }

    #[cold]
    fn ends(&self) -> Error {
        self.problem_at(self.text.len(), "the document ends too early")
    }
}

/// The offset of `]]>`, which is not allowed in text. Most text has no bracket at all.
#[inline]
fn ends_section(text: &[u8]) -> Option<usize> {
    let first = memchr(b']', text)?;
    memmem::find(text.get(first..)?, b"]]>").map(|found| found.wrapping_add(first))
}

/// The place of a text, which decides how it is normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Content,
    CData,
    Attribute,
}
