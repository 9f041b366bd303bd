//! `decode(encode(event)) == carrier_form(event)`, for any event, and every loss is reported.

use bytes::Bytes;
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Format, SpecVersion};
use cloudevents_testkit::{
    any::{self, event_of_1_0},
    carrier::{Carrier, carrier_form, changes, told},
};
use proptest::prelude::*;

const FORMATS: [(Carrier, &dyn Format); 2] =
    [(Carrier::Avro, &Avro::new()), (Carrier::AvroCompact, &AvroCompact::new())];

fn encode(format: &dyn Format, event: &Event) -> Bytes {
    let mut out = Vec::new();
    let _ = format.encode(event, &mut out).unwrap();
    // What is reserved is what is written, and without a payload the byte that finds mistakes of measuring.
    assert!(out.capacity() - out.len() <= 1);
    out.into()
}

fn decode(format: &dyn Format, document: Bytes) -> Event {
    let decoded = format.decode(document, &DecodeOptions::strict()).unwrap();
    assert!(decoded.repairs.is_empty());
    decoded.value
}

proptest! {
    #[test]
    fn there_and_back(event in event_of_1_0()) {
        for (carrier, format) in FORMATS {
            let form = carrier_form(&event, carrier);
            let document = encode(format, &event);
            prop_assert_eq!(&decode(format, document), &form, "{:?}", carrier);
            // What became of it once does not change again.
            let twice = carrier_form(&form, carrier);
            prop_assert_eq!(&decode(format, encode(format, &twice)), &twice, "{:?}", carrier);
        }
    }

    #[test]
    fn what_changes_is_told(event in event_of_1_0()) {
        for (carrier, format) in FORMATS {
            let losses = format.encode(&event, &mut Vec::new())?;
            prop_assert_eq!(told(&losses), changes(&event, &carrier_form(&event, carrier)), "{:?}: {:?}", carrier, losses);
        }
    }

    #[test]
    fn peeking_finds_what_decoding_finds(event in event_of_1_0()) {
        for (_, format) in FORMATS {
            let document = encode(format, &event);
            let event = decode(format, document.clone());
            let peek = |name| format.peek(&document, name, &DecodeOptions::strict());
            for (name, value) in event.attributes() {
                let peeked = peek(name.as_str())?;
                let canonical = value.to_canonical();
                prop_assert_eq!(peeked.as_deref(), Some(canonical.as_ref()));
            }
            let version = peek("specversion")?;
            prop_assert_eq!(version.as_deref(), Some("1.0"));
            prop_assert_eq!(peek("absent")?, event.attribute("absent").map(|value| value.to_string()));
        }
    }

    #[test]
    fn the_payload_is_not_copied(event in event_of_1_0()) {
        for (_, format) in FORMATS {
            let document = encode(format, &event);
            let event = decode(format, document.clone());
            let escaped = matches!(event.data(), Some(cloudevents_core::Data::Json(json)) if json.as_str().starts_with('"'));
            if let Some(bytes) = event.data_bytes().filter(|bytes| !bytes.is_empty() && !escaped) {
                prop_assert!(document.as_ptr_range().contains(&bytes.as_ptr()));
            }
        }
    }

    #[test]
    fn version_0_3_is_refused(event in any::event().prop_filter("1.0", |event| event.specversion() == SpecVersion::V03)) {
        for (_, format) in FORMATS {
            let mut out = Vec::new();
            let error = format.encode(&event, &mut out).unwrap_err();
            prop_assert_eq!(error.kind(), ErrorKind::UnsupportedSpecversion);
            prop_assert!(error.help().unwrap().contains("upgrade"));
            prop_assert!(out.is_empty());
        }
    }
}

#[test]
fn neither_has_batches() {
    for (_, format) in FORMATS {
        assert!(format.batch_media_type().is_none());
        assert_eq!(format.batch_to_vec(Default::default()).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(
            format.decode_batch(Bytes::new(), &DecodeOptions::strict()).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
    }
}
