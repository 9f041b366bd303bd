//! Servers that are none, or that are hostile: no wait without an end, no memory without a bound, and no secret shown.

use crate::tools::{next, strict, within};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_redis::redis1::{ReceivedMessage, RedisSenderOptions, receiver, sender};
use cloudevents_testkit::logged::Logged;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tracing::Level;

/// Each connection is answered with these bytes when the client has said something, and with the last ones again and again.
async fn scripted(answers: &'static [&'static [u8]]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://:s3cr3t-p4ss@{}/?stream=s&keep-alive=300ms", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut said = [0; 4096];
                for answer in answers {
                    if stream.read(&mut said).await.unwrap_or(0) == 0
                        || stream.write_all(answer).await.is_err()
                    {
                        return;
                    }
                }
                let Some(last) = answers.last().filter(|last| last.len() > 1000) else {
                    return std::future::pending().await;
                };
                while stream.write_all(last).await.is_ok() {}
            });
        }
    });
    url
}

const OK: &[u8] = b"+OK\r\n";
const PONG: &[u8] = b"+PONG\r\n";
const ROLE: &[u8] = b"*1\r\n$6\r\nmaster\r\n";
/// A string without an end.
const ENDLESS: &[u8] = &[b'x'; 1 << 16];

async fn opened(url: &str) -> [Error; 2] {
    let mut sending = RedisSenderOptions::default();
    let mut receiving = strict();
    (sending.connection.connect_timeout, receiving.connection.connect_timeout) =
        (Duration::from_secs(2), Duration::from_secs(2));
    let sent = within(sender(url, sending)).await.unwrap_err();
    [sent, within(receiver(url, receiving)).await.unwrap_err()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_redis_is_not_connected_to() {
    const SCRIPTS: [&[&[u8]]; 9] = [
        &[b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        &[b"$99999999999999\r\n"],
        &[b"*99999999999999\r\n"],
        &[b"*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n"],
        &[b"%1\r\n+a\r\n+b\r\n"],
        &[b"+", ENDLESS],
        &[OK, b"$60000\r\n", b""],
        &[OK, b"-LOADING Redis is loading the dataset in memory\r\n"],
        &[b""],
    ];
    for script in SCRIPTS {
        let url = scripted(script).await;
        for error in opened(&url).await {
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::Disconnected | ErrorKind::Timeout), "{error:?} for {script:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_a_server_repeats_is_not_shown() {
    const SCRIPTS: [&[&[u8]]; 3] = [
        &[b"-ERR unknown command 'AUTH', with args beginning with: 's3cr3t-p4ss'\r\n"],
        &[b"-s3cr3t-p4ss no\r\n"],
        &[OK, b"-ERR s3cr3t-p4ss\r\n"],
    ];
    for script in SCRIPTS {
        for error in opened(&scripted(script).await).await {
            assert!(!format!("{error:?} {error:#}").contains("s3cr3t"), "{error:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_is_one_that_it_repeats_later() {
    const LATER: &[&[u8]] = &[OK, PONG, ROLE, b"-ERR you sent s3cr3t-p4ss\r\n"];
    let sender = within(sender(&scripted(LATER).await, RedisSenderOptions::default())).await.unwrap();
    let error = within(sender.send(&crate::tools::event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!format!("{error:?} {error:#}").contains("s3cr3t"), "{error:?}");
}

/// After login, PING and ROLE.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_turns_hostile_is_a_lost_connection() {
    const SENDS: [&[&[u8]]; 4] = [
        &[OK, PONG, ROLE, b"$70000\r\n", ENDLESS],
        &[OK, PONG, ROLE, b":1\r\n"],
        &[OK, PONG, ROLE, b"*1\r\n*1\r\n*1\r\n"],
        &[OK, PONG, ROLE, b""],
    ];
    for script in SENDS {
        let url = format!("{}&timeout=3s", scripted(script).await);
        let sender = within(sender(&url, RedisSenderOptions::default())).await.unwrap();
        let error = within(sender.send(&crate::tools::event(1))).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout), "{error:?}");
    }
}

/// A server with these answers to requests that have these texts; the first text decides. It answers the two connections of a receiver
/// alike.
async fn answering(answers: Vec<(&'static str, &'static [u8])>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "redis://{}/?stream=s&keep-alive=300ms&max-message-size=100000",
        listener.local_addr().unwrap()
    );
    let opening: [(&str, &[u8]); 3] = [("PING", PONG), ("XGROUP", OK), ("CLIENT", b":7\r\n")];
    let answers: Vec<_> = opening.into_iter().chain(answers).collect();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answers = answers.clone();
            tokio::spawn(async move {
                let mut said = vec![0; 4096];
                loop {
                    let length = stream.read(&mut said).await.unwrap_or(0);
                    if length == 0 {
                        return;
                    }
                    let has =
                        |name: &str| said[..length].windows(name.len()).any(|part| part == name.as_bytes());
                    let answer = answers.iter().find(|(name, _)| has(name)).map_or(OK, |(_, answer)| answer);
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                    while answer.len() > 1000 && stream.write_all(answer).await.is_ok() {}
                }
            });
        }
    });
    url
}

const NONE: &[u8] = b"*0\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_nonsense_to_a_receiver_is_not_connected_to() {
    const NOTHING: &[u8] = b"*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n";
    for (claimed, read) in [
        (b"+what\r\n" as &[u8], NONE),
        (b"*3\r\n$1\r\nx\r\n*0\r\n*0\r\n", NONE),
        (NOTHING, b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*1\r\n$4\r\ndata\r\n"),
        (NOTHING, b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$4\r\ndata\r\n$99999999\r\n"),
        (NOTHING, ENDLESS),
        (NOTHING, b"*2000000000\r\n"),
        (NOTHING, b"*1\r\n*2\r\n"),
        (b"", NONE),
    ] {
        let answers = vec![("XPENDING", NONE), ("XAUTOCLAIM", claimed), ("XREADGROUP", read)];
        let error = within(receiver(&answering(answers).await, strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
}

/// Whose entries are taken over is for the log alone.
#[tokio::test]
async fn a_server_that_does_not_say_whose_entries_are_taken_over_hands_them_over() {
    const CONSUMERS: &[u8] =
        b"*1\r\n*6\r\n$4\r\nname\r\n$4\r\ngone\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:3600000\r\n";
    const TAKEN: &[u8] =
        b"*3\r\n$3\r\n0-0\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$4\r\ndata\r\n$2\r\n{}\r\n*0\r\n";
    let logged = Logged::with_debug();
    let refused: (_, &[u8]) = ("gone", b"-NOPERM this user has no permissions to run XPENDING\r\n");
    let answers = vec![refused, ("XINFO", CONSUMERS), ("XPENDING", NONE), ("XAUTOCLAIM", TAKEN)];
    let mut receiver = within(receiver(&answering(answers).await, strict())).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.received().native::<ReceivedMessage>().unwrap().id.to_string(), "1-1");
    let lines = logged.lines(Level::DEBUG).into_iter().filter(|line| line.text.contains("NOPERM"));
    assert!(lines.count() > 0, "{}", logged.text());
}
