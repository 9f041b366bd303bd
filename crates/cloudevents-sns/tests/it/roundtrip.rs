//! SQS reads all that SNS can carry of an event, for any event.

use cloudevents_core::{DecodeOptions, ErrorKind, Formats, Mode};
use cloudevents_json::Json;
use cloudevents_sns::{decode_message, encode, encode_message};
use cloudevents_testkit::{any, carrier::message_form};
use proptest::prelude::*;

proptest! {
    /// The attributes beside a document change nothing for a reader.
    #[test]
    fn any_event_in_any_mode(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let json = Json::new();
        for mode in [Mode::Binary, Mode::Structured(&json)] {
            let expected = message_form(&event, mode);
            let message = match encode(&event, mode) {
                Ok((message, _)) => message,
                Err(error) => {
                    prop_assert_eq!(error.kind(), ErrorKind::Unsupported);
                    prop_assert!(error.help().is_some());
                    continue;
                }
            };
            prop_assert!(message.attributes.len() <= 10);
            let decoded = cloudevents_sqs::decode(&message, &with)?;
            prop_assert!(decoded.repairs().is_empty());
            prop_assert_eq!(&decoded.value, &expected);
            let forwarded = encode_message(&decode_message(&message, &with)?.value)?;
            prop_assert_eq!(forwarded, message);
        }
    }
}
