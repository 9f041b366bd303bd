//! A broker for the tests: the embedded one, or a real one.

use bytes::Bytes;
use cloudevents_core::{Error, Event};
use cloudevents_kafka::{
    Record,
    rdkafka039::{KafkaReceiverOptions, KafkaSenderOptions, RecordExt, receiver, sender},
};
use cloudevents_testkit::kafka::Broker;
pub(crate) use cloudevents_testkit::{deliveries::within as soon, patience};
use cloudevents_transport::{Delivery, Receiver, Sender, binding::log::LogOptions};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    metadata::MetadataPartition,
    producer::FutureProducer,
};
use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// The embedded broker, shared by tests that do not disturb it.
pub(crate) static SHARED: LazyLock<Broker> = LazyLock::new(|| Broker::start().unwrap());

/// A topic and a group of its own.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) servers: String,
    pub(crate) name: String,
}

impl Topic {
    /// Creates a topic on the shared broker.
    pub(crate) fn new(partitions: u16) -> Self {
        Self::on(&SHARED, partitions)
    }

    pub(crate) fn on(broker: &Broker, partitions: u16) -> Self {
        let name = fresh("topic");
        broker.create_topic(&name, partitions).unwrap();
        Self { servers: broker.bootstrap_servers().into(), name }
    }

    /// Creates a topic on the broker of `CE_TEST_KAFKA_URL` (`kafka://host:port`), if set.
    pub(crate) async fn real(partitions: u16) -> Option<Self> {
        Self::real_with(partitions, &[]).await
    }

    /// The same with these settings of the topic.
    pub(crate) async fn real_with(partitions: u16, settings: &[(&str, &str)]) -> Option<Self> {
        let url = std::env::var("CE_TEST_KAFKA_URL").ok()?;
        let servers = url.trim_start_matches("kafka://").trim_end_matches('/').to_owned();
        // A real broker remembers topics and groups of earlier runs.
        let name = format!("{}-{}-{}", fresh("topic"), std::process::id(), since_epoch());
        let admin: AdminClient<DefaultClientContext> = config(&servers).create().unwrap();
        let mut topic = NewTopic::new(&name, partitions.into(), TopicReplication::Fixed(1));
        topic.config.extend_from_slice(settings);
        let created = soon(admin.create_topics([&topic], &AdminOptions::new())).await.unwrap();
        created.into_iter().for_each(|topic| _ = topic.unwrap());
        let topic = Self { servers, name };
        soon(topic.known(partitions.into())).await;
        Some(topic)
    }

