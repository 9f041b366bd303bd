//! The JSON text scanner: RFC 8259 syntax over a text, without building anything.
//!
//! It is here rather than in the JSON format because [`JsonText`](crate::JsonText) is a leaf type: every binding checks whether a
//! payload is JSON.

mod nesting;
mod strings;

pub use strings::{needs_escape, plain_length};

use alloc::string::String;
use core::{fmt, ops::Range};
use nesting::Nesting;
use strings::{Marks, end_of_run, escaped_character, rest_of_string};

/// A cursor over JSON text. Every method moves it behind the text that it has read, or returns the [`Problem`] that stopped it.
///
/// ```
/// use cloudevents_core::codec::scan::Scanner;
///
/// let mut scanner = Scanner::new(r#"{"a": [1, 2.5e3]} "#);
/// assert_eq!(scanner.value(64)?, 0..17);
/// scanner.white_space();
/// assert_eq!(scanner.position(), 18);
/// # Ok::<(), cloudevents_core::codec::scan::Problem>(())
/// ```
#[derive(Clone, Copy)]
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// A string as written in the text.
///
/// ```
/// use cloudevents_core::codec::scan::Scanner;
///
/// let mut scanner = Scanner::new(r#""a\tb" ..."#);
/// let string = scanner.string()?;
/// assert_eq!((string.range(), string.escaped, string.plain), (1..5, true, true));
/// let mut text = String::new();
/// scanner.unescape(string, &mut text)?;
/// assert_eq!(text, "a\tb");
/// # Ok::<(), cloudevents_core::codec::scan::Problem>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawString {
    /// The offset at which the contents begin, after the quotation mark.
    pub start: usize,
    /// The offset at which the contents end, before the quotation mark.
    pub end: usize,
    /// Whether the contents have backslash escapes.
    pub escaped: bool,
    /// Whether the contents are all printable ASCII, apart from the characters of escapes.
    pub plain: bool,
}

impl RawString {
    /// The range of the contents, escapes included.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A mistake in a JSON text, and its position.
///
/// ```
/// let problem = cloudevents_core::codec::scan::Scanner::new("[1,]").value(9).unwrap_err();
/// assert_eq!(problem.to_string(), "expected a JSON value (byte 3)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The offset of the first byte that is wrong.
    pub at: usize,
    /// The mistake.
    pub what: Mistake,
}

/// The ways in which a text is not JSON.
///
/// ```
/// use cloudevents_core::codec::scan::{Mistake, Scanner};
///
/// assert_eq!(Scanner::new("[[]]").value(1).unwrap_err().what, Mistake::TooDeep);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// The text ends too early.
    End,
    /// Something else was expected here, which the string names.
    Expected(&'static str),
    /// A control character in a string.
    ControlCharacter,
    /// A backslash escape that JSON does not have.
    Escape,
    /// A surrogate without its counterpart.
    LoneSurrogate,
    /// A number in a spelling that JSON does not have.
    Number,
    /// More levels of nesting than allowed.
    TooDeep,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "the text ends too early",
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::ControlCharacter => "a control character in a string must be escaped",
            Self::Escape => "JSON has no such backslash escape",
            Self::LoneSurrogate => "a surrogate escape without its other half is not a character",
            Self::Number => "JSON does not write numbers so",
            Self::TooDeep => "the nesting is deeper than the limit",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.what, self.at)
    }
}

impl core::error::Error for Problem {}

impl Problem {
    #[cold]
    #[inline(never)]
    fn new(at: usize, end: usize, what: Mistake) -> Self {
        Self { at: at.min(end), what }
    }
}

impl fmt::Debug for Scanner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("at", &self.at).field("length", &self.bytes.len()).finish()
    }
}

impl<'a> Scanner<'a> {
    /// A cursor at the beginning of the text.
    #[inline]
    pub fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// A cursor at a byte offset of the text.
    #[inline]
    pub fn at(text: &'a str, position: usize) -> Self {
        Self { text, bytes: text.as_bytes(), at: position }
    }

    /// The byte offset of the cursor.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The text under the cursor.
    #[inline]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The byte at the cursor.
    #[inline(always)]
    pub fn peek(&self) -> Result<u8, Problem> {
        match self.bytes.get(self.at) {
            Some(&byte) => Ok(byte),
            None => Err(self.problem(Mistake::End)),
        }
    }

