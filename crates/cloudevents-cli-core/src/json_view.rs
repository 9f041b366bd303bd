//! JSON text indented, coloured, or as YAML. Digits, escapes and duplicate members do not change.

use crate::{
    plain::is_active,
    style::{self, Paint},
};
use cloudevents_kit::json::codec;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// A token of JSON text that is known to be well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Open(char),
    Close(char),
    Comma,
    Colon,
    /// With its quotation marks.
    String(&'a str),
    /// A number, `true`, `false` or `null`.
    Scalar(&'a str),
}

struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
        let first = text.chars().next()?;
        let length = match first {
            '"' => {
                let mut escaped = false;
                let end = text.bytes().skip(1).position(|byte| {
                    let ends = byte == b'"' && !escaped;
                    escaped = byte == b'\\' && !escaped;
                    ends
                });
                end.map_or(text.len(), |end| end.saturating_add(2))
            }
            '{' | '[' | '}' | ']' | ',' | ':' => 1,
            _ => text.find([',', ':', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at_checked(length)?;
        self.0 = rest;
        Some(match first {
            '"' => Token::String(token),
            '{' | '[' => Token::Open(first),
            '}' | ']' => Token::Close(first),
            ',' => Token::Comma,
            ':' => Token::Colon,
            _ => Token::Scalar(token),
        })
    }
}

/// Returns the text with one member or element per line, each line indented. Short arrays and objects without
/// nested ones stay on one line.
pub fn pretty(json: &str, indent: &str, paint: Paint) -> String {
    let mut out = indent.to_owned();
    let mut depth = 0_usize;
    // Inside brackets that stay on their line.
    let mut flat = false;
    let mut tokens = Tokens(json);
    let line = |depth: usize| format!("\n{indent}{}", "  ".repeat(depth));
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(bracket) => {
                out.push(bracket);
                flat = is_flat(&tokens, WIDTH.saturating_sub(depth.saturating_mul(2)));
                if !flat {
                    depth = depth.saturating_add(1);
                    out += &line(depth);
                }
            }
            Token::Close(bracket) => {
                if !flat {
                    depth = depth.saturating_sub(1);
                    out += &line(depth);
                }
                flat = false;
                out.push(bracket);
            }
            Token::Comma if flat => out += ", ",
            Token::Comma => {
                out.push(',');
                out += &line(depth);
            }
            Token::Colon => out += ": ",
            Token::String(text) => {
                let name = Tokens(tokens.0).next() == Some(Token::Colon);
                out += &paint.text(if name { style::NAME } else { style::STRING }, &inert(text));
            }
            Token::Scalar(text) => out += &paint.text(style::SCALAR, text),
        }
    }
    out
}

/// The longest line, in characters.
const WIDTH: usize = 72;

/// Whether the tokens up to the closing bracket contain no other brackets and fit into `room` characters.
fn is_flat(tokens: &Tokens<'_>, room: usize) -> bool {
    let mut length = 0_usize;
    for token in Tokens(tokens.0) {
        length = length.saturating_add(match token {
            Token::Open(_) => return false,
            Token::Close(_) => return length <= room,
            Token::Comma | Token::Colon => 2,
            Token::String(text) | Token::Scalar(text) => text.chars().count(),
        });
        if length > room {
            return false;
        }
    }
    false
}

/// The most characters of a key without an indicator, whose limit is 1,024 with escapes.
const SIMPLE: usize = 160;

