//! What other implementations write, and the repairs that read it.

use bytes::Bytes;
use cloudevents_core::{Data, DecodeOptions, ErrorKind, Event, Leniency, Peer, Repair, RepairKind, Value};
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
        // Beside attributes, it marks no document.
        let marked = event().with_header(name, Bytes::from("application/cloudevents+json"));
        let strict = decode(&marked, &DecodeOptions::strict()).unwrap();
        assert_eq!(decode(&marked, &named).unwrap().value, strict.value);
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

/// Headers as in <https://github.com/spring-cloud/spring-cloud-function/issues/1089>: the content type is that of the serializer.
#[test]
fn spring_names_the_content_type_by_the_header_of_its_serializer() {
    let spring = DecodeOptions::strict().with_leniency(Peer::Spring4.leniency());
    let headers =
        [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "\"/my/source\""), ("ce_type", "t")];
    let record =
        headers.iter().fold(Record::new(Bytes::from_static(b"{\"n\":1.50}")), |record, (name, value)| {
            record.with_header(*name, Bytes::from_static(value.as_bytes()))
        });
    for content_type in ["application/json", "\"application/json\""] {
        let record = record.clone().with_header("contentType", Bytes::from(content_type));
        let read = decode(&record, &spring).unwrap();
        assert_eq!(read.value.datacontenttype().unwrap().as_str(), "application/json");
        assert!(matches!(read.value.data(), Some(Data::Json(json)) if json.as_str() == "{\"n\":1.50}"));
        let kinds: Vec<_> = read.repairs().iter().map(|repair| repair.kind()).collect();
        assert!(kinds.contains(&RepairKind::ContentTypeName) && kinds.contains(&RepairKind::QuotedText));
        assert_eq!(kinds.len(), 2);
        // The attribute says what the payload is, whatever the serializer was.
        let typed = record.with_header("ce_datacontenttype", Bytes::from("text/plain"));
        let read = decode(&typed, &spring).unwrap();
        assert_eq!(read.value.datacontenttype().unwrap().as_str(), "text/plain");
    }
}

/// Camel, older releases of Spring and of the Go SDK: headers as over HTTP, or as over AMQP.
#[test]
fn attributes_with_the_prefix_of_another_protocol() {
    for prefix in ["ce-", "cloudEvents:", "cloudEvents_"] {
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

fn kinds(record: &Record, leniency: Leniency) -> (Event, Vec<(RepairKind, String)>) {
    let decoded = decode(record, &DecodeOptions::strict().with_leniency(leniency)).unwrap();
    let kind = |repair: &Repair| (repair.kind(), repair.attribute().unwrap_or_default().to_owned());
    let kinds = decoded.repairs().iter().map(kind).collect();
    (decoded.value, kinds)
}

/// Spring's mapper of headers writes a value of another type than String as JSON.
#[test]
fn values_in_quotation_marks() {
    let named = [
        ("ce_specversion", "1.0"),
        ("ce_id", "\"1\""),
        ("ce_source", "\"/shop\""),
        ("ce_type", "t"),
        ("ce_dataschema", "\"urn:x\""),
        ("ce_time", "\"2024-11-28T09:00:00.123456Z\""),
        ("ce_other", "\"x\""),
    ];
    let header = |record: Record, (name, value): &(&'static str, &'static str)| {
        record.with_header(*name, Bytes::from(*value))
    };
    let record = named.iter().fold(Record::default(), header);
    let error = decode(&record, &DecodeOptions::strict()).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidUriReference, Some("source")));
    for leniency in [Peer::Spring4.leniency(), Leniency::all()] {
        let (event, repairs) = kinds(&record, leniency);
        assert_eq!((event.id(), event.source().as_str()), ("\"1\"", "/shop"));
        assert_eq!(event.dataschema().unwrap().as_str(), "urn:x");
        assert_eq!(event.time().unwrap().as_str(), "2024-11-28T09:00:00.123456Z");
        assert_eq!(event.extension("other").unwrap().to_string(), "\"x\"");
        let names = ["source", "time", "dataschema"];
        assert_eq!(repairs, names.map(|name| (RepairKind::QuotedText, name.to_owned())));
    }
}

