//! What other implementations write, and the repairs that read it. What is written for them.

use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Leniency, Payload, Peer, RepairKind,
};
use cloudevents_http::{Encoding, HttpReceiver, decode, encode, encode_with, reqwest013::HttpSenderOptions};
use cloudevents_testkit::patience;

fn read(subject: &[u8], leniency: Leniency) -> Result<Decoded<Event>, Error> {
    let headers: [(&str, &[u8]); 5] = [
        ("ce-specversion", b"1.0"),
        ("ce-id", b"1"),
        ("ce-source", b"/s"),
        ("ce-type", b"t"),
        ("ce-subject", subject),
    ];
    decode(headers, bytes::Bytes::new(), &DecodeOptions::strict().with_leniency(leniency))
}

/// Camel: ISO-8859-1. Go and Java: UTF-8. HTTP-3.1.3.2-b.
#[test]
fn text_that_is_not_escaped() {
    for (subject, expected, kind, leniency) in [
        (&b"caf\xe9"[..], "caf\u{e9}", RepairKind::Latin1Text, Peer::Camel4.leniency()),
        ("caf\u{e9} %41".as_bytes(), "caf\u{e9} %41", RepairKind::RawText, Peer::Go2.leniency()),
        ("caf\u{e9} %41".as_bytes(), "caf\u{e9} A", RepairKind::LiteralText, Leniency::all()),
        (b"/a%20b", "/a%20b", RepairKind::RawText, Peer::Java4.leniency()),
        (b"\"a\"", "\"a\"", RepairKind::RawText, Peer::JavaScript10.leniency()),
    ] {
        let decoded = read(subject, leniency).unwrap();
        assert_eq!((decoded.value.subject(), decoded.repairs()[0].kind()), (Some(expected), kind));
        assert_eq!(decoded.repairs()[0].attribute(), Some("subject"));
    }
    for (subject, clause) in [(&b"caf\xe9"[..], "HTTP-3.1.3.2-b"), (b"%FF", "HTTP-3.1.3.2-r")] {
        assert_eq!(read(subject, Leniency::strict()).unwrap_err().clause(), Some(clause));
    }
    // What the specification says must be rejected stays so, and what it allows is read by it.
    for leniency in [Leniency::all(), Leniency::all().with(RepairKind::Latin1Text)] {
        assert!(read(b"%FF", leniency).is_err());
    }
    assert!(read(b"caf\xe9", Leniency::all()).is_err());
    assert_eq!(read(b"/a%20b", Leniency::all()).unwrap().value.subject(), Some("/a b"));
}

#[test]
fn a_document_without_its_content_type() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let read = |leniency| {
        let with = DecodeOptions::strict().with_leniency(leniency);
        decode([("content-type", "application/json")], document.into(), &with)
    };
    assert_eq!(read(Leniency::strict()).unwrap_err().kind(), ErrorKind::NotACloudEvent);
    let decoded = read(Peer::Dapr.leniency()).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
}

/// What copies headers of Kafka writes its prefix. Another mark takes precedence.
#[test]
fn attributes_with_the_prefix_of_kafka() {
    let foreign = [("ce_specversion", "1.0"), ("CE_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    let own = [("ce-specversion", "1.0"), ("ce-id", "2"), ("ce-source", "/s"), ("ce-type", "t")];
    let json = ("content-type", "application/json");
    let read = |headers: &[(&'static str, &'static str)], leniency| {
        let with = DecodeOptions::strict().with_leniency(leniency);
        decode(headers.iter().copied(), "{}".into(), &with)
    };
    let with = Leniency::strict().with(RepairKind::ForeignPrefix);
    let foreign: Vec<_> = foreign.into_iter().chain([json]).collect();
    for strict in [Leniency::strict(), Leniency::all()] {
        let error = read(&foreign, strict).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        assert!(error.help().unwrap().ends_with("the repair `foreign-prefix` reads it"));
    }
    // It does not read all of them.
    let error = read(&foreign[..3], Leniency::strict()).unwrap_err();
    assert_eq!(error.help(), Some("the prefix `ce_` is that of another protocol"));
    let decoded = read(&foreign, with).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs().len()), ("1", 1));
    assert_eq!(decoded.repairs()[0].kind(), RepairKind::ForeignPrefix);
    assert_eq!(decoded.value.content_type().unwrap().as_str(), "application/json");
    let both: Vec<_> = foreign.into_iter().chain(own).chain([("ce_other", "x")]).collect();
    let decoded = read(&both, with).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs().len()), ("2", 0));
    assert_eq!(decoded.value.extensions().count(), 0);
}

