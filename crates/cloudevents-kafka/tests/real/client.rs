//! The sender and the receiver, on the embedded broker.

use crate::broker::{SHARED, Topic, config, event, event_with, next, number, patience, record, soon};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Message, Mode};
use cloudevents_json::Json;
use cloudevents_kafka::{
    Record,
    rdkafka039::{
        self, KafkaReceiverOptions, KafkaSenderOptions, ProducerRecordExt, ReceivedRecord, RecordExt,
        receiver, sender,
    },
};
use cloudevents_testkit::kafka::{Broker, Refusal};
use cloudevents_transport::{Bounds, Connectivity, Delivery, Outgoing, ReceiverOptions};
use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    message::{Header, Message as _, OwnedHeaders},
    producer::{BaseProducer, FutureProducer, FutureRecord, Producer},
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{sleep, timeout};

/// Short sessions: on the embedded broker, joining a group again takes as long as a session, less a second. A busy machine that stands
/// still for two seconds loses none. A member that joins while it stands still joins again after the longer one.
const SHORT: &str = "&session.timeout.ms=4000&max.poll.interval.ms=8000&heartbeat.interval.ms=300";

#[tokio::test]
async fn with_a_client_of_ones_own() {
    let topic = Topic::new(1);
    let producer: FutureProducer = config(&topic.servers).create().unwrap();
    let sent = event(1, "k");
    let trace = OwnedHeaders::new().insert(Header { key: "trace", value: Some("7") });
    let binary = FutureRecord::to(&topic.name).key("42").headers(trace).event(&sent).unwrap();
    soon(producer.send_result(binary).unwrap()).await.unwrap().unwrap();
    let (structured, _) = cloudevents_kafka::encode(&sent, Mode::structured(&Json::new())).unwrap();
    soon(producer.send_result(structured.to_future(&topic.name)).unwrap()).await.unwrap().unwrap();
    let base: BaseProducer = config(&topic.servers).create().unwrap();
    base.send(structured.to_base(&topic.name)).unwrap();
    base.flush(patience()).unwrap();
    topic.produce(&record(&[("foreign", "yes")], b"x")).await;

    let consumer: BaseConsumer = config(&topic.servers).set("group.id", topic.group()).create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&topic.name, 0, rdkafka::Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let with = DecodeOptions::strict();
    for expected in 0..3 {
        let message = consumer.poll(patience()).unwrap().unwrap();
        let event = rdkafka039::decode(&message, &with).unwrap().value;
        assert_eq!((event.id(), event.data_bytes()), (sent.id(), sent.data_bytes()));
        let decoded = rdkafka039::decode_message(&message.detach(), &with).unwrap().value;
        match (expected, decoded) {
            (0, Message::Binary(event)) => {
                assert_eq!((event.ty(), message.key()), (sent.ty(), Some(&b"42"[..])));
                let kept = rdkafka039::record(&message);
                assert_eq!((kept.header("trace"), kept.key.as_deref()), (Some(&b"7"[..]), Some(&b"42"[..])));
            }
            (1 | 2, Message::Structured(_)) => assert_eq!(message.key(), None),
            (_, other) => panic!("{other:?}"),
        }
    }
    let foreign = consumer.poll(patience()).unwrap().unwrap();
    assert_eq!(rdkafka039::decode(&foreign, &with).unwrap_err().kind(), ErrorKind::NotACloudEvent);
}

