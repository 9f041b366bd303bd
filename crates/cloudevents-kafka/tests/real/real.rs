//! Tests on Apache Kafka, if `CE_TEST_KAFKA_URL` names one: behaviour shown on the embedded broker, and
//! behaviour that it lacks. It accepts no commits during a rebalance; Kafka does.

mod security;

use crate::{
    broker::{Topic, event, event_with, next, number, patience, record, soon},
    client::{handing_over, leaving},
    comfort::seeking,
    first::{beyond_the_end, committed, first_position},
    hostile::left_out,
    kill::loses_nothing,
};
use bytes::Bytes;
use cloudevents_core::{ErrorKind, ToTimestamp};
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, Position, receiver, sender};
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

const STRATEGIES: [&str; 3] =
    ["", "&partition.assignment.strategy=range,roundrobin", "&group.protocol=consumer"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_hands_partitions_over() {
    for strategy in &STRATEGIES[..2] {
        let Some(topic) = Topic::real(4).await else { return skipped() };
        handing_over(topic, strategy).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_receiver_has_left_its_group() {
    let Some(topic) = Topic::real(2).await else { return skipped() };
    leaving(&topic).await;
}

/// Of several standbys, too. The others would wait for one until the end of its session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_receiver_without_partitions_has_left_its_group() {
    for strategy in &STRATEGIES[..2] {
        let Some(topic) = Topic::real(1).await else { return skipped() };
        let mut receivers = Vec::new();
        for _ in 0..3 {
            receivers.push(topic.receiver_with(strategy, KafkaReceiverOptions::default()).await);
        }
        while let Some(mut receiver) = receivers.pop() {
            topic.is_stable(receivers.len() + 1).await;
            soon(receiver.drain(patience())).await.unwrap();
            assert_eq!(topic.members().await.1, receivers.len(), "{strategy}");
        }
    }
}

/// It waits for another one then, which has to give up a partition first, and has a message of it that is not settled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_drained_in_a_rebalance_has_left_its_group() {
    let Some(topic) = Topic::real(2).await else { return skipped() };
    let sender = topic.sender().await;
    soon(sender.send_all((0..20).map(|number| event(number, &number.to_string())))).await.unwrap();
    let options = || {
        let mut options = KafkaReceiverOptions::default();
        options.rebalance_wait = Duration::from_secs(6);
        options
    };
    let often = "&heartbeat.interval.ms=100";
    let mut first = topic.receiver_with(often, options()).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(soon(first.next()).await.unwrap().unwrap());
    }
    let mut second = topic.receiver_with(often, options()).await;
    topic.is_stable(2).await;
    let third = topic.receiver_with(often, options()).await;
    soon(async {
        while topic.members().await != ("PreparingRebalance".to_owned(), 3) {
            tokio::time::sleep(Duration::from_millis(10)).await; // between two tries
        }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await; // ten heartbeats: that it has joined again shows nowhere
    soon(second.drain(patience())).await.unwrap();
    assert_eq!(topic.members().await.1, 2);
    drop((held, first, third));
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

/// The embedded broker cannot find records by time.
#[tokio::test]
async fn seeking_by_offset_and_by_time() {
    let Some(topic) = Topic::real(1).await else { return skipped() };
    let sender = topic.sender().await;
    soon(sender.send_all((0..25).map(|number| event(number, "k")))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await; // record times have milliseconds
    let half = SystemTime::now();
    tokio::time::sleep(Duration::from_millis(50)).await;
    soon(sender.send_all((25..50).map(|number| event(number, "k")))).await.unwrap();
    let epoch = Position::Time(SystemTime::UNIX_EPOCH);
    seeking(&topic, &[(Position::Offset(7), 7), (Position::Time(half), 25), (epoch, 0)]).await;
}

/// The embedded broker cannot find records by time.
#[tokio::test]
async fn a_group_starts_at_a_time() {
    for more in ["", "&partitions=0", "&group.protocol=consumer"] {
        let Some(topic) = Topic::real(1).await else { return skipped() };
        let since = |time: SystemTime| {
            let text = time.with_timestamp(|time| time.unwrap().unwrap().as_str().to_owned());
            format!("&since={text}{more}")
        };
        let sender = topic.sender().await;
        soon(sender.send_all((0..25).map(|number| event(number, "k")))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await; // record times have milliseconds
        let half = SystemTime::now();
        tokio::time::sleep(Duration::from_millis(50)).await;
        soon(sender.send_all((25..30).map(|number| event(number, "k")))).await.unwrap();
        let mut receiver = topic.receiver_with(&since(half), KafkaReceiverOptions::default()).await;
        for expected in 25..30 {
            let delivery = next(&mut receiver).await;
            assert_eq!(number(&delivery), expected, "{more}");
            delivery.accept().await.unwrap();
        }
        soon(receiver.drain(patience())).await.unwrap();
        committed(&topic, 30).await;
        // A group that has a position goes on there.
        soon(sender.send(event(30, "k"))).await.unwrap();
        let options = KafkaReceiverOptions::default();
        let mut receiver = topic.receiver_with(&since(SystemTime::UNIX_EPOCH), options).await;
        assert_eq!(number(&next(&mut receiver).await), 30, "{more}");

        // All are older.
        let Some(topic) = Topic::real(1).await else { return skipped() };
        let sender = topic.sender().await;
        soon(sender.send_all((0..10).map(|number| event(number, "k")))).await.unwrap();
        let later = since(SystemTime::now() + Duration::from_secs(3600));
        let mut receiver = topic.receiver_with(&later, KafkaReceiverOptions::default()).await;
        committed(&topic, 10).await;
        soon(sender.send(event(10, "k"))).await.unwrap();
        assert_eq!(number(&next(&mut receiver).await), 10, "{more}");
    }
}

/// Kafka answers a request that creates a topic before the topic is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_opening_creates_is_not_missing() {
    let creates = std::env::var("CE_KAFKA_CREATES_TOPICS").is_ok_and(|value| !value.is_empty());
    let Some(topic) = Topic::real(1).await.filter(|_| creates) else { return skipped() };
    for (number, more) in ["", "&partitions=0", "&group.protocol=consumer"].into_iter().enumerate() {
        let names = ["a", "b"].map(|name| format!("{}-{number}-{name}", topic.name)).join(",");
        let group = topic.group();
        let url = format!(
            "kafka://{}/{names}?group={group}&reject=drop&allow.auto.create.topics=true{more}",
            topic.servers
        );
        drop(soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap());
    }
}

/// What the receiver had taken before is not the beginning of this log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_deleted_and_made_again_in_use_is_read_from_its_beginning() {
    let Some(topic) = Topic::real(1).await else { return skipped() };
    // As one that has been there for long: librdkafka gives young ones time.
    let old = "&topic.metadata.propagation.max.ms=0&topic.metadata.refresh.interval.ms=200";
    let mut receiver = topic.receiver_with(old, KafkaReceiverOptions::default()).await;
    let sender = topic.sender().await;
    soon(sender.send_all((0..20).map(|number| event(number, "k")))).await.unwrap();
    for expected in 0..20 {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
    topic.make_again(1).await;
    for number in 20..25 {
        // Until the producer knows the new one.
        soon(async { while sender.send(&event(number, "k")).await.is_err() {} }).await;
    }
    let mut came = BTreeSet::new();
    while came.len() < 5 {
        let delivery = next(&mut receiver).await;
        came.insert(number(&delivery));
        delivery.accept().await.unwrap();
    }
    assert!(came.into_iter().eq(20..25));
    soon(receiver.drain(patience())).await.unwrap();
    let (committed, ends) = topic.committed_and_ends().await;
    assert_eq!(committed, [Some(ends[0])]);
}

/// Nothing more comes of it, and the client reports that once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chosen_partition_that_is_gone_is_an_error() {
    let Some(topic) = Topic::real(6).await else { return skipped() };
    let more = "&partitions=5&topic.metadata.propagation.max.ms=0&topic.metadata.refresh.interval.ms=200";
    let mut receiver = topic.receiver_with(more, KafkaReceiverOptions::default()).await;
    topic.make_again(3).await;
    let error = tokio::time::timeout(2 * patience(), receiver.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("no partition 5"), "{error}");
}

/// Also what came before the client knew it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_added_is_read_from_its_beginning_by_a_group_that_starts_at_the_end() {
    for protocol in ["", "&group.protocol=consumer"] {
        let Some(topic) = Topic::real(1).await else { return skipped() };
        let more = format!("&offset=latest&topic.metadata.refresh.interval.ms=1000{protocol}");
        let mut receiver = topic.receiver_with(&more, KafkaReceiverOptions::default()).await;
        soon(async { while topic.committed_and_ends().await.0 == [None] {} }).await;
        topic.grow(4).await;
        let sends = (0..40).map(|number| event(number, &number.to_string()));
        soon(topic.sender().await.send_all(sends)).await.unwrap();
        let mut came = BTreeSet::new();
        while came.len() < 40 {
            let delivery = next(&mut receiver).await;
            came.insert(number(&delivery));
            delivery.accept().await.unwrap();
        }
    }
}

/// Where a group starts does not matter: it has a position.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_retention_has_passed_goes_on_with_what_is_left() {
    for offset in ["", "&offset=latest"] {
        let Some(topic) = Topic::real(1).await else { return skipped() };
        let mut receiver = topic.receiver_with(offset, KafkaReceiverOptions::default()).await;
        let sender = topic.sender().await;
        if !offset.is_empty() {
            // A group that starts at the end has a position from then on.
            soon(async { while topic.committed_and_ends().await.0 == [None] {} }).await;
        }
        soon(sender.send_all((0..20).map(|number| event(number, "k")))).await.unwrap();
        for _ in 0..2 {
            next(&mut receiver).await.accept().await.unwrap();
        }
        soon(receiver.drain(patience())).await.unwrap();
        topic.truncate(0, 15).await;
        let mut receiver = topic.receiver_with(offset, KafkaReceiverOptions::default()).await;
        for expected in 15..20 {
            let delivery = next(&mut receiver).await;
            assert_eq!(number(&delivery), expected);
            delivery.accept().await.unwrap();
        }
    }
}

/// A static member that is started twice: the second one takes the place, goes on where the first had settled, and the first one ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_static_member_takes_the_place_of_the_first() {
    let Some(topic) = Topic::real(1).await else { return skipped() };
    let member = || topic.receiver_with("&group.instance.id=one", KafkaReceiverOptions::default());
    let (mut first, sender) = (member().await, topic.sender().await);
    soon(sender.send_all((0..3).map(|number| event(number, "k")))).await.unwrap();
    let taken = next(&mut first).await;
    assert_eq!(number(&taken), 0);
    taken.accept().await.unwrap();
    soon(async { while topic.committed_and_ends().await.0 != [Some(1)] {} }).await;
    let held = next(&mut first).await;
    let mut second = member().await;
    for expected in 1..3 {
        let delivery = next(&mut second).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
    // What it had fetched it may still hand out.
    let ended = soon(async {
        loop {
            if let Err(error) = first.next().await {
                break error;
            }
        }
    });
    let ended = ended.await;
    assert_eq!(ended.kind(), ErrorKind::Closed, "{ended}");
    assert!(ended.to_string().contains("instance"), "{ended}");
    let state = first.connectivity().state();
    assert!(state.is_failed(), "{state:?}");
    // The second one has it.
    assert_eq!((number(&held), held.is_current()), (1, false));
    assert_eq!(held.accept().await.unwrap_err().kind(), ErrorKind::Revoked);
    soon(second.drain(patience())).await.unwrap();
    assert_eq!(topic.committed_and_ends().await.0, [Some(3)]);
}

/// 100 MB before the first is settled: what is fetched ahead is bounded, and all of it comes once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_at_connect_comes_once_and_in_order() {
    const COUNT: usize = 1000;
    let Some(topic) = Topic::real(1).await else { return skipped() };
    let payload = "x".repeat(100_000);
    let sender = topic.sender().await;
    let sends = (0..COUNT).map(|number| event_with(number, "k", payload.clone()));
    tokio::time::timeout(4 * patience(), sender.send_all(sends)).await.unwrap().unwrap();
    let mut receiver = topic.receiver().await;
    for expected in 0..COUNT {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
}

/// So that nothing is committed by the interval.
fn never_by_time() -> KafkaReceiverOptions {
    let mut options = KafkaReceiverOptions::default();
    options.commit_interval = Duration::from_secs(3600);
    options
}

/// Partitions go to another receiver after everything settled is committed: none of that is delivered
/// again.
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
        // No more than where the group has begun.
        let (committed, _) = topic.committed_and_ends().await;
        assert!(
            committed.iter().all(|offset| offset.is_none_or(|offset| offset == 0)),
            "{strategy}: {committed:?}"
        );

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
            // Messages in flight during the rebalance may be delivered again.
            seen.insert(number);
            drop(delivery.accept());
            if seen.len() == COUNT && by_second == 0 {
                send(COUNT..COUNT + 8).await;
            }
        }
        soon(first.drain(patience())).await.unwrap();
        soon(second.drain(patience())).await.unwrap();
    }
}

