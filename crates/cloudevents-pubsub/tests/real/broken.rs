//! A server that is no Pub/Sub, or that answers as the emulators do not.

use crate::tools::{JSON, event, refusal, sending, strict, url, within};
use cloudevents_core::ErrorKind;
use cloudevents_pubsub::reqwest013::{receiver, sender};
use cloudevents_testkit::service::{Answer, Request, Service, no_service};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An answer without an end is given up before it takes memory. Without an answer of Pub/Sub, there is no connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_pubsub_is_not_connected_to() {
    for (answer, is_endless) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json.", false),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", false),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", false),
        (b"220 mail.example.com ESMTP\r\n", false),
        (b"", false),
    ] {
        let server = format!("http://{}", no_service(answer, is_endless).await);
        let error = within(sender(&url(&server, "orders", ""), sending())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
        let error = within(receiver(&url(&server, "orders", ""), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{}: {error}", answer.escape_ascii());
    }
}

const MESSAGE: &str = r#"{"receivedMessages":[{"ackId":"h1","message":{"messageId":"1","attributes":{"ce-specversion":"1.0","ce-id":"1","ce-source":"/s","ce-type":"t"}}},
    {"ackId":"h2","message":{"messageId":"2","attributes":{"ce-specversion":"1.0","ce-id":"2","ce-source":"/s","ce-type":"t"}}}]}"#;

/// A subscription with two messages. The second one comes with the first, whatever a request asks.
fn subscription(request: &Request, before: usize) -> Answer {
    let body = match request.line.rsplit(':').next() {
        Some("pull") if before == 0 => MESSAGE,
        Some("pull") => return None,
        _ => "{}",
    };
    Some((200, body.to_owned()))
}

fn ids(request: &Request) -> Vec<String> {
    let body: Value = serde_json::from_str(&request.body).unwrap();
    body["ackIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// A try of a settlement has an end, and is made again: a request that is held for ever would hold the messages, and with others of its
/// kind the receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_without_an_answer_is_tried_again() {
    let server = Service::start(JSON, |request, before| match request.line.ends_with(":acknowledge") {
        true if before == 0 => None,
        true if before == 1 => refusal(503, "UNAVAILABLE", "a moment"),
        _ => subscription(request, before),
    })
    .await;
    let mut receiver = within(receiver(&url(&server.url(), "orders", ""), strict())).await.unwrap();
    let delivery = within(receiver.next()).await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap().id(), "1");
    within(delivery.accept()).await.unwrap();
    assert_eq!(server.requests(":acknowledge").len(), 3);
}

/// With exactly-once delivery, an answer has an outcome for each id: one that is late fails alone, and one that fails for a while is tried
/// again alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_exactly_once_delivery_each_message_has_its_outcome() {
    let server = Service::start(JSON, |request, before| match request.line.ends_with(":acknowledge") {
        true if before == 0 => {
            let of_ids = json!({"h1": "PERMANENT_FAILURE_INVALID_ACK_ID", "h2": "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE"});
            let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "EXACTLY_ONCE_ACKID_FAILURE", "metadata": of_ids});
            Some((400, json!({"error": {"code": 400, "status": "FAILED_PRECONDITION", "details": [info]}}).to_string()))
        }
        _ => subscription(request, before),
    })
    .await;
    let mut receiver = within(receiver(&url(&server.url(), "orders", ""), strict())).await.unwrap();
    let mut deliveries = Vec::new();
    while deliveries.len() < 2 {
        deliveries.push(within(receiver.next()).await.unwrap().unwrap());
    }
    let outcomes: Vec<_> = deliveries.into_iter().map(|delivery| delivery.accept()).collect();
    let answers = within(join_all(outcomes)).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(answers[1].is_ok(), "{answers:?}");
    let asked: Vec<_> = server.requests(":acknowledge").iter().map(ids).collect();
    assert_eq!(asked, [vec!["h1".to_owned(), "h2".to_owned()], vec!["h2".to_owned()]]);
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// A schema refuses a message of a request. Pub/Sub says it of the whole request, and has stored none of its messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_refused_fails_alone() {
    let server = Service::start(JSON, |request, _| {
        if !request.line.ends_with(":publish") {
            return Some((200, "{}".to_owned()));
        }
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let messages = body["messages"].as_array().unwrap();
        match messages.iter().any(|message| message["attributes"]["ce-id"] == "bad") {
            true => {
                refusal(400, "INVALID_ARGUMENT", "Invalid data in message: Message failed schema validation.")
            }
            false => Some((200, json!({"messageIds": vec!["1"; messages.len()]}).to_string())),
        }
    })
    .await;
    let sender = within(sender(&url(&server.url(), "orders", ""), sending())).await.unwrap();
    let outcomes = within(join_all(["1", "bad", "3"].map(async |id| {
        sender.enqueue(&event(id)).await.unwrap().await.map_err(|error| sender.refuses_message(&error)).err()
    })));
    assert_eq!(outcomes.await, [None, Some(true), None]);
    assert_eq!(server.requests(":publish").len(), 4, "one for all, and one for each");
}

