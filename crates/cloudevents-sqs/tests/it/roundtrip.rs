//! A message returns all that SQS can carry of an event, for any event.

use cloudevents_core::{DecodeOptions, ErrorKind, Formats, Mode};
use cloudevents_json::Json;
use cloudevents_sqs::{decode, decode_message, encode, encode_message};
use cloudevents_testkit::{any, carrier::message_form};
use proptest::prelude::*;

proptest! {
    /// An event that does not fit is refused, with a reason and a help text.
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
            let decoded = decode(&message, &with)?;
            prop_assert!(decoded.repairs().is_empty());
            prop_assert_eq!(&decoded.value, &expected);
            let read = decode_message(&message, &with)?.value;
            let forwarded = encode_message(&read)?;
            prop_assert_eq!(decode(&forwarded, &with)?.value, decoded.value);
        }
    }
}
