//! What the adapter of EventBridge unwraps is the event, for any event that fits.

use cloudevents_adapters::find;
use cloudevents_core::{DecodeOptions, ErrorKind, Formats, Message, Mode};
use cloudevents_eventbridge::{encode, encode_message};
use cloudevents_json::Json;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
};
use proptest::prelude::*;

/// An event as a target of a rule gets it: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>.
fn delivered(detail: &str) -> String {
    format!(
        r#"{{"version":"0","id":"6a7e8feb","detail-type":"t","source":"s","account":"1","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail":{detail}}}"#
    )
}

proptest! {
    #[test]
    fn any_event(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let entry = match encode(&event, Mode::Structured(&Json::new())) {
            Ok((entry, _)) => entry,
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Unsupported);
                prop_assert!(error.help().is_some());
                return Ok(());
            }
        };
        let document = delivered(std::str::from_utf8(&entry.detail).unwrap());
        let events = find("aws-eventbridge").unwrap().events(&[], &document.into(), &with);
        let unwrapped = events.into_iter().next().unwrap()?.value;
        prop_assert_eq!(&unwrapped, &carrier_form(&event, Carrier::Json));
        let forwarded = encode_message(&Message::structured(&unwrapped, &Json::new())?.0)?;
        prop_assert_eq!(forwarded.detail_type, entry.detail_type);
        prop_assert_eq!(forwarded.source, entry.source);
    }
}
