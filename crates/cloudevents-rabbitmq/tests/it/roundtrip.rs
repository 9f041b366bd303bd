//! A message returns all that RabbitMQ can carry of an event, for any event.

use cloudevents_core::{DecodeOptions, Formats, Mode};
use cloudevents_json::Json;
use cloudevents_testkit::{any, carrier::message_form};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_event_in_any_mode(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let json = Json::new();
        for mode in [Mode::Binary, Mode::Structured(&json)] {
            let expected = message_form(&event, mode);
            let (message, _) = cloudevents_rabbitmq::encode(&event, mode)?;
            let decoded = cloudevents_rabbitmq::decode(&message, &with)?;
            prop_assert!(decoded.repairs().is_empty());
            prop_assert_eq!(&decoded.value, &expected);
            let read = cloudevents_rabbitmq::decode_message(&message, &with)?.value;
            let forwarded = cloudevents_rabbitmq::encode_message(&read)?;
            prop_assert_eq!(cloudevents_rabbitmq::decode(&forwarded, &with)?.value, decoded.value);
        }
    }
}
