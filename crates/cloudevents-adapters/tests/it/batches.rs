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
    assert!(help.contains("at `body`, and an array of events, are read if the text is sent alone"), "{help}");
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
        ("aws-sqs", lambda(raw, json!({})), Some(raw.to_owned()), "`--map`"),
        ("aws-sqs", received(raw, json!({})), Some(raw.to_owned()), "`--map`"),
        ("google-pubsub-pull", pulled(raw, json!({})), Some(raw.to_owned()), "`--map`"),
        ("dapr-bulk", dapr.to_string(), Some(raw.to_owned()), "`--map`"),
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
        ("couchdb", r#"{"last_seq":"2-a","pending":0}"#.to_owned(), None, "leave it out"),
    ] {
        let error = all(name, &[], &document).remove(0).unwrap_err();
        let help = error.help().unwrap();
        assert!(help.contains(words) && !help.contains("schemas.enable"), "{name}: {error:#}");
        // A bridge has no such flag.
        assert!(!help.contains("--keep-going"), "{name}: {error:#}");
        assert_eq!(help.contains("such as {"), payload.is_some(), "{name}: {error:#}");
        let Some(payload) = payload else { continue };
        let events = offered(&error).events(&[], &document.into(), &DecodeOptions::strict());
        let event = &events[0].as_ref().unwrap().value;
        assert_eq!((events.len(), event.ty(), data(event)), (1, "com.example.t", payload.as_str()), "{name}");
    }
}