/// Returns the text as a YAML document in block style. JSON strings and numbers are valid YAML.
pub fn yaml(json: &str) -> String {
    let mut out = String::from("---");
    // The open brackets.
    let mut open: Vec<char> = Vec::new();
    let mut tokens = Tokens(json).peekable();
    let mut at_value = true;
    let mut in_sequence_item = false;
    let mut is_explicit = false;
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(bracket) => {
                if let Some(Token::Close(close)) = tokens.peek().copied() {
                    tokens.next();
                    out += &format!(" {bracket}{close}");
                    continue;
                }
                open.push(bracket);
                in_sequence_item = begin(&mut out, &open, in_sequence_item);
                at_value = bracket == '[';
            }
            Token::Close(_) => {
                open.pop();
            }
            Token::Comma => {
                in_sequence_item = begin(&mut out, &open, false);
                at_value = open.last() == Some(&'[');
            }
            Token::Colon => {
                if std::mem::take(&mut is_explicit) {
                    out.push('\n');
                    out.push_str(&"  ".repeat(open.len().saturating_sub(1)));
                }
                out.push(':');
                at_value = true;
                in_sequence_item = false;
            }
            Token::String(text) if !at_value => {
                if !out.ends_with("- ") && !out.ends_with('\n') && !out.ends_with(' ') {
                    out.push(' ');
                }
                // Others have no indicator (YAML 1.2.2, section 7.4.2).
                is_explicit = text.chars().count() > SIMPLE;
                if is_explicit {
                    out += "? ";
                }
                out += &name(text);
            }
            Token::String(text) | Token::Scalar(text) => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                out += &yaml_scalar(text);
            }
        }
    }
    out.push('\n');
    out
}

/// Converts a JSON scalar to YAML. Only escapes of unpaired surrogates and characters that are not printable
/// change.
fn yaml_scalar(text: &str) -> String {
    let halves = text.contains("\\ud") || text.contains("\\uD");
    let text = match serde_json::from_str::<String>(text) {
        Ok(whole) if halves => serde_json::Value::from(whole).to_string(),
        _ => text.to_owned(),
    };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character) {
            0..0x7f => out.push(character),
            _ if !is_active(character) => out.push(character),
            code @ 0..=0xffff => out += &format!("\\u{code:04x}"),
            code => out += &format!("\\U{code:08x}"),
        }
    }
    out
}

/// Returns the offsets of the values that these JSON Pointers (RFC 6901) name in a well-formed text.
pub(crate) fn places(json: &str, wanted: &HashSet<String>) -> HashMap<String, usize> {
    /// An open collection: the length of its pointer, and the number of its current item, if it is an array.
    struct Level {
        pointer: usize,
        item: Option<usize>,
        at_name: bool,
    }
    let mut found = HashMap::new();
    let (mut pointer, mut open): (String, Vec<Level>) = (String::new(), Vec::new());
    let mut tokens = Tokens(json);
    while let Some(token) = tokens.next() {
        let length = match token {
            Token::String(text) | Token::Scalar(text) => text.len(),
            _ => 1,
        };
        let offset = json.len().saturating_sub(tokens.0.len()).saturating_sub(length);
        let begins = match (token, open.last_mut()) {
            (Token::String(name), Some(level)) if level.at_name => {
                pointer.truncate(level.pointer);
                pointer += &codec::token(&serde_json::from_str::<String>(name).unwrap_or_default());
                false
            }
            (Token::Colon, Some(level)) => {
                level.at_name = false;
                false
            }
            (Token::Comma, Some(level)) => {
                pointer.truncate(level.pointer);
                match &mut level.item {
                    Some(item) => {
                        *item = item.saturating_add(1);
                        pointer += &format!("/{item}");
                    }
                    None => level.at_name = true,
                }
                false
            }
            (Token::Close(_), _) => {
                if let Some(level) = open.pop() {
                    pointer.truncate(level.pointer);
                }
                false
            }
            (Token::Open(_) | Token::String(_) | Token::Scalar(_), _) => true,
            _ => false,
        };
        if begins && wanted.contains(&pointer) {
            found.insert(pointer.clone(), offset);
        }
        if let Token::Open(bracket) = token {
            let is_array = bracket == '[';
            open.push(Level { pointer: pointer.len(), item: is_array.then_some(0), at_name: !is_array });
            if is_array {
                pointer += "/0";
            }
        }
    }
    found
}

