//! What other implementations write, and the repairs that read it.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Leniency, Peer, RepairKind};
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

/// KAFKA-3.2.1-a.
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

/// Its `contentType` is that of its own serializer, which is JSON for any event.
#[test]
fn what_spring_says_of_its_serializer_is_not_about_the_event() {
    let spring = DecodeOptions::strict().with_leniency(Peer::Spring4.leniency());
    let untyped = event().with_header("contentType", Bytes::from("application/json"));
    let typed = untyped.clone().with_header("ce_datacontenttype", Bytes::from("text/plain"));
    for record in [untyped, typed] {
        let strict = decode(&record, &DecodeOptions::strict()).unwrap();
        let read = decode(&record, &spring).unwrap();
        assert_eq!((read.value, read.repairs.len()), (strict.value, 0));
    }
}

/// Camel, older releases of Spring and of the Go SDK: headers as over HTTP, or as over AMQP.
#[test]
fn attributes_with_the_prefix_of_another_protocol() {
    for prefix in ["ce-", "cloudEvents:"] {
        let named = |names: &[(&str, &'static str)]| {
            let header = |record: Record, (name, value): &(&str, &'static str)| {
                record.with_header(format!("{prefix}{name}"), Bytes::from(*value))
            };
            names.iter().fold(Record::new(Bytes::from_static(b"{\"n\":1}")), header)
        };
        let required = [("specversion", "1.0"), ("id", "s3"), ("source", "/shop"), ("type", "order.placed")];
        let record = named(&required);
        let error = decode(&record, &DecodeOptions::strict()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        assert!(error.help().unwrap().contains("`foreign-prefix`"), "{error}");
        for peer in [Peer::Camel4, Peer::Go2, Peer::Spring4] {
            let with = DecodeOptions::strict().with_leniency(peer.leniency());
            for content_type in ["content-type", "Content-Type", "contentType"] {
                let record = record.clone().with_header(content_type, Bytes::from("application/json"));
                let decoded = decode(&record, &with).unwrap();
                assert_eq!((decoded.value.id(), decoded.value.source().as_str()), ("s3", "/shop"));
                assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "application/json");
                let kinds: Vec<_> = decoded.repairs().iter().map(|repair| repair.kind()).collect();
                assert_eq!(kinds, [RepairKind::ForeignPrefix], "{peer} {prefix} {content_type}");
            }
            // The attribute says what the payload is, whatever the serializer was.
            let typed = named(&[&required[..], &[("datacontenttype", "text/plain")]].concat());
            let typed = typed.with_header("contentType", Bytes::from("application/json"));
            let decoded = decode(&typed, &with).unwrap();
            assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/plain");
        }
        // What is marked as the binding has it is read so.
        let both = event().with_header(format!("{prefix}id"), Bytes::from("another"));
        let with = DecodeOptions::strict().with_leniency(Peer::Camel4.leniency());
        let decoded = decode(&both, &with).unwrap();
        assert_eq!((decoded.value.id(), decoded.repairs.len()), ("1", 0));
    }
}
