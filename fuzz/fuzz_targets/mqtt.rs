//! Any properties and payload as an MQTT message: no panic; what is an event can be written and
//! read again; forwarding moves it unchanged.
#![no_main]

use cloudevents_core::{DecodeOptions, Mode};
use cloudevents_mqtt::{MqttMessage, Version, decode, decode_message, encode, encode_message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte: version, payload format indicator and content type. Lines of `name:value`; an empty line; the payload.
    let Some((&flags, mut rest)) = data.split_first() else { return };
    let version = if flags & 1 == 0 { Version::V5 } else { Version::V3 };
    let mut message = MqttMessage::new("").with_version(version);
    message.payload_is_text = flags & 2 != 0;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, after) = (&rest[..at], &rest[at + 1..]);
        rest = after;
        if line.is_empty() {
            break;
        }
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        message = match name {
            "content-type" => message.with_content_type(value),
            _ => message.with_user_property(name, value),
        };
    }
    message.payload = rest.to_vec().into();
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let decoded = decode(&message, &with);
        match decode_message(&message, &with) {
            Ok(found) => {
                let forwarded = encode_message(&found.value, version).expect("a message can be written");
                assert_eq!(decode(&forwarded, &with).is_ok(), decoded.is_ok());
            }
            Err(_) => assert!(decoded.is_err(), "an event is a message"),
        }
        let Ok(decoded) = decoded else { continue };
        let Ok((again, _)) = encode(&decoded.value, Mode::Binary) else { continue };
        let event = decode(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
        assert!(event.attributes().len() >= decoded.value.attributes().len());
        assert_eq!(event.data_bytes(), decoded.value.data_bytes());
    }
});