    /// Whether the cursor is at the end.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Skips white space.
    #[inline(always)]
    pub fn white_space(&mut self) {
        if self.bytes.get(self.at).is_some_and(|&byte| byte <= b' ') {
            self.at = behind_space(self.bytes, self.at);
        }
    }

    /// Skips white space, and returns the byte after it. Fast when there is no white space, which is usual.
    #[inline(always)]
    pub fn token(&mut self) -> Result<u8, Problem> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => {
                self.at = behind_space(self.bytes, self.at);
                self.peek()
            }
        }
    }

    /// Skips white space and then this byte.
    #[inline(always)]
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Problem> {
        if self.token()? != byte {
            return Err(self.problem(Mistake::Expected(what)));
        }
        self.bump(1);
        Ok(())
    }

    /// Reads a string; the cursor is at its quotation mark.
    #[inline(always)]
    pub fn string(&mut self) -> Result<RawString, Problem> {
        if self.peek()? != b'"' {
            return Err(self.problem(Mistake::Expected("a string")));
        }
        self.bump(1);
        let start = self.at;
        let mut odd = 0;
        self.at = end_of_run(self.bytes, start, &mut odd);
        let escaped = self.bytes.get(self.at) != Some(&b'"');
        if escaped {
            (self.at, odd) = rest_of_string(self.bytes, self.at, odd)?;
        }
        let end = self.at;
        self.bump(1);
        Ok(RawString { start, end, escaped, plain: odd == 0 })
    }

    /// Reads a string as [`string`](Self::string) does, without looking whether it is plain, which is faster for a long one: `plain` is
    /// not set.
    #[inline]
    pub fn long_string(&mut self) -> Result<RawString, Problem> {
        if self.peek()? != b'"' {
            return Err(self.problem(Mistake::Expected("a string")));
        }
        self.bump(1);
        let start = self.at;
        self.bump(plain_length(self.bytes.get(start..).unwrap_or_default()));
        let escaped = self.bytes.get(self.at) != Some(&b'"');
        if escaped {
            (self.at, _) = rest_of_string(self.bytes, self.at, 0)?;
        }
        let end = self.at;
        self.bump(1);
        Ok(RawString { start, end, escaped, plain: false })
    }

    /// Reads a string and finds only its end. The caller checks the contents. Control characters, and all escapes but the escape of a
    /// quotation mark, are accepted with `escaped` unset. A caller that finds a backslash in the contents has to read the string again.
    #[inline]
    pub fn unchecked_string(&mut self) -> Result<RawString, Problem> {
        let start = self.at.wrapping_add(1);
        let rest = self.bytes.get(start..).unwrap_or_default();
        match memchr::memchr(b'"', rest) {
            Some(length) if self.peek()? == b'"' && rest.get(length.wrapping_sub(1)) != Some(&b'\\') => {
                let end = start.wrapping_add(length);
                self.at = end.wrapping_add(1);
                Ok(RawString { start, end, escaped: false, plain: false })
            }
            _ => self.string(),
        }
    }

    /// Skips a number. Returns whether it has neither fraction nor exponent.
    #[inline(always)]
    pub fn number(&mut self) -> Result<bool, Problem> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.bump(1);
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.bump(1),
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.problem(Mistake::Number)),
        }
        match self.bytes.get(self.at) {
            Some(b'.' | b'e' | b'E' | b'0'..=b'9') => self.rest_of_number(),
            _ => Ok(true),
        }
    }

    /// Skips `true`, `false` or `null`, as given in `word`.
    #[inline(always)]
    pub fn literal(&mut self, word: &'static str) -> Result<(), Problem> {
        let end = self.at.wrapping_add(word.len());
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.problem(Mistake::Expected("a JSON value")));
        }
        self.at = end;
        Ok(())
    }

    /// Skips one value of any kind and returns its range, without surrounding white space.
    ///
    /// Nesting is tracked in bits, not on the stack. `depth` is the number of levels allowed.
    #[inline(never)]
    pub fn value(&mut self, depth: u32) -> Result<Range<usize>, Problem> {
        self.white_space();
        let start = self.at;
        // A local copy keeps the cursor in registers.
        let mut scanner = *self;
        scanner.skip_value(depth)?;
        self.at = scanner.at;
        Ok(start..self.at)
    }

    /// Appends the unescaped contents of a string.
    ///
    /// Lone surrogates are refused, because UTF-8 cannot encode them.
    pub fn unescape(&self, string: RawString, out: &mut String) -> Result<(), Problem> {
        self.unescape_with(string, |part| out.push_str(part))
    }

    /// Passes on the unescaped contents of a string part by part: see [`unescape`](Self::unescape).
    #[cold]
    pub fn unescape_with(&self, string: RawString, mut out: impl FnMut(&str)) -> Result<(), Problem> {
        let mut rest = self.text.get(string.range()).unwrap_or_default();
        while let Some((before, after)) = rest.split_once('\\') {
            out(before);
            let at = string.end.wrapping_sub(after.len()).wrapping_sub(1);
            let (character, length) = escaped_character(after).map_err(|what| Problem { at, what })?;
            out(character.encode_utf8(&mut [0; 4]));
            rest = after.get(length..).unwrap_or_default();
        }
        out(rest);
        Ok(())
    }

    /// A problem at the cursor.
    #[inline(always)]
    pub fn problem(&self, what: Mistake) -> Problem {
        // By value, so that the cursor stays in registers.
        Problem::new(self.at, self.bytes.len(), what)
    }

    /// The cursor stays within `isize::MAX`: it never passes the end by more than one byte.
    #[inline(always)]
    fn bump(&mut self, bytes: usize) {
        self.at = self.at.wrapping_add(bytes);
    }

    #[inline(always)]
    fn skip_value(&mut self, depth: u32) -> Result<(), Problem> {
        let mut nesting = Nesting::new(depth);
        let mut marks = Marks::none();
        let mut byte = self.peek()?;
        loop {
            match byte {
                b'"' => self.skip_string(&mut marks)?,
                b'{' => {
                    nesting.enter(true).map_err(|what| self.problem(what))?;
                    self.bump(1);
                    byte = self.token()?;
                    if byte != b'}' {
                        byte = self.key(byte, &mut marks)?;
                        continue;
                    }
                }
                b'[' => {
                    nesting.enter(false).map_err(|what| self.problem(what))?;
                    self.bump(1);
                    byte = self.token()?;
                    if byte != b']' {
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => {
                    self.number()?;
                }
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => return Err(self.problem(Mistake::Expected("a JSON value"))),
            }
            // After a value: closing brackets, or a comma.
            loop {
                let Some(in_object) = nesting.innermost() else { return Ok(()) };
                let behind = self.token()?;
                if behind == b',' {
                    self.bump(1);
                    byte = self.token()?;
                    if in_object {
                        byte = self.key(byte, &mut marks)?;
                    }
                    break;
                }
                match (behind, in_object) {
                    (b'}', true) | (b']', false) => {
                        self.bump(1);
                        nesting.leave();
                    }
                    (_, true) => return Err(self.problem(Mistake::Expected("`,` or `}`"))),
                    (_, false) => return Err(self.problem(Mistake::Expected("`,` or `]`"))),
                }
            }
        }
    }

    /// Skips a member's name, of which this is the first byte, and the colon. Returns the first byte of the value.
    #[inline(always)]
    fn key(&mut self, first: u8, marks: &mut Marks) -> Result<u8, Problem> {
        if first != b'"' {
            return Err(self.problem(Mistake::Expected("a string")));
        }
        self.bump(1);
        self.at = marks.next(self.bytes, self.at);
        if let Some([b'"', b':', value @ 0x21..=0xff, ..]) = self.bytes.get(self.at..) {
            self.bump(2);
            return Ok(*value);
        }
        self.end_of_string()?;
        self.expect(b':', "`:`")?;
        self.token()
    }

    /// The cursor is at the quotation mark.
    #[inline(always)]
    fn skip_string(&mut self, marks: &mut Marks) -> Result<(), Problem> {
        self.bump(1);
        self.at = marks.next(self.bytes, self.at);
        self.end_of_string()
    }

    /// The cursor is at the first mark of a string.
    #[inline(always)]
    fn end_of_string(&mut self) -> Result<(), Problem> {
        if self.bytes.get(self.at) != Some(&b'"') {
            (self.at, _) = rest_of_string(self.bytes, self.at, 0)?;
        }
        self.bump(1);
        Ok(())
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<(), Problem> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.bump(1);
        }
        if self.at == start { Err(self.problem(Mistake::Number)) } else { Ok(()) }
    }

    #[inline(always)]
    fn rest_of_number(&mut self) -> Result<bool, Problem> {
        if self.bytes.get(self.at) == Some(&b'.') {
            self.bump(1);
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.bump(1);
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.bump(1);
            }
            self.digits()?;
        }
        // A digit here means that a leading zero came before.
        if self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            Err(self.problem(Mistake::Number))
        } else {
            Ok(false)
        }
    }
}