/// Retries add the header again, and proxies join equal headers by a comma (RFC 9110, section 5.3).
#[test]
fn a_content_type_that_is_there_again() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let event = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    let read = |attributes: &[(&'static str, &'static str)], types: &[&'static str], leniency| {
        let types = types.iter().map(|value| ("content-type", *value));
        let headers: Vec<_> = attributes.iter().copied().chain(types).collect();
        decode(headers, document.into(), &DecodeOptions::strict().with_leniency(leniency))
    };
    for types in [&["application/json", "application/json"][..], &["application/json,application/json"]] {
        assert!(read(&event, types, Leniency::strict()).is_err());
        for leniency in [Leniency::all(), Leniency::strict().with(RepairKind::IgnoredHeader)] {
            let decoded = read(&event, types, leniency).unwrap();
            assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "application/json");
            let kinds: Vec<_> = decoded.repairs().iter().map(|repair| repair.kind()).collect();
            assert_eq!(kinds, [RepairKind::IgnoredHeader]);
        }
    }
    let structured =
        ["application/cloudevents+json", "application/cloudevents+json , application/cloudevents+json"];
    for types in [&[structured[0], structured[0]][..], &[structured[1]]] {
        assert!(read(&[], types, Leniency::strict()).is_err());
        assert_eq!(read(&[], types, Leniency::all()).unwrap().value.id(), "1");
    }
    // Which of two counts is not known, and a comma in a parameter separates nothing.
    assert!(read(&event, &["application/json", "text/plain"], Leniency::all()).is_err());
    let decoded = read(&event, &["application/json, text/plain"], Leniency::all()).unwrap();
    assert_eq!(decoded.value.datacontenttype(), None);
    let quoted = r#"a/b; c="d,a/b; c=d""#;
    let decoded = read(&event, &[quoted], Leniency::all()).unwrap();
    assert_eq!((decoded.value.datacontenttype().unwrap().as_str(), decoded.repairs().len()), (quoted, 0));
}

#[test]
fn what_peers_that_never_undo_escapes_get() {
    let event = Event::builder()
        .id("1")
        .source("/a%20b")
        .ty("t")
        .subject("100 % e")
        .extension("number", 3)
        .build()
        .unwrap();
    let raw = Encoding::binary().for_peer(Peer::Go2);
    let mut headers = http::HeaderMap::new();
    let _ = encode(&event, raw, &mut headers).unwrap();
    assert_eq!(headers["ce-source"], "/a%20b");
    assert_eq!(headers["ce-subject"], "100 % e");
    let with = DecodeOptions::strict().with_leniency(Peer::Go2.leniency());
    let read = decode(&headers, bytes::Bytes::new(), &with).unwrap().value;
    assert_eq!((read.source(), read.subject()), (event.source(), event.subject()));
    let mut texts = Vec::new();
    let _ = encode_with(&event, raw, |name, value| texts.push((name.to_owned(), value.to_owned()))).unwrap();
    assert!(texts.contains(&("ce-subject".to_owned(), "100 % e".to_owned())));
    let _ = encode(&event, Encoding::binary().for_peer(Peer::SmallRye4), &mut headers).unwrap();
    assert_eq!(headers["ce-source"], "/a%2520b");
}

