//! Decoding returns what was encoded, except for what the binding's type mapping does not keep.

use cloudevents_amqp::{AmqpMessage, AmqpValue, Body, Encoding, Separator};
use cloudevents_core::{DecodeOptions, Event, Formats, Message, Mode, Timestamp, Value};
use cloudevents_json::Json;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form, changes, told},
};
use proptest::prelude::*;

const SEPARATORS: [Separator; 2] = [Separator::Underscore, Separator::Colon];

/// Returns the event as decoded from a binary-mode message. Content type and payload change as with HTTP.
/// AMQP has the types of all attributes except URIs, and of Timestamps that it can represent exactly.
fn form(event: &Event) -> Event {
    let mut form = carrier_form(event, Carrier::HttpBinary);
    for (name, value) in event.extensions() {
        let keeps_type = match value {
            Value::Boolean(_) | Value::Integer(_) | Value::Binary(_) => true,
            Value::Timestamp(time) => is_exact(time),
            _ => false,
        };
        if keeps_type {
            form.set_extension(name.as_str(), value).unwrap();
        }
    }
    form
}

/// Whether the text is milliseconds in UTC in the spelling of decoders, and so does not change.
fn is_exact(time: Timestamp<'_>) -> bool {
    let instant = time.instant();
    let milliseconds = instant.nanosecond() / 1_000_000 * 1_000_000;
    Timestamp::format_utc(instant.seconds, milliseconds).as_deref() == Some(time.as_str())
}

fn parts(message: &AmqpMessage) -> String {
    format!("{message:?}")
}

proptest! {
    #[test]
    fn binary(event in any::event()) {
        let strict = DecodeOptions::strict();
        for separator in SEPARATORS {
            let (message, losses) = cloudevents_amqp::encode(&event, Encoding::binary().with_separator(separator))?;
            let decoded = cloudevents_amqp::decode(&message, &strict)?.value;
            prop_assert_eq!(&decoded, &form(&event));
            prop_assert_eq!(told(&losses), changes(&event, &decoded));
            let forwarded = cloudevents_amqp::decode_message(&message, &strict)?.value;
            let again = cloudevents_amqp::encode_message(&forwarded, separator)?;
            prop_assert_eq!(parts(&again), parts(&message));
        }
    }

    #[test]
    fn structured(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let (message, _) = cloudevents_amqp::encode(&event, Mode::Structured(&Json::new()))?;
        prop_assert!(message.application_properties.is_empty());
        let decoded = cloudevents_amqp::decode(&message, &with)?.value;
        prop_assert_eq!(&decoded, &carrier_form(&event, Carrier::Json));
        let forwarded = cloudevents_amqp::decode_message(&message, &with)?.value;
        let again = cloudevents_amqp::encode_message(&forwarded, Separator::default())?;
        prop_assert_eq!(parts(&again), parts(&message));
    }

    /// Properties in any order, and the payload in any sections, decode to the same event.
    #[test]
    fn any_order_and_any_sections(event in any::event(), by in 0..20_usize, cut in any::<prop::sample::Index>()) {
        let (message, _) = cloudevents_amqp::encode(&event, Mode::Binary)?;
        let strict = DecodeOptions::strict();
        let decoded = cloudevents_amqp::decode(&message, &strict)?.value;
        let mut other = message.clone();
        let length = other.application_properties.len();
        other.application_properties.rotate_left(by % length);
        if let Body::Data(bytes) = &message.body {
            let at = cut.index(bytes.len() + 1);
            other.body = Body::DataSections(vec![bytes.slice(..at), bytes.slice(at..)]);
        }
        prop_assert_eq!(cloudevents_amqp::decode(&other, &strict)?.value, decoded);
    }

    /// All attributes as their canonical strings: the core attributes stay the same, the extensions become
    /// Strings.
    #[test]
    fn canonical_strings(event in any::event()) {
        let strict = DecodeOptions::strict();
        let (mut message, _) = cloudevents_amqp::encode(&event, Mode::Binary)?;
        message.application_properties.truncate(1);
        for (name, value) in event.attributes().filter(|(name, _)| name.as_str() != "datacontenttype") {
            let text = AmqpValue::String(value.to_canonical().as_ref().into());
            message = message.with_property(format!("cloudEvents_{}", name.as_str()), text);
        }
        let decoded = cloudevents_amqp::decode(&message, &strict)?.value;
        prop_assert_eq!(decoded, carrier_form(&event, Carrier::HttpBinary));
    }
}

#[test]
fn payloads_and_texts_are_shared() {
    let event = Event::builder()
        .id("1")
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .payload("text/plain", cloudevents_core::Payload::text("hello"))
        .build()
        .unwrap();
    let (message, _) = cloudevents_amqp::encode(&event, Mode::Binary).unwrap();
    let Body::Data(body) = &message.body else { panic!("{message:?}") };
    assert_eq!(body.as_ptr(), event.data_bytes().unwrap().as_ptr());
    let Some(AmqpValue::String(source)) = message.property("cloudEvents_source") else {
        panic!("{message:?}")
    };
    assert_eq!(source.as_str().as_ptr(), event.source().as_str().as_ptr());
    for body in [
        Body::Data(body.clone()),
        Body::DataSections(vec![body.clone()]),
        Body::Value(AmqpValue::Binary(body.clone())),
        Body::Value(AmqpValue::String(cloudevents_core::TextBuffer::new(body.clone()).unwrap())),
    ] {
        let mut message = message.clone();
        message.body = body.clone();
        let decoded = cloudevents_amqp::decode(&message, &DecodeOptions::strict()).unwrap().value;
        assert_eq!(decoded.data_bytes().unwrap().as_ptr(), event.data_bytes().unwrap().as_ptr(), "{body:?}");
    }
}

#[test]
fn a_batch_is_not_written() {
    let batch = Message::batched(cloudevents_core::Batch::default(), &Json::new()).unwrap().0;
    let error = cloudevents_amqp::encode_message(&batch, Separator::default()).unwrap_err();
    assert_eq!((error.kind().code(), error.clause()), ("unsupported", Some("AMQP-1.3-a")));
}
