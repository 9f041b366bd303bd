//! What comes out of a frame is what its format can carry of what went in, for any event.

use cloudevents_avro::Avro;
use cloudevents_core::{DecodeOptions, ErrorKind, Formats, SpecVersion};
use cloudevents_json::Json;
use cloudevents_protobuf::Protobuf;
use cloudevents_testkit::any;
use cloudevents_websockets::{Subprotocol, decode, decode_message, encode, encode_message};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_event_over_any_subprotocol(event in any::event()) {
        let formats = Formats::none().with(Json::new()).with(Avro::new()).with(Protobuf::new());
        let with = DecodeOptions::strict().with_formats(formats);
        for subprotocol in Subprotocol::ALL {
            let (frame, _) = match encode(&event, *subprotocol, &with) {
                // Avro and Protobuf have version 1.0 only.
                Err(error) if *subprotocol != Subprotocol::Json && event.specversion() == SpecVersion::V03 => {
                    prop_assert_eq!(error.kind(), ErrorKind::UnsupportedSpecversion);
                    continue;
                }
                encoded => encoded?,
            };
            // WS-1.5-a.
            prop_assert_eq!(frame.is_text(), *subprotocol == Subprotocol::Json);
            // What the format makes of it is the format's: here, that the document arrives.
            let format = with.formats.get(&subprotocol.format()).unwrap();
            let expected = format.decode(frame.as_bytes().clone(), &with)?.value;
            prop_assert_eq!(&decode(frame.clone(), *subprotocol, &with)?.value, &expected);
            let message = decode_message(frame.clone(), *subprotocol, &with)?.value;
            let forwarded = encode_message(&message, *subprotocol)?;
            prop_assert_eq!(forwarded.as_bytes(), frame.as_bytes());
        }
    }
}
