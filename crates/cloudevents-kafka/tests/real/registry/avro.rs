//! Avro with schemas from a registry.

use super::{frames, server::FakeRegistry};
use cloudevents_core::{CodecContext, Data, Error, ErrorKind, Event};
use cloudevents_kafka::registry::{
    Schema, Subject, Writing, apacheavro022::RegistryAvro, is_temporary, reqwest013::HttpRegistry,
};
use cloudevents_transport::AsyncCodec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Order {
    number: i32,
    note: Option<String>,
    items: Vec<String>,
}

fn order() -> Order {
    Order { number: 42, note: Some("Größe".into()), items: vec!["a".into(), "b".into()] }
}

async fn decode<T>(codec: &RegistryAvro<HttpRegistry>, bytes: &[u8]) -> Result<T, Error>
where
    T: Serialize + DeserializeOwned + Sync,
{
    codec.decode(Data::Binary(bytes), &CodecContext::default()).await
}

/// Creates a codec whose registry has this schema under the id 7.
async fn with_schema(text: &str) -> (FakeRegistry, RegistryAvro<HttpRegistry>) {
    let fake = FakeRegistry::start().await;
    fake.has(7, "AVRO", text);
    let codec = RegistryAvro::new(fake.registry()).writing(Writing::id(7));
    (fake, codec)
}

#[tokio::test]
async fn it_reads_and_writes_what_the_reference_does() {
    let (id, bytes) = frames::frame("avro");
    let fake = FakeRegistry::start().await;
    fake.has(id, "AVRO", &frames::avro_schema());
    let codec = RegistryAvro::new(fake.registry()).writing(Writing::id(id));

    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .binary("application/avro", bytes.clone())
        .build()
        .unwrap();
    let decoded: Order = codec.decode_event(&event, Some("orders")).await.unwrap();
    assert_eq!(decoded, order());

    let builder = Event::builder().id("1").source("/s").ty("t");
    let written = codec.encode_into(builder, &order(), Some("orders")).await.build().unwrap();
    assert_eq!(written, event);
}

#[tokio::test]
async fn the_number_of_a_schema_is_asked_under_the_subject() {
    let fake = FakeRegistry::start().await;
    let text = r#"{"type": "record", "name": "Small", "namespace": "shop", "fields": [{"name": "number", "type": "int"}]}"#;
    fake.has(9, "AVRO", text);
    for subject in ["orders-value", "shop.Small", "orders-shop.Small", "all%20of%2Fit"] {
        fake.answers(
            &format!("POST /subjects/{subject}"),
            200,
            r#"{"subject": "x", "version": 1, "id": 9, "schema": ""}"#,
        );
    }
    #[derive(Serialize, Deserialize)]
    struct Small {
        number: i32,
    }
    for (subject, name) in [
        (Subject::Topic, "orders-value"),
        (Subject::Record, "shop.Small"),
        (Subject::TopicRecord, "orders-shop.Small"),
        (Subject::literal("all of/it"), "all%20of%2Fit"),
    ] {
        let codec =
            RegistryAvro::new(fake.registry()).writing(Writing::schema(Schema::avro(text)).under(subject));
        let builder = Event::builder().id("1").source("/s").ty("t");
        let event = codec.encode_into(builder, &Small { number: -1 }, Some("orders")).await.build().unwrap();
        assert_eq!(event.data_bytes().unwrap().as_ref(), [0, 0, 0, 0, 9, 1]);
        let asked = fake.seen().into_iter().rfind(|seen| seen.line.starts_with("POST")).unwrap();
        assert_eq!(asked.line, format!("POST /subjects/{name}"));
    }
    let codec = RegistryAvro::new(fake.registry()).writing(Writing::schema(Schema::avro(text)));
    let error = codec.encode(&Small { number: 1 }, &CodecContext::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "a topic is needed: {error}");
    let error = RegistryAvro::new(fake.registry())
        .encode(&Small { number: 1 }, &CodecContext::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "it has no schema to write with: {error}");
}

