//! Many messages wait, or large ones: each comes once, within the bounds of the receiver.

use crate::tools::{Place, event, id, large, next, take, until, within};
use cloudevents_testkit::patience;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// More would take the emulator long, which looks at every message for each request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_come() {
    const COUNT: usize = 1000;
    let Some(place) = Place::new("backlog").await else { return };
    let sender = place.sender("").await;
    let begun = Instant::now();
    sender.send_all((0..COUNT).map(event)).await.unwrap();
    sender.close().await.unwrap();
    let (sent, begun) = (begun.elapsed(), Instant::now());
    let mut receiver = place.receiver("lock=10m").await;
    let mut came = BTreeMap::new();
    while came.len() < COUNT {
        let delivery = next(&mut receiver).await;
        *came.entry(id(&delivery)).or_insert(0) += 1;
        drop(delivery.accept());
    }
    within(receiver.drain(patience())).await.unwrap();
    println!("{COUNT}: sent in {sent:?}, received in {:?}", begun.elapsed());
    assert!((0..COUNT).all(|number| came.contains_key(&number.to_string())));
    assert!(came.values().all(|times| *times == 1), "something came twice");
    assert_eq!(place.counts().await, (0, 0));
}

/// Of large ones, no more are here than the bounds and one answer have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_come_within_the_bounds() {
    const COUNT: usize = 40;
    const BYTES: usize = 500_000;
    let Some(place) = Place::new("large").await else { return };
    within(place.sender("").await.send_all((0..COUNT).map(|number| large(number, BYTES)))).await.unwrap();
    let mut receiver = place.receiver("in-flight-bytes=2000000&lock=10m").await;
    let mut most = 0;
    for number in 0..COUNT {
        let delivery = next(&mut receiver).await;
        // What is hidden was received, and is here or on its way.
        if number % 5 == 0 {
            most = most.max(place.counts().await.1);
        }
        within(delivery.accept()).await.unwrap();
    }
    println!("at most {most} of {BYTES} bytes were here");
    assert!((1..=9).contains(&most), "{most} were here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_handler_is_renewed() {
    let Some(place) = Place::new("renewed").await else { return };
    place.sender("").await.send(&event(0)).await.unwrap();
    let mut holder = place.receiver("lock=2s").await;
    let held = next(&mut holder).await;
    let mut other = place.receiver("lock=2s").await;
    let nothing = tokio::time::timeout(Duration::from_secs(6), other.next()).await;
    assert!(nothing.is_err(), "it was renewed: {nothing:?}");
    within(held.accept()).await.unwrap();
    until(async || place.counts().await == (0, 0)).await;
    place.sender("").await.send(&event(1)).await.unwrap();
    let (one, another) = (take(&mut holder), take(&mut other));
    tokio::select! {
        id = one => assert_eq!(id, "1"),
        id = another => assert_eq!(id, "1"),
    }
}
