//! Finds the messages of a `.proto` text and their positions. Skips fields and everything else.

use crate::registry::{MessageIndexes, writing::invalid};
use cloudevents_core::Error;

/// The messages of a schema.
#[derive(Debug)]
pub(super) struct Messages(Vec<(MessageIndexes, String)>);

impl Messages {
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): unbalanced braces, an
    /// unterminated comment or string, or no message.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser::default();
        let mut tokens = Tokens { rest: text };
        while let Some(token) = tokens.next()? {
            parser.token(token)?;
        }
        parser.finish()
    }

    /// Returns the full name of the message at this position.
    pub(super) fn name(&self, indexes: &MessageIndexes) -> Option<&str> {
        self.0.iter().find(|(at, _)| at == indexes).map(|(_, name)| name.as_str())
    }

    /// Returns the position of the message with this full name.
    pub(super) fn place(&self, name: &str) -> Option<&MessageIndexes> {
        self.0.iter().find(|(_, found)| found == name).map(|(at, _)| at)
    }
}

#[derive(Default)]
struct Parser<'a> {
    package: &'a str,
    found: Vec<(Vec<u32>, String)>,
    /// The open messages, and other open blocks as `None`.
    open: Vec<Option<Open<'a>>>,
    /// How many messages the file has so far.
    top: u32,
    /// The words of the current statement. Words after the fourth are dropped.
    words: Vec<&'a str>,
}

struct Open<'a> {
    name: &'a str,
    index: u32,
    nested: u32,
}

impl<'a> Parser<'a> {
    fn token(&mut self, token: &'a str) -> Result<(), Error> {
        match token {
            "{" => {
                let message = self.message();
                if self.open.len() > MessageIndexes::MAX_LENGTH {
                    return Err(invalid("the schema is nested too deeply"));
                }
                self.open.push(message);
                self.note();
            }
            "}" if self.open.pop().is_none() => return Err(invalid("a brace of the schema has no partner")),
            ";" => {
                if let (["package", package], true) = (self.words.as_slice(), self.open.is_empty()) {
                    self.package = package;
                }
            }
            "}" => {}
            word => {
                if self.words.len() < 4 {
                    self.words.push(word);
                }
                return Ok(());
            }
        }
        self.words.clear();
        Ok(())
    }

    /// Returns the message that a brace opens, if it opens one.
    fn message(&mut self) -> Option<Open<'a>> {
        let name = match self.words.as_slice() {
            ["message", name] | ["export" | "local", "message", name] => *name,
            _ => return None,
        };
        let counter = match self.open.last_mut() {
            None => &mut self.top,
            Some(Some(parent)) => &mut parent.nested,
            Some(None) => return None,
        };
        let index = *counter;
        *counter = index.saturating_add(1);
        Some(Open { name, index, nested: 0 })
    }

    /// Records the message that was just opened.
    fn note(&mut self) {
        if !matches!(self.open.last(), Some(Some(_))) {
            return;
        }
        let mut name = self.package.to_owned();
        let mut place = Vec::with_capacity(self.open.len());
        for open in self.open.iter().flatten() {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(open.name);
            place.push(open.index);
        }
        self.found.push((place, name));
    }

    fn finish(self) -> Result<Messages, Error> {
        if !self.open.is_empty() {
            return Err(invalid("a brace of the schema has no partner"));
        }
        if self.found.is_empty() {
            return Err(invalid("the schema has no messages: it is not the text of a `.proto` file")
                .with_help("give the codec the message's position: `.with_message_indexes(…)`"));
        }
        let found = self.found.into_iter().map(|(place, name)| Ok((MessageIndexes::new(&place)?, name)));
        found.collect::<Result<_, Error>>().map(Messages)
    }
}

/// Iterates over words and single punctuation characters. Skips comments. A string is one word.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<&'a str>, Error> {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let Some((_, rest)) = comment.split_once("*/") else {
                    return Err(invalid("a comment of the schema has no end"));
                };
                self.rest = rest;
            } else {
                break;
            }
        }
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let length = match first {
            '"' | '\'' => string_length(self.rest, first)?,
            _ if is_word(first) => self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()),
            _ => first.len_utf8(),
        };
        let Some((token, rest)) = self.rest.split_at_checked(length) else { return Ok(None) };
        self.rest = rest;
        Ok(Some(token))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

/// Returns the length of the string at the start of the text, including quotes.
fn string_length(text: &str, quote: char) -> Result<usize, Error> {
    let mut escaped = true; // skips the opening quote
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Ok(at.saturating_add(1)),
            _ => {}
        }
    }
    Err(invalid("a string of the schema has no end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_as_the_reference_does() {
        let text = r#"
            // message Comment {
            syntax = "proto3"; /* message Other { */
            import "message X {.proto";
            message Before { string message = 1; }
            package com.example;
            option (deep) = { message: { a: "}" } };
            enum Kind { A = 0; }
            message Order {
                option (my.option) = { message: 1 };
                map<string, int32> counts = 1; // an entry, in descriptors
                oneof what { string a = 2; Line b = 3 [(x) = {message: {}}]; }
                message Line { message Deep {} }
                enum Size { S = 0; }
                ; // an empty statement
                message Tail { reserved 1 to 3; }
            }
            service Shop { rpc Get (Order) returns (Order) { option idempotency_level = IDEMPOTENT; } }
            extend Order { string more = 100; }
            message After{}
        "#;
        let messages = Messages::parse(text).unwrap();
        let at = |place: &[u32]| messages.name(&MessageIndexes::new(place).unwrap()).unwrap_or("-");
        assert_eq!(at(&[1]), "com.example.Order");
        assert_eq!(at(&[1, 0]), "com.example.Order.Line");
        assert_eq!(at(&[1, 0, 0]), "com.example.Order.Line.Deep");
        assert_eq!(at(&[1, 1]), "com.example.Order.Tail");
        assert_eq!(at(&[2]), "com.example.After");
        assert_eq!(at(&[3]), "-");
        assert_eq!(messages.0.len(), 6);
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for text in [
            "",
            "CgVhLnByb3Rv",
            "message A {",
            "}",
            "/* message A {}",
            "message A {} \"",
            "message A {} '\\'",
        ] {
            assert!(Messages::parse(text).is_err(), "{text}");
        }
        let deep = "message A {".repeat(100_000);
        assert!(Messages::parse(&deep).is_err());
    }
}
