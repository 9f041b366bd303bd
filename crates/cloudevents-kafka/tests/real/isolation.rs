//! A handler that hangs, or a key that is hot, stops no other partition; and positions that change while a commit is under way.

use crate::broker::{Topic, event, next, patience, soon};
use cloudevents_core::{DecodeOptions, Event};
use cloudevents_kafka::{
    Record,
    rdkafka039::{self, KafkaReceiverOptions, Position},
};
use cloudevents_transport::{Bounds, Delivery, OrderBy, Partition, Receiver, binding::log::LogOptions};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const PARTITIONS: u16 = 3;

/// The number of events of each partition: more than may be in flight and fetched ahead.
const EACH: usize = 3_000;

/// Fills every partition. The ids are numbers, and the key says which partition it is.
async fn fill(topic: &Topic) {
    let producer: rdkafka::producer::FutureProducer = crate::broker::config(&topic.servers).create().unwrap();
    let mut sent = Vec::new();
    for number in 0..EACH {
        for partition in 0..PARTITIONS {
            let (record, _) = cloudevents_kafka::encode(
                &event(number, &partition.to_string()),
                cloudevents_core::Mode::Binary,
            )
            .unwrap();
            let record: Record = record;
            let future =
                rdkafka039::RecordExt::to_future(&record, &topic.name).partition(i32::from(partition));
            sent.push(producer.send_result(future).unwrap());
        }
    }
    for report in sent {
        soon(report).await.unwrap().unwrap();
    }
}

/// So little that one partition alone could take it at once.
fn small() -> KafkaReceiverOptions {
    let mut options = options();
    options.receiver.in_flight.messages = 40;
    options
}

fn options() -> KafkaReceiverOptions {
    let mut options = KafkaReceiverOptions::default();
    options.receiver.in_flight = Bounds { messages: 300, bytes: 64 << 20 };
    options.prefetch = Bounds { messages: 300, bytes: 16 << 20 };
    options.log = LogOptions::default().dropping_rejected();
    options
}

