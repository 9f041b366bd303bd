//! Any bytes as a Protobuf document: no panic; what is an event can be written and read again, the same.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Format};
use cloudevents_protobuf::Protobuf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (format, document) = (Protobuf::new(), Bytes::copy_from_slice(data));
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        for name in ["id", "specversion", "time", "subject", "x"] {
            let _ = format.peek(&document, name, &with);
        }
        if let Ok(decoded) = format.decode(document.clone(), &with) {
            // A `time` given as text may lose its offset when written; after that nothing changes.
            let mut first = Vec::new();
            format.encode(&decoded.value, &mut first).expect("an event can be written");
            let event = format.decode(first.clone().into(), &DecodeOptions::lenient()).expect("what was written can be read").value;
            assert_eq!(event.id(), decoded.value.id());
            assert_eq!(event.data(), decoded.value.data());
            let mut second = Vec::new();
            assert!(format.encode(&event, &mut second).expect("an event can be written").is_empty());
            assert_eq!(first, second);
        }
        let batch = format.decode_batch(document.clone(), &with);
        if let Ok(items) = format.decode_items(document.clone(), &with) {
            assert_eq!(batch.is_ok(), items.iter().all(|item| item.event.is_ok()));
        } else {
            assert!(batch.is_err());
        }
        if let Ok(batch) = batch {
            let mut out = Vec::new();
            format.encode_batch((&batch.value).into(), &mut out).expect("a batch can be written");
            let again = format.decode_batch(out.into(), &DecodeOptions::lenient()).expect("what was written can be read");
            assert_eq!(again.value.len(), batch.value.len());
        }
    }
});
