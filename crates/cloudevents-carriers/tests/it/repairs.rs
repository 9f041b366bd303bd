//! Messages of other writers: each repair is named, and reported.

use cloudevents_carriers::{CARRIERS, Carrier, CarrierMessage, ContentType, rows::*};
use cloudevents_core::{ContentMode, DecodeOptions, Decoded, ErrorKind, Event, Leniency, Peer, RepairKind};

fn message(prefix: &str, headers: &[(&'static str, &'static str)]) -> CarrierMessage {
    let attributes = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
    let attributes = attributes.iter().fold(CarrierMessage::new("{}"), |message, (name, value)| {
        message.with_header(format!("{prefix}{name}"), *value)
    });
    headers.iter().fold(attributes, |message, (name, value)| message.with_header(*name, *value))
}

fn read(
    carrier: &Carrier,
    message: &CarrierMessage,
    leniency: Leniency,
) -> Result<Decoded<Event>, ErrorKind> {
    let decoded = carrier.decode(message, &DecodeOptions::strict().with_leniency(leniency));
    decoded.map_err(|error| error.kind())
}

fn only(kind: RepairKind) -> Leniency {
    Leniency::strict().with(kind)
}

fn kinds(decoded: &Decoded<Event>) -> Vec<RepairKind> {
    decoded.repairs().iter().map(|repair| repair.kind()).collect()
}

#[test]
fn foreign_prefixes() {
    let mut count = 0;
    for carrier in CARRIERS {
        for prefix in carrier.also_prefix {
            count += 1;
            let foreign = message(prefix, &[("Content-Type", "application/json")]);
            for strict in [Leniency::strict(), Leniency::all()] {
                assert_eq!(read(carrier, &foreign, strict).unwrap_err(), ErrorKind::NotACloudEvent);
            }
            let decoded = read(carrier, &foreign, only(RepairKind::ForeignPrefix)).unwrap();
            assert_eq!(kinds(&decoded), [RepairKind::ForeignPrefix], "{} {prefix}", carrier.name);
            assert_eq!(decoded.value.content_type().unwrap().as_str(), "application/json");
            // Frameworks state the content type of their own serializer beside the attribute.
            let named = foreign.with_header(format!("{prefix}datacontenttype"), "a/b");
            let decoded = read(carrier, &named, only(RepairKind::ForeignPrefix)).unwrap();
            assert_eq!(decoded.value.content_type().unwrap().as_str(), "a/b");
            // Another mark takes precedence.
            let own = message(carrier.prefix, &[]).with_header(format!("{prefix}id"), "2");
            let decoded = read(carrier, &own, only(RepairKind::ForeignPrefix)).unwrap();
            assert_eq!((decoded.value.id(), kinds(&decoded).len()), ("1", 0));
        }
    }
    assert_eq!(count, 6);
}

/// sdk-go writes the name in the letter case of HTTP.
#[test]
fn spellings_of_the_content_type() {
    let respelled = [("Content-Type", "application/json")];
    for carrier in [GOOGLE_PUBSUB, PULSAR, STOMP] {
        let go = message(carrier.prefix, &respelled);
        let strict = read(&carrier, &go, Leniency::strict()).unwrap().value;
        assert!(strict.datacontenttype().is_none(), "{}", carrier.name);
        let with = only(RepairKind::ContentTypeName);
        let decoded = read(&carrier, &go, with).unwrap();
        assert_eq!(kinds(&decoded), [RepairKind::ContentTypeName]);
        assert_eq!(decoded.value.content_type().unwrap().as_str(), "application/json");
        // The right name takes precedence, and the attribute does.
        let both = message(carrier.prefix, &respelled).with_header("content-type", "a/b");
        let decoded = read(&carrier, &both, with).unwrap();
        assert_eq!((decoded.value.content_type().unwrap().as_str(), kinds(&decoded).len()), ("a/b", 0));
        let named = message(carrier.prefix, &respelled);
        let named = named.with_header(format!("{}datacontenttype", carrier.prefix), "a/b");
        assert_eq!(read(&carrier, &named, with).unwrap_err(), ErrorKind::DuplicateAttribute);
        let decoded = read(&carrier, &named, with.with(RepairKind::IgnoredHeader)).unwrap();
        assert_eq!(decoded.value.content_type().unwrap().as_str(), "a/b");
        let differ = message(carrier.prefix, &respelled).with_header("contentType", "a/b");
        assert_eq!(read(&carrier, &differ, with).unwrap_err(), ErrorKind::DuplicateAttribute);
    }
    let document = CarrierMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    let document = document.with_header("Content-Type", "application/cloudevents+json");
    assert_eq!(read(&GOOGLE_PUBSUB, &document, Leniency::strict()).unwrap_err(), ErrorKind::NotACloudEvent);
    let decoded = read(&GOOGLE_PUBSUB, &document, only(RepairKind::ContentTypeName)).unwrap();
    assert_eq!((decoded.value.id(), kinds(&decoded)), ("1", vec![RepairKind::ContentTypeName]));
}

/// Their content type is a field, and they have no headers (RFC 7252, section 5.10).
#[test]
fn a_carrier_without_headers_has_no_content_type_in_one() {
    let document = CarrierMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    let native = |carrier: &&Carrier| matches!(carrier.content_type, ContentType::Native(_));
    let carriers: Vec<_> = CARRIERS.iter().filter(native).collect();
    assert_eq!(carriers.len(), 2);
    for carrier in carriers {
        for name in ["content-type", "Content-Type"] {
            let message = document.clone().with_header(name, "application/cloudevents+json");
            let error = read(carrier, &message, only(RepairKind::ContentTypeName)).unwrap_err();
            assert_eq!(error, ErrorKind::NotACloudEvent, "{}", carrier.name);
        }
    }
}

