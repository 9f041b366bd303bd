//! `decode(encode(event)) == carrier_form(event)`, for any event, and every loss is reported.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Format, Payload, SpecVersion};
use cloudevents_testkit::{
    any::event_of_1_0,
    carrier::{Carrier, carrier_form, changes, told},
};
use cloudevents_xml::Xml;
use proptest::prelude::*;

/// The event as it comes out of a document.
fn form(event: &Event) -> Event {
    carrier_form(event, Carrier::Xml)
}

proptest! {
    #[test]
    fn xml(event in event_of_1_0()) {
        let document = cloudevents_xml::encode_lossy(&event)?;
        prop_assert_eq!(cloudevents_xml::decode(document)?, form(&event));
    }

    #[test]
    fn what_came_out_goes_in_and_out_unchanged(event in event_of_1_0()) {
        let came = form(&event);
        let mut document = Vec::new();
        prop_assert!(Xml::new().encode(&came, &mut document)?.is_empty());
        prop_assert_eq!(cloudevents_xml::decode(document)?, came);
    }

    #[test]
    fn what_changes_is_told(event in event_of_1_0()) {
        let losses = Xml::new().encode(&event, &mut Vec::new())?;
        prop_assert_eq!(told(&losses), changes(&event, &form(&event)), "{:?}", losses);
    }

    #[test]
    fn xml_batch(events in proptest::collection::vec(event_of_1_0(), 0..4)) {
        let document = Bytes::from(cloudevents_xml::encode_batch(&events)?.0);
        let expected: Vec<_> = events.iter().map(form).collect();
        prop_assert_eq!(&cloudevents_xml::decode_batch(document.clone())?, &expected);
        let items = Xml::new().decode_items(document.clone(), &DecodeOptions::strict())?;
        for item in &items {
            prop_assert!(item.raw.starts_with(b"<event specversion") && item.raw.ends_with(b"</event>"));
        }
        let items: Vec<_> = items.into_iter().map(|item| item.event.map(|decoded| decoded.value)).collect::<Result<_, _>>()?;
        prop_assert_eq!(items, expected);
    }

    #[test]
    fn peeking_finds_what_decoding_finds(event in event_of_1_0()) {
        let document = Bytes::from(cloudevents_xml::encode_lossy(&event)?);
        let event = cloudevents_xml::decode(document.clone())?;
        for (name, value) in event.attributes() {
            let peeked = Xml::new().peek(&document, name.as_str(), &DecodeOptions::strict())?;
            let canonical = value.to_canonical();
            prop_assert_eq!(peeked.as_deref(), Some(canonical.as_ref()));
        }
        let version = Xml::new().peek(&document, "specversion", &DecodeOptions::strict())?;
        prop_assert_eq!(version.as_deref(), Some("1.0"));
        prop_assert_eq!(Xml::new().peek(&document, "data", &DecodeOptions::strict())?, None);
        prop_assert_eq!(Xml::new().peek(&document, "absent", &DecodeOptions::strict())?, event.attribute("absent").map(|v| v.to_string()));
    }
}

#[test]
fn specversion_03_is_refused_and_says_what_to_do() {
    let old = Event::builder().specversion(SpecVersion::V03).id("1").source("/s").ty("t").build().unwrap();
    let error = cloudevents_xml::encode_lossy(&old).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedSpecversion);
    assert!(error.help().unwrap().contains("upgrade"));
    let new = old.clone().upgrade().unwrap();
    let error = cloudevents_xml::encode_batch(&[new.clone(), old]).unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::UnsupportedSpecversion, Some(1)));
    assert_eq!(cloudevents_xml::decode(cloudevents_xml::encode_lossy(&new).unwrap()).unwrap(), new);
}

#[test]
fn an_element_that_is_none_is_not_spliced_in() {
    for text in [
        "",
        "text",
        "<a>",
        "<a/><b/>",
        "<a/>text",
        "<?xml version='1.0'?><a/>",
        "<!-- c --><a/>",
        "<!DOCTYPE a><a/>",
        "<p:a/>",
        "<a>&undefined;</a>",
        "<a b='1' b='2'/>",
        "</ce:data>",
        "<a></b>",
        "<a>]]></a>",
    ] {
        let event =
            Event::builder().id("1").source("/s").ty("t").payload_only(Payload::xml(text)).build().unwrap();
        let mut document = Vec::new();
        let losses = Xml::new().encode(&event, &mut document).unwrap();
        let kinds: Vec<_> = losses.iter().map(|loss| (loss.at(), loss.kind())).collect();
        assert_eq!(
            kinds,
            [("data", "payload-not-xml"), ("datacontenttype", "content-type-stated")],
            "{text}"
        );
        let came = cloudevents_xml::decode(document).unwrap();
        assert_eq!(came.data(), Some(cloudevents_core::Data::Text(text)));
        assert_eq!(came.datacontenttype().unwrap().as_str(), "application/xml");
    }
}

// XML 1.0, productions 4 and 4a: what may begin a name, and what may follow.
#[test]
fn names_of_elements_follow_the_grammar_of_xml() {
    let encoded = |text: &str| {
        let event = Event::builder().id("1").source("/s").ty("t").payload_only(Payload::xml(text));
        let mut document = Vec::new();
        let losses = Xml::new().encode(&event.build().unwrap(), &mut document).unwrap();
        let came = cloudevents_xml::decode(document).unwrap();
        let kept = matches!(came.data(), Some(cloudevents_core::Data::Xml(_)));
        assert_eq!(!kept, losses.iter().any(|loss| loss.kind() == "payload-not-xml"), "{text}");
        kept
    };
    for good in [
        "<é/>",
        "<é></é>",
        "<日本語 属性='値'>x</日本語>",
        "<𐀀/>",
        "<a·b/>",
        "<a\u{300}/>",
        "<ns:é xmlns:ns='urn:x'/>",
        "<é:a xmlns:é='urn:x'/>",
        "<_/>",
        "<a>\u{e9}<é/></a>",
        "<a:b xmlns:a='urn:x'/>",
        "<a-1:_.b xmlns:a-1='urn:x'></a-1:_.b>",
    ] {
        assert!(encoded(good), "{good}");
    }
    for bad in [
        "<·/>",
        "<\u{300}/>",
        "<×/>",
        "<1/>",
        "<-/>",
        "<\u{f0000}/>",
        "<é></e>",
        "<a\u{37e}/>",
        "<\u{2028}/>",
        "<a:b:c xmlns:a='urn:x'/>",
        "<a:1 xmlns:a='urn:x'/>",
        "<1:a xmlns:a='urn:x'/>",
        "<a: xmlns:a='urn:x'/>",
        "<:a/>",
        "<1a/>",
        "<a b:c:d='' xmlns:b='urn:x'/>",
        "<a b:1='' xmlns:b='urn:x'/>",
    ] {
        assert!(!encoded(bad), "{bad}");
    }
}

#[test]
fn nothing_is_copied_that_need_not_be() {
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .payload("text/plain", Payload::text("x".repeat(1000)))
        .build()
        .unwrap();
    let document = Bytes::from(cloudevents_xml::encode_lossy(&event).unwrap());
    let came = cloudevents_xml::decode(document.clone()).unwrap();
    let within = |part: &[u8]| document.as_ptr_range().contains(&part.as_ptr());
    assert!(within(came.data_bytes().unwrap()) && within(came.id().as_bytes()));
}
