//! Wrong messages, and messages that only look wrong.

use cloudevents_core::{
    DecodeOptions, Document, ErrorKind, Event, FormatId, Message, Mode, Peer, RepairKind,
};
use cloudevents_pgmq::{PgmqMessage, decode, decode_message, encode, encode_message, fits, is_cloudevent};
use proptest::prelude::*;

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

fn read(message: &PgmqMessage) -> Result<Event, ErrorKind> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value).map_err(|error| error.kind())
}

#[test]
fn what_messages_are() {
    let typed =
        |content_type: &'static str| PgmqMessage::new(DOCUMENT).with_header("content-type", content_type);
    assert_eq!(read(&typed(" Application/CloudEvents+JSON; charset=utf-8")).unwrap().id(), "1");
    assert_eq!(read(&typed("application/cloudevents+toml")), Err(ErrorKind::UnknownFormat));
    assert_eq!(read(&typed("application/cloudevents-batch+json")), Err(ErrorKind::Batched));
    assert_eq!(read(&typed("x")), Err(ErrorKind::NotACloudEvent));
    // A content type that is none of CloudEvents says that the message is none.
    assert_eq!(read(&typed("application/json")), Err(ErrorKind::NotACloudEvent));
    assert_eq!(read(&PgmqMessage::new(DOCUMENT)).unwrap().id(), "1");
    assert_eq!(read(&PgmqMessage::new(DOCUMENT).with_header("x-pgmq-group", "g")).unwrap().id(), "1");
    assert_eq!(read(&PgmqMessage::new(r#"{"specversion":"1.0"}"#)), Err(ErrorKind::MissingAttribute));
    for other in [
        "",
        "null",
        "{}",
        "21.5",
        "[]",
        r#"[{"specversion":"1.0"}]"#,
        "\u{0}",
        r#"{"a":{"specversion":"1.0"}}"#,
    ] {
        assert_eq!(read(&PgmqMessage::new(other)), Err(ErrorKind::NotACloudEvent), "{other}");
    }
}

#[test]
fn what_others_mark_as_json_can_be_assumed() {
    let message = PgmqMessage::new(DOCUMENT).with_header("content-type", "application/json");
    let decoded = decode(&message, &DecodeOptions::strict().with_leniency(Peer::Dapr.leniency())).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
}

#[test]
fn what_is_not_written() {
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let unsupported = |error: cloudevents_core::Error| {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.help().is_some(), "{error}");
    };
    unsupported(encode(&event, Mode::Binary).unwrap_err());
    unsupported(encode_message(&Message::from(event)).unwrap_err());
    unsupported(encode_message(&Message::Batched(Document::new(FormatId::JSON, "[]"))).unwrap_err());
    unsupported(
        encode_message(&Message::Structured(Document::new(FormatId::new("toml"), "id = 1"))).unwrap_err(),
    );
}

#[test]
fn what_jsonb_does_not_store() {
    for (text, is_stored) in [
        (r#""\u0000""#, false),
        (r#""\\u0000""#, true),
        (r#""\\\u0000""#, false),
        (r#""\n\u0001""#, true),
        (r#""\ud83d\ude00""#, true),
        (r#""\uD83D\uDE00\u0041""#, true),
        (r#""\ud83d""#, false),
        (r#""\ud83dx\ude00""#, false),
        (r#""\ude00\ud83d""#, false),
        (r#""\ud83d\ud83d\ude00""#, false),
        // A text that is no JSON is left to Postgres.
        (r#""\u00"#, true),
        (r#""\"#, true),
        (r#""\u+000""#, true),
    ] {
        assert_eq!(fits(&PgmqMessage::new(text)).is_ok(), is_stored, "{text}");
    }
    assert!(fits(&PgmqMessage::new(vec![b'"', 0xff, b'"'])).is_err());
    assert!(fits(&PgmqMessage::new("{}").with_header("a\0", "")).is_err());
    assert!(fits(&PgmqMessage::new("{}").with_header("a", "\0")).is_err());
}

proptest! {
    #[test]
    fn any_message(
        message in prop_oneof![prop::collection::vec(any::<u8>(), 0..32), Just(DOCUMENT.as_bytes().to_vec())],
        content_type in prop::option::of("application/cloudevents.{0,8}|.{0,8}"),
    ) {
        let mut message = PgmqMessage::new(message);
        message.headers.extend(content_type.map(|content_type| ("content-type".to_owned(), content_type)));
        let _ = fits(&message);
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            if let Err(error) = decode(&message, &with) {
                prop_assert_eq!(error.kind() == ErrorKind::NotACloudEvent, !is_cloudevent(&message));
            }
            let _ = decode_message(&message, &with);
        }
    }
}
