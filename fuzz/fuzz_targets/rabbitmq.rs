//! Any properties and body as a message of AMQP 0.9.1: no panic; what is an event can be written and read again; forwarding moves it
//! unchanged.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Mode, codec::TextBuffer};
use cloudevents_rabbitmq::{FieldValue, RabbitMessage, decode, decode_message, encode, encode_message};
use libfuzzer_sys::fuzz_target;

/// The first byte is the type; the others are the value, or its first bytes.
fn value(bytes: &[u8]) -> FieldValue {
    let (ty, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut number = [0; 16];
    number.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let number = i128::from_le_bytes(number);
    match ty % 8 {
        0 => FieldValue::Boolean(number & 1 == 1),
        1 => FieldValue::Integer(number),
        2 => FieldValue::Timestamp(number as u64),
        3 => FieldValue::Void,
        4 => FieldValue::Other("table"),
        _ => FieldValue::Bytes(Bytes::copy_from_slice(rest)),
    }
}

fn text(bytes: &[u8]) -> Option<TextBuffer> {
    TextBuffer::new(Bytes::copy_from_slice(bytes)).ok().filter(|text| !text.as_str().is_empty())
}

fuzz_target!(|data: &[u8]| {
    // Lines: the content type; the content encoding; then `name=value` each; an empty line; the body.
    let mut message = RabbitMessage::default();
    let (mut rest, mut number) = (data, 0);
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, after) = (&rest[..at], &rest[at + 1..]);
        (rest, number) = (after, number + 1);
        match number {
            1 => message.content_type = text(line),
            2 => message.content_encoding = text(line),
            _ if line.is_empty() => break,
            _ => {
                let Some(equals) = line.iter().position(|&byte| byte == b'=') else { continue };
                let Ok(name) = std::str::from_utf8(&line[..equals]) else { continue };
                message = message.with_header(name.to_owned(), value(&line[equals + 1..]));
            }
        }
    }
    message.body = Bytes::copy_from_slice(rest);
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let decoded = decode(&message, &with);
        if let Ok(found) = decode_message(&message, &with) {
            let forwarded = encode_message(&found.value).expect("a message can be written");
            assert_eq!(decode(&forwarded, &with).is_ok(), decoded.is_ok());
        } else {
            assert!(decoded.is_err(), "an event is a message");
        }
        let Ok(decoded) = decoded else { continue };
        let (again, _) = encode(&decoded.value, Mode::Binary).expect("an event can be written");
        let event = decode(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
        assert!(event.attributes().len() >= decoded.value.attributes().len());
        assert_eq!(
            event.data_bytes().cloned().unwrap_or_default(),
            decoded.value.data_bytes().cloned().unwrap_or_default()
        );
    }
});
