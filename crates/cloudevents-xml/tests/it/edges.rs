//! Text is checked in steps of many bytes: special characters must be found at every position of a step.

use crate::oracle::agree;
use base64_simd::STANDARD;
use cloudevents_conformance::infoset;
use cloudevents_core::{Data, Error, ErrorKind, Event, Format, Payload};
use cloudevents_xml::Xml;

/// Further than any step reaches, the documents' beginnings included.
const PLACES: usize = 280;

/// Characters that exist in XML, and look like others that mean something.
const HARMLESS: &[&str] = &[
    "\t",
    "\n",
    "\"",
    "'",
    "]",
    "]]",
    ">>",
    "\u{7f}",
    "é",
    "€",
    "\u{f000}",
    "\u{fffd}",
    "ﾟ",
    "😀",
    "\u{10ffff}",
];

/// Characters that XML does not have.
const FOREIGN: &[&str] =
    &["\0", "\u{1}", "\u{8}", "\u{b}", "\u{c}", "\u{e}", "\u{1f}", "\u{fffe}", "\u{ffff}"];

/// A text with something at this place, and as much behind it as fills the steps.
fn with(special: &str, at: usize) -> String {
    ["x".repeat(at).as_str(), special, &"y".repeat(PLACES - at)].concat()
}

fn everywhere(specials: &[&str], mut check: impl FnMut(&str, usize, &str)) {
    for special in specials {
        for at in 0..=PLACES {
            check(&with(special, at), at, special);
        }
    }
}

/// A document with this payload as it stands, and where the payload begins.
fn document(kind: &str, payload: &str) -> (String, usize) {
    let head = format!(
        r#"<event xmlns="http://cloudevents.io/xmlformat/V1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" specversion="1.0"><id>1</id><source>/s</source><type>t</type><data xsi:type="xs:{kind}">"#
    );
    (format!("{head}{payload}</data></event>"), head.len())
}

fn decode(kind: &str, payload: &str) -> Result<Event, Error> {
    cloudevents_xml::decode(document(kind, payload).0)
}

/// An event that says the same as the document to the oracle.
fn read(document: String) -> Event {
    let event = cloudevents_xml::decode(document.clone()).unwrap();
    agree(&infoset::parse(&document).unwrap(), &event);
    event
}

fn write(text: &str) -> (String, bool) {
    let event = Event::builder().id("1").source("/s").ty("t").payload("text/plain", Payload::text(text));
    let mut document = Vec::new();
    let losses = Xml::new().encode(&event.build().unwrap(), &mut document).unwrap();
    (String::from_utf8(document).unwrap(), losses.is_empty())
}

