//! `ce send`, `ce listen` and `ce bridge` with Amazon SQS. `.ci/brokers/sqs` starts a server.

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
