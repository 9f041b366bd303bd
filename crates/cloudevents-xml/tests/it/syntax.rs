//! XML around and inside events: prologs, attributes with control characters, elements that are no events, namespaces of batches.

use cloudevents_core::{DecodeOptions, ErrorKind, Event, Format, FoundAttributes, ResolvedName};
use cloudevents_xml::Xml;

const CE: &str = "http://cloudevents.io/xmlformat/V1";

fn event(children: &str) -> String {
    format!(
        r#"<event xmlns="{CE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" specversion="1.0"><id>1</id><source>/s</source><type>t</type>{children}</event>"#
    )
}

fn decode(document: impl Into<bytes::Bytes>) -> Result<Event, cloudevents_core::Error> {
    cloudevents_xml::decode(document)
}

/// Attributes have no control characters (U+0000 to U+001F and U+007F to U+009F), wherever they stand. XML has some of them.
#[test]
fn control_characters_in_attributes() {
    let places = [("", ""), ("a", "b"), ("", "longer than a step"), ("longer than a step", ""), ("é", "]")];
    for (before, after) in places {
        for odd in ["\t", "\u{7f}", "\u{80}", "\u{85}", "\u{9f}", "é\t\u{7f}", "&#9;", "&#x7f;", "&#x85;"] {
            let document = event(&format!("<subject>{before}{odd}{after}</subject>"));
            let error = decode(document).unwrap_err();
            assert_eq!(
                (error.kind(), error.attribute()),
                (ErrorKind::InvalidString, Some("subject")),
                "{odd:?}"
            );
            assert_ne!(error.clause(), Some("XML-2-f"), "{odd:?}");
        }
        for end in ["\n", "\r", "\r\n", "&#10;", "&#13;", "\t\n"] {
            let document = event(&format!("<subject>{before}{end}{after}</subject>"));
            assert_eq!(decode(document).unwrap_err().clause(), Some("XML-2-f"), "{end:?}");
        }
        for fine in ["é", "]", "]]", ">", "\u{a0}", "~"] {
            let text = [before, fine, after].concat();
            let read = decode(event(&format!("<subject>{text}</subject>"))).unwrap();
            assert_eq!(read.subject(), Some(&*text));
        }
    }
}

/// XML 1.0, productions 22 to 32 and 80 to 81.
#[test]
fn what_may_come_before_an_event() {
    for prolog in [
        "",
        "\u{feff}",
        "<!-- c --> ",
        "<?xml-stylesheet href='a.xsl'?>",
        "<?p?><?p ?><?p data?>",
        "<?xml version='1.0'?>",
        "<?xml version=\"1.1\"?>\n<?xml-stylesheet href='a.xsl'?>",
        "\u{feff}<?xml version='1.0' encoding='UTF-8' standalone='yes'?>",
        "<?xml version='1.0' standalone='no'?>",
        "<?xml version='1.0' encoding='us-ascii' ?>",
    ] {
        assert!(decode([prolog, &event("")].concat()).is_ok(), "{prolog}");
    }
    let invalid = ErrorKind::InvalidDocument;
    for (prolog, kind) in [
        ("<?p=data?>", invalid),
        ("<??>", invalid),
        ("<?xml?>", invalid),
        ("<?xml encoding='UTF-8'?>", invalid),
        ("<?xml version='2.0'?>", invalid),
        ("<?xml version='1.'?>", invalid),
        ("<?xml version='1.0' encoding=''?>", invalid),
        ("<?xml version='1.0' encoding='8utf'?>", invalid),
        ("<?xml version='1.0' encoding='utf 8'?>", invalid),
        ("<?xml version='1.0' encoding='latin1'?>", ErrorKind::Unsupported),
        ("<?xml version='1.0' standalone='maybe'?>", invalid),
        ("<?xml version='1.0' standalone='yes' encoding='UTF-8'?>", invalid),
    ] {
        assert_eq!(decode([prolog, &event("")].concat()).unwrap_err().kind(), kind, "{prolog}");
    }
}

#[test]
fn what_is_around_an_event() {
    for (document, detail) in [
        (String::new(), "the document element is missing"),
        ("<?xml version='1.0'?> ".to_owned(), "the document element is missing"),
        (format!("x{}", event("")), "text before the document element"),
        (format!("{}<a/>", event("")), "a second element after the document element"),
        (format!("{}x", event("")), "text after the document element"),
        ("<?p".to_owned(), "the document ends too early"),
    ] {
        let error = decode(document.clone()).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidDocument, detail), "{document}");
    }
}