#[tokio::test]
async fn modes_and_keys() {
    let topic = Topic::new(1);
    let sent = event(1, "42");
    let structured =
        soon(sender(&topic.url("mode=structured&key=subject"), Default::default())).await.unwrap();
    soon(structured.send(&sent)).await.unwrap();
    let mut options = KafkaSenderOptions::default();
    options.sender.format = Some(Arc::new(Json::new()));
    soon(topic.sender_with(options).await.unwrap().send(&sent)).await.unwrap();
    let document = Message::structured(&sent, &Json::new()).unwrap().0;
    soon(topic.sender().await.send(document)).await.unwrap();
    let batch = Message::batched(std::slice::from_ref(&sent), &Json::new()).unwrap().0;
    let error = soon(topic.sender().await.send(batch)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    // Dapr hands on nothing but the value.
    let dapr = soon(sender(&topic.url("peer=dapr"), Default::default())).await.unwrap();
    soon(dapr.send(&sent)).await.unwrap();
    let kept = SHARED.messages(&topic.name).unwrap();
    let keys: Vec<_> = kept.iter().map(|message| message.key.as_deref()).collect();
    assert_eq!(keys, [None, Some(&b"42"[..]), Some(&b"42"[..]), None]); // the first has no subject
    for message in kept {
        assert_eq!(message.header("content-type"), Some(&b"application/cloudevents+json"[..]));
    }
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_keeps_the_order() {
    let topic = Topic::new(1);
    let url = topic.url("queue.buffering.max.messages=5");
    let sender = soon(sender(&url, Default::default())).await.unwrap();
    soon(sender.send_all((0..300).map(|number| event(number, "k")))).await.unwrap();
    let kept = SHARED.messages(&topic.name).unwrap();
    let ids: Vec<_> = kept.iter().map(|message| message.header("ce_id").unwrap().to_vec()).collect();
    assert_eq!(ids, (0..300).map(|number| number.to_string().into_bytes()).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_under_way_is_bounded_and_dropping_who_waits_sends_nothing() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let mut options = KafkaSenderOptions::default();
    options.sender.in_flight = Some(Bounds { messages: 2, ..Bounds::default() });
    let sender = topic.sender_with(options).await.unwrap();
    soon(sender.send(&event(0, "k"))).await.unwrap();
    broker.go_away().unwrap();
    let outcomes =
        [sender.enqueue(event(1, "k")).await.unwrap(), sender.enqueue(event(2, "k")).await.unwrap()];
    let waiting = timeout(Duration::from_millis(50), sender.enqueue(event(3, "k")));
    assert!(waiting.await.is_err());
    let mut state = sender.connectivity();
    soon(async {
        while state.state().is_connected() {
            state.changed().await;
        }
    })
    .await;
    assert!(state.state().error().is_some_and(|error| error.kind() == ErrorKind::Disconnected));
    broker.come_back().unwrap();
    for outcome in outcomes {
        soon(outcome).await.unwrap();
    }
    assert!(state.state().is_connected());
    // On a busy machine, a broker that comes back may be lost once more.
    let (connects, disconnects) = (sender.metrics().connects, sender.metrics().disconnects);
    assert!(disconnects >= 1 && connects == disconnects + 1, "{connects} and {disconnects}");
    soon(sender.close()).await.unwrap();
    assert_eq!(sender.send(&event(4, "k")).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(broker.ends(&topic.name).unwrap(), [3]);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_blocks_nothing() {
    let topic = Topic::new(1);
    let sender = topic.sender().await;
    let large = event_with(1, "k", "x".repeat(1_000_001));
    let error = soon(sender.send(&large)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(error.help().unwrap().contains("message.max.bytes"));
    let small_queue = topic.url("queue.buffering.max.kbytes=1");
    let small = soon(cloudevents_kafka::rdkafka039::sender(&small_queue, Default::default())).await.unwrap();
    let error = soon(small.send(&event_with(1, "k", "x".repeat(1025)))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    soon(sender.send(&event(2, "k"))).await.unwrap();
    soon(small.send(&event(3, "k"))).await.unwrap();
    assert_eq!(SHARED.ends(&topic.name).unwrap(), [2]);
}

#[tokio::test]
async fn nobody_answers() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("kafka://me:s3cret@{}/t", unused.local_addr().unwrap());
    let mut options = KafkaSenderOptions::default();
    options.connect_timeout = Duration::from_millis(200);
    let error = soon(sender(&url, options.clone())).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout), "{error}");
    assert!(!format!("{error} {error:?} {options:?}").contains("s3cret"));
    let mut options = KafkaReceiverOptions::default();
    options.connect_timeout = Duration::from_millis(200);
    let error = soon(receiver(&format!("{url}?group=g&reject=drop"), options)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout), "{error}");
}

#[tokio::test]
async fn what_is_not_delivered_in_time_is_given_up() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let mut options = KafkaSenderOptions::default();
    options.sender.timeout = Some(Duration::from_secs(1));
    let sender = topic.sender_with(options).await.unwrap();
    broker.go_away().unwrap();
    assert_eq!(soon(sender.send(&event(1, "k"))).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(sender.metrics().failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_is_dropped_sends_what_it_has() {
    let topic = Topic::new(1);
    let sender = topic.sender().await;
    for number in 0..100 {
        drop(sender.enqueue(event(number, "k")).await.unwrap());
    }
    drop(sender);
    let mut receiver = topic.receiver().await;
    for expected in 0..100 {
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), expected);
        delivery.accept().await.unwrap();
    }
}

#[tokio::test]
async fn the_broker_goes_away_and_comes_back() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 2);
    let sender = topic.sender().await;
    let mut receiver = topic.receiver().await;
    soon(sender.send(&event(0, "k"))).await.unwrap();
    let held = next(&mut receiver).await;
    broker.go_away().unwrap();
    let mut outcomes = Vec::new();
    for number in 1..20 {
        outcomes.push(sender.enqueue(event(number, &number.to_string())).await.unwrap());
    }
    held.accept().await.unwrap(); // recorded; committed when the broker is back
    let mut state = sender.connectivity();
    soon(async {
        while state.state().is_connected() {
            state.changed().await;
        }
    })
    .await;
    assert!(state.state().error().is_some_and(|error| error.kind() == ErrorKind::Disconnected));
    broker.come_back().unwrap();
    for outcome in outcomes {
        soon(outcome).await.unwrap();
    }
    assert!(state.state().is_connected());
    // On a busy machine, a broker that comes back may be lost once more.
    let (connects, disconnects) = (sender.metrics().connects, sender.metrics().disconnects);
    assert!(disconnects >= 1 && connects == disconnects + 1, "{connects} and {disconnects}");
    let mut seen = BTreeSet::from([0]);
    while seen.len() < 20 {
        let delivery = next(&mut receiver).await;
        seen.insert(number(&delivery));
        delivery.accept().await.unwrap();
    }
    soon(receiver.drain(patience())).await.unwrap();
    let committed = broker.committed(&topic.group(), &topic.name).unwrap();
    let ends: Vec<_> =
        broker.ends(&topic.name).unwrap().into_iter().map(|end| (end > 0).then_some(end)).collect();
    assert_eq!((committed, seen.len()), (ends, 20));
}

/// Nothing is sent and nothing arrives, and still both ends say what is so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_clients_know_whether_there_is_a_broker() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let (sender, receiver) = (topic.sender().await, topic.receiver().await);
    let mut ends = [sender.connectivity(), receiver.connectivity()];
    // A member that is joining when the broker goes away joins as another one, and the broker waits for the first to the end of its
    // session.
    for end in &mut ends {
        knows(end, true).await;
    }
    for end in &mut ends {
        // The one looked at second may still be on its way back from the first round.
        knows(end, true).await;
        broker.go_away().unwrap();
        knows(end, false).await;
        broker.come_back().unwrap();
        knows(end, true).await;
    }
}

