//! Many messages wait, or large ones: each comes once, within the bounds of the receiver.

use crate::tools::{Place, event, id, large, next, take, until, within};
use cloudevents_testkit::{patience, queues::a_held_message_is_renewed};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_come_in_order() {
    const COUNT: usize = 10_000;
    let Some(place) = Place::new("backlog").await else { return };
    let sender = place.sender("").await;
    let begun = Instant::now();
    within(sender.send_all((0..COUNT).map(event))).await.unwrap();
    within(sender.close()).await.unwrap();
    let (sent, begun) = (begun.elapsed(), Instant::now());
    let mut receiver = place.receiver("lock=10m").await;
    for number in 0..COUNT {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), number.to_string());
        drop(delivery.accept());
    }
    within(receiver.drain(patience())).await.unwrap();
    println!("{COUNT}: sent in {sent:?}, received in {:?}", begun.elapsed());
    assert_eq!(place.counts().await, (0, 0));
}

/// A message that is larger than a receiver takes ends its connection, again and again, until the message is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_takes_no_memory() {
    let Some(place) = Place::new("over").await else { return };
    let mut receiver = place.receiver("max-message-size=1000000&lock=10m").await;
    let sender = place.sender("").await;
    within(sender.send(&large(0, 3_000_000))).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    until(async || receiver.connectivity().losses() > 0).await;
    place.run(&format!("SELECT pgmq.delete('{}', 1)", place.queue)).await;
    assert_eq!(take(&mut receiver).await, "1");
    assert_eq!(place.counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_handler_is_renewed() {
    let Some(place) = Place::new("renewed").await else { return };
    let (sender, open) = (place.sender("").await, async || place.receiver("lock=1s").await);
    a_held_message_is_renewed(&sender, open, Duration::from_secs(3)).await;
    until(async || place.counts().await == (0, 0)).await;
}
