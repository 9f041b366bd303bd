//! Invalid input from a peer: always an error with a kind and a position, in bounded memory, and never a panic.

use bytes::Bytes;
use cloudevents_core::{Data, DecodeOptions, Error, ErrorKind, Event, Format};
use cloudevents_xml::Xml;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

const EVENT: &str = r#"<?xml version="1.0"?><event xmlns="http://cloudevents.io/xmlformat/V1" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:s="http://www.w3.org/2001/XMLSchema" specversion="1.0"><id>1</id><source>/s</source><type>t&amp;</type><n i:type="ce:integer">1</n><data i:type="s:any"><a b='1'>x<!--c--><![CDATA[<]]></a></data></event>"#;

fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    cloudevents_xml::decode(document)
}

/// A document with these children of the event.
fn event(children: &str) -> String {
    format!(
        r#"<event xmlns="http://cloudevents.io/xmlformat/V1" xmlns:ce="http://cloudevents.io/xmlformat/V1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" specversion="1.0"><id>1</id><source>/s</source><type>t</type>{children}</event>"#
    )
}

#[test]
fn truncated_at_every_byte() {
    for end in 0..EVENT.len() {
        let error = decode(&EVENT.as_bytes()[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{end}: {error}");
        assert!(error.offset().is_some_and(|offset| offset <= end as u64), "{end}: {error}");
    }
    assert!(decode(EVENT).is_ok());
}

#[test]
fn every_bit_flipped() {
    let mut document = EVENT.as_bytes().to_vec();
    for at in 0..document.len() {
        for bit in 0..8 {
            document[at] ^= 1 << bit;
            // Some of these are events, others are not; none may panic, and an event that comes out can be written again.
            if let Ok(event) = decode(document.clone()) {
                let again = decode(cloudevents_xml::encode_lossy(&event).unwrap()).unwrap();
                assert_eq!(decode(cloudevents_xml::encode_lossy(&again).unwrap()).unwrap(), again);
            }
            let _ = Xml::new().decode(document.clone().into(), &DecodeOptions::lenient());
            document[at] ^= 1 << bit;
        }
    }
}

#[test]
fn what_is_wrong_and_where() {
    let at = |document: &str, place: &str| document.find(place).map(|at| at as u64);
    for (children, kind, place) in [
        ("x", ErrorKind::InvalidDocument, "x</event>"),
        ("<!DOCTYPE a>", ErrorKind::InvalidDocument, "<!DOCTYPE"),
        ("<e xsi:type='ce:string'>&e;</e>", ErrorKind::InvalidDocument, "&e;"),
        ("<e xsi:type='ce:string'>&#0;</e>", ErrorKind::InvalidDocument, "&#0;"),
        ("<e xsi:type='ce:string'>&#x110000;</e>", ErrorKind::InvalidDocument, "&#x11"),
        ("<e xsi:type='ce:string'>&lt</e>", ErrorKind::InvalidDocument, "&lt"),
        ("<e xsi:type='ce:string'>]]></e>", ErrorKind::InvalidDocument, "]]>"),
        ("<e xsi:type='ce:string'><b/></e>", ErrorKind::InvalidDocument, "<b/>"),
        (
            "<e xsi:type='ce:string' xsi:type='ce:string'>x</e>",
            ErrorKind::InvalidDocument,
            "xsi:type='ce:string'>x",
        ),
        ("<e xmlns:a='u' xmlns:b='&#117;' a:x='' b:x=''/>", ErrorKind::InvalidDocument, "b:x="),
        ("<e xmlns:a='u' xmlns:a='v'/>", ErrorKind::InvalidDocument, "xmlns:a='v'"),
        ("<e xmlns:a=''/>", ErrorKind::InvalidDocument, "xmlns:a="),
        ("<e xmlns:xmlns='u'/>", ErrorKind::InvalidDocument, "xmlns:xmlns"),
        ("<e xmlns:xml='u'/>", ErrorKind::InvalidDocument, "xmlns:xml="),
        ("<p:e/>", ErrorKind::InvalidDocument, "p:e"),
        ("<a:b:c/>", ErrorKind::InvalidDocument, "a:b:c"),
        ("<1a/>", ErrorKind::InvalidDocument, "1a"),
        ("<e a='<'/>", ErrorKind::InvalidDocument, "<'/>"),
        ("<e a=1/>", ErrorKind::InvalidDocument, "1/>"),
        ("<e a='1'b='2'/>", ErrorKind::InvalidDocument, "b='2'"),
        ("<e></f>", ErrorKind::InvalidDocument, "</f>"),
        ("<!-- a -- b -->", ErrorKind::InvalidDocument, " b -->"),
        ("<?xml version='1.0'?>", ErrorKind::InvalidDocument, "<?xml version='1.0'?></event>"),
        ("<e xsi:type='ce:string'>\u{1}</e>", ErrorKind::InvalidDocument, "\u{1}"),
        ("<e xsi:type='ce:string'>\u{fffe}</e>", ErrorKind::InvalidDocument, "\u{fffe}"),
        ("<e>x</e>", ErrorKind::InvalidType, "<e>"),
        ("<e xsi:type='ce:text'>x</e>", ErrorKind::InvalidType, "ce:text"),
        ("<e xsi:type='xs:string'>x</e>", ErrorKind::InvalidType, "xs:string'"),
        ("<e xsi:type='ce:integer'> 1</e>", ErrorKind::InvalidInteger, " 1</e>"),
        ("<e xsi:type='ce:boolean'>TRUE</e>", ErrorKind::InvalidBoolean, "TRUE"),
        ("<e xsi:type='ce:binary'>AA==\n</e>", ErrorKind::InvalidString, "AA=="),
        ("<e xsi:type='ce:string'>a\nb</e>", ErrorKind::InvalidString, "a\nb"),
        ("<e xsi:type='ce:string'>a&#10;b</e>", ErrorKind::InvalidString, "a&#10;b"),
        (
            "<e xsi:type='ce:string'>1</e><e xsi:type='ce:string'>2</e>",
            ErrorKind::DuplicateAttribute,
            "e xsi:type='ce:string'>2",
        ),
        ("<time>2026-02-01T10:00:00</time>", ErrorKind::InvalidTimestamp, "2026"),
        ("<time xsi:type='ce:string'>2026-02-01T10:00:00Z</time>", ErrorKind::InvalidType, "<time"),
        ("<subject></subject>", ErrorKind::EmptyAttribute, "</subject>"),
        ("<specversion>1.0</specversion>", ErrorKind::InvalidDocument, "<specversion"),
        ("<B xsi:type='ce:string'>1</B>", ErrorKind::InvalidName, "B xsi"),
        ("<data>x</data>", ErrorKind::InvalidType, "<data"),
        ("<data xsi:type='ce:string'>x</data>", ErrorKind::InvalidType, "ce:string'"),
        ("<data xsi:type='xs:base64Binary'>A</data>", ErrorKind::InvalidBinary, "A</data>"),
        ("<data xsi:type='xs:string'><a/></data>", ErrorKind::InvalidDocument, "<a/>"),
        ("<data xsi:type='xs:any'></data>", ErrorKind::InvalidDocument, "</data>"),
        ("<data xsi:type='xs:any'><a/><b/></data>", ErrorKind::InvalidDocument, "<b/>"),
        ("<data xsi:type='xs:any'> x<a/></data>", ErrorKind::InvalidDocument, "x<a/>"),
        ("<data xsi:type='xs:any'><a/> &#120;</data>", ErrorKind::InvalidDocument, "&#120;"),
        (
            "<data xsi:type='xs:string'/><data xsi:type='xs:string'/>",
            ErrorKind::DuplicateAttribute,
            "<data xsi:type='xs:string'/></",
        ),
        ("<x xmlns='u'><y></x></x>", ErrorKind::InvalidDocument, "</x></x>"),
    ] {
        let document = event(children);
        let error = decode(document.clone()).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (kind, at(&document, place)), "{children}: {error}");
    }
    let whole = event("");
    for (document, kind) in [
        (String::new(), ErrorKind::InvalidDocument),
        (format!("{whole}{whole}"), ErrorKind::InvalidDocument),
        (format!("{whole}x"), ErrorKind::InvalidDocument),
        (format!("x{whole}"), ErrorKind::InvalidDocument),
        (format!(" <?xml version='1.0'?>{whole}"), ErrorKind::InvalidDocument),
        (format!("<?xml version='2.0'?>{whole}"), ErrorKind::InvalidDocument),
        (format!("<?xml encoding='UTF-8'?>{whole}"), ErrorKind::InvalidDocument),
        (format!("<?xml version='1.0' encoding='ISO-8859-1'?>{whole}"), ErrorKind::Unsupported),
        (whole.replace("xmlns=\"http://cloudevents.io/xmlformat/V1\"", ""), ErrorKind::InvalidDocument),
        (whole.replace("xmlformat/V1", "xmlformat/V2"), ErrorKind::InvalidDocument),
        (whole.replace("specversion=\"1.0\"", ""), ErrorKind::MissingAttribute),
        (whole.replace("specversion=\"1.0\"", "specversion=\"2.0\""), ErrorKind::UnsupportedSpecversion),
        (whole.replace("specversion=\"1.0\"", "specversion=\"0.3\""), ErrorKind::UnsupportedSpecversion),
        (whole.replace("<id>1</id>", ""), ErrorKind::MissingAttribute),
        (whole.replace("<event", "<batch").replace("</event", "</batch"), ErrorKind::Batched),
        (whole.replace("<event", "<thing").replace("</event", "</thing"), ErrorKind::InvalidDocument),
        (
            "<event xmlns='http://cloudevents.io/xmlformat/V1' specversion='1.0'/>".into(),
            ErrorKind::MissingAttribute,
        ),
    ] {
        let error = decode(document.clone()).unwrap_err();
        assert_eq!(error.kind(), kind, "{document}: {error}");
    }
    assert_eq!(decode(&b"<a>\xff"[..]).unwrap_err().offset(), Some(3));
    assert_eq!(cloudevents_xml::decode_batch(whole).unwrap_err().clause(), Some("XML-5-c"));
}

#[test]
fn line_breaks_in_attributes_are_told_as_such() {
    for text in ["a\nb", "a\rb", "a\r\nb", "a&#10;b", "a&#13;b", "<![CDATA[a\nb]]>", "&lt;\r"] {
        let error = decode(event(&format!("<subject>{text}</subject>"))).unwrap_err();
        assert_eq!((error.clause(), error.attribute()), (Some("XML-2-f"), Some("subject")), "{text:?}");
    }
}

#[test]
fn a_billion_laughs_are_not_heard() {
    let mut entities = String::from("<!ENTITY a0 \"lol\">");
    for n in 1..10 {
        entities += &format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
    }
    let document = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE event [{entities}]>{}",
        event("<e xsi:type='ce:string'>&a9;</e>")
    );
    let error = decode(document).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidDocument, Some(21)));
    let external = format!(
        "<!DOCTYPE event [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>{}",
        event("<e xsi:type='ce:string'>&f;</e>")
    );
    assert_eq!(decode(external).unwrap_err().kind(), ErrorKind::InvalidDocument);
}