/// The peer is an option of the URL of a receiver, and of the program for a sender, whose URL belongs to the server.
#[tokio::test]
async fn a_peer_at_both_ends() {
    let event = Event::builder().id("1").source("/a%20b").ty("t").subject("100 % e").build().unwrap();
    let listening = HttpReceiver::bind("http://127.0.0.1:0/?peer=go-2", Default::default()).await.unwrap();
    let url = listening.url();
    let mut receiver = listening.into_receiver();
    let mut options = HttpSenderOptions::default();
    options.sender.peer = Some(Peer::Go2);
    let sender = cloudevents_http::reqwest013::sender(&url, options).unwrap();
    let (sent, delivery) = tokio::join!(sender.send(&event), async {
        let delivery = receiver.next().await.unwrap().unwrap();
        let decoded = delivery.decoded().unwrap();
        delivery.accept().await.unwrap();
        decoded
    });
    sent.unwrap();
    assert_eq!(delivery.value, event);
    assert!(delivery.repairs().iter().all(|repair| repair.kind() == RepairKind::RawText));
    assert_eq!((delivery.repairs().len(), receiver.metrics().repaired), (2, 1));
    for unknown in ["?peer=go", "?lenient=raw", "?other=1"] {
        let bound = HttpReceiver::bind(&format!("http://127.0.0.1:0/{unknown}"), Default::default()).await;
        assert_eq!(bound.err().unwrap().kind(), ErrorKind::InvalidUrl, "{unknown}");
    }
}

/// What servers read differently without escapes, or not at all, goes as a document: no other event arrives instead.
#[test]
fn events_that_would_not_arrive_raw_are_documents() {
    let raw = Encoding::binary().for_peer(Peer::Java4);
    for subject in [" x", "x ", " ", "caf\u{e9}", "\u{20ac}"] {
        let event = Event::builder().id("1").source("/s").ty("t").subject(subject).build().unwrap();
        let mut headers = http::HeaderMap::new();
        let (body, _) = encode(&event, raw, &mut headers).unwrap();
        assert_eq!(headers["content-type"], "application/cloudevents+json");
        assert!(!headers.contains_key("ce-id"));
        assert_eq!(decode(&headers, body, &DecodeOptions::strict()).unwrap().value, event);
        let (body, _) = encode(&event, Encoding::binary(), &mut headers).unwrap();
        assert!(headers.contains_key("ce-id") && body.is_empty());
    }
}

/// Regression: an event that goes as a document, both ways, was refused for what binary mode would have lost.
#[tokio::test]
async fn a_document_is_judged_by_what_it_loses_itself() {
    let event = Event::builder().id("1").source("/s").ty("t").subject("caf\u{e9}");
    let event = event.payload("text/plain; charset=iso-8859-1", Payload::text("\u{20ac}")).build().unwrap();
    let listening = HttpReceiver::bind("http://127.0.0.1:0/?peer=java-4", Default::default()).await.unwrap();
    let mut options = HttpSenderOptions::default();
    options.sender.peer = Some(Peer::Java4);
    let sender = cloudevents_http::reqwest013::sender(&listening.url(), options).unwrap();
    let mut receiver = listening.into_receiver();
    let asking = async { sender.request(&event, patience()).await.unwrap() };
    let (answer, ()) = tokio::join!(asking, async {
        let delivery = receiver.next().await.unwrap().unwrap();
        assert_eq!(delivery.event().unwrap(), event);
        delivery.reply(event.clone()).await.unwrap();
        delivery.accept().await.unwrap();
    });
    assert_eq!(answer, event);
}

/// The peer is that of replies, too: what it writes and what it reads.
#[tokio::test]
async fn a_peer_at_both_ends_of_a_reply() {
    let event =
        |id: &str| Event::builder().id(id).source("/a%20b").ty("t").subject("100 % e").build().unwrap();
    let listening = HttpReceiver::bind("http://127.0.0.1:0/?peer=go-2", Default::default()).await.unwrap();
    let url = listening.url();
    let mut receiver = listening.into_receiver();
    let mut options = HttpSenderOptions::default();
    options.sender.peer = Some(Peer::Go2);
    let sender = cloudevents_http::reqwest013::sender(&url, options).unwrap();
    let question = event("question");
    let (answer, ()) = tokio::join!(sender.request(&question, patience()), async {
        let delivery = receiver.next().await.unwrap().unwrap();
        delivery.reply(event("answer")).await.unwrap();
        delivery.accept().await.unwrap();
    });
    assert_eq!(answer.unwrap(), event("answer"));
    // The server writes it raw: a client without a peer undoes an escape of the source.
    let strict = cloudevents_http::reqwest013::sender(&url, HttpSenderOptions::default()).unwrap();
    let plain = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let (answer, ()) = tokio::join!(strict.request(&plain, patience()), async {
        let delivery = receiver.next().await.unwrap().unwrap();
        delivery.reply(event("answer")).await.unwrap();
        delivery.accept().await.unwrap();
    });
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::InvalidUriReference);
}