    /// Deletes the topic of a real broker, and makes another one with its name.
    pub(crate) async fn make_again(&self, partitions: u16) {
        let admin: AdminClient<DefaultClientContext> = config(&self.servers).create().unwrap();
        let options = AdminOptions::new();
        soon(admin.delete_topics(&[&self.name], &options)).await.unwrap().remove(0).unwrap();
        let topic = NewTopic::new(&self.name, partitions.into(), TopicReplication::Fixed(1));
        // Until clients have seen that it is gone.
        tokio::time::sleep(Duration::from_secs(2)).await;
        soon(async {
            while soon(admin.create_topics([&topic], &options)).await.unwrap().remove(0).is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await; // between two tries
            }
        })
        .await;
        soon(self.known(partitions.into())).await;
    }

    /// Adds partitions to a topic of a real broker, up to this number.
    pub(crate) async fn grow(&self, partitions: u16) {
        let admin: AdminClient<DefaultClientContext> = config(&self.servers).create().unwrap();
        let more = NewPartitions::new(&self.name, partitions.into());
        soon(admin.create_partitions([&more], &AdminOptions::new())).await.unwrap().remove(0).unwrap();
        soon(self.known(partitions.into())).await;
    }

    /// Deletes what a partition of a real broker has before this offset, as retention does.
    pub(crate) async fn truncate(&self, partition: i32, before: i64) {
        let admin: AdminClient<DefaultClientContext> = config(&self.servers).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(before)).unwrap();
        soon(admin.delete_records(&list, &AdminOptions::new())).await.unwrap();
    }

    /// Waits until clients see the topic: a busy broker confirms it earlier.
    async fn known(&self, partitions: usize) {
        let topic = self.clone();
        let wait = move || {
            let client: BaseConsumer = config(&topic.servers).create().unwrap();
            let seen = || {
                let metadata = client.fetch_metadata(Some(&topic.name), patience()).unwrap();
                // A leader may still be about to create the partition.
                let answers = |known: &&MetadataPartition| {
                    known.error().is_none()
                        && client.fetch_watermarks(&topic.name, known.id(), patience()).is_ok()
                };
                metadata.topics()[0].partitions().iter().filter(answers).count()
            };
            while seen() < partitions {
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }

    /// Returns what the topic's group has committed, per partition, and the ends of the partitions.
    pub(crate) async fn committed_and_ends(&self) -> (Vec<Option<i64>>, Vec<i64>) {
        let topic = self.clone();
        let read = move || {
            let client: BaseConsumer =
                config(&topic.servers).set("group.id", topic.group()).create().unwrap();
            let metadata = client.fetch_metadata(Some(&topic.name), patience()).unwrap();
            let mut numbers: Vec<_> =
                metadata.topics()[0].partitions().iter().map(|known| known.id()).collect();
            numbers.sort_unstable();
            let mut list = TopicPartitionList::new();
            numbers.iter().for_each(|number| _ = list.add_partition(&topic.name, *number));
            let list = client.committed_offsets(list, patience()).unwrap();
            let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
            let committed = list.elements().iter().map(|element| offset(element.offset())).collect();
            let end = |number: &i32| client.fetch_watermarks(&topic.name, *number, patience()).unwrap().1;
            (committed, numbers.iter().map(end).collect())
        };
        tokio::task::spawn_blocking(read).await.unwrap()
    }

    /// The state of the topic's group, and how many members it has.
    pub(crate) async fn members(&self) -> (String, usize) {
        let topic = self.clone();
        let read = move || {
            let client: BaseConsumer = config(&topic.servers).create().unwrap();
            let list = client.fetch_group_list(Some(&topic.group()), patience()).unwrap();
            let found = list.groups().first().map(|group| (group.state().to_owned(), group.members().len()));
            found.unwrap_or_default()
        };
        tokio::task::spawn_blocking(read).await.unwrap()
    }

    /// Waits until the topic's group has so many members, and is in no rebalance.
    pub(crate) async fn is_stable(&self, members: usize) {
        soon(async {
            while self.members().await != ("Stable".to_owned(), members) {
                tokio::time::sleep(Duration::from_millis(50)).await; // between two tries
            }
        })
        .await;
    }

    /// Returns the URL with these options.
    pub(crate) fn url(&self, options: &str) -> String {
        format!("kafka://{}/{}?{options}", self.servers, self.name)
    }

    pub(crate) fn group(&self) -> String {
        format!("group-of-{}", self.name)
    }

    pub(crate) async fn sender(&self) -> Sender {
        self.sender_with(KafkaSenderOptions::default()).await.unwrap()
    }

    pub(crate) async fn sender_with(&self, options: KafkaSenderOptions) -> Result<Sender, Error> {
        soon(sender(&self.url("key=partitionkey"), options)).await
    }

    pub(crate) async fn receiver(&self) -> Receiver {
        self.receiver_with("", KafkaReceiverOptions::default()).await
    }

    /// Opens a receiver in the topic's group, which drops rejected messages.
    pub(crate) async fn receiver_with(&self, more: &str, mut options: KafkaReceiverOptions) -> Receiver {
        options.log = LogOptions::default().dropping_rejected();
        let url = self.url(&format!("group={}{more}", self.group()));
        soon(receiver(&url, options)).await.unwrap()
    }

    /// Produces a record unchanged, with the client alone.
    pub(crate) async fn produce(&self, record: &Record) {
        let producer: FutureProducer = config(&self.servers).create().unwrap();
        soon(producer.send_result(record.to_future(&self.name)).unwrap()).await.unwrap().unwrap();
    }
}

pub(crate) fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

fn fresh(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn since_epoch() -> u128 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()
}

/// Creates an event with this number and a `partitionkey`.
pub(crate) fn event(number: usize, key: &str) -> Event {
    event_with(number, key, format!("payload {number}"))
}

pub(crate) fn event_with(number: usize, key: &str, payload: String) -> Event {
    let builder = Event::builder().id(number.to_string()).source("/tests").ty("com.example.test");
    builder.extension("partitionkey", key).text(payload).build().unwrap()
}

/// Creates a record with these headers.
pub(crate) fn record(headers: &[(&'static str, &'static str)], value: &[u8]) -> Record {
    headers.iter().fold(Record::new(Bytes::copy_from_slice(value)), |record, (name, value)| {
        record.with_header(*name, Bytes::from(*value))
    })
}

/// Returns the next delivery, which must arrive.
pub(crate) async fn next(receiver: &mut Receiver) -> Delivery {
    soon(receiver.next()).await.unwrap().expect("the receiver ended")
}

pub(crate) fn number(delivery: &Delivery) -> usize {
    delivery.event().unwrap().id().parse().unwrap()
}
