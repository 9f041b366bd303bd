//! Patterns, manual assignment, seeking, lag, and the program's own consumer; on the embedded broker.

use crate::broker::{SHARED, Topic, config, event, next, number, patience, record, soon};
use cloudevents_core::{ErrorKind, Event};
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, Position, controlled, receiver, receiver_over};
use cloudevents_testkit::kafka::{Broker, Refusal};
use cloudevents_transport::{OrderBy, Partition, Receiver, binding::log::LogOptions};
use rdkafka::consumer::{Consumer, StreamConsumer};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{sleep, timeout};

const DROPPING: &str =
    "&reject=drop&session.timeout.ms=4000&max.poll.interval.ms=8000&heartbeat.interval.ms=300";

async fn filled(partitions: u16, count: usize) -> Topic {
    let topic = Topic::new(partitions);
    let events = (0..count).map(|number| event(number, &number.to_string()));
    soon(topic.sender().await.send_all(events)).await.unwrap();
    topic
}

#[tokio::test]
async fn a_pattern_receives_all_topics_that_match() {
    let (one, other, foreign) = (filled(1, 1).await, filled(1, 1).await, filled(1, 1).await);
    let pattern = format!("%5E({}%7C{})$", one.name, other.name);
    let url = format!("kafka://{}/{pattern}?group={}{DROPPING}", one.servers, one.group());
    let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    let mut topics = BTreeSet::new();
    for _ in 0..2 {
        let delivery = next(&mut receiver).await;
        topics.insert(delivery.topic().unwrap().to_owned());
        delivery.accept().await.unwrap();
    }
    assert_eq!(topics, BTreeSet::from([one.name, other.name]));
    assert!(!topics.contains(&foreign.name));
}

#[tokio::test]
async fn a_pattern_waits_for_topics_that_are_created_later() {
    for with_another in [false, true] {
        let old = filled(1, 1).await;
        let later = Topic { name: format!("{}-later", old.name), ..old.clone() };
        let topics = match with_another {
            true => format!("{},%5E{}", old.name, later.name),
            false => format!("%5E{}", later.name),
        };
        let group = old.group();
        let url = format!(
            "kafka://{}/{topics}?group={group}{DROPPING}&topic.metadata.refresh.interval.ms=500",
            old.servers
        );
        let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
        if with_another {
            next(&mut receiver).await.accept().await.unwrap();
        }
        let early = timeout(Duration::from_secs(3), receiver.next()).await;
        assert!(early.is_err(), "{early:?}");
        assert!(receiver.connectivity().state().is_connected());
        SHARED.create_topic(&later.name, 1).unwrap();
        soon(later.sender().await.send(&event(1, "k"))).await.unwrap();
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.topic(), Some(&*later.name));
    }
}

#[tokio::test]
async fn a_topic_or_a_partition_that_is_missing_at_opening_is_an_error_with_its_name() {
    let Topic { servers, name } = Topic::new(3);
    for (place, named) in [
        ("missing?".to_owned(), "`missing`"),
        (format!("{name},missing?"), "`missing`"),
        (format!("missing,%5E{name}?"), "`missing`"),
        ("missing?group.protocol=consumer&".to_owned(), "`missing`"),
        ("missing?partitions=0&".to_owned(), "`missing`"),
        (format!("{name},missing?partitions=0&"), "`missing`"),
        (format!("{name}?partitions=2,7&"), "partition 7"),
    ] {
        let url = format!("kafka://{servers}/{place}group=g&reject=drop");
        let error = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{place}: {error}");
        assert!(error.to_string().contains(named), "{place}: {error}");
    }
}

/// librdkafka reports it in a group, and never of partitions that are chosen without one.
#[tokio::test]
async fn a_topic_that_must_not_be_read_is_an_error_of_opening() {
    let topic = Topic::new(1);
    SHARED.forbid_topic(&topic.name).unwrap();
    for position in [Position::Beginning, Position::Offset(3)] {
        let mut options = KafkaReceiverOptions::default();
        options.partitions = vec![(0, position)];
        let url = format!("kafka://{}/{}?group={}&reject=drop", topic.servers, topic.name, topic.group());
        let error = soon(receiver(&url, options)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(&topic.name), "{error}");
    }
    SHARED.remember_topic(&topic.name).unwrap();
}

