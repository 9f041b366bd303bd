//! Any body and attributes as a message: no panic; what is an event can be written and read again; forwarding moves it unchanged.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Mode};
use cloudevents_sqs::{SqsMessage, decode, decode_message, encode, encode_message, fits, is_cloudevent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Lines of `name: value`, an empty line, the body.
    let (attributes, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (&data[..0], data),
    };
    let mut message = SqsMessage::new(Bytes::copy_from_slice(body));
    for line in attributes.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]);
        message = message.with_attribute(String::from_utf8_lossy(&line[..colon]), Bytes::copy_from_slice(value));
    }
    let _ = fits(&message);
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        if let Ok(forwarded) = decode_message(&message, &with)
            && let Ok(again) = encode_message(&forwarded.value)
        {
            assert!(is_cloudevent(&again));
            let read = decode_message(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
            assert_eq!(read.mode().as_str(), forwarded.value.mode().as_str());
        }
        let Ok(decoded) = decode(&message, &with) else { continue };
        let Ok((again, _)) = encode(&decoded.value, Mode::Binary) else { continue };
        let event = decode(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
    }
});