#[tokio::test]
async fn a_reader_schema_is_resolved_to() {
    // Written by a producer whose `number` is an int, with an `old` field and without `currency`.
    let writer = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "old", "type": "string"}, {"name": "number", "type": "int"}]}"#;
    let reader = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "number", "type": "long"}, {"name": "currency", "type": "string", "default": "EUR"}]}"#;
    let (_fake, codec) = with_schema(writer).await;
    let codec = codec.with_reader_schema(reader).unwrap();

    // The library requires the name of the record.
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(rename = "Order")]
    struct New {
        number: i64,
        currency: String,
    }
    let frame = [0, 0, 0, 0, 7, 2, b'x', 84];
    let decoded: New = decode(&codec, &frame).await.unwrap();
    assert_eq!(decoded, New { number: 42, currency: "EUR".into() });

    let incompatible =
        r#"{"type": "record", "name": "Order", "fields": [{"name": "currency", "type": "string"}]}"#;
    let (fake, codec) = with_schema(writer).await;
    let codec = codec.with_reader_schema(incompatible).unwrap();
    assert_eq!(decode::<New>(&codec, &frame).await.unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(RegistryAvro::new(fake.registry()).with_reader_schema("{").is_err());
}

#[tokio::test]
async fn references_are_fetched_each_once() {
    let fake = FakeRegistry::start().await;
    let line = r#"{"type": "record", "name": "Line", "namespace": "shop", "fields": [{"name": "sku", "type": "shop.Sku"}]}"#;
    let order = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "first", "type": "shop.Sku"}, {"name": "line", "type": "Line"}]}"#;
    let reference = |name: &str| serde_json::json!({"name": name, "subject": name, "version": 2});
    fake.answers(
        "GET /schemas/ids/7",
        200,
        serde_json::json!({"schema": order, "references": [reference("shop.Line"), reference("shop.Sku")]}),
    );
    fake.answers(
        "GET /subjects/shop.Line/versions/2",
        200,
        serde_json::json!({"schema": line, "id": 8, "references": [reference("shop.Sku")]}),
    );
    fake.answers("GET /subjects/shop.Sku/versions/2", 200,
        serde_json::json!({"schema": r#"{"type": "fixed", "name": "Sku", "namespace": "shop", "size": 2}"#, "id": 9}));

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Line {
        #[serde(with = "bytes_of_two")]
        sku: [u8; 2],
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Order {
        #[serde(with = "bytes_of_two")]
        first: [u8; 2],
        line: Line,
    }
    let codec = RegistryAvro::new(fake.registry()).writing(Writing::id(7));
    let frame = [0, 0, 0, 0, 7, 1, 2, 3, 4];
    let decoded: Order = decode(&codec, &frame).await.unwrap();
    assert_eq!(decoded, Order { first: [1, 2], line: Line { sku: [3, 4] } });
    let written = codec.encode(&decoded, &CodecContext::default()).await.unwrap();
    assert_eq!(written.as_bytes().as_ref(), frame);
    assert_eq!(fake.seen().len(), 3);
}

mod bytes_of_two {
    use serde::{
        Deserializer, Serializer,
        de::{Error, Visitor},
    };

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 2], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 2], D::Error> {
        struct Two;
        impl Visitor<'_> for Two {
            type Value = [u8; 2];
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("two bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                bytes.try_into().map_err(E::custom)
            }
        }
        deserializer.deserialize_bytes(Two)
    }
}

