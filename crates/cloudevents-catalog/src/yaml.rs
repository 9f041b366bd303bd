//! Converts YAML documents to JSON text. Numbers keep their digits, and every byte of the JSON maps to its
//! place in the YAML.
//!
//! YAML's core schema gives the types of scalars. Values that JSON cannot express are refused, and so are
//! aliases that would grow without bound.

use cloudevents_core::{Error, ErrorKind};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

/// The most bytes of JSON that aliases may add to the documents of one text.
const ALIASES: usize = 16 << 20;

/// The most levels of nested collections.
const DEPTH: usize = 512;

/// A document as JSON.
#[derive(Debug, Default)]
pub struct Document {
    /// The JSON text.
    pub json: String,
    /// The offset of the document in the YAML text.
    pub begin: usize,
    /// The offset at which it ends there.
    pub end: usize,
    /// The offset at which each item of a sequence ends there, at the latest.
    pub items: Vec<usize>,
    /// Offsets in the JSON, in order, and their offsets in the YAML text.
    places: Vec<(usize, usize)>,
}

impl Document {
    /// Returns the offset in the YAML text for a byte of the JSON: the start of its scalar or collection.
    pub fn place(&self, at: usize) -> usize {
        let after = self.places.partition_point(|(json, _)| *json <= at);
        after.checked_sub(1).and_then(|last| self.places.get(last)).map_or(self.begin, |(_, yaml)| *yaml)
    }
}

/// The only document of a text.
pub fn one(text: &str) -> Result<Document, Error> {
    let mut documents = Documents::new(text);
    let only = documents.next().ok_or_else(|| malformed("the document is empty".to_owned(), 0))??;
    match documents.next() {
        None => Ok(only),
        Some(_) => Err(malformed("there is more than one YAML document".to_owned(), only.end)),
    }
}

/// Iterates over the documents of a text, and stops after an error. Offsets of errors refer to the text.
pub struct Documents<'a> {
    parser: Parser<'a, StrInput<'a>>,
    cursor: Cursor<'a>,
    /// The bytes that aliases have added in all documents.
    added: usize,
    is_done: bool,
}

impl fmt::Debug for Documents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("is_done", &self.is_done).finish_non_exhaustive()
    }
}

impl<'a> Documents<'a> {
    /// Reads the documents of this text.
    pub fn new(text: &'a str) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            cursor: Cursor { text, characters: 0, bytes: 0 },
            added: 0,
            is_done: false,
        }
    }

    fn document(&mut self) -> Result<Option<Document>, Error> {
        let mut writer = Writer::default();
        loop {
            let (event, span) = match self.parser.next_event() {
                None => return Ok(None),
                Some(Ok(next)) => next,
                Some(Err(error)) => {
                    let at = self.cursor.offset(*error.marker());
                    let malformed = malformed(error.info().to_owned(), at);
                    return Err(match error.info().contains("Unicode character escape") {
                        true => malformed.with_help(
                            "YAML has no pairs of escapes: write the character itself, or `\\U0001F600`",
                        ),
                        false => malformed,
                    });
                }
            };
            let at = self.cursor.offset(span.start);
            match event {
                Event::DocumentStart(_) => {
                    writer = Writer { added: self.added, ..Writer::default() };
                    writer.document.begin = at;
                }
                Event::DocumentEnd if writer.is_empty => {}
                Event::DocumentEnd => {
                    self.added = writer.added;
                    writer.document.end = at;
                    return Ok(Some(writer.document));
                }
                Event::StreamEnd => return Ok(None),
                event => {
                    writer.event(event, at)?;
                    if writer.is_behind_item() {
                        writer.document.items.push(self.cursor.offset(span.end));
                    }
                }
            }
        }
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Document, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let document = self.document().transpose();
        self.is_done = !matches!(document, Some(Ok(_)));
        document
    }
}

/// Converts character offsets to byte offsets. The next one is usually after the last one.
struct Cursor<'a> {
    text: &'a str,
    characters: usize,
    bytes: usize,
}

impl Cursor<'_> {
    fn offset(&mut self, marker: Marker) -> usize {
        let (before, after) = self.text.split_at_checked(self.bytes).unwrap_or((self.text, ""));
        let target = marker.index();
        let length = |character: char| character.len_utf8();
        if let Some(ahead) = target.checked_sub(self.characters) {
            self.bytes = self.bytes.saturating_add(after.chars().take(ahead).map(length).sum());
        } else {
            let back = self.characters.saturating_sub(target);
            self.bytes = self.bytes.saturating_sub(before.chars().rev().take(back).map(length).sum());
        }
        self.characters = target;
        self.bytes
    }
}

