//! Clients of rdkafka that wait in place.

pub(super) use cloudevents_testkit::behaviours::name;
use cloudevents_testkit::kafka::Broker;
pub(super) use cloudevents_testkit::patience;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{Header, Headers, OwnedHeaders, OwnedMessage},
    metadata::MetadataPartition,
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
    types::RDKafkaErrorCode,
};
use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

pub(super) type Behaviour = cloudevents_testkit::behaviours::Behaviour<Place>;

/// Where a broker is.
pub(super) struct Place {
    pub(super) servers: String,
    embedded: Option<Broker>,
}

impl Place {
    pub(super) fn embedded(broker: Broker) -> Self {
        Self { servers: broker.bootstrap_servers().to_owned(), embedded: Some(broker) }
    }

    pub(super) fn real(servers: &str) -> Self {
        Self { servers: servers.to_owned(), embedded: None }
    }

    pub(super) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers).set("allow.auto.create.topics", "false");
        config
    }

    /// A topic with this many partitions.
    pub(super) fn topic(&self, partitions: u16) -> String {
        let topic = name("topic");
        self.create(&topic, partitions).unwrap();
        topic
    }

    /// Creates a topic, or returns why not.
    pub(super) fn create(&self, topic: &str, partitions: u16) -> Result<(), RDKafkaErrorCode> {
        let Some(broker) = &self.embedded else {
            let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
            let new = NewTopic::new(topic, partitions.into(), TopicReplication::Fixed(1));
            let created = run(admin.create_topics([&new], &AdminOptions::new())).unwrap().remove(0);
            created.map_err(|(_, code)| code)?;
            self.until_known(topic, partitions.into());
            return Ok(());
        };
        broker.create_topic(topic, partitions).map_err(|error| {
            let source = std::error::Error::source(&error).unwrap();
            source.downcast_ref::<KafkaError>().unwrap().rdkafka_error_code().unwrap()
        })
    }

    /// Waits until clients see a topic of a real broker, which may confirm it earlier.
    fn until_known(&self, topic: &str, partitions: usize) {
        let (client, begin): (BaseConsumer, _) = (self.config().create().unwrap(), Instant::now());
        let seen = || {
            let metadata = client.fetch_metadata(Some(topic), patience()).unwrap();
            // A leader may still be about to create the partition.
            let answers = |known: &&MetadataPartition| {
                known.error().is_none() && client.fetch_watermarks(topic, known.id(), patience()).is_ok()
            };
            metadata.topics()[0].partitions().iter().filter(answers).count()
        };
        while seen() < partitions {
            assert!(begin.elapsed() < patience(), "{topic} stays unknown");
            std::thread::sleep(Duration::from_millis(20)); // between two looks
        }
    }

    pub(super) fn producer(&self) -> Sending {
        self.producer_with(&[])
    }

    pub(super) fn producer_with(&self, settings: &[(&str, &str)]) -> Sending {
        let mut config = self.config();
        settings.iter().for_each(|(name, value)| _ = config.set(*name, *value));
        let (report, reports) = mpsc::channel();
        Sending { producer: config.create_with_context(Reporting(report)).unwrap(), reports }
    }

    /// A consumer of a group, which commits explicitly, and begins at the first message.
    pub(super) fn consumer(&self, group: &str) -> BaseConsumer {
        self.consumer_with(group, &[])
    }

    pub(super) fn consumer_with(&self, group: &str, settings: &[(&str, &str)]) -> BaseConsumer {
        let mut config = self.config();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "6000")
            .set("max.poll.interval.ms", "8000")
            .set("fetch.wait.max.ms", "20");
        settings.iter().for_each(|(name, value)| _ = config.set(*name, *value));
        config.create().unwrap()
    }

    /// A consumer of one partition, from an offset, without a group.
    pub(super) fn reader(&self, topic: &str, partition: i32, offset: Offset) -> BaseConsumer {
        let consumer = self.consumer(&name("group"));
        assign(&consumer, topic, partition, offset);
        consumer
    }
}