/// An adapter with the mapping of an error.
fn offered(error: &Error) -> Adapter {
    let (_, mapping) = error.help().unwrap().split_once("such as ").unwrap();
    let mapping = mapping.split("; ").next().unwrap();
    Adapter::parse(&format!(r#"{{"name":"own","what":"w","reference":"r","mappings":[{mapping}]}}"#)).unwrap()
}

/// A map comes before the known adapters, so it gets the messages with an event, too. A message that comes again is the same event.
#[test]
fn the_mapping_of_an_error_reads_events_as_the_adapter_does() {
    const OTHER: &str = r#"{"n":1}"#;
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "b"),
        ("ce-source", "/b"),
        ("ce-type", "bt"),
        ("content-type", "application/json"),
        ("tenant", "t7"),
    ];
    let typed = |ty: &str, value: &str| -> Value {
        let typed = |text: &str| json!({ty: "String", value: text});
        binary.iter().map(|(name, text)| ((*name).to_owned(), typed(text))).collect()
    };
    let plain: Value = binary.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    let records = |handle: &str| {
        let record = |id: &str, body: &str, attributes: Value| json!({"messageId": id, "receiptHandle": handle, "body": body, "messageAttributes": attributes, "eventSource": "aws:sqs"});
        let own = typed("dataType", "stringValue");
        json!({"Records": [record("1", EVENT, json!({})), record("2", OTHER, own), record("3", "hello", json!({}))]})
            .to_string()
    };
    let messages = |handle: &str| {
        let message = |id: &str, body: &str, attributes: Value| json!({"MessageId": id, "ReceiptHandle": handle, "Body": body, "MessageAttributes": attributes});
        let own = typed("DataType", "StringValue");
        json!({"Messages": [message("1", EVENT, json!({})), message("2", OTHER, own), message("3", "hello", json!({}))]})
            .to_string()
    };
    let all_pulled = |handle: &str| {
        let message = |id: &str, data: &str, attributes: &Value| {
            let data = base64_simd::STANDARD.encode_to_string(data);
            let message =
                json!({"data": data, "messageId": id, "attributes": attributes, "orderingKey": "k"});
            json!({"ackId": handle, "message": message})
        };
        let own = json!({"tenant": "t7", "googclient_x": "1"});
        json!([
            message("1", EVENT, &own),
            message("2", OTHER, &plain),
            message("3", "hello", &json!({"a": "b"}))
        ])
    };
    let pulled = |handle: &str| all_pulled(handle).to_string();
    let rest = |handle: &str| json!({"receivedMessages": all_pulled(handle)}).to_string();
    let entry = |id: &str, event: &str| json!({"entryId": id, "event": event});
    let bulk =
        json!({"id": "b", "entries": [entry("0", EVENT), entry("1", "hello")], "topic": "t"}).to_string();
    let connect = |schema: &str, payloads: [&str; 2]| {
        let values = payloads.map(|payload| format!(r#"{{"schema":{schema},"payload":{payload}}}"#));
        [format!("[{}]", values.join(",")), format!("[{}]", values.join(", "))]
    };
    let (event, base64) = (json!(EVENT).to_string(), |text: &str| {
        json!(base64_simd::STANDARD.encode_to_string(text)).to_string()
    });
    let structure = r#"{"type":"struct","fields":[{"type":"string","optional":true,"field":"specversion"},
        {"type":"string","field":"id"},{"type":"string","field":"source"},{"type":"string","field":"type"},
        {"type":"bytes","optional":true,"field":"data"}]}"#;
    let struct_event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data":"AAEC"}"#;
    let struct_other = r#"{"specversion":null,"id":"7","source":"/s","type":"t"}"#;
    for (name, [first, again], id, payload) in [
        ("aws-sqs", ["A", "B"].map(records), "3", "hello"),
        ("aws-sqs", ["A", "B"].map(messages), "3", "hello"),
        ("google-pubsub-pull", ["A", "B"].map(pulled), "3", "hello"),
        ("google-pubsub-pull", ["A", "B"].map(rest), "3", "hello"),
        ("dapr-bulk", [bulk.clone(), bulk], "b.1", r#""hello""#),
        ("kafka-connect", connect(r#"{"type":"string"}"#, [&event, r#""hello""#]), "", r#""hello""#),
        ("kafka-connect", connect(r#"{"type":"bytes"}"#, [&base64(EVENT), &base64("hello")]), "", "hello"),
        ("kafka-connect", connect("null", [&event, r#""hello""#]), "", r#""hello""#),
        ("kafka-connect", connect(structure, [struct_event, struct_other]), "", struct_other),
    ] {
        let known = all(name, &[], &first);
        let (other, events) = known.split_last().unwrap();
        assert!(!events.is_empty() && events.iter().all(Result::is_ok), "{name}: {events:?}");
        let own = offered(other.as_ref().unwrap_err());
        let mut ids = Vec::new();
        for document in [first, again] {
            let read = own.events(&[], &document.into(), &DecodeOptions::strict());
            let read: Vec<_> = read.into_iter().map(|event| event.unwrap().value).collect();
            let (made, read) = read.split_last().unwrap();
            assert!(read.iter().eq(events.iter().flatten()), "{name}: {read:?}");
            assert_eq!((made.ty(), data(made)), ("com.example.t", payload), "{name}");
            ids.push(made.id().to_owned());
        }
        assert!(ids[0] == ids[1] && (id.is_empty() || ids[0] == id), "{name}: {ids:?}");
    }
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-targets-specifics.html>: the records of a batch are an array.
#[test]
fn records_of_a_pipe_are_read_without_the_batch_around_them() {
    let records = |body: &str| {
        let batch: Value = serde_json::from_str(&lambda(
            body,
            json!({"tenant": {"dataType": "String", "stringValue": "t7"}}),
        ))
        .unwrap();
        batch["Records"].to_string()
    };
    let events = all("aws-sqs", &[], &records(EVENT));
    let event = events[0].as_ref().unwrap();
    assert_eq!(
        (events.len(), named(event), attribute(event, "tenant").as_str()),
        (1, ["7", "/s", "t", ""], "t7")
    );
    let document = records("hi");
    let own = offered(all("aws-sqs", &[], &document)[0].as_ref().unwrap_err());
    let events = own.events(&[], &document.into(), &DecodeOptions::strict());
    let event = &events[0].as_ref().unwrap().value;
    assert_eq!((data(event), attribute(event, "tenant").as_str()), ("hi", "t7"));
}

/// By the names that they get beside an event. An attribute that no extension can have is named.
#[test]
fn the_mapping_of_an_error_keeps_the_attributes_of_a_message() {
    let typed = |name: &str, ty: &str, value: &str| {
        let mut all = json!({"Tenant": {ty: "String", value: "t7"}});
        all[name] = json!({ty: "String", value: "x"});
        all
    };
    let pull = |name: &str| {
        let message = json!({"messageId": "1204", "orderingKey": "k", "attributes": {"Tenant": "t7", name: "x",
            "content-type": "text/plain", "googclient_x": "1"}});
        json!([{"ackId": "R1", "message": message}])
    };
    let rest = |name: &str| json!({"receivedMessages": pull(name)}).to_string();
    let both = |of: &dyn Fn(&str) -> String| [of("n"), of("my_key")];
    for (name, [fits, unfit], partition_key, place) in [
        (
            "aws-sqs",
            both(&|name| lambda("hi", typed(name, "dataType", "stringValue"))),
            "",
            "`messageAttributes.my_key`",
        ),
        (
            "aws-sqs",
            both(&|name| received("hi", typed(name, "DataType", "StringValue"))),
            "",
            "`MessageAttributes.my_key`",
        ),
        ("google-pubsub-pull", both(&|name| pull(name).to_string()), "k", "`message.attributes.my_key`"),
        ("google-pubsub-pull", both(&rest), "k", "`message.attributes.my_key`"),
    ] {
        let own = offered(all(name, &[], &fits)[0].as_ref().unwrap_err());
        let exact = Adapters::known().with([own.clone()]).exact();
        let read = |document: String| {
            let mut events = exact.events(&[], &document.into(), &DecodeOptions::strict()).unwrap();
            assert_eq!(events.len(), 1, "{name}");
            events.remove(0)
        };
        let event = read(fits).unwrap().value;
        let extensions = ["tenant", "n", "partitionkey"].map(|name| attribute(&event, name));
        assert_eq!(extensions, ["t7", "x", partition_key], "{name}");
        assert_eq!(event.extensions().count(), if partition_key.is_empty() { 2 } else { 3 }, "{name}");
        assert_eq!(attribute(&event, "datacontenttype"), "text/plain", "{name}");
        let error = read(unfit.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inexact, "{name}: {error:#}");
        assert!(error.detail().contains(place), "{name}: {error:#}");
        let events = own.events(&[], &unfit.into(), &DecodeOptions::strict());
        assert_eq!(attribute(&events[0].as_ref().unwrap().value, "tenant"), "t7", "{name}");
    }
}

/// <https://docs.dapr.io/developing-applications/building-blocks/pubsub/pubsub-bulk/>: an entry has its content type.
#[test]
fn the_mapping_of_a_bulk_message_keeps_the_content_type() {
    for (entry, wanted) in [
        (r#""event":"aGk=","contentType":"application/octet-stream""#, ("hi", "application/octet-stream")),
        (r#""event":"aGk=","contentType":"text/plain""#, ("aGk=", "text/plain")),
        (r#""event":{"n":1.50},"contentType":"application/json""#, (r#"{"n":1.50}"#, "application/json")),
        (r#""event":"aGk=""#, (r#""aGk=""#, "")),
    ] {
        let document = format!(r#"{{"id":"b","entries":[{{"entryId":"1",{entry}}}],"topic":"t"}}"#);
        let own = offered(all("dapr-bulk", &[], &document)[0].as_ref().unwrap_err());
        let events = own.events(&[], &document.into(), &DecodeOptions::strict());
        let event = &events[0].as_ref().unwrap().value;
        assert_eq!((data(event), attribute(event, "datacontenttype").as_str()), wanted, "{entry}");
    }
}

/// A Decimal in Base64 has its scale in the schema.
#[test]
fn the_mapping_of_a_decimal_keeps_its_schema() {
    let value = r#"{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},"payload":"AfQ="}"#;
    let error = all("kafka-connect", &[], value).remove(0).unwrap_err();
    let events = offered(&error).events(&[], &value.into(), &DecodeOptions::strict());
    assert_eq!(data(&events[0].as_ref().unwrap().value), value);
}

/// The others are read as without it.
#[test]
fn a_pulled_message_without_an_event_is_an_error_of_its_own() {
    let message = |attributes: &str| {
        let data = base64_simd::STANDARD.encode_to_string(EVENT);
        format!(r#"{{"ackId":"a","message":{{"data":"{data}","messageId":"1","attributes":{attributes}}}}}"#)
    };
    let whole = message("{}");
    // A batch in XML, whose data is none; and a member that is there twice.
    let marked = whole.replace(
        r#""attributes":{}"#,
        r#""attributes":{"content-type":"application/cloudevents-batch+xml"}"#,
    );
    let marked = marked.replace(&base64_simd::STANDARD.encode_to_string(EVENT), "PGEvPg==");
    let twice = message(r#"{},"messageId":"2""#);
    for (other, kind) in [(marked, ErrorKind::NotACloudEvent), (twice, ErrorKind::InvalidData)] {
        for document in [format!("[{whole},{other},{whole}]"), format!("[{other},{whole}]")] {
            for events in [all("google-pubsub-pull", &[], &document), of_auto(&document)] {
                let errors: Vec<_> = events.iter().filter_map(|event| event.as_ref().err()).collect();
                assert_eq!(
                    (events.len() - errors.len(), errors.len()),
                    (document.matches(whole.as_str()).count(), 1)
                );
                assert_eq!(errors[0].kind(), kind, "{:#}", errors[0]);
            }
        }
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>
#[test]
fn messages_of_sns_for_lambda() {
    let invocation = |message: &str, attributes: Value| {
        json!({"Records": [{"EventVersion": "1.0", "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:T:21be", "EventSource": "aws:sns",
            "Sns": {"SignatureVersion": "1", "Timestamp": "2019-01-02T12:45:07.000Z", "MessageId": "95df01b4", "Message": message,
            "MessageAttributes": attributes, "Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:123456789012:T", "Subject": null}}]})
        .to_string()
    };
    let tenant = json!({"tenant": {"Type": "String", "Value": "t7"}});
    let event = one("aws-sns", &[], &invocation(EVENT, tenant.clone()));
    assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], r#"{"n":1.50}"#));
    assert_eq!(attribute(&event, "tenant"), "t7");
    let event = one("aws-sns", &[], &invocation("hello", tenant));
    let source = "arn:aws:sns:us-east-1:123456789012:T:21be";
    assert_eq!(named(&event), ["95df01b4", source, "com.amazonaws.sns.Notification", ""]);
    assert_eq!(attribute(&event, "time"), "2019-01-02T12:45:07.000Z");
    assert!(data(&event).starts_with('{') && data(&event).contains(r#""Message":"hello""#), "{event:?}");
}
