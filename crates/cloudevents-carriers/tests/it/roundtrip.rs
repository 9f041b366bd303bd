//! What comes out of a message is what the carrier can carry of what went in, for any event and each row.

use cloudevents_carriers::{CARRIERS, Encoding};
use cloudevents_core::{ContentMode, DecodeOptions, ErrorKind, Event, Mode};
use cloudevents_json::Json;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
};
use proptest::prelude::*;

proptest! {
    /// An event that does not fit is refused, with a reason and a help text.
    #[test]
    fn any_event_in_any_mode_of_each_row(event in any::event()) {
        let (with, json) = (DecodeOptions::strict(), Json::new());
        let modes = [Encoding::Mode(Mode::Binary), Encoding::Mode(Mode::Structured(&json)), Encoding::Auto(&json)];
        for (carrier, encoding) in CARRIERS.iter().flat_map(|carrier| modes.map(|mode| (carrier, mode))) {
            let encoded = match carrier.encode(&event, encoding) {
                Ok(encoded) => encoded,
                Err(error) => {
                    let known = [ErrorKind::Unsupported, ErrorKind::TooMany, ErrorKind::TooLarge];
                    prop_assert!(known.contains(&error.kind()) && error.help().is_some(), "{:?}", error);
                    continue;
                }
            };
            prop_assert!(carrier.has(encoded.mode) && carrier.fits(&encoded.message).is_ok());
            prop_assert!(carrier.is_cloudevent(&encoded.message));
            // Binary mode: every extension is a String, and the payload is bytes, of which none are no payload, as with HTTP.
            let expected = match encoded.mode {
                ContentMode::Binary => carrier_form(&event, Carrier::HttpBinary),
                _ => carrier_form(&event, Carrier::Json),
            };
            let decoded = carrier.decode(&encoded.message, &with)?;
            prop_assert!(decoded.repairs().is_empty());
            if encoded.losses.iter().any(|loss| loss.kind() == "line-breaks") {
                prop_assert!(carrier.name == "lines" || carrier.name == "sse", "{}", carrier.name);
                prop_assert_eq!(spaced(&decoded.value), spaced(&expected), "{}", carrier.name);
            } else {
                prop_assert_eq!(&decoded.value, &expected, "{}", carrier.name);
                prop_assert_eq!(encoded.losses.is_empty(), expected == event, "{}", carrier.name);
            }
            let read = carrier.decode_message(&encoded.message, &with)?.value;
            prop_assert_eq!(read.mode(), encoded.mode);
            let forwarded = carrier.encode_message(&read)?;
            prop_assert_eq!(&forwarded.body, &encoded.message.body);
            prop_assert_eq!(carrier.decode(&forwarded, &with)?.value, decoded.value);
        }
    }
}

/// The event in the JSON format, with a space for each line break between tokens.
fn spaced(event: &Event) -> String {
    String::from_utf8(cloudevents_json::encode(event).0).unwrap().replace(['\n', '\r'], " ")
}
