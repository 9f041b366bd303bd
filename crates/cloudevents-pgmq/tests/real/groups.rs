//! Messages of a group come in order, whichever receiver has them.

use crate::tools::{Place, event, id, next, take, within};
use cloudevents_transport::{Delivery, Outgoing};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

const GROUPS: usize = 5;

fn of_group(number: usize) -> Outgoing {
    Outgoing::from(event(number)).key((number % GROUPS).to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_keep_their_order_among_receivers() {
    const COUNT: usize = 200;
    let Some(place) = Place::new("groups").await else { return };
    // The messages 0 and 5 are of one group, 1 is of another. The other receiver waits for the messages of a group that one receiver holds.
    for number in [0, 5, 1] {
        place.sender("").await.send(of_group(number)).await.unwrap();
    }
    let query = "groups=true&lock=1m&prefetch=1&in-flight=1";
    let mut one = place.receiver(query).await;
    let held = next(&mut one).await;
    let mut other = place.receiver(query).await;
    assert_eq!((id(&held), take(&mut other).await), ("0".into(), "1".into()));
    within(held.accept()).await.unwrap();
    within(one.drain(Duration::from_secs(5))).await.unwrap();
    assert_eq!(take(&mut other).await, "5");
    within(other.drain(Duration::from_secs(5))).await.unwrap();
    within(place.sender("").await.send_all((0..COUNT).map(of_group))).await.unwrap();
    let (handled, count, all) =
        (Mutex::new(BTreeMap::<_, Vec<usize>>::new()), AtomicUsize::new(0), Notify::new());
    let handle = async |delivery: Delivery| {
        let number: usize = id(&delivery).parse().unwrap();
        assert_eq!(delivery.key().unwrap(), (number % GROUPS).to_string().as_bytes());
        handled.lock().unwrap().entry(number % GROUPS).or_default().push(number);
        within(delivery.accept()).await.unwrap();
        if count.fetch_add(1, Ordering::Relaxed) + 1 == COUNT {
            all.notify_waiters();
        }
    };
    let query = "groups=true&lock=1m&prefetch=4";
    let (one, other) = (place.receiver(query).await, place.receiver(query).await);
    let running = async {
        let one = one.run(&handle).concurrency(1).until(all.notified());
        let other = other.run(&handle).concurrency(1).until(all.notified());
        tokio::try_join!(one, other)
    };
    within(running).await.unwrap();
    let handled = handled.into_inner().unwrap();
    for (group, numbers) in &handled {
        assert!(numbers.is_sorted() && numbers.len() == COUNT / GROUPS, "group {group}: {numbers:?}");
    }
    assert_eq!((handled.len(), place.counts().await), (GROUPS, (0, 0)));
}

#[tokio::test]
async fn a_retry_holds_its_group() {
    let Some(place) = Place::new("held").await else { return };
    // The messages 0, 5 and 10 are of one group, 1 is of another.
    for number in [0, 5, 10, 1] {
        place.sender("").await.send(of_group(number)).await.unwrap();
    }
    // Without a prefetch, no more than one message comes at a time.
    let mut receiver = place.receiver("groups=true&prefetch=1&in-flight=1").await;
    let first = next(&mut receiver).await;
    assert_eq!(id(&first), "0");
    within(first.retry(Duration::from_secs(1))).await.unwrap();
    for expected in ["1", "0", "5", "10"] {
        assert_eq!(take(&mut receiver).await, expected);
    }
}
