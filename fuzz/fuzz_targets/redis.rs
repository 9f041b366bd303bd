//! Any fields as an entry of a stream: no panic; what is an event can be written and read again; forwarding moves it unchanged.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Mode};
use cloudevents_redis::{RedisMessage, decode, decode_message, encode, encode_message, is_cloudevent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Lines of `name: value`, an empty line, the payload.
    let mut message = RedisMessage::default();
    let mut rest = data;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, after) = (&rest[..at], &rest[at + 1..]);
        rest = after;
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]);
        message = message.with_field(Bytes::copy_from_slice(&line[..colon]), Bytes::copy_from_slice(value));
    }
    message = message.with_field("data", Bytes::copy_from_slice(rest));
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        if let Ok(forwarded) = decode_message(&message, &with) {
            if let Ok(again) = encode_message(&forwarded.value) {
                assert!(is_cloudevent(&again));
                let read = decode_message(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
                assert_eq!(read.mode().as_str(), forwarded.value.mode().as_str());
            }
        }
        let Ok(decoded) = decode(&message, &with) else { continue };
        let Ok((again, _)) = encode(&decoded.value, Mode::Binary) else { continue };
        let event = decode(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
        let bytes = |event: &cloudevents_core::Event| event.data_bytes().map(|bytes| bytes.to_vec()).unwrap_or_default();
        assert_eq!(bytes(&event), bytes(&decoded.value));
    }
});
