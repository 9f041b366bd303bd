//! `decode(encode(event, carrier)) == carrier_form(event, carrier)`, for any event.

use cloudevents_core::{DecodeOptions, Formats, Mode};
use cloudevents_json::Json;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
};
use http::HeaderMap;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_event_in_any_mode(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
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
}
