//! The JSON text scanner: RFC 8259 syntax over a text, without building anything.
//!
//! It is here rather than in the JSON format because [`JsonText`](crate::JsonText) is a leaf type: whether a payload is JSON is
//! asked by every binding.

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::Range};
use wide::u8x16;

/// A cursor over JSON text. Every method leaves it after what it read, or answers with the [`Problem`] that stopped it.
///
/// ```
/// use cloudevents_core::scan::Scanner;
///
/// let mut scanner = Scanner::new(r#"{"a": [1, 2.5e3]} "#);
/// assert_eq!(scanner.value(64)?, 0..17);
/// scanner.white_space();
/// assert_eq!(scanner.position(), 18);
/// # Ok::<(), cloudevents_core::scan::Problem>(())
/// ```
#[derive(Clone, Copy)]
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// A string as it stands in the text.
///
/// ```
/// use cloudevents_core::scan::Scanner;
///
/// let mut scanner = Scanner::new(r#""a\tb" ..."#);
/// let string = scanner.string()?;
/// assert_eq!((string.range(), string.escaped, string.plain), (1..5, true, true));
/// let mut text = String::new();
/// scanner.unescape(string, &mut text)?;
/// assert_eq!(text, "a\tb");
/// # Ok::<(), cloudevents_core::scan::Problem>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawString {
    /// Where its contents begin, after the quotation mark.
    pub start: usize,
    /// Where they end, before the quotation mark.
    pub end: usize,
    /// Whether there are backslash escapes in it.
    pub escaped: bool,
    /// Whether all of it is printable ASCII (escapes aside).
    pub plain: bool,
}

impl RawString {
    /// The contents, escapes and all.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// What is wrong with a JSON text, and where.
///
/// ```
/// let problem = cloudevents_core::scan::Scanner::new("[1,]").value(9).unwrap_err();
/// assert_eq!(problem.to_string(), "expected a JSON value (byte 3)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The byte at which the text stops making sense.
    pub at: usize,
    /// In which way.
    pub what: Mistake,
}

/// The ways in which a text is not JSON.
///
/// ```
/// use cloudevents_core::scan::{Mistake, Scanner};
///
/// assert_eq!(Scanner::new("[[]]").value(1).unwrap_err().what, Mistake::TooDeep);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// The text ends too early.
    End,
    /// Something else was expected here; the text says what.
    Expected(&'static str),
    /// A control character in a string.
    ControlCharacter,
    /// A backslash escape that JSON does not have.
    Escape,
    /// A surrogate without its other half.
    LoneSurrogate,
    /// A number that JSON cannot write so.
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
            Self::LoneSurrogate => "a surrogate escape without its other half is no character",
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

    /// A cursor at a byte of the text.
    #[inline]
    pub fn at(text: &'a str, position: usize) -> Self {
        Self { text, bytes: text.as_bytes(), at: position }
    }

    /// The byte the cursor is at.
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

    /// Steps over white space.
    #[inline(always)]
    pub fn white_space(&mut self) {
        if self.bytes.get(self.at).is_some_and(|&byte| byte <= b' ') {
            self.at = behind_space(self.bytes, self.at);
        }
    }

    /// Steps over white space, of which there mostly is none; answers with the byte behind it.
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

    /// Steps over white space and then over this byte.
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

    /// Reads a string whose contents somebody else checks: only its end is looked for. Control characters pass, and so do escapes
    /// other than that of a quotation mark before the end, with `escaped` unset: who finds a backslash in it has to read it anew.
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

    /// Steps over a number; the answer says whether it has neither fraction nor exponent.
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

    /// Steps over one of `true`, `false` and `null`, spelled out in `word`.
    #[inline(always)]
    pub fn literal(&mut self, word: &'static str) -> Result<(), Problem> {
        let end = self.at.wrapping_add(word.len());
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.problem(Mistake::Expected("a JSON value")));
        }
        self.at = end;
        Ok(())
    }

    /// Steps over one value of any kind and answers with the range it takes, white space around it not included.
    ///
    /// Nesting is tracked in bits, not on the stack; `depth` is the number of levels allowed.
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

    /// Appends a string's contents with its escapes undone.
    ///
    /// Lone surrogates are refused: no text has them.
    pub fn unescape(&self, string: RawString, out: &mut String) -> Result<(), Problem> {
        self.unescape_with(string, |part| out.push_str(part))
    }

    /// Gives away a string's contents part by part, with its escapes undone: as [`unescape`](Self::unescape).
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
        problem(self.at, self.bytes.len(), what)
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
            // What follows a value: the ends of what it stood in, or a comma.
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

    /// A member's name, of which this is the first byte, and the colon; the answer is the first byte of the value.
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