/// A receiver that is dropped commits everything, and releases its partitions at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_dropped_commits_and_leaves() {
    for strategy in STRATEGIES {
        let Some(topic) = Topic::real(2).await else { return skipped() };
        // A member that does not leave stays longer than this test waits; with the protocol of Kafka 4, the
        // broker sets how long.
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

/// Batches are larger than the topic allows, and one record is.
#[tokio::test]
async fn a_batch_that_is_too_large_condemns_only_the_record_that_is() {
    let Some(topic) = Topic::real_with(1, &[("max.message.bytes", "10000")]).await else { return skipped() };
    let sender = soon(sender(&topic.url("linger.ms=100"), Default::default())).await.unwrap();
    let (mut left, mut refused) = ((0..50).collect::<Vec<usize>>(), Vec::new());
    while !left.is_empty() {
        let mut outcomes = Vec::new();
        for number in left.drain(..) {
            let bytes = if number == 25 { 20_000 } else { 1000 };
            outcomes.push((
                number,
                soon(sender.enqueue(event_with(number, "k", "x".repeat(bytes)))).await.unwrap(),
            ));
        }
        for (number, outcome) in outcomes {
            match soon(outcome).await {
                Ok(_) => {}
                Err(error) if sender.refuses_message(&error) => {
                    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
                    refused.push(number);
                }
                Err(error) => {
                    assert!(error.is_temporary(), "{error}");
                    left.push(number);
                }
            }
        }
    }
    assert_eq!(refused, [25]);
    assert_eq!(topic.committed_and_ends().await.1, [49]);
}

/// The topic takes each record as it is, but not with the headers of the letter.
#[tokio::test]
async fn dead_letters_that_are_too_large_lose_their_headers() {
    let Some(topic) = Topic::real(1).await else { return skipped() };
    let Some(rejected) = Topic::real_with(1, &[("max.message.bytes", "10000")]).await else {
        return skipped();
    };
    let url = topic.url(&format!("group={}&dead-letter={}", topic.group(), rejected.name));
    let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    let large = record(&[("x", "y")], &[b'x'; 9850]).with_key(Bytes::from("k"));
    for record in [large, record(&[], b"small")] {
        topic.produce(&record).await;
        soon(next(&mut receiver).await.reject("no event")).await.unwrap();
    }
    let mut letters = rejected.receiver().await;
    for (size, has_headers) in [(9850, false), (5, true)] {
        let letter = next(&mut letters).await;
        assert_eq!((letter.body().unwrap().len(), letter.key().is_some()), (size, size == 9850));
        assert_eq!(letter.header("dead-letter-reason").is_some(), has_headers);
        assert_eq!(letter.header("x").is_some(), size == 9850);
        soon(letter.accept()).await.unwrap();
    }
    soon(receiver.drain(patience())).await.unwrap();
}

/// Brokers that create topics do so a moment after the first request for one.
#[tokio::test]
async fn a_missing_topic_for_dead_letters_is_an_error_of_opening_unless_the_broker_creates_it() {
    let Some(topic) = Topic::real(1).await else { return skipped() };
    let creates = std::env::var("CE_KAFKA_CREATES_TOPICS").is_ok_and(|creates| !creates.is_empty());
    let missing = format!("{}.rejected", topic.name);
    let url = topic.url(&format!("group={}&dead-letter={missing}", topic.group()));
    let opened = soon(receiver(&url, KafkaReceiverOptions::default())).await;
    if creates {
        opened.unwrap();
        return;
    }
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(
        error.detail().starts_with(&format!("the dead-letter place `{missing}` takes nothing: ")),
        "{error}"
    );
}

#[tokio::test]
async fn a_group_that_starts_at_the_end_skips_nothing_later() {
    for protocol in ["", "group.protocol=consumer&"] {
        let Some(topic) = Topic::real(1).await else { return skipped() };
        first_position(topic, &format!("{protocol}offset")).await;
        let Some(topic) = Topic::real(1).await else { return skipped() };
        beyond_the_end(topic, &format!("{protocol}offset")).await;
    }
}

fn skipped() {
    println!("skipped: CE_TEST_KAFKA_URL is not set");
}
