//! A member joins under load: what moves to it is handled there, and what was settled in time is handled once.

use crate::broker::{Topic, event, patience, soon};
use cloudevents_core::Event;
use cloudevents_kafka::rdkafka039::KafkaReceiverOptions;
use cloudevents_transport::{Delivery, Receiver, Stopper};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::sleep};

const COUNT: usize = 6_000;

/// How often each event was handled, by each member.
type Handled = Arc<Mutex<HashMap<(usize, usize), usize>>>;

/// Starts a member whose handlers take some milliseconds.
fn member(
    number: usize,
    receiver: Receiver,
    handled: &Handled,
    foreign: &Arc<AtomicUsize>,
) -> (JoinHandle<()>, Stopper) {
    let (handled, foreign) = (Arc::clone(handled), Arc::clone(foreign));
    let stopper = receiver.stopper();
    let handle = move |delivery: Delivery| {
        let (handled, foreign) = (Arc::clone(&handled), Arc::clone(&foreign));
        async move {
            foreign.fetch_add(usize::from(!delivery.is_current()), Ordering::Relaxed);
            sleep(Duration::from_millis(50)).await;
            let event: Event = delivery.event().unwrap();
            *handled.lock().unwrap().entry((number, event.id().parse().unwrap())).or_default() += 1;
        }
    };
    (tokio::spawn(async move { receiver.run(handle).await.unwrap() }), stopper)
}

/// The other member joins when a quarter is handled.
///
/// Only on a real broker: the embedded one takes no commits while the group is rebalanced, so what moves is read from an earlier position
/// there.
async fn joining(topic: Topic, strategy: &str) {
    let options = || {
        let mut options = KafkaReceiverOptions::default();
        options.receiver.in_flight.messages = 512;
        options.rebalance_wait = patience() / 2; // handlers end long before, also on a busy machine
        options
    };
    let timeouts = "&session.timeout.ms=6000&heartbeat.interval.ms=200";
    let more = format!("{}{strategy}", if strategy.contains("group.protocol") { "" } else { timeouts });
    let sender = topic.sender().await;
    let send = async |numbers: std::ops::Range<usize>| {
        soon(sender.send_all(numbers.map(|number| event(number, &number.to_string())))).await.unwrap();
    };
    send(0..COUNT).await;
    let (handled, foreign): (Handled, Arc<AtomicUsize>) = Default::default();
    let first = member(0, topic.receiver_with(&more, options()).await, &handled, &foreign);
    let distinct = || {
        let handled = handled.lock().unwrap();
        handled.keys().map(|(_, id)| *id).collect::<std::collections::BTreeSet<_>>().len()
    };
    let until = async |count: usize| {
        let begun = Instant::now();
        while distinct() < count {
            assert!(begun.elapsed() < patience() * 2, "{strategy}: {} of {count} after a minute", distinct());
            sleep(Duration::from_millis(5)).await;
        }
    };
    until(COUNT / 4).await;
    let second = member(1, topic.receiver_with(&more, options()).await, &handled, &foreign);
    // However late it is let in, something is left for it.
    let mut sent = COUNT;
    let by_second = || handled.lock().unwrap().keys().filter(|(member, _)| *member == 1).count();
    let begun = Instant::now();
    while by_second() == 0 {
        assert!(begun.elapsed() < patience() * 2, "{strategy}: the second has none after a minute");
        if distinct() + COUNT / 4 > sent {
            send(sent..sent + COUNT / 4).await;
            sent += COUNT / 4;
        }
        sleep(Duration::from_millis(5)).await;
    }
    until(sent).await;
    for (task, stopper) in [first, second] {
        stopper.stop();
        soon(task).await.unwrap();
    }
    let handled = handled.lock().unwrap();
    let in_one = handled.values().filter(|times| **times > 1).count();
    let all: usize = handled.values().sum();
    let second = handled.keys().filter(|(member, _)| *member == 1).count();
    let twice = all - sent;
    println!("{strategy}: {twice} of {sent} twice, {in_one} in one process, {second} by the second");
    // Handlers that were begun in the moment in which their partition leaves: 64 at a time. What waits behind them is dropped.
    let foreign = foreign.load(Ordering::Relaxed);
    assert!(foreign <= 64, "{strategy}: {foreign} began for another member");
    // Handlers end in time, so that everything that has begun is committed.
    assert!(in_one == 0 && twice <= 64, "{strategy}: {twice} were handled twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_joins_under_load_of_a_real_broker() {
    for strategy in ["", "&partition.assignment.strategy=range", "&group.protocol=consumer"] {
        match Topic::real(6).await {
            Some(topic) => joining(topic, strategy).await,
            None => println!("skipped: CE_TEST_KAFKA_URL is not set"),
        }
    }
}