/// An open collection.
struct Open {
    anchor: usize,
    begin: usize,
    is_first: bool,
    /// The names of a mapping so far. `None` for a sequence.
    names: Option<HashSet<String>>,
    /// Whether a name comes next.
    at_name: bool,
}

/// Writes events as JSON.
struct Writer {
    document: Document,
    is_empty: bool,
    open: Vec<Open>,
    /// The JSON of each anchor, as a range of the document.
    anchors: HashMap<usize, Range<usize>>,
    /// The bytes that aliases added.
    added: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            document: Document::default(),
            is_empty: true,
            open: Vec::new(),
            anchors: HashMap::new(),
            added: 0,
        }
    }
}

impl Writer {
    fn event(&mut self, event: Event<'_>, at: usize) -> Result<(), Error> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_nothing =
                    text.is_empty() && style == ScalarStyle::Plain && tag.is_none() && anchor == 0;
                if is_nothing && self.open.is_empty() {
                    return Ok(());
                }
                let is_name = self.open.last().is_some_and(|open| open.at_name);
                let json = if is_name { quoted(&text) } else { scalar(&text, style, tag.as_deref(), at)? };
                let begin = self.begin(at, Some(&json))?;
                self.document.json.push_str(&json);
                self.end(anchor, begin);
            }
            Event::Alias(anchor) => {
                let range = self.anchors.get(&anchor).cloned();
                let range = range.ok_or_else(|| {
                    malformed("an alias refers to a collection that contains it".to_owned(), at)
                })?;
                self.added = self.added.saturating_add(range.len());
                if self.added > ALIASES {
                    return Err(Error::new(ErrorKind::TooLarge)
                        .with_detail(format!("aliases add more than {} MiB", ALIASES >> 20))
                        .with_offset(at));
                }
                let json = self.document.json.get(range).unwrap_or_default().to_owned();
                let begin = self.begin(at, Some(&json))?;
                self.document.json.push_str(&json);
                self.end(0, begin);
            }
            Event::SequenceStart(anchor, tag) => self.start(anchor, tag.as_deref(), "seq", at)?,
            Event::MappingStart(anchor, tag) => self.start(anchor, tag.as_deref(), "map", at)?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.document.json.push(if open.names.is_some() { '}' } else { ']' });
                    self.end(open.anchor, open.begin);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether an item of the sequence that the document is has ended.
    fn is_behind_item(&self) -> bool {
        matches!(self.open.as_slice(), [Open { names: None, is_first: false, .. }])
    }

    fn start(&mut self, anchor: usize, tag: Option<&Tag>, kind: &str, at: usize) -> Result<(), Error> {
        if let Some(tag) = tag.map(name_of).filter(|tag| tag != "!" && tag != &format!("{CORE}{kind}")) {
            return Err(unknown_tag(&tag, at));
        }
        if self.open.len() >= DEPTH {
            return Err(Error::new(ErrorKind::TooDeep)
                .with_detail(format!("the limit is {DEPTH} levels"))
                .with_offset(at));
        }
        let begin = self.begin(at, None)?;
        let is_map = kind == "map";
        self.document.json.push(if is_map { '{' } else { '[' });
        self.open.push(Open {
            anchor,
            begin,
            is_first: true,
            names: is_map.then(HashSet::new),
            at_name: is_map,
        });
        Ok(())
    }

    /// Writes the separator before a value or a name, and checks the name. Returns the offset at which it begins.
    fn begin(&mut self, at: usize, json: Option<&str>) -> Result<usize, Error> {
        self.is_empty = false;
        if let Some(open) = self.open.last_mut() {
            if open.at_name {
                let name = json.filter(|json| json.starts_with('"'));
                let name =
                    name.ok_or_else(|| malformed("the name of a member must be text".to_owned(), at))?;
                if !open.names.get_or_insert_default().insert(name.to_owned()) {
                    return Err(Error::new(ErrorKind::DuplicateAttribute)
                        .with_detail(format!("the member {name} appears more than once"))
                        .with_offset(at));
                }
            }
            // The value of a member follows its name.
            let is_item = open.at_name || open.names.is_none();
            if is_item && !std::mem::replace(&mut open.is_first, false) {
                self.document.json.push(',');
            }
        }
        let begin = self.document.json.len();
        self.document.places.push((begin, at));
        Ok(begin)
    }

    /// Ends a value or a name: keeps its anchor, and writes the colon after a name.
    fn end(&mut self, anchor: usize, begin: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, begin..self.document.json.len());
        }
        if let Some(open) = self.open.last_mut().filter(|open| open.names.is_some()) {
            if open.at_name {
                self.document.json.push(':');
            }
            open.at_name = !open.at_name;
        }
    }
}