/// Examples of bindings have both.
#[test]
fn a_second_content_type_agrees_or_is_ignored() {
    for carrier in CARRIERS.iter().filter(|carrier| carrier.has(ContentMode::Binary)) {
        let ContentType::Key(key) = carrier.content_type else { panic!("{}", carrier.name) };
        let name = format!("{}datacontenttype", carrier.prefix);
        let both = |other: &'static str| {
            message(carrier.prefix, &[]).with_header(key, "a/b").with_header(name.clone(), other)
        };
        let decoded = read(carrier, &both("a/b"), Leniency::strict()).unwrap();
        assert_eq!((decoded.value.content_type().unwrap().as_str(), kinds(&decoded).len()), ("a/b", 0));
        let error = read(carrier, &both("c/d"), Leniency::strict()).unwrap_err();
        assert_eq!(error, ErrorKind::DuplicateAttribute);
        let decoded = read(carrier, &both("c/d"), only(RepairKind::IgnoredHeader)).unwrap();
        assert_eq!((decoded.value.content_type().unwrap().as_str(), kinds(&decoded).len()), ("a/b", 1));
        let twice = both("a/b").with_header(name.clone(), "a/b");
        assert_eq!(read(carrier, &twice, Leniency::all()).unwrap_err(), ErrorKind::DuplicateAttribute);
    }
}

/// As over HTTP: retries add the header again, and proxies join equal ones by a comma (RFC 9110, section 5.3).
#[test]
fn a_content_type_that_is_there_again() {
    let document = CarrierMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    let mut count = 0;
    for carrier in CARRIERS {
        let typed = |message: &CarrierMessage, types: &[&'static str]| match (carrier.content_type, types) {
            (ContentType::Key(key), types) => {
                Some(types.iter().fold(message.clone(), |message, value| message.with_header(key, *value)))
            }
            (ContentType::Native(_), [value]) => Some(message.clone().with_content_type(*value)),
            _ => None,
        };
        let event = message(carrier.prefix, &[]);
        let binary: &[&[&str]] = &[&["a/b", "a/b"], &["a/b,a/b"], &["a/b , a/b"]];
        let structured: &[&[&str]] = &[
            &["application/cloudevents+json", "application/cloudevents+json"],
            &["application/cloudevents+json,application/cloudevents+json"],
        ];
        let has_binary = carrier.has(ContentMode::Binary);
        for (of, types) in [(&event, binary), (&document, structured)] {
            let messages = types.iter().filter_map(|types| typed(of, types));
            for message in messages.filter(|_| has_binary || std::ptr::eq(of, &document)) {
                assert!(read(carrier, &message, Leniency::strict()).is_err(), "{}", carrier.name);
                for leniency in [Leniency::all(), only(RepairKind::IgnoredHeader)] {
                    let decoded = read(carrier, &message, leniency).unwrap();
                    assert_eq!((decoded.value.id(), kinds(&decoded)), ("1", vec![RepairKind::IgnoredHeader]));
                    let of_binary = decoded.value.content_type().map(|media_type| media_type.as_str());
                    assert_eq!(of_binary, std::ptr::eq(of, &event).then_some("a/b"));
                }
                count += 1;
            }
        }
        // Which of two counts is not known.
        if let Some(differ) = typed(&event, &["a/b", "a/c"]).filter(|_| has_binary) {
            let error = read(carrier, &differ, Leniency::all()).unwrap_err();
            assert_eq!(error, ErrorKind::DuplicateAttribute);
        }
    }
    assert_eq!(count, 4 * 5 + 2);
}

/// sdk-java writes extensions to RocketMQ without a prefix.
#[test]
fn extensions_without_a_prefix() {
    let java = message("CE_", &[("traceparent", "x"), ("id", "2"), ("KEYS", "k"), ("CE_a", "1"), ("a", "2")]);
    let strict = read(&ROCKETMQ, &java, Leniency::strict()).unwrap().value;
    assert_eq!(strict.extensions().count(), 1);
    let decoded = read(&ROCKETMQ, &java, Peer::Java4.leniency()).unwrap();
    assert_eq!(kinds(&decoded), [RepairKind::UnprefixedExtension]);
    assert_eq!(decoded.value.id(), "1");
    assert_eq!(decoded.value.extension("traceparent").unwrap().to_string(), "x");
    assert_eq!(decoded.value.extension("a").unwrap().to_string(), "1");
}

/// sdk-go marks no document of Pub/Sub, and CoAP has no number for the media type.
#[test]
fn documents_without_a_mark() {
    let unmarked = CarrierMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    let json = unmarked.clone().with_content_type("application/json");
    for carrier in CARRIERS.iter().filter(|carrier| carrier.content_type != ContentType::Unmarked) {
        for message in [&unmarked, &json] {
            assert_eq!(read(carrier, message, Leniency::all()).unwrap_err(), ErrorKind::NotACloudEvent);
            let decoded = read(carrier, message, only(RepairKind::AssumedJson)).unwrap();
            assert_eq!(kinds(&decoded), [RepairKind::AssumedJson], "{}", carrier.name);
        }
    }
}
