//! `decode(encode(event, carrier)) == carrier_form(event, carrier)`, for any event.

use bytes::Bytes;
use cloudevents_core::{Decoding, Event, Format, Formats, Mode};
use cloudevents_json::Json;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
    tagged,
};
use http::HeaderMap;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn json(event in any::event()) {
        let document = cloudevents_json::encode(&event);
        prop_assert_eq!(cloudevents_json::decode(document)?, carrier_form(&event, Carrier::Json));
    }

    #[test]
    fn json_batch(events in proptest::collection::vec(any::event(), 0..4)) {
        let version = events.first().map(Event::specversion);
        let events: Vec<_> = events.into_iter().filter(|event| Some(event.specversion()) == version).collect();
        let document = Bytes::from(cloudevents_json::encode_batch(&events)?);
        let expected: Vec<_> = events.iter().map(|event| carrier_form(event, Carrier::Json)).collect();
        prop_assert_eq!(&cloudevents_json::decode_batch(document.clone())?, &expected);
        let items = Json::new().decode_items(document, &Decoding::strict())?;
        let items: Vec<_> = items.into_iter().map(|item| item.event.map(|decoded| decoded.value)).collect::<Result<_, _>>()?;
        prop_assert_eq!(items, expected);
    }

    #[test]
    fn http(event in any::event()) {
        let with = Decoding::strict().with_formats(Formats::none().with(Json::new()));
        for (mode, carrier) in [(Mode::Binary, Carrier::HttpBinary), (Mode::Structured(&Json::new()), Carrier::Json)] {
            let mut headers = HeaderMap::new();
            let (body, _) = cloudevents_http::encode(&event, mode, &mut headers)?;
            let decoded = cloudevents_http::decode(&headers, body.clone(), &with)?;
            prop_assert_eq!(&decoded.value, &carrier_form(&event, carrier));
            let message = cloudevents_http::decode_message(&headers, body, &with)?.value;
            let mut forwarded = HeaderMap::new();
            let body = cloudevents_http::encode_message(&message, &mut forwarded)?;
            prop_assert_eq!(&headers, &forwarded);
            prop_assert_eq!(cloudevents_http::decode(&forwarded, body, &with)?.value, decoded.value);
        }
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
        let document = Bytes::from(cloudevents_json::encode(&event));
        let event = cloudevents_json::decode(document.clone())?;
        for (name, value) in event.attributes() {
            let peeked = Json::new().peek(&document, name.as_str(), &Decoding::strict())?;
            let canonical = value.to_canonical();
            prop_assert_eq!(peeked.as_deref(), Some(canonical.as_ref()));
        }
        prop_assert_eq!(Json::new().peek(&document, "absent", &Decoding::strict())?, event.attribute("absent").map(|v| v.to_string()));
    }
}
