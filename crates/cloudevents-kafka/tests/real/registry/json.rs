//! JSON with schemas from a registry.

use super::{frames, server::FakeRegistry};
use cloudevents_core::{CodecContext, Data, ErrorKind, Event};
use cloudevents_kafka::registry::{RegistryJson, Writing};
use cloudevents_transport::AsyncCodec;
use serde_json::{Value, json};

#[tokio::test]
async fn it_reads_and_writes_what_the_reference_does() {
    let (id, bytes) = frames::frame("json");
    let fake = FakeRegistry::start().await;
    fake.has(id, "JSON", &frames::json_schema());
    let codec = RegistryJson::new(fake.registry()).writing(Writing::id(id));
    for content_type in ["application/vnd.confluent.json", "application/json", "application/vnd.shop+json"] {
        let event = Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .binary(content_type, bytes.clone())
            .build()
            .unwrap();
        let value: Value = codec.decode_event(&event, None).await.unwrap();
        assert_eq!(value, json!({"number": 42}));
    }
    let written = codec.encode(&json!({"number": 42}), &CodecContext::default()).await.unwrap();
    assert_eq!(written.as_bytes().as_ref(), bytes);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn the_schema_must_be_a_json_schema_and_the_payload_json() {
    let fake = FakeRegistry::start().await;
    fake.has(1, "AVRO", "\"int\"");
    fake.has(2, "JSON", "{}");
    let codec = RegistryJson::new(fake.registry()).writing(Writing::id(1));
    let context = CodecContext::default();
    for frame in [&[0, 0, 0, 0, 1, b'1'][..], &[0, 0, 0, 0, 2, b'{'], &[0, 0, 0, 0, 2], b"1"] {
        let error = AsyncCodec::<Value>::decode(&codec, Data::Binary(frame), &context).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{frame:?}");
    }
    assert_eq!(codec.encode(&json!(1), &context).await.unwrap_err().kind(), ErrorKind::InvalidData);
}