fn text_of(event: &Event) -> &str {
    match event.data() {
        Some(Data::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_comes_back() {
    let escaped = ["<", ">", "&", "\r", "\r\n", "]]>", "<&>", "&&&&&&&&&&&&&&&&&"];
    everywhere(&[HARMLESS, &escaped].concat(), |text, at, special| {
        let (document, lossless) = write(text);
        assert!(lossless, "{special:?} at {at}");
        assert_eq!(text_of(&read(document)), text, "{special:?} at {at}");
    });
    everywhere(FOREIGN, |text, at, special| {
        let (document, lossless) = write(text);
        assert!(!lossless, "{special:?} at {at}");
        assert_eq!(read(document).data().unwrap().as_bytes(), text.as_bytes(), "{special:?} at {at}");
    });
}

#[test]
fn what_stands_in_text_is_read() {
    everywhere(&[HARMLESS, &[">"]].concat(), |text, at, special| {
        assert_eq!(text_of(&read(document("string", text).0)), text, "{special:?} at {at}");
    });
    for (written, meant) in [
        ("\r", "\n"),
        ("\r\n", "\n"),
        ("&lt;", "<"),
        ("&#13;", "\r"),
        ("&amp;]]", "&]]"),
        ("<!--]]>-->", ""),
        ("<![CDATA[&<\r]]>", "&<\n"),
        ("]<![CDATA[]]]]>>", "]]]>"),
        ("]&gt;", "]>"),
    ] {
        everywhere(&[written], |text, at, _| {
            assert_eq!(text_of(&read(document("string", text).0)), with(meant, at), "{written:?} at {at}");
        });
    }
}

#[test]
fn what_may_not_stand_in_text_is_refused_where_it_is() {
    let refused = [FOREIGN, &["]]>", "]]]>", "&", "&x;", "&#0;", "<", "</x>", "<!"]].concat();
    everywhere(&refused, |text, at, special| {
        let (document, start) = document("string", text);
        let error = cloudevents_xml::decode(document).unwrap_err();
        // A `<` begins a tag of which the name is followed by something else.
        let begin = start + at + usize::from(special == "]]]>");
        let offset = if special == "<" { None } else { Some(begin as u64) };
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{special:?} at {at}: {error}");
        assert!(offset.is_none() || error.offset() == offset, "{special:?} at {at}: {error}");
    });
    // What is in the payload counts for more than mistakes before it.
    everywhere(FOREIGN, |text, at, special| {
        let (document, start) = document("string", text);
        let error = cloudevents_xml::decode(document.replace("</type>", "</Type>")).unwrap_err();
        assert_eq!(error.offset(), Some((start + at) as u64), "{special:?}: {error}");
    });
}

#[test]
fn attributes_are_looked_at_alike() {
    for special in ["<", ">", "&", "]]>", "]", "é", "😀"] {
        for length in (0..20).chain([31, 32, 33, 63, 64, 65, 130]) {
            for at in 0..=length {
                let subject = ["x".repeat(at).as_str(), special, &"y".repeat(length - at)].concat();
                let event = Event::builder().id("1").source("/s").ty("t").subject(&subject).build().unwrap();
                let document = String::from_utf8(cloudevents_xml::encode_lossy(&event).unwrap()).unwrap();
                assert_eq!(cloudevents_xml::decode(document.clone()).unwrap(), event, "{subject}");
                let written = special.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                assert!(document.contains(&written), "{subject}");
            }
        }
    }
}

#[test]
fn base64_with_white_space_anywhere_and_nothing_else() {
    let bytes: Vec<u8> = (0..100).collect();
    let base64 = STANDARD.encode_to_string(&bytes);
    for at in 0..=base64.len() {
        let (before, after) = base64.split_at(at);
        for white in [" ", "\t", "\n", "\r\n", " \n "] {
            let event = read(document("base64Binary", &[before, white, after].concat()).0);
            assert_eq!(event.data().unwrap().as_bytes(), bytes, "{white:?} at {at}");
        }
        for bad in ["-", "\u{7f}", "é", "\u{a0}", " _", "=A"] {
            let error = decode("base64Binary", &[before, bad, after].concat()).unwrap_err();
            let start = document("base64Binary", "").1 as u64;
            assert_eq!(
                (error.kind(), error.offset()),
                (ErrorKind::InvalidBinary, Some(start)),
                "{bad:?} at {at}"
            );
        }
    }
}

/// Steps are combined, and overlap at the end: what one of them finds must not hide what another found.
#[test]
fn characters_that_do_not_exist_are_found_in_any_company() {
    for filler in ["A", " "] {
        for length in [1, 15, 16, 17, 32, 48, 255, 256, 272, 288] {
            for distance in [0, 16, 32, 256] {
                for at in (0..length).step_by(if length < 100 { 1 } else { 5 }) {
                    for foreign in ["\u{1}", "\u{ffff}"] {
                        let special = |place| place == at || place == at + distance;
                        let text: String =
                            (0..length).map(|place| if special(place) { foreign } else { filler }).collect();
                        assert!(!write(&text).1, "{foreign:?} at {at} and {distance} further, of {length}");
                    }
                }
            }
            assert!(write(&filler.repeat(length)).1);
        }
    }
}

#[test]
fn nothing_but_carriage_returns_is_escaped() {
    for length in [1, 15, 16, 17, 255, 256, 257, 300] {
        let text = "\r".repeat(length);
        assert_eq!(text_of(&read(write(&text).0)), text);
    }
}
