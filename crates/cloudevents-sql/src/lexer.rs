//! The words of an expression.

use crate::{ParseError, Span};

/// A piece of the text, with its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind<'t>,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'t> {
    /// Letters, digits and underscores.
    Word(&'t str),
    /// A string literal: the text between its quotation marks, and the mark.
    Text(&'t str, char),
    Symbol(&'static str),
    End,
}

/// Longer symbols first.
const SYMBOLS: [&str; 15] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/", "%"];

pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// The next piece. After the end there is the end again.
    pub(crate) fn next(&mut self) -> Result<Token<'t>, ParseError> {
        let rest = self.rest();
        let blank = rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.at = self.at.saturating_add(blank);
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(self.take(Kind::End, 0)) };
        if first.is_ascii_alphanumeric() || first == '_' {
            let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let length = rest.bytes().take_while(is_of_word).count();
            return Ok(self.take(Kind::Word(rest.get(..length).unwrap_or_default()), length));
        }
        if first == '\'' || first == '"' {
            return self.string(rest, first);
        }
        match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            Some(symbol) => Ok(self.take(Kind::Symbol(symbol), symbol.len())),
            None => Err(self.unknown(first)),
        }
    }

    /// Whether the next byte, white space not skipped, is a digit: then a sign before it is part of the number.
    pub(crate) fn at_digit(&self) -> bool {
        self.rest().as_bytes().first().is_some_and(u8::is_ascii_digit)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, kind: Kind<'t>, length: usize) -> Token<'t> {
        let start = self.at;
        self.at = start.saturating_add(length);
        Token { kind, span: Span::new(start, self.at) }
    }

    /// A backslash and the character behind it stay together, so that an escaped quotation mark does not end the text.
    fn string(&mut self, rest: &'t str, quote: char) -> Result<Token<'t>, ParseError> {
        let mut bytes = rest.bytes().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            if byte == b'\\' {
                bytes.next();
            } else if u32::from(byte) == u32::from(quote) {
                let inside = rest.get(1..at).unwrap_or_default();
                return Ok(self.take(Kind::Text(inside, quote), at.saturating_add(1)));
            }
        }
        let span = Span::new(self.at, self.text.len());
        let error = ParseError::new(
            self.text,
            span,
            format!("the closing {quote}"),
            format!("the text has no closing {quote}"),
        );
        Err(if rest.ends_with(&format!("\\{quote}")) {
            error.with_help(format!("the last {quote} is escaped by the backslash before it"))
        } else {
            error.with_help(format!("end the text with {quote}"))
        })
    }

    #[cold]
    fn unknown(&self, found: char) -> ParseError {
        let span = Span::new(self.at, self.at.saturating_add(found.len_utf8()));
        let error =
            ParseError::new(self.text, span, "", format!("the character {found:?} has no meaning here"));
        match found {
            '&' => error.with_help("write AND"),
            '|' => error.with_help("write OR"),
            '!' => error.with_help("write NOT, or != for `differs from`"),
            '.' => error.with_help("attributes have simple names, and the payload cannot be addressed"),
            '‘' | '’' | '“' | '”' | '`' => error.with_help("texts stand between ' or \""),
            _ if found.is_alphanumeric() => {
                error.with_help("names have ASCII letters and digits only; texts stand between ' or \"")
            }
            _ => error,
        }
    }
}

/// The text a literal stands for: its own quotation mark loses the backslash before it, every other backslash stays (CESQL 2.2).
pub(crate) fn unescape(inside: &str, quote: char) -> Box<str> {
    if !inside.contains('\\') {
        return inside.into();
    }
    let mut text = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let Some(escaped) = chars.next() else { break };
        if escaped != quote {
            text.push('\\');
        }
        text.push(escaped);
    }
    text.into()
}
