//! Many messages wait in a stream of the server that `CE_TEST_NATS_URL` names: each comes once, in order, and none only when its time is
//! over.

use crate::tools::{create_stream, large, name, real, strict};
use cloudevents_core::Event;
use cloudevents_nats::async_nats051::{NatsSenderOptions, receiver, sender};
use cloudevents_testkit::patience;
use cloudevents_transport::{Delivery, OrderBy};
use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Events with the keys `0` to `keys`, in turn.
fn keyed(count: usize, keys: usize) -> Vec<Event> {
    let keyed = (0..count).map(|number| {
        let builder = Event::builder().id(number.to_string()).source("/tests").ty("t");
        builder.extension("partitionkey", (number % keys).to_string()).build().unwrap()
    });
    keyed.collect()
}

/// What handlers saw of a backlog.
#[derive(Default)]
struct Seen {
    /// The last event of each key.
    last: BTreeMap<String, usize>,
    count: usize,
    inverted: usize,
    /// Deliveries that are not the first one of their message.
    again: usize,
}

impl Seen {
    fn see(&mut self, delivery: &Delivery) {
        let event = delivery.event().unwrap();
        let number = event.id().parse().unwrap();
        let key = event.extension("partitionkey").map(|key| key.to_string()).unwrap_or_default();
        let last = self.last.insert(key, number);
        self.inverted += usize::from(last.is_some_and(|last| last > number));
        self.again += usize::from(delivery.attempt() > 1 || delivery.is_redelivered() == Some(true));
        self.count += 1;
    }
}

/// Stores these events, and then handles them in the order of their keys.
async fn check(events: Vec<Event>, query: &str, handlers: usize, takes: Duration) {
    let Some(server) = real() else { return };
    let stream = name("backlog");
    create_stream(&server, &stream).await;
    let url = format!("{}/{stream}.x", server.replacen("nats:", "nats+jetstream:", 1));
    let (count, sending) = (events.len(), sender(&url, NatsSenderOptions::default()).await.unwrap());
    sending.send_all(events).await.unwrap();
    sending.close().await.unwrap();
    let receiving = receiver(&format!("{url}?consumer=c&{query}"), strict()).await.unwrap();
    let (seen, all, began) = (Mutex::new(Seen::default()), Notify::new(), Instant::now());
    let handle = async |delivery: Delivery| {
        let is_last = {
            let mut seen = seen.lock().unwrap();
            seen.see(&delivery);
            seen.count == count
        };
        tokio::time::sleep(takes).await; // what a handler does
        delivery.accept().await.unwrap();
        if is_last {
            all.notify_one();
        }
    };
    let connectivity = receiving.connectivity();
    let running = receiving.run(handle).concurrency(handlers).in_order(OrderBy::attribute("partitionkey"));
    let ended = tokio::time::timeout(4 * patience(), running.until(all.notified())).await;
    let Seen { count: here, inverted, again, .. } = seen.into_inner().unwrap();
    println!(
        "{query}, {handlers} handlers: {here} in {:?}, {inverted} inverted, {again} again",
        began.elapsed()
    );
    assert!(ended.is_ok(), "{here} of {count} came");
    assert_eq!(
        (here, inverted, again, connectivity.losses()),
        (count, 0, 0, 0),
        "{query}, {handlers} handlers"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_comes_once_and_in_order_whatever_is_prefetched() {
    for (query, handlers) in [("", 256), ("prefetch=64", 64), ("prefetch=1024", 256), ("prefetch=10000", 16)]
    {
        check(keyed(6000, 97), query, handlers, Duration::from_millis(3)).await;
    }
    check(keyed(300, 7), "prefetch=1", 8, Duration::ZERO).await;
}

/// The server holds at most 64 MiB for a connection that reads more slowly than it sends, and then ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_large_messages_comes_once_and_ends_no_connection() {
    let events = (0..300).map(|number| large(number, 900_000));
    check(events.collect(), "", 8, Duration::from_millis(1)).await;
}

/// A message that comes again and does not fit into the bytes of a request would go behind the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_that_come_again_keep_their_order() {
    const COUNT: usize = 120;
    let Some(server) = real() else { return };
    let stream = name("again");
    create_stream(&server, &stream).await;
    let url = format!("{}/{stream}.x", server.replacen("nats:", "nats+jetstream:", 1));
    let sending = sender(&url, NatsSenderOptions::default()).await.unwrap();
    sending.send_all((0..COUNT).map(|number| large(number, 900_000))).await.unwrap();
    sending.close().await.unwrap();
    let url = format!("{url}?consumer=c");
    let mut seen: Vec<usize> = Vec::new();
    for end in [10, COUNT] {
        let mut receiver = receiver(&url, strict()).await.unwrap();
        while seen.len() < end {
            let next = tokio::time::timeout(patience(), receiver.next()).await;
            let delivery = next.unwrap_or_else(|_| panic!("{seen:?}")).unwrap().unwrap();
            seen.push(delivery.event().unwrap().id().parse().unwrap());
            delivery.accept().await.unwrap();
        }
        receiver.drain(patience()).await.unwrap();
    }
    assert_eq!(seen, (0..COUNT).collect::<Vec<_>>());
}
