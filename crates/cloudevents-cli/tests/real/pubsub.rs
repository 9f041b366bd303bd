//! Google Cloud Pub/Sub, over the server that `CE_TEST_PUBSUB_URL` names.

use crate::program::{GOOD, Ran, ce, ce_with, file};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

fn succeeded(ran: Ran) -> Ran {
    assert_eq!(ran.status, 0, "{}", ran.err);
    ran
}

/// Creates a topic and a subscription of this name, and returns their URL.
fn place(server: &str, name: &str) -> String {
    let host = server.trim_start_matches("http://");
    for (kind, body) in [
        ("topics", "{}".to_owned()),
        ("subscriptions", json!({"topic": format!("projects/ce/topics/{name}")}).to_string()),
    ] {
        let request = format!(
            "PUT /v1/projects/ce/{kind}/{name} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        // The emulator leaves the connection open.
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    format!("pubsub://ce/{name}?endpoint={server}")
}

#[test]
fn from_a_topic_to_its_subscription() {
    let Ok(server) = env::var("CE_TEST_PUBSUB_URL") else {
        println!("skipped: CE_TEST_PUBSUB_URL is not set");
        return;
    };
    let name = format!("ce-{}", std::process::id());
    let url = place(&server, &name);
    succeeded(ce_with(&["send", &url], GOOD));
    succeeded(ce_with(&["send", &url, "--mode", "structured"], GOOD));
    let listened = succeeded(ce(&["listen", &url, "--count", "2", "--idle", "30"]));
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [GOOD, GOOD]);
    succeeded(ce_with(&["send", &url], GOOD));
    // The emulator gives a message to the request that waited when the program ended. It comes again after ten seconds.
    let out = file("moved.jsonl", "");
    let to = format!("file:{}", out.display());
    succeeded(ce(&["bridge", &format!("{url}&reject=drop&wait=1s"), &to, "--idle", "14"]));
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 1);
    let missing = ce_with(&["send", &url.replace("/ce-", "/no-ce-")], GOOD);
    assert!(missing.err.contains("create the topic"), "{}", missing.err);
    assert_ne!(missing.status, 0);
}

#[test]
fn what_would_be_sent_is_shown() {
    let shown = succeeded(ce_with(&["send", "--dry-run", "pubsub://my-project/orders"], GOOD));
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((&shown["via"], &shown["to"]), (&json!("pubsub"), &json!({"topic": "orders"})));
    let event: Value = serde_json::from_str(GOOD).unwrap();
    let attributes = shown["message"]["attributes"].as_array().unwrap();
    assert!(attributes.contains(&json!(["ce-type", {"text": event["type"]}])), "{shown}");
}