#[test]
fn nesting_beyond_the_limit() {
    let nested = |depth: usize| {
        event(&format!("<data xsi:type='xs:any'>{}{}</data>", "<a>".repeat(depth), "</a>".repeat(depth)))
    };
    assert!(decode(nested(125)).is_ok());
    for depth in [126, 100_000] {
        assert_eq!(decode(nested(depth)).unwrap_err().kind(), ErrorKind::TooDeep);
    }
    let foreign = event(&format!("<x xmlns='u'>{}", "<a>".repeat(100_000)));
    assert_eq!(decode(foreign).unwrap_err().kind(), ErrorKind::TooDeep);
    let batch =
        format!("<batch xmlns='http://cloudevents.io/xmlformat/V1'>{}{}</batch>", nested(125), nested(2));
    assert_eq!(cloudevents_xml::decode_batch(batch.clone()).unwrap_err().kind(), ErrorKind::TooDeep);
    let items = Xml::new().decode_items(batch.into(), &DecodeOptions::strict()).unwrap();
    assert_eq!(items[0].event.as_ref().unwrap_err().kind(), ErrorKind::TooDeep);
    assert!(items[1].event.is_ok());
}

#[test]
fn too_many_and_too_large() {
    let many: String = (0..100_000).map(|n| format!("<x{n} xsi:type='ce:integer'>{n}</x{n}>")).collect();
    assert_eq!(decode(event(&many)).unwrap_err().kind(), ErrorKind::TooMany);
    let many: String = (0..100_000).map(|n| format!(" x{n}=''")).collect();
    assert_eq!(decode(event(&format!("<a xmlns='u'{many}/>"))).unwrap_err().kind(), ErrorKind::TooMany);
    let many: String = (0..100_000).map(|n| format!(" xmlns:x{n}='u'")).collect();
    assert_eq!(decode(event(&format!("<a xmlns='u'{many}/>"))).unwrap_err().kind(), ErrorKind::TooMany);
    let error = decode(event(&format!("<subject>{}</subject>", "x".repeat(70_000)))).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("subject")));
    let mut with = DecodeOptions::strict();
    with.limits.bytes = 10;
    assert_eq!(
        Xml::new().decode(Bytes::from_static(EVENT.as_bytes()), &with).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    with = DecodeOptions::strict();
    with.limits.batch = 2;
    let batch = format!("<batch xmlns='http://cloudevents.io/xmlformat/V1'>{}</batch>", event("").repeat(3));
    let error = Xml::new().decode_batch(batch.into(), &with).unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::TooMany, Some(2)));
}