/// Namespaces in XML 1.0, section 6.3: no two attributes have the same local name and the same namespace.
#[test]
fn attributes_under_two_prefixes_of_one_namespace() {
    let decode = |attributes: &str| {
        decode(event(&format!(
            "<data xsi:type='xs:any'><a xmlns:p='urn:x' xmlns:q='urn:x' xmlns:r='urn:y' {attributes}/></data>"
        )))
    };
    for good in ["p:a='' q:b=''", "p:a='' r:a=''", "a='' p:a='' r:b=''"] {
        assert!(decode(good).is_ok(), "{good}");
    }
    for bad in ["p:a='' q:a=''", "p:a='' r:a='' q:a=''", "p:a='' p:a=''"] {
        assert_eq!(decode(bad).unwrap_err().kind(), ErrorKind::InvalidDocument, "{bad}");
    }
}

#[test]
fn references_in_values_of_attributes() {
    let decode = |value: &str| decode(event("").replace("<event ", &format!("<event a='{value}' ")));
    for good in ["", "&amp;", "x&#10;y", "&lt;&gt;"] {
        assert!(decode(good).is_ok(), "{good}");
    }
    for bad in ["&", "&;", "&undefined;", "x&#0;y", "&amp", "<"] {
        assert_eq!(decode(bad).unwrap_err().kind(), ErrorKind::InvalidDocument, "{bad}");
    }
}

#[test]
fn types_of_other_namespaces_are_no_types() {
    let read = |ty: &str| decode(event(&format!("<n xmlns:ce='{CE}' xsi:type='{ty}'>1</n>")));
    assert_eq!(read("ce:integer").unwrap().extension("n"), Some(cloudevents_core::Value::Integer(1)));
    for other in ["zz:integer", "xs:integer", "ce:int"] {
        assert_eq!(read(other).unwrap_err().kind(), ErrorKind::InvalidType, "{other}");
    }
}

/// Elements of other namespaces, and the payload, are no attributes.
#[test]
fn what_a_look_up_passes_over() {
    let document = event(
        "<data xsi:type='xs:string'>text</data><x:subject xmlns:x='urn:x'>other</x:subject><subject>s</subject>",
    );
    let strict = DecodeOptions::strict();
    let names = ResolvedName::all(["subject", "absent"]).unwrap();
    let mut calls = 0;
    let mut read = |found: FoundAttributes<'_>| {
        calls += 1;
        assert_eq!(found.get(0).and_then(|value| value.as_str()), Some("s"));
        assert_eq!(found.get(1), None);
    };
    Xml::new().look_up(&document.into(), &names, &strict, &mut read).unwrap();
    assert_eq!(calls, 1);
}

#[test]
fn a_tag_that_is_cut() {
    for cut in ["<event", "<event ", "<event a='b'", "<event a='b' "] {
        let error = decode(cut).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidDocument, Some(cut.len() as u64)));
        assert!(error.detail().contains("ends too early"), "{cut:?}: {error}");
    }
}

/// Section 1.2: the elements have one namespace.
#[test]
fn an_element_that_is_no_event() {
    for other in ["<a/>", "<event/>", "<event xmlns='urn:x'/>", "<e:event xmlns:e='urn:x'/>"] {
        assert_eq!(decode(other).unwrap_err().clause(), Some("XML-1.2-a"), "{other}");
    }
    assert_ne!(decode(format!("<a xmlns='{CE}'/>")).unwrap_err().clause(), Some("XML-1.2-a"));
}

/// Each payload gets the declarations it needs from the batch around it, as long as the document does not grow many times.
#[test]
fn declarations_around_a_batch_are_copied_within_bounds() {
    let batch = |length: usize, events: usize| {
        let uri = format!("urn:x:{}", "u".repeat(length));
        let one = event("<data xsi:type='xs:any'><p:a/></data>");
        let all = one.repeat(events);
        cloudevents_xml::decode_batch(format!("<batch xmlns='{CE}' xmlns:p='{uri}'>{all}</batch>"))
    };
    assert_eq!(batch(100, 200).unwrap().len(), 200);
    assert_eq!(batch(5_000, 3).unwrap().len(), 3);
    assert_eq!(batch(5_000, 200).unwrap_err().kind(), ErrorKind::TooLarge);
}
