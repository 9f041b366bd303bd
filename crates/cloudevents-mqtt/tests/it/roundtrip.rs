//! A message returns all that MQTT can carry of an event, for any event.

use cloudevents_core::{DecodeOptions, Formats};
use cloudevents_json::Json;
use cloudevents_mqtt::{Encoding, Version};
use cloudevents_testkit::{any, carrier::message_form};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_event_in_any_mode(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let json = Json::new();
        for encoding in [Encoding::binary(), Encoding::structured(&json), Encoding::v3(&json)] {
            let expected = message_form(&event, encoding.mode);
            let version = encoding.version;
            let (message, _) = cloudevents_mqtt::encode(&event, encoding)?;
            prop_assert_eq!(message.version, version);
            prop_assert!(version == Version::V5 || (message.content_type.is_none() && message.user_properties.is_empty()));
            let decoded = cloudevents_mqtt::decode(&message, &with)?;
            prop_assert!(decoded.repairs().is_empty());
            prop_assert_eq!(&decoded.value, &expected);
            let read = cloudevents_mqtt::decode_message(&message, &with)?.value;
            let forwarded = cloudevents_mqtt::encode_message(&read, version)?;
            prop_assert_eq!(cloudevents_mqtt::decode(&forwarded, &with)?.value, decoded.value);
        }
    }
}
