//! Messages that a peer may send: each is an event, or an error with a kind, in bounded memory, and never a
//! panic.

use bytes::Bytes;
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{DecodeOptions, ErrorKind, Limits, Mode, RepairKind, TextBuffer};
use proptest::prelude::*;

fn text(text: &str) -> AmqpValue {
    AmqpValue::String(text.into())
}

fn required() -> AmqpMessage {
    AmqpMessage::default()
        .with_property("cloudEvents_specversion", text("1.0"))
        .with_property("cloudEvents_id", text("1"))
        .with_property("cloudEvents_source", text("/s"))
        .with_property("cloudEvents_type", text("t"))
}

fn refused(message: &AmqpMessage) -> (ErrorKind, Option<String>) {
    let error = cloudevents_amqp::decode(message, &DecodeOptions::strict()).unwrap_err();
    let forwarded = cloudevents_amqp::decode_message(message, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.to_string(), forwarded.to_string());
    assert!(
        error.detail().len() + error.clause().map_or(0, str::len) + error.help().map_or(0, str::len) > 0,
        "{error}"
    );
    (error.kind(), error.attribute().map(str::to_owned))
}

#[test]
fn attributes() {
    for (name, value, kind) in [
        ("n", AmqpValue::Long(1 << 31), ErrorKind::InvalidInteger),
        ("n", AmqpValue::Long(i64::MIN), ErrorKind::InvalidInteger),
        ("n", AmqpValue::Uint(1 << 31), ErrorKind::InvalidInteger),
        ("n", AmqpValue::Ulong(u64::MAX), ErrorKind::InvalidInteger),
        ("n", AmqpValue::Float(1.0), ErrorKind::InvalidType),
        ("n", AmqpValue::Double(f64::NAN), ErrorKind::InvalidType),
        ("n", AmqpValue::Char('x'), ErrorKind::InvalidType),
        ("n", AmqpValue::Uuid([0; 16]), ErrorKind::InvalidType),
        ("n", AmqpValue::Other, ErrorKind::InvalidType),
        ("time", AmqpValue::Long(1_522_949_460_000), ErrorKind::InvalidType),
        ("time", AmqpValue::Long(5), ErrorKind::InvalidType),
        ("time", AmqpValue::Timestamp(i64::MAX), ErrorKind::InvalidTimestamp),
        ("time", AmqpValue::Timestamp(i64::MIN), ErrorKind::InvalidTimestamp),
        ("time", text(""), ErrorKind::EmptyAttribute),
        ("time", text("now"), ErrorKind::InvalidTimestamp),
        ("subject", AmqpValue::Binary(Bytes::from_static(b"x")), ErrorKind::InvalidType),
        ("subject", text("a\u{7}"), ErrorKind::InvalidString),
        ("dataschema", text("#"), ErrorKind::InvalidUri),
        ("datacontenttype", text("text/plain"), ErrorKind::InvalidName),
        ("id", text("2"), ErrorKind::DuplicateAttribute),
        ("my_ext", text("x"), ErrorKind::InvalidName),
        ("", text("x"), ErrorKind::InvalidName),
    ] {
        let message = required().with_property(format!("cloudEvents_{name}"), value.clone());
        let (found, attribute) = refused(&message);
        assert_eq!(found, kind, "{name}: {value:?}");
        assert!(name.is_empty() || attribute.as_deref() == Some(name), "{name}: {attribute:?}");
        if kind != ErrorKind::DuplicateAttribute {
            let decoded = cloudevents_amqp::decode(&message, &DecodeOptions::lenient()).unwrap();
            assert_eq!(decoded.repairs.len(), 1, "{name}: {value:?}");
            // The content type is read, and all else is left out.
            let kept = 3 + usize::from(name == "datacontenttype");
            assert_eq!(decoded.value.attributes().len(), kept, "{name}: {value:?}");
        }
    }
}

#[test]
fn wrong_values_of_required_attributes() {
    for (at, name) in ["specversion", "id", "source", "type"].into_iter().enumerate() {
        for value in [
            AmqpValue::Null,
            AmqpValue::Long(5),
            AmqpValue::Ulong(u64::MAX),
            AmqpValue::Timestamp(0),
            AmqpValue::Timestamp(i64::MAX),
            AmqpValue::Boolean(true),
            AmqpValue::Binary(Bytes::new()),
            AmqpValue::Double(1.0),
            AmqpValue::Other,
            text(""),
        ] {
            let mut message = required();
            message.application_properties[at].1 = value.clone();
            let (_, attribute) = refused(&message);
            assert_eq!(attribute.as_deref(), Some(name), "{value:?}");
            assert!(
                cloudevents_amqp::decode(&message, &DecodeOptions::lenient()).is_err(),
                "{name}: {value:?}"
            );
        }
    }
}

