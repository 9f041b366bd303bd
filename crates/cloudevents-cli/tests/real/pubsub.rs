//! Google Cloud Pub/Sub, over the server that `CE_TEST_PUBSUB_URL` names.

use crate::program::{GOOD, ce, ce_with, variable};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

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
    let Some(server) = variable("CE_TEST_PUBSUB_URL") else { return };
    let name = format!("ce-{}", std::process::id());
    let url = place(&server, &name);
    ce_with(&["send", &url], GOOD).ended(0);
    ce_with(&["send", &url, "--mode", "structured"], GOOD).ended(0);
    ce(&["listen", &url, "--count", "2", "--idle", "30"]).ended(0).prints(&format!("{GOOD}\n").repeat(2));
    ce_with(&["send", &url], GOOD).ended(0);
    // The emulator gives a message to the request that waited when the program ended. It comes again after ten seconds.
    ce(&["bridge", &format!("{url}&reject=drop&wait=1s"), "-", "--idle", "14"]).ended(0).prints_lines(1);
    ce_with(&["send", &url.replace("/ce-", "/no-ce-")], GOOD).fails().says("create the topic");
}