/// Its session has ended, while brokers answer. Nothing comes before the group lets it in again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_has_lost_its_partitions_is_not_connected_until_it_has_joined_again() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let mut receiver = topic.receiver_with(SHORT, KafkaReceiverOptions::default()).await;
    let mut end = receiver.connectivity();
    knows(&mut end, true).await;
    broker.refuse_next(Refusal::Member, 1).unwrap();
    knows(&mut end, false).await;
    let state = end.state();
    let why = state.error().map(ToString::to_string).unwrap_or_default();
    assert!(why.contains("has taken its partitions away"), "{why}");
    knows(&mut end, true).await;
    soon(topic.sender().await.send(&event(1, "k"))).await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
}

async fn knows(end: &mut Connectivity, is_connected: bool) {
    let known = async {
        while end.state().is_connected() != is_connected {
            end.changed().await;
        }
    };
    assert!(timeout(patience(), known).await.is_ok(), "not {is_connected}: {end:?}");
}

/// Longer than `max.poll.interval.ms`, after which a consumer that does not poll is removed from its group.
#[tokio::test]
async fn a_stalled_receiver_stays_in_its_group() {
    let topic = Topic::new(1);
    let mut options = KafkaReceiverOptions::from(ReceiverOptions::default());
    options.prefetch = Bounds { messages: 10, bytes: 1 << 20 };
    let mut receiver = topic.receiver_with(&SHORT.replace("=8000", "=4000"), options).await;
    let sender = topic.sender().await;
    soon(sender.send_all((0..500).map(|number| event(number, "k")))).await.unwrap();
    let first = next(&mut receiver).await;
    sleep(Duration::from_millis(5500)).await; // the time itself is under test
    first.accept().await.unwrap();
    for expected in 1..500 {
        let delivery = next(&mut receiver).await;
        assert_eq!((number(&delivery), delivery.attempt()), (expected, 1));
        delivery.accept().await.unwrap();
    }
    soon(receiver.drain(patience())).await.unwrap();
    assert_eq!(SHARED.committed(&topic.group(), &topic.name).unwrap(), [Some(500)]);
}