#[cold]
#[inline(never)]
fn problem(at: usize, end: usize, what: Mistake) -> Problem {
    Problem { at: at.min(end), what }
}

/// From a backslash, a control character, or the end, to the end of the string. `odd` is that of [`end_of_run`].
///
/// Out of the way and by value, so that the cursor stays in registers.
#[cold]
#[inline(never)]
fn rest_of_string(bytes: &[u8], mut at: usize, mut odd: u32) -> Result<(usize, u32), Problem> {
    let end = bytes.len();
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let escape = match rest {
            [] => return Err(problem(at, end, Mistake::End)),
            [b'"', ..] => return Ok((at, odd)),
            [b'\\', escape @ ..] => escape,
            _ => return Err(problem(at, end, Mistake::ControlCharacter)),
        };
        let length = match escape {
            [] => return Err(problem(end, end, Mistake::End)),
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => 6,
            _ => return Err(problem(at, end, Mistake::Escape)),
        };
        at = end_of_run(bytes, at.wrapping_add(length), &mut odd);
    }
}

/// Out of the way and by value, so that the cursor stays in registers.
#[cold]
#[inline(never)]
fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at = at.wrapping_add(1);
    }
    at
}

/// What follows a backslash: the character, and how many bytes it takes.
fn escaped_character(text: &str) -> Result<(char, usize), Mistake> {
    Ok(match text.as_bytes().first().ok_or(Mistake::End)? {
        b'b' => ('\u{8}', 1),
        b'f' => ('\u{c}', 1),
        b'n' => ('\n', 1),
        b'r' => ('\r', 1),
        b't' => ('\t', 1),
        b'u' => {
            let unit = hex(text, 1)?;
            match unit {
                0xD800..0xDC00 => {
                    let low = if text.get(5..7) == Some("\\u") { hex(text, 7)? } else { 0 };
                    if !(0xDC00..0xE000).contains(&low) {
                        return Err(Mistake::LoneSurrogate);
                    }
                    let code = 0x10000_u32.wrapping_add((unit & 0x3FF) << 10).wrapping_add(low & 0x3FF);
                    (char::from_u32(code).ok_or(Mistake::LoneSurrogate)?, 11)
                }
                _ => (char::from_u32(unit).ok_or(Mistake::LoneSurrogate)?, 5),
            }
        }
        &byte @ (b'"' | b'\\' | b'/') => (char::from(byte), 1),
        _ => return Err(Mistake::Escape),
    })
}

fn hex(text: &str, at: usize) -> Result<u32, Mistake> {
    let digits =
        text.get(at..at.wrapping_add(4)).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(Mistake::Escape)
}

/// Where the quotation marks, backslashes and control characters of a block of 64 bytes are. Looked up once for all the strings
/// in the block: what is found next does not have to wait for what was found before.
#[derive(Clone, Copy)]
struct Marks {
    /// The number of the block.
    block: usize,
    marks: u64,
}

impl Marks {
    const BLOCK: usize = 64;

    #[inline(always)]
    fn none() -> Self {
        Self { block: usize::MAX, marks: 0 }
    }

    /// The next mark from `at` on, or the end.
    #[inline(always)]
    fn next(&mut self, bytes: &[u8], at: usize) -> usize {
        if at / Self::BLOCK == self.block {
            let behind = self.marks >> (at % Self::BLOCK);
            if behind != 0 {
                return at.wrapping_add(behind.trailing_zeros() as usize);
            }
        }
        let (found, at) = self.seek(bytes, at);
        *self = found;
        at
    }

    /// Out of the way and by value, so that the cursor stays in registers.
    #[inline(never)]
    fn seek(self, bytes: &[u8], mut at: usize) -> (Self, usize) {
        let mut block = at / Self::BLOCK;
        if block == self.block {
            block = block.wrapping_add(1);
            at = block.wrapping_mul(Self::BLOCK);
        }
        loop {
            let start = block.wrapping_mul(Self::BLOCK);
            let rest = bytes.get(start..).unwrap_or_default();
            let marks = match rest.first_chunk() {
                Some(whole) => Self::of(whole),
                // What lies behind the end is a mark.
                None => {
                    let mut last = [b'"'; Self::BLOCK];
                    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    Self::of(&last)
                }
            };
            let behind = marks >> (at % Self::BLOCK);
            if behind != 0 {
                return (Self { block, marks }, at.wrapping_add(behind.trailing_zeros() as usize));
            }
            block = block.wrapping_add(1);
            at = block.wrapping_mul(Self::BLOCK);
        }
    }

