//! `decode(encode(event)) == carrier_form(event)`, for any event, and every loss is reported.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Format, SpecVersion};
use cloudevents_protobuf::Protobuf;
use cloudevents_testkit::{
    any::{self, event_of_1_0},
    carrier::{Carrier, carrier_form, changes, told},
};
use proptest::prelude::*;

/// The event as it comes out of a document.
pub(crate) fn form(event: &Event) -> Event {
    carrier_form(event, Carrier::Protobuf)
}

proptest! {
    #[test]
    fn protobuf(event in event_of_1_0()) {
        let document = cloudevents_protobuf::encode_lossy(&event)?;
        let again = cloudevents_protobuf::decode(document.clone())?;
        prop_assert_eq!(&again, &form(&event));
        prop_assert_eq!(cloudevents_protobuf::encode_lossy(&again)?, document);
    }

    #[test]
    fn what_changes_is_told(event in event_of_1_0()) {
        let losses = Protobuf::new().encode(&event, &mut Vec::new())?;
        prop_assert_eq!(told(&losses), changes(&event, &form(&event)), "{:?}", losses);
    }

    #[test]
    fn batches(events in proptest::collection::vec(event_of_1_0(), 0..4)) {
        let document = Bytes::from(cloudevents_protobuf::encode_batch(&events)?.0);
        let expected: Vec<_> = events.iter().map(form).collect();
        prop_assert_eq!(&cloudevents_protobuf::decode_batch(document.clone())?, &expected);
        let items = Protobuf::new().decode_items(document, &DecodeOptions::strict())?;
        for (item, event) in items.iter().zip(&expected) {
            prop_assert_eq!(&cloudevents_protobuf::decode(item.raw.clone())?, event);
        }
        let items: Vec<_> = items.into_iter().map(|item| item.event.map(|decoded| decoded.value)).collect::<Result<_, _>>()?;
        prop_assert_eq!(items, expected);
    }

    #[test]
    fn peeking_finds_what_decoding_finds(event in event_of_1_0()) {
        let document = Bytes::from(cloudevents_protobuf::encode_lossy(&event)?);
        let event = cloudevents_protobuf::decode(document.clone())?;
        for (name, value) in event.attributes() {
            let peeked = Protobuf::new().peek(&document, name.as_str(), &DecodeOptions::strict())?;
            let canonical = value.to_canonical();
            prop_assert_eq!(peeked.as_deref(), Some(canonical.as_ref()));
        }
        let peek = |name| Protobuf::new().peek(&document, name, &DecodeOptions::strict());
        prop_assert_eq!(peek("specversion")?, Some("1.0".to_owned()));
        prop_assert_eq!(peek("absent")?, event.attribute("absent").map(|value| value.to_string()));
    }

    #[test]
    fn version_03_is_refused_with_a_hint(event in any::event()) {
        if event.specversion() == SpecVersion::V03 {
            let mut out = b"before".to_vec();
            let error = Protobuf::new().encode(&event, &mut out).unwrap_err();
            prop_assert_eq!(error.kind(), ErrorKind::UnsupportedSpecversion);
            prop_assert!(error.help().is_some());
            prop_assert_eq!(out, b"before");
        }
    }
}

#[test]
fn versions_do_not_mix_in_a_batch() {
    let event = |version| Event::builder().specversion(version).id("1").source("/s").ty("t").build().unwrap();
    let (old, new) = (event(SpecVersion::V03), event(SpecVersion::V1));
    let refused = |events: &[Event]| {
        let error = cloudevents_protobuf::encode_batch(events).unwrap_err();
        (error.kind(), error.index())
    };
    assert_eq!(refused(&[new.clone(), old.clone()]), (ErrorKind::MixedSpecversions, Some(1)));
    assert_eq!(refused(&[old.clone(), new]), (ErrorKind::MixedSpecversions, Some(1)));
    assert_eq!(refused(&[old.clone(), old]), (ErrorKind::UnsupportedSpecversion, Some(0)));
}

#[test]
fn the_payload_is_a_slice_of_the_document() {
    let event = Event::builder().id("1").source("/s").ty("t").text("hello").build().unwrap();
    let document = Bytes::from(cloudevents_protobuf::encode_lossy(&event).unwrap());
    let range = document.as_ptr_range();
    let event = cloudevents_protobuf::decode(document.clone()).unwrap();
    assert!(range.contains(&event.data_bytes().unwrap().as_ptr()));
    let batch = Bytes::from(cloudevents_protobuf::encode_batch(&[event.clone(), event]).unwrap().0);
    let range = batch.as_ptr_range();
    for event in cloudevents_protobuf::decode_batch(batch.clone()).unwrap() {
        assert_eq!(event.data_bytes().unwrap(), "hello");
        assert!(range.contains(&event.data_bytes().unwrap().as_ptr()));
    }
}