/// Cold and by value, so that the cursor stays in registers.
#[cold]
#[inline(never)]
fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at = at.wrapping_add(1);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn is_json(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.value(u32::MAX).is_ok() && {
            scanner.white_space();
            scanner.is_at_end()
        }
    }

    #[test]
    fn grammar() {
        for good in [
            "0",
            "-0",
            "1.0e+5",
            " [ ] ",
            "{}",
            r#"{"a":{"b":[1,{"c":null}]}, "d":"\u00e9\\"}"#,
            "\"\u{7f}é\"",
            "[[[]]]",
            "1E9",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "[1,]",
            "[,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "[1 2]",
            "[}",
            "{]",
            "nul",
            "truex",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"",
            "NaN",
            "[1",
            "{\"a\":1,}",
            "1 2",
            "\u{a0}1",
            "00",
            "-01",
            "0x1",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[test]
    fn any_depth_without_recursion() {
        for depth in [1_usize, 63, 64, 65, 127, 128, 129, 255, 256, 257, 10_000] {
            let mut text = String::new();
            (0..depth).for_each(|level| text.push_str(if level % 3 == 0 { "{\"k\":" } else { "[" }));
            text.push('1');
            (0..depth).rev().for_each(|level| text.push(if level % 3 == 0 { '}' } else { ']' }));
            assert!(is_json(&text), "{depth}");
            let limit = u32::try_from(depth).unwrap();
            assert!(Scanner::new(&text).value(limit).is_ok());
            assert_eq!(Scanner::new(&text).value(limit - 1).unwrap_err().what, Mistake::TooDeep);
            let wrong = text.replacen('}', "]", 1);
            assert!(!is_json(&wrong), "{depth}");
        }
    }

    #[test]
    fn strings_and_their_escapes() {
        let read = |text: &str| {
            let mut scanner = Scanner::new(text);
            let string = scanner.string()?;
            let mut out = String::new();
            scanner.unescape(string, &mut out)?;
            Ok::<_, Problem>((out, string.escaped, string.plain))
        };
        assert_eq!(
            read(r#""plain text, longer than sixteen bytes""#).unwrap(),
            ("plain text, longer than sixteen bytes".into(), false, true)
        );
        assert!(!read("\"0123456789abcde\u{7f}\"").unwrap().2);
        assert!(!read("\"0123456789abcdé\"").unwrap().2);
        for length in 0..40 {
            for special in ['"', '\\', '\n', '\u{1f}'] {
                let text = ["x".repeat(length), special.to_string(), "y".repeat(length)].concat();
                assert!(needs_escape(&text), "{text:?}");
                assert_eq!(plain_length(text.as_bytes()), length);
                let long = ["é/".repeat(70).as_bytes(), text.as_bytes()].concat();
                assert_eq!(plain_length(&long), length.wrapping_add(210));
            }
            assert!(!needs_escape(&["é/\u{7f}".repeat(length), "x".repeat(length)].concat()));
        }
        assert_eq!(read(r#""\ud83d\ude00 \u0041\n\/""#).unwrap(), ("😀 A\n/".into(), true, true));
        // A long string is the same string, but for `plain`.
        for special in ["\"", "\\n\"", "\\x\"", "\n\"", "é\"", ""] {
            for length in 0..200 {
                let text = ["\"", &"x".repeat(length), special, " \""].concat();
                let (mut one, mut other) = (Scanner::new(&text), Scanner::new(&text));
                let expected = one.string().map(|string| RawString { plain: false, ..string });
                assert_eq!((other.long_string(), other.at), (expected, one.at), "{text}");
            }
        }
        for (bad, at) in
            [(r#""a\ud800""#, 2), (r#""\udc00\ud800""#, 1), (r#""\ud800A""#, 1), (r#""\ud800\u0041""#, 1)]
        {
            assert_eq!(read(bad).unwrap_err(), Problem { at, what: Mistake::LoneSurrogate }, "{bad}");
        }
    }

    #[test]
    fn where_it_went_wrong() {
        let problem = Scanner::new(r#"{"a": [1, 2, x]}"#).value(9).unwrap_err();
        assert_eq!(problem.at, 13);
        let problem = Scanner::new(r#"{"a": "b"#).value(9).unwrap_err();
        assert_eq!(problem, Problem { at: 8, what: Mistake::End });
    }
}
