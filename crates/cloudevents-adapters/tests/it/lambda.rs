//! Invocations of AWS Lambda: the example events of AWS, and what functions respond.

use crate::tools::{attribute, data, named};
use cloudevents_adapters::{
    Adapters,
    lambda::{self, Batch, BatchResponse, HttpResponse},
};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Leniency, RepairKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;

/// `example-sqs-event.json` of <https://github.com/awslabs/aws-lambda-rust-runtime>, without its checksums.
const SQS: &str = r#"{"Records": [{"messageId": "MessageID_1", "receiptHandle": "MessageReceiptHandle", "body": "Message Body",
    "eventSourceARN": "arn:aws:sqs:us-west-2:123456789012:SQSQueue", "eventSource": "aws:sqs", "awsRegion": "us-west-2",
    "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1520621625029"}, "messageAttributes": {
        "Attribute3": {"binaryValue": "MTEwMA==", "stringListValues": ["abc", "123"], "binaryListValues": ["MA=="], "dataType": "Binary"},
        "Attribute2": {"stringValue": "123", "stringListValues": [], "binaryListValues": ["MQ=="], "dataType": "Number"},
        "Attribute1": {"stringValue": "AttributeValue1", "stringListValues": [], "binaryListValues": [], "dataType": "String"}}}]}"#;

/// `example-sqs-batch-response.json` of the same repository.
const RESPONSE: &str = r#"{"batchItemFailures": [{"itemIdentifier": "id2"}, {"itemIdentifier": "id4"}]}"#;

/// `example-sns-event.json` of the same repository, without its signature.
const SNS: &str = r#"{"Records": [{"EventVersion": "1.0", "EventSubscriptionArn": "arn:aws:sns:EXAMPLE", "EventSource": "aws:sns", "Sns": {
    "Type": "Notification", "MessageId": "82833b5c-8d5d-56d0-b0e1-7511f8253eb8",
    "TopicArn": "arn:aws:sns:us-east-1:246796806071:snsNetTest", "Subject": "Greetings", "Message": "Hello\r\nworld!",
    "Timestamp": "2015-08-18T18:02:32.111Z", "SignatureVersion": "1"}}]}"#;

/// `example-kinesis-event.json` of the same repository.
const KINESIS: &str = r#"{"Records": [{"kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "s1",
    "sequenceNumber": "49568167373333333333333333333333333333333333333333333333", "data": "SGVsbG8gV29ybGQ=",
    "approximateArrivalTimestamp": 1480641523.477}, "eventSource": "aws:kinesis", "eventVersion": "1.0",
    "eventID": "shardId-000000000000:49568167373333333333333333333333333333333333333333333333", "eventName": "aws:kinesis:record",
    "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/simple-stream"}]}"#;

/// `example-eventbridge-schedule.json` of the same repository.
const SCHEDULE: &str = r#"{"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
    "source": "aws.events", "account": "123456789012", "time": "2015-10-08T16:53:06Z", "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"], "detail": {}}"#;

/// `lambda_function_url_request.json` of the same repository, with fewer headers.
const URL: &str = r#"{"version": "2.0", "routeKey": "$default", "rawPath": "/my/path",
    "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value", "cookies": ["test=hi"],
    "headers": {"cookie": "test=hi", "host": "id.lambda-url.eu-west-2.on.aws", "user-agent": "curl/7.68.0"},
    "requestContext": {"accountId": "123456789012", "http": {"method": "GET", "path": "/my/path", "protocol": "HTTP/1.1"},
        "timeEpoch": 1673437534837}, "isBase64Encoded": false}"#;

const EVENT: &str =
    r#"{"specversion":"1.0","id":"1","source":"/shop","type":"placed","data":{"total":1.50}}"#;

