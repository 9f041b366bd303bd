//! What other implementations write, and the repairs that read it. What is written for them.

use cloudevents_core::{DecodeOptions, ErrorKind, Event, Leniency, Mode, Peer, RepairKind};
use cloudevents_nats::{Encoding, NatsMessage, decode, encode};

fn message(subject: &str) -> NatsMessage {
    NatsMessage::new("{}")
        .with_header("ce-specversion", "1.0")
        .with_header("ce-id", "1")
        .with_header("ce-source", "/s")
        .with_header("ce-type", "t")
        .with_header("ce-subject", subject.to_owned())
}

fn with(leniency: Leniency) -> DecodeOptions {
    DecodeOptions::strict().with_leniency(leniency)
}

/// The Go SDK over JetStream. NATS-3.1.3.2-c.
#[test]
fn text_that_is_not_escaped() {
    for (subject, is_valid, lenient) in
        [("caf\u{e9}", false, "caf\u{e9}"), ("100% %41", false, "100% A"), ("a%20b", true, "a b")]
    {
        let message = message(subject);
        let read = |leniency| decode(&message, &with(leniency)).unwrap();
        assert_eq!(decode(&message, &with(Leniency::strict())).is_ok(), is_valid);
        assert_eq!(read(Leniency::all()).value.subject(), Some(lenient));
        assert_eq!(read(Leniency::all()).repairs().len(), usize::from(!is_valid));
        let raw = read(Peer::Go2.leniency());
        assert_eq!(raw.value.subject(), Some(subject));
        assert_eq!(raw.repairs()[0].kind(), RepairKind::RawText);
    }
}

/// Errors cite this binding, and not that of HTTP.
#[test]
fn errors_cite_the_clauses_of_nats() {
    for (subject, clause) in [
        ("\"a", "NATS-3.1.3.2-e"),
        ("\u{e9}", "NATS-3.1.3.2-b"),
        ("100%", "NATS-3.1.3.2-f"),
        ("%FF", "NATS-3.1.3.2-q"),
    ] {
        let error = decode(&message(subject), &DecodeOptions::strict()).unwrap_err();
        assert_eq!((error.attribute(), error.clause()), (Some("subject"), Some(clause)), "{subject}");
    }
}

#[test]
fn a_document_beside_headers_of_others() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let message = NatsMessage::new(document).with_header("Content-Type", "application/json");
    let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
    let decoded = decode(&message, &with(Peer::Dapr.leniency())).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
}

#[test]
fn what_peers_that_never_undo_escapes_get() {
    let event = Event::builder().id("1").source("/s").ty("t").subject("100 % e").build().unwrap();
    let (message, _) = encode(&event, Encoding::binary().for_peer(Peer::JavaScript10)).unwrap();
    assert_eq!(message.header("ce-subject"), Some("100 % e".as_bytes()));
    let decoded = decode(&message, &with(Peer::JavaScript10.leniency())).unwrap();
    assert_eq!(decoded.value.subject(), event.subject());
    // Its transport over NATS without JetStream knows no binary mode.
    let (message, _) = encode(&event, Encoding::new(Mode::Binary).for_peer(Peer::Go2)).unwrap();
    assert_eq!(decode(&message, &DecodeOptions::strict()).unwrap().value, event);
    assert!(message.header("ce-id").is_none());
}

/// What would not arrive without escapes goes as a document.
#[test]
fn events_that_would_not_arrive_raw_are_documents() {
    for subject in [" x", "x ", " ", "caf\u{e9}"] {
        let event = Event::builder().id("1").source("/s").ty("t").subject(subject).build().unwrap();
        let (message, _) = encode(&event, Encoding::binary().for_peer(Peer::Java4)).unwrap();
        assert_eq!(message.header("content-type"), Some(&b"application/cloudevents+json"[..]));
        assert_eq!(decode(&message, &DecodeOptions::strict()).unwrap().value, event);
        assert!(encode(&event, Mode::Binary).unwrap().0.header("ce-id").is_some());
    }
}

/// As over HTTP: retries add the header again, and proxies join equal ones by a comma (RFC 9110, section 5.3).
#[test]
fn a_content_type_of_a_document_that_is_there_again() {
    let read = |types: &[&'static str], leniency| {
        let document = NatsMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
        let message =
            types.iter().fold(document, |message, value| message.with_header("Content-Type", *value));
        decode(&message, &with(leniency))
    };
    let structured = "application/cloudevents+json";
    let joined = "application/cloudevents+json, application/cloudevents+json";
    for types in [&[structured, structured][..], &[joined]] {
        assert!(read(types, Leniency::strict()).is_err());
        for leniency in [Leniency::all(), Leniency::strict().with(RepairKind::IgnoredHeader)] {
            let decoded = read(types, leniency).unwrap();
            let kinds: Vec<_> = decoded.repairs().iter().map(|repair| repair.kind()).collect();
            assert_eq!((decoded.value.id(), kinds), ("1", vec![RepairKind::IgnoredHeader]));
        }
    }
    // Which of two counts is not known.
    let differ = read(&[structured, "application/cloudevents+xml"], Leniency::all());
    assert_eq!(differ.unwrap_err().kind(), ErrorKind::DuplicateAttribute);
}

/// NATS has the content type of a payload among the attributes (section 3.1.2).
#[test]
fn a_content_type_of_a_payload_that_is_there_again() {
    let read = |types: &[&'static str], leniency| {
        let message = NatsMessage::new("{}")
            .with_header("ce-specversion", "1.0")
            .with_header("ce-id", "1")
            .with_header("ce-source", "/s")
            .with_header("ce-type", "t");
        let message =
            types.iter().fold(message, |message, value| message.with_header("ce-datacontenttype", *value));
        decode(&message, &with(leniency))
    };
    let ignored = Leniency::strict().with(RepairKind::IgnoredHeader);
    for types in [&["application/json", "application/json"][..], &["application/json, application/json"]] {
        assert!(read(types, Leniency::strict()).is_err(), "{types:?}");
        for leniency in [Leniency::all(), ignored] {
            let decoded = read(types, leniency).unwrap();
            let repairs = decoded.repairs().iter().map(|repair| (repair.kind(), repair.attribute()));
            assert_eq!(
                repairs.collect::<Vec<_>>(),
                [(RepairKind::IgnoredHeader, Some("datacontenttype"))],
                "{types:?}"
            );
            assert_eq!(decoded.value.content_type().unwrap().as_str(), "application/json");
        }
    }
    // Which of two counts is not known.
    for types in [&["application/json", "text/plain"][..], &["application/json, text/plain"]] {
        assert!(read(types, ignored).is_err(), "{types:?}");
    }
}
