//! Messages that are written by hand: there are no published vectors.

use cloudevents_core::{DecodeOptions, Event, Mode, Payload};
use cloudevents_json::Json;
use cloudevents_pgmq::{PgmqMessage, decode, encode};

#[test]
fn what_is_written() {
    let event = Event::builder().id("1").source("/s").ty("t").subject("é");
    let event = event.payload("application/octet-stream", Ok(Payload::binary(vec![0, 255]))).build().unwrap();
    let (message, losses) = encode(&event, Mode::structured(&Json::new())).unwrap();
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"application/octet-stream","subject":"é","data_base64":"AP8="}"#;
    let wanted: serde_json::Value = serde_json::from_str(document).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&message.message).unwrap(), wanted);
    assert_eq!(message.headers, [("content-type".into(), "application/cloudevents+json".into())]);
    assert!(losses.is_empty());
}

/// As `jsonb` writes the document above: by length of the names, and with spaces.
#[test]
fn what_postgres_writes() {
    let text = r#"{"id": "1", "data": {"a": 100, "b": 1.50}, "type": "t", "source": "/s", "subject": "é", "specversion": "1.0"}"#;
    let marked = PgmqMessage::new(text)
        .with_header("traceparent", "x")
        .with_header("x-pgmq-group", "g")
        .with_header("content-type", "application/cloudevents+json");
    for message in [marked, PgmqMessage::new(text)] {
        let event = decode(&message, &DecodeOptions::strict()).unwrap().value;
        assert_eq!((event.id(), event.subject(), event.attributes().len()), ("1", Some("é"), 4));
        assert_eq!(event.data_bytes().unwrap().to_vec(), br#"{"a": 100, "b": 1.50}"#);
    }
}
