//! Other libraries connect to us, and we to them. `spec-tests/crosslang/websockets` lists them; its `run.sh` starts this.

use crate::tools::serve;
use axum::{Router, response::Response, routing::any};
use cloudevents_testkit::crosslang::samples;
use cloudevents_websockets::{Frame, Subprotocol, axum08::WsUpgrade, encode, tungstenite029::connect_pair};
use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
};
use tokio::task::spawn_blocking;

/// `NAME=PROGRAM`, one per line.
const PEERS: &str = "CE_TEST_PEERS";

fn start(program: &str, arguments: &[&str]) -> Child {
    let mut words = program.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_websockets() {
    let Ok(lines) = env::var(PEERS) else {
        println!("SKIPPED: {PEERS} is not set; spec-tests/crosslang/websockets/run.sh sets it");
        return;
    };
    for (name, program) in lines.lines().filter_map(|line| line.split_once('=')) {
        they_connect(name, program).await;
        let echoed = we_connect(program).await;
        println!("{name}: as a client{}", if echoed { ", and as a server" } else { "" });
    }
}

async fn they_connect(name: &str, program: &str) {
    async fn echo(upgrade: WsUpgrade) -> Response {
        upgrade.on_connected(async |sender, mut deliveries| {
            while let Some(delivery) = deliveries.next().await? {
                delivery.event()?;
                sender.send(delivery.forward()).await?;
                delivery.accept().await?;
            }
            Ok(())
        })
    }
    let url = serve(Router::new().route("/", any(echo))).await;
    let documents: Vec<String> = samples()
        .unwrap()
        .iter()
        .map(|(_, event)| {
            let Frame::Text(text) = encode(event, Subprotocol::Json, &Default::default()).unwrap().0 else {
                panic!()
            };
            text.as_str().to_owned()
        })
        .collect();
    let sent = serde_json::to_string(&documents).unwrap();
    let mut peer = start(program, &["connect", &format!("{url}/")]);
    let answer = spawn_blocking(move || {
        writeln!(peer.stdin.take().unwrap(), "{sent}").unwrap();
        let mut answer = String::new();
        peer.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
        assert!(peer.wait().unwrap().success());
        answer
    });
    let answer: serde_json::Value = serde_json::from_str(&answer.await.unwrap()).unwrap();
    assert_eq!(answer["subprotocol"], "cloudevents.json", "{name}");
    assert_eq!(answer["refused"], serde_json::json!([400, 400]), "{name}");
    assert_eq!(answer["echoed"], serde_json::json!(documents), "{name}");
    assert_eq!(answer["code"], 1003, "{name}");
    if let Some(fragments) = answer.get("fragments") {
        assert_eq!(*fragments, documents[0], "{name}");
    }
}

/// Returns whether the peer has a server.
async fn we_connect(program: &str) -> bool {
    let mut peer = start(program, &["serve"]);
    let stdout = peer.stdout.take().unwrap();
    let port = spawn_blocking(move || BufReader::new(stdout).lines().next()).await.unwrap();
    let Some(Ok(port)) = port else {
        assert_eq!(peer.wait().unwrap().code(), Some(3));
        return false;
    };
    let url = format!("ws://127.0.0.1:{port}/?reject=drop");
    let (sender, mut deliveries) = connect_pair(&url, Default::default(), Default::default()).await.unwrap();
    for (name, event) in samples().unwrap() {
        sender.send(&event).await.unwrap();
        let delivery = deliveries.next().await.unwrap().unwrap();
        assert_eq!(
            delivery.event().unwrap(),
            cloudevents_json::decode(cloudevents_json::encode(&event).0).unwrap(),
            "{name}"
        );
        delivery.accept().await.unwrap();
    }
    sender.close().await.unwrap();
    drop(peer.stdin.take());
    assert!(spawn_blocking(move || peer.wait().unwrap().success()).await.unwrap());
    true
}
