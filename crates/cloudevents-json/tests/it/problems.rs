//! Every problem of a document: the list agrees with what decoding refuses.

use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_json::{decode, problems};

fn found(document: &str) -> Vec<(ErrorKind, Option<String>, usize)> {
    let place = |error: &Error| usize::try_from(error.offset().unwrap()).unwrap();
    let with = DecodeOptions::strict();
    let all = problems(document.to_owned(), &with);
    all.iter().map(|error| (error.kind(), error.attribute().map(str::to_owned), place(error))).collect()
}

#[test]
fn seven_mistakes_are_seven_problems() {
    let document = r#"{"specversion":"2.0","id":7,"source":"a b","time":"2026-02-30T00:00:00Z","Upper":"x","list":[1,{}],"data":1,"data_base64":"AA=="}"#;
    let at = |text: &str| document.find(text).unwrap();
    let named = |name: &str| Some(name.to_owned());
    let wanted = [
        (ErrorKind::UnsupportedSpecversion, named("specversion"), at("2.0")),
        (ErrorKind::InvalidType, named("id"), at("7")),
        (ErrorKind::InvalidUriReference, named("source"), at("a b")),
        (ErrorKind::InvalidTimestamp, named("time"), at("2026")),
        (ErrorKind::InvalidName, named("Upper"), at("Upper")),
        (ErrorKind::InvalidType, named("list"), at("[1")),
        (ErrorKind::MissingAttribute, named("type"), document.len() - 1),
        (ErrorKind::ConflictingData, None, at("\"AA==\"")),
    ];
    assert_eq!(found(document), wanted);
}

#[test]
fn broken_text_ends_the_list() {
    let document = r#"{"id":"","time":"x","a":[1,}],"Upper":1}"#;
    let kinds: Vec<_> = found(document).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [ErrorKind::EmptyAttribute, ErrorKind::InvalidTimestamp, ErrorKind::InvalidDocument]);
}

#[test]
fn a_member_can_have_a_problem_in_front_of_broken_text() {
    for document in [r#"{"data_base64":[tru"#, &format!("{{\"x\":{}tru", "[".repeat(300))] {
        let kinds: Vec<_> = found(document).into_iter().map(|(kind, ..)| kind).collect();
        assert!(matches!(
            kinds[..],
            [ErrorKind::InvalidType | ErrorKind::TooDeep, ErrorKind::InvalidDocument]
        ));
    }
}

#[test]
fn a_mark_and_a_tail_are_problems_of_their_own() {
    let document = "\u{feff}{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"t\"} x";
    let kinds: Vec<_> = found(document).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [ErrorKind::InvalidDocument, ErrorKind::EmptyAttribute, ErrorKind::InvalidDocument]);
}

#[test]
fn the_number_of_problems_is_bounded() {
    let members: Vec<String> = (0..10_000).map(|number| format!("\"A{number}\":1")).collect();
    let mut with = DecodeOptions::strict();
    with.limits.attributes = 50;
    assert_eq!(problems(format!("{{{}}}", members.join(",")), &with).len(), 50);
}

#[test]
fn repaired_mistakes_are_no_problems() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"x","Upper":"y"}"#;
    assert_eq!(problems(document, &DecodeOptions::lenient()).len(), 0);
    assert_eq!(problems(document, &DecodeOptions::strict()).len(), 2);
}

/// What decoding refuses has problems, with its error among them; what it accepts has none.
fn agrees(document: &[u8]) {
    let all = problems(document.to_vec(), &DecodeOptions::strict());
    match decode(document.to_vec()) {
        Ok(_) => assert!(all.is_empty(), "{all:?} in {}", String::from_utf8_lossy(document)),
        Err(error) => {
            let same = |problem: &Error| {
                (problem.kind(), problem.attribute(), problem.offset())
                    == (error.kind(), error.attribute(), error.offset())
            };
            assert!(
                all.iter().any(same),
                "{error} is not among {all:?} in {}",
                String::from_utf8_lossy(document)
            );
        }
    }
}

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","dataschema":"http://x","n":1,"b":true,"s":"caf\u00e9","time":"2018-04-05T17:31:00Z","data":{"a":[1,"x"]}}"#;

#[test]
fn agrees_with_decoding_for_every_cut_and_every_bit() {
    let mut document = EVENT.as_bytes().to_vec();
    agrees(&document);
    for at in 0..document.len() {
        agrees(&document[..at]);
        for bit in 0..8 {
            document[at] ^= 1 << bit;
            agrees(&document);
            document[at] ^= 1 << bit;
        }
    }
}

#[test]
fn agrees_with_decoding_for_every_swap_of_members() {
    let members = [
        r#""specversion":"1.0""#,
        r#""specversion":"0.3""#,
        r#""specversion":null"#,
        r#""id":"1""#,
        r#""id":null"#,
        r#""source":"/s""#,
        r#""type":"t""#,
        r#""type":true"#,
        r#""dataschema":"/relative""#,
        r#""dataschema":7"#,
        r#""datacontenttype":"text/plain""#,
        r#""datacontenttype":";""#,
        r#""datacontentencoding":"base64""#,
        r#""data":1"#,
        r#""data":"x""#,
        r#""data_base64":"?""#,
        r#""data_base64":"AA==""#,
        r#""X":1"#,
        r#""x":1.5"#,
        r#""x":"\ud800""#,
    ];
    // Every set of three, beside the attributes that are required, and without them.
    for (first, a) in members.iter().enumerate() {
        for (second, b) in members.iter().enumerate().skip(first) {
            for c in members.iter().skip(second) {
                agrees(format!("{{{a},{b},{c}}}").as_bytes());
                agrees(
                    format!(r#"{{{a},"specversion":"1.0",{b},"id":"1","source":"/s","type":"t",{c}}}"#)
                        .as_bytes(),
                );
            }
        }
    }
}

/// What is there, and what helps.
#[test]
fn an_unknown_content_encoding_is_shown() {
    let document = |encoding: &str| {
        format!(
            r#"{{"specversion":"0.3","id":"1","source":"/s","type":"t","datacontentencoding":{encoding},"data":"x"}}"#
        )
    };
    let error = cloudevents_json::decode(document("\"gzip\"")).unwrap_err();
    assert_eq!(error.attribute(), Some("datacontentencoding"));
    assert_eq!(error.detail(), "`gzip`; base64 is the only content encoding that is supported");
    assert!(error.help().is_some());
    let error = cloudevents_json::decode(document("3")).unwrap_err();
    assert_eq!(error.detail(), "text is expected, and this is of the type Integer");
}
