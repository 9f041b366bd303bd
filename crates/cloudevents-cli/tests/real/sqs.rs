//! `ce send`, `ce listen` and `ce bridge` with Amazon SQS, SNS and EventBridge. `.ci/brokers/sqs` starts a server.

use crate::program::{GOOD, ce, ce_with, exchange, url_of, variable};

/// Sends a request for this service, with these headers and this body.
fn request(server: &str, service: &str, headers: &str, body: &str) {
    let (host, length) = (server.trim_start_matches("http://"), body.len());
    let answer = exchange(
        host,
        format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\n{headers}\r\nContent-Length: {length}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}"
        ),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Creates a queue, and returns its URL.
fn queue(server: &str, name: &str) -> String {
    let fifo = if name.ends_with(".fifo") { r#","Attributes":{"FifoQueue":"true"}"# } else { "" };
    let headers = "X-Amz-Target: AmazonSQS.CreateQueue\r\nContent-Type: application/x-amz-json-1.0";
    request(server, "sqs", headers, &format!(r#"{{"QueueName":"{name}"{fifo}}}"#));
    format!("sqs://eu-central-1/123456789012/{name}?endpoint={server}")
}

/// Creates a topic by an action of the query protocol of SNS, and subscribes a queue of this name with raw message delivery.
fn topic(server: &str, name: &str) -> String {
    let of = |service| format!("arn:aws:{service}:eu-central-1:123456789012:{name}");
    let subscribe = format!(
        "Action=Subscribe&Version=2010-03-31&TopicArn={}&Protocol=sqs&Endpoint={}&Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true",
        of("sns"),
        of("sqs")
    );
    for body in [format!("Action=CreateTopic&Version=2010-03-31&Name={name}"), subscribe] {
        request(server, "sns", "Content-Type: application/x-www-form-urlencoded", &body);
    }
    format!("sns://eu-central-1/123456789012/{name}?endpoint={server}")
}

#[test]
fn from_one_queue_to_the_other() {
    let Some(server) = variable("CE_TEST_SQS_URL") else { return };
    let url = queue(&server, &format!("ce-{}", std::process::id()));
    ce_with(&["send", &url], GOOD).ended(0);
    ce_with(&["send", &url, "--mode", "structured"], GOOD).ended(0);
    ce(&["listen", &url, "--count", "2", "--idle", "30"]).ended(0).prints(&format!("{GOOD}\n").repeat(2));
    ce_with(&["send", &url], GOOD).ended(0);
    ce(&["bridge", &format!("{url}&reject=drop&wait=1s"), "-", "--idle", "3"]).ended(0).prints_lines(1);
    // At the end, a request may still wait, for longer than the program does.
    ce_with(&["send", &url], GOOD).ended(0);
    ce(&["listen", &format!("{url}&wait=20s"), "--count", "1"]).ended(0);
    ce_with(&["send", &url.replace("/ce-", "/no-ce-")], GOOD).fails().says("create the queue");
}

/// Each message of a FIFO queue has a group, which is its key. Most protocols have none.
#[test]
fn keys_of_a_fifo_queue_are_left_out_where_the_target_has_none() {
    let Some(server) = variable("CE_TEST_SQS_URL") else { return };
    let url = queue(&server, &format!("ce-{}.fifo", std::process::id()));
    ce_with(&["send", &url], GOOD).ended(0);
    ce(&["bridge", &format!("{url}&reject=drop&wait=1s"), "-", "--idle", "3"])
        .ended(0)
        .says_times("the keys of messages are left out", 1)
        .prints_lines(1);
}

#[test]
fn from_a_topic_to_its_queue() {
    let Some(server) = variable("CE_TEST_SQS_URL") else { return };
    let name = format!("ce-topic-{}", std::process::id());
    let queue = queue(&server, &name);
    let topic = topic(&server, &name);
    ce_with(&["send", &topic], GOOD).ended(0);
    ce_with(&["send", &topic, "--mode", "structured"], GOOD).ended(0);
    // A bridge keeps the mode, and a message is not empty.
    let with_data = GOOD.replace('}', r#","datacontenttype":"text/plain","data":"x"}"#);
    ce(&["bridge", &url_of("to-topic.jsonl", format!("{with_data}\n")), &topic]).ended(0);
    let listened = ce(&["listen", &queue, "--count", "3", "--idle", "30"]).ended(0);
    let came: Vec<_> = listened.out.lines().collect();
    assert_eq!((&came[..2], came[2].contains(r#""data":"x""#)), (&[GOOD, GOOD][..], true), "{came:?}");
}

#[test]
fn nothing_is_received_from_topics_and_buses() {
    for (url, words) in [
        ("sns://eu-central-1/1/orders", "raw message delivery"),
        ("eventbridge://eu-central-1/1/orders", "`aws-eventbridge`"),
    ] {
        let from = format!("{url}?reject=drop");
        for command in [&["listen", url][..], &["bridge", &from, "-"]] {
            ce(command).fails().says(words);
        }
    }
}
