//! Any bytes as documents of the Avro formats: no panic; an event that comes out can be written without a loss and read again;
//! peeking and lenient decoding agree with strict decoding.
#![no_main]

use bytes::Bytes;
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_core::{DecodeOptions, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    check(&Avro::new(), data);
    check(&AvroCompact::new(), data);
});

fn check(format: &dyn Format, data: &[u8]) {
    let document = Bytes::copy_from_slice(data);
    let strict = format.decode(document.clone(), &DecodeOptions::strict());
    if let Err(error) = &strict {
        assert!(error.offset().is_some() || error.kind() == cloudevents_core::ErrorKind::TooLarge, "{error:?}");
    }
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let Ok(decoded) = format.decode(document.clone(), &with) else { continue };
        let event = decoded.value;
        if decoded.repairs.is_empty() {
            assert_eq!(&event, &strict.as_ref().expect("nothing was repaired").value);
            for (name, value) in event.attributes() {
                let peeked = format.peek(&document, name.as_str(), &with).expect("peek");
                assert_eq!(peeked.as_deref(), Some(value.to_canonical().as_ref()));
            }
        }
        let mut again = Vec::new();
        assert!(format.encode(&event, &mut again).expect("an event can be written").is_empty());
        let again = format.decode(again.into(), &with).expect("encoded events decode").value;
        assert_eq!(again.data(), event.data());
        // The content type of a JSON value is made explicit; otherwise nothing changes.
        let implied = event.datacontenttype().is_none();
        assert!(again.attributes().filter(|(name, _)| !implied || *name != "datacontenttype").eq(event.attributes()));
    }
}
