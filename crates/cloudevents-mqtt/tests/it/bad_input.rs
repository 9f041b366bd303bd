//! Wrong messages, and messages that only look wrong.

use cloudevents_core::{Data, DecodeOptions, ErrorKind, Event, Mode, Payload, RepairKind};
use cloudevents_json::Json;
use cloudevents_mqtt::{Encoding, MqttMessage, Version, decode, decode_message, encode, is_cloudevent};
use proptest::prelude::*;

fn message() -> MqttMessage {
    MqttMessage::new("{}")
        .with_user_property("specversion", "1.0")
        .with_user_property("id", "1")
        .with_user_property("source", "/s")
        .with_user_property("type", "t")
}

fn read(message: &MqttMessage) -> Result<Event, ErrorKind> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value).map_err(|error| error.kind())
}

/// MQTT-3.1.3.1-a: names are unchanged. What no attribute can be named is left alone, whoever added it.
#[test]
fn names_that_are_no_attributes_are_left_alone() {
    let event = read(
        &message()
            .with_user_property("x-mqtt-client-id", "7")
            .with_user_property("Subject", "x")
            .with_user_property("", "x")
            .with_user_property("größe", "x")
            .with_user_property("x-mqtt-client-id", "8"),
    );
    assert_eq!(event.unwrap().attributes().len(), 3);
    // Go's prefix names no attribute: such a message bears no mark.
    let prefixed =
        MqttMessage::new("{}").with_user_property("ce-specversion", "1.0").with_user_property("ce-id", "1");
    assert!(!is_cloudevent(&prefixed));
    assert_eq!(read(&prefixed), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn marks() {
    let without = |names: &[&str]| {
        let mut message = message();
        message.user_properties.retain(|(name, _)| !names.contains(&name.as_str()));
        message
    };
    assert_eq!(read(&without(&["specversion"])), Err(ErrorKind::NotACloudEvent));
    assert_eq!(read(&without(&["id"])), Err(ErrorKind::MissingAttribute));
    assert_eq!(read(&MqttMessage::new("{}")), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn an_attribute_stands_there_once() {
    assert_eq!(read(&message().with_user_property("id", "1")), Err(ErrorKind::DuplicateAttribute));
    let extensions = message().with_user_property("a", "1").with_user_property("a", "1");
    assert_eq!(read(&extensions), Err(ErrorKind::DuplicateAttribute));
    let typed =
        |name: &str| message().with_content_type("text/plain").with_user_property("datacontenttype", name);
    assert_eq!(read(&typed("text/plain")).unwrap().content_type().unwrap().as_str(), "text/plain");
    assert_eq!(read(&typed("text/html")), Err(ErrorKind::DuplicateAttribute));
    assert_eq!(
        read(&typed("text/plain").with_user_property("datacontenttype", "text/plain")),
        Err(ErrorKind::DuplicateAttribute)
    );
    let repaired = decode(&typed("text/html"), &DecodeOptions::lenient()).unwrap();
    assert_eq!(repaired.repairs()[0].kind(), RepairKind::IgnoredHeader);
    assert_eq!(repaired.value.content_type().unwrap().as_str(), "text/plain");
}

/// MQTT-3.1.3.2-a: values are not percent-encoded.
#[test]
fn values_are_taken_as_they_stand() {
    let event = read(&message().with_user_property("subject", "100%25 \"é\" ")).unwrap();
    assert_eq!(event.subject(), Some("100%25 \"é\" "));
    for (name, value, kind) in [
        ("time", "yesterday", ErrorKind::InvalidTimestamp),
        ("time", "", ErrorKind::EmptyAttribute),
        ("dataschema", "#x", ErrorKind::InvalidUri),
        ("subject", "a\u{0}b", ErrorKind::InvalidString),
        ("data", "x", ErrorKind::InvalidName),
    ] {
        assert_eq!(read(&message().with_user_property(name, value)), Err(kind), "{name}: {value:?}");
    }
}

/// MQTT-3-a, MQTT-3-c.
#[test]
fn structured_messages() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let typed = |content_type: &str| MqttMessage::new(document).with_content_type(content_type);
    assert!(read(&typed("Application/CloudEvents+JSON; charset=utf-8")).is_ok());
    assert_eq!(read(&typed("application/cloudevents+toml")), Err(ErrorKind::UnknownFormat));
    assert_eq!(read(&typed("application/cloudevents-batch+json")), Err(ErrorKind::Batched));
    assert_eq!(read(&typed("application/cloudevents+json").with_user_property("id", "2")).unwrap().id(), "1");
    assert_eq!(
        read(&MqttMessage::new("").with_content_type("application/cloudevents+json")),
        Err(ErrorKind::InvalidDocument)
    );
    let v3 = |payload: &'static str| MqttMessage::new(payload).with_version(Version::V3);
    assert_eq!(read(&MqttMessage::new(document).with_version(Version::V3)).unwrap().id(), "1");
    for payload in ["", "21.5", "[]", "{}"] {
        assert_eq!(read(&v3(payload)), Err(ErrorKind::NotACloudEvent), "{payload}");
    }
    assert_eq!(read(&v3(r#"{"specversion":"1.0"}"#)), Err(ErrorKind::MissingAttribute));
}

#[test]
fn payloads_that_are_said_to_be_text() {
    let text = |payload: &'static [u8], content_type: &str| {
        let mut message = message().with_content_type(content_type);
        message.payload = payload.into();
        message.payload_is_text = true;
        read(&message).unwrap()
    };
    assert!(matches!(text(b"21.5", "text/plain").data(), Some(Data::Text("21.5"))));
    assert!(matches!(text(b"21.5", "application/json").data(), Some(Data::Json(_))));
    assert!(matches!(text(b"\xff", "text/plain").data(), Some(Data::Binary(b"\xff"))));
    assert!(matches!(text(b"caf\xc3\xa9", "text/plain; charset=utf-8").data(), Some(Data::Text("café"))));
    assert!(matches!(text(b"cafe", "text/plain; charset=us-ascii").data(), Some(Data::Text("cafe"))));
}

/// Regression: such a payload was written again in the charset, and refused where that is not one of those that are written.
#[test]
fn payloads_that_are_said_to_be_text_in_another_charset_keep_their_bytes() {
    for charset in ["iso-8859-1", "us-ascii", "utf-16", "windows-1252", "shift_jis"] {
        let mut message = message().with_content_type(format!("text/plain; charset={charset}"));
        message.payload = b"caf\xc3\xa9".as_slice().into();
        message.payload_is_text = true;
        let event = read(&message).unwrap();
        assert!(matches!(event.data(), Some(Data::Binary(b"caf\xc3\xa9"))), "{charset}");
        let (written, losses) = encode(&event, Mode::Binary).unwrap();
        assert_eq!((written.payload, losses.len()), (message.payload, 0), "{charset}");
    }
}

/// MQTT-1.3-b.
#[test]
fn what_mqtt_3_does_not_have() {
    let event = read(&message()).unwrap();
    let kind = |encoding: Encoding<'_>| encode(&event, encoding).unwrap_err().kind();
    assert_eq!(kind(Encoding::binary().with_version(Version::V3)), ErrorKind::Unsupported);
    assert!(encode(&event, Encoding::v3(&Json::new())).is_ok());
}

#[test]
fn strings_of_mqtt_are_bounded() {
    let long = |length: usize| {
        Event::builder().id("1").source("/s").ty("t").extension("a", "x".repeat(length)).build().unwrap()
    };
    assert!(encode(&long(65_535), Mode::Binary).is_ok());
    let refused = encode(&long(65_536), Mode::Binary).unwrap_err();
    assert_eq!((refused.kind(), refused.attribute()), (ErrorKind::TooLarge, Some("a")));
    assert!(encode(&long(65_536), Mode::structured(&Json::new())).is_ok());
}

#[test]
fn a_type_url_is_lost_in_binary_mode() {
    let payload = Payload::proto("type.example/order", vec![1]);
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .payload("application/protobuf", payload)
        .build()
        .unwrap();
    let (_, losses) = encode(&event, Mode::Binary).unwrap();
    assert_eq!(losses.iter().count(), 1);
}

proptest! {
    #[test]
    fn any_message(properties in prop::collection::vec(("[a-z]{0,3}|specversion|id|source|type|time", ".{0,8}|1\\.0"), 0..8), content_type in prop::option::of(".{0,20}|application/cloudevents.{0,8}"), payload: Vec<u8>, v3: bool) {
        let mut message = MqttMessage::new(payload).with_version(if v3 { Version::V3 } else { Version::V5 });
        message.content_type = content_type.map(Into::into);
        message.user_properties = properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            let decoded = decode(&message, &with);
            if let Err(error) = &decoded {
                prop_assert_eq!(error.kind() == ErrorKind::NotACloudEvent, !is_cloudevent(&message));
            }
            let _ = decode_message(&message, &with);
        }
    }
}

/// A receiver would take the payload for a document.
#[test]
fn an_event_whose_payload_is_an_event_is_not_written_in_binary_mode() {
    let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t");
    let event =
        event.payload("Application/CloudEvents+json", cloudevents_core::Payload::text("{}")).build().unwrap();
    let refused = cloudevents_mqtt::encode(&event, cloudevents_core::Mode::Binary).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.attribute()),
        (cloudevents_core::ErrorKind::Unsupported, Some("datacontenttype"))
    );
    assert!(
        cloudevents_mqtt::encode(&event, cloudevents_core::Mode::structured(&cloudevents_json::Json::new()))
            .is_ok()
    );
}
