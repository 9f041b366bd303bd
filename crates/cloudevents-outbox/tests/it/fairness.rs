//! A target that hangs delays no other target.

use crate::tools::{Arrived, MINUTE, SECOND, event, id, sender, tokio_clock};
use cloudevents_outbox::{Entry, Outbox, OutboxOptions, rusqlite041::SqliteStore};
use cloudevents_testkit::size;
use cloudevents_transport::{Outgoing, Receipt, Sender};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The number of targets, which `CE_TEST_TARGETS` sets.
fn targets() -> usize {
    std::env::var("CE_TEST_TARGETS").map_or(size(2_000), |targets| targets.parse().unwrap())
}

/// Each target that hangs has this many messages.
const BACKLOG: usize = 300;

/// Sends a message to each target over some seconds, while the first targets hang. Returns the latencies of the others, sorted.
async fn latencies(targets: usize, hanging: usize) -> Vec<Duration> {
    let outbox = Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(tokio_clock());
    let sent = Arc::new(Mutex::new(BTreeMap::<usize, Instant>::new()));
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let takes = {
        let (sent, latencies) = (Arc::clone(&sent), Arc::clone(&latencies));
        sender(move |outgoing| {
            let (sent, latencies) = (Arc::clone(&sent), Arc::clone(&latencies));
            async move {
                let number: usize = id(&outgoing).parse().unwrap();
                // Peers differ: from 20 to 119 milliseconds.
                sleep(Duration::from_millis(20 + u64::try_from(number * 7919 % 100).unwrap())).await;
                let begin = sent.lock().unwrap()[&number];
                latencies.lock().unwrap().push(begin.elapsed());
                Ok(Receipt::new())
            }
        })
    };
    let hangs = sender(|_: Outgoing| std::future::pending());
    let route = move |target: Arc<str>| {
        let sender: Sender = if target.starts_with("hangs") { hangs.clone() } else { takes.clone() };
        async move { Ok(sender) }
    };
    let mut options = OutboxOptions::default();
    options.clock = tokio_clock();
    let sending = async {
        for target in 0..hanging {
            let backlog = (0..BACKLOG).map(|_| Entry::new(format!("hangs{target}"), event("x")));
            outbox.enqueue_all(backlog).await.unwrap();
        }
        // Five thousand a second: with what peers take, some 350 at a time.
        let others: Vec<usize> = (hanging..targets).collect();
        for group in others.chunks(50) {
            let now = Instant::now();
            sent.lock().unwrap().extend(group.iter().map(|number| (*number, now)));
            outbox
                .enqueue_all(group.iter().map(|number| Entry::new(format!("t{number}"), event(number))))
                .await
                .unwrap();
            sleep(Duration::from_millis(10)).await;
        }
        let all = async {
            while latencies.lock().unwrap().len() < others.len() {
                sleep(SECOND).await;
            }
        };
        tokio::time::timeout(10 * MINUTE, all).await.expect("messages are missing");
    };
    options.drain = SECOND;
    // What hangs is cut off at the end.
    drop(outbox.run(route, options).until(sending).await);
    let mut latencies = std::mem::take(&mut *latencies.lock().unwrap());
    latencies.sort_unstable();
    latencies
}

fn p99(latencies: &[Duration]) -> Duration {
    latencies[latencies.len() * 99 / 100]
}

/// The 99th percentile of all others rises by at most a tenth, when one target hangs.
#[tokio::test(start_paused = true)]
async fn one_target_that_hangs_delays_no_other() {
    let targets = targets();
    let before = latencies(targets, 0).await;
    let after = latencies(targets, 1).await;
    assert_eq!((before.len(), after.len()), (targets, targets - 1));
    let (before, after) = (p99(&before), p99(&after));
    println!("{targets} targets: p99 {before:?}; while one of them hangs {after:?}");
    assert!(before > Duration::from_millis(100), "{before:?}"); // it is measured at all
    assert!(after <= before.mul_f64(1.1), "{before:?} {after:?}");
}

/// Many that hang leave room for the others, too.
#[tokio::test(start_paused = true)]
async fn thirty_targets_that_hang_delay_no_other() {
    let targets = size(2_000);
    let before = p99(&latencies(targets, 0).await);
    let after = p99(&latencies(targets, 30).await);
    println!("{targets} targets: p99 {before:?}; while 30 of them hang {after:?}");
    assert!(after <= before.mul_f64(1.1), "{before:?} {after:?}");
}