/// The prefix of the core schema's tags.
const CORE: &str = "tag:yaml.org,2002:";

/// Converts a scalar to JSON.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: usize) -> Result<String, Error> {
    let tag = tag.map(name_of);
    let plain = || plain(text, at);
    let kind = match tag.as_deref() {
        None if style == ScalarStyle::Plain => return plain().map(Cow::into_owned),
        None | Some("!") => return Ok(quoted(text)),
        Some(tag) => tag.strip_prefix(CORE).unwrap_or(tag),
    };
    let is_kind: fn(&str) -> bool = match kind {
        "str" => return Ok(quoted(text)),
        "null" => |json| json == "null",
        "bool" => |json| json == "true" || json == "false",
        "int" => |json| json.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'),
        "float" => |json| json.starts_with(|first: char| first.is_ascii_digit() || first == '-'),
        _ => return Err(unknown_tag(tag.as_deref().unwrap_or_default(), at)),
    };
    match plain()? {
        json if is_kind(&json) => Ok(json.into_owned()),
        _ => Err(malformed(format!("{text:?} is not of type {kind}"), at)),
    }
}

/// Converts a plain scalar to JSON, by the core schema (YAML 1.2.2, section 10.3.2).
fn plain(text: &str, at: usize) -> Result<Cow<'_, str>, Error> {
    let no_number = |detail: &str| malformed(format!("{text}: {detail}"), at);
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok("null".into()),
        "true" | "True" | "TRUE" => return Ok("true".into()),
        "false" | "False" | "FALSE" => return Ok("false".into()),
        _ => {}
    }
    let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
        Some(rest) if text.starts_with('-') => ("-", rest),
        Some(rest) => ("", rest),
        None => ("", text),
    };
    if [".inf", ".Inf", ".INF"].contains(&unsigned) || [".nan", ".NaN", ".NAN"].contains(&text) {
        return Err(no_number("JSON has no such number"));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix).filter(|digits| is_digits(digits, radix)) {
            let number =
                u128::from_str_radix(digits, radix).map_err(|_| no_number("write it in decimal digits"))?;
            return Ok(number.to_string().into());
        }
    }
    match decimal(unsigned) {
        Some(number) if number == text => Ok(text.into()),
        Some(number) => Ok(format!("{sign}{number}").into()),
        None => Ok(quoted(text).into()),
    }
}

/// Converts a number without its sign to JSON: `007` is `7`, `.5` is `0.5`, `1.` is `1.0`. Returns `None` if
/// it is not a number.
fn decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) =
        text.find(['e', 'E']).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.is_empty() || is_digits(text, 10);
    let has_digits = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    if !digits(whole) || !fraction.is_none_or(digits) || !has_digits {
        return None;
    }
    if let Some(power) = exponent.strip_prefix(['e', 'E'])
        && !is_digits(power.strip_prefix(['-', '+']).unwrap_or(power), 10)
    {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    Some(match fraction {
        None => format!("{whole}{exponent}"),
        Some("") => format!("{whole}.0{exponent}"),
        Some(fraction) => format!("{whole}.{fraction}{exponent}"),
    })
}

