//! Detects the form of input by its content, then by its name.

use super::{Form, LARGEST, read_line};
use crate::{failure::Failure, http_text};
use bytes::Bytes;
use cloudevents_kit::{
    DecodeOptions, Format, FormatId, Formats, Leniency,
    model::{
        Item,
        codec::scan::{Mistake, Scanner},
    },
};
use std::{
    io::{self, BufRead, Read},
    path::Path,
};

/// The kind of an input, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Bytes that are not text, or have control characters.
    Binary,
    /// Text that begins with `<`.
    Xml,
    /// Text that begins with `[`.
    Array,
    /// Other text: JSON, JSON Lines, YAML.
    Text,
    /// Only white space so far, or not looked at.
    Unknown,
}

/// How text in UTF-16 begins: with a byte order mark, or with JSON.
const UTF_16: [&[u8]; 6] = [b"\xff\xfe", b"\xfe\xff", b"{\0", b"[\0", b"\0{", b"\0["];

/// Refuses input that begins as no event does, if other programs or commands convert it.
pub(super) fn check(name: &str, beginning: &[u8]) -> Result<(), Failure> {
    let begins = |with: &[u8]| beginning.starts_with(with);
    let (what, help) = if begins(b"\x28\xb5\x2f\xfd") {
        ("is compressed (zstd)", "decompress it first: `zstd -dc FILE | ce ...`")
    } else if UTF_16.into_iter().any(begins) {
        ("is text in UTF-16", "convert it to UTF-8 first: `iconv -f UTF-16 -t UTF-8 FILE | ce ...`")
    } else if http_text::begins_message(beginning.trim_ascii_start()) {
        (
            "is HTTP as text",
            "`ce decode` reads CloudEvents over HTTP; with `--from`, the body may be of another system",
        )
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("`{name}` {what}")).help(help))
}

/// Looks at the beginning of an input.
pub(super) fn content(beginning: &[u8]) -> Content {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    match text.trim_ascii_start().first() {
        // A document that begins with a bracket is JSON. The content of its strings makes no difference. A line break before it may also be
        // the first tag of a Protobuf message.
        Some(b'{') if text.first() == Some(&b'{') => Content::Text,
        Some(b'[') if text.first() == Some(&b'[') => Content::Array,
        _ if is_binary(beginning) => Content::Binary,
        Some(b'<') => Content::Xml,
        Some(b'[') => Content::Array,
        Some(_) => Content::Text,
        None => Content::Unknown,
    }
}

fn is_binary(beginning: &[u8]) -> bool {
    let acts = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r') || *byte == 0x7f;
    // The last character may be cut.
    let is_text = std::str::from_utf8(beginning).map_or_else(|error| error.error_len().is_none(), |_| true);
    !is_text || beginning.iter().any(acts)
}

/// Returns the form that a file name stands for. `.json` stands for no form: the file may be any JSON.
pub(super) fn by_name(path: &Path, formats: &Formats) -> Option<Form> {
    let extension = |path: &Path| Some(path.extension()?.to_str()?.to_ascii_lowercase());
    let found = match extension(path)?.as_str() {
        "gz" => extension(Path::new(path.file_stem()?))?,
        other => other.to_owned(),
    };
    match found.as_str() {
        "jsonl" | "ndjson" => Some(Form::Lines),
        "yaml" | "yml" => Some(Form::Yaml),
        "pb" | "binpb" => Some(Form::Single(FormatId::new("protobuf"))),
        id => formats.iter().map(Format::id).find(|known| known.as_str() == id).map(Form::Single),
    }
}

/// Returns the form of a document that is not JSON or YAML: the form that reads it, otherwise the form of its name.
pub(super) fn document(
    text: &Bytes,
    content: Content,
    by_name: Option<&Form>,
    with: &DecodeOptions,
) -> Option<Form> {
    match content {
        Content::Xml => {
            let xml = FormatId::new("xml");
            Some(if root(text) == b"batch" { Form::Batch(xml) } else { Form::Single(xml) })
        }
        Content::Binary => {
            let named =
                |format: &&dyn Format| matches!(by_name, Some(Form::Single(id)) if *id == format.id());
            let binary = || with.formats.iter().filter(|format| !format.is_text());
            // The format of the name goes first.
            let all: Vec<&dyn Format> =
                binary().filter(named).chain(binary().filter(|format| !named(format))).collect();
            let lenient = with.clone().with_leniency(Leniency::all());
            let form = all.iter().find_map(|format| readable(*format, text, &lenient));
            form.or_else(|| by_name.filter(|form| matches!(form, Form::Single(_))).cloned())
        }
        _ => None,
    }
}

/// Returns the form of the document, if the format reads it as an event or as a batch that has one.
fn readable(format: &dyn Format, document: &Bytes, with: &DecodeOptions) -> Option<Form> {
    if format.decode(document.clone(), with).is_ok() {
        return Some(Form::Single(format.id()));
    }
    let items = format.decode_items(document.clone(), with).unwrap_or_default();
    items.iter().any(|item: &Item| item.event.is_ok()).then(|| Form::Batch(format.id()))
}