/// The first message of the second partition hangs until the others are done; then everything must be handled.
async fn all_others_go_on(receiver: Receiver) {
    let done: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let (free, gate) = tokio::sync::watch::channel(false);
    let handle = async |event: Event| {
        let key = event.attribute("partitionkey").unwrap().to_string();
        if key == "1" && event.id() == "0" {
            drop(gate.clone().wait_for(|free| *free).await);
        }
        *done.lock().unwrap().entry(key).or_default() += 1;
    };
    let counters = receiver.counters();
    let count = |key: &str| done.lock().unwrap().get(key).copied().unwrap_or_default();
    let until = async |condition: &dyn Fn() -> bool| {
        let since = Instant::now();
        while !condition() {
            assert!(since.elapsed() < patience() * 2, "{:?}", done.lock().unwrap());
            sleep(Duration::from_millis(10)).await;
        }
    };
    let watch = async {
        until(&|| count("0") == EACH && count("2") == EACH).await;
        assert_eq!(count("1"), 0);
        let held_back = async {
            while counters.snapshot().held_back == 0 {
                sleep(Duration::from_millis(100)).await;
            }
        };
        soon(held_back).await;
        free.send_replace(true);
        until(&|| count("1") == EACH).await;
    };
    receiver.run(handle).in_order(OrderBy::Partition).until(watch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_partition_stops_no_other() {
    let topic = Topic::new(PARTITIONS);
    fill(&topic).await;
    all_others_go_on(topic.receiver_with("", options()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_partition_does_not_take_all_of_a_small_room() {
    let topic = Topic::new(PARTITIONS);
    fill(&topic).await;
    all_others_go_on(topic.receiver_with("", small()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_partition_of_a_real_broker_stops_no_other() {
    for strategy in ["", "&group.protocol=consumer"] {
        let Some(topic) = Topic::real(PARTITIONS).await else {
            return println!("skipped: CE_TEST_KAFKA_URL is not set");
        };
        fill(&topic).await;
        all_others_go_on(topic.receiver_with(strategy, options()).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_partition_of_ones_own_consumer_stops_no_other() {
    use rdkafka::consumer::{Consumer as _, StreamConsumer};
    let topic = Topic::new(PARTITIONS);
    fill(&topic).await;
    let consumer: StreamConsumer = crate::broker::config(&topic.servers)
        .set("group.id", topic.group())
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[&topic.name]).unwrap();
    all_others_go_on(rdkafka039::receiver_over(consumer, options()).unwrap()).await;
}

/// An operator skips what blocks a partition: the partition goes on from there, although nothing more of it was fetched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_partition_goes_on_from_where_it_is_set_to() {
    const REST: usize = 10;
    let topic = Topic::new(PARTITIONS);
    fill(&topic).await;
    let url = topic.url(&format!("group={}", topic.group()));
    let (receiver, control) = soon(rdkafka039::controlled(&url, small())).await.unwrap();
    let (counters, done) = (receiver.counters(), Mutex::new(0));
    let handle = async |delivery: Delivery| {
        if delivery.partition().is_some_and(|partition| partition.number() == 1) {
            if crate::broker::number(&delivery) == 0 {
                std::future::pending::<()>().await;
            }
            *done.lock().unwrap() += 1;
        }
    };
    let shutdown = async {
        let held_back = async {
            while counters.snapshot().held_back == 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        soon(held_back).await;
        let position = Position::Offset((EACH - REST) as u64);
        soon(control.seek(&Partition::new(topic.name.as_str(), 1), position)).await.unwrap();
        let rest = async {
            while *done.lock().unwrap() < REST {
                sleep(Duration::from_millis(10)).await;
            }
        };
        soon(rest).await;
    };
    receiver.run(handle).in_order(OrderBy::Partition).until(shutdown).await.unwrap();
    assert_eq!(*done.lock().unwrap(), REST);
}

/// A commit that is under way while the position is set back is not the last one: what is read again is handled again after a crash, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_is_set_back_is_committed() {
    set_back(Topic::new(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_is_set_back_is_committed_by_a_real_broker() {
    match Topic::real(1).await {
        Some(topic) => set_back(topic).await,
        None => println!("skipped: CE_TEST_KAFKA_URL is not set"),
    }
}

async fn set_back(topic: Topic) {
    let sender = topic.sender().await;
    soon(sender.send_all((0..100).map(|number| event(number, "k")))).await.unwrap();
    let mut options = KafkaReceiverOptions::from(DecodeOptions::strict());
    options.log = LogOptions::default().dropping_rejected();
    options.commit_interval = Duration::ZERO;
    let url = topic.url(&format!("group={}", topic.group()));
    let (mut receiver, control) = soon(rdkafka039::controlled(&url, options)).await.unwrap();
    for round in 0..20 {
        for _ in 50 * usize::from(round > 0)..100 {
            drop(next(&mut receiver).await.accept());
        }
        // Commits of what was just accepted are under way.
        soon(control.seek(&Partition::new(topic.name.as_str(), 0), Position::Offset(50))).await.unwrap();
    }
    let committed = async {
        while topic.committed_and_ends().await.0 != [Some(50)] {
            sleep(Duration::from_millis(50)).await;
        }
    };
    soon(committed).await;
    sleep(Duration::from_millis(500)).await; // nothing that was under way comes after it
    assert_eq!(topic.committed_and_ends().await.0, [Some(50)]);
    drop(receiver);
}

/// What was taken before the position changed is refused, once: the receiver then waits for more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_before_a_seek_is_let_go() {
    let topic = Topic::new(1);
    let sender = topic.sender().await;
    soon(sender.send_all((0..100).map(|number| event(number, "k")))).await.unwrap();
    let mut options = KafkaReceiverOptions::from(DecodeOptions::strict());
    options.log = LogOptions::default().dropping_rejected();
    let url = topic.url(&format!("group={}", topic.group()));
    let (mut receiver, control) = soon(rdkafka039::controlled(&url, options)).await.unwrap();
    drop(next(&mut receiver).await.accept());
    soon(control.seek(&Partition::new(topic.name.as_str(), 0), Position::Offset(90))).await.unwrap();
    for expected in 90..100 {
        let delivery = next(&mut receiver).await;
        assert_eq!(crate::broker::number(&delivery), expected);
        drop(delivery.accept());
    }
    let quiet = tokio::time::timeout(Duration::from_millis(500), receiver.next()).await;
    assert!(quiet.is_err());
    soon(receiver.drain(patience())).await.unwrap();
}
