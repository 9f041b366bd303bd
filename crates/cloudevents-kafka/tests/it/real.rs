//! Apache Kafka, where `CE_TEST_KAFKA_URL` names one: what the embedded broker has shown, and what it does not do. It takes no commits
//! while a group is rebalanced; Kafka does.

mod security;

use crate::{
    broker::{PATIENCE, Topic, event, next, number, soon},
    client::handing_over,
    hostile::left_out,
    kill::loses_nothing,
};
use cloudevents_kafka::rdkafka039::KafkaReceiverOptions;
use std::{collections::BTreeSet, time::Duration};

const STRATEGIES: [&str; 3] =
    ["", "&partition.assignment.strategy=cooperative-sticky", "&group.protocol=consumer"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_hands_partitions_over() {
    for strategy in &STRATEGIES[..2] {
        let Some(topic) = Topic::real(4).await else { return skipped() };
        handing_over(topic, strategy).await;
    }
}

#[tokio::test]
async fn a_header_whose_name_is_not_utf8_is_left_out() {
    let Some(topic) = Topic::real(1).await else { return skipped() };
    left_out(&topic);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_killed_loses_nothing() {
    let Some(topic) = Topic::real(3).await else { return skipped() };
    loses_nothing(topic).await;
}

/// So that nothing is committed because it is time.
fn never_by_time() -> KafkaReceiverOptions {
    let mut options = KafkaReceiverOptions::default();
    options.commit_interval = Duration::from_secs(3600);
    options
}

/// Partitions go to another receiver with everything committed that is settled: nothing of that comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_go_away_are_committed() {
    const COUNT: usize = 60;
    for strategy in STRATEGIES {
        let Some(topic) = Topic::real(4).await else { return skipped() };
        let mut first = topic.receiver_with(strategy, never_by_time()).await;
        let sender = topic.sender().await;
        let send = async |numbers: std::ops::Range<usize>| {
            soon(sender.send_all(numbers.map(|number| event(number, &number.to_string())))).await.unwrap();
        };
        send(0..COUNT).await;
        for _ in 0..COUNT {
            next(&mut first).await.accept().await.unwrap();
        }
        let (committed, _) = topic.committed_and_ends().await;
        assert_eq!(committed, [None; 4], "{strategy}");

        let mut second = topic.receiver_with(strategy, never_by_time()).await;
        send(COUNT..2 * COUNT).await;
        let mut seen = BTreeSet::new();
        let mut by_second = 0;
        while seen.len() < COUNT || by_second == 0 {
            let delivery = tokio::select! {
                delivery = soon(first.next()) => delivery.unwrap().unwrap(),
                delivery = soon(second.next()) => {
                    by_second += 1;
                    delivery.unwrap().unwrap()
                }
            };
            let number = number(&delivery);
            assert!(number >= COUNT, "{strategy}: {number} came again");
            // What was under way while the group was rebalanced may come again.
            seen.insert(number);
            drop(delivery.accept());
            if seen.len() == COUNT && by_second == 0 {
                send(COUNT..COUNT + 8).await;
            }
        }
        soon(first.drain(PATIENCE)).await.unwrap();
        soon(second.drain(PATIENCE)).await.unwrap();
    }
}

/// A receiver that goes leaves everything committed, and its partitions at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_dropped_commits_and_leaves() {
    for strategy in STRATEGIES {
        let Some(topic) = Topic::real(2).await else { return skipped() };
        // Who does not leave stays for longer than anybody waits here; with the protocol of Kafka 4 the broker says how long.
        let more = match strategy {
            "&group.protocol=consumer" => strategy.to_owned(),
            _ => format!("{strategy}&session.timeout.ms=60000"),
        };
        let mut first = topic.receiver_with(&more, never_by_time()).await;
        let sender = topic.sender().await;
        for number in 0..20 {
            soon(sender.send(&event(number, &number.to_string()))).await.unwrap();
            next(&mut first).await.accept().await.unwrap();
        }
        drop(first);
        soon(sender.send(&event(20, "k"))).await.unwrap();
        let mut second = topic.receiver_with(&more, never_by_time()).await;
        assert_eq!(number(&next(&mut second).await), 20, "{strategy}");
    }
}

fn skipped() {
    println!("skipped: CE_TEST_KAFKA_URL is not set");
}
