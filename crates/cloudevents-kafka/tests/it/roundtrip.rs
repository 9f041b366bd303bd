//! A record returns what Kafka can carry of any event.

use cloudevents_core::{DecodeOptions, Event, Formats, Mode, Payload};
use cloudevents_json::Json;
use cloudevents_kafka::{Encoding, Key};
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
};
use proptest::prelude::*;

/// Binary mode: every extension is a String and the payload is bytes, as with HTTP. But an empty payload
/// stays a payload.
fn binary_form(event: &Event) -> Event {
    let form = carrier_form(event, Carrier::HttpBinary);
    match event.data_bytes() {
        Some(bytes) if bytes.is_empty() => {
            form.into_builder().payload_only(Payload::body(Vec::new())).build().unwrap()
        }
        _ => form,
    }
}

proptest! {
    #[test]
    fn any_event_in_any_mode(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        for mode in [Mode::Binary, Mode::Structured(&Json::new())] {
            let expected = match mode {
                Mode::Binary => binary_form(&event),
                _ => carrier_form(&event, Carrier::Json),
            };
            let (record, _) = cloudevents_kafka::encode(&event, mode)?;
            prop_assert_eq!(record.value.is_none(), matches!(mode, Mode::Binary) && event.data_bytes().is_none());
            let decoded = cloudevents_kafka::decode(&record, &with)?;
            prop_assert!(decoded.repairs().is_empty());
            prop_assert_eq!(&decoded.value, &expected);
            let message = cloudevents_kafka::decode_message(&record, &with)?.value;
            let forwarded = cloudevents_kafka::encode_message(&message)?;
            prop_assert_eq!(&record, &forwarded);
            prop_assert_eq!(cloudevents_kafka::decode(&forwarded, &with)?.value, decoded.value);
        }
    }

    #[test]
    fn a_key_changes_nothing_but_the_key(event in any::event(), name in any::name(), bytes in any::<Vec<u8>>()) {
        let expected = event.attribute(&name).map(|value| value.to_canonical().into_owned().into_bytes());
        let (plain, _) = cloudevents_kafka::encode(&event, Mode::Binary)?;
        prop_assert_eq!(&plain.key, &None);
        for (key, expected) in [(Key::attribute(name), expected), (Key::literal(bytes.clone()), Some(bytes))] {
            let (record, _) = cloudevents_kafka::encode(&event, Encoding::binary().with_key(key))?;
            prop_assert_eq!(record.key.as_deref(), expected.as_deref());
            prop_assert_eq!(record.with_key(None), plain.clone());
        }
    }
}