/// The constructors of AMQP 1.0, section 1.6, as Event Hubs passes properties to consumers of Kafka. KAFKA-3.2.3-b.
#[test]
fn amqp_encoded_values() {
    let named: [(&str, &[u8]); 10] = [
        ("ce_specversion", b"\xa1\x031.0"),
        ("ce_id", b"\xa1\x03eh1"),
        ("ce_source", b"\xb1\x00\x00\x00\x03/eh"),
        ("ce_type", b"\xa3\x07reading"),
        ("ce_time", b"\x83\x00\x00\x01\x62\x96\xdc\x90\x98"),
        ("ce_small", b"\x55\xfd"),
        ("ce_long", b"\x81\x00\x00\x00\x00\x00\x00\x01\x00"),
        ("ce_flag", b"\x41"),
        ("ce_none", b"\x40"),
        ("ce_plain", b"as it is"),
    ];
    let header = |record: Record, (name, value): &(&'static str, &'static [u8])| {
        record.with_header(*name, Bytes::from_static(value))
    };
    let record = named.iter().fold(Record::new(Bytes::from_static(b"{}")), header);
    let error = decode(&record, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUtf8);
    assert!(error.help().unwrap().contains("`amqp-encoded`"), "{error}");
    for content_type in [&b"application/json"[..], b"\xa1\x10application/json"] {
        let record = record.clone().with_header("content-type", Bytes::from_static(content_type));
        let (event, repairs) = kinds(&record, Peer::EventHubs.leniency());
        assert_eq!((event.id(), event.source().as_str(), event.ty()), ("eh1", "/eh", "reading"));
        assert_eq!(event.datacontenttype().unwrap().as_str(), "application/json");
        assert_eq!(event.time().unwrap().as_str(), "2018-04-05T17:31:00.120Z");
        assert_eq!(event.extension("small"), Some(Value::Integer(-3)));
        assert_eq!(event.extension("long"), Some(Value::Integer(256)));
        assert_eq!(event.extension("flag"), Some(Value::Boolean(true)));
        assert_eq!(event.extension("plain"), Some(Value::String("as it is")));
        assert_eq!(event.extensions().len(), 4);
        let is_typed = content_type.starts_with(b"\xa1");
        assert_eq!(repairs.len(), 9 + usize::from(is_typed), "{repairs:?}");
        assert!(repairs.iter().all(|(kind, _)| *kind == RepairKind::AmqpEncoded));
    }
    // A document under an encoded content type.
    let document =
        json().with_header("content-type", Bytes::from_static(b"\xa1\x1capplication/cloudevents+json"));
    assert_eq!(decode(&document, &DecodeOptions::strict()).unwrap_err().kind(), ErrorKind::NotACloudEvent);
    let (_, repairs) = kinds(&document, Peer::EventHubs.leniency());
    assert_eq!(repairs, [(RepairKind::AmqpEncoded, "datacontenttype".to_owned())]);
    // Without an encoded version, a value is text, also one that could be encoded.
    let text = event().with_header("ce_other", Bytes::from_static(b"A"));
    let (event, repairs) = kinds(&text, Peer::EventHubs.leniency());
    assert_eq!((event.extension("other"), repairs), (Some(Value::String("A")), vec![]));
}

/// A value that no attribute can have stays a mistake.
#[test]
fn amqp_encoded_values_of_no_attribute() {
    let encoded = [
        ("ce_specversion", &b"\xa1\x031.0"[..]),
        ("ce_id", b"\xa1\x011"),
        ("ce_source", b"\xa1\x02/s"),
        ("ce_type", b"\xa1\x01t"),
    ];
    let header = |record: Record, (name, value): &(&'static str, &'static [u8])| {
        record.with_header(*name, Bytes::from_static(value))
    };
    let record = encoded.iter().fold(Record::default(), header);
    let with = DecodeOptions::strict().with_leniency(Peer::EventHubs.leniency());
    for (value, kind) in [
        (&b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff"[..], ErrorKind::InvalidInteger),
        (b"\x83\x7f\xff\xff\xff\xff\xff\xff\xff", ErrorKind::InvalidTimestamp),
        (b"\xa1\x021", ErrorKind::InvalidUtf8),
        (b"\xb1\xff\xff\xff\xff1", ErrorKind::InvalidUtf8),
        (b"\x82\x40\x09\x21\xfb\x54\x44\x2d\x18", ErrorKind::InvalidUtf8),
    ] {
        let record = record.clone().with_header("ce_other", Bytes::from_static(value));
        let error = decode(&record, &with).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (kind, Some("other")), "{value:x?}");
    }
}

/// Retries and proxies add the header again.
#[test]
fn a_content_type_that_is_there_again() {
    let typed = |second: &'static str| {
        let first = event().with_header("content-type", Bytes::from("a/b"));
        first.with_header("content-type", Bytes::from(second))
    };
    let ignoring = Leniency::strict().with(RepairKind::IgnoredHeader);
    for (second, leniency) in [("a/b", Leniency::strict()), ("a/c", Leniency::strict()), ("a/c", ignoring)] {
        let error = decode(&typed(second), &DecodeOptions::strict().with_leniency(leniency)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DuplicateAttribute);
    }
    let (event, repairs) = kinds(&typed("a/b"), ignoring);
    assert_eq!(event.datacontenttype().unwrap().as_str(), "a/b");
    assert_eq!(repairs, [(RepairKind::IgnoredHeader, "datacontenttype".to_owned())]);
}

/// As over HTTP: proxies join equal headers by a comma (RFC 9110, section 5.3), and a bridge copies what they send.
#[test]
fn a_content_type_that_is_joined_to_itself() {
    let ignoring = Leniency::strict().with(RepairKind::IgnoredHeader);
    let joined = event().with_header("content-type", Bytes::from("a/b, a/b"));
    let document = json().with_header(
        "content-type",
        Bytes::from("application/cloudevents+json,application/cloudevents+json"),
    );
    for (record, content_type) in [(joined, Some("a/b")), (document, None)] {
        assert!(decode(&record, &DecodeOptions::strict()).is_err());
        for leniency in [ignoring, Leniency::all()] {
            let (read, kinds) = kinds(&record, leniency);
            assert_eq!(kinds, [(RepairKind::IgnoredHeader, "datacontenttype".to_owned())]);
            assert_eq!(read.datacontenttype().map(|media_type| media_type.as_str()), content_type);
        }
    }
}

/// Help names the repair only if it reads the record.
#[test]
fn help_about_a_foreign_prefix_is_tried() {
    let names = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    let help = |names: &[(&'static str, &'static str)]| {
        let record = names
            .iter()
            .fold(Record::default(), |record, (name, value)| record.with_header(*name, Bytes::from(*value)));
        decode(&record, &DecodeOptions::strict()).unwrap_err().help().unwrap().to_owned()
    };
    let prefix = "the prefix `ce-` is that of another protocol";
    assert_eq!(help(&names), format!("{prefix}; the repair `foreign-prefix` reads it"));
    assert_eq!(help(&names[..2]), prefix);
}
