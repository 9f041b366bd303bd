//! A server that is no SQS.

use crate::tools::{event, sending, strict, url, within};
use cloudevents_core::ErrorKind;
use cloudevents_sqs::awssdk1::{receiver, sender};
use cloudevents_testkit::service::{Service, no_service};
use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// An answer without an end is given up before it takes memory. Without an answer of SQS, there is no connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_sqs_is_not_connected_to() {
    for (answer, is_endless) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json.", false),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", false),
        (b"220 mail.example.com ESMTP\r\n", false),
        (b"", false),
    ] {
        let server = format!("http://{}", no_service(answer, is_endless).await);
        let error = within(sender(&url(&server, "q", ""), sending())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
        let error = within(receiver(&url(&server, "q", ""), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
    }
}

/// A session that has ended stays ended: a receiver fails as with a refused login, and a sender keeps its events for a new session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_ends_a_receiver() {
    let ended = r#"{"__type":"com.amazon.coral.service#ExpiredTokenException"}"#;
    let server = Service::start(JSON, move |_, _| Some((400, ended.to_owned()))).await.url();
    let error = within(receiver(&url(&server, "q", ""), strict())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert_eq!(error.help(), Some("the session has ended: renew the credentials"));
    let error = within(sender(&url(&server, "q", ""), sending())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, true), "{error}");
}

/// A queue with one message. Of the requests of this kind, those of these turns are refused with this code, or get no answer without one.
async fn faulty(kind: &'static str, turns: Range<usize>, code: Option<&'static str>) -> Service {
    let received = AtomicUsize::new(0);
    Service::start(JSON, move |request, before| {
        let asked = request.line.rsplit('.').next().unwrap();
        if asked == kind && turns.contains(&before) {
            let body = format!(r#"{{"__type":"com.amazonaws.sqs#{}","message":"not so fast"}}"#, code?);
            return Some((400, body));
        }
        let body = match asked {
            "GetQueueAttributes" => r#"{"Attributes":{}}"#,
            "ReceiveMessage" => match received.fetch_add(1, Ordering::Relaxed) {
                0 => "{}", // it only opens the receiver
                1 => MESSAGE,
                _ => return None,
            },
            _ => r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#,
        };
        Some((200, body.to_owned()))
    })
    .await
}

/// The type of answers.
const JSON: &str = "application/x-amz-json-1.0";

const MESSAGE: &str = r#"{"Messages":[{"MessageId":"1","ReceiptHandle":"h","Attributes":{"ApproximateReceiveCount":"1"},"MessageAttributes":{"content-type":{"DataType":"String","StringValue":"application/cloudevents+json"}},"Body":"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}"}]}"#;

/// A try of a settlement has an end, and is made again: a request that is held for ever would hold the message, and with others of its kind
/// the receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_without_an_answer_is_tried_again() {
    let service = faulty("DeleteMessageBatch", 0..1, None).await;
    let mut receiver = within(receiver(&url(&service.url(), "q", ""), strict())).await.unwrap();
    let delivery = within(receiver.next()).await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap().id(), "1");
    within(delivery.accept()).await.unwrap();
    assert_eq!(service.requests("DeleteMessageBatch").len(), 2);
}

/// Throttling slows down, and is no lost connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_slows_down() {
    let throttled = Some("ThrottlingException");
    let service = faulty("ReceiveMessage", 1..3, throttled).await;
    let begun = Instant::now();
    let mut receiving = within(receiver(&url(&service.url(), "q", ""), strict())).await.unwrap();
    let delivery = within(receiving.next()).await.unwrap().unwrap();
    // At least half of the pauses after one failure and after two.
    assert!(begun.elapsed() >= Duration::from_millis(50 + 100), "{:?}", begun.elapsed());
    assert_eq!((delivery.event().unwrap().id(), receiving.connectivity().losses()), ("1", 0));

    let service = faulty("DeleteMessageBatch", 0..1, throttled).await;
    let mut receiving = within(receiver(&url(&service.url(), "q", ""), strict())).await.unwrap();
    let delivery = within(receiving.next()).await.unwrap().unwrap();
    within(delivery.accept()).await.unwrap();
    let asked = service.requests("DeleteMessageBatch").len();
    assert_eq!((asked, receiving.connectivity().losses()), (2, 0));

    // A bridge sends the message again, because it is not refused itself.
    let service = faulty("SendMessageBatch", 0..1, throttled).await;
    let sender = within(sender(&url(&service.url(), "q", ""), sending())).await.unwrap();
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, true), "{error}");
    assert!(!sender.refuses_message(&error), "{error}");
    let asked = service.requests("SendMessageBatch").len();
    assert_eq!((asked, sender.connectivity().losses()), (1, 0));
}
