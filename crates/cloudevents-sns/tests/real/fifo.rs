//! FIFO topics: messages of a group keep their order, and the same event is one message.

use crate::tools::{Place, event, take, within};
use cloudevents_core::Event;
use cloudevents_sqs::awssdk1::ReceivedMessage;
use cloudevents_transport::Outgoing;
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_group_keep_their_order() {
    const COUNT: usize = 60;
    let Some(place) = Place::fifo("order").await else { return };
    let sender = place.sender("").await;
    within(sender.send_all((0..COUNT).map(event))).await.unwrap();
    let mut receiver = place.receiver().await;
    for number in 0..COUNT {
        assert_eq!(take(&mut receiver).await, number.to_string());
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
    sender.send(&event(1)).await.unwrap();
    let mut receiver = place.receiver().await;
    let mut groups = BTreeMap::new();
    for _ in 0..3 {
        let delivery = within(receiver.next()).await.unwrap().unwrap();
        let native: &ReceivedMessage = delivery.received().native().unwrap();
        assert_eq!(native.deduplication_id.as_ref().unwrap().len(), 64);
        groups.insert(delivery.event().unwrap().id().to_owned(), native.group.clone().unwrap());
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(["1", "2", "3"].map(|id| groups[id].as_str()), ["/tests", "p", "k"]);
    let nothing = tokio::time::timeout(std::time::Duration::from_secs(2), receiver.next()).await;
    assert!(nothing.is_err(), "it was the same event: {nothing:?}");
}
