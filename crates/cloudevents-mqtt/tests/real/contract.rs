//! The contract of senders and receivers, over MQTT 5 and 3.1.1.
//!
//! The broker is one in memory, and also the one that `CE_TEST_MQTT_URL` names. The variable contains all of a topic but its end:
//! `mqtt://localhost:1883/tests/`. `CE_TEST_BROKERS` names the scripts of a broker that is stopped and started.

use crate::tools::publish_bare;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_mqtt::rumqttc_next034::{MqttReceiverOptions, MqttSenderOptions, receiver, sender};
use cloudevents_testkit::mqtt::Broker;
use cloudevents_testkit::{patience, process::Process};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{
        Claims, Report, Restart, STOPS_THE_BROKER, Venue, check_all, check_some, interrupt, restarting,
    },
};
use std::{
    env, process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::task::block_in_place;

struct Topic {
    url: String,
    version: &'static str,
    /// Whether the broker is the one in memory.
    is_in_memory: bool,
    /// How the broker is stopped and started again, if it is this test's alone.
    restart: Option<Restart>,
}

impl Topic {
    /// A separate topic for every check.
    fn new(prefix: &str, version: &'static str, restart: Option<Restart>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let url = format!("{prefix}contract-{}-{number}", process::id());
        Self { url, version, is_in_memory: false, restart }
    }
}

impl Venue for Topic {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = 2 * patience();
        claims.attempts = Some(10);
        claims.documents = self.version == "5"; // the other has JSON only
        // What is behind a message may be sent when that is acknowledged: a retry can come before.
        claims.delays_retries = self.is_in_memory || !is_hivemq();
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&format!("{}?version={}", self.url, self.version), MqttSenderOptions::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        // The session has the name of the topic, so that the next receiver continues it.
        let client = self.url.rsplit('/').next().unwrap();
        let url = format!("{}?version={}&client={client}&reject=drop&session=10m", self.url, self.version);
        receiver(&url, MqttReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        if self.version != "5" && kind == ErrorKind::MissingAttribute {
            return Err(Error::new(ErrorKind::Unsupported)); // only a document could be marked
        }
        publish_bare(&self.url, kind == ErrorKind::MissingAttribute, body).await;
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        interrupt(self.restart.clone()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let report = in_memory("5").await;
    // MQTT does not report where a message is; the broker in memory takes any size.
    let unclaimed = [
        "receipts_say_where",
        "what_is_too_large_is_refused_and_blocks_nothing",
        "requests_without_replies_are_refused", // there are replies
    ];
    report.assert_holds_but(&unclaimed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_over_mqtt_3() {
    assert_holds_over_mqtt_3(&in_memory("3.1.1").await);
}

async fn in_memory(version: &'static str) -> Report {
    let broker = Arc::new(Mutex::new(Broker::start().unwrap()));
    let prefix = broker.lock().unwrap().url("");
    let restart = restarting(Arc::clone(&broker), |broker| {
        broker.stop();
        broker.restart().unwrap();
    });
    let open = async || {
        let topic = Topic::new(&prefix, version, Some(Arc::clone(&restart)));
        Ok(Topic { is_in_memory: true, ..topic })
    };
    check_all(open).await
}

/// MQTT 3.1.1 has neither binary mode nor other formats than JSON, so that two checks cannot hold.
fn assert_holds_over_mqtt_3(report: &Report) {
    println!("{report}");
    for (check, verdict) in report.iter() {
        let cannot = match check {
            "every_mode_arrives_or_is_refused" => Some("MQTT 3.1.1 has no content type"),
            "what_came_along_is_shown_and_forwarded" => Some("another body"),
            _ => None,
        };
        match (cannot, verdict) {
            (None, Ok(_)) => {}
            (Some(why), Err(failure)) if failure.to_string().contains(why) => {}
            _ => panic!("{check}\n{report}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    let Ok(prefix) = env::var("CE_TEST_MQTT_URL") else {
        println!("SKIPPED: CE_TEST_MQTT_URL is not set");
        return;
    };
    let wanted = |check: &str| !is_hivemq() || !HOLDING.contains(&check);
    let report = check_some(async || Ok(Topic::new(&prefix, "5", None)), wanted).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
    assert_holds_over_mqtt_3(&check_some(async || Ok(Topic::new(&prefix, "3.1.1", None)), wanted).await);
}

/// The broker is stopped and started again. It is Mosquitto, which is ended with SIGTERM: it writes what it has confirmed when it ends, and
/// every second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker_that_is_interrupted() {
    let broker = env::var("CE_TEST_MQTT_BROKER").unwrap_or_default();
    if broker != "mosquitto" {
        println!("SKIPPED: CE_TEST_MQTT_BROKER is not set to mosquitto");
        return;
    }
    let folder = env::temp_dir().join(cloudevents_testkit::behaviours::name("cloudevents-mqtt"));
    let Some(broker) = block_in_place(|| Process::broker(&folder, "mqtt", "mosquitto")) else { return };
    let prefix = format!("mqtt://127.0.0.1:{}/", broker.port());
    let process = Arc::new(Mutex::new(broker.that_ends_orderly()));
    let restart = restarting(process, |process| process.kill_and_restart().unwrap());
    let open = async || Ok(Topic::new(&prefix, "5", Some(Arc::clone(&restart))));
    let report = check_some(open, |check| STOPS_THE_BROKER.contains(&check)).await;
    report.assert_holds_but(&[]);
}

/// Checks that hold a message until others come. HiveMQ sends a session what it has at the moment, 50 messages at most, and more when all
/// of these are acknowledged: if it had one, no other comes.
const HOLDING: [&str; 11] = [
    "a_redrive_keeps_what_is_refused_again",
    "a_thousand_in_flight",
    "requests_get_their_own_replies",
    "what_is_dropped_comes_again",
    "a_stalled_consumer_bounds_messages",
    "a_stalled_consumer_bounds_bytes",
    "draining_waits_for_settlements",
    "draining_loses_nothing",
    "an_end_repeats_nothing",
    "what_is_left_at_an_end_keeps_its_order",
    "run_is_concurrent_and_keeps_order",
];

fn is_hivemq() -> bool {
    env::var("CE_TEST_MQTT_BROKER").is_ok_and(|broker| broker == "hivemq")
}
