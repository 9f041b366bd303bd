//! Wrong messages, and messages that only look wrong.

use bytes::Bytes;
use cloudevents_carriers::{CARRIERS, Carrier, CarrierMessage, ContentType, Text, rows::*};
use cloudevents_core::{ContentMode, DecodeOptions, ErrorKind, Event};
use proptest::prelude::*;

fn binary(carrier: &Carrier) -> CarrierMessage {
    let attributes = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
    attributes.iter().fold(CarrierMessage::new("x"), |message, (name, value)| {
        message.with_header(format!("{}{name}", carrier.prefix), *value)
    })
}

fn read(carrier: &Carrier, message: &CarrierMessage) -> Result<Event, ErrorKind> {
    let decoded = carrier.decode(message, &DecodeOptions::strict());
    decoded.map(|decoded| decoded.value).map_err(|error| error.kind())
}

#[test]
fn what_is_wrong_in_binary_messages() {
    for carrier in CARRIERS.iter().filter(|carrier| carrier.has(ContentMode::Binary)) {
        for (name, value, kind) in [
            ("id", &b"2"[..], ErrorKind::DuplicateAttribute),
            ("subject", b"\xff", ErrorKind::InvalidUtf8),
            ("", b"x", ErrorKind::InvalidName),
            ("Subject", b"x", ErrorKind::InvalidName),
            ("\u{e9}", b"x", ErrorKind::InvalidName),
            ("subject", b"", ErrorKind::EmptyAttribute),
            ("subject", b"a\0", ErrorKind::InvalidString),
            ("time", b"now", ErrorKind::InvalidTimestamp),
            ("dataschema", b"/relative", ErrorKind::InvalidUri),
        ] {
            let name = format!("{}{name}", carrier.prefix);
            let message = binary(carrier).with_header(name.clone(), Bytes::from_static(value));
            assert_eq!(read(carrier, &message), Err(kind), "{}: {name}", carrier.name);
        }
        let ContentType::Key(key) = carrier.content_type else { panic!("{}", carrier.name) };
        for (value, kind) in [
            (&b"\xff"[..], ErrorKind::InvalidUtf8),
            (b"x", ErrorKind::InvalidMediaType),
            (b"application/cloudevents+toml", ErrorKind::UnknownFormat),
            (b"application/cloudevents-batch+json", ErrorKind::Batched),
            (b"application/cloudevents+json; charset=latin1", ErrorKind::Unsupported),
            (b"application/cloudevents+json", ErrorKind::InvalidDocument),
        ] {
            let message = binary(carrier).with_header(key, Bytes::from_static(value));
            assert_eq!(read(carrier, &message), Err(kind), "{}: {value:?}", carrier.name);
        }
        let missing = CarrierMessage::new("x").with_header(format!("{}id", carrier.prefix), "1");
        assert_eq!(read(carrier, &missing), Err(ErrorKind::MissingAttribute), "{}", carrier.name);
        let version = CarrierMessage::new("x").with_header(format!("{}specversion", carrier.prefix), "9");
        assert_eq!(read(carrier, &version), Err(ErrorKind::UnsupportedSpecversion), "{}", carrier.name);
    }
}

#[test]
fn what_is_no_event() {
    let with = |body: &'static [u8]| CarrierMessage::new(body).with_header("h", "x").with_content_type("a/b");
    for carrier in CARRIERS {
        for body in [&b""[..], b"{", b"{}", b"[]", b"\xff", b"hello", b"aGVsbG8=", b"\0"] {
            let message = with(body);
            assert_eq!(read(carrier, &message), Err(ErrorKind::NotACloudEvent), "{} {body:?}", carrier.name);
            assert!(!carrier.is_cloudevent(&message), "{} {body:?}", carrier.name);
        }
    }
}

#[test]
fn text_in_base64_is_a_document_or_an_error() {
    let message = |body: &'static str| read(&STORAGE_QUEUE, &CarrierMessage::new(body)).map(|_| ());
    let plain = r#" {"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    assert_eq!(message(plain), Ok(()));
    assert_eq!(message(r#"{"specversion":"1.0","id":"1"}"#), Err(ErrorKind::MissingAttribute));
    // {"specversion":"1.0"} in Base64, whole and cut.
    assert_eq!(message("eyJzcGVjdmVyc2lvbiI6IjEuMCJ9"), Err(ErrorKind::MissingAttribute));
    assert_eq!(message(" eyJzcGVjdmVyc2lvbiI6IjEuMCJ9\n"), Err(ErrorKind::MissingAttribute));
    assert_eq!(message("eyJzcGVjdmVyc2lvbiI6IjEuMCJ"), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn escapes_that_are_wrong() {
    let percent = Carrier { text: Text::Percent, ..STOMP };
    for (value, kind) in [("100%", ErrorKind::InvalidEscape), ("%ff", ErrorKind::InvalidUtf8)] {
        let message = binary(&percent).with_header("ce-subject", value);
        assert_eq!(read(&percent, &message), Err(kind));
        assert_eq!(read(&STOMP, &message).unwrap().subject(), Some(value));
    }
}

proptest! {
    /// Any message: no panic, and an event that was read can be written and read again.
    #[test]
    fn any_bytes(
        headers in prop::collection::vec(("(ce-|ce_|CE_|CE-|cloudEvents:)?[a-z]{0,12}|content-type|CE_contenttype", any::<Vec<u8>>()), 0..12),
        whole in any::<bool>(),
        content_type in prop::option::of("application/(cloudevents(-batch)?[+](json|cbor)|json)"),
        body in prop_oneof![
            any::<Vec<u8>>(),
            Just(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#.to_vec()),
        ],
    ) {
        for carrier in CARRIERS {
            let start = if whole { binary(carrier) } else { CarrierMessage::default() };
            let mut message = headers.iter().fold(start, |all, (name, value)| all.with_header(name.clone(), value.clone()));
            message.body = body.clone().into();
            if let Some(content_type) = &content_type {
                message = message.with_content_type(content_type.as_str());
            }
            let _ = carrier.fits(&message);
            for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
                let Ok(read) = carrier.decode_message(&message, &with) else { continue };
                if let Ok(again) = carrier.encode_message(&read.value) {
                    let again = carrier.decode_message(&again, &DecodeOptions::strict());
                    prop_assert_eq!(again.unwrap().value.mode(), read.value.mode());
                }
            }
        }
    }
}
