//! Messages that are not accepted come again: here, or to others.

use crate::tools::{Place, event, id, next, take, within};
use cloudevents_pubsub::reqwest013::ReceivedMessage;
use serde_json::{Value, json};
use std::time::Duration;

/// A subscription that counts deliveries.
async fn counting(what: &str) -> Option<Place> {
    let dead = Place::new("dead").await?;
    let policy =
        json!({"deadLetterTopic": format!("projects/tests/topics/{}", dead.name), "maxDeliveryAttempts": 20});
    Place::with(what, json!({"ackDeadlineSeconds": 60, "deadLetterPolicy": policy})).await
}

/// Without a policy for dead letters, Pub/Sub does not count, and says nothing about earlier deliveries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_policy_every_attempt_is_the_first() {
    let Some(place) = Place::new("uncounted").await else { return };
    within(place.sender("").await.send(&event(0))).await.unwrap();
    let mut receiver = place.receiver("").await;
    for _ in 0..2 {
        let delivery = next(&mut receiver).await;
        assert_eq!((delivery.attempt(), delivery.is_redelivered()), (1, None));
        within(delivery.retry(Duration::ZERO)).await.unwrap();
    }
    assert_eq!(take(&mut receiver).await, "0");
}

/// The messages of a receiver that is gone come to others after the deadline, and that counts as an attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_receiver_left_comes_after_the_lock() {
    let Some(place) = counting("dead").await else { return };
    within(place.sender("").await.send(&event(0))).await.unwrap();
    let taken = place.some_messages(&place.name, 1).await;
    let ids: Vec<&Value> = taken.iter().map(|message| &message["ackId"]).collect();
    let path = format!("subscriptions/{}:modifyAckDeadline", place.name);
    place.ask("POST", &path, json!({"ackIds": ids, "ackDeadlineSeconds": 2})).await.unwrap();
    let mut receiver = place.receiver("").await;
    let delivery = next(&mut receiver).await;
    assert_eq!((id(&delivery), delivery.attempt()), ("0".into(), 2));
    assert_eq!(delivery.is_redelivered(), Some(true));
    assert!(delivery.received().timestamp().unwrap().elapsed().unwrap() < Duration::from_secs(600));
    within(delivery.accept()).await.unwrap();
    within(place.sender("").await.send(&event(1))).await.unwrap();
    let first = next(&mut receiver).await;
    assert_eq!((first.attempt(), first.is_redelivered()), (1, Some(false)));
    within(first.accept()).await.unwrap();
}

/// Without exactly-once delivery, Pub/Sub does not say that a deadline has passed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_acknowledgement_is_no_error_and_the_message_comes_again() {
    let Some(place) = Place::with("late", json!({"ackDeadlineSeconds": 60})).await else { return };
    within(place.sender("").await.send(&event(0))).await.unwrap();
    // It has all that it may have, and makes no request.
    let mut receiver = place.receiver("in-flight=1").await;
    let held = next(&mut receiver).await;
    let native: &ReceivedMessage = held.received().native().unwrap();
    let path = format!("subscriptions/{}:modifyAckDeadline", place.name);
    let ended = json!({"ackIds": [&*native.ack_id], "ackDeadlineSeconds": 0});
    place.ask("POST", &path, ended).await.unwrap();
    let taken = place.some_messages(&place.name, 1).await;
    within(held.accept()).await.unwrap();
    let given_back = json!({"ackIds": [taken[0]["ackId"]], "ackDeadlineSeconds": 0});
    place.ask("POST", &path, given_back).await.unwrap();
    assert_eq!(take(&mut receiver).await, "0");
    assert_eq!(receiver.connectivity().losses(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_handler_is_renewed() {
    let Some(place) = Place::new("renewed").await else { return };
    within(place.sender("").await.send(&event(0))).await.unwrap();
    let mut holder = place.receiver("").await;
    let held = next(&mut holder).await;
    assert!(place.is_empty_for(Duration::from_secs(16)).await, "it was not renewed within ten seconds");
    within(held.accept()).await.unwrap();
    within(place.sender("").await.send(&event(1))).await.unwrap();
    assert_eq!(take(&mut holder).await, "1");
}
