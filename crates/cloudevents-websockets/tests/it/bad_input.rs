//! Handshakes and frames that are wrong.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Document, ErrorKind, Event, FormatId, Message};
use cloudevents_websockets::{Frame, Subprotocol, chosen, decode, encode, encode_message, select};

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

fn read(frame: Frame, subprotocol: Subprotocol) -> Result<Event, ErrorKind> {
    decode(frame, subprotocol, &DecodeOptions::strict())
        .map(|decoded| decoded.value)
        .map_err(|error| error.kind())
}

/// WS-1.5-a.
#[test]
fn the_kind_of_frame_is_that_of_the_subprotocol() {
    assert_eq!(read(Frame::Text(DOCUMENT.into()), Subprotocol::Json).unwrap().id(), "1");
    assert_eq!(
        read(Frame::Binary(Bytes::from_static(DOCUMENT.as_bytes())), Subprotocol::Json),
        Err(ErrorKind::InvalidDocument)
    );
    assert_eq!(read(Frame::Text(DOCUMENT.into()), Subprotocol::Avro), Err(ErrorKind::InvalidDocument));
}

/// WS-1.5-c: a batch is no event.
#[test]
fn one_message_is_one_event() {
    for text in [
        "",
        "[]",
        "{}",
        &format!("[{DOCUMENT}]"),
        &format!("{DOCUMENT}{DOCUMENT}"),
        &format!("{DOCUMENT}\n{DOCUMENT}"),
    ] {
        assert!(read(Frame::Text(text.into()), Subprotocol::Json).is_err(), "{text}");
    }
    assert_eq!(
        read(Frame::Binary(Bytes::new()), Subprotocol::Avro),
        Err(ErrorKind::UnknownFormat),
        "the format is not there"
    );
}

#[test]
fn what_websockets_do_not_have() {
    let event = read(Frame::Text(DOCUMENT.into()), Subprotocol::Json).unwrap();
    let other = Message::Structured(Document::new(FormatId::new("xml"), "<event/>"));
    for message in [Message::Binary(event.clone()), other] {
        assert_eq!(encode_message(&message, Subprotocol::Json).unwrap_err().kind(), ErrorKind::Unsupported);
    }
    let error = encode(&event, Subprotocol::Protobuf, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownFormat);
}

#[test]
fn handshakes() {
    let both = [Subprotocol::Json, Subprotocol::Protobuf];
    for (offered, selected) in [
        (vec!["cloudevents.json"], Some(Subprotocol::Json)),
        (vec!["cloudevents.proto,cloudevents.json"], Some(Subprotocol::Protobuf)),
        (vec!["chat", "superchat ,\tcloudevents.json"], Some(Subprotocol::Json)),
        (vec!["cloudevents.avro"], None),
        (vec!["CLOUDEVENTS.JSON", "cloudevents.json-batch", "cloudevents.xml", ""], None),
        (vec![], None),
    ] {
        assert_eq!(select(offered.iter().copied(), &both), selected, "{offered:?}");
    }
    assert_eq!(chosen(["cloudevents.proto"], &both).unwrap(), Subprotocol::Protobuf);
    for response in [
        vec![],
        vec!["cloudevents.avro"],
        vec!["chat"],
        vec!["cloudevents.json", "cloudevents.json"],
        vec!["cloudevents.json, cloudevents.proto"],
    ] {
        assert!(chosen(response.iter().copied(), &both).is_err(), "{response:?}");
    }
}
