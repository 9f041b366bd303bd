//! Mistakes that other implementations made.

use cloudevents_amqp::{AmqpMessage, AmqpValue, Body, Separator};
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Message, Mode, Value};

fn message(separator: &str) -> AmqpMessage {
    let mut message = AmqpMessage::default();
    for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")] {
        message =
            message.with_property(format!("cloudEvents{separator}{name}"), AmqpValue::String(value.into()));
    }
    message
}

/// Go and Java read only `:` and ignore other properties.
#[test]
fn both_separators_are_read() {
    for separator in ["_", ":"] {
        let event = cloudevents_amqp::decode(&message(separator), &DecodeOptions::strict()).unwrap().value;
        assert_eq!(event.id(), "1");
    }
}

/// Python and C# accept mixtures; the last of two values wins.
#[test]
fn an_attribute_in_both_spellings_is_told_as_the_duplicate_it_is() {
    let message = message("_").with_property("cloudEvents:id", AmqpValue::String("2".into()));
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let error = cloudevents_amqp::decode(&message, &with).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::DuplicateAttribute, Some("id")));
    }
}

/// Python writes `time` as a long that Go and Java cannot read back.
#[test]
fn time_is_written_as_a_timestamp() {
    let event = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00Z").build().unwrap();
    let (message, _) = cloudevents_amqp::encode(&event, Mode::Binary).unwrap();
    assert!(matches!(message.property("cloudEvents_time"), Some(AmqpValue::Timestamp(1_522_949_460_000))));
}

/// C# refuses an amqp-value of a string.
#[test]
fn an_amqp_value_is_a_payload() {
    let mut message = message("_");
    message.body = Body::Value(AmqpValue::String("hello".into()));
    let event = cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap().value;
    assert_eq!(event.data().unwrap().as_bytes(), b"hello");
}

/// A document in an unknown format was taken for a binary-mode event.
#[test]
fn an_unknown_format_is_forwarded_untouched() {
    let mut message = message("_");
    message.properties.content_type = Some("application/cloudevents+toml; v=1".into());
    message.body = Body::Data(bytes::Bytes::from_static(b"id = 1"));
    let error = cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownFormat);
    let forwarded = cloudevents_amqp::decode_message(&message, &DecodeOptions::strict()).unwrap().value;
    let Message::Structured(document) = &forwarded else { panic!("{forwarded:?}") };
    assert_eq!((document.format().as_str(), &document.body()[..]), ("toml", &b"id = 1"[..]));
    let again = cloudevents_amqp::encode_message(&forwarded, Separator::default()).unwrap();
    assert_eq!(again.properties.content_type.unwrap().as_str(), "application/cloudevents+toml");
}

/// An Integer written as an `int` is not a CloudEvents Integer to a strict consumer: the table of section
/// 3.1.3.2 has `long`.
#[test]
fn an_integer_is_a_long() {
    let event = Event::builder().id("1").source("/s").ty("t").extension("n", -5).build().unwrap();
    let (message, _) = cloudevents_amqp::encode(&event, Mode::Binary).unwrap();
    assert!(matches!(message.property("cloudEvents_n"), Some(AmqpValue::Long(-5))));
    let again = cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap().value;
    assert_eq!(again.extension("n"), Some(Value::Integer(-5)));
}