/// A rebalance does not block the task that receives, though it waits for deliveries that this task has not
/// settled.
#[tokio::test]
async fn a_rebalance_does_not_block_who_receives() {
    let topic = Topic::new(2);
    let mut options = KafkaReceiverOptions::default();
    options.rebalance_wait = 2 * patience();
    let mut first = topic.receiver_with(SHORT, options.clone()).await;
    let sender = topic.sender().await;
    soon(sender.send_all((0..20).map(|number| event(number, &number.to_string())))).await.unwrap();
    let mut held = Vec::new();
    while held.len() < 20 {
        held.push(next(&mut first).await);
    }
    let mut second = topic.receiver_with(SHORT, options).await;
    let receive = async {
        // Either receiver may have the partition of the key.
        let delivery = tokio::select! {
            delivery = soon(first.next()) => delivery,
            delivery = soon(second.next()) => delivery,
        };
        delivery.unwrap().unwrap().accept().await.unwrap();
    };
    let settle = async {
        sleep(Duration::from_millis(3000)).await; // the rebalance has begun, as far as can be known
        for delivery in held {
            delivery.accept().await.unwrap();
        }
        soon(sender.send(&event(20, "k"))).await.unwrap();
    };
    tokio::join!(receive, settle);
    soon(first.drain(patience())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_hands_partitions_over() {
    handing_over(Topic::new(4), "&partition.assignment.strategy=range").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cooperative_rebalance_hands_partitions_over() {
    handing_over(Topic::new(4), "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_receiver_has_left_its_group() {
    leaving(&Topic::new(2)).await;
}

/// A program may end right after draining, when a receiver that is dropped has no time to leave. Here it is not dropped.
pub(crate) async fn leaving(topic: &Topic) {
    const COUNT: usize = 20;
    let events = |from| (from..from + COUNT).map(|number| event(number, &number.to_string()));
    let sender = topic.sender().await;
    let mut first = topic.receiver_with(SHORT, KafkaReceiverOptions::default()).await;
    soon(sender.send_all(events(0))).await.unwrap();
    for _ in 0..COUNT {
        next(&mut first).await.accept().await.unwrap();
    }
    soon(first.drain(patience())).await.unwrap();
    soon(sender.send_all(events(COUNT))).await.unwrap();
    let (mut second, mut seen) =
        (topic.receiver_with(SHORT, KafkaReceiverOptions::default()).await, BTreeSet::new());
    while seen.len() < COUNT {
        let delivery = next(&mut second).await;
        assert!(seen.insert(number(&delivery)) && number(&delivery) >= COUNT);
        delivery.accept().await.unwrap();
    }
    soon(first.drain(patience())).await.unwrap(); // nothing is left to do
    assert!(soon(first.next()).await.unwrap().is_none());
}

/// A second receiver joins while the first has all partitions.
pub(crate) async fn handing_over(topic: Topic, strategy: &str) {
    const COUNT: usize = 40;
    let more = format!("{SHORT}{strategy}");
    let mut options = KafkaReceiverOptions::default();
    options.rebalance_wait = Duration::from_millis(50);
    let mut first = topic.receiver_with(&more, options.clone()).await;
    let sender = topic.sender().await;
    soon(sender.send_all((0..COUNT).map(|number| event(number, &number.to_string())))).await.unwrap();
    let mut held = Vec::new();
    while held.len() < COUNT {
        held.push(next(&mut first).await);
    }
    let mut second = topic.receiver_with(&more, options).await;
    let handed_over = next(&mut second).await;
    assert_eq!(handed_over.attempt(), 1);

    let (mut done, mut revoked) = (BTreeSet::new(), BTreeSet::new());
    for delivery in held {
        let number = number(&delivery);
        match delivery.accept().await {
            Ok(()) => assert!(done.insert(number)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Revoked, "{error}");
                revoked.insert(number);
            }
        }
    }
    assert!(revoked.contains(&number(&handed_over)));
    done.insert(number(&handed_over));
    handed_over.accept().await.unwrap();
    // The current owner of each partition receives what was not settled, and nothing is received twice.
    let mut by_second = 1;
    while done.len() < COUNT {
        let delivery: Delivery = tokio::select! {
            delivery = soon(first.next()) => delivery.unwrap().unwrap(),
            delivery = soon(second.next()) => {
                by_second += 1;
                delivery.unwrap().unwrap()
            }
        };
        let number = number(&delivery);
        assert!(done.insert(number), "{number} came again");
        delivery.accept().await.unwrap();
    }
    assert!(by_second < COUNT, "the first receiver kept nothing");
    // Before the first one leaves, because the embedded broker accepts no commits during a rebalance.
    let all_committed = async {
        loop {
            let (committed, ends) = topic.committed_and_ends().await;
            if committed == ends.into_iter().map(Some).collect::<Vec<_>>() {
                break;
            }
        }
    };
    soon(all_committed).await;
    soon(first.drain(patience())).await.unwrap();
    soon(second.drain(patience())).await.unwrap();
}

/// Debezium writes one after each deletion. A tombstone that is marked as an event is one.
#[tokio::test]
async fn tombstones_are_skipped_by_the_peer_or_by_an_option() {
    let tombstone = || Record::new(None).with_key(Bytes::from("k"));
    let document = || Record::new(Bytes::from(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#));
    let value = |text: &'static str| Record::new(Bytes::from(text)).with_key(Bytes::from("k"));
    for (options, skipped, errors) in [
        ("peer=debezium-3", 1, 1),
        ("not-cloudevents=skip&lenient=assumed-json", 2, 0),
        ("lenient=assumed-json", 0, 2),
        ("peer=dapr", 0, 2),
    ] {
        let topic = Topic::new(1);
        // A group of its own: the member before may not have left yet.
        let group = format!("of-{}", topic.name);
        let url = topic.url(&format!("group={group}&reject=drop&{options}"));
        let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
        let last = document().with_header("content-type", Bytes::from("application/cloudevents+json"));
        for record in [document(), tombstone(), value("text"), last] {
            topic.produce(&record).await;
        }
        let mut found = 0;
        for _ in 0..2 + errors {
            let delivery = next(&mut receiver).await;
            match delivery.event() {
                Ok(event) => assert_eq!(event.id(), "1"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotACloudEvent, "{options}");
                    found += 1;
                }
            }
            soon(delivery.accept()).await.unwrap();
        }
        assert_eq!((found, receiver.metrics().skipped), (errors, skipped), "{options}");
        soon(receiver.drain(patience())).await.unwrap();
        assert_eq!(SHARED.committed(&group, &topic.name).unwrap(), [Some(4)]);
    }
}

#[tokio::test]
async fn dead_letters_keep_everything_and_say_why() {
    let (topic, rejected) = (Topic::new(1), Topic::new(1));
    let url = topic.url(&format!("group=g&dead-letter={}", rejected.name));
    let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    let sent = Record::new(Bytes::from("value"))
        .with_key(Bytes::from("key"))
        .with_header("ce_specversion", Bytes::from("1.0"))
        .with_header("ce_id", Bytes::from("1"))
        .with_header("ce_source", Bytes::from("/s"))
        .with_header("ce_type", Bytes::from("t"))
        .with_header("trace", None)
        .with_header("trace", Bytes::from("2"));
    topic.produce(&sent).await;
    topic.produce(&record(&[("ce_id", "2")], b"malformed")).await;
    let delivery = next(&mut receiver).await;
    assert_eq!((delivery.key().as_deref(), delivery.offset()), (Some(&b"key"[..]), Some(0)));
    assert_eq!((delivery.headers().len(), delivery.header("TRACE")), (6, None)); // the first has no value
    let native: &ReceivedRecord = delivery.native().unwrap();
    let produced = Duration::from_millis(native.timestamp().to_millis().unwrap().try_into().unwrap());
    assert_eq!(delivery.timestamp(), Some(SystemTime::UNIX_EPOCH + produced));
    assert!(produced > Duration::from_secs(1_700_000_000));
    soon(delivery.retry(Duration::ZERO)).await.unwrap();
    let mut deliveries = vec![next(&mut receiver).await, next(&mut receiver).await];
    deliveries.sort_by_key(|delivery| delivery.offset());
    for (delivery, reason) in deliveries.into_iter().zip(["too late", "no event"]) {
        soon(delivery.reject(reason)).await.unwrap();
    }
    soon(receiver.drain(patience())).await.unwrap();
    assert_eq!(SHARED.committed("g", &topic.name).unwrap(), [Some(2)]);

    let kept = SHARED.messages(&rejected.name).unwrap();
    let kept = |id: &[u8]| kept.iter().find(|message| message.header("ce_id") == Some(id)).unwrap();
    let first = kept(b"1");
    assert_eq!((first.key.as_deref(), first.value.as_deref()), (Some(&b"key"[..]), Some(&b"value"[..])));
    let text = |value: &'static str| Some(value.as_bytes().to_vec());
    let expected = [
        ("ce_specversion", text("1.0")),
        ("ce_id", text("1")),
        ("ce_source", text("/s")),
        ("ce_type", text("t")),
        ("trace", None),
        ("trace", text("2")),
        ("dead-letter-reason", text("too late")),
        ("dead-letter-topic", Some(topic.name.clone().into_bytes())),
        ("dead-letter-partition", text("0")),
        ("dead-letter-offset", text("0")),
        ("dead-letter-attempt", text("2")),
    ];
    assert_eq!(first.headers, expected.map(|(name, value)| (name.to_owned(), value)));
    let second = kept(b"2");
    assert_eq!((second.key.as_deref(), second.value.as_deref()), (None, Some(&b"malformed"[..])));
    assert_eq!(second.header("dead-letter-error"), Some(&b"missing-attribute"[..]));
    assert_eq!(second.header("dead-letter-reason"), Some(&b"no event"[..]));
}

/// The receiver would stop at its bounds instead, with the first letters.
#[tokio::test]
async fn a_topic_for_dead_letters_that_takes_nothing_is_an_error_of_opening() {
    let (topic, rejected) = (Topic::new(1), Topic::new(1));
    let url = topic.url(&format!("group={}&dead-letter={}", topic.group(), rejected.name));
    let letters = soon(rejected.sender()).await;
    let forget = || SHARED.forget_topic(&rejected.name).unwrap();
    let forbid = || SHARED.forbid_topic(&rejected.name).unwrap();
    for (change, code) in [(&forget as &dyn Fn(), "UnknownTopic"), (&forbid, "TopicAuthorizationFailed")] {
        change();
        let error = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap_err();
        let named = format!("the dead-letter place `{}` takes nothing: {code}", rejected.name);
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.detail().starts_with(&named), "{error}");
        let error = soon(letters.check()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
    SHARED.remember_topic(&rejected.name).unwrap();
    soon(letters.check()).await.unwrap();
    soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
}

/// Brokers and producers of Java allow more than a producer of librdkafka does by default.
#[tokio::test]
async fn the_topic_decides_how_large_a_dead_letter_is() {
    let (topic, rejected) = (Topic::new(1), Topic::new(1));
    let url = topic.url(&format!("group={}&dead-letter={}", topic.group(), rejected.name));
    let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    let producer: FutureProducer =
        config(&topic.servers).set("message.max.bytes", "2000000").create().unwrap();
    let large = Record::new(Bytes::from(vec![b'x'; 1_020_000]));
    soon(producer.send_result(large.to_future(&topic.name)).unwrap()).await.unwrap().unwrap();
    soon(next(&mut receiver).await.reject("no event")).await.unwrap();
    soon(receiver.drain(patience())).await.unwrap();
    let kept = SHARED.messages(&rejected.name).unwrap();
    assert_eq!(kept[0].value.as_ref().map(Vec::len), Some(1_020_000));
    assert_eq!(kept[0].header("dead-letter-reason"), Some(&b"no event"[..]));
}

#[tokio::test]
async fn undecided_about_rejected_messages_it_does_not_start() {
    let topic = Topic::new(1);
    let error = soon(receiver(&topic.url("group=g"), KafkaReceiverOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let help = error.help().unwrap();
    assert!(help.contains("dead-letter=") && help.contains("reject=drop"), "{help}");
}

#[tokio::test]
async fn urls() {
    for options in [
        "mode=batched",
        "format=json",
        "mode=structured&format=toml",
        "key=",
        "topic=t",
        "group=g",
        "sasl=plain",
    ] {
        let error = sender(&format!("kafka://localhost/t?{options}"), Default::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{options}");
    }
    for options in [
        "",
        "group=",
        "group=g&offset=first",
        "group=g&reject=keep",
        "group=g&reject=drop&dead-letter=d",
        "group=g&dead-letter=",
        "key=k",
    ] {
        let url = format!("kafka://localhost/t?{options}");
        let mut with = KafkaReceiverOptions::default();
        with.log = cloudevents_transport::binding::log::LogOptions::default().dropping_rejected();
        with.connect_timeout = Duration::from_millis(1);
        assert_eq!(receiver(&url, with).await.unwrap_err().kind(), ErrorKind::InvalidUrl, "{options}");
    }
    for url in ["kafka://localhost", "kafka://localhost/a/b", "kafka:///t", "amqp://localhost/t"] {
        assert_eq!(sender(url, Default::default()).await.unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
    }
    let error = sender("kafka://localhost/t?no.such.setting=s3cret", Default::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("no.such.setting") && !format!("{error:?}").contains("s3cret"),
        "{error:?}"
    );
}

/// Does not wait for the ten seconds that a broker may take.
#[tokio::test]
async fn a_refused_connection_is_reported_at_once_with_host_and_port() {
    let limit = Duration::from_secs(60);
    let mut sending = KafkaSenderOptions::default();
    sending.connect_timeout = limit;
    let url = "kafka://127.0.0.1:9/orders";
    let error = timeout(limit / 2, sender(url, sending)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
    let mut receiving = KafkaReceiverOptions::default();
    receiving.connect_timeout = limit;
    let url = format!("{url}?group=g&reject=drop");
    let error = timeout(limit / 2, receiver(&url, receiving)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
}

#[tokio::test]
async fn receipts_keys_and_headers() {
    let (topic, other) = (Topic::new(3), Topic::new(1));
    let sender = topic.sender().await;
    let keyed =
        |number| Outgoing::from(event(number, "ignored")).key("42").header("traceparent", "00-1-2-01");
    let first = soon(sender.send(keyed(0))).await.unwrap();
    let second = soon(sender.send(keyed(1))).await.unwrap();
    assert_eq!((first.place(), second.place()), (Some(&*topic.name), Some(&*topic.name)));
    assert_eq!((first.partition(), first.offset(), second.offset()), (second.partition(), Some(0), Some(1)));
    let elsewhere = soon(sender.send(keyed(2).to(other.name.as_str()))).await.unwrap();
    assert_eq!((elsewhere.place(), elsewhere.offset()), (Some(&*other.name), Some(0)));
    for name in ["ce_id", "a\0"] {
        let error = soon(sender.send(keyed(3).header(name, "4"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inexact);
    }
    assert_eq!(soon(sender.send(keyed(3).priority(1))).await.unwrap_err().kind(), ErrorKind::Inexact);
    let mut receiver = other.receiver().await;
    let delivery = next(&mut receiver).await;
    assert_eq!((number(&delivery), delivery.key().as_deref()), (2, Some(&b"42"[..])));
    assert_eq!(delivery.header_text("traceparent").as_deref(), Some("00-1-2-01"));
    delivery.accept().await.unwrap();
}

#[tokio::test]
async fn what_is_forwarded_keeps_key_and_headers_and_what_is_malformed_every_byte() {
    let (from, to) = (Topic::new(1), Topic::new(1));
    let event = record(
        &[
            ("ce_specversion", "1.0"),
            ("ce_id", "1"),
            ("ce_source", "/s"),
            ("ce_type", "t"),
            ("trace", "1"),
            ("trace", "2"),
        ],
        b"x",
    );
    let malformed = record(&[("ce_specversion", "1.0"), ("ce_id", "\u{0}"), ("other", "y")], b"\xff");
    for record in [&event, &malformed] {
        from.produce(&record.clone().with_key(Bytes::from_static(b"42"))).await;
    }
    let (mut receiver, sender) = (from.receiver().await, to.sender().await);
    for _ in 0..2 {
        let delivery = next(&mut receiver).await;
        soon(sender.send(delivery.forward())).await.unwrap();
        delivery.accept().await.unwrap();
    }
    let mut forwarded = to.receiver().await;
    for original in [event, malformed] {
        let delivery = next(&mut forwarded).await;
        assert_eq!((delivery.key().as_deref(), delivery.body()), (Some(&b"42"[..]), original.value.clone()));
        let mut headers: Vec<_> = delivery
            .headers()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.map(|value| value.into_owned())))
            .collect();
        let mut expected: Vec<_> = original
            .headers
            .iter()
            .map(|header| (header.name.to_string(), header.value.as_ref().map(|value| value.to_vec())))
            .collect();
        headers.sort();
        expected.sort();
        assert_eq!(headers, expected);
        delivery.accept().await.unwrap();
    }
}