#[tokio::test]
async fn a_schema_that_there_is_not_is_the_payloads_fault() {
    let (fake, codec) = with_schema("\"int\"").await;
    let error = decode::<i32>(&codec, &[0, 0, 0, 0, 8, 2]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.detail().contains("40403"), "{error}");
    assert!(error.help().is_some());
    assert!(!is_temporary(&error));

    fake.has(9, "PROTOBUF", "message A {}");
    let error = decode::<i32>(&codec, &[0, 0, 0, 0, 9, 2]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.detail().contains("PROTOBUF"), "{error}");

    fake.has(10, "AVRO", "{\"type\": \"no such\"}");
    assert_eq!(decode::<i32>(&codec, &[0, 0, 0, 0, 10, 2]).await.unwrap_err().kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_content_type_of_something_else_is_refused() {
    let (_fake, codec) = with_schema("\"int\"").await;
    let event = |content_type| {
        Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .binary(content_type, vec![0, 0, 0, 0, 7, 2])
            .build()
            .unwrap()
    };
    for content_type in [
        "application/avro",
        "avro/binary",
        "application/vnd.shop.order+avro",
        "application/vnd.confluent.avro",
        "application/vnd.confluent.avro+binary",
        "application/vnd.apache.avro;version=1.11.0",
    ] {
        let value: i32 = codec.decode_event(&event(content_type), None).await.unwrap();
        assert_eq!(value, 1, "{content_type}");
    }
    for content_type in ["application/json", "application/protobuf", "application/avro+json"] {
        let error = AsyncCodec::<i32>::decode_event(&codec, &event(content_type), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedContentType, "{content_type}");
    }
    let codec = codec.with_content_type("application/x-orders");
    let value: i32 = codec.decode_event(&event("application/x-orders"), None).await.unwrap();
    assert_eq!((value, AsyncCodec::<i32>::content_type(&codec)), (1, "application/x-orders"));
}

/// The library reads a truncated string as null, and the boolean after it too.
#[tokio::test]
async fn what_is_cut_off_is_refused_at_every_byte() {
    let (id, bytes) = frames::frame("avro");
    let fake = FakeRegistry::start().await;
    fake.has(id, "AVRO", &frames::avro_schema());
    let codec = RegistryAvro::new(fake.registry());
    for length in 0..bytes.len() {
        let error = decode::<Order>(&codec, &bytes[..length]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{length}: {error}");
    }
    let error = decode::<Order>(&codec, &[&bytes[..], &[0]].concat()).await.unwrap_err();
    assert!(error.detail().contains("1 bytes follow"), "{error}");

    let (_fake, codec) = with_schema(r#"["null", "boolean"]"#).await;
    assert_eq!(
        decode::<Option<bool>>(&codec, &[0, 0, 0, 0, 7]).await.unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    assert_eq!(
        decode::<Option<bool>>(&codec, &[0, 0, 0, 0, 7, 2]).await.unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    assert_eq!(decode::<Option<bool>>(&codec, &[0, 0, 0, 0, 7, 2, 1]).await.unwrap(), Some(true));
}

#[tokio::test]
async fn lengths_and_counts_that_cannot_be_are_refused() {
    // 2^62 - 1 items that take no bytes, and as many bytes.
    let huge = [&[0xfe_u8][..], &[0xff; 7], &[0x7f]].concat();
    let framed = |datum: &[u8]| [&[0, 0, 0, 0, 7], datum].concat();
    let (_fake, codec) = with_schema(r#"{"type": "array", "items": "null"}"#).await;
    assert_eq!(decode::<Vec<()>>(&codec, &framed(&huge)).await.unwrap_err().kind(), ErrorKind::TooMany);
    assert_eq!(decode::<Vec<()>>(&codec, &framed(&[4, 0])).await.unwrap(), [(), ()]);
    let (_fake, codec) = with_schema("\"bytes\"").await;
    assert_eq!(decode::<String>(&codec, &framed(&huge)).await.unwrap_err().kind(), ErrorKind::InvalidData);
    let (_fake, codec) = with_schema("\"int\"").await;
    assert_eq!(decode::<i32>(&codec, &framed(&huge)).await.unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(decode::<i32>(&codec, &framed(&[0xff, 0xff, 0xff, 0xff, 0x0f])).await.unwrap(), i32::MIN);
    let (_fake, codec) = with_schema(r#"{"type": "enum", "name": "Size", "symbols": ["S", "M"]}"#).await;
    assert_eq!(decode::<String>(&codec, &framed(&[4])).await.unwrap_err().kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn nesting_has_an_end() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct List {
        next: Option<Box<List>>,
    }
    let text =
        r#"{"type": "record", "name": "List", "fields": [{"name": "next", "type": ["null", "List"]}]}"#;
    let nested = |links: usize| [&[0, 0, 0, 0, 7][..], &vec![2; links], &[0]].concat();
    for reader in [None, Some(text)] {
        let (_fake, mut codec) = with_schema(text).await;
        if let Some(text) = reader {
            codec = codec.with_reader_schema(text).unwrap();
        }
        let mut list: List = decode(&codec, &nested(20)).await.unwrap();
        let mut links = 0;
        while let Some(next) = list.next {
            list = *next;
            links += 1;
        }
        assert_eq!(links, 20);
        let error = decode::<List>(&codec, &nested(1_000_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooDeep);
    }
}