#[test]
fn one_bad_event_does_not_cost_the_others() {
    let bad = "<event specversion='1.0'><id>1</id></event>";
    let batch = format!(
        "<batch xmlns='http://cloudevents.io/xmlformat/V1'>{}<!-- c --> {bad} <f xmlns=''><event/></f>{}<event/></batch>",
        event(""),
        event("")
    );
    let items = Xml::new().decode_items(batch.clone().into(), &DecodeOptions::strict()).unwrap();
    assert_eq!(items.iter().map(|item| item.event.is_ok()).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(items[1].raw.as_ref(), bad.as_bytes());
    assert_eq!(items[1].event.as_ref().unwrap_err().index(), Some(1));
    assert_eq!(cloudevents_xml::decode_batch(batch.clone()).unwrap_err().index(), Some(1));
    assert!(Xml::new().decode_items(batch.replace("</batch>", "").into(), &DecodeOptions::strict()).is_err());
    assert!(
        Xml::new()
            .decode_items(batch.replace("</batch>", "<id>1</id></batch>").into(), &DecodeOptions::strict())
            .is_err()
    );
}

/// Which event of a batch was repaired, also where events are read one by one.
#[test]
fn repairs_of_a_batch_have_the_index_of_their_event() {
    let batch = format!(
        "<batch xmlns='http://cloudevents.io/xmlformat/V1'>{}{}</batch>",
        event(""),
        event("<time>now</time>")
    );
    let whole = Xml::new().decode_batch(batch.clone().into(), &DecodeOptions::lenient()).unwrap();
    let items = Xml::new().decode_items(batch.into(), &DecodeOptions::lenient()).unwrap();
    for repairs in [whole.repairs(), items[1].event.as_ref().unwrap().repairs()] {
        assert_eq!(repairs.iter().map(|repair| repair.index()).collect::<Vec<_>>(), [Some(1)]);
    }
}

#[test]
fn lenient_decoding_leaves_out_and_tells() {
    let document = event(
        "<My-Ext xsi:type='ce:string'>x</My-Ext><Upper xsi:type='ce:string'>x</Upper><Subject>s</Subject><e>x</e><n xsi:type='ce:integer'>1.5</n><time>now</time>",
    );
    assert!(decode(document.clone()).is_err());
    let decoded = Xml::new().decode(document.into(), &DecodeOptions::lenient()).unwrap();
    let names: Vec<_> = decoded.value.attributes().map(|(name, _)| name.as_str().to_owned()).collect();
    assert_eq!(names, ["id", "source", "type", "subject", "upper"]);
    let repairs: Vec<_> =
        decoded.repairs.iter().map(|repair| (repair.kind().code(), repair.attribute().unwrap())).collect();
    assert_eq!(
        repairs,
        [
            ("dropped-name", "My-Ext"),
            ("lower-cased-name", "upper"),
            ("lower-cased-name", "subject"),
            ("dropped-attribute", "e"),
            ("dropped-attribute", "n"),
            ("dropped-attribute", "time"),
        ]
    );
}

#[test]
fn memory_is_bounded_by_the_document() {
    let declarations: String = (0..200).map(|n| format!(" xmlns:p{n}='urn:{}'", "x".repeat(200))).collect();
    let small = "<event specversion='1.0'><id>1</id><source>a</source><type>t</type><data xsi:type='xs:any'><a/></data></event>";
    let head = "xmlns='http://cloudevents.io/xmlformat/V1' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns:xs='http://www.w3.org/2001/XMLSchema'";
    let documents = [
        format!("<batch {head}{declarations}>{}</batch>", small.repeat(5000)),
        format!("<batch {head}>{}</batch>", small.repeat(5000)),
        format!("<batch {head}>{}", "<event>".repeat(100_000)),
        event(&"<x/>".repeat(100_000)),
        event(&format!("<data xsi:type='xs:string'>{}</data>", "&#9;".repeat(100_000))),
        event(&format!("<data xsi:type='xs:string'>{}</data>", "<!---->a".repeat(50_000))),
        event(&format!("<data xsi:type='xs:base64Binary'>{}</data>", "A A A A ".repeat(50_000))),
        event(&format!("<data xsi:type='xs:any'>{}</data>", "<a>".repeat(200_000))),
        event(&format!("<e xsi:type='ce:string'>{}</e>", "&amp;".repeat(13_000))),
        event(&format!("<e xsi:type='{}'/>", "&amp;".repeat(100_000))),
        "<a ".repeat(100_000),
        "<!--".repeat(100_000),
    ];
    let mut raised = DecodeOptions::lenient();
    raised.limits.depth = u32::MAX;
    raised.limits.attributes = 100_000;
    for (index, document) in documents.into_iter().enumerate() {
        let length = document.len();
        let document = Bytes::from(document);
        for with in [&DecodeOptions::strict(), &DecodeOptions::lenient(), &raised] {
            let of = |work: &dyn Fn()| {
                let before = HELD.with(Cell::get).0;
                HELD.with(|held| held.set((before, before)));
                work();
                HELD.with(Cell::get).1 - before
            };
            // An item is an error or an event with its part of the document, whatever the length of that, and there may be
            // as many as the limit says.
            let items = of(&|| drop(Xml::new().decode_items(document.clone(), with)));
            let most = 8 * length as isize + (64 << 10);
            assert!(items <= most + 10_000 * 1024, "document {index} of {length} bytes took {items}");
            for peak in [
                of(&|| drop(Xml::new().decode(document.clone(), with))),
                of(&|| drop(Xml::new().decode_batch(document.clone(), with))),
                of(&|| drop(Xml::new().peek(&document, "absent", with))),
            ] {
                assert!(peak <= most, "document {index} of {length} bytes took {peak}");
            }
        }
    }
}

#[test]
fn a_plain_event_takes_no_allocation() {
    let document = Bytes::from(cloudevents_xml::encode_lossy(&decode(event("<subject>s</subject><e xsi:type='ce:string'>x</e><datacontenttype>application/json</datacontenttype><data xsi:type='xs:string'>{\"a\":[1]}</data>")).unwrap()).unwrap());
    // The reference count of the document is an allocation of `bytes`.
    let document = document.clone();
    let before = COUNT.with(Cell::get);
    let event = decode(document.clone()).unwrap();
    assert_eq!(COUNT.with(Cell::get) - before, 0);
    assert!(matches!(event.data(), Some(Data::Json(_))));
    let before = COUNT.with(Cell::get);
    let written = cloudevents_xml::encode_lossy(&event).unwrap();
    assert_eq!(COUNT.with(Cell::get) - before, 1);
    assert_eq!(written, document);
}

/// Counts what each thread holds.
struct Counting;

thread_local! {
    /// What is held, and the most that was.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let _ = HELD.try_with(|held| {
        let (now, peak) = held.get();
        held.set((now + change, peak.max(now + change)));
    });
    if change > 0 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    }
}

// SAFETY: everything is passed on to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
