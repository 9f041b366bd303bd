//! FIFO queues: messages of a group keep their order, and the same event is one message.

use crate::tools::{Place, event, id, next, take, within};
use cloudevents_core::Event;
use cloudevents_sqs::awssdk1::ReceivedMessage;
use cloudevents_testkit::queues;
use cloudevents_transport::Outgoing;
use std::{collections::BTreeMap, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_group_keep_their_order() {
    let Some(place) = Place::fifo("order").await else { return };
    let sender = place.sender("").await;
    queues::messages_of_a_key_keep_their_order(&sender, async || place.receiver("").await).await;
    assert_eq!(place.counts().await, (0, 0));
}

/// SQS drops duplicates also after the first one was deleted: a letter that is soon taken back would be lost. The emulator does
/// it only while the first one is there.
#[tokio::test]
async fn what_is_sent_once_more_comes_once_more() {
    let Some(place) = Place::fifo("again").await else { return };
    let sender = place.sender("").await;
    for _ in 0..2 {
        sender.send(&event(1)).await.unwrap();
    }
    let mut receiver = place.receiver("").await;
    for _ in 0..2 {
        assert_eq!(take(&mut receiver).await, "1");
    }
}

/// The group is the key, or else `partitionkey`, or else the source.
#[tokio::test]
async fn groups_and_what_is_sent_twice() {
    let Some(place) = Place::fifo("groups").await else { return };
    let sender = place.sender("deduplicate=true").await;
    let keyed =
        Event::builder().id("2").source("/tests").ty("t").extension("partitionkey", "p").build().unwrap();
    sender.send(&event(1)).await.unwrap();
    sender.send(&keyed).await.unwrap();
    sender.send(Outgoing::from(event(3)).key("k")).await.unwrap();
    // Too long for a group.
    sender.send(Outgoing::from(event(4)).key("x".repeat(200))).await.unwrap();
    sender.send(&event(1)).await.unwrap();
    let mut receiver = place.receiver("").await;
    let mut groups = BTreeMap::new();
    for _ in 0..4 {
        let delivery = next(&mut receiver).await;
        let native: &ReceivedMessage = delivery.received().native().unwrap();
        assert_eq!(native.deduplication_id.as_ref().unwrap().len(), 64);
        groups.insert(id(&delivery), native.group.clone().unwrap());
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(["1", "2", "3"].map(|id| groups[id].as_str()), ["/tests", "p", "k"]);
    assert_eq!(groups["4"].len(), 64);
    let nothing = tokio::time::timeout(Duration::from_secs(2), receiver.next()).await;
    assert!(nothing.is_err(), "it was the same event: {nothing:?}");
}

/// The next messages of a group come when those before are settled.
#[tokio::test]
async fn a_retry_holds_its_group() {
    let Some(place) = Place::fifo("held").await else { return };
    let sender = place.sender("").await;
    sender.send(&event(1)).await.unwrap();
    let mut receiver = place.receiver("").await;
    let first = next(&mut receiver).await;
    sender.send(&event(2)).await.unwrap();
    within(first.retry(Duration::from_secs(1))).await.unwrap();
    let again = next(&mut receiver).await;
    assert_eq!((id(&again), again.attempt()), ("1".into(), 2));
    within(again.accept()).await.unwrap();
    assert_eq!(take(&mut receiver).await, "2");
}
