//! A strict parser of JSON text (RFC 8259).

use std::fmt;

use super::{Json, Kind, Text};

/// How deep values may nest. The parser is recursive, and an answer may come from a testee gone wrong.
const DEPTH: usize = 256;

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    offset: usize,
    reason: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

/// The value that a text consists of.
pub(crate) fn parse(text: &str) -> Result<Json, Malformed> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.space();
    let value = parser.value()?;
    parser.space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => parser.fail("more text after the value"),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Json, Malformed> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Kind::Number(self.number()?),
            Some(b'n') => self.word("null", Kind::Null)?,
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(_) => return self.fail("no JSON value"),
            None => return self.fail("the end of the text"),
        };
        Ok(Json { kind, span: start..self.at })
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Kind, Malformed>) -> Result<Kind, Malformed> {
        if self.depth == DEPTH {
            return self.fail("nested too deep");
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        let kind = inner(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn array(&mut self) -> Result<Kind, Malformed> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Kind::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.take(b']') {
                return Ok(Kind::Array(items));
            }
            self.expect(b',', "neither a comma nor the end of the array")?;
            self.space();
        }
    }

    fn object(&mut self) -> Result<Kind, Malformed> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Kind::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("no member name");
            }
            let name = self.string()?;
            self.space();
            self.expect(b':', "no colon after a member name")?;
            self.space();
            members.push((name, self.value()?));
            self.space();
            if self.take(b'}') {
                return Ok(Kind::Object(members));
            }
            self.expect(b',', "neither a comma nor the end of the object")?;
            self.space();
        }
    }

    fn string(&mut self) -> Result<Text, Malformed> {
        self.at += 1;
        let mut text = Text::default();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            text.push_str(self.since(start));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => self.escape(&mut text)?,
                Some(_) => return self.fail("a control character in a string"),
                None => return self.fail("a string without an end"),
            }
        }
    }

    fn escape(&mut self, text: &mut Text) -> Result<(), Malformed> {
        self.at += 1;
        let byte = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let code = self.unit()?;
                text.push_code_point(self.paired(code)?);
                return Ok(());
            }
            _ => return self.fail("no such escape"),
        };
        self.at += 1;
        text.push_byte(byte);
        Ok(())
    }

    /// The code point that `code` begins: with the half that follows, or `code` itself.
    fn paired(&mut self, code: u32) -> Result<u32, Malformed> {
        let after = self.at;
        if (0xd800..0xdc00).contains(&code) && self.take(b'\\') && self.peek() == Some(b'u') {
            let low = self.unit()?;
            if (0xdc00..0xe000).contains(&low) {
                return Ok(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            }
        }
        self.at = after;
        Ok(code)
    }

    /// The four digits after a `u`.
    fn unit(&mut self) -> Result<u32, Malformed> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            match self.peek().and_then(|byte| char::from(byte).to_digit(16)) {
                Some(digit) => code = code << 4 | digit,
                None => return self.fail("no hexadecimal digit"),
            }
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<String, Malformed> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(self.since(start).to_owned())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.fail("no digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, Malformed> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return self.fail("no JSON value");
        }
        self.at += word.len();
        Ok(kind)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, complaint: &'static str) -> Result<(), Malformed> {
        if self.take(byte) { Ok(()) } else { self.fail(complaint) }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn since(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn fail<T>(&self, reason: &'static str) -> Result<T, Malformed> {
        Err(Malformed { offset: self.at, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text() {
        for text in ["0", "-0", "1.0", "1e5", "1E+05", "-12.50e-3", "123456789012345678901234567890"] {
            assert_eq!(parse(text).unwrap().kind, Kind::Number(text.to_owned()));
        }
    }

    #[test]
    fn strings_are_unescaped() {
        let text = |json: &str| match parse(json).unwrap().kind {
            Kind::String(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(text(r#""a\"\\\/\b\f\n\r\té€😀""#).as_str(), Some("a\"\\/\u{8}\u{c}\n\r\té€😀"));
        assert_eq!(text(r#""\u00e9\uD83D\ude00""#).as_str(), Some("é😀"));
        assert_eq!(text(r#""\ud83d""#).as_str(), None);
        assert_ne!(text(r#""\ud83d""#), text(r#""\ud83e""#));
        assert_ne!(text(r#""\ud83d\u0041""#), text(r#""\ud83d""#));
        assert_eq!(text(r#""\ud83d\ud83d\ude00""#), {
            let mut wanted = Text::default();
            wanted.push_code_point(0xd83d);
            wanted.push_str("😀");
            wanted
        });
    }

    #[test]
    fn members_keep_order_and_number() {
        let tree = parse(r#" { "b" : 1 , "a" : [ ] , "b" : { } } "#).unwrap();
        assert_eq!(tree.to_string(), r#"{"b":1,"a":[],"b":{}}"#);
    }

    #[test]
    fn spans_are_those_of_the_text() {
        let text = r#"{"a": [1, 2]}"#;
        let tree = parse(text).unwrap();
        assert_eq!(text.get(tree.get("a").unwrap().span.clone()), Some("[1, 2]"));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "nulls",
            "tru",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "NaN",
            "'a'",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\u{1}\"",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,]",
            "[1 2]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "1 2",
            "{}x",
            "\u{feff}1",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(DEPTH)).is_ok());
        assert!(parse(&nested(DEPTH + 1)).is_err());
        assert!(parse(&"[".repeat(10_000_000)).is_err());
    }

    #[test]
    fn siblings_do_not_add_to_the_depth() {
        let items = vec!["[[]]"; 1000].join(",");
        assert!(parse(&format!("[{items}]")).is_ok());
    }
}
