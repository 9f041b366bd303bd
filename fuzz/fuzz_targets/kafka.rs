//! Any headers and value as a Kafka record: no panic; what is an event can be written and read again; forwarding moves it unchanged.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Mode};
use cloudevents_kafka::{Record, decode, decode_message, encode, encode_message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Lines of `name:value`, or of a name alone, which is null; an empty line; the value, unless the data ended before.
    let mut record = Record::default();
    let mut rest = data;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, after) = (&rest[..at], &rest[at + 1..]);
        rest = after;
        if line.is_empty() {
            record.value = Some(Bytes::copy_from_slice(rest));
            break;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let Ok(name) = std::str::from_utf8(&line[..colon.unwrap_or(line.len())]) else { continue };
        record = record.with_header(name.to_owned(), colon.map(|colon| Bytes::copy_from_slice(&line[colon + 1..])));
    }
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let decoded = decode(&record, &with);
        let message = decode_message(&record, &with);
        if let Ok(message) = message {
            let forwarded = encode_message(&message.value).expect("a message can be written");
            assert_eq!(forwarded.value.is_some(), record.value.is_some());
            assert_eq!(decode(&forwarded, &with).is_ok(), decoded.is_ok());
        } else {
            assert!(decoded.is_err(), "an event is a message");
        }
        let Ok(decoded) = decoded else { continue };
        let (again, _) = encode(&decoded.value, Mode::Binary).expect("an event can be written");
        let event = decode(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
        assert!(event.attributes().len() >= decoded.value.attributes().len());
        assert_eq!(event.data_bytes(), decoded.value.data_bytes());
    }
});
