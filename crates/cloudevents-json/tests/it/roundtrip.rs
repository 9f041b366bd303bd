//! `decode(encode(event)) == carrier_form(event)`, for any event, and every loss is reported.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Format};
use cloudevents_json::Json;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form, changes, told},
    tagged,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn json(event in any::event()) {
        let document = cloudevents_json::encode_lossy(&event);
        prop_assert_eq!(cloudevents_json::decode(document)?, carrier_form(&event, Carrier::Json));
    }

    #[test]
    fn what_changes_is_told(event in any::event()) {
        let losses = Json::new().encode(&event, &mut Vec::new())?;
        prop_assert_eq!(told(&losses), changes(&event, &carrier_form(&event, Carrier::Json)), "{:?}", losses);
    }

    #[test]
    fn json_batch(events in proptest::collection::vec(any::event(), 0..4)) {
        let version = events.first().map(Event::specversion);
        let events: Vec<_> = events.into_iter().filter(|event| Some(event.specversion()) == version).collect();
        let document = Bytes::from(cloudevents_json::encode_batch(&events)?.0);
        let expected: Vec<_> = events.iter().map(|event| carrier_form(event, Carrier::Json)).collect();
        prop_assert_eq!(&cloudevents_json::decode_batch(document.clone())?, &expected);
        let items = Json::new().decode_items(document, &DecodeOptions::strict())?;
        let items: Vec<_> = items.into_iter().map(|item| item.event.map(|decoded| decoded.value)).collect::<Result<_, _>>()?;
        prop_assert_eq!(items, expected);
    }

    #[test]
    fn type_tagged(event in any::event()) {
        let event = tagged::to_event(&tagged::from_event(&event))?;
        prop_assert_eq!(tagged::to_event(&tagged::from_event(&event))?, event);
    }

    #[test]
    fn detached_and_rebuilt(event in any::event()) {
        let mut detached = event.clone();
        detached.detach();
        prop_assert_eq!(&detached, &event);
        prop_assert_eq!(&event.clone().into_builder().build().unwrap(), &event);
    }

    #[test]
    fn peeking_finds_what_decoding_finds(event in any::event()) {
        let document = Bytes::from(cloudevents_json::encode_lossy(&event));
        let event = cloudevents_json::decode(document.clone())?;
        for (name, value) in event.attributes() {
            let peeked = Json::new().peek(&document, name.as_str(), &DecodeOptions::strict())?;
            let canonical = value.to_canonical();
            prop_assert_eq!(peeked.as_deref(), Some(canonical.as_ref()));
        }
        prop_assert_eq!(Json::new().peek(&document, "absent", &DecodeOptions::strict())?, event.attribute("absent").map(|v| v.to_string()));
    }
}