#[test]
fn bodies() {
    let mut message = required();
    for (body, kind) in [
        (Body::Sequence, ErrorKind::InvalidData),
        (Body::Value(AmqpValue::Other), ErrorKind::InvalidData),
        (Body::Value(AmqpValue::Long(5)), ErrorKind::InvalidData),
        (Body::Value(AmqpValue::Symbol("x".into())), ErrorKind::InvalidData),
        (Body::DataSections(vec![Bytes::from(vec![0; 1 << 20]); 17]), ErrorKind::TooLarge),
        (Body::Data(Bytes::from(vec![0; (16 << 20) + 1])), ErrorKind::TooLarge),
        (Body::Value(AmqpValue::String("x".repeat((16 << 20) + 1).into())), ErrorKind::TooLarge),
    ] {
        message.body = body;
        assert_eq!(refused(&message).0, kind);
        let mut document = AmqpMessage::new(message.body.clone());
        document.properties.content_type = Some("application/cloudevents+json".into());
        assert_eq!(refused(&document).0, kind);
    }
}

#[test]
fn properties() {
    let with_type = |content_type: &str| {
        let mut message = required();
        message.properties.content_type = Some(content_type.into());
        message
    };
    for (content_type, kind) in [
        ("", ErrorKind::EmptyAttribute),
        ("nonsense", ErrorKind::InvalidMediaType),
        ("application/cloudevents-batch+json", ErrorKind::Batched),
        ("application/cloudevents-batch+toml", ErrorKind::Batched),
        ("application/cloudevents+json; charset=latin1", ErrorKind::Unsupported),
        ("application/cloudevents+", ErrorKind::UnknownFormat),
    ] {
        let error = cloudevents_amqp::decode(&with_type(content_type), &DecodeOptions::strict()).unwrap_err();
        assert_eq!(error.kind(), kind, "{content_type}");
    }
    let mut message = required();
    message.properties.content_encoding = Some("gzip".into());
    assert_eq!(refused(&message).0, ErrorKind::ContentEncoding);
    let structured = |encoding: &str| {
        let document = Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
        let mut message = AmqpMessage::new(Body::Data(document));
        message.properties.content_type = Some("application/cloudevents+json".into());
        message.properties.content_encoding = Some(encoding.into());
        message
    };
    assert_eq!(refused(&structured("gzip")).0, ErrorKind::ContentEncoding);
    // What other clients name there: RabbitMQ hands it on from AMQP 0.9.1.
    for plain in ["Identity", "utf-8", "UTF-8", "utf8", "binary", ""] {
        message.properties.content_encoding = Some(plain.into());
        for message in [&message, &structured(plain)] {
            assert!(cloudevents_amqp::decode(message, &DecodeOptions::strict()).is_ok(), "{plain}");
        }
    }
}

#[test]
fn mixed_separators() {
    let message = required().with_property("cloudEvents:ext", text("x"));
    assert_eq!(refused(&message), (ErrorKind::InvalidName, Some("ext".into())));
}

#[test]
fn limits() {
    let mut message = required();
    for n in 0..300 {
        message = message.with_property(format!("cloudEvents_a{n}"), AmqpValue::Boolean(true));
    }
    assert_eq!(refused(&message).0, ErrorKind::TooMany);
    for (name, value) in [("x".repeat(10_000), text("y")), ("x".into(), text(&"y".repeat(100_000)))] {
        assert_eq!(
            refused(&required().with_property(format!("cloudEvents_{name}"), value)).0,
            ErrorKind::TooLarge
        );
    }
    let binary = AmqpValue::Binary(Bytes::from(vec![0; 100_000]));
    assert_eq!(refused(&required().with_property("cloudEvents_x", binary)).0, ErrorKind::TooLarge);
    let mut tight = Limits::default();
    tight.bytes = 3;
    let with = DecodeOptions::strict().with_limits(tight);
    let mut message = required();
    message.body = Body::DataSections(vec![Bytes::from_static(b"ab"), Bytes::from_static(b"c")]);
    assert!(cloudevents_amqp::decode(&message, &with).is_ok());
    message.body = Body::DataSections(vec![Bytes::from_static(b"ab"), Bytes::from_static(b"cd")]);
    assert_eq!(cloudevents_amqp::decode(&message, &with).unwrap_err().kind(), ErrorKind::TooLarge);
}