/// Otherwise one that cannot be read would be a letter again and again.
#[tokio::test]
async fn a_dead_letter_that_is_received_and_rejected_stays_where_it_is() {
    let (topic, letters) = (Topic::new(1), Topic::new(1));
    let url = |topics: &str| {
        let (servers, group, letters) = (&topic.servers, topic.group(), &letters.name);
        format!("kafka://{servers}/{topics}?group={group}&dead-letter={letters}")
    };
    let named = url(&format!("{},{}", topic.name, letters.name));
    let error = soon(receiver(&named, KafkaReceiverOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{error}");
    // Of a pattern, librdkafka alone knows what it matches.
    let pattern = url(&format!("%5E({}%7C{})$", topic.name, letters.name));
    let mut receiver = soon(receiver(&pattern, KafkaReceiverOptions::default())).await.unwrap();
    topic.produce(&record(&[], b"x")).await;
    for place in [&topic, &letters] {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.topic(), Some(&*place.name));
        soon(delivery.reject("no event")).await.unwrap();
    }
    soon(receiver.drain(patience())).await.unwrap();
    assert_eq!(SHARED.ends(&letters.name).unwrap(), [1]);
    assert_eq!(SHARED.committed(&topic.group(), &letters.name).unwrap(), [Some(1)]);
}

#[tokio::test]
async fn partitions_by_hand_are_read_from_there_and_committed() {
    let topic = filled(3, 60).await;
    let ends = SHARED.ends(&topic.name).unwrap();
    let mut options = KafkaReceiverOptions::default();
    options.partitions = vec![(0, Position::Offset(2)), (2, Position::Beginning)];
    let url = topic.url(&format!("group={}{DROPPING}", topic.group()));
    let mut receiver_by_hand = soon(receiver(&url, options)).await.unwrap();
    let expected = ends[0] - 2 + ends[2];
    let mut seen = BTreeSet::new();
    while (seen.len() as i64) < expected {
        let delivery = next(&mut receiver_by_hand).await;
        let place = (delivery.partition().unwrap().number(), delivery.offset().unwrap());
        assert!(place.0 != 1 && (place.0 != 0 || place.1 >= 2), "{place:?}");
        assert!(seen.insert(place));
        delivery.accept().await.unwrap();
    }
    soon(receiver_by_hand.drain(patience())).await.unwrap();
    drop(receiver_by_hand);
    let committed = SHARED.committed(&topic.group(), &topic.name).unwrap();
    assert_eq!(committed, [Some(ends[0]), None, Some(ends[2])]);

    // With the URL, from the committed position.
    let url = topic.url(&format!("group={}&partitions=0,1{DROPPING}", topic.group()));
    let mut again = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    for _ in 0..ends[1] {
        let delivery = next(&mut again).await;
        assert_eq!(delivery.partition().unwrap().number(), 1);
        delivery.accept().await.unwrap();
    }
}

#[tokio::test]
async fn seeking_revokes_what_was_received_and_reads_from_there() {
    let topic = filled(1, 50).await;
    let places = [
        (Position::Offset(7), 7),
        (Position::Beginning, 0),
        (Position::Offset(40), 40),
        (Position::Beginning, 0),
    ];
    seeking(&topic, &places).await;
    // A position before the committed one is committed next.
    assert_eq!(SHARED.committed(&topic.group(), &topic.name).unwrap(), [Some(1)]);
}

/// Messages 0 to 49 are in the topic's only partition.
pub(crate) async fn seeking(topic: &Topic, places: &[(Position, usize)]) {
    let mut options = KafkaReceiverOptions::default();
    options.log = LogOptions::default().dropping_rejected();
    let url = topic.url(&format!("group={}{DROPPING}", topic.group()));
    let (mut receiver, control) = soon(controlled(&url, options)).await.unwrap();
    for expected in 0..20 {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
    let held = next(&mut receiver).await;
    let partition = Partition::new(topic.name.as_str(), 0);
    for &(to, expected) in places {
        soon(control.seek(&partition, to)).await.unwrap();
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected, "{to:?}");
        delivery.accept().await.unwrap();
    }
    assert_eq!(held.accept().await.unwrap_err().kind(), ErrorKind::Revoked);
    let elsewhere = Partition::new("elsewhere", 0);
    assert_eq!(soon(control.seek(&elsewhere, Position::End)).await.unwrap_err().kind(), ErrorKind::Revoked);
    soon(receiver.drain(patience())).await.unwrap();
}

/// Kafka resets a position that does not exist, as after a log was truncated: here to the beginning.
#[tokio::test]
async fn a_position_that_does_not_exist_skips_nothing() {
    const COUNT: usize = 50;
    let topic = filled(1, COUNT).await;
    let mut options = KafkaReceiverOptions::default();
    options.log = LogOptions::default().dropping_rejected();
    let url = topic.url(&format!("group={}{DROPPING}", topic.group()));
    let (mut receiver, control) = soon(controlled(&url, options)).await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    let partition = Partition::new(topic.name.as_str(), 0);
    soon(control.seek(&partition, Position::Offset(1000))).await.unwrap();
    for expected in 0..COUNT {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
    soon(receiver.drain(patience())).await.unwrap();
    assert_eq!(SHARED.committed(&topic.group(), &topic.name).unwrap(), [Some(COUNT as i64)]);
}

#[tokio::test]
async fn lag_is_what_is_not_settled() {
    let topic = filled(1, 10).await;
    let url = topic.url(&format!("group={}&statistics=50ms{DROPPING}", topic.group()));
    let (mut receiver, control) = soon(controlled(&url, KafkaReceiverOptions::default())).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(next(&mut receiver).await);
    }
    let becomes = async |lag: u64| {
        let expected = vec![(Partition::new(topic.name.as_str(), 0), lag)];
        while control.lag().as_ref() != Some(&expected) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    // Statistics are served while polling, so the receiver must poll.
    for (settled, lag) in [(0, 10), (4, 6), (6, 0)] {
        for delivery in held.drain(..settled) {
            delivery.accept().await.unwrap();
        }
        tokio::select! {
            () = soon(becomes(lag)) => {}
            delivery = receiver.next() => panic!("{delivery:?}"),
        }
    }
    assert!(control.statistics().unwrap().topics.contains_key(&topic.name));
}

#[tokio::test]
async fn options_of_the_url() {
    let topic = filled(1, 1).await;
    let url = topic.url(&format!(
        "group={}&attempts=2&in-flight=7&in-flight-bytes=1000&drain=5s&commit-interval=0ms&rebalance-wait=1s{DROPPING}",
        topic.group()
    ));
    let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    let bounds = receiver.in_flight().bounds();
    assert_eq!((bounds.messages, bounds.bytes), (7, 1000));
    for _ in 0..2 {
        next(&mut receiver).await.retry(Duration::ZERO).await.unwrap(); // the second one rejects
    }
    // An interval of zero commits at once, without a call to this receiver.
    let committed = async {
        while SHARED.committed(&topic.group(), &topic.name).unwrap() != [Some(1)] {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon(committed).await;
    for wrong in ["attempts=many", "in-flight=-1", "drain=5", "partitions=one", "statistics=often"] {
        let url = topic.url(&format!("group=g&{wrong}{DROPPING}"));
        let error =
            soon(cloudevents_kafka::rdkafka039::receiver(&url, KafkaReceiverOptions::default())).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidUrl, "{wrong}");
    }
}

/// So that members which end without a farewell leave soon.
const SHORT_SESSION: &[(&str, &str)] =
    &[("session.timeout.ms", "4000"), ("max.poll.interval.ms", "8000"), ("heartbeat.interval.ms", "300")];

/// A receiver over a consumer that the program has made, with these settings.
fn of_the_programs_own(topic: &Topic, settings: &[(&str, &str)], commit_interval: Duration) -> Receiver {
    let mut config = config(&topic.servers);
    config
        .set("group.id", topic.group())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    let consumer: StreamConsumer = config.create().unwrap();
    consumer.subscribe(&[&topic.name]).unwrap();
    let mut options = KafkaReceiverOptions::default();
    options.log = LogOptions::default().dropping_rejected();
    options.commit_interval = commit_interval;
    receiver_over(consumer, options).unwrap()
}

#[tokio::test]
async fn a_consumer_of_the_programs_own() {
    const COUNT: usize = 40;
    let topic = filled(2, COUNT).await;
    let open = || of_the_programs_own(&topic, SHORT_SESSION, Duration::from_secs(1));
    let receiver = open();
    let counters = receiver.counters();
    let all = async {
        while counters.snapshot().accepted < COUNT as u64 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let seen = std::sync::Mutex::new(BTreeSet::new());
    let handle = async |event: Event| -> Result<(), std::num::ParseIntError> {
        seen.lock().unwrap().insert(event.id().parse::<usize>()?);
        Ok(())
    };
    soon(receiver.run(handle).concurrency(16).in_order(OrderBy::Partition).until(all)).await.unwrap();
    assert_eq!(seen.into_inner().unwrap(), (0..COUNT).collect());
    let (committed, ends) = topic.committed_and_ends().await;
    assert_eq!(committed, ends.into_iter().map(Some).collect::<Vec<_>>());

    // The next one continues from there.
    soon(topic.sender().await.send(&event(COUNT, "k"))).await.unwrap();
    let mut second = open();
    assert_eq!(number(&next(&mut second).await), COUNT);
}

/// A commit that fails while no task waits for it any more is tried again.
#[tokio::test]
async fn a_cancelled_commit_of_the_programs_own_consumer_loses_no_mark() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    soon(topic.sender().await.send(&event(0, "k"))).await.unwrap();
    let mut receiver = of_the_programs_own(&topic, &[], Duration::ZERO);
    // The only message: with another one, a commit might be under way already, which would not be refused.
    next(&mut receiver).await.accept().await.unwrap();
    // This waits for a commit, and then for the time of the next one.
    broker.answer_after(Duration::from_millis(300)).unwrap();
    broker.refuse_next(Refusal::Commit, 1).unwrap();
    assert!(timeout(Duration::from_millis(100), receiver.next()).await.is_err());
    broker.answer_after(Duration::ZERO).unwrap();
    soon(receiver.drain(patience())).await.unwrap();
    assert_eq!(broker.committed(&topic.group(), &topic.name).unwrap(), [Some(1)]);
}

/// While the coordinator does not answer, one commit waits for it, and not one for each settlement: each takes a thread of the program's.
#[test]
fn commits_of_the_programs_own_consumer_do_not_pile_up() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).max_blocking_threads(8).enable_all().build().unwrap().block_on(async {
        let broker = Broker::start().unwrap();
        let topic = Topic::on(&broker, 1);
        const COUNT: usize = 100;
        soon(topic.sender().await.send_all((0..COUNT).map(|number| event(number, "k")))).await.unwrap();
        let mut receiver = of_the_programs_own(&topic, &[], Duration::ZERO);
        let mut held = Vec::new();
        for _ in 0..COUNT {
            held.push(next(&mut receiver).await);
        }
        broker.answer_after(Duration::from_secs(10)).unwrap();
        // Each settlement drops what `next` waits for, and it begins anew.
        for delivery in held {
            delivery.accept().await.unwrap();
            assert!(timeout(Duration::from_millis(20), receiver.next()).await.is_err());
        }
        timeout(Duration::from_secs(5), tokio::task::spawn_blocking(|| ()))
            .await
            .expect("a thread is free")
            .unwrap();
        broker.answer_after(Duration::ZERO).unwrap();
        soon(receiver.drain(patience())).await.unwrap();
        assert_eq!(broker.committed(&topic.group(), &topic.name).unwrap(), [Some(COUNT as i64)]);
    });
}

/// What moves to another member is not this one's any more, although nothing of it was settled meanwhile.
#[tokio::test]
async fn a_partition_that_leaves_the_programs_own_consumer_is_revoked() {
    const COUNT: usize = 40;
    let topic = filled(2, COUNT).await;
    let open = || of_the_programs_own(&topic, SHORT_SESSION, Duration::from_millis(100));
    let (mut first, mut held) = (open(), Vec::new());
    for _ in 0..COUNT {
        held.push(next(&mut first).await);
    }
    let mut second = open();
    let moved = tokio::spawn(async move {
        let delivery = next(&mut second).await;
        let partition = delivery.partition().unwrap().clone();
        (partition, delivery, second)
    });
    // The first one has to be polled, so that the group is rebalanced.
    let mut again = Vec::new();
    while !moved.is_finished() {
        again.extend(timeout(Duration::from_millis(50), first.next()).await);
    }
    let (partition, _theirs, _second) = soon(moved).await.unwrap();
    held.retain(|delivery| delivery.partition() == Some(&partition));
    assert!(!held.is_empty());
    soon(async {
        while held.iter().any(|delivery| delivery.is_current()) {
            again.extend(timeout(Duration::from_millis(50), first.next()).await);
        }
    })
    .await;
    for delivery in held {
        assert_eq!(delivery.accept().await.unwrap_err().kind(), ErrorKind::Revoked);
    }
}