/// Returns the name of the first element without its prefix. Empty if there is none.
fn root(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix(b"!--") {
            let end = memchr::memmem::find(comment, b"-->").unwrap_or(comment.len());
            rest = comment.get(end..).unwrap_or_default();
        } else if !matches!(rest.first(), Some(b'?' | b'!')) {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
            let name = rest.split(ends).next().unwrap_or_default();
            return name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        }
    }
    b""
}

/// Detects from the first one or two lines whether the input is JSON Lines. Adds the lines read to `ahead`.
pub(super) fn is_lines(reader: &mut dyn BufRead, ahead: &mut Vec<u8>) -> io::Result<bool> {
    let mut doubtful = false;
    loop {
        let begin = ahead.len();
        // A line without an end is not read on and on.
        let mut some = (&mut *reader).take(u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1));
        if !read_line(&mut some, LARGEST.saturating_add(begin), ahead)? {
            return Ok(false);
        }
        let line = ahead.get(begin..).unwrap_or_default();
        if line.len() > LARGEST {
            return Ok(false); // it was cut, and is refused as too large
        }
        let begins = line.first() == Some(&b'{');
        let text = String::from_utf8_lossy(line.trim_ascii());
        if text.is_empty() && ahead.len() <= LARGEST {
            continue;
        }
        if doubtful {
            return Ok(begins);
        }
        if !text.starts_with('{') {
            return Ok(false);
        }
        let mut scanner = Scanner::new(&text);
        match scanner.value(u32::MAX) {
            Ok(_) => return Ok(scanner.is_at_end()),
            // The object continues on the next line.
            Err(problem) if problem.at >= text.len() && problem.what != Mistake::TooDeep => return Ok(false),
            // The line is invalid: the next line decides.
            Err(_) => doubtful = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

    fn lines(text: &str) -> bool {
        is_lines(&mut text.as_bytes(), &mut Vec::new()).unwrap()
    }

    #[test]
    fn lines_are_told_from_documents() {
        for yes in [EVENT, &format!("\n{EVENT}\n{EVENT}\n"), "{oops\n{\"a\":1}", "{\"a\":1,}\n\n{", "{}"] {
            assert!(lines(yes), "{yes}");
        }
        for no in [
            "",
            "[]",
            "{\n",
            "{\"a\":\n1}\n{}",
            "{\"a\":oops,\n  \"b\":1}",
            "{} {}",
            "{}x",
            "x",
            "{\"a\":\"\n\"}",
        ] {
            assert!(!lines(no), "{no}");
        }
    }

    /// It may have no end.
    #[test]
    fn a_line_that_is_too_long_is_not_read_to_its_end() {
        let mut input = io::BufReader::new(io::repeat(b'a').take(300 << 20));
        let mut ahead = Vec::new();
        assert!(!is_lines(&mut input, &mut ahead).unwrap());
        assert_eq!(ahead.len(), LARGEST + 1);
        assert!(input.get_ref().limit() > 40 << 20);
    }

    #[test]
    fn the_beginning_shows_what_follows() {
        for (beginning, wanted) in [
            (&b""[..], Content::Unknown),
            (b" \n\t", Content::Unknown),
            (b"{\"a\":\"\x01\"}", Content::Text),
            (b" [1]", Content::Array),
            (b"\xef\xbb\xbf<event/>", Content::Xml),
            (b"\n\x011\x12\x02/s", Content::Binary),
            (b"\n{aaaaaaaaaa\x12\x02/s", Content::Binary),
            (b"\xa4\x62id", Content::Binary),
            ("id: caf\u{e9}".as_bytes(), Content::Text),
            (b"id: caf\xc3", Content::Text),
        ] {
            assert_eq!(content(beginning), wanted, "{beginning:?}");
        }
    }

    #[test]
    fn http_is_named() {
        for http in [&b"POST / HTTP/1.1\r\n"[..], b"\nGET /a HTTP/1.1\nhost: x\n", b"HTTP/1.1 200 OK\n"] {
            assert!(check("f", http).unwrap_err().message().contains("`f` is HTTP as text"));
        }
        for other in [&b"POST: / HTTP/1.1\n"[..], b"id: POST\n", b"{\"id\": \"GET / HTTP/1.1\"}", b""] {
            assert!(check("f", other).is_ok());
        }
    }

    #[test]
    fn the_root_element() {
        let text = b"<?xml version=\"1.0\"?>\n<!-- <x> -->\n<ce:batch xmlns:ce=\"http://cloudevents.io/xmlformat/V1\">";
        assert_eq!(root(text), b"batch");
        assert_eq!(root(b"<event/>"), b"event");
        assert_eq!(root(b"<!-- <event>"), b"");
    }
}
