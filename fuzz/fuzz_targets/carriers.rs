//! Any headers and body as a message of each carrier: no panic; what is an event can be written and read again; forwarding moves it
//! unchanged.
#![no_main]

use bytes::Bytes;
use cloudevents_carriers::{CARRIERS, CarrierMessage, Encoding};
use cloudevents_core::DecodeOptions;
use cloudevents_json::Json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Lines of `name: value`, an empty line, the body. The header `native` is the content type of carriers with a field for it.
    let (headers, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (&data[..0], data),
    };
    let mut message = CarrierMessage::new(Bytes::copy_from_slice(body));
    for line in headers.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]);
        message = match &line[..colon] {
            b"native" => message.with_content_type(String::from_utf8_lossy(value).into_owned()),
            name => message.with_header(String::from_utf8_lossy(name).into_owned(), Bytes::copy_from_slice(value)),
        };
    }
    for carrier in CARRIERS {
        let _ = carrier.fits(&message);
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            if let Ok(forwarded) = carrier.decode_message(&message, &with)
                && let Ok(again) = carrier.encode_message(&forwarded.value)
            {
                assert!(carrier.is_cloudevent(&again));
                let read = carrier.decode_message(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
                assert_eq!(read.mode(), forwarded.value.mode());
            }
            let Ok(decoded) = carrier.decode(&message, &with) else { continue };
            let Ok(again) = carrier.encode(&decoded.value, Encoding::Auto(&Json::new())) else { continue };
            let event = carrier.decode(&again.message, &DecodeOptions::lenient()).expect("what was written can be read").value;
            assert_eq!(event.id(), decoded.value.id());
        }
    }
});
