//! `decode(encode(event)) == carrier_form(event)`, for any event, and what is lost is told.

use crate::form::{Carrier, carrier_form, losses};
use bytes::Bytes;
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_core::{Decoding, ErrorKind, Event, Format, SpecVersion};
use cloudevents_json::Json;
use cloudevents_testkit::{any, carrier};
use proptest::prelude::*;

const FORMATS: [(Carrier, &dyn Format); 2] =
    [(Carrier::Avro, &Avro::new()), (Carrier::AvroCompact, &AvroCompact::new())];

fn encode(format: &dyn Format, event: &Event) -> Bytes {
    let mut out = Vec::new();
    format.encode(event, &mut out).unwrap();
    // What is reserved is what is written.
    assert_eq!(out.capacity(), out.len());
    out.into()
}

fn decode(format: &dyn Format, document: Bytes) -> Event {
    let decoded = format.decode(document, &Decoding::strict()).unwrap();
    assert!(decoded.repairs.is_empty());
    decoded.value
}

fn any_v1() -> impl Strategy<Value = Event> {
    any::event().prop_filter("0.3", |event| event.specversion() == SpecVersion::V1)
}

proptest! {
    #[test]
    fn there_and_back(event in any_v1()) {
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
    fn what_is_lost_is_told(event in any_v1()) {
        for (carrier, format) in FORMATS {
            let told = format.encode(&event, &mut Vec::new())?;
            let mut told: Vec<_> = told.iter().map(|loss| (loss.at().to_owned(), loss.kind())).collect();
            told.sort();
            prop_assert_eq!(told, losses(&event, carrier), "{:?}", carrier);
        }
    }

    #[test]
    fn after_json(event in any_v1()) {
        let event = carrier::carrier_form(&event, carrier::Carrier::Json);
        for (carrier, format) in FORMATS {
            let came = decode(&Json::new(), encode_json(&event));
            prop_assert_eq!(decode(format, encode(format, &came)), carrier_form(&event, carrier), "{:?}", carrier);
        }
    }

    #[test]
    fn and_on_to_json(event in any_v1()) {
        for (carrier, format) in FORMATS {
            let form = carrier_form(&event, carrier);
            let came = decode(format, encode(format, &event));
            prop_assert_eq!(
                decode(&Json::new(), encode_json(&came)),
                carrier::carrier_form(&form, carrier::Carrier::Json),
                "{:?}", carrier
            );
        }
    }

    #[test]
    fn from_one_to_the_other(event in any_v1()) {
        let [(first, avro), (second, compact)] = FORMATS;
        let came = decode(compact, encode(compact, &decode(avro, encode(avro, &event))));
        prop_assert_eq!(came, carrier_form(&carrier_form(&event, first), second));
        let came = decode(avro, encode(avro, &decode(compact, encode(compact, &event))));
        prop_assert_eq!(came, carrier_form(&carrier_form(&event, second), first));
    }

    #[test]
    fn peeking_finds_what_decoding_finds(event in any_v1()) {
        for (_, format) in FORMATS {
            let document = encode(format, &event);
            let event = decode(format, document.clone());
            let peek = |name| format.peek(&document, name, &Decoding::strict());
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
    fn the_payload_is_not_copied(event in any_v1()) {
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

fn encode_json(event: &Event) -> Bytes {
    cloudevents_json::encode(event).into()
}

#[test]
fn neither_has_batches() {
    for (_, format) in FORMATS {
        assert!(format.batch_media_type().is_none());
        assert_eq!(format.encode_batch(&[], &mut Vec::new()).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(
            format.decode_batch(Bytes::new(), &Decoding::strict()).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
    }
}
