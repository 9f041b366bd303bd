//! Arrays of envelopes: each element is read as it is alone.

use crate::tools::named;
use cloudevents_adapters::Adapters;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event};

fn read(document: &str, with: &DecodeOptions) -> Vec<Result<Decoded<Event>, Error>> {
    Adapters::known().events(&[], &document.to_owned().into(), with).unwrap()
}

fn ids(document: &str) -> Vec<String> {
    let events = read(document, &DecodeOptions::strict()).into_iter();
    events.map(|event| event.unwrap().value.id().to_owned()).collect()
}

fn sns(id: &str, message: &str) -> String {
    let message = serde_json::json!(message);
    format!(
        r#"{{"Type":"Notification","MessageId":"{id}","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":{message}}}"#
    )
}

/// S3 with an event for each of these.
fn s3(ids: &[&str]) -> String {
    let record = |id: &&str| {
        format!(
            r#"{{"eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
            "responseElements":{{"x-amz-request-id":"C3","x-amz-id-2":"{id}"}},"s3":{{"bucket":{{"name":"b"}},"object":{{"key":"k"}}}}}}"#
        )
    };
    format!(r#"{{"Records":[{}]}}"#, ids.iter().map(record).collect::<Vec<_>>().join(","))
}

#[test]
fn a_document_in_an_element_is_read() {
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    let all = [sns("1", &s3(&["a", "b"])), sns("2", "Hello"), sns("3", event), sns("4", &s3(&["c"]))];
    assert_eq!(ids(&format!(" [{}]", all.join(" , "))), ["C3.a", "C3.b", "2", "7", "C3.c"]);
    // Within the message of an element, and without such a document.
    let inner = format!("[{},{}]", sns("5", &s3(&["d"])), sns("6", "Hello"));
    assert_eq!(ids(&format!("[{}]", sns("1", &inner))), ["C3.d", "6"]);
    assert_eq!(ids(&format!("[{},{}]", sns("1", "a"), sns("2", event))), ["1", "7"]);
    let push = |data: &str| {
        let data = base64_simd::STANDARD.encode_to_string(data);
        format!(
            r#"{{"message":{{"data":"{data}","messageId":"7"}},"subscription":"projects/p/subscriptions/s"}}"#
        )
    };
    let older = push(&event.replace("1.0", "0.2"));
    let events = read(&format!("[{},{older}]", push(event)), &DecodeOptions::strict());
    for event in events {
        assert_eq!(named(&event.unwrap().value), ["7", "/s", "t", ""]);
    }
}

#[test]
fn an_error_of_an_element_has_its_place() {
    let broken = s3(&["b"]).replace(r#","x-amz-id-2":"b""#, "");
    let document = format!("[{},{}]", sns("1", &s3(&["a"])), sns("2", &broken));
    let events = read(&document, &DecodeOptions::strict());
    assert_eq!(events[0].as_ref().unwrap().value.id(), "C3.a");
    let error = events[1].as_ref().unwrap_err();
    assert_eq!((events.len(), error.attribute()), (2, Some("id")));
    assert_eq!(error.offset(), document.rfind(r#""{\"#).map(|at| at as u64), "{error:#}");
    // An element of another system: the whole array is an error.
    let other = read(&format!(r#"[{},{{"n":1}}]"#, sns("1", &s3(&["a"]))), &DecodeOptions::strict());
    let error = other[0].as_ref().unwrap_err();
    assert_eq!((other.len(), error.kind(), error.index()), (1, ErrorKind::InvalidData, Some(1)));
}

#[test]
fn the_events_of_all_elements_are_bounded() {
    let mut with = DecodeOptions::strict();
    with.limits.batch = 3;
    let document = |ids: &[&str]| format!("[{},{}]", sns("1", &s3(ids)), sns("2", &s3(ids)));
    assert_eq!(read(&document(&["a"]), &with).len(), 2);
    let events = read(&document(&["a", "b"]), &with);
    assert_eq!((events.len(), events[0].as_ref().unwrap_err().kind()), (1, ErrorKind::TooMany));
}