    #[inline(always)]
    fn of(block: &[u8; Self::BLOCK]) -> u64 {
        let ([a, b, c, d], _) = block.as_chunks::<16>() else { return u64::MAX };
        let of = |chunk: &[u8; 16]| u64::from(specials(*chunk).to_bitmask());
        of(a) | of(b) << 16 | of(c) << 32 | of(d) << 48
    }
}

/// Finds the next quotation mark, backslash or control character from `at` on, 16 bytes at a time. `odd` becomes non-zero
/// when a byte outside printable ASCII lies before it.
#[inline(always)]
fn end_of_run(bytes: &[u8], mut at: usize, odd: &mut u32) -> usize {
    while let Some(&chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let x = u8x16::new(chunk);
        let stop = specials(chunk).to_bitmask();
        // The top bit of a byte is the top bit of the mask: bytes from 0x80 on count, and DEL does.
        let unusual = (x | x.simd_eq(u8x16::splat(0x7f))).to_bitmask();
        if stop != 0 {
            let run = stop.trailing_zeros();
            *odd |= unusual & !(u32::MAX << run);
            return at.wrapping_add(run as usize);
        }
        *odd |= unusual;
        at = at.wrapping_add(16);
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        *odd |= u32::from(byte >= 0x7f);
        at = at.wrapping_add(1);
    }
    at
}

/// Whether a text has characters that a JSON string must escape: quotation marks, backslashes, control characters.
///
/// ```
/// use cloudevents_core::scan::needs_escape;
///
/// assert!(needs_escape("say \"hi\""));
/// assert!(!needs_escape("café/✓"));
/// ```
#[inline]
pub fn needs_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    if let Some(last) = bytes.last_chunk::<16>() {
        // Whole chunks, then the last 16 bytes, which may overlap them.
        let mut found = specials(*last);
        for chunk in bytes.as_chunks::<16>().0 {
            found |= specials(*chunk);
        }
        return found.to_bitmask() != 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return has_special(u64::from_le_bytes(*first)) || has_special(u64::from_le_bytes(*last));
    }
    bytes.iter().any(|&b| b < 0x20 || b == b'"' || b == b'\\')
}

/// Whether one of eight bytes is a quotation mark, a backslash or a control character. A byte is zero exactly when it borrows from
/// a subtraction of one and had no top bit; the first such byte is always told right.
#[inline(always)]
fn has_special(eight: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let quote = eight ^ u64::from_le_bytes([b'"'; 8]);
    let backslash = eight ^ u64::from_le_bytes([b'\\'; 8]);
    let below = |x: u64, limit: u64| x.wrapping_sub(limit) & !x;
    (below(quote, ONES) | below(backslash, ONES) | below(eight, u64::from_le_bytes([0x20; 8]))) & TOPS != 0
}

#[inline(always)]
fn specials(chunk: [u8; 16]) -> u8x16 {
    let x = u8x16::new(chunk);
    x.simd_eq(u8x16::splat(b'"')) | x.simd_eq(u8x16::splat(b'\\')) | x.min(u8x16::splat(0x1f)).simd_eq(x)
}

/// Which of the open brackets are braces, innermost in the lowest bit; full words move to a vector, so that any depth works.
struct Nesting {
    bits: u64,
    depth: u32,
    limit: u32,
    outer: Vec<u64>,
}

impl Nesting {
    fn new(limit: u32) -> Self {
        Self { bits: 0, depth: 0, limit, outer: Vec::new() }
    }

    #[inline(always)]
    fn enter(&mut self, object: bool) -> Result<(), Mistake> {
        if self.depth >= self.limit {
            return Err(Mistake::TooDeep);
        }
        if self.depth & 63 == 0 && self.depth > 0 {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.depth = self.depth.wrapping_add(1);
        Ok(())
    }

    #[inline(always)]
    fn leave(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
        self.bits >>= 1;
        if self.depth & 63 == 0
            && let Some(bits) = self.outer.pop()
        {
            self.bits = bits;
        }
    }

    /// Whether the innermost open bracket is a brace; `None` when all are closed.
    #[inline(always)]
    fn innermost(&self) -> Option<bool> {
        if self.depth == 0 { None } else { Some(self.bits & 1 == 1) }
    }
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
            }
            assert!(!needs_escape(&["é/\u{7f}".repeat(length), "x".repeat(length)].concat()));
        }
        assert_eq!(read(r#""\ud83d\ude00 \u0041\n\/""#).unwrap(), ("😀 A\n/".into(), true, true));
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