#[test]
fn messages_of_sqs() {
    // It is no event, and a failure of this record alone. Attributes of the program are of any type.
    let batch = read_sqs(&sqs_of(SQS));
    assert_eq!((batch.records()[0].id.as_str(), batch.is_ordered()), ("MessageID_1", false));
    assert_eq!(failure(&batch).kind(), ErrorKind::NotACloudEvent);

    let structured = read_sqs(&message(EVENT, json!({"content-type": text("application/cloudevents+json")})));
    let event = event(&structured.records()[0].events);
    assert_eq!((named(event), data(event)), (["1", "/shop", "placed", ""], r#"{"total":1.50}"#));

    let attributes = json!({"ce-specversion": text("1.0"), "ce-id": text("7"), "ce-source": text("/shop"), "ce-type": text("placed"),
        "content-type": text("text/plain"), "tenant": text("t7")});
    let binary = read_sqs(&message("a payload", attributes));
    let event = self::event(&binary.records()[0].events);
    assert_eq!((named(event), data(event)), (["7", "/shop", "placed", ""], "a payload"));
    assert_eq!(attribute(event, "datacontenttype"), "text/plain");
}

#[test]
fn documents_of_other_systems_in_messages_of_sqs() {
    let bridged = read_sqs(&message(SCHEDULE, json!({})));
    assert_eq!(event(&bridged.records()[0].events).ty(), "Scheduled Event");
    // Without raw delivery, SNS writes its notification into the message.
    let notification = json!({"Type": "Notification", "TopicArn": "arn", "MessageId": "8", "Message": EVENT, "Timestamp": "2015-08-18T18:02:32Z"});
    let notified = read_sqs(&message(&notification.to_string(), json!({})));
    assert_eq!(event(&notified.records()[0].events).id(), "1");
    let two = read_sqs(&message(&s3(&["a", "b"]), json!({})));
    let events = two.records()[0].events.as_ref().unwrap();
    assert_eq!(events.value.iter().map(Event::subject).collect::<Vec<_>>(), [Some("a"), Some("b")]);
}

#[test]
fn a_document_without_a_mark_is_an_event_with_leniency() {
    let unmarked = message(EVENT, json!({})).to_string();
    let batch = lambda::sqs(&unmarked, &Adapters::known(), &DecodeOptions::strict()).unwrap();
    assert_eq!(failure(&batch).kind(), ErrorKind::NotACloudEvent);
    let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::AssumedJson));
    let batch = lambda::sqs(&unmarked, &Adapters::known(), &with).unwrap();
    let events = batch.records()[0].events.as_ref().unwrap();
    assert_eq!((events.value[0].id(), events.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
}

#[tokio::test]
async fn a_record_that_fails_is_one_failure() {
    let (response, handled) = run(read_sqs(&orders("queue")), &["3"]).await;
    assert_eq!(handled, ["0", "2", "3", "4"]);
    assert_eq!(serde_json::to_value(&response).unwrap(), serde_json::from_str::<Value>(RESPONSE).unwrap());
    let reasons: Vec<_> =
        response.batch_item_failures.iter().map(|failure| failure.reason.as_str()).collect();
    assert!(reasons[0].contains("is not a CloudEvent") && reasons[1] == "order 3 is refused", "{reasons:?}");
}

#[tokio::test]
async fn nothing_failed() {
    let (response, _) =
        run(read_sqs(&message(EVENT, json!({"content-type": text("application/cloudevents+json")}))), &[])
            .await;
    assert_eq!(serde_json::to_string(&response).unwrap(), r#"{"batchItemFailures":[]}"#);
}

#[tokio::test]
async fn after_the_first_failure_of_a_fifo_queue_all_records_are_failures_in_their_order() {
    // The second record is no event.
    let (response, handled) = run(read_sqs(&orders("queue.fifo")), &["3"]).await;
    assert_eq!((handled, ids(&response)), (vec!["0".to_owned()], vec!["id2", "id3", "id4", "id5"]));
    // The first record is refused.
    let (response, handled) = run(read_sqs(&orders("queue.fifo")), &["0"]).await;
    assert_eq!((handled, ids(&response)), (vec!["0".to_owned()], vec!["id1", "id2", "id3", "id4", "id5"]));
}

#[tokio::test]
async fn a_record_with_several_events_is_settled_once() {
    let objects = message(&s3(&["a", "b", "c"]), json!({}));
    let handled = RefCell::new(Vec::new());
    let response = read_sqs(&objects).run(async |event: Event| {
        let subject = event.subject().unwrap().to_owned();
        handled.borrow_mut().push(subject.clone());
        if subject == "b" { Err("b is refused") } else { Ok(()) }
    });
    assert_eq!(ids(&response.await), ["id1"]);
    assert_eq!(handled.into_inner(), ["a", "b"]);
}

#[tokio::test]
async fn a_record_of_another_shape_is_one_failure() {
    let mut orders = orders("queue");
    orders["Records"][2]["body"] = json!(7);
    orders["Records"][4].as_object_mut().unwrap().remove("body");
    let (response, handled) = run(read_sqs(&orders), &[]).await;
    assert_eq!((handled, ids(&response)), (vec!["0".to_owned(), "3".to_owned()], vec!["id2", "id3", "id5"]));
    // Without its id, the response cannot name it.
    orders["Records"][2].as_object_mut().unwrap().remove("messageId");
    let error = lambda::sqs(&orders.to_string(), &Adapters::known(), &DecodeOptions::strict()).unwrap_err();
    assert!(error.detail().contains("`messageId`"), "{error}");
}

#[test]
fn a_trigger_of_another_service_is_named() {
    let error = |document| lambda::sqs(document, &Adapters::known(), &DecodeOptions::strict()).unwrap_err();
    assert!(error(KINESIS).detail().contains("`aws:kinesis`"), "{}", error(KINESIS));
    for document in [SCHEDULE, URL, "{}", "[]", "", "null", r#"{"Records": 7}"#] {
        assert_eq!(error(document).kind(), ErrorKind::InvalidDocument, "{document}");
    }
}

#[tokio::test]
async fn records_of_kinesis() {
    let read = |document: &Value| {
        lambda::kinesis(&document.to_string(), &Adapters::known(), &DecodeOptions::strict()).unwrap()
    };
    let mut document: Value = serde_json::from_str(KINESIS).unwrap();
    let batch = read(&document);
    assert_eq!(batch.records()[0].id, "49568167373333333333333333333333333333333333333333333333");
    assert_eq!((failure(&batch).kind(), batch.is_ordered()), (ErrorKind::NotACloudEvent, true));

    let record = document["Records"][0].clone();
    let datas = [EVENT.as_bytes(), SCHEDULE.as_bytes(), b"\xf3\x89\x9a\xc2rest", EVENT.as_bytes()];
    let records = datas.iter().enumerate().map(|(index, data)| {
        let mut record = record.clone();
        record["kinesis"]["data"] = json!(base64_simd::STANDARD.encode_to_string(data));
        record["kinesis"]["sequenceNumber"] = json!(index.to_string());
        record
    });
    document["Records"] = records.collect();
    let batch = read(&document);
    assert_eq!(data(event(&batch.records()[0].events)), r#"{"total":1.50}"#);
    assert_eq!(event(&batch.records()[1].events).ty(), "Scheduled Event");
    let aggregated = batch.records()[2].events.as_ref().unwrap_err();
    assert!(aggregated.detail().contains("aggregated"), "{aggregated}");
    // The stream stays at the record, which Lambda delivers again with those behind it.
    let (response, handled) = run(batch, &[]).await;
    assert_eq!((handled.len(), ids(&response)), (2, vec!["2", "3"]));

    document["Records"][0]["kinesis"]["data"] = json!("***");
    assert_eq!(failure(&read(&document)).kind(), ErrorKind::InvalidBinary);
}

#[test]
fn a_message_of_sns() {
    let read = |document: &Value| {
        let events = lambda::sns(&document.to_string(), &Adapters::known(), &DecodeOptions::strict());
        events.map(|mut events| events.value.remove(0))
    };
    let mut document: Value = serde_json::from_str(SNS).unwrap();
    let event = read(&document).unwrap();
    // As the adapter of the specification has it, from the header of a request.
    let expected = [
        "82833b5c-8d5d-56d0-b0e1-7511f8253eb8",
        "arn:aws:sns:EXAMPLE",
        "com.amazonaws.sns.Notification",
        "Greetings",
    ];
    assert_eq!((named(&event), attribute(&event, "time").as_str()), (expected, "2015-08-18T18:02:32.111Z"));

    // With and without a mark, and in binary mode.
    document["Records"][0]["Sns"]["Message"] = json!(EVENT);
    assert_eq!(read(&document).unwrap().id(), "1");
    let value = |value: &str| json!({"Type": "String", "Value": value});
    document["Records"][0]["Sns"]["MessageAttributes"] =
        json!({"content-type": value("application/cloudevents+json")});
    assert_eq!(read(&document).unwrap().id(), "1");
    document["Records"][0]["Sns"]["MessageAttributes"] = json!({"ce-specversion": value("1.0"), "ce-id": value("7"),
        "ce-source": value("/s"), "ce-type": value("t"), "binary": {"Type": "Binary", "Value": "AQID"}});
    assert_eq!((read(&document).unwrap().id(), data(&read(&document).unwrap())), ("7", EVENT));
    document["Records"][0]["Sns"]["MessageAttributes"] = json!({"ce-id": value("7")});
    assert_eq!(read(&document).unwrap_err().kind(), ErrorKind::MissingAttribute);

    // A notification of S3 in it is as with raw delivery.
    document["Records"][0]["Sns"]["MessageAttributes"] = json!({});
    document["Records"][0]["Sns"]["Message"] = json!(s3(&["a"]));
    assert_eq!(read(&document).unwrap().subject(), Some("a"));
}

#[test]
fn documents_of_eventbridge_and_others() {
    let read = |document: &str| lambda::document(document, &Adapters::known(), &DecodeOptions::strict());
    let event = read(SCHEDULE).unwrap().value.remove(0);
    let expected = [
        "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "aws.events",
        "Scheduled Event",
        "arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule",
    ];
    assert_eq!((named(&event), attribute(&event, "time").as_str()), (expected, "2015-10-08T16:53:06Z"));
    // An event that was put on the bus comes back, with each digit.
    let unwrapped =
        read(&SCHEDULE.replace(r#""detail": {}"#, &format!(r#""detail": {EVENT}"#))).unwrap().value;
    assert_eq!((unwrapped[0].source().as_str(), data(&unwrapped[0])), ("/shop", r#"{"total":1.50}"#));
    assert_eq!(data(&read(EVENT).unwrap().value[0]), r#"{"total":1.50}"#);
    assert_eq!(read(&s3(&["a", "b"])).unwrap().value.len(), 2);
    for document in ["{}", "", "7", URL] {
        assert_eq!(read(document).unwrap_err().kind(), ErrorKind::NotACloudEvent, "{document}");
    }
}

#[test]
fn requests_of_function_urls() {
    let request = lambda::request(URL).unwrap();
    assert_eq!((request.method(), request.uri().path()), (&http::Method::GET, "/my/path"));
    assert_eq!(request.uri().query(), Some("parameter1=value1&parameter1=value2&parameter2=value"));
    assert_eq!(
        (&request.headers()["user-agent"], request.body().len()),
        (&"curl/7.68.0".parse().unwrap(), 0)
    );

    let mut document: Value = serde_json::from_str(URL).unwrap();
    let events = |document: &Value| {
        let request = lambda::request(&document.to_string()).unwrap();
        let body = request.body().clone();
        cloudevents_http::decode_events(request.headers(), body, &DecodeOptions::strict()).unwrap().value
    };
    document["headers"] = json!({"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/s", "ce-type": "t", "content-type": "text/plain"});
    document["body"] = json!("/w==");
    document["isBase64Encoded"] = json!(true);
    let binary = events(&document);
    assert_eq!((binary[0].id(), &binary[0].data_bytes().unwrap()[..]), ("7", &b"\xff"[..]));
    document["isBase64Encoded"] = json!(false);
    document["headers"] = json!({"content-type": "application/cloudevents+json"});
    document["body"] = json!(EVENT);
    assert_eq!(data(&events(&document)[0]), r#"{"total":1.50}"#);
    document["headers"] = json!({"content-type": "application/cloudevents-batch+json"});
    document["body"] = json!(format!("[{EVENT},{EVENT}]"));
    assert_eq!(events(&document).len(), 2);

    document["isBase64Encoded"] = json!(true);
    assert_eq!(lambda::request(&document.to_string()).unwrap_err().kind(), ErrorKind::InvalidBinary);
    document["isBase64Encoded"] = json!(false);
    document["headers"] = json!({"not a name": "1"});
    for document in [document.to_string().as_str(), SQS, SCHEDULE, "", "7"] {
        let error = lambda::request(document).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{document}");
    }
    // Format 1.0 has other names, and a path without percent-encoding.
    let old = r#"{"path": "/my path", "httpMethod": "PUT", "headers": null, "body": null, "requestContext": {"httpMethod": "PUT"}}"#;
    let request = lambda::request(old).unwrap();
    assert_eq!((request.method(), request.uri().path()), (&http::Method::PUT, "/my%20path"));
}

#[test]
fn responses_of_function_urls() {
    let response = http::Response::builder()
        .header("a", "1")
        .header("a", "2")
        .body(bytes::Bytes::from_static(b"\xff"))
        .unwrap();
    let response = HttpResponse::from(response);
    assert_eq!(
        (response.headers["a"].as_str(), response.body.as_str(), response.is_base64_encoded),
        ("1, 2", "/w==", true)
    );
}

proptest! {
    /// Of an invocation that was cut off or changed, no function panics.
    #[test]
    fn any_document(document in prop_oneof![Just(SQS), Just(SNS), Just(KINESIS), Just(SCHEDULE), Just(URL), Just(EVENT)],
        at in 0_usize..2000, put in ".{0,3}")
    {
        let at = (0..=at.min(document.len())).rev().find(|at| document.is_char_boundary(*at)).unwrap();
        for document in [document[..at].to_owned(), format!("{}{put}{}", &document[..at], &document[at..])] {
            let (adapters, with) = (Adapters::known(), DecodeOptions::strict());
            let _ = lambda::sqs(&document, &adapters, &with);
            let _ = lambda::sns(&document, &adapters, &with);
            let _ = lambda::kinesis(&document, &adapters, &with);
            let _ = lambda::document(&document, &adapters, &with);
            let _ = lambda::request(&document);
        }
    }
}

/// Five messages, `id1` to `id5`, whose events have the ids `0`, `2`, `3` and `4`. The second message is no event.
fn orders(queue: &str) -> Value {
    let mut document = sqs_of(SQS);
    let record = document["Records"][0].clone();
    let records = (0..5).map(|number| {
        let mut record = record.clone();
        record["messageId"] = json!(format!("id{}", number + 1));
        record["eventSourceARN"] = json!(format!("arn:aws:sqs:us-west-2:123456789012:{queue}"));
        if number != 1 {
            record["body"] = json!(EVENT.replace(r#""id":"1""#, &format!(r#""id":"{number}""#)));
            record["messageAttributes"] = json!({"content-type": text("application/cloudevents+json")});
        }
        record
    });
    document["Records"] = records.collect();
    document
}

/// A notification of S3 with these objects.
fn s3(keys: &[&str]) -> String {
    let record = |key: &&str| {
        json!({"eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "1970-01-01T00:00:00.123Z", "eventName": "ObjectCreated:Put",
            "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": key},
            "s3": {"bucket": {"name": "sourcebucket"}, "object": {"key": key}}})
    };
    json!({"Records": keys.iter().map(record).collect::<Vec<_>>()}).to_string()
}

fn message(body: &str, attributes: Value) -> Value {
    let mut document = sqs_of(SQS);
    document["Records"][0]["messageId"] = json!("id1");
    document["Records"][0]["body"] = json!(body);
    document["Records"][0]["messageAttributes"] = attributes;
    document
}

fn text(value: &str) -> Value {
    json!({"dataType": "String", "stringValue": value, "stringListValues": [], "binaryListValues": []})
}

fn sqs_of(document: &str) -> Value {
    serde_json::from_str(document).unwrap()
}

fn read_sqs(document: &Value) -> Batch {
    lambda::sqs(&document.to_string(), &Adapters::known(), &DecodeOptions::strict()).unwrap()
}

fn event(events: &Result<Decoded<Vec<Event>>, Error>) -> &Event {
    let events = events.as_ref().unwrap();
    assert_eq!(events.value.len(), 1);
    &events.value[0]
}

fn failure(batch: &Batch) -> &Error {
    batch.records()[0].events.as_ref().unwrap_err()
}

/// The response, and the ids of the events that the handler had. It refuses these.
async fn run(batch: Batch, refused: &[&str]) -> (BatchResponse, Vec<String>) {
    let handled = RefCell::new(Vec::new());
    let response = batch.run(async |event: Event| {
        handled.borrow_mut().push(event.id().to_owned());
        match refused.contains(&event.id()) {
            true => Err(format!("order {} is refused", event.id())),
            false => Ok(()),
        }
    });
    (response.await, handled.into_inner())
}

fn ids(response: &BatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}
