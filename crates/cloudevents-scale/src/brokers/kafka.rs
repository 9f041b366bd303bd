//! Kafka, by rdkafka.

use super::{Broker, Tool};
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits, number},
};
use bytes::Bytes;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{Consumer, StreamConsumer},
    message::{Header, Headers, OwnedHeaders},
    metadata::MetadataTopic,
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
    types::RDKafkaErrorCode,
};
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::time::sleep;

/// A broker, and the number of partitions of its topics.
#[derive(Debug)]
pub(crate) struct Kafka(pub(crate) String, pub(crate) i32);

/// As many as kcat has waiting by itself.
const UNCONFIRMED: usize = 100_000;

impl Kafka {
    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.0.trim_start_matches("kafka://"));
        config
    }

    /// Writes a record to each partition and deletes it. The first record makes a broker open the files of a partition, which takes
    /// from 2 to 50 ms each: with 500 of them, longer than to send 200,000 events.
    async fn begin_logs(&self, admin: &AdminClient<DefaultClientContext>, place: &str) -> Result<()> {
        let producer: FutureProducer = self.config().create()?;
        let mut open = Vec::new();
        for partition in 0..self.1 {
            let record = FutureRecord::<(), _>::to(place).partition(partition).payload("first");
            open.push(producer.send_result(record).map_err(|(error, _)| error)?);
        }
        for one in open {
            confirmed(one).await?;
        }
        let mut ends = TopicPartitionList::new();
        for partition in 0..self.1 {
            ends.add_partition_offset(place, partition, Offset::Offset(1))?;
        }
        let deleted = admin.delete_records(&ends, &AdminOptions::new()).await?;
        deleted.elements().iter().try_for_each(|one| Ok(one.error()?))
    }
}

impl Broker for Kafka {
    const IS_LOG: bool = true;

    fn name(&self) -> String {
        format!("Kafka, {} partitions", self.1)
    }

    async fn open(&self, place: &str, _reader: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.config().create()?;
        let topic = NewTopic::new(place, self.1, TopicReplication::Fixed(1));
        for made in admin.create_topics([&topic], &AdminOptions::new()).await? {
            match made {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, error)) => return Err(error.into()),
            }
        }
        // A reader that comes earlier may find some of its partitions only minutes later.
        for _ in 0..100 {
            let metadata = admin.inner().fetch_metadata(Some(place), Duration::from_secs(10))?;
            let led =
                |topic: &MetadataTopic| topic.partitions().iter().filter(|one| one.leader() >= 0).count();
            if metadata.topics().iter().map(led).sum::<usize>() >= usize::try_from(self.1)? {
                return self.begin_logs(&admin, place).await;
            }
            sleep(Duration::from_millis(100)).await; // between two looks
        }
        Err("the partitions have no leaders".into())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let mut config = self.config();
        config.set("enable.idempotence", "true").set("queue.buffering.max.messages", UNCONFIRMED.to_string());
        let producer: FutureProducer = config.create()?;
        let (payload, mut open) = (load.payload(), VecDeque::new());
        let most = UNCONFIRMED.min(64_000_000_usize.checked_div(load.size).unwrap_or(1)).max(1);
        for number in 0..load.count {
            if open.len() >= most
                && let Some(first) = open.pop_front()
            {
                confirmed(first).await?;
            }
            let (key, attributes) = (load.key_text(number), load.attributes(number));
            let mut headers = OwnedHeaders::new_with_capacity(6);
            headers = headers.insert(Header { key: "content-type", value: Some("application/json") });
            for (name, value) in &attributes {
                headers = headers.insert(Header { key: &format!("ce_{name}"), value: Some(value) });
            }
            let record = FutureRecord::to(place).key(&key).payload(payload.as_ref()).headers(headers);
            open.push_back(producer.send_result(record).map_err(|(error, _)| error)?);
        }
        for one in open {
            confirmed(one).await?;
        }
        Ok(())
    }

    async fn read(&self, place: &str, reader: &str, hand: &Hand) -> Result<Infallible> {
        let mut config = self.config();
        config.set("group.id", reader).set("auto.offset.reset", "earliest");
        let consumer: StreamConsumer = config.create()?;
        consumer.subscribe(&[place])?;
        loop {
            let message = consumer.recv().await?;
            let mut headers = message.headers().into_iter().flat_map(Headers::iter);
            let id = headers.find(|header| header.key == "ce_id").and_then(|header| header.value);
            let body = Bytes::copy_from_slice(message.payload().unwrap_or_default());
            // kcat has sent documents.
            let found = id.map_or_else(|| number(&body), digits).ok_or("a record without a number")?;
            hand.give(found, body, async {}).await;
        }
    }

    fn source(&self, place: &str, reader: &str) -> String {
        format!("{}/{place}?group={reader}&reject=drop", self.0)
    }

    /// librdkafka has fetched thousands of records before it hands over the first.
    fn listen(&self) -> f64 {
        0.08
    }

    fn sink(&self, place: &str) -> String {
        format!("{}/{place}?key=partitionkey", self.0)
    }

    fn tool(&self, place: &str) -> Option<Tool> {
        let servers = self.0.trim_start_matches("kafka://");
        let tool = Tool::new("kcat", ["-P", "-q", "-b", servers, "-t", place, "-K", "\t"]);
        // It sends lines as they are. To decode them alone takes longer than that.
        Some(Tool { line: Box::new(|key, document| format!("{key}\t{document}")), floor: 0.2, ..tool })
    }
}

async fn confirmed(sent: DeliveryFuture) -> Result<()> {
    match sent.await? {
        Ok(_) => Ok(()),
        Err((error, _)) => Err(error.into()),
    }
}
