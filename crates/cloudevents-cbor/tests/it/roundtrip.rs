//! `decode(encode(event)) == carrier_form(event)`, for any event, and every loss is reported.

use bytes::Bytes;
use cloudevents_cbor::Cbor;
use cloudevents_core::{
    Data, DecodeOptions, ErrorKind, Event, Format, Payload, SpecVersion, UriReference, Value,
};
use cloudevents_testkit::{
    any::{self, event_of_1_0},
    carrier::{Carrier, carrier_form, changes, told},
};
use proptest::prelude::*;

/// The event as it comes out of a document.
pub(crate) fn form(event: &Event) -> Event {
    carrier_form(event, Carrier::Cbor)
}

fn losses(event: &Event) -> Vec<&'static str> {
    let losses = Cbor::new().encode(event, &mut Vec::new()).unwrap();
    losses.iter().map(cloudevents_core::Loss::kind).collect()
}

proptest! {
    #[test]
    fn cbor(event in event_of_1_0()) {
        let document = cloudevents_cbor::encode_lossy(&event)?;
        // What is reserved is what is written, and without a payload the byte that finds mistakes of measuring.
        prop_assert!(document.capacity() - document.len() <= 1);
        let again = cloudevents_cbor::decode(document.clone())?;
        prop_assert_eq!(&again, &form(&event));
        // A byte string is content, not an item: in which spelling it came is not kept.
        let spelling = matches!(event.data(), Some(Data::Cbor([first, ..])) if first >> 5 == 2);
        let written = cloudevents_cbor::encode_lossy(&again)?;
        prop_assert!(spelling || written == document, "{:x?}", written);
        prop_assert_eq!(cloudevents_cbor::decode(written)?, again);
    }

    #[test]
    fn what_changes_is_told(event in event_of_1_0()) {
        let losses = Cbor::new().encode(&event, &mut Vec::new())?;
        prop_assert_eq!(told(&losses), changes(&event, &form(&event)), "{:?}", losses);
    }

    #[test]
    fn peeking_finds_what_decoding_finds(event in event_of_1_0()) {
        let document = Bytes::from(cloudevents_cbor::encode_lossy(&event)?);
        let event = cloudevents_cbor::decode(document.clone())?;
        for (name, value) in event.attributes() {
            let peeked = Cbor::new().peek(&document, name.as_str(), &DecodeOptions::strict())?;
            let canonical = value.to_canonical();
            prop_assert_eq!(peeked.as_deref(), Some(canonical.as_ref()));
        }
        let peek = |name| Cbor::new().peek(&document, name, &DecodeOptions::strict());
        prop_assert_eq!(peek("specversion")?, Some("1.0".to_owned()));
        prop_assert_eq!(peek("absent")?, event.attribute("absent").map(|value| value.to_string()));
    }

    #[test]
    fn version_03_is_refused_with_a_hint(event in any::event()) {
        if event.specversion() == SpecVersion::V03 {
            let mut out = b"before".to_vec();
            let error = Cbor::new().encode(&event, &mut out).unwrap_err();
            prop_assert_eq!(error.kind(), ErrorKind::UnsupportedSpecversion);
            prop_assert!(error.help().is_some());
            prop_assert_eq!(out, b"before");
        }
    }
}

#[test]
fn the_payload_is_a_slice_of_the_document() {
    for payload in
        [Payload::text("hello"), Payload::binary(&b"hello"[..]), Payload::cbor(&b"\x81\x01"[..]).unwrap()]
    {
        let event = Event::builder().id("1").source("/s").ty("t").payload_only(payload).build().unwrap();
        let document = Bytes::from(cloudevents_cbor::encode_lossy(&event).unwrap());
        let range = document.as_ptr_range();
        let event = cloudevents_cbor::decode(document.clone()).unwrap();
        assert!(range.contains(&event.data_bytes().unwrap().as_ptr()));
    }
}

#[test]
fn kinds_of_losses() {
    let event = |content_type: Option<&str>, payload: Payload| {
        let builder = Event::builder().id("1").source("/s").ty("t");
        let builder = content_type.into_iter().fold(builder, |builder, ct| builder.datacontenttype(ct));
        builder.payload_only(payload).build().unwrap()
    };
    let item = |item: &'static [u8]| Payload::cbor(item).unwrap();
    let told = |content_type, payload| losses(&event(content_type, payload));
    let cbor = Some("application/cbor");
    assert_eq!(told(None, Payload::text("a")), ["text-as-cbor"]);
    assert_eq!(told(Some("application/vnd.a+CBOR"), Payload::text("a")), ["text-as-cbor"]);
    assert_eq!(told(cbor, Payload::xml("<a/>")), ["text-as-cbor"]);
    assert_eq!(told(cbor, Payload::json("1").unwrap()), ["text-as-cbor"]);
    assert_eq!(told(None, Payload::proto("/x.Y", &b""[..])), ["type-url", "content-type-stated"]);
    assert_eq!(told(None, item(b"\x41\x01")), ["byte-string"]);
    assert_eq!(told(cbor, item(b"\x5f\x41\x01\xff")), ["byte-string"]);
    assert_eq!(told(None, Payload::json("1").unwrap()), ["content-type-stated"]);
    assert_eq!(told(None, Payload::xml("<a/>")), ["xml-as-text", "content-type-stated"]);
    // What no reader accepts is no payload either.
    assert!(Payload::cbor(&b"\x61\xff"[..]).is_err());
    for (content_type, payload) in [
        (None, Payload::binary(&b""[..])),
        (None, item(b"\xf6")),
        (cbor, item(b"\xd8\x18\x41\x05")),
        (cbor, Payload::body(&b"\x81"[..])),
        (Some("application/json"), Payload::text("{")),
        (Some("application/json"), Payload::body(&b"{"[..])),
        (Some("text/plain"), Payload::text("a")),
    ] {
        assert_eq!(losses(&event(content_type, payload)), [""; 0]);
    }
    // Text that a decoder left as text.
    let tagged = serde_json::json!({"specversion": "1.0", "attributes": {
        "id": {"type": "String", "value": "1"}, "source": {"type": "URI-reference", "value": "/s"},
        "type": {"type": "String", "value": "t"}, "datacontenttype": {"type": "String", "value": "application/json"},
    }, "data": {"text": "1"}});
    assert_eq!(losses(&cloudevents_testkit::tagged::to_event(&tagged).unwrap()), ["text-as-json"]);
}

#[test]
fn a_uri_reference_with_a_scheme() {
    for (text, is_uri) in
        [("https://example.com/a", true), ("https://example.com/a#b", false), ("a/b", false), ("", false)]
    {
        let reference = UriReference::parse(text).unwrap();
        let event = Event::builder()
            .id("1")
            .source("https://a/#b")
            .ty("t")
            .extension("x", reference)
            .build()
            .unwrap();
        let again = cloudevents_cbor::decode(cloudevents_cbor::encode_lossy(&event).unwrap()).unwrap();
        assert_eq!(matches!(again.attribute("x"), Some(Value::Uri(_))), is_uri, "{text}");
        assert_eq!(matches!(again.attribute("x"), Some(Value::UriReference(_))), !is_uri, "{text}");
        assert_eq!(again.source().as_str(), "https://a/#b");
    }
}