/// More than the places of a worker, with four for each.
#[tokio::test(start_paused = true)]
async fn four_hundred_targets_that_hang_delay_no_other() {
    const GOOD: usize = 10;
    const EACH: usize = 20;
    for in_order in [false, true] {
        let outbox = Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(tokio_clock());
        let entry = |target: String, id: usize| {
            let entry = Entry::new(target, event(id));
            if in_order { entry.in_order() } else { entry }
        };
        let hanging = (0..400).flat_map(|target| (0..8).map(move |id| (format!("hangs{target}"), id)));
        let good = (0..GOOD).flat_map(|target| (0..EACH).map(move |id| (format!("works{target}"), id)));
        let entries = hanging.chain(good).map(|(target, id)| entry(target, id));
        outbox.enqueue_all(entries).await.unwrap();
        let (begin, arrived) = (Instant::now(), Arrived::default());
        let (hangs, works) = (sender(|_: Outgoing| std::future::pending()), arrived.sender());
        let route = move |target: Arc<str>| {
            let sender: Sender = if target.starts_with("hangs") { hangs.clone() } else { works.clone() };
            async move { Ok(sender) }
        };
        let mut options = OutboxOptions::default();
        (options.clock, options.drain) = (tokio_clock(), SECOND);
        drop(outbox.run(route, options).until(arrived.until(GOOD * EACH)).await);
        let latencies: Vec<Duration> = arrived.times().into_iter().map(|(_, at)| at - begin).collect();
        let p99 = p99(&latencies);
        println!("400 targets hang, in order: {in_order}; p99 {p99:?}");
        assert!(p99 <= 5 * SECOND, "{p99:?}, in order: {in_order}");
    }
}

/// Small messages to twenty targets, while one has large ones: a target that is as fast as it can, and one that hangs.
#[tokio::test(start_paused = true)]
async fn bytes_of_one_target_delay_no_other() {
    const SMALL: usize = 20;
    for (hangs, number, size) in [(false, 100, 4096), (true, 4, 16_384), (true, 1, 100_000)] {
        let outbox = Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(tokio_clock());
        let large = |id: usize| {
            let event = cloudevents_core::Event::builder().id(format!("large {id}")).source("/s").ty("t");
            Entry::new("a", event.text("x".repeat(size)).build().unwrap())
        };
        outbox.enqueue_all((0..number).map(large)).await.unwrap();
        outbox.enqueue_all((0..SMALL).map(|id| Entry::new(format!("b{id}"), event(id)))).await.unwrap();
        let (begin, arrived) = (Instant::now(), Arrived::default());
        let peer = {
            let arrived = arrived.clone();
            sender(move |outgoing| {
                let arrived = arrived.clone();
                async move {
                    if hangs && id(&outgoing).starts_with("large") {
                        std::future::pending::<()>().await;
                    }
                    sleep(Duration::from_millis(100)).await;
                    arrived.note(&outgoing);
                    Ok(Receipt::new())
                }
            })
        };
        let mut options = OutboxOptions::default();
        (options.clock, options.drain, options.in_flight.bytes) = (tokio_clock(), SECOND, 65_536);
        let all = SMALL + if hangs { 0 } else { number };
        let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
        drop(outbox.run(route, options).until(arrived.until(all)).await);
        let small = arrived.times().into_iter().filter(|(id, _)| !id.starts_with("large"));
        let latest = small.map(|(_, at)| at - begin).max().unwrap();
        println!("{number} messages of {size} bytes, hangs: {hangs}; the last small one after {latest:?}");
        assert!(latest <= SECOND, "{latest:?}, {number} of {size}, hangs: {hangs}");
        // Nor do the small ones delay the large ones for long.
        assert!(begin.elapsed() < 10 * SECOND, "{:?}", begin.elapsed());
    }
}

/// A target with a backlog of any size waits for its own messages only.
#[tokio::test(start_paused = true)]
async fn a_target_with_a_backlog_delays_no_other() {
    let outbox = Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(tokio_clock());
    let arrived = Arc::new(Mutex::new(Vec::new()));
    outbox.enqueue_all((0..20_000).map(|_| Entry::new("flood", event("flood")))).await.unwrap();
    outbox.enqueue_all((0..100).map(|target| Entry::new(format!("t{target}"), event(target)))).await.unwrap();
    let peer = {
        let arrived = Arc::clone(&arrived);
        sender(move |outgoing| {
            let arrived = Arc::clone(&arrived);
            async move {
                sleep(Duration::from_millis(100)).await;
                arrived.lock().unwrap().push(id(&outgoing));
                Ok(Receipt::new())
            }
        })
    };
    let mut options = OutboxOptions::default();
    options.clock = tokio_clock();
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    let begin = Instant::now();
    outbox.run(route, options).until(sleep(Duration::from_millis(350))).await.unwrap();
    let arrived = arrived.lock().unwrap();
    let others: BTreeSet<_> = arrived.iter().filter(|id| *id != "flood").collect();
    assert_eq!(others.len(), 100, "after {:?}", begin.elapsed());
    assert!(arrived.len() < 1000, "{}", arrived.len());
}
