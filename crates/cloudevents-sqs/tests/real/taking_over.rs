//! What is not accepted comes again: here, or to others.

use crate::tools::{Place, event, id, next, take, until, within};
use cloudevents_core::ErrorKind;
use cloudevents_testkit::slowed;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_released_comes_to_others_at_once() {
    let Some(place) = Place::new("released").await else { return };
    within(place.sender("").await.send_all((0..12).map(event))).await.unwrap();
    let mut first = place.receiver("lock=10m").await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(next(&mut first).await);
    }
    let kept = held.remove(3);
    let mut wanted: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    wanted.retain(|other| *other != id(&kept));
    let begun = Instant::now();
    drop(held);
    within(kept.accept()).await.unwrap();
    within(first.drain(Duration::from_secs(5))).await.unwrap();
    let mut second = place.receiver("lock=10m").await;
    let mut came = Vec::new();
    for _ in 0..11 {
        came.push(take(&mut second).await);
    }
    came.sort();
    wanted.sort();
    assert_eq!(came, wanted);
    assert!(begun.elapsed() < slowed(Duration::from_secs(60)), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn retries_count_and_wait_in_whole_seconds() {
    let Some(place) = Place::new("retried").await else { return };
    place.sender("").await.send(&event(0)).await.unwrap();
    let mut receiver = place.receiver("lock=10m").await;
    for attempt in 1..4 {
        let delivery = next(&mut receiver).await;
        assert_eq!((delivery.attempt(), delivery.is_redelivered()), (attempt, Some(attempt > 1)));
        let begun = Instant::now();
        within(delivery.retry(Duration::from_millis(1100))).await.unwrap();
        assert_eq!(place.counts().await, (0, 1), "it is hidden");
        until(async || place.counts().await.1 == 0 || begun.elapsed() > Duration::from_millis(1900)).await;
        assert!(begun.elapsed() > Duration::from_millis(1100), "{:?}", begun.elapsed());
    }
    assert_eq!(take(&mut receiver).await, "0");
    assert_eq!(place.counts().await, (0, 0));
}

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

/// What a receiver that is gone has held comes to others after the time of the lock, and that counts as an attempt.
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
    within(delivery.accept()).await.unwrap();
}
