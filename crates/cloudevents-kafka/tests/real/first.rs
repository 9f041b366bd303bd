//! The first position of a group, and those that do not exist any more.

use crate::broker::{Topic, config, event, next, number, patience, soon};
use cloudevents_core::ErrorKind;
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, Position, controlled, receiver};
use cloudevents_testkit::kafka::{Broker, Refusal};
use cloudevents_transport::{Partition, Receiver};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

async fn send(topic: &Topic, numbers: Range<usize>) {
    soon(topic.sender().await.send_all(numbers.map(|number| event(number, "k")))).await.unwrap();
}

/// Opens a receiver at the end, by the URL or by the setting of librdkafka.
async fn open(topic: &Topic, option: &str) -> Receiver {
    open_at(topic, &format!("{option}=latest")).await
}

async fn open_at(topic: &Topic, options: &str) -> Receiver {
    // The consumer group protocol has no such settings.
    let short = match options.contains("group.protocol") {
        true => "",
        false => "&session.timeout.ms=4000&max.poll.interval.ms=8000&heartbeat.interval.ms=300",
    };
    topic.receiver_with(&format!("&{options}{short}"), KafkaReceiverOptions::default()).await
}

/// Waits until the group has committed this.
pub(crate) async fn committed(topic: &Topic, wanted: i64) {
    soon(async {
        while topic.committed_and_ends().await.0 != [Some(wanted)] {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// After a truncation, say: the log has been written again up to an offset before the committed one.
pub(crate) async fn beyond_the_end(topic: Topic, option: &str) {
    send(&topic, 0..20).await;
    let of = topic.clone();
    let commit = move || {
        let client: BaseConsumer = config(&of.servers).set("group.id", of.group()).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&of.name, 0, Offset::Offset(70)).unwrap();
        client.commit(&list, CommitMode::Sync).unwrap();
    };
    spawn_blocking(commit).await.unwrap();
    let mut receiver = open(&topic, option).await;
    for expected in 0..20 {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
    soon(receiver.drain(patience())).await.unwrap();
    committed(&topic, 20).await;
}

/// The group keeps its first position from when it has it, and not from the first message on.
pub(crate) async fn first_position(topic: Topic, option: &str) {
    send(&topic, 0..10).await;
    let mut receiver = open(&topic, option).await;
    committed(&topic, 10).await;
    soon(receiver.drain(patience())).await.unwrap();
    send(&topic, 10..15).await;
    let mut receiver = open(&topic, option).await;
    for expected in 10..15 {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
}

#[tokio::test]
async fn a_position_beyond_the_end_skips_nothing_even_if_a_group_starts_at_the_end() {
    let broker = Broker::start().unwrap();
    for option in ["offset", "auto.offset.reset"] {
        beyond_the_end(Topic::on(&broker, 1), option).await;
    }
}

#[tokio::test]
async fn a_group_that_starts_at_the_end_has_a_position_from_then_on() {
    let broker = Broker::start().unwrap();
    for option in ["offset", "auto.offset.reset", "partitions=0&offset"] {
        first_position(Topic::on(&broker, 1), option).await;
    }
}

/// The group keeps its position from when it has it. A partition with fewer records begins at its first one.
pub(crate) async fn last_records(topic: Topic, more: &str) {
    send(&topic, 0..10).await;
    let mut receiver = open_at(&topic, &format!("last=3{more}")).await;
    for expected in 7..10 {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
    committed(&topic, 10).await;
    soon(receiver.drain(patience())).await.unwrap();
    send(&topic, 10..15).await;
    let mut receiver = open_at(&topic, &format!("last=1{more}")).await;
    assert_eq!(number(&next(&mut receiver).await), 10);
}

#[tokio::test]
async fn a_group_begins_with_the_last_records() {
    let broker = Broker::start().unwrap();
    for more in ["", "&partitions=0"] {
        last_records(Topic::on(&broker, 1), more).await;
    }
    let few = Topic::on(&broker, 1);
    send(&few, 0..2).await;
    let mut receiver = few.receiver_with("&last=5", KafkaReceiverOptions::default()).await;
    assert_eq!(number(&next(&mut receiver).await), 0);
    for (options, words) in [
        ("last=3&offset=latest", "`offset` and `last`"),
        ("last=3&since=1970-01-01T00:00:00Z", "`since` and `last`"),
        ("last=x", "`last` is not a number"),
    ] {
        let url = format!("kafka://{}/t?group=g&reject=drop&{options}", few.servers);
        let error = receiver_error(&url).await;
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{options}");
        assert!(error.detail().contains(words), "{error:?}");
    }
}

#[tokio::test]
async fn real_a_group_begins_with_the_last_records() {
    for more in ["", "&partitions=0", "&group.protocol=consumer"] {
        let Some(topic) = Topic::real(1).await else { return };
        last_records(topic, more).await;
    }
}

async fn receiver_error(url: &str) -> cloudevents_core::Error {
    soon(receiver(url, KafkaReceiverOptions::default())).await.unwrap_err()
}

/// It is seen some time after it was made, and what came before that is not what the group was to skip.
#[tokio::test]
async fn what_comes_to_a_new_topic_is_not_skipped_by_a_group_that_starts_at_the_end() {
    let broker = Broker::start().unwrap();
    let old = Topic::on(&broker, 1);
    send(&old, 0..3).await;
    let url = format!(
        "kafka://{}/%5E{}?group={}&offset=latest&reject=drop&topic.metadata.refresh.interval.ms=500\
         &session.timeout.ms=4000&max.poll.interval.ms=8000&heartbeat.interval.ms=300",
        old.servers,
        old.name,
        old.group()
    );
    let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    committed(&old, 3).await;
    let new = Topic { name: format!("{}-and-more", old.name), ..old.clone() };
    broker.create_topic(&new.name, 1).unwrap();
    send(&new, 10..15).await;
    for expected in 10..15 {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
}

/// Nothing is committed yet, and another topic goes: all partitions are assigned again.
#[tokio::test]
async fn a_group_that_starts_at_the_end_never_reads_what_it_was_to_skip() {
    let broker = Broker::start().unwrap();
    let (old, goes) = (Topic::on(&broker, 1), Topic::on(&broker, 1));
    send(&old, 0..3).await;
    broker.refuse_next(Refusal::Commit, 10_000).unwrap();
    let url = format!(
        "kafka://{}/{},{}?group=g&offset=latest&reject=drop&partition.assignment.strategy=range\
         &topic.metadata.propagation.max.ms=0&topic.metadata.refresh.interval.ms=200\
         &session.timeout.ms=4000&max.poll.interval.ms=8000&heartbeat.interval.ms=300",
        old.servers, old.name, goes.name
    );
    let (mut receiver, control) = soon(controlled(&url, KafkaReceiverOptions::default())).await.unwrap();
    let first = Partition::new(goes.name.as_str(), 0);
    let is_revoked = async || {
        let sought = soon(control.seek(&first, Position::Beginning)).await;
        sought.is_err_and(|error| error.kind() == ErrorKind::Revoked)
    };
    soon(async { while is_revoked().await {} }).await;
    broker.forget_topic(&goes.name).unwrap();
    soon(async { while !is_revoked().await {} }).await;
    let sender = old.sender().await;
    for later in 10.. {
        soon(sender.send(&event(later, "k"))).await.unwrap();
        // Or that nothing can be committed.
        let came = timeout(Duration::from_millis(200), receiver.next()).await;
        if let Ok(Ok(Some(delivery))) = came {
            assert!(number(&delivery) >= 10, "{}", number(&delivery));
            break;
        }
    }
}

/// The target of a service is away since its start. A look at the group with another begin takes nothing from the service.
pub(crate) async fn begin_of_another_member(topic: Topic, more: &str) {
    send(&topic, 0..10).await;
    let mut service = open_at(&topic, &format!("offset=earliest{more}")).await;
    committed(&topic, 0).await;
    soon(service.drain(patience())).await.unwrap();
    let mut looker = open_at(&topic, &format!("last=1{more}")).await;
    assert_eq!(number(&next(&mut looker).await), 0);
}

#[tokio::test]
async fn a_group_that_has_settled_nothing_has_a_position() {
    let broker = Broker::start().unwrap();
    for more in ["", "&partitions=0", "&rebalance-wait=0ms"] {
        begin_of_another_member(Topic::on(&broker, 1), more).await;
    }
}

#[tokio::test]
async fn real_a_group_that_has_settled_nothing_has_a_position() {
    for more in ["", "&partitions=0", "&group.protocol=consumer"] {
        let Some(topic) = Topic::real(1).await else { return };
        begin_of_another_member(topic, more).await;
    }
}

/// Partitions of which the group has committed nothing: their leader was away, say. Another member has the one of which it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_with_another_begin_skips_nothing_that_the_group_could_not_read_yet() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 4);
    let sender = topic.sender().await;
    for number in 0..40 {
        soon(sender.send(&event(number, &format!("k{number}")))).await.unwrap();
    }
    let ends = topic.committed_and_ends().await.1;
    assert!(ends.iter().all(|end| *end > 1), "{ends:?}");
    let [has_all, is_over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (of, all, over) = (topic.clone(), Arc::clone(&has_all), Arc::clone(&is_over));
    let other = spawn_blocking(move || {
        let client: BaseConsumer = config(&of.servers)
            .set("group.id", of.group())
            .set("enable.auto.commit", "false")
            .set("session.timeout.ms", "4000")
            .set("heartbeat.interval.ms", "300")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&of.name, 0, Offset::Offset(1)).unwrap();
        client.commit(&list, CommitMode::Sync).unwrap();
        client.subscribe(&[&of.name]).unwrap();
        while !over.load(Ordering::Relaxed) {
            drop(client.poll(Duration::from_millis(20)));
            all.fetch_or(client.assignment().unwrap().count() == 4, Ordering::Relaxed);
        }
    });
    let seen = timeout(patience(), async {
        while !has_all.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(20)).await; // between two looks
        }
        let mut receiver = open_at(&topic, "last=1").await;
        let mut first = BTreeMap::new();
        while first.len() < 2 {
            let delivery = receiver.next().await.unwrap().unwrap();
            let number = delivery.partition().unwrap().number();
            first.entry(number).or_insert(delivery.offset().unwrap());
            delivery.accept().await.unwrap();
        }
        first
    })
    .await;
    // Otherwise its thread would keep the test from its end.
    is_over.store(true, Ordering::Relaxed);
    other.await.unwrap();
    let first = seen.unwrap();
    assert!(first.iter().all(|(number, offset)| *offset == u64::from(*number == 0)), "{first:?}");
}
