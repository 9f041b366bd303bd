//! Any bytes as a CBOR document: no panic; what is an event can be written and read again; what minicbor calls no CBOR is no
//! event; peeking and lenient decoding agree with strict decoding.
#![no_main]

use bytes::Bytes;
use cloudevents_cbor::Cbor;
use cloudevents_core::{Decoding, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = Bytes::copy_from_slice(data);
    let strict = Cbor::new().decode(document.clone(), &Decoding::strict());
    let lenient = Cbor::new().decode(document.clone(), &Decoding::lenient());
    let _ = Cbor::new().peek(&document, "time", &Decoding::strict());
    if let Ok(decoded) = &strict {
        let event = &decoded.value;
        assert!(decoded.repairs.is_empty());
        assert_eq!(&lenient.as_ref().expect("strict is within lenient").value, event);
        let written = cloudevents_cbor::encode(event).expect("events are of 1.0");
        // The first writing puts the T and Z of timestamps into upper case; after it nothing changes.
        let again = cloudevents_cbor::decode(written.clone()).expect("encoded events decode");
        assert_eq!(again.data(), event.data());
        assert_eq!(cloudevents_cbor::encode(&again).expect("events are of 1.0"), written);
        assert_eq!(Cbor::new().peek(&document, "id", &Decoding::strict()).expect("peek").as_deref(), Some(event.id()));
        let mut decoder = minicbor::Decoder::new(data);
        decoder.skip().expect("events are CBOR");
        assert_eq!(decoder.position(), data.len());
    }
    if let Ok(decoded) = lenient {
        let written = cloudevents_cbor::encode(&decoded.value).expect("events are of 1.0");
        let again = Cbor::new().decode(written.clone().into(), &Decoding::lenient()).expect("encoded events decode");
        assert_eq!(cloudevents_cbor::encode(&again.value).expect("events are of 1.0"), written);
    }
});