/// Throttling slows down, and is no lost connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_slows_down() {
    let server = Service::start(JSON, |request, before| match request.line.ends_with(":pull") {
        true if (1..3).contains(&before) => {
            let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.7s"});
            Some((
                429,
                json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [retry]}})
                    .to_string(),
            ))
        }
        true if before == 3 => Some((200, MESSAGE.to_owned())),
        true if before == 0 => Some((200, "{}".to_owned())),
        _ => subscription(request, before),
    })
    .await;
    let mut receiver = within(receiver(&url(&server.url(), "orders", ""), strict())).await.unwrap();
    let begun = Instant::now();
    let delivery = within(receiver.next()).await.unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(1400), "{:?}", begun.elapsed());
    assert_eq!((delivery.event().unwrap().id(), receiver.connectivity().losses()), ("1", 0));
}

/// The deadline of the subscription is the first one. Another `lock` is set when a message has come, and releasing sets it to zero.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_are_set() {
    // A renewal would come much later.
    for (own, lock) in [(20, 90), (600, 300)] {
        deadlines_are_set_with(own, lock).await;
    }
}

/// With a deadline of the subscription, and a `lock`, in seconds.
async fn deadlines_are_set_with(own: i64, lock: i64) {
    let server = Service::start(JSON, move |request, before| match request.line.starts_with("GET") {
        true => Some((200, json!({"ackDeadlineSeconds": own}).to_string())),
        false => subscription(request, before),
    })
    .await;
    let deadlines = async |count: usize| {
        let asked = || server.requests(":modifyAckDeadline");
        within(async {
            while asked().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
            }
        })
        .await;
        let seconds = |request: &Request| {
            serde_json::from_str::<Value>(&request.body).unwrap()["ackDeadlineSeconds"].clone()
        };
        asked().iter().map(|request| (seconds(request).as_i64().unwrap(), ids(request))).collect::<Vec<_>>()
    };
    let at = url(&server.url(), "orders", &format!("lock={lock}s"));
    let mut receiver = within(receiver(&at, strict())).await.unwrap();
    let both = vec!["h1".to_owned(), "h2".to_owned()];
    assert_eq!(deadlines(1).await, [(lock, both)]);
    let first = within(receiver.next()).await.unwrap().unwrap();
    within(first.retry(Duration::from_millis(1500))).await.unwrap();
    assert_eq!(deadlines(2).await[1], (2, vec!["h1".to_owned()]));
    drop(within(receiver.next()).await.unwrap().unwrap());
    assert_eq!(deadlines(3).await[2], (0, vec!["h2".to_owned()]));
}

/// A request that waits for long stays open, and others show that the peer is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_held_stays_open_and_others_do_not_wait() {
    let server = Service::start(JSON, |request, _| match request.line.ends_with(":pull") {
        true if request.body.contains("returnImmediately") => Some((200, "{}".to_owned())),
        true => None,
        false => Some((200, "{}".to_owned())),
    })
    .await;
    let mut receiver = within(receiver(&url(&server.url(), "orders", "wait=1s"), strict())).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_secs(4), receiver.next()).await;
    assert!(nothing.is_err() && receiver.connectivity().losses() == 0, "{nothing:?}");
    let waits: Vec<_> =
        server.requests(":pull").iter().map(|request| !request.body.contains("returnImmediately")).collect();
    assert!(waits.len() >= 4, "{waits:?}");
    assert_eq!(waits.iter().filter(|waits| **waits).count(), 1, "{waits:?}");
}
