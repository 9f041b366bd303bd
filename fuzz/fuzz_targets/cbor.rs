//! Any bytes as a CBOR document: no panic; what is an event can be written and read again; what minicbor calls no CBOR is no
//! event; peeking and lenient decoding agree with strict decoding.
#![no_main]

use bytes::Bytes;
use cloudevents_cbor::Cbor;
use cloudevents_core::{DecodeOptions, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = Bytes::copy_from_slice(data);
    let strict = Cbor::new().decode(document.clone(), &DecodeOptions::strict());
    let lenient = Cbor::new().decode(document.clone(), &DecodeOptions::lenient());
    let _ = Cbor::new().peek(&document, "time", &DecodeOptions::strict());
    if let Ok(decoded) = &strict {
        let event = &decoded.value;
        assert!(decoded.repairs.is_empty());
        assert_eq!(&lenient.as_ref().expect("strict is within lenient").value, event);
        let written = cloudevents_cbor::encode_lossy(event).expect("events are of 1.0");
        // The first writing puts the T and Z of timestamps into upper case; after it nothing changes.
        let again = cloudevents_cbor::decode(written.clone()).expect("encoded events decode");
        assert_eq!(again.data(), event.data());
        assert_eq!(cloudevents_cbor::encode_lossy(&again).expect("events are of 1.0"), written);
        assert_eq!(Cbor::new().peek(&document, "id", &DecodeOptions::strict()).expect("peek").as_deref(), Some(event.id()));
        let mut decoder = minicbor::Decoder::new(data);
        decoder.skip().expect("events are CBOR");
        assert_eq!(decoder.position(), data.len());
    }
    if let Ok(decoded) = lenient {
        let written = cloudevents_cbor::encode_lossy(&decoded.value).expect("events are of 1.0");
        let again = Cbor::new().decode(written.clone().into(), &DecodeOptions::lenient()).expect("encoded events decode");
        assert_eq!(cloudevents_cbor::encode_lossy(&again.value).expect("events are of 1.0"), written);
    }
});
