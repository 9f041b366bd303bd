//! Typed payloads through apache-avro.

use apache_avro::Schema;
use cloudevents_avro::{AvroBuilderExt, AvroEventExt};
use cloudevents_core::{ErrorKind, Event, EventBuilder};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Order {
    number: i32,
    items: Vec<String>,
}

fn schema() -> Schema {
    Schema::parse_str(
        r#"{"type": "record", "name": "Order", "fields": [
            {"name": "number", "type": "int"}, {"name": "items", "type": {"type": "array", "items": "string"}}]}"#,
    )
    .unwrap()
}

fn builder() -> EventBuilder {
    Event::builder().id("1").source("/s").ty("t")
}

#[test]
fn through_every_format() {
    let order = Order { number: 42, items: vec!["a".into(), "b".into()] };
    let event = builder().avro(&schema(), &order).build().unwrap();
    assert_eq!(event.datacontenttype().unwrap().as_str(), "application/avro");
    assert_eq!(event.data_bytes().unwrap().as_ref(), b"\x54\x04\x02a\x02b\0");
    let avro = cloudevents_avro::decode(cloudevents_avro::encode(&event).unwrap()).unwrap();
    let compact =
        cloudevents_avro::compact::decode(cloudevents_avro::compact::encode(&event).unwrap()).unwrap();
    let json = cloudevents_json::decode(cloudevents_json::encode(&event)).unwrap();
    for event in [avro, compact, json] {
        assert_eq!(event.data_as_avro::<Order>(&schema()).unwrap(), order);
    }
}

#[test]
fn what_is_refused() {
    let read = |event: &Event| event.data_as_avro::<Order>(&schema()).unwrap_err().kind();
    let with = |content_type, bytes: &[u8]| builder().binary(content_type, bytes.to_vec()).build().unwrap();
    assert_eq!(read(&builder().build().unwrap()), ErrorKind::InvalidData);
    assert_eq!(read(&with("application/json", b"\x54\0")), ErrorKind::UnexpectedContentType);
    assert_eq!(read(&with("application/avro", b"\x54")), ErrorKind::InvalidData);
    assert_eq!(read(&with("application/avro", b"\x54\0\0")), ErrorKind::InvalidData);
    for content_type in ["application/avro", "Avro/Binary", "application/vnd.order+AVRO; v=1"] {
        let order = with(content_type, b"\x54\0").data_as_avro::<Order>(&schema()).unwrap();
        assert_eq!(order, Order { number: 42, items: vec![] });
    }
    let mistakes = builder().avro(&schema(), &"no order").build().unwrap_err();
    assert_eq!(
        (mistakes.errors()[0].kind(), mistakes.errors()[0].attribute()),
        (ErrorKind::InvalidData, Some("data"))
    );
}
