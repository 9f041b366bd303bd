//! The contract of senders and receivers, over Kafka: on the embedded broker, and on a real one if
//! `CE_TEST_KAFKA_URL` names it.

use crate::broker::{Topic, event, record};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, receiver, sender};
use cloudevents_testkit::kafka::{Broker, Refusal};
use cloudevents_testkit::patience;
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{
        Claims, Report, Venue, Verdict, a_broker_that_stops_and_starts_loses_nothing,
        a_receiver_outlives_its_broker, check_all,
    },
};
use std::sync::Arc;

/// More than a sender has refused in the time of one request: there are up to five of its requests every 80 ms.
const REFUSALS: usize = 200;

struct Kafka {
    topic: Topic,
    /// Options of senders and receivers in the URL.
    sending: &'static str,
    receiving: &'static str,
    /// Its own broker, which can be stopped.
    broker: Option<Arc<Broker>>,
}

impl Venue for Kafka {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = patience();
        claims.too_large = Some(2 << 20); // `message.max.bytes` is 1 MB by default
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&self.topic.url(&format!("key=partitionkey{}", self.sending)), Default::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let url = self.topic.url(&format!("group={}{}", self.topic.group(), self.receiving));
        receiver(&url, KafkaReceiverOptions::from(options)).await
    }

    async fn interrupt(&self) -> Result<(), Error> {
        let Some(broker) = &self.broker else { return Err(Error::new(ErrorKind::Unsupported)) };
        // What is stored when the broker goes, and not answered, is sent again, and this broker stores it again. So from here on it stores
        // nothing, and answers what it has stored: it does that before it answers other requests.
        broker.refuse_next(Refusal::Storage, REFUSALS)?;
        broker.ends(&self.topic.name)?;
        broker.go_away()?;
        tokio::time::sleep(self.claims().quiet).await; // down for a while
        broker.come_back()?;
        // The refusals that are left are for others: each of these has a request of its own.
        let other = Topic::on(broker, 1).url("enable.idempotence=false&batch.num.messages=1");
        let others = (0..REFUSALS).map(|number| event(number, "k"));
        sender(&other, Default::default()).await?.send_all(others).await.unwrap();
        Ok(())
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let headers: &[_] = match kind {
            ErrorKind::MissingAttribute => &[("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_type", "t")],
            _ => &[("foreign", "yes")],
        };
        // To the partition of the events that the checks send, so that it keeps its position among them.
        self.topic.produce(&record(headers, body).with_key(Bytes::from_static(b"one"))).await;
        Ok(())
    }
}

/// With short sessions: on the embedded broker, joining a group again takes as long as a session, less a
/// second. A busy machine that stands still for two seconds loses none.
const DROPPING: &str =
    "&reject=drop&session.timeout.ms=3000&max.poll.interval.ms=5000&heartbeat.interval.ms=300";

/// Kafka supports all of it.
fn all_hold(report: &Report) {
    println!("{report}");
    let holds = |(name, verdict): (&str, &Result<Verdict, _>)| match verdict {
        Ok(Verdict::Holds) => true,
        // Other tests need the broker, and the test below has its own; there are no requests.
        Ok(Verdict::NotClaimed) => matches!(
            name,
            "a_receiver_outlives_its_broker"
                | "a_broker_that_stops_and_starts_loses_nothing"
                | "requests_get_their_own_replies"
        ),
        _ => false,
    };
    assert!(report.iter().all(holds), "\n{report}");
}

/// On its own broker, which is stopped and started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_goes_away_under_load() {
    let broker = Arc::new(Broker::start().unwrap());
    let venue = || Kafka {
        topic: Topic::on(&broker, 2),
        sending: "",
        receiving: DROPPING,
        broker: Some(Arc::clone(&broker)),
    };
    assert_eq!(a_receiver_outlives_its_broker(&venue()).await.unwrap(), Verdict::Holds);
    assert_eq!(a_broker_that_stops_and_starts_loses_nothing(&venue()).await.unwrap(), Verdict::Holds);
    // In the form of a report, for the record of what has run.
    println!("holds a_receiver_outlives_its_broker\nholds a_broker_that_stops_and_starts_loses_nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_partition() {
    let open = async || Ok(Kafka { topic: Topic::new(1), sending: "", receiving: DROPPING, broker: None });
    all_hold(&check_all(open).await);
}

/// Eager and cooperative rebalances use different code in librdkafka; so does a producer that is not
/// idempotent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_three_partitions_eagerly_with_a_dead_letter_topic() {
    let open = async || {
        Ok(Kafka {
            topic: Topic::new(3),
            sending: "&enable.idempotence=false&max.in.flight.requests.per.connection=1",
            receiving: "&dead-letter=rejected&partition.assignment.strategy=range\
                        &session.timeout.ms=3000&max.poll.interval.ms=5000&heartbeat.interval.ms=300",
            broker: None,
        })
    };
    crate::broker::SHARED.create_topic("rejected", 1).unwrap();
    all_hold(&check_all(open).await);
}

/// The group protocol of Kafka 4, where the broker assigns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_consumer_group_protocol() {
    let receiving = "&reject=drop&group.protocol=consumer";
    all_hold(
        &check_all(async || Ok(Kafka { topic: Topic::new(2), sending: "", receiving, broker: None })).await,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    if Topic::real(1).await.is_none() {
        println!("skipped: CE_TEST_KAFKA_URL is not set");
        return;
    }
    for (partitions, more) in
        [(1, ""), (3, "&partition.assignment.strategy=range"), (3, "&group.protocol=consumer")]
    {
        println!("{partitions} partitions {more}");
        let receiving = &*format!("&reject=drop{more}").leak();
        let open = async || {
            let topic = Topic::real(partitions).await.unwrap();
            Ok(Kafka { topic, sending: "", receiving, broker: None })
        };
        all_hold(&check_all(open).await);
    }
}