fn value() -> impl Strategy<Value = AmqpValue> {
    prop_oneof![
        Just(AmqpValue::Null),
        any::<bool>().prop_map(AmqpValue::Boolean),
        any::<u8>().prop_map(AmqpValue::Ubyte),
        any::<u16>().prop_map(AmqpValue::Ushort),
        any::<u32>().prop_map(AmqpValue::Uint),
        any::<u64>().prop_map(AmqpValue::Ulong),
        any::<i8>().prop_map(AmqpValue::Byte),
        any::<i16>().prop_map(AmqpValue::Short),
        any::<i32>().prop_map(AmqpValue::Int),
        any::<i64>().prop_map(AmqpValue::Long),
        any::<f32>().prop_map(AmqpValue::Float),
        any::<f64>().prop_map(AmqpValue::Double),
        any::<char>().prop_map(AmqpValue::Char),
        any::<i64>().prop_map(AmqpValue::Timestamp),
        (-80_000_000_000_000..300_000_000_000_000_i64).prop_map(AmqpValue::Timestamp),
        any::<[u8; 16]>().prop_map(AmqpValue::Uuid),
        any::<Vec<u8>>().prop_map(|bytes| AmqpValue::Binary(bytes.into())),
        any::<String>().prop_map(|text| AmqpValue::String(text.into())),
        "[ -~]{0,20}".prop_map(|text| AmqpValue::Symbol(text.into())),
        Just(AmqpValue::String("1.0".into())),
        Just(AmqpValue::String("2018-04-05T17:31:00Z".into())),
        Just(AmqpValue::Other),
    ]
}

fn name() -> impl Strategy<Value = TextBuffer> {
    let attribute = prop_oneof![
        Just("specversion"),
        Just("id"),
        Just("source"),
        Just("type"),
        Just("time"),
        Just("subject"),
        Just("dataschema"),
        Just("datacontenttype"),
        Just("schemaurl"),
        Just("datacontentencoding"),
        Just(""),
    ]
    .prop_map(str::to_owned);
    let separator = prop_oneof![4 => Just("_"), 1 => Just(":")];
    prop_oneof![
        4 => (separator, prop_oneof![attribute, "[a-zA-Z0-9_]{1,4}"]).prop_map(|(s, name)| format!("cloudEvents{s}{name}")),
        1 => any::<String>(),
    ]
    .prop_map(TextBuffer::from)
}

fn body() -> impl Strategy<Value = Body> {
    let bytes = || any::<Vec<u8>>().prop_map(Bytes::from);
    prop_oneof![
        Just(Body::Absent),
        bytes().prop_map(Body::Data),
        prop::collection::vec(bytes(), 0..4).prop_map(Body::DataSections),
        value().prop_map(Body::Value),
        Just(Body::Sequence),
    ]
}

proptest! {
    #[test]
    fn any_message(
        properties in prop::collection::vec((name(), value()), 0..8),
        content_type in prop::option::of(prop_oneof![Just("application/json".to_owned()), Just("application/cloudevents+json".to_owned()), any::<String>()]),
        body in body(),
        complete in any::<bool>(),
    ) {
        let mut message = if complete { required() } else { AmqpMessage::default() };
        message.application_properties.extend(properties);
        message.properties.content_type = content_type.map(TextBuffer::from);
        message.body = body;
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            let Ok(decoded) = cloudevents_amqp::decode(&message, &with) else { continue };
            prop_assert!(with.leniency.allows(RepairKind::DroppedName) || decoded.repairs.is_empty());
            // An event can be encoded, and decodes to the same event.
            let (again, _) = cloudevents_amqp::encode(&decoded.value, Mode::Binary)?;
            let again = cloudevents_amqp::decode(&again, &with)?.value;
            prop_assert_eq!(again.attributes().len() >= decoded.value.attributes().len(), true);
            prop_assert_eq!(again.data_bytes().cloned().unwrap_or_default(), decoded.value.data_bytes().cloned().unwrap_or_default());
        }
    }
}

/// A receiver would mistake the payload for a document.
#[test]
fn an_event_whose_payload_is_an_event_is_not_written_in_binary_mode() {
    let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t");
    let event =
        event.payload("Application/CloudEvents+json", cloudevents_core::Payload::text("{}")).build().unwrap();
    let refused = cloudevents_amqp::encode(&event, cloudevents_core::Mode::Binary).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.attribute()),
        (cloudevents_core::ErrorKind::Unsupported, Some("datacontenttype"))
    );
    assert!(
        cloudevents_amqp::encode(&event, cloudevents_core::Mode::structured(&cloudevents_json::Json::new()))
            .is_ok()
    );
}
