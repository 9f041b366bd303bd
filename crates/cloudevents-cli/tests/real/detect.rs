//! Detecting what input is: by its content, then by its name.

use crate::program::{GOOD, ce, ce_with, file};
use cloudevents_kit::{Event, FormatId};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

fn events() -> [Event; 2] {
    ["1", "2"].map(|id| {
        Event::builder().id(id).source("/s").ty("t").extension("n", 3).text("pears\n").build().unwrap()
    })
}

/// The documents of every format: with one event, and with a batch of two where the format has batches.
fn documents() -> Vec<(FormatId, usize, Vec<u8>)> {
    let mut all = Vec::new();
    for format in cloudevents_kit::formats().iter() {
        all.push((format.id(), 1, format.to_vec(&events()[0]).unwrap().0));
        if format.batch_media_type().is_some() {
            all.push((format.id(), 2, format.batch_to_vec((&events()).into()).unwrap().0));
        }
    }
    assert!(all.len() >= 9);
    all
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_format_from_standard_input() {
    for (id, count, document) in documents() {
        for input in [document.clone(), gzip(&document)] {
            let ran = ce_with(&["convert"], &input).ended(0).prints_lines(count);
            assert_eq!(ran.lines()[count - 1]["id"], count.to_string(), "{id}");
        }
    }
}

#[test]
fn every_format_from_files_of_any_name() {
    for (id, count, document) in documents() {
        for name in ["event", "event.json", "event.pb", "event.xml", "event.jsonl"] {
            // A name never makes readable content unreadable. Lines of JSON are one document each.
            if name == "event.jsonl" && id == FormatId::JSON {
                continue;
            }
            let path = file(name, &document);
            let ran = ce(&["convert", path.to_str().unwrap()]);
            assert_eq!((ran.status, ran.lines().len()), (0, count), "{id} as {name}: {}", ran.err);
        }
    }
}

#[test]
fn names_decide_where_content_does_not() {
    // A Protobuf event without its required attributes.
    let mut broken = Vec::new();
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let formats = cloudevents_kit::formats();
    let protobuf = formats.require(&FormatId::new("protobuf")).unwrap();
    let _ = protobuf.encode(&event, &mut broken).unwrap();
    broken.drain(..3);
    for name in ["event.pb", "event.binpb", "event.PB.gz"] {
        let path = file(name, &broken);
        ce(&["validate", path.to_str().unwrap()]).ended(1).says("attribute `id` is required and missing");
    }
    for name in ["lines.jsonl", "lines.ndjson", "lines.ndjson.gz"] {
        let path = file(name, format!("\n{{oops}}\nnot JSON\n{GOOD}\n"));
        let ran = ce(&["validate", path.to_str().unwrap()]);
        let found: Vec<_> = ran.lines().iter().map(|line| line["line"].as_u64().unwrap()).collect();
        assert_eq!(found, [2, 3, 4]);
    }
}

#[test]
fn what_cannot_be_detected_asks_for_the_format() {
    for input in [&b"\x00\x01\x02"[..], b"hello world"] {
        ce_with(&["validate"], input)
            .ended(2)
            .says("cannot detect the format of `standard input`")
            .says("--from");
    }
    ce_with(&["validate", "--from", "json"], "hello world").ended(1).says("[invalid-document]");
}

/// As PowerShell writes files, and as backups are kept.
#[test]
fn what_other_programs_convert_is_named() {
    let utf_16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xff\xfe", &*utf_16].concat();
    for (name, content, words, help) in [
        ("in.jsonl.zst", &b"\x28\xb5\x2f\xfd\x00"[..], "is compressed (zstd)", "zstd -dc FILE | ce"),
        ("in.jsonl", &with_mark, "is text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | ce"),
        ("in.json", &utf_16, "is text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | ce"),
        ("in.yaml", &with_mark, "is text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | ce"),
    ] {
        let path = file(name, content);
        let url = format!("file:{}", path.display());
        for arguments in [["validate", path.to_str().unwrap()], ["listen", &url]] {
            let ran = ce(&arguments).ended(if arguments[0] == "listen" { 3 } else { 2 }).says(words);
            assert!(ran.err.contains(help) || arguments[0] == "listen", "{name}: {}", ran.err);
        }
    }
}

/// A batch that is too large to be read at once.
fn large(middle: &str) -> String {
    let filler = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"{}"}}"#,
        "x".repeat(1 << 20)
    );
    let all: Vec<&str> =
        std::iter::repeat_n(filler.as_str(), 9).chain([middle]).chain([filler.as_str()]).collect();
    format!("[\n{}\n]\n", all.join(",\n"))
}

#[test]
fn a_large_batch_is_read_element_by_element() {
    let bad = "{\"specversion\":\"1.0\",\"id\":\"1\",\n \"source\":\"/s\", \"type\":\"\"}";
    let text = large(bad);
    let ran = ce_with(&["validate", "--error-format", "json"], &text).ended(1);
    let valid: Vec<_> = ran.lines().iter().map(|line| line["valid"].as_bool().unwrap()).collect();
    assert_eq!(valid.iter().filter(|valid| **valid).count(), 10);
    let error = &ran.errors()[0];
    assert_eq!((&error["kind"], &error["index"]), (&"empty-attribute".into(), &9.into()));
    assert_eq!((&error["line"], &error["column"]), (&12.into(), &25.into()));
    let offset = text.find("\"\"}").unwrap() + 1;
    assert_eq!(error["offset"], offset);
}

#[test]
fn documents_after_a_large_batch() {
    let text = format!("{}[{GOOD}, {GOOD}] {GOOD}\n{{oops", large(GOOD));
    ce_with(&["convert", "--keep-going"], &text)
        .ended(1)
        .prints_lines(11 + 3)
        .says("--> standard input:15:2\n");
    ce_with(&["convert", "--keep-going"], &text[..text.find("]").unwrap()])
        .ended(1)
        .prints_lines(11)
        .says("the document ends before the array does");
}

#[test]
fn a_large_batch_is_written_in_parts() {
    let lines: String = (0..10_000)
        .map(|number| format!(r#"{{"specversion":"1.0","id":"{number}","source":"/s","type":"t"}}"#) + "\n")
        .collect();
    ce_with(&["convert", "--to", "json-batch"], &lines)
        .ended(0)
        .prints(&format!("[{}]\n", lines.trim_end().replace('\n', ",")));
    let old = r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#;
    let ran = ce_with(&["convert", "--to", "json-batch"], format!("{lines}{old}\n")).ended(1);
    assert!(ran.err.contains("--upgrade") && !ran.out.ends_with("]\n"), "{}", ran.err);
}
