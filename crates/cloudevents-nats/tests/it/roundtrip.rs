//! A message returns all that NATS can carry of an event, for any event.

use cloudevents_core::{DecodeOptions, Formats};
use cloudevents_json::Json;
use cloudevents_nats::Encoding;
use cloudevents_testkit::{any, carrier::message_form};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_event_in_any_mode(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let json = Json::new();
        for encoding in [Encoding::binary(), Encoding::structured(&json), Encoding::without_headers(&json)] {
            let expected = message_form(&event, encoding.mode);
            let bare = encoding.without_headers;
            let (message, _) = cloudevents_nats::encode(&event, encoding)?;
            prop_assert_eq!(message.headers.is_empty(), bare);
            // NATS-3.1.3.2-b: printable ASCII, and a value that no line break ends.
            prop_assert!(message.headers.iter().all(|(_, value)| value.iter().all(|byte| (b' '..0x7f).contains(byte))));
            let decoded = cloudevents_nats::decode(&message, &with)?;
            prop_assert!(decoded.repairs().is_empty());
            prop_assert_eq!(&decoded.value, &expected);
            let read = cloudevents_nats::decode_message(&message, &with)?.value;
            let forwarded = cloudevents_nats::encode_message(&read)?;
            prop_assert_eq!(cloudevents_nats::decode(&forwarded, &with)?.value, decoded.value);
        }
    }
}
