//! A server that is no SQS.

use crate::tools::{event, sending, strict, url, within};
use cloudevents_core::ErrorKind;
use cloudevents_sqs::awssdk1::{receiver, sender};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// Answers every connection with these bytes, again and again if it has no end, and returns its URL.
async fn server(answer: &'static [u8], is_endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1 << 14]).await;
                let _ = stream.write_all(answer).await;
                let endless = vec![b'{'; 1 << 16];
                while is_endless && stream.write_all(&endless).await.is_ok() {}
            });
        }
    });
    url
}

/// What has no end is given up before it takes memory, and what is no answer of SQS is no connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_sqs_is_not_connected_to() {
    for (answer, is_endless) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json.", false),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", false),
        (b"220 mail.example.com ESMTP\r\n", false),
        (b"", false),
    ] {
        let server = server(answer, is_endless).await;
        let error = within(sender(&url(&server, "q", ""), sending())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
        let error = within(receiver(&url(&server, "q", ""), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
    }
}

/// A session that has ended stays ended: a receiver fails as with a refused login, and a sender keeps its events for a new session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_ends_a_receiver() {
    let server = server(
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 61\r\n\r\n\
          {\"__type\":\"com.amazon.coral.service#ExpiredTokenException\"  }",
        false,
    )
    .await;
    let error = within(receiver(&url(&server, "q", ""), strict())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert_eq!(error.help(), Some("the session has ended: renew the credentials"));
    let error = within(sender(&url(&server, "q", ""), sending())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, true), "{error}");
}

/// A queue with one message that has a fault in some requests of one kind.
#[derive(Clone)]
struct Faulty {
    kind: &'static str,
    /// Which of these requests have it.
    turns: Range<usize>,
    /// The code of the refusal. Without one, such a request gets no answer.
    code: Option<&'static str>,
    /// How many of these requests were made.
    asked: Arc<AtomicUsize>,
    received: Arc<AtomicUsize>,
}

impl Faulty {
    /// Starts it, and returns its URL and the number of requests of this kind.
    async fn start(
        kind: &'static str,
        turns: Range<usize>,
        code: Option<&'static str>,
    ) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<AtomicUsize> = Arc::default();
        let faulty = Self { kind, turns, code, asked: Arc::clone(&asked), received: Arc::default() };
        tokio::spawn(faulty.serve(listener));
        (server, asked)
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().answer_all(stream));
        }
    }

    async fn answer_all(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut line, mut length, mut kind) = (String::new(), 0, String::new());
            while stream.read_line(&mut line).await.unwrap_or(0) > 2 {
                let (name, value) = line.split_once(':').unwrap_or_default();
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap(),
                    "x-amz-target" => value.trim().rsplit('.').next().unwrap().clone_into(&mut kind),
                    _ => {}
                }
                line.clear();
            }
            if kind.is_empty() || stream.read_exact(&mut vec![0; length]).await.is_err() {
                return;
            }
            let (status, body) = self.answer(&kind).await;
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length");
            let answer = format!("{head}: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, kind: &str) -> (&'static str, String) {
        if kind == self.kind && self.turns.contains(&self.asked.fetch_add(1, Ordering::Relaxed)) {
            let Some(code) = self.code else { return std::future::pending().await };
            let body = format!(r#"{{"__type":"com.amazonaws.sqs#{code}","message":"not so fast"}}"#);
            return ("400 Bad Request", body);
        }
        let body = match kind {
            "GetQueueAttributes" => r#"{"Attributes":{}}"#,
            // The first one only opens the receiver.
            "ReceiveMessage" if self.received.fetch_add(1, Ordering::Relaxed) == 1 => MESSAGE,
            "ReceiveMessage" => {
                sleep(Duration::from_millis(100)).await; // as a queue without messages does
                "{}"
            }
            _ => r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#,
        };
        ("200 OK", body.to_owned())
    }
}

const MESSAGE: &str = r#"{"Messages":[{"MessageId":"1","ReceiptHandle":"h","Attributes":{"ApproximateReceiveCount":"1"},"MessageAttributes":{"content-type":{"DataType":"String","StringValue":"application/cloudevents+json"}},"Body":"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}"}]}"#;

/// A try of a settlement has an end, and is made again: a request that is held for ever would hold the message, and with others of its kind
/// the receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_without_an_answer_is_tried_again() {
    let (server, asked) = Faulty::start("DeleteMessageBatch", 0..1, None).await;
    let mut receiver = within(receiver(&url(&server, "q", ""), strict())).await.unwrap();
    let delivery = within(receiver.next()).await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap().id(), "1");
    within(delivery.accept()).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// Throttling slows down, and is no lost connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_slows_down() {
    let throttled = Some("ThrottlingException");
    let (server, _) = Faulty::start("ReceiveMessage", 1..3, throttled).await;
    let begun = Instant::now();
    let mut receiving = within(receiver(&url(&server, "q", ""), strict())).await.unwrap();
    let delivery = within(receiving.next()).await.unwrap().unwrap();
    // The answer without a message, and at least half of the pauses after one failure and after two.
    assert!(begun.elapsed() >= Duration::from_millis(100 + 50 + 100), "{:?}", begun.elapsed());
    assert_eq!((delivery.event().unwrap().id(), receiving.connectivity().losses()), ("1", 0));

    let (server, asked) = Faulty::start("DeleteMessageBatch", 0..1, throttled).await;
    let mut receiving = within(receiver(&url(&server, "q", ""), strict())).await.unwrap();
    let delivery = within(receiving.next()).await.unwrap().unwrap();
    within(delivery.accept()).await.unwrap();
    assert_eq!((asked.load(Ordering::Relaxed), receiving.connectivity().losses()), (2, 0));

    // A bridge sends the message again, because it is not refused itself.
    let (server, asked) = Faulty::start("SendMessageBatch", 0..1, throttled).await;
    let sender = within(sender(&url(&server, "q", ""), sending())).await.unwrap();
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, true), "{error}");
    assert!(!sender.refuses_message(&error), "{error}");
    assert_eq!((asked.load(Ordering::Relaxed), sender.connectivity().losses()), (1, 0));
}
