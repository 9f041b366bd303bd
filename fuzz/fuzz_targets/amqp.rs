//! Any properties and body as an AMQP message: no panic; what is an event can be written and read again; forwarding moves it unchanged.
#![no_main]

use bytes::Bytes;
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body, Separator, decode, decode_message, encode, encode_message};
use cloudevents_core::{DecodeOptions, Mode, codec::TextBuffer};
use libfuzzer_sys::fuzz_target;

/// The first byte says the type; the others are the value, or its first bytes.
fn value(bytes: &[u8]) -> AmqpValue {
    let (ty, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut number = [0; 8];
    number.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let number = u64::from_le_bytes(number);
    let text = || TextBuffer::new(Bytes::copy_from_slice(rest)).unwrap_or_default();
    match ty % 20 {
        0 => AmqpValue::Null,
        1 => AmqpValue::Boolean(number & 1 == 1),
        2 => AmqpValue::Ubyte(number as u8),
        3 => AmqpValue::Ushort(number as u16),
        4 => AmqpValue::Uint(number as u32),
        5 => AmqpValue::Ulong(number),
        6 => AmqpValue::Byte(number as i8),
        7 => AmqpValue::Short(number as i16),
        8 => AmqpValue::Int(number as i32),
        9 => AmqpValue::Long(number as i64),
        10 => AmqpValue::Float(f32::from_bits(number as u32)),
        11 => AmqpValue::Double(f64::from_bits(number)),
        12 => AmqpValue::Timestamp(number as i64),
        13 => AmqpValue::Binary(Bytes::copy_from_slice(rest)),
        14 => AmqpValue::Symbol(text()),
        15 => AmqpValue::Other,
        _ => AmqpValue::String(text()),
    }
}

fuzz_target!(|data: &[u8]| {
    // Lines: the content type; then `name=value` each; an empty line; the shape of the body, and the body.
    let mut message = AmqpMessage::default();
    let mut lines = data.split_inclusive(|&byte| byte == b'\n');
    let mut read = 0;
    for (at, line) in lines.by_ref().enumerate() {
        read += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if at == 0 {
            message.properties.content_type =
                TextBuffer::new(Bytes::copy_from_slice(line)).ok().filter(|text| !text.as_str().is_empty());
            continue;
        }
        if line.is_empty() {
            break;
        }
        let Some(equals) = line.iter().position(|&byte| byte == b'=') else { continue };
        let Ok(name) = std::str::from_utf8(&line[..equals]) else { continue };
        message = message.with_property(name, value(&line[equals + 1..]));
    }
    if let Some((shape, body)) = data[read..].split_first() {
        message.body = match shape % 4 {
            0 => Body::Data(Bytes::copy_from_slice(body)),
            1 => Body::DataSections(body.split(|&byte| byte == b'\n').map(Bytes::copy_from_slice).collect()),
            2 => Body::Value(value(body)),
            _ => Body::Sequence,
        };
    }
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let decoded = decode(&message, &with);
        if let Ok(message) = decode_message(&message, &with) {
            let forwarded = encode_message(&message.value, Separator::Colon).expect("a message can be written");
            assert_eq!(decode(&forwarded, &with).is_ok(), decoded.is_ok());
        } else {
            assert!(decoded.is_err(), "an event is a message");
        }
        let Ok(decoded) = decoded else { continue };
        let (again, _) = encode(&decoded.value, Mode::Binary).expect("an event can be written");
        let event = decode(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
        assert_eq!(event.time(), decoded.value.time());
        assert!(event.attributes().len() >= decoded.value.attributes().len());
        assert_eq!(
            event.data_bytes().cloned().unwrap_or_default(),
            decoded.value.data_bytes().cloned().unwrap_or_default()
        );
    }
});