/// Returns JSON text in which characters of strings that act on a terminal are escaped. Its value is the same.
pub(crate) fn inert(json: &str) -> Cow<'_, str> {
    let acts = |character: char| character >= '\u{7f}' && is_active(character);
    if !json.contains(acts) {
        return json.into();
    }
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if acts(character) {
            let mut halves = [0; 2];
            for half in character.encode_utf16(&mut halves) {
                out += &format!("\\u{half:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out.into()
}

/// Begins a member or an item on a new line, unless it is the first of a collection that is itself an item.
fn begin(out: &mut String, open: &[char], on_the_line: bool) -> bool {
    let sequence = open.last() == Some(&'[');
    if !on_the_line {
        out.push('\n');
        out.push_str(&"  ".repeat(open.len().saturating_sub(1)));
    }
    if sequence {
        out.push_str("- ");
    }
    sequence
}

/// Returns a member's name without quotation marks, if YAML allows that.
fn name(quoted: &str) -> Cow<'_, str> {
    let bare = quoted.trim_matches('"');
    let word = bare.starts_with(|first: char| first.is_ascii_lowercase())
        && bare.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        });
    if word && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&bare) {
        bare.into()
    } else {
        yaml_scalar(quoted).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"a":1.50,"b":[],"c":[1,{"d":"x, \"y\": {"},[true,null]],"no":{"E":{}}}"#;

    #[test]
    fn indented() {
        let wanted = "> {\n>   \"a\": 1.50,\n>   \"b\": [],\n>   \"c\": [\n>     1,\n>     {\"d\": \"x, \\\"y\\\": {\"},\n>     [true, null]\n>   ],\n>   \"no\": {\n>     \"E\": {}\n>   }\n> }";
        assert_eq!(pretty(TEXT, "> ", Paint(false)), wanted);
        let long = format!("[{}]", ["12345678"; 10].join(","));
        assert_eq!(pretty(&long, "", Paint(false)).lines().count(), 12);
    }

    #[test]
    fn what_acts_on_a_terminal_is_escaped_as_json() {
        let text = "{\"\u{9b}2J\":\"a\u{202e}b\u{e0041}é\"}";
        let wanted = r#"{"\u009b2J":"a\u202eb\udb40\udc41é"}"#;
        assert_eq!(inert(text), wanted);
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(&inert(text)), value(text));
        assert_eq!(value(&pretty(text, "", Paint(false))), value(text));
        assert!(!pretty(text, "", Paint(false)).contains(is_active));
    }

    #[test]
    fn values_are_found_by_their_pointers() {
        let text = r#"{"a~/b": [1, {"c": "x"}, []], "d": {"a": {}}, "e": "{\"a\":1}", "é": null}"#;
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let pointers =
            ["", "/a~0~1b", "/a~0~1b/1/c", "/a~0~1b/2", "/d/a", "/e", "/é", "/a~0~1b/2/0", "/e/a", "/x"];
        let found = places(text, &pointers.iter().map(|&pointer| pointer.to_owned()).collect());
        for pointer in pointers {
            let there = found.get(pointer).map(|&offset| {
                let mut values = serde_json::Deserializer::from_str(text.split_at(offset).1)
                    .into_iter::<serde_json::Value>();
                values.next().unwrap().unwrap()
            });
            assert_eq!(there.as_ref(), value.pointer(pointer), "{pointer}");
        }
    }

    #[test]
    fn as_yaml() {
        let wanted = "---\na: 1.50\nb: []\nc:\n  - 1\n  - d: \"x, \\\"y\\\": {\"\n  - - true\n    - null\n\"no\":\n  \"E\": {}\n";
        assert_eq!(yaml(TEXT), wanted);
        assert_eq!(yaml(r#""x""#), "--- \"x\"\n");
        assert_eq!(yaml("{\"a\u{85}\u{7f}\":1}"), "---\n\"a\\u0085\\u007f\": 1\n");
        assert_eq!(yaml("\"\\ud83d\\ude00 \u{85}\""), "--- \"😀 \\u0085\"\n");
    }
}
