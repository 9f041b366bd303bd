//! What every pair of sender and receiver has to do, over Kafka: on the embedded broker, and on a real one where
//! `CE_TEST_KAFKA_URL` names it.

use crate::broker::{Topic, record};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, receiver, sender};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Report, Venue, Verdict, check_all},
};
use std::time::Duration;

struct Kafka {
    topic: Topic,
    /// Options of senders and receivers.
    sending: &'static str,
    receiving: &'static str,
}

impl Venue for Kafka {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = Duration::from_secs(30);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&self.topic.url(&format!("key=partitionkey{}", self.sending)), Default::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let url = self.topic.url(&format!("group={}{}", self.topic.group(), self.receiving));
        receiver(&url, KafkaReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let headers: &[_] = match kind {
            ErrorKind::MissingAttribute => &[("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_type", "t")],
            _ => &[("foreign", "yes")],
        };
        // To the partition of the events that the checks send, so that it keeps its place among them.
        self.topic.produce(&record(headers, body).with_key(Bytes::from_static(b"one"))).await;
        Ok(())
    }
}

/// With sessions that end soon: the embedded broker makes whoever joins a group again wait for as long, less a second.
const DROPPING: &str = "&reject=drop&session.timeout.ms=2500&heartbeat.interval.ms=300";

/// Kafka can do all of it.
fn all_hold(report: &Report) {
    println!("{report}");
    assert!(report.iter().all(|(_, verdict)| matches!(verdict, Ok(Verdict::Holds))), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_partition() {
    let open = async || Ok(Kafka { topic: Topic::new(1), sending: "", receiving: DROPPING });
    all_hold(&check_all(open).await);
}

/// Eager and cooperative rebalances are different code in librdkafka; so is a producer that is not idempotent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_three_partitions_cooperatively_with_a_dead_letter_topic() {
    let open = async || {
        Ok(Kafka {
            topic: Topic::new(3),
            sending: "&enable.idempotence=false&max.in.flight.requests.per.connection=1",
            receiving: "&dead-letter=rejected&partition.assignment.strategy=cooperative-sticky\
                        &session.timeout.ms=2500&heartbeat.interval.ms=300",
        })
    };
    crate::broker::SHARED.create_topic("rejected", 1).unwrap();
    all_hold(&check_all(open).await);
}

/// The group protocol of Kafka 4, where the broker assigns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_consumer_group_protocol() {
    let receiving = "&reject=drop&group.protocol=consumer";
    all_hold(&check_all(async || Ok(Kafka { topic: Topic::new(2), sending: "", receiving })).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    if Topic::real(1).await.is_none() {
        println!("skipped: CE_TEST_KAFKA_URL is not set");
        return;
    }
    for (partitions, more) in
        [(1, ""), (3, "&partition.assignment.strategy=cooperative-sticky"), (3, "&group.protocol=consumer")]
    {
        println!("{partitions} partitions {more}");
        let receiving = &*format!("&reject=drop{more}").leak();
        let open = async || {
            let topic = Topic::real(partitions).await.unwrap();
            Ok(Kafka { topic, sending: "", receiving })
        };
        all_hold(&check_all(open).await);
    }
}
