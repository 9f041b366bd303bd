//! Messages that are documents of other systems: `ce bridge --from`, and what names them.

use crate::program::{Bridge, GOOD, Listener, ce, file};
use cloudevents_testkit::{amqp::Broker, ports};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A notification of S3 with these keys of objects.
fn notification(keys: &[&str]) -> String {
    let record = |key: &&str| {
        format!(
            r#"{{"eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put","responseElements":{{"x-amz-request-id":"C3","x-amz-id-2":"{key}"}},"s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}","size":1.50}}}}}}"#
        )
    };
    format!(r#"{{"Records":[{}]}}"#, keys.iter().map(record).collect::<Vec<_>>().join(","))
}

/// Posts a body, and returns the response.
fn post(url: &str, body: &str) -> String {
    post_with(url, "", body)
}

/// The same with more headers, each of which ends its line.
fn post_with(url: &str, headers: &str, body: &str) -> String {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "POST /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn subjects(text: &str) -> Vec<String> {
    let subject =
        |line| serde_json::from_str::<Value>(line).unwrap()["subject"].as_str().unwrap_or("").to_owned();
    text.lines().map(subject).collect()
}

#[test]
fn become_events_on_the_way() {
    let broker = Broker::start().unwrap();
    broker.queue("uploads").put(notification(&["a", "b"]).as_bytes());
    broker.queue("uploads").put(br#"{"n":1}"#);
    broker.queue("uploads").put(notification(&["c"]).as_bytes());
    let from = broker.url("uploads?dead-letter=rejected");
    let out = file("moved.jsonl", "");
    let to = format!("file:{}", out.display());
    let ran = ce(&["bridge", &from, &to, "--from", "auto", "--idle", "3"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.err.ends_with("2 messages moved, 1 refused\n"), "{}", ran.err);
    let moved = fs::read_to_string(out).unwrap();
    assert_eq!(subjects(&moved), ["a", "b", "c"]);
    assert!(
        moved.contains(r#""size":1.50"#) && moved.contains("com.amazonaws.s3.ObjectCreated:Put"),
        "{moved}"
    );
    assert_eq!(broker.queue("rejected").bodies(), [Some(r#"{"n":1}"#.into())]);
    // A redrive of what nothing knew, with a row for it.
    let row = r#"{"name":"n","what":"a number","reference":"r","mappings":[{"where":{"n":"*"},"id":"{n}","source":"/n","type":"n","subject":"{n}"}]}"#;
    let map = file("n.json", row);
    let out = file("again.jsonl", "");
    let to = format!("file:{}", out.display());
    let arguments =
        ["bridge", &broker.url("rejected"), &to, "--redrive", "--idle", "3", "--map", map.to_str().unwrap()];
    let ran = ce(&arguments);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(subjects(&fs::read_to_string(out).unwrap()), ["1"]);
    assert!(broker.queue("rejected").is_empty());
}

/// A server that refuses what has these words, for good.
fn refusing(words: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let text = |request: &[u8]| String::from_utf8_lossy(request).into_owned();
            let is_whole = |request: &[u8]| {
                let text = text(request);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                length.is_some_and(|length| body.len() >= length.trim().parse().unwrap())
            };
            let mut part = [0; 4096];
            while !is_whole(&request) {
                let length = stream.read(&mut part).unwrap();
                assert!(length > 0, "{}", text(&request));
                request.extend_from_slice(&part[..length]);
            }
            let status =
                if text(&request).contains(words) { "422 Unprocessable Content" } else { "204 No Content" };
            counted.fetch_add(usize::from(status.starts_with("204")), Ordering::Relaxed);
            write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    });
    (url, taken)
}

/// At the dead-letter place of FROM, and at that of the bridge.
#[test]
fn are_dead_letters_as_they_were_received() {
    let broker = Broker::start().unwrap();
    let document = notification(&["a", "b", "c"]);
    let (hook, taken) = refusing("ce-subject: b");
    for (from, own) in [("uploads?dead-letter=rejected", None), ("uploads?reject=drop", Some("others"))] {
        broker.queue("uploads").put(document.as_bytes());
        broker.queue("uploads").put(notification(&["d"]).as_bytes());
        let (from, letters) = (broker.url(from), own.map(|own| broker.url(own)));
        let mut arguments = vec!["bridge", &from, &hook, "--from", "aws-s3", "--idle", "3"];
        arguments.extend(letters.iter().flat_map(|letters| ["--dead-letter", letters]));
        let ran = ce(&arguments);
        assert_eq!(ran.status, 0, "{}", ran.err);
        assert!(ran.err.ends_with("1 message moved, 1 refused\n"), "{}", ran.err);
        assert!(ran.err.contains("event 1 of the batch"), "{}", ran.err);
        let place = broker.queue(own.unwrap_or("rejected"));
        assert_eq!(place.bodies(), [Some(document.clone().into())]);
        assert!(broker.queue("uploads").is_empty());
    }
    assert_eq!(taken.load(Ordering::Relaxed), 6, "all but the second one are sent, each time");
}

#[test]
fn are_named_in_one_line_by_what_expects_events() {
    let words = "it is an event notification of Amazon S3: `--from aws-s3` makes events of it";
    // The response of a bridge that receives over HTTP, and its report.
    let url = format!("http://127.0.0.1:{}/events", ports::free());
    let mut bridge = Bridge::start(&[&url, &format!("file:{}", file("out.jsonl", "").display())]);
    let response = post(&url, &notification(&["a"]));
    assert!(response.starts_with("HTTP/1.1 415 ") && response.contains(words), "{response}");
    assert!(bridge.line("refused").contains(words));
    bridge.signal("-TERM");
    assert_eq!(bridge.end().0, Some(0));
    // The dead letter of a queue says it, too.
    let broker = Broker::start().unwrap();
    broker.queue("uploads").put(notification(&["a"]).as_bytes());
    let to = format!("file:{}", file("out.jsonl", "").display());
    let ran = ce(&["bridge", &broker.url("uploads?dead-letter=rejected"), &to, "--idle", "3"]);
    assert!(ran.status == 0 && ran.err.contains(words), "{}", ran.err);
    let listener = Listener::start(&["--count", "1"]);
    let response = post(&listener.url, &notification(&["a"]));
    assert!(response.starts_with("HTTP/1.1 415 ") && response.contains(words), "{response}");
    assert_eq!(post(&listener.url, r#"{"n":1}"#).lines().next(), Some("HTTP/1.1 415 Unsupported Media Type"));
    assert_eq!(ce(&["send", &listener.url, "--id", "1", "--source", "/s", "--type", "t"]).status, 0);
    let ended = listener.end();
    assert!(ended.err.contains(words) && ended.out.lines().count() == 1, "{}", ended.err);
}

#[test]
fn are_printed_as_events() {
    // A target with answers of its own is another server.
    for own in [&[][..], &["--respond", "202"]] {
        let listener = Listener::start(&[&["--from", "aws-s3", "-n", "2"][..], own].concat());
        let broken = post(&listener.url, &notification(&["c", ""]));
        assert!(broken.starts_with("HTTP/1.1 400 "), "{broken}");
        assert!(post(&listener.url, &notification(&["a", "b"])).starts_with("HTTP/1.1 20"));
        let ended = listener.end();
        assert_eq!((ended.status, subjects(&ended.out)), (1, vec!["a".to_owned(), "b".into()]));
        assert!(ended.err.contains("x-amz-id-2") && !ended.err.contains("--from"), "{}", ended.err);
    }
}

/// Over HTTP, the response is that to all events of the document.
#[test]
fn that_are_posted_become_events() {
    let broker = Broker::start().unwrap();
    let url = format!("http://127.0.0.1:{}/events", ports::free());
    let bridge = Bridge::start(&[&url, &broker.url("orders"), "--from", "aws-s3"]);
    assert!(post(&url, &notification(&["a", "b"])).starts_with("HTTP/1.1 2"));
    assert_eq!(broker.queue("orders").len(), 2);
    assert!(post(&url, r#"{"n":1}"#).starts_with("HTTP/1.1 415 "));
    // A record without a part of its id: nothing is sent of such a document.
    let broken = notification(&["c", ""]);
    let response = post(&url, &broken);
    assert!(response.starts_with("HTTP/1.1 400 ") && response.contains(r#""index":1"#), "{response}");
    assert_eq!(broker.queue("orders").len(), 2);
    // An event stays one.
    let event = file("event.json", GOOD);
    assert_eq!(ce(&["send", &url, event.to_str().unwrap()]).status, 0);
    assert_eq!(broker.queue("orders").len(), 3);
    bridge.signal("-TERM");
    assert_eq!(bridge.end().0, Some(0));
}

#[test]
fn of_a_file_are_read_with_its_rows() {
    let (input, out) = (file("in.jsonl", notification(&["a", "b"]) + "\n"), file("out.jsonl", ""));
    let (from, to) = (format!("file:{}", input.display()), format!("file:{}", out.display()));
    let ran = ce(&["bridge", &from, &to, "--from", "aws-s3"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(subjects(&fs::read_to_string(&out).unwrap()), ["a", "b"]);
    let config = file("bridge.yaml", format!("from: {from}\nto: {to}\nadapter: no-such\n"));
    let ran = ce(&["bridge", "--config", config.to_str().unwrap(), "--check"]);
    assert!(ran.status == 2 && ran.err.contains("no adapter with the name `no-such`"), "{}", ran.err);
    assert!(ran.err.contains("aws-s3") && ran.err.contains("--map"), "{}", ran.err);
}

/// The name of an event of GitHub is in a header.
#[test]
fn of_github_become_events_over_http() {
    let body = r#"{"action":"opened","issue":{"number":7},"repository":{"url":"https://api.github.com/repos/octo/hello"}}"#;
    let headers = "X-GitHub-Event: issues\r\nX-GitHub-Delivery: 72d3162e\r\n";
    for name in ["github", "auto"] {
        let listener = Listener::start(&["--from", name, "-n", "1"]);
        assert!(post(&listener.url, body).starts_with("HTTP/1.1 415 "));
        assert!(post_with(&listener.url, headers, body).starts_with("HTTP/1.1 20"));
        let ended = listener.end();
        let event: Value = serde_json::from_str(ended.out.trim()).unwrap();
        assert_eq!(
            [&event["id"], &event["type"], &event["subject"]],
            ["72d3162e", "com.github.issues.opened", "7"]
        );
        assert!(ended.err.contains("no adapter fits its body"), "{}", ended.err);
    }
    let listener = Listener::start(&["--count", "1"]);
    let response = post_with(&listener.url, headers, body);
    let words = "it is a webhook of GitHub: `--from github` makes events of it";
    assert!(response.starts_with("HTTP/1.1 415 ") && response.contains(words), "{response}");
    assert_eq!(ce(&["send", &listener.url, "--id", "1", "--source", "/s", "--type", "t"]).status, 0);
    listener.end();
}

/// S3 notifies SNS, and SNS a queue.
#[test]
fn of_s3_in_messages_of_sns_become_events() {
    let broker = Broker::start().unwrap();
    let document = serde_json::json!({"Type": "Notification", "MessageId": "22b80b92", "TopicArn": "arn:aws:sns:us-west-2:1:T",
        "Message": notification(&["a", "b"]), "Timestamp": "2012-05-02T00:54:06.655Z"});
    broker.queue("uploads").put(document.to_string().as_bytes());
    let out = file("moved.jsonl", "");
    let ran = ce(&[
        "bridge",
        &broker.url("uploads?dead-letter=rejected"),
        &format!("file:{}", out.display()),
        "--from",
        "auto",
        "--idle",
        "3",
    ]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(subjects(&fs::read_to_string(out).unwrap()), ["a", "b"]);
}
