//! Checks that the tests of several queues share, over a server.
#![allow(clippy::unwrap_used, reason = "documented: they are for tests")]

use crate::deliveries::{event, id, next, take, within};
use cloudevents_transport::{Delivery, Outgoing, Receiver, Sender};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// Checks that a receiver renews the lock of a message while a handler has the message. For this time, which is longer than the lock,
/// another receiver of the queue gets nothing. Then one of the two gets the next message.
///
/// The queue of the sender is empty at first. `open` opens a receiver.
///
/// # Panics
///
/// If it does not hold.
pub async fn a_held_message_is_renewed(sender: &Sender, open: impl AsyncFn() -> Receiver, time: Duration) {
    within(sender.send(&event(0))).await.unwrap();
    let mut holder = open().await;
    let held = next(&mut holder).await;
    let mut other = open().await;
    let nothing = timeout(time, other.next()).await;
    assert!(nothing.is_err(), "it was not renewed: {nothing:?}");
    within(held.accept()).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    let (one, another) = (take(&mut holder), take(&mut other));
    tokio::select! {
        id = one => assert_eq!(id, "1"),
        id = another => assert_eq!(id, "1"),
    }
}

/// Checks that two receivers of a queue settle each message once. Of ten messages, they retry one twice, release one once, and reject one.
///
/// The queue has the [events](event) with the ids from 0 to `count`, and nothing else.
///
/// # Panics
///
/// If it does not hold.
pub async fn each_message_is_settled_once(one: Receiver, other: Receiver, count: usize) {
    let (settled, released) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeSet::new()));
    let all = Notify::new();
    let handle = async |delivery: Delivery| {
        let number: usize = id(&delivery).parse().unwrap();
        let is_released = number % 10 == 2 && released.lock().unwrap().insert(number);
        let outcome = match number % 10 {
            0 if delivery.attempt() < 3 => {
                return within(delivery.retry(Duration::from_millis(20))).await.unwrap();
            }
            1 => delivery.reject("no"),
            _ if is_released => return within(delivery.release()).await.unwrap(),
            _ => delivery.accept(),
        };
        within(outcome).await.unwrap();
        let mut settled = settled.lock().unwrap();
        *settled.entry(number).or_insert(0) += 1;
        if settled.len() == count {
            all.notify_waiters();
        }
    };
    let running = async {
        let one = one.run(&handle).concurrency(16).until(all.notified());
        let other = other.run(&handle).concurrency(16).until(all.notified());
        tokio::try_join!(one, other)
    };
    within(running).await.unwrap();
    let settled = settled.into_inner().unwrap();
    assert!(settled.len() == count && settled.values().all(|times| *times == 1), "{settled:?}");
}

/// Checks that a receiver gets the messages of each key in their order. There is one receiver: emulators give the rest of a key to another
/// one as soon as one message of the key is settled.
///
/// The queue of the sender is empty at first. `open` opens a receiver.
///
/// # Panics
///
/// If it does not hold.
pub async fn messages_of_a_key_keep_their_order(sender: &Sender, open: impl AsyncFn() -> Receiver) {
    const COUNT: usize = 300;
    const KEYS: usize = 7;
    let keyed = |number: usize| Outgoing::from(event(number)).key(format!("key {}", number % KEYS));
    within(sender.send_all((0..COUNT).map(keyed))).await.unwrap();
    let mut receiver = open().await;
    let mut last = BTreeMap::new();
    for turn in 0..COUNT {
        let number: usize = take(&mut receiver).await.parse().unwrap();
        if let Some(before) = last.insert(number % KEYS, number) {
            assert!(before < number, "{number} came after {before}, at {turn}");
        }
    }
    assert_eq!(last.len(), KEYS);
}
