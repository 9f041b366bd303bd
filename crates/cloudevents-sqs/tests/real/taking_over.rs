//! Messages that are not accepted come again: here, or to others.

use crate::tools::{Place, event, id, next, until, within};
use cloudevents_core::ErrorKind;
use cloudevents_testkit::queues::a_held_message_is_renewed;
use std::time::Duration;

/// Of messages that are settled in one request, one whose lock has ended fails, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_receipt_is_the_failure_of_one_message() {
    let Some(place) = Place::new("stale").await else { return };
    within(place.sender("").await.send_all((0..5).map(event))).await.unwrap();
    let mut receiver = place.receiver("lock=10m").await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(next(&mut receiver).await);
    }
    // Another program deletes one of them, behind the back of this one.
    let stale = held.remove(2);
    let client = place.client();
    let native: &cloudevents_sqs::awssdk1::ReceivedMessage = stale.received().native().unwrap();
    let queue = place.queue_url(&place.queue);
    client.delete_message().queue_url(queue).receipt_handle(&*native.receipt_handle).send().await.unwrap();
    let outcomes: Vec<_> = held.into_iter().map(|delivery| delivery.accept()).collect();
    let late = stale.retry(Duration::from_secs(5));
    for outcome in outcomes {
        within(outcome).await.unwrap();
    }
    let error = within(late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert_eq!(place.counts().await, (0, 0));
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// The messages of a receiver that is gone come to others after the time of the lock, and that counts as an attempt.
#[tokio::test]
async fn what_a_dead_receiver_left_comes_after_the_lock() {
    let Some(place) = Place::new("dead").await else { return };
    place.sender("").await.send(&event(0)).await.unwrap();
    let request = place.client().receive_message().queue_url(place.queue_url(&place.queue));
    let taken = request.visibility_timeout(2).send().await.unwrap();
    assert_eq!(taken.messages.unwrap().len(), 1);
    let mut receiver = place.receiver("").await;
    let delivery = next(&mut receiver).await;
    assert_eq!((id(&delivery), delivery.attempt()), ("0".into(), 2));
    assert_eq!(delivery.is_redelivered(), Some(true));
    assert!(delivery.received().timestamp().unwrap().elapsed().unwrap() < Duration::from_secs(600));
    within(delivery.accept()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_handler_is_renewed() {
    let Some(place) = Place::new("renewed").await else { return };
    let (sender, open) = (place.sender("").await, async || place.receiver("lock=2s").await);
    a_held_message_is_renewed(&sender, open, Duration::from_secs(6)).await;
    until(async || place.counts().await == (0, 0)).await;
}
