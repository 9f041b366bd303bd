//! Batches and envelopes as command lines and triggers give them.

use crate::tools::{all, attribute, data, named, one};
use cloudevents_adapters::{Adapter, Adapters, recognize};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event};
use serde_json::{Value, json};

const EVENT: &str = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data":{"n":1.50}}"#;

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
fn lambda(body: &str, attributes: Value) -> String {
    json!({"Records": [{"messageId": "059f36b4", "receiptHandle": "AQEB", "body": body, "attributes": {"SentTimestamp": "1545082649183"},
        "messageAttributes": attributes, "md5OfBody": "e4e6", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue", "awsRegion": "us-east-2"}]})
    .to_string()
}

/// <https://docs.aws.amazon.com/cli/latest/reference/sqs/receive-message.html>
fn received(body: &str, attributes: Value) -> String {
    json!({"Messages": [{"MessageId": "d6790f8d", "ReceiptHandle": "AQEB", "MD5OfBody": "bbda", "Body": body,
        "MessageAttributes": attributes}]})
    .to_string()
}

/// <https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage>, as `gcloud pubsub subscriptions pull --format json` prints it.
fn pulled(data: &str, attributes: Value) -> String {
    let data = base64_simd::STANDARD.encode_to_string(data);
    json!([{"ackId": "RVNEUAYWLF1GSFE3", "message": {"attributes": attributes, "data": data, "messageId": "2070443601311540",
        "orderingKey": "k", "publishTime": "2021-02-26T19:13:55.749Z"}}])
    .to_string()
}

fn of_auto(document: &str) -> Vec<Result<Event, Error>> {
    let document = bytes::Bytes::copy_from_slice(document.as_bytes());
    let events = Adapters::known().events(&[], &document, &DecodeOptions::strict()).unwrap();
    events.into_iter().map(|event| event.map(|decoded| decoded.value)).collect()
}

/// In the modes that `cloudevents-sqs` writes.
#[test]
fn messages_of_sqs() {
    let structured = "application/cloudevents+json";
    let event = one(
        "aws-sqs",
        &[],
        &lambda(
            EVENT,
            json!({"content-type": {"stringValue": structured, "stringListValues": [], "binaryListValues": [], "dataType": "String"},
                "tenant": {"stringValue": "t7", "stringListValues": [], "binaryListValues": [], "dataType": "String"}}),
        ),
    );
    assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], r#"{"n":1.50}"#));
    assert_eq!([attribute(&event, "tenant"), attribute(&event, "datacontenttype")], ["t7", ""]);
    let event = one(
        "aws-sqs",
        &[],
        &received(EVENT, json!({"content-type": {"StringValue": structured, "DataType": "String"}})),
    );
    assert_eq!((named(&event), event.extensions().count()), (["7", "/s", "t", ""], 0));
    // In binary mode, the body is the payload, also one that is an event.
    let names = [("ce-specversion", "1.0"), ("ce-id", "b"), ("ce-source", "/b"), ("ce-type", "bt")];
    let names = || names.into_iter().chain([("ce-tenant", "t7"), ("content-type", "application/json")]);
    let of_lambda: Value = names()
        .map(|(name, value)| (name.to_owned(), json!({"stringValue": value, "dataType": "String"})))
        .collect();
    let of_api: Value = names()
        .map(|(name, value)| (name.to_owned(), json!({"StringValue": value, "DataType": "String"})))
        .collect();
    for document in [lambda(EVENT, of_lambda.clone()), received(EVENT, of_api)] {
        let event = one("aws-sqs", &[], &document);
        assert_eq!((named(&event), data(&event)), (["b", "/b", "bt", ""], EVENT));
        assert_eq!(
            [attribute(&event, "tenant"), attribute(&event, "datacontenttype")],
            ["t7", "application/json"]
        );
    }
    let mut bytes = of_lambda;
    bytes["ce-id"] = json!({"dataType": "Binary", "binaryValue": "AAE="});
    let bytes = lambda(EVENT, bytes);
    let error = all("aws-sqs", &[], &bytes).remove(0).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidData, Some("id")), "{error:#}");
}

#[test]
fn a_message_of_a_batch_without_an_event_is_an_error_of_its_own() {
    let record = |body: &str| json!({"messageId": "1", "eventSource": "aws:sqs", "body": body});
    let batch = json!({"Records": [record(EVENT), record("{\"Records\":[{\"eventSource\":\"aws:s3\",\"s3\":{}}]}"), record(EVENT)]});
    let events = all("aws-sqs", &[], &batch.to_string());
    assert_eq!(events.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let help = events[1].as_ref().unwrap_err().help().unwrap();
    assert!(help.contains("a document of another system at `body` is read if it is sent alone"), "{help}");
}

#[test]
fn pulled_messages_of_pubsub() {
    let event = one("google-pubsub-pull", &[], &pulled(EVENT, json!({"tenant": "t7", "googclient_x": "1"})));
    assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], r#"{"n":1.50}"#));
    assert_eq!([attribute(&event, "tenant"), attribute(&event, "partitionkey")], ["t7", "k"]);
    let binary = json!({"ce-specversion": "1.0", "ce-id": "b", "ce-source": "/b", "ce-type": "bt", "content-type": "application/json"});
    let event = one("google-pubsub-pull", &[], &pulled(EVENT, binary));
    assert_eq!((named(&event), data(&event)), (["b", "/b", "bt", ""], EVENT));
    let older = EVENT.replace("1.0", "0.2");
    assert_eq!(named(of_auto(&pulled(&older, json!({})))[0].as_ref().unwrap()), ["7", "/s", "t", ""]);
    let batch = json!({"content-type": "application/cloudevents-batch+json"});
    let error = all("google-pubsub-pull", &[], &pulled(&format!("[{EVENT}]"), batch)).remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotACloudEvent, "{error:#}");
}

