//! Ordering keys: messages of a key keep their order.

use crate::tools::{Place, event, id, next, take, within};
use cloudevents_core::Event;
use cloudevents_pubsub::reqwest013::ReceivedMessage;
use cloudevents_testkit::queues;
use cloudevents_transport::{Carries, Outgoing};
use serde_json::json;
use std::collections::BTreeMap;

async fn ordered(what: &str) -> Option<Place> {
    Place::with(what, json!({"enableMessageOrdering": true, "ackDeadlineSeconds": 60})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_key_keep_their_order() {
    let Some(place) = ordered("order").await else { return };
    let sender = place.sender("ordered=true").await;
    assert!(sender.capabilities().carries.contains(Carries::KEY));
    queues::messages_of_a_key_keep_their_order(&sender, async || place.receiver("").await).await;
}

/// The key is that of the message, or else `partitionkey`, or else the source. Without `ordered`, there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys() {
    let Some(place) = ordered("keys").await else { return };
    let sender = place.sender("ordered=true").await;
    let keyed =
        Event::builder().id("2").source("/tests").ty("t").extension("partitionkey", "p").build().unwrap();
    within(sender.send(&event(1))).await.unwrap();
    within(sender.send(&keyed)).await.unwrap();
    within(sender.send(Outgoing::from(event(3)).key("k"))).await.unwrap();
    let plain = place.sender("").await;
    assert!(!plain.capabilities().carries.contains(Carries::KEY));
    within(plain.send(&event(4))).await.unwrap();
    let mut receiver = place.receiver("").await;
    let mut keys = BTreeMap::new();
    for _ in 0..4 {
        let delivery = next(&mut receiver).await;
        let native: &ReceivedMessage = delivery.received().native().unwrap();
        keys.insert(id(&delivery), native.ordering_key.clone());
        assert_eq!(
            delivery.key().map(|key| key.into_owned()),
            native.ordering_key.clone().map(String::into_bytes)
        );
        within(delivery.accept()).await.unwrap();
    }
    let wanted = [("1", Some("/tests")), ("2", Some("p")), ("3", Some("k")), ("4", None)];
    let wanted = wanted.map(|(id, key)| (id.to_owned(), key.map(str::to_owned)));
    assert_eq!(keys, BTreeMap::from(wanted));
}

/// A message as it was received keeps its key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forwarded_message_keeps_its_key() {
    let (Some(from), Some(to)) = (ordered("from").await, ordered("to").await) else { return };
    within(from.sender("ordered=true").await.send(Outgoing::from(event(1)).key("k"))).await.unwrap();
    let mut receiver = from.receiver("").await;
    let delivery = next(&mut receiver).await;
    let received = Outgoing::as_received(delivery.received().clone());
    within(to.sender("ordered=true").await.send(received)).await.unwrap();
    within(delivery.accept()).await.unwrap();
    let mut receiver = to.receiver("").await;
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.key().as_deref(), Some(&b"k"[..]));
    within(delivery.accept()).await.unwrap();
    within(to.sender("").await.send(&event(2))).await.unwrap();
    assert_eq!(take(&mut receiver).await, "2");
}
