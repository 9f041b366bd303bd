//! A partition that goes to another member and comes back goes on where it was committed, also if it was paused when it went.

use crate::broker::{Topic, config, event, next, number, patience, soon};
use cloudevents_core::{ErrorKind, Mode};
use cloudevents_kafka::{
    Record,
    rdkafka039::{KafkaReceiverOptions, RecordExt},
};
use cloudevents_transport::{Bounds, Delivery, Receiver};
use rdkafka::producer::FutureProducer;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::sleep;

/// The number of events in each of two partitions: more than a receiver holds and fetches ahead.
const EACH: usize = 20;

/// The deliveries of each partition that the first member holds.
const HELD: usize = 3;

/// As in the tests of rebalances: on the embedded broker, a member joins after the session of the others, less a second.
const SHORT: &str = "&session.timeout.ms=4000&max.poll.interval.ms=8000&heartbeat.interval.ms=300";

/// The event with number `partition * EACH + n` is the `n`th one of its partition.
async fn filled() -> Topic {
    let topic = Topic::new(2);
    let producer: FutureProducer = config(&topic.servers).create().unwrap();
    for at in 0..2 * EACH {
        let (record, _) = cloudevents_kafka::encode(&event(at, "k"), Mode::Binary).unwrap();
        let record: Record = record;
        let partition = i32::try_from(at / EACH).unwrap();
        let sent = producer.send_result(record.to_future(&topic.name).partition(partition)).unwrap();
        soon(sent).await.unwrap().unwrap();
    }
    topic
}

async fn member(topic: &Topic, strategy: &str) -> Receiver {
    let mut options = KafkaReceiverOptions::default();
    options.prefetch = Bounds { messages: 4, ..Bounds::default() };
    options.rebalance_wait = Duration::from_millis(50);
    options.commit_interval = Duration::ZERO;
    topic.receiver_with(&format!("{SHORT}{strategy}"), options).await
}

fn partition(delivery: &Delivery) -> usize {
    delivery.partition().unwrap().number() as usize
}

async fn is_committed(topic: &Topic, expected: [i64; 2]) {
    soon(async {
        while topic.committed_and_ends().await.0 != expected.map(Some) {
            sleep(Duration::from_millis(50)).await; // between two looks
        }
    })
    .await;
}

async fn comes_back(strategy: &str) {
    let topic = filled().await;
    let mut first = member(&topic, strategy).await;
    let mut held = [Vec::new(), Vec::new()];
    while held.iter().any(|held| held.len() < HELD) {
        let delivery = next(&mut first).await;
        held[partition(&delivery)].push(delivery);
    }
    // The first event of each partition is done. Behind that, nothing more is taken: fetching is paused in both partitions.
    let mut done = BTreeSet::new();
    for held in &mut held {
        let delivery = held.remove(0);
        assert!(done.insert(number(&delivery)));
        soon(delivery.accept()).await.unwrap();
    }
    is_committed(&topic, [1, 1]).await;

    // One partition goes to another member, which goes on where it was committed.
    let mut second = member(&topic, strategy).await;
    let delivery = next(&mut second).await;
    let moved = partition(&delivery);
    assert_eq!(number(&delivery), moved * EACH + 1);
    assert!(done.insert(number(&delivery)));
    soon(delivery.accept()).await.unwrap();
    is_committed(&topic, if moved == 0 { [2, 1] } else { [1, 2] }).await;

    // The first member goes on with the partition that it has. If all partitions were revoked, its events come again.
    let [zero, one] = held;
    let (stale, kept) = if moved == 0 { (zero, one) } else { (one, zero) };
    for delivery in kept {
        let number = number(&delivery);
        match soon(delivery.accept()).await {
            Ok(()) => assert!(done.insert(number)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Revoked, "{error}"),
        }
    }
    let stays = |done: &BTreeSet<usize>| done.iter().filter(|number| **number / EACH != moved).count();
    while stays(&done) < EACH {
        let delivery = next(&mut first).await;
        assert_ne!(partition(&delivery), moved, "it is not the first member's any more");
        assert!(done.insert(number(&delivery)), "{} came again", number(&delivery));
        soon(delivery.accept()).await.unwrap();
    }

    // The embedded broker takes no commits while the group is rebalanced.
    let each = EACH as i64;
    is_committed(&topic, if moved == 0 { [2, each] } else { [each, 2] }).await;

    // The other member leaves, and the partition comes back. What was committed does not come again, and all else does.
    soon(second.drain(patience())).await.unwrap();
    let mut back = next(&mut first).await;
    assert_eq!(number(&back), moved * EACH + 2, "it goes on where it was committed");
    // Handles from before acknowledge nothing, although the partition is here again.
    for stale in stale {
        assert!(!stale.is_current());
        assert_eq!(soon(stale.accept()).await.unwrap_err().kind(), ErrorKind::Revoked);
    }
    loop {
        assert!(done.insert(number(&back)), "{} came again", number(&back));
        soon(back.accept()).await.unwrap();
        if done.len() == 2 * EACH {
            break;
        }
        back = next(&mut first).await;
    }
    is_committed(&topic, [each; 2]).await;
    soon(first.drain(patience())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_partition_that_comes_back_goes_on_where_it_was_committed() {
    comes_back("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_partition_that_comes_back_with_all_others_goes_on_where_it_was_committed() {
    comes_back("&partition.assignment.strategy=range").await;
}
