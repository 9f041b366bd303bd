//! Looking at topics.

use crate::broker::{Topic, config, patience, soon};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_kafka::rdkafka039::BINDING;
use cloudevents_testkit::{
    deliveries::{self, number},
    kafka::Broker,
};
use cloudevents_transport::{Place, Places};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    producer::{FutureProducer, FutureRecord},
};
use tokio::task::spawn_blocking;

pub(crate) async fn look(url: &str) -> Result<Places, Error> {
    deliveries::look(&BINDING, url).await
}

async fn put(topic: &Topic, partition: i32, count: usize) {
    let producer: FutureProducer = config(&topic.servers).create().unwrap();
    for _ in 0..count {
        let record = FutureRecord::<str, str>::to(&topic.name).partition(partition).payload("x");
        soon(producer.send(record, patience())).await.unwrap();
    }
}

async fn commit(topic: &Topic, partition: i32, offset: i64) {
    let topic = topic.clone();
    let commit = move || {
        let client: BaseConsumer = config(&topic.servers).set("group.id", topic.group()).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic.name, partition, Offset::Offset(offset)).unwrap();
        client.commit(&list, CommitMode::Sync).unwrap();
    };
    spawn_blocking(commit).await.unwrap();
}

/// The topics of a broker, as another client sees them.
async fn names(servers: &str) -> Vec<String> {
    let client: BaseConsumer = config(servers).create().unwrap();
    let list = move || {
        let metadata = client.fetch_metadata(None, patience()).unwrap();
        metadata.topics().iter().map(|topic| topic.name().to_owned()).collect()
    };
    spawn_blocking(list).await.unwrap()
}

pub(crate) async fn offsets_and_lag(topic: Topic) {
    put(&topic, 0, 3).await;
    put(&topic, 1, 2).await;
    commit(&topic, 0, 1).await;
    let before = topic.committed_and_ends().await;
    let url = format!("kafka://{}/{}?group={}", topic.servers, topic.name, topic.group());
    let places = look(&url).await.unwrap();
    let [place] = &places.list[..] else { panic!("{places:?}") };
    assert_eq!((place.kind, &*place.name), ("topic", topic.name.as_str()));
    let of = |name: &str| number(place, name);
    assert_eq!([of("partitions"), of("messages"), of("lag")], [Some(2), Some(5), Some(2)]);
    let parts = &place.parts.as_ref().unwrap().list;
    let shown = |part: &Place| ["first", "end", "committed", "lag"].map(|name| number(part, name));
    assert_eq!((&*parts[0].name, shown(&parts[0])), ("0", [0, 3, 1, 2].map(Some)));
    // Nothing is known of what the group has never read.
    assert_eq!((&*parts[1].name, shown(&parts[1])), ("1", [Some(0), Some(2), None, None]));
    assert_eq!(topic.committed_and_ends().await, before);

    // The URL of a sender does, too. Without a topic, all are listed, without their parts.
    let places = look(&format!("kafka://{}?key=id&linger.ms=5", topic.servers)).await.unwrap();
    let place = places.list.iter().find(|place| *place.name == *topic.name).unwrap();
    assert_eq!((number(place, "messages"), number(place, "lag")), (Some(5), None));
    assert!(place.parts.is_none() && !places.has_more);
}

/// It is not created.
pub(crate) async fn a_missing_topic(topic: Topic) {
    let missing = format!("{}-missing", topic.name);
    let url = format!("kafka://{}/{missing}?allow.auto.create.topics=true", topic.servers);
    let error = look(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.detail().contains(&missing), "{error:?}");
    assert!(!names(&topic.servers).await.contains(&missing));
}

#[tokio::test]
async fn offsets_and_lag_are_shown_and_nothing_changes() {
    offsets_and_lag(Topic::on(&Broker::start().unwrap(), 2)).await;
}

#[tokio::test]
async fn real_offsets_and_lag_are_shown_and_nothing_changes() {
    let Some(topic) = Topic::real(2).await else { return };
    offsets_and_lag(topic.clone()).await;
    // What was deleted before it was read is no lag.
    topic.truncate(0, 2).await;
    let url = format!("kafka://{}/{}?group={}", topic.servers, topic.name, topic.group());
    let places = look(&url).await.unwrap();
    let part = &places.list[0].parts.as_ref().unwrap().list[0];
    let shown = ["first", "end", "committed", "lag"].map(|name| number(part, name));
    assert_eq!(shown, [2, 3, 1, 1].map(Some));
    a_missing_topic(topic).await;
}

#[tokio::test]
async fn more_partitions_than_a_request_has_are_shown() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 600);
    put(&topic, 599, 1).await;
    let places = look(&format!("kafka://{}/{}", topic.servers, topic.name)).await.unwrap();
    let parts = &places.list[0].parts.as_ref().unwrap().list;
    assert_eq!((parts.len(), number(&parts[599], "end"), number(&parts[0], "end")), (600, Some(1), Some(0)));
    assert!(parts.iter().all(|part| part.fact("error").is_none()));
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error_soon() {
    let port = cloudevents_testkit::ports::free();
    let error = look(&format!("kafka://127.0.0.1:{port}/orders")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
}
