//! Any bytes as a JSON document: no panic; what is an event can be written and read again; what serde_json calls no JSON is no
//! event; peeking and lenient decoding agree with strict decoding.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Format};
use cloudevents_json::Json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = Bytes::copy_from_slice(data);
    let strict = Json::new().decode(document.clone(), &DecodeOptions::strict());
    let lenient = Json::new().decode(document.clone(), &DecodeOptions::lenient());
    if let Ok(decoded) = &strict {
        let event = &decoded.value;
        assert!(decoded.repairs.is_empty());
        assert_eq!(&lenient.as_ref().expect("strict is within lenient").value, event);
        assert_eq!(&cloudevents_json::decode(cloudevents_json::encode_lossy(event)).expect("encoded events decode"), event);
        assert_eq!(Json::new().peek(&document, "id", &DecodeOptions::strict()).expect("peek").as_deref(), Some(event.id()));
        let mut deserializer = serde_json::Deserializer::from_slice(data);
        deserializer.disable_recursion_limit();
        <serde::de::IgnoredAny as serde::Deserialize>::deserialize(&mut deserializer).expect("events are JSON");
    }
    if let Ok(decoded) = lenient {
        let again = cloudevents_json::encode_lossy(&decoded.value);
        assert_eq!(Json::new().decode(again.into(), &DecodeOptions::lenient()).expect("encoded events decode").value, decoded.value);
    }
});