/// The content type of a document comes first: a sender of structured mode may write the attributes of binary mode, too.
#[test]
fn a_document_may_have_the_attributes_of_its_event_beside_it() {
    let names = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("content-type", "application/cloudevents+json; charset=utf-8"),
    ];
    let typed: Value = names
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!({"stringValue": value, "dataType": "String"})))
        .collect();
    let plain: Value = names.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    for (adapter, document) in
        [("aws-sqs", lambda(EVENT, typed)), ("google-pubsub-pull", pulled(EVENT, plain))]
    {
        let event = one(adapter, &[], &document);
        assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], r#"{"n":1.50}"#), "{adapter}");
        assert_eq!(attribute(&event, "datacontenttype"), "", "{adapter}");
    }
}

/// `JsonConverter` writes it with `schemas.enable=true` for a value without a schema.
#[test]
fn values_of_kafka_connect_without_a_schema() {
    let text = json!(EVENT).to_string();
    for payload in [EVENT, text.as_str()] {
        let event = one("kafka-connect", &[], &format!(r#"{{"schema":null,"payload":{payload}}}"#));
        assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], r#"{"n":1.50}"#));
    }
    // The member is there: without it, the document is of any system.
    assert!(recognize(format!(r#"{{"payload":{EVENT}}}"#).as_bytes()).is_none());
    let error = all("kafka-connect", &[], r#"{"schema":null,"payload":null}"#).remove(0).unwrap_err();
    assert!(error.help().unwrap().starts_with("its payload is null"), "{error:#}");
}

/// `--from auto` reads them as it does within SNS.
#[test]
fn documents_of_other_systems_in_values_of_kafka_connect() {
    let s3 = r#"{"Records":[{"eventSource":"aws:s3","awsRegion":"eu","eventName":"ObjectCreated:Put","responseElements":
        {"x-amz-request-id":"R1","x-amz-id-2":"I2"},"s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}"#;
    let (text, base64) = (json!(s3).to_string(), base64_simd::STANDARD.encode_to_string(s3));
    for value in [
        format!(r#"{{"schema":{{"type":"string"}},"payload":{text}}}"#),
        format!(r#"{{"schema":{{"type":"bytes"}},"payload":"{base64}"}}"#),
        format!(r#"{{"schema":null,"payload":{text}}}"#),
        format!(r#"{{"schema":null,"payload":{s3}}}"#),
    ] {
        let events = of_auto(&value);
        let wanted = ["R1.I2", "aws:s3.eu.b", "com.amazonaws.s3.ObjectCreated:Put", "k"];
        assert_eq!((events.len(), named(events[0].as_ref().unwrap())), (1, wanted), "{value}");
    }
    let array = format!("[{EVENT},{EVENT}]");
    let (text, base64) = (json!(array).to_string(), base64_simd::STANDARD.encode_to_string(&array));
    for value in [
        format!(r#"{{"schema":{{"type":"string"}},"payload":{text}}}"#),
        format!(r#"{{"schema":{{"type":"bytes"}},"payload":"{base64}"}}"#),
        format!(r#"{{"schema":null,"payload":{text}}}"#),
        format!(r#"{{"schema":null,"payload":{array}}}"#),
    ] {
        let events = of_auto(&value);
        assert!(events.len() == 2 && events.iter().all(Result::is_ok), "{value}");
    }
    // It does not fit its schema.
    let error = of_auto(&format!(r#"{{"schema":{{"type":"bytes"}},"payload":{s3}}}"#)).remove(0).unwrap_err();
    assert!(error.detail().contains("does not fit its schema"), "{error:#}");
}

/// An array of events of any version within an envelope is read, or is not: by the same rule.
#[test]
fn an_array_of_events_of_any_version_in_an_envelope() {
    let sns = |message: &str| {
        json!({"Type": "Notification", "MessageId": "n1", "TopicArn": "arn:aws:sns:eu-central-1:1:T", "Message": message,
        "MessageAttributes": {"tenant": {"Type": "String", "Value": "t7"}}}).to_string()
    };
    let aws = Adapters::known().only("aws-sns").unwrap();
    for event in [
        EVENT.to_owned(),
        EVENT.replace("1.0", "0.3"),
        EVENT.replace("1.0", "0.2"),
        r#"{"cloudEventsVersion":"0.1","eventID":"7","source":"/s","eventType":"t"}"#.to_owned(),
        r#"{"SpecVersion":"1.0","Id":"7","Source":"/s","Type":"t"}"#.to_owned(),
    ] {
        let document = sns(&format!("[{event},{event}]"));
        let events = of_auto(&document);
        assert_eq!(events.len(), 2, "{document}");
        for event in &events {
            let event = event.as_ref().unwrap();
            assert_eq!((named(event), attribute(event, "tenant").as_str()), (["7", "/s", "t", ""], "t7"));
        }
        // With the name of the adapter, the message is the notification.
        let read = aws.events(&[], &document.clone().into(), &DecodeOptions::strict()).unwrap();
        assert_eq!(read[0].as_ref().unwrap().value.ty(), "com.amazonaws.sns.Notification", "{document}");
        assert_eq!(one("aws-sns", &[], &document).ty(), "com.amazonaws.sns.Notification");
    }
    // One that is no event is an error of its own, and no event is lost.
    let events = of_auto(&sns(&format!(r#"[{EVENT},{{"specversion":"1.0"}},{EVENT}]"#)));
    assert_eq!(events.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(of_auto(&sns("[]"))[0].as_ref().unwrap().ty(), "com.amazonaws.sns.Notification");
}

/// The error of each document names a way to read it. A mapping in the error reads it.
#[test]
fn a_document_without_an_event_names_the_way_to_read_it() {
    let raw = r#"{"order":7}"#;
    let dapr = json!({"id": "b", "entries": [{"entryId": "1", "event": raw, "contentType": "text/plain"}], "topic": "orders"});
    let changes = json!({"results": [{"seq": "1-g1", "id": "a", "changes": [{"rev": "1-x"}]}], "last_seq": "1-g1", "pending": 0});
    for (name, document, payload, words) in [
        ("aws-sqs", lambda(raw, json!({})), Some(json!(raw).to_string()), "`--map`"),
        ("aws-sqs", received(raw, json!({})), Some(json!(raw).to_string()), "`--map`"),
        ("google-pubsub-pull", pulled(raw, json!({})), Some(raw.to_owned()), "`--map`"),
        ("dapr-bulk", dapr.to_string(), Some(json!(raw).to_string()), "`--map`"),
        ("kafka-connect", format!(r#"{{"schema":null,"payload":{raw}}}"#), Some(raw.to_owned()), "`--map`"),
        (
            "kafka-connect",
            r#"{"schema":{"type":"string"},"payload":"hello"}"#.to_owned(),
            Some(r#""hello""#.to_owned()),
            "`--map`",
        ),
        (
            "kafka-connect",
            format!(r#"{{"schema":{{"type":"string"}},"payload":{}}}"#, json!(raw)),
            Some(json!(raw).to_string()),
            "`--map`",
        ),
        (
            "kafka-connect",
            format!(
                r#"{{"schema":{{"type":"bytes"}},"payload":"{}"}}"#,
                base64_simd::STANDARD.encode_to_string(raw)
            ),
            Some(raw.to_owned()),
            "`--map`",
        ),
        (
            "kafka-connect",
            format!(
                r#"{{"schema":{{"type":"struct","fields":[{{"type":"int32","field":"order"}}]}},"payload":{raw}}}"#
            ),
            Some(raw.to_owned()),
            "`--map`",
        ),
        ("couchdb", changes.to_string(), None, "`feed=continuous`"),
        ("couchdb", r#"{"last_seq":"2-a","pending":0}"#.to_owned(), None, "`--keep-going`"),
    ] {
        let error = all(name, &[], &document).remove(0).unwrap_err();
        let help = error.help().unwrap();
        assert!(help.contains(words) && !help.contains("schemas.enable"), "{name}: {error:#}");
        assert_eq!(help.contains("such as {"), payload.is_some(), "{name}: {error:#}");
        let Some(payload) = payload else { continue };
        let (_, mapping) = help.split_once("such as ").unwrap();
        let mapping = mapping.split("; ").next().unwrap();
        let own =
            Adapter::parse(&format!(r#"{{"name":"own","what":"w","reference":"r","mappings":[{mapping}]}}"#));
        let events = own.unwrap().events(&[], &document.into(), &DecodeOptions::strict());
        let event = &events[0].as_ref().unwrap().value;
        assert_eq!((events.len(), event.ty(), data(event)), (1, "com.example.t", payload.as_str()), "{name}");
    }
}
