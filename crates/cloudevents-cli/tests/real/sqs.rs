//! `ce send`, `ce listen` and `ce bridge` with Amazon SQS, SNS and EventBridge. `.ci/brokers/sqs` starts a server.

use crate::program::{GOOD, Ran, ce, ce_with, file};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
};

/// Creates a queue, and returns its URL.
fn queue(server: &str, name: &str) -> String {
    let host = server.trim_start_matches("http://");
    let fifo = if name.ends_with(".fifo") { r#","Attributes":{"FifoQueue":"true"}"# } else { "" };
    let body = format!(r#"{{"QueueName":"{name}"{fifo}}}"#);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: AmazonSQS.CreateQueue\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    format!("sqs://eu-central-1/123456789012/{name}?endpoint={server}")
}

/// Creates a topic by an action of the query protocol of SNS, and subscribes a queue of this name with raw message delivery.
#[cfg(feature = "sns")]
fn topic(server: &str, name: &str) -> String {
    let host = server.trim_start_matches("http://");
    let of = |service| format!("arn:aws:{service}:eu-central-1:123456789012:{name}");
    let subscribe = format!(
        "Action=Subscribe&Version=2010-03-31&TopicArn={}&Protocol=sqs&Endpoint={}&Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true",
        of("sns"),
        of("sqs")
    );
    for body in [format!("Action=CreateTopic&Version=2010-03-31&Name={name}"), subscribe] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sns/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    format!("sns://eu-central-1/123456789012/{name}?endpoint={server}")
}

fn succeeded(ran: Ran) -> Ran {
    assert_eq!(ran.status, 0, "{}", ran.err);
    ran
}

#[test]
fn from_one_queue_to_the_other() {
    let Ok(server) = env::var("CE_TEST_SQS_URL") else {
        println!("skipped: CE_TEST_SQS_URL is not set");
        return;
    };
    let url = queue(&server, &format!("ce-{}", std::process::id()));
    succeeded(ce_with(&["send", &url], GOOD));
    succeeded(ce_with(&["send", &url, "--mode", "structured"], GOOD));
    let listened = succeeded(ce(&["listen", &url, "--count", "2", "--idle", "30"]));
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [GOOD, GOOD]);
    succeeded(ce_with(&["send", &url], GOOD));
    let out = file("moved.jsonl", "");
    let to = format!("file:{}", out.display());
    succeeded(ce(&["bridge", &format!("{url}&reject=drop&wait=1s"), &to, "--idle", "3"]));
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 1);
    // At the end, a request may still wait, for longer than the program does.
    succeeded(ce_with(&["send", &url], GOOD));
    succeeded(ce(&["listen", &format!("{url}&wait=20s"), "--count", "1"]));
    let missing = ce_with(&["send", &url.replace("/ce-", "/no-ce-")], GOOD);
    assert!(missing.err.contains("create the queue"), "{}", missing.err);
    assert_ne!(missing.status, 0);
}

/// Each message of a FIFO queue has a group, which is its key. Most protocols have none.
#[test]
fn keys_of_a_fifo_queue_are_left_out_where_the_target_has_none() {
    let Ok(server) = env::var("CE_TEST_SQS_URL") else {
        println!("skipped: CE_TEST_SQS_URL is not set");
        return;
    };
    let url = queue(&server, &format!("ce-{}.fifo", std::process::id()));
    succeeded(ce_with(&["send", &url], GOOD));
    let out = file("fifo.jsonl", "");
    let to = format!("file:{}", out.display());
    let moved = succeeded(ce(&["bridge", &format!("{url}&reject=drop&wait=1s"), &to, "--idle", "3"]));
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 1, "{}", moved.err);
    assert_eq!(moved.err.matches("the keys of messages are left out").count(), 1, "{}", moved.err);
}

#[test]
fn what_would_be_sent_is_shown() {
    let shown = succeeded(ce_with(&["send", "--dry-run", "sqs://eu-central-1/1/orders"], GOOD));
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((&shown["via"], &shown["to"]), (&json!("sqs"), &json!({"queue": "1/orders"})));
    let event: Value = serde_json::from_str(GOOD).unwrap();
    let body = shown["message"]["body"]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), event);
    let attributes = json!([["content-type", {"text": "application/cloudevents+json"}]]);
    assert_eq!(shown["message"]["attributes"], attributes);
}

#[cfg(feature = "sns")]
#[test]
fn from_a_topic_to_its_queue() {
    let Ok(server) = env::var("CE_TEST_SQS_URL") else {
        println!("skipped: CE_TEST_SQS_URL is not set");
        return;
    };
    let name = format!("ce-topic-{}", std::process::id());
    let queue = queue(&server, &name);
    let topic = topic(&server, &name);
    succeeded(ce_with(&["send", &topic], GOOD));
    succeeded(ce_with(&["send", &topic, "--mode", "structured"], GOOD));
    // A bridge keeps the mode, and a message is not empty.
    let with_data = GOOD.replace('}', r#","datacontenttype":"text/plain","data":"x"}"#);
    let source = file("to-topic.jsonl", &format!("{with_data}\n"));
    succeeded(ce(&["bridge", &format!("file:{}", source.display()), &topic]));
    let listened = succeeded(ce(&["listen", &queue, "--count", "3", "--idle", "30"]));
    let came: Vec<_> = listened.out.lines().collect();
    assert_eq!((&came[..2], came[2].contains(r#""data":"x""#)), (&[GOOD, GOOD][..], true), "{came:?}");
}

#[cfg(all(feature = "sns", feature = "eventbridge"))]
#[test]
fn nothing_is_received_from_topics_and_buses() {
    for (url, words) in [
        ("sns://eu-central-1/1/orders", "raw message delivery"),
        ("eventbridge://eu-central-1/1/orders", "`aws-eventbridge`"),
    ] {
        let from = format!("{url}?reject=drop");
        for command in [&["listen", url][..], &["bridge", &from, "-"]] {
            let ran = ce(command);
            assert!(ran.status != 0 && ran.err.contains(words), "{command:?}: {}", ran.err);
        }
    }
}

#[cfg(all(feature = "sns", feature = "eventbridge"))]
#[test]
fn what_would_be_sent_to_a_topic_or_a_bus_is_shown() {
    let shown = |url: &str| {
        let ran = succeeded(ce_with(&["send", "--dry-run", url], GOOD));
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    let event: Value = serde_json::from_str(GOOD).unwrap();
    let of = |name: &str| event[name].as_str().unwrap();
    let topic = shown("sns://eu-central-1/1/orders");
    assert_eq!((&topic["via"], &topic["to"]), (&json!("sns"), &json!({"topic": "1/orders"})));
    let attributes = json!([
        ["content-type", {"text": "application/cloudevents+json"}],
        ["ce-type", {"text": of("type")}],
        ["ce-source", {"text": of("source")}],
    ]);
    assert_eq!(topic["message"]["attributes"], attributes);
    let bus = shown("eventbridge://eu-central-1/1/orders");
    assert_eq!((&bus["via"], &bus["to"]), (&json!("eventbridge"), &json!({"bus": "1/orders"})));
    let message = &bus["message"];
    assert_eq!((&message["detail-type"], &message["source"]), (&event["type"], &event["source"]));
    let detail = message["detail"]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(detail).unwrap(), event);
}
