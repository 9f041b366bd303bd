//! Any frame over any subprotocol, and any header of the handshake: no panic; what is an event can be written and read again; forwarding
//! moves it unchanged; the subprotocol is one that both sides have named.
#![no_main]

use bytes::Bytes;
use cloudevents_avro::Avro;
use cloudevents_core::{DecodeOptions, Formats, codec::TextBuffer};
use cloudevents_protobuf::Protobuf;
use cloudevents_websockets::{
    Frame, Subprotocol, chosen, decode, decode_message, encode, encode_message, offer, select,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&flags, content)) = data.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(content) {
        handshake(text);
    }
    let subprotocol = Subprotocol::ALL[usize::from(flags) % Subprotocol::ALL.len()];
    let bytes = Bytes::copy_from_slice(content);
    let frame = match flags & 0x80 {
        0 => Frame::Binary(bytes),
        _ => match TextBuffer::new(bytes) {
            Ok(text) => Frame::Text(text),
            Err(_) => return,
        },
    };
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let with = with.with_formats(Formats::none().with(Avro::new()).with(Protobuf::new()));
        let decoded = decode(frame.clone(), subprotocol, &with);
        match decode_message(frame.clone(), subprotocol, &with) {
            Ok(message) => {
                assert_eq!(frame.is_text(), subprotocol.is_text());
                let forwarded = encode_message(&message.value, subprotocol).expect("a document moves as it is");
                assert_eq!(forwarded.as_bytes(), frame.as_bytes());
                assert_eq!(decode(forwarded, subprotocol, &with).is_ok(), decoded.is_ok());
            }
            // A text frame is text already, which a document may not be.
            Err(_) => assert!(decoded.is_err(), "an event is a message"),
        }
        let Ok(decoded) = decoded else { continue };
        let (again, _) = encode(&decoded.value, subprotocol, &with).expect("an event can be written");
        let event = decode(again, subprotocol, &with).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
        assert_eq!(event.attributes().len(), decoded.value.attributes().len());
    }
});

fn handshake(text: &str) {
    let values: Vec<&str> = text.split('\n').collect();
    if let Some(subprotocol) = select(values.iter().copied(), Subprotocol::ALL) {
        assert!(text.contains(subprotocol.name()));
    }
    if let Ok(subprotocol) = chosen(values.iter().copied(), Subprotocol::ALL) {
        assert_eq!(select([offer([subprotocol]).as_str()], Subprotocol::ALL), Some(subprotocol));
        assert!(values.len() == 1 && text.contains(subprotocol.name()));
    }
}
