//! What other implementations write, and the repairs that read it.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Leniency, RepairKind};
use cloudevents_kafka::{Record, decode};

fn event() -> Record {
    let required = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    required.iter().fold(Record::default(), |record, (name, value)| {
        record.with_header(*name, Bytes::from_static(value.as_bytes()))
    })
}

fn json() -> Record {
    Record::new(Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#))
}

/// Spring and Camel. KAFKA-3.2.1-a.
#[test]
fn a_content_type_under_another_spelling_of_its_name() {
    let named = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::ContentTypeName));
    for name in ["Content-Type", "contentType"] {
        let record = event().with_header(name, Bytes::from("text/plain"));
        // Strictly, and with the repairs of invalid events, it is a header like others.
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            let decoded = decode(&record, &with).unwrap();
            assert_eq!((decoded.value.datacontenttype(), decoded.repairs().len()), (None, 0));
        }
        let decoded = decode(&record, &named).unwrap();
        assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/plain");
        assert_eq!(decoded.repairs()[0].kind(), RepairKind::ContentTypeName);
        let both = record.with_header("content-type", Bytes::from("text/xml"));
        let decoded = decode(&both, &named).unwrap();
        assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/xml");
        assert!(decoded.repairs().is_empty());

        let document = json().with_header(name, Bytes::from("application/cloudevents+json"));
        assert_eq!(
            decode(&document, &DecodeOptions::strict()).unwrap_err().kind(),
            ErrorKind::NotACloudEvent
        );
        let decoded = decode(&document, &named).unwrap();
        assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::ContentTypeName));
    }
}

/// Several spellings have to agree, also with `ce_datacontenttype`. KAFKA-3.2.1-a.
#[test]
fn content_types_under_several_names_agree_or_are_refused() {
    let header = |record: Record, name: &'static str, value: &'static str| {
        record.with_header(name, Bytes::from(value))
    };
    let named = Leniency::strict().with(RepairKind::ContentTypeName);
    let read = |record: &Record, leniency| decode(record, &DecodeOptions::strict().with_leniency(leniency));
    let kinds = |record: &Record, leniency| {
        let decoded = read(record, leniency).unwrap();
        let kinds: Vec<_> = decoded.repairs().iter().map(|repair| repair.kind()).collect();
        (decoded.value.datacontenttype().unwrap().to_string(), kinds)
    };
    let spelled = |first, second| header(header(event(), "Content-Type", first), "contentType", second);
    let same = spelled("text/plain", "text/plain");
    assert_eq!(kinds(&same, named), ("text/plain".into(), vec![RepairKind::ContentTypeName]));
    let different = spelled("text/plain", "text/xml");
    let error = read(&different, named).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::DuplicateAttribute, Some("datacontenttype")));
    let ignoring = named.with(RepairKind::IgnoredHeader);
    let both = vec![RepairKind::ContentTypeName, RepairKind::IgnoredHeader];
    assert_eq!(kinds(&different, ignoring), ("text/plain".into(), both));
    // The exact name of the attribute says what it is; another spelling of content-type does not stand in for it.
    let prefixed = header(header(event(), "ce_datacontenttype", "text/xml"), "contentType", "text/plain");
    assert_eq!(read(&prefixed, named).unwrap_err().kind(), ErrorKind::DuplicateAttribute);
    assert_eq!(kinds(&prefixed, ignoring), ("text/xml".into(), vec![RepairKind::IgnoredHeader]));
    let agreeing = header(header(event(), "ce_datacontenttype", "text/xml"), "contentType", "text/xml");
    assert_eq!(kinds(&agreeing, named), ("text/xml".into(), vec![]));
}
