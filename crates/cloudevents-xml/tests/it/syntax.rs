//! XML around and inside events: prologs, attributes with control characters, elements that are no events, namespaces of batches.

use cloudevents_core::{ErrorKind, Event};

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
