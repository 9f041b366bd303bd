//! Many messages wait, or large ones: each comes, within the bounds of the receiver.

use crate::tools::{Place, event, id, large, next, take, within};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_come() {
    const COUNT: usize = 5000;
    let Some(place) = Place::with("backlog", json!({"ackDeadlineSeconds": 60})).await else { return };
    let sender = place.sender("").await;
    let begun = Instant::now();
    sender.send_all((0..COUNT).map(event)).await.unwrap();
    within(sender.close()).await.unwrap();
    let (sent, begun) = (begun.elapsed(), Instant::now());
    let mut receiver = place.receiver("").await;
    let mut came = BTreeMap::new();
    while came.len() < COUNT {
        let delivery = next(&mut receiver).await;
        *came.entry(id(&delivery)).or_insert(0) += 1;
        drop(delivery.accept());
    }
    let received = begun.elapsed();
    within(receiver.drain(Duration::from_secs(20))).await.unwrap();
    println!("{COUNT}: sent in {sent:?}, received in {received:?}");
    assert!((0..COUNT).all(|number| came.contains_key(&number.to_string())));
    assert!(came.values().all(|times| *times == 1), "something came twice");
    assert!(place.messages(&place.name).await.is_empty());
}

/// Of large ones, no more are here than the bounds and one answer have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_come_within_the_bounds() {
    const COUNT: usize = 20;
    const BYTES: usize = 1_000_000;
    let Some(place) = Place::with("large", json!({"ackDeadlineSeconds": 60})).await else { return };
    within(place.sender("").await.send_all((0..COUNT).map(|number| large(number, BYTES)))).await.unwrap();
    let mut receiver = place.receiver("in-flight-bytes=4000000").await;
    let held = next(&mut receiver).await;
    tokio::time::sleep(Duration::from_secs(2)).await; // as long as it takes to request too many
    // What is not here is still there for others.
    let mut others = 0;
    while let found @ 1.. = place.messages(&place.name).await.len() {
        others += found;
    }
    println!("{others} of {COUNT} are not here");
    assert!((COUNT - 10..COUNT).contains(&others), "{others}");
    within(held.accept()).await.unwrap();
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
