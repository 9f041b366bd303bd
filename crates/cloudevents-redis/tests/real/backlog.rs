//! Many messages wait, or large ones: each comes once, in order, and within the bounds of the receiver.

use crate::tools::{Place, event, id, large, next, take, within};
use cloudevents_testkit::{patience, queues::a_held_message_is_renewed};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_come_once_and_in_order() {
    const COUNT: usize = 100_000;
    let Some(place) = Place::new("backlog") else { return };
    let sender = place.sender("mode=binary").await;
    let begun = Instant::now();
    sender.send_all((0..COUNT).map(event)).await.unwrap();
    sender.close().await.unwrap();
    let (sent, begun) = (begun.elapsed(), Instant::now());
    let mut receiver = place.receiver("").await;
    for expected in 0..COUNT {
        let delivery = next(&mut receiver).await;
        assert_eq!((id(&delivery), delivery.attempt()), (expected.to_string(), 1));
        drop(delivery.accept());
    }
    within(receiver.drain(patience())).await.unwrap();
    println!("{COUNT}: sent in {sent:?}, received in {:?}", begun.elapsed());
    assert_eq!(place.pending("cloudevents").await, 0);
    within(async { place.ask::<usize>(&["DEL", &place.stream]).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_handler_is_renewed() {
    let Some(place) = Place::new("renewed") else { return };
    let (sender, open) = (place.sender("").await, async || place.receiver("lock=300ms").await);
    a_held_message_is_renewed(&sender, open, Duration::from_secs(2)).await;
}

/// Small messages, and then large ones: an answer brings more of them than there is room for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_room_is_renewed() {
    let Some(place) = Place::new("room") else { return };
    let sender = place.sender("mode=binary").await;
    within(sender.send_all((0..40).map(|number| large(number, 10)))).await.unwrap();
    within(sender.send_all((40..60).map(|number| large(number, 100_000)))).await.unwrap();
    let mut holder = place.receiver("lock=500ms&in-flight-bytes=150000").await;
    for _ in 0..40 {
        take(&mut holder).await;
    }
    let held = next(&mut holder).await;
    let pending = place.pending("cloudevents").await;
    assert!(pending > 3, "there is room for two, and {pending} are here");
    // Those that the first one has not read are for the other one.
    let mut other = place.receiver("lock=500ms").await;
    for _ in pending..20 {
        take(&mut other).await;
    }
    let taken_over = tokio::time::timeout(Duration::from_secs(2), other.next()).await;
    assert!(taken_over.is_err(), "it was renewed: {taken_over:?}");
    within(held.accept()).await.unwrap();
    for _ in 1..pending {
        take(&mut holder).await;
    }
}
