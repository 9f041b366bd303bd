//! `decode(encode(event)) == protobuf_form(event)`, for any event.

use crate::form::protobuf_form;
use bytes::Bytes;
use cloudevents_core::{Decoding, ErrorKind, Event, Format, SpecVersion};
use cloudevents_protobuf::Protobuf;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
};
use proptest::prelude::*;

/// Any event that the format has.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    any::event().prop_filter_map("not to be upgraded", |event| event.upgrade().ok())
}

proptest! {
    #[test]
    fn protobuf(event in event()) {
        let document = cloudevents_protobuf::encode(&event)?;
        let again = cloudevents_protobuf::decode(document.clone())?;
        prop_assert_eq!(&again, &protobuf_form(&event));
        prop_assert_eq!(cloudevents_protobuf::encode(&again)?, document);
    }

    #[test]
    fn nothing_is_lost_exactly_when_no_loss_is_told(event in event()) {
        let mut document = Vec::new();
        let losses = Protobuf::new().encode(&event, &mut document)?;
        for (name, value) in event.attributes() {
            let again = protobuf_form(&event);
            let same_instant = match (value, again.attribute(name.as_str())) {
                (cloudevents_core::Value::Timestamp(a), Some(cloudevents_core::Value::Timestamp(b))) => {
                    let (a, b) = (a.instant(), b.instant());
                    a.seconds == b.seconds && !a.is_finer_than(9) && a.nanosecond() == b.nanosecond() && !a.leap_second
                }
                (value, again) => Some(value) == again,
            };
            let offset = matches!(value, cloudevents_core::Value::Timestamp(time) if time.offset_minutes() != 0);
            let told = losses.iter().any(|loss| loss.at() == name.as_str());
            prop_assert_eq!(told, !same_instant || offset, "{}: {:?}", name, losses);
        }
    }

    #[test]
    fn batches(events in proptest::collection::vec(event(), 0..4)) {
        let document = Bytes::from(cloudevents_protobuf::encode_batch(&events)?);
        let expected: Vec<_> = events.iter().map(protobuf_form).collect();
        prop_assert_eq!(&cloudevents_protobuf::decode_batch(document.clone())?, &expected);
        let items = Protobuf::new().decode_items(document, &Decoding::strict())?;
        for (item, event) in items.iter().zip(&expected) {
            prop_assert_eq!(&cloudevents_protobuf::decode(item.raw.clone())?, event);
        }
        let items: Vec<_> = items.into_iter().map(|item| item.event.map(|decoded| decoded.value)).collect::<Result<_, _>>()?;
        prop_assert_eq!(items, expected);
    }

    #[test]
    fn from_json_and_back(event in event()) {
        let json = cloudevents_json::decode(cloudevents_json::encode(&event))?;
        prop_assert_eq!(&json, &carrier_form(&event, Carrier::Json));
        let protobuf = cloudevents_protobuf::decode(cloudevents_protobuf::encode(&json)?)?;
        prop_assert_eq!(&protobuf, &protobuf_form(&json));
        let json = cloudevents_json::decode(cloudevents_json::encode(&protobuf))?;
        prop_assert_eq!(json, carrier_form(&protobuf, Carrier::Json));
    }

    #[test]
    fn peeking_finds_what_decoding_finds(event in event()) {
        let document = Bytes::from(cloudevents_protobuf::encode(&event)?);
        let event = cloudevents_protobuf::decode(document.clone())?;
        for (name, value) in event.attributes() {
            let peeked = Protobuf::new().peek(&document, name.as_str(), &Decoding::strict())?;
            let canonical = value.to_canonical();
            prop_assert_eq!(peeked.as_deref(), Some(canonical.as_ref()));
        }
        let peek = |name| Protobuf::new().peek(&document, name, &Decoding::strict());
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
    let document = Bytes::from(cloudevents_protobuf::encode(&event).unwrap());
    let range = document.as_ptr_range();
    let event = cloudevents_protobuf::decode(document.clone()).unwrap();
    assert!(range.contains(&event.data_bytes().unwrap().as_ptr()));
    let batch = Bytes::from(cloudevents_protobuf::encode_batch(&[event.clone(), event]).unwrap());
    let range = batch.as_ptr_range();
    for event in cloudevents_protobuf::decode_batch(batch.clone()).unwrap() {
        assert_eq!(event.data_bytes().unwrap(), "hello");
        assert!(range.contains(&event.data_bytes().unwrap().as_ptr()));
    }
}