pub(super) fn assign(consumer: &BaseConsumer, topic: &str, partition: i32, offset: Offset) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset).unwrap();
    consumer.assign(&list).unwrap();
}

/// Runs a future to its end.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(super) struct Reporting(mpsc::Sender<Result<(i32, i64), RDKafkaErrorCode>>);

impl rdkafka::ClientContext for Reporting {}

impl ProducerContext for Reporting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        let report = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap()),
        };
        let _ = self.0.send(report);
    }
}

/// A producer, and what it hears of its messages.
pub(super) struct Sending {
    producer: ThreadedProducer<Reporting>,
    reports: mpsc::Receiver<Result<(i32, i64), RDKafkaErrorCode>>,
}

impl Sending {
    pub(super) fn transactional(&self) -> &impl Producer<Reporting> {
        &self.producer
    }

    /// Sends a text to partition 0, and returns its offset.
    pub(super) fn put(&self, topic: &str, text: &str) -> i64 {
        self.send(BaseRecord::<(), str>::to(topic).partition(0).payload(text)).unwrap().1
    }

    pub(super) fn put_all(&self, topic: &str, texts: &[&str]) {
        for text in texts {
            self.put(topic, text);
        }
    }

    /// Sends a record, and returns its partition and offset.
    pub(super) fn send<K, P>(&self, record: BaseRecord<'_, K, P>) -> Result<(i32, i64), RDKafkaErrorCode>
    where
        K: rdkafka::message::ToBytes + ?Sized,
        P: rdkafka::message::ToBytes + ?Sized,
    {
        self.post(record);
        self.report()
    }

    pub(super) fn post<K, P>(&self, record: BaseRecord<'_, K, P>)
    where
        K: rdkafka::message::ToBytes + ?Sized,
        P: rdkafka::message::ToBytes + ?Sized,
    {
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    /// Why the client does not take a record.
    pub(super) fn refused(&self, record: BaseRecord<'_, (), str>) -> KafkaError {
        self.producer.send(record).unwrap_err().0
    }

    pub(super) fn report(&self) -> Result<(i32, i64), RDKafkaErrorCode> {
        self.reports.recv_timeout(patience()).expect("no report comes")
    }
}

/// The next message.
pub(super) fn next(consumer: &BaseConsumer) -> OwnedMessage {
    try_next(consumer).unwrap()
}

pub(super) fn try_next(consumer: &BaseConsumer) -> Result<OwnedMessage, KafkaError> {
    let begin = Instant::now();
    // A rebalance ends a call without a message.
    while begin.elapsed() < patience() {
        if let Some(polled) = consumer.poll(patience()) {
            return polled.map(|message| message.detach());
        }
    }
    panic!("nothing comes");
}

pub(super) fn texts(consumer: &BaseConsumer, count: usize) -> Vec<String> {
    (0..count).map(|_| text(&next(consumer))).collect()
}

pub(super) fn text(message: &OwnedMessage) -> String {
    String::from_utf8(message.payload().unwrap().to_vec()).unwrap()
}

pub(super) fn headers(message: &OwnedMessage) -> Vec<(String, Option<Vec<u8>>)> {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
}

pub(super) fn with_headers(fields: &[(&str, Option<&str>)]) -> OwnedHeaders {
    fields
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: *value }))
}

/// What a group has committed of partition 0.
pub(super) fn committed(consumer: &BaseConsumer, topic: &str) -> Offset {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let list = consumer.committed_offsets(list, patience()).unwrap();
    list.find_partition(topic, 0).unwrap().offset()
}

/// Polls consumers until a condition holds.
pub(super) fn until(consumers: &[&BaseConsumer], holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < patience(), "it takes too long");
        for consumer in consumers {
            if let Some(Err(error)) = consumer.poll(Duration::from_millis(20)) {
                panic!("{error}");
            }
        }
    }
}