fn is_digits(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_digit(radix))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn name_of(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn unknown_tag(tag: &str, at: usize) -> Error {
    let error = malformed(format!("the tag `{tag}` is not supported"), at);
    match tag.strip_prefix(CORE) {
        Some("binary") => error.with_help("write the bytes as data_base64"),
        _ => error.with_help("leave the tag out"),
    }
}

fn malformed(detail: String, at: usize) -> Error {
    Error::new(ErrorKind::InvalidDocument).with_detail(detail).with_offset(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Result<Vec<String>, Error> {
        Documents::new(text).map(|document| document.map(|document| document.json)).collect()
    }

    fn one(text: &str) -> String {
        let mut documents = json(text).unwrap();
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    #[test]
    fn scalars_are_those_of_the_core_schema() {
        for (yaml, json) in [
            ("1.10", "1.10"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1e400", "1e400"),
            ("-0", "-0"),
            ("+7", "7"),
            ("007", "7"),
            ("-.5", "-0.5"),
            ("1.", "1.0"),
            ("1.5E+3", "1.5E+3"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("~", "null"),
            ("Null", "null"),
            ("TRUE", "true"),
            ("yes", "\"yes\""),
            ("1_000", "\"1_000\""),
            ("1e", "\"1e\""),
            (".", "\".\""),
            ("-", "[null]"),
            ("0x", "\"0x\""),
            ("1:30", "\"1:30\""),
            ("2018-04-05T17:31:00Z", "\"2018-04-05T17:31:00Z\""),
            ("'1'", "\"1\""),
            ("\"a\\n\\u00e9\"", "\"a\\né\""),
            ("!!str 1", "\"1\""),
            ("! 1", "\"1\""),
            ("!!int 1", "1"),
            ("!!float 1.0", "1.0"),
            ("|\n  a\n  b\n", "\"a\\nb\\n\""),
            (">-\n  a\n  b\n", "\"a b\""),
        ] {
            assert_eq!(one(yaml), json, "{yaml}");
        }
        for bad in [".inf", "-.INF", ".nan", "!!binary aGk=", "!x 1", "!!int a", "!!map a", "!!set {a}"] {
            assert_eq!(json(bad).unwrap_err().kind(), ErrorKind::InvalidDocument, "{bad}");
        }
    }

    #[test]
    fn collections() {
        assert_eq!(
            one("a: 1\nb:\n  - x\n  - {c: [1, 2], d: }\n"),
            r#"{"a":1,"b":["x",{"c":[1,2],"d":null}]}"#
        );
        assert_eq!(one("{}"), "{}");
        assert_eq!(one("- []\n- {}"), "[[],{}]");
        assert_eq!(one("1: a\ntrue: b"), r#"{"1":"a","true":"b"}"#);
        assert_eq!(one("# nothing\n---\na: b # c\n...\n"), r#"{"a":"b"}"#);
        assert_eq!(json("---\na: 1\n---\n---\n- 2\n...\n").unwrap(), [r#"{"a":1}"#, "[2]"]);
        assert_eq!(json("").unwrap(), [""; 0]);
        assert_eq!(json("# c\n").unwrap(), [""; 0]);
        for bad in [
            "a: 1\na: 2",
            "{a: 1, \"a\": 2}",
            "? [a]\n: 1",
            "a: b: c",
            "[1",
            "{a: }}",
            "a: *x",
            "\"\\q\"",
            "a: @",
        ] {
            assert!(json(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn aliases_stand_for_what_they_name() {
        assert_eq!(one("a: &x [1, {b: 2}]\nc: *x\n"), r#"{"a":[1,{"b":2}],"c":[1,{"b":2}]}"#);
        assert_eq!(one("&k a: &v 1\nb: *v\nc: {*k : 2}"), r#"{"a":1,"b":1,"c":{"a":2}}"#);
        assert!(json("a: &x [*x]").is_err());
        assert!(json("a: &x {}\n---\nb: *x").is_err());
        // A billion laughs.
        let mut bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..12 {
            let last = level - 1;
            let aliases = vec![format!("*a{last}"); 10].join(", ");
            bomb += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        assert_eq!(json(&bomb).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn nesting_has_an_end() {
        for deep in ["[", "- ", "{a: ", "? "] {
            let error = json(&deep.repeat(10_000)).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::TooDeep | ErrorKind::InvalidDocument),
                "{deep}: {error}"
            );
        }
        for levels in [DEPTH, DEPTH + 1] {
            let nested = format!("{}{}", "- ".repeat(levels), 1);
            assert_eq!(json(&nested).is_ok(), levels == DEPTH, "{levels}");
        }
    }

    #[test]
    fn bytes_know_where_they_are_from() {
        let text = "# é\n---\na: é\nb: [1, xy]\n";
        let documents: Vec<_> = Documents::new(text).collect::<Result<_, _>>().unwrap();
        let document = &documents[0];
        assert_eq!(document.json, r#"{"a":"é","b":[1,"xy"]}"#);
        for (piece, of) in
            [("\"a\"", "a:"), ("\"é\"", "é\nb"), ("\"b\"", "b:"), ("[", "["), ("1", "1"), ("xy", "xy")]
        {
            let (at, from) = (document.json.find(piece).unwrap(), text.rfind(of).unwrap());
            assert_eq!(document.place(at), from, "{piece}");
        }
        let error = json("é: 'é'\nb: .inf\n").unwrap_err();
        assert_eq!(error.offset(), Some("é: 'é'\nb: ".len() as u64));
    }

    #[test]
    fn a_catalog_is_one_document() {
        assert_eq!(super::one("a: 1\n").unwrap().json, r#"{"a":1}"#);
        assert_eq!(
            super::one("a: 1\n---\nb: 2\n").unwrap_err().detail(),
            "there is more than one YAML document"
        );
        assert_eq!(super::one("# nothing\n").unwrap_err().detail(), "the document is empty");
    }

    proptest! {
        #[test]
        fn nothing_panics_or_hangs(text in "[-a1 \n:\\[\\]{},&*!|>'\"%#?~.\t\\\\]{0,60}") {
            for document in Documents::new(&text).flatten() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&document.json).is_ok(), "{}", document.json);
            }
        }
    }
}
