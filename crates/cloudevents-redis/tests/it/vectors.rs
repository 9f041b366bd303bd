//! Entries whose values are written by hand: there are no published vectors.

use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_json::Json;
use cloudevents_redis::{RedisMessage, decode, encode};

fn entry(fields: &[(&'static str, &'static str)]) -> RedisMessage {
    fields.iter().fold(RedisMessage::default(), |entry, (name, value)| entry.with_field(*name, *value))
}

fn binary() -> RedisMessage {
    entry(&[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")])
}

fn read(message: &RedisMessage) -> Result<Event, cloudevents_core::Error> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value)
}

#[test]
fn binary_entries() {
    let full = binary()
        .with_field("ce-subject", "Größe 100 %")
        .with_field("ce-partitionkey", "7")
        .with_field("content-type", "text/plain")
        .with_field("traceparent", "x")
        .with_field("data", "a\r\nb");
    let event = read(&full).unwrap();
    assert_eq!(
        (event.subject(), event.content_type().unwrap().as_str()),
        (Some("Größe 100 %"), "text/plain")
    );
    assert_eq!(event.extension("partitionkey").unwrap().to_string(), "7");
    assert_eq!((event.data_bytes().unwrap().to_vec(), event.attributes().len()), (b"a\r\nb".to_vec(), 6));
    // Without a payload, or with an empty one, which is the same.
    assert_eq!(read(&binary()).unwrap(), read(&binary().with_field("data", "")).unwrap());
    let agreed = full.with_field("ce-datacontenttype", "text/plain");
    assert_eq!(read(&agreed).unwrap(), event);
    let alone = binary().with_field("ce-datacontenttype", "text/plain");
    assert_eq!(read(&alone).unwrap().content_type().unwrap().as_str(), "text/plain");
}

#[test]
fn what_is_written() {
    let event = Event::builder().id("1").source("/s").ty("t").subject("é").build().unwrap();
    let (message, _) = encode(&event, Mode::Binary).unwrap();
    let wanted = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-subject", "é"),
    ];
    assert_eq!(message, entry(&wanted));
    let (message, _) = encode(&event, Mode::structured(&Json::new())).unwrap();
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"é"}"#;
    assert_eq!(message, entry(&[("content-type", "application/cloudevents+json"), ("data", document)]));
}
