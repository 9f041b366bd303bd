//! Protobuf with schemas from a registry.

use super::{frames, server::FakeRegistry};
use cloudevents_core::{CodecContext, Data, Error, ErrorKind, Event};
use cloudevents_kafka::registry::{
    MessageIndexes, Schema, Subject, Writing, prost014::RegistryProtobuf, reqwest013::HttpRegistry,
};
use cloudevents_transport::AsyncCodec;
use prost::{Message, Name};

#[derive(Clone, PartialEq, Message)]
struct Ping {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct Order {
    #[prost(int32, tag = "1")]
    number: i32,
    #[prost(int32, tag = "2")]
    size: i32,
    #[prost(message, repeated, tag = "3")]
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(string, tag = "1")]
    sku: String,
    #[prost(int32, tag = "2")]
    count: i32,
    #[prost(message, optional, tag = "3")]
    note: Option<Note>,
}

#[derive(Clone, PartialEq, Message)]
struct Note {
    #[prost(string, tag = "1")]
    text: String,
}

impl Name for Ping {
    const NAME: &'static str = "Ping";
    const PACKAGE: &'static str = "shop";
}

impl Name for Order {
    const NAME: &'static str = "Order";
    const PACKAGE: &'static str = "shop";
}

impl Name for Line {
    const NAME: &'static str = "Order.Line";
    const PACKAGE: &'static str = "shop";
}

impl Name for Note {
    const NAME: &'static str = "Order.Line.Note";
    const PACKAGE: &'static str = "shop";
}

fn line() -> Line {
    Line { sku: "a".into(), count: 3, note: Some(Note { text: "n".into() }) }
}

async fn decode<M>(codec: &RegistryProtobuf<HttpRegistry>, bytes: &[u8]) -> Result<M, Error>
where
    M: Message + Name + Default,
{
    codec.decode(Data::Binary(bytes), &CodecContext::default()).await
}

/// Reads the reference's frames, and writes the same bytes.
async fn same<M: Message + Name + Default + PartialEq + std::fmt::Debug>(what: &str, message: M) {
    let (id, bytes) = frames::frame(what);
    let fake = FakeRegistry::start().await;
    fake.has(id, "PROTOBUF", frames::PROTO);
    let codec = RegistryProtobuf::new(fake.registry()).writing(Writing::id(id));
    let event =
        Event::builder().id("1").source("/s").ty("t").binary("application/protobuf", bytes).build().unwrap();
    let decoded: M = codec.decode_event(&event, Some("orders")).await.unwrap();
    assert_eq!(decoded, message);
    let builder = Event::builder().id("1").source("/s").ty("t");
    let written = codec.encode_into(builder, &message, Some("orders")).await.build().unwrap();
    assert_eq!(written, event);
}

#[tokio::test]
async fn it_reads_and_writes_what_the_reference_does() {
    same("protobuf [0]", Ping { text: "hi".into() }).await;
    same("protobuf [1]", Order { number: 42, size: 1, lines: vec![line()] }).await;
    same("protobuf [1, 0]", line()).await;
    same("protobuf [1, 0, 0]", Note { text: "n".into() }).await;
}

#[tokio::test]
async fn the_message_must_be_the_one_asked_for() {
    let (id, bytes) = frames::frame("protobuf [1, 0]");
    let fake = FakeRegistry::start().await;
    fake.has(id, "PROTOBUF", frames::PROTO);
    let codec = RegistryProtobuf::new(fake.registry()).writing(Writing::id(id));
    let error = decode::<Order>(&codec, &bytes).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.detail().contains("`shop.Order.Line`"), "{error}");

    let nowhere = [&bytes[..5], &[2, 18]].concat(); // the tenth message
    let error = decode::<Order>(&codec, &nowhere).await.unwrap_err();
    assert!(error.detail().contains("no message at [9]"), "{error}");

    fake.has(3, "PROTOBUF", "syntax = \"proto3\"; package other; message Order {}");
    let codec = RegistryProtobuf::new(fake.registry()).writing(Writing::id(3));
    let error = codec.encode(&Ping::default(), &CodecContext::default()).await.unwrap_err();
    assert!(error.detail().contains("no message `shop.Ping`"), "{error}");

    fake.has(4, "AVRO", "\"int\"");
    let error = decode::<Order>(&codec, &[0, 0, 0, 0, 4, 0]).await.unwrap_err();
    assert!(error.detail().contains("AVRO"), "{error}");
}

#[tokio::test]
async fn a_place_that_is_given_asks_no_registry() {
    let (id, bytes) = frames::frame("protobuf [1, 0]");
    let fake = FakeRegistry::start().await;
    let indexes = MessageIndexes::new(&[1, 0]).unwrap();
    let codec = RegistryProtobuf::new(fake.registry()).writing(Writing::id(id)).with_message_indexes(indexes);
    assert_eq!(decode::<Line>(&codec, &bytes).await.unwrap(), line());
    let written = codec.encode(&line(), &CodecContext::default()).await.unwrap();
    assert_eq!(written.as_bytes().as_ref(), bytes);
    let (_, other) = frames::frame("protobuf [1]");
    assert_eq!(decode::<Line>(&codec, &other).await.unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn subjects_are_named_after_the_message() {
    let fake = FakeRegistry::start().await;
    fake.has(5, "PROTOBUF", frames::PROTO);
    fake.answers("POST /subjects/orders-shop.Order.Line", 200, r#"{"id": 5}"#);
    let writing = Writing::schema(Schema::protobuf(frames::PROTO)).under(Subject::TopicRecord);
    let codec = RegistryProtobuf::new(fake.registry()).writing(writing);
    let context = CodecContext::default().with_topic("orders");
    let written = codec.encode(&line(), &context).await.unwrap();
    assert_eq!(written.as_bytes()[..8], [0, 0, 0, 0, 5, 4, 2, 0]);
    let body: serde_json::Value = serde_json::from_str(&fake.seen()[0].body).unwrap();
    assert_eq!(body, serde_json::json!({"schema": frames::PROTO, "schemaType": "PROTOBUF"}));
}

#[tokio::test]
async fn a_message_that_is_cut_off_is_refused() {
    let (id, bytes) = frames::frame("protobuf [1]");
    let fake = FakeRegistry::start().await;
    fake.has(id, "PROTOBUF", frames::PROTO);
    let codec = RegistryProtobuf::new(fake.registry());
    for length in 0..bytes.len() {
        // Protobuf itself cannot detect a message that ends between two fields.
        let between = [7, 9, 11].contains(&length);
        assert_eq!(decode::<Order>(&codec, &bytes[..length]).await.is_ok(), between, "{length}");
    }
}
