//! The contract of senders and receivers, over AMQP.
//!
//! The broker is one in memory, and also the one that `CE_TEST_AMQP_URL` names. The variable contains all
//! of an address but its end: `amqp://guest:guest@localhost:5672//queue/`. `CE_TEST_BROKERS` names the scripts of a broker that is
//! stopped and started.

use crate::tools::send_bare;
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpReceiverOptions, AmqpSenderOptions, from_sections, receiver, sender,
};
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::amqp::Broker;
use cloudevents_testkit::{patience, process::Process};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Restart, STOPS_THE_BROKER, Venue, check_all, check_some, interrupt, restarting},
};
use std::{
    env,
    sync::{Arc, Mutex},
};
use tokio::task::block_in_place;

struct Address {
    url: String,
    /// Whether the broker is the one in memory, which supports everything.
    is_in_memory: bool,
    /// How the broker is stopped and started again, if it is this test's alone.
    restart: Option<Restart>,
}

impl Venue for Address {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // A broker that starts takes a while.
        claims.patience =
            if !self.is_in_memory && self.restart.is_some() { 4 * patience() } else { patience() };
        claims.attempts = self.is_in_memory.then_some(10);
        if !self.is_in_memory {
            // RabbitMQ before 4.0 only reports that a message was delivered before.
            claims.counts_attempts = env::var("CE_TEST_AMQP_COUNTS").is_ok();
        }
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&self.url, AmqpSenderOptions::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        receiver(&format!("{}?reject=broker", self.url), AmqpReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let mut message = AmqpMessage::new(Body::Data(body.to_vec().into()));
        if kind == ErrorKind::MissingAttribute {
            message = message
                .with_property("cloudEvents_specversion", AmqpValue::String("1.0".into()))
                .with_property("cloudEvents_id", AmqpValue::String("1".into()));
        }
        let address: Vec<_> = Endpoint::parse(&self.url)?.segments().collect();
        let (url, address, message) = (self.url.clone(), address.join("/"), from_sections(message)?);
        // A task of its own, so that its panic is a verdict.
        let sent = tokio::spawn(async move { send_bare(&url, &address, message).await });
        sent.await.map_err(|error| Error::new(ErrorKind::Transport).with_source(error))
    }

    async fn interrupt(&self) -> Result<(), Error> {
        interrupt(self.restart.clone()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let broker = Arc::new(Mutex::new(Broker::start().unwrap()));
    let restart = restarting(Arc::clone(&broker), |broker| {
        broker.stop();
        broker.restart().unwrap();
    });
    let open = async || {
        let url = broker.lock().unwrap().url(&name());
        Ok(Address { url, is_in_memory: true, restart: Some(Arc::clone(&restart)) })
    };
    let report = check_all(open).await;
    // An acceptance of AMQP does not report an offset; the broker in memory takes any size; there are replies.
    let unclaimed = [
        "receipts_say_where",
        "what_is_too_large_is_refused_and_blocks_nothing",
        "requests_without_replies_are_refused",
    ];
    report.assert_holds_but(&unclaimed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    let Ok(prefix) = env::var("CE_TEST_AMQP_URL") else {
        println!("skipped: CE_TEST_AMQP_URL is not set");
        return;
    };
    let open =
        async || Ok(Address { url: format!("{prefix}{}", name()), is_in_memory: false, restart: None });
    let report = check_all(open).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// The broker is stopped and started again, with SIGKILL. The messages that it has accepted are on its disk.
///
/// It is Artemis. The other brokers of `.ci/brokers/amqp` store no messages, or only in queues that are declared elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker_that_is_interrupted() {
    let broker = env::var("CE_TEST_AMQP_BROKER").unwrap_or_default();
    if broker != "artemis" {
        println!("skipped: CE_TEST_AMQP_BROKER is not set to artemis");
        return;
    }
    let folder = env::temp_dir().join(name());
    let Some(process) = block_in_place(|| Process::broker(&folder, "amqp", "artemis")) else { return };
    let prefix = format!("amqp://127.0.0.1:{}/", process.port());
    let process = Arc::new(Mutex::new(process));
    let restart = restarting(process, |process| process.kill_and_restart().unwrap());
    let open = async || {
        let restart = Some(Arc::clone(&restart));
        Ok(Address { url: format!("{prefix}{}", name()), is_in_memory: false, restart })
    };
    let report = check_some(open, |check| STOPS_THE_BROKER.contains(&check)).await;
    report.assert_holds_but(&[]);
}

/// A separate address for every check.
fn name() -> String {
    cloudevents_testkit::behaviours::name("contract")
}
