//! Any text as each of the leaf types: no panic; what is accepted keeps its spelling and its meaning, and goes through every encoder
//! and back.
#![no_main]

use cloudevents_core::{
    AttributeType, DecodeOptions, Event, EventBuilder, EventKey, Format, MediaType, MediaTypeBuf, Mode, Name, Timestamp,
    UriReferenceBuf, Value, codec::detect,
};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    alone(text);
    for event in events(text) {
        through_formats(&event);
        through_bindings(&event);
    }
});

/// What each type says by itself.
fn alone(text: &str) {
    for ty in AttributeType::ALL {
        let mut scratch = Vec::new();
        if let Ok(value) = ty.parse(text, &mut scratch) {
            let canonical = value.to_canonical().into_owned();
            let mut again = Vec::new();
            assert_eq!(ty.parse(&canonical, &mut again).expect("canonical strings parse").to_canonical(), canonical);
        }
    }
    if let Ok(timestamp) = Timestamp::parse(text) {
        let instant = timestamp.instant();
        assert_eq!(instant.cmp(&instant.clone()), std::cmp::Ordering::Equal);
        if let Some(utc) = Timestamp::format_utc(instant.seconds, instant.nanosecond()) {
            let again = Timestamp::parse(&utc).expect("formatted timestamps parse").instant();
            assert_eq!((again.seconds, again.nanosecond()), (instant.seconds, instant.nanosecond()));
            assert_eq!(again == instant, !instant.leap_second && !instant.is_finer_than(9));
        }
    }
    if let Ok(media_type) = MediaType::parse(text) {
        assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
        assert_eq!(media_type, *text);
        assert_eq!(text.parse::<MediaTypeBuf>().expect("it was accepted").as_str(), text);
        for (name, value) in media_type.parameters() {
            assert!(media_type.parameter(name).is_some());
            let _ = value.unquoted();
        }
    }
    if let Ok(source) = text.parse::<UriReferenceBuf>()
        && !text.is_empty()
    {
        let key = EventKey::new(&source, text).expect("a URI-reference is a String");
        assert_eq!(key.to_string().parse::<EventKey>().expect("keys are read as they are written"), key);
    }
    let _ = (Name::parse(text), detect(Some(text)), text.parse::<EventKey>());
}

/// An event for every place that takes the text.
fn events(text: &str) -> Vec<Event> {
    let event = || Event::builder().id("1").source("/s").ty("t");
    let mut builders: Vec<EventBuilder> = vec![
        event().id(text),
        event().source(text),
        event().ty(text),
        event().subject(text),
        event().time(text),
        event().dataschema(text),
        event().datacontenttype(text),
        event().datacontenttype(text).text(text),
        event().extension(text, "x"),
    ];
    for ty in AttributeType::ALL {
        let mut scratch = Vec::new();
        builders.extend(ty.parse(text, &mut scratch).ok().map(|value| event().extension("ext", value)));
    }
    builders.into_iter().filter_map(|builder| builder.build().ok()).collect()
}

/// Formats keep every value, as it is, as its canonical string, or as the same point in time.
fn through_formats(event: &Event) {
    let formats: [&dyn Format; 6] = [
        &cloudevents_json::Json::new(),
        &cloudevents_xml::Xml::new(),
        &cloudevents_cbor::Cbor::new(),
        &cloudevents_protobuf::Protobuf::new(),
        &cloudevents_avro::Avro::new(),
        &cloudevents_avro::AvroCompact::new(),
    ];
    for format in formats {
        let mut document = Vec::new();
        let losses = format.encode(event, &mut document).expect("valid events are encoded");
        let lost: Vec<_> = losses.iter().map(|loss| loss.at().to_owned()).collect();
        let decoded = format.decode(document.into(), &DecodeOptions::strict()).expect("what is encoded is decoded");
        compare(event, &decoded.value, &lost, format.id().as_str());
    }
}

/// Bindings keep every value as its canonical string.
fn through_bindings(event: &Event) {
    // In binary mode, such a message says that it is structured: the specification has no way to tell the two apart.
    let content_type = event.datacontenttype().map(|content_type| content_type.essence().to_ascii_lowercase());
    if content_type.is_some_and(|content_type| content_type.starts_with("application/cloudevents")) {
        return;
    }
    let strict = DecodeOptions::strict();
    let mut headers = HeaderMap::new();
    let (body, _) = cloudevents_http::encode(event, Mode::Binary, &mut headers).expect("valid events are encoded");
    let decoded = cloudevents_http::decode(&headers, body, &strict).expect("what is encoded is decoded");
    compare(event, &decoded.value, &[], "http");
    let (record, _) = cloudevents_kafka::encode(event, Mode::Binary).expect("valid events are encoded");
    let decoded = cloudevents_kafka::decode(&record, &strict).expect("what is encoded is decoded");
    compare(event, &decoded.value, &[], "kafka");
    let (message, _) = cloudevents_amqp::encode(event, Mode::Binary).expect("valid events are encoded");
    let decoded = cloudevents_amqp::decode(&message, &strict).expect("what is encoded is decoded");
    compare(event, &decoded.value, &[], "amqp");
}

fn compare(sent: &Event, came: &Event, lost: &[String], by: &str) {
    for (name, value) in sent.attributes().filter(|(name, _)| !lost.iter().any(|lost| lost == name.as_str())) {
        let other = came.attribute(name.as_str()).unwrap_or_else(|| panic!("{by}: {name} is gone"));
        let same = match (value, other) {
            (Value::Timestamp(one), Value::Timestamp(other)) => one.instant() == other.instant(),
            (one, other) => one.to_canonical() == other.to_canonical(),
        };
        assert!(same, "{by}: {name} was {value:?} and is {other:?}");
    }
}
