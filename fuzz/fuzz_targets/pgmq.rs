//! Any text and headers as a message: no panic; what is an event can be written and read again; forwarding moves it unchanged.
#![no_main]

use cloudevents_core::{DecodeOptions, Mode};
use cloudevents_json::Json;
use cloudevents_pgmq::{PgmqMessage, decode, decode_message, encode, encode_message, fits, is_cloudevent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Lines of `name: value`, an empty line, the message.
    let (headers, text) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (&data[..0], data),
    };
    let mut message = PgmqMessage::new(bytes::Bytes::copy_from_slice(text));
    for line in String::from_utf8_lossy(headers).lines() {
        if let Some((name, value)) = line.split_once(':') {
            message = message.with_header(name, value.trim_start());
        }
    }
    let _ = (fits(&message), is_cloudevent(&message));
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        if let Ok(forwarded) = decode_message(&message, &with)
            && let Ok(again) = encode_message(&forwarded.value)
        {
            assert!(is_cloudevent(&again));
        }
        let Ok(decoded) = decode(&message, &with) else { continue };
        let Ok((again, _)) = encode(&decoded.value, Mode::structured(&Json::new())) else { continue };
        let event = decode(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
    }
});
