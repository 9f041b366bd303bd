//! The contract of senders and receivers, over RabbitMQ.
//!
//! The broker is one in memory, and also the one that `CE_TEST_RABBITMQ_URL` names. The variable contains all
//! of a URL but its options: `rabbitmq://guest:guest@localhost:5672/`. `CE_TEST_RABBITMQ_QUEUES` is the type of
//! its queues, `classic` if it is not set. `CE_TEST_BROKERS` names the scripts of a broker that is stopped and started.

use crate::tools::{name, queues, real};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_rabbitmq::lapin4::{QueueType, RabbitReceiverOptions, RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::rabbitmq::Broker;
use cloudevents_testkit::{patience, process::Process};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Restart, STOPS_THE_BROKER, Venue, check_all, check_some, interrupt, restarting},
};
use std::{
    env,
    sync::{Arc, Mutex},
};
use tokio::task::block_in_place;

struct Place {
    /// All but the options.
    server: String,
    queue: String,
    queues: QueueType,
    /// Whether the broker is the one in memory.
    is_in_memory: bool,
    /// How the broker is stopped and started again, if it is this test's alone.
    restart: Option<Restart>,
}

impl Venue for Place {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // A broker that starts takes a while.
        claims.patience =
            if !self.is_in_memory && self.restart.is_some() { 4 * patience() } else { 2 * patience() };
        claims.attempts = Some(10);
        claims.too_large = Some(17 << 20);
        claims.releases_count = self.queues == QueueType::Quorum;
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = RabbitSenderOptions::default();
        options.declare = Some(self.queues);
        sender(&format!("{}?queue={}", self.server, self.queue), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = RabbitReceiverOptions::from(options);
        options.declare = Some(self.queues);
        receiver(&format!("{}?queue={}&reject=broker", self.server, self.queue), options).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let headers: &[(&str, &str)] = match kind {
            ErrorKind::MissingAttribute => &[("ce-specversion", "1.0"), ("ce-id", "1")],
            _ => &[],
        };
        crate::bare::publish(&self.server, &self.queue, headers, body).await;
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        interrupt(self.restart.clone()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    holds_in_memory(QueueType::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_for_quorum_queues() {
    holds_in_memory(QueueType::Quorum).await;
}

async fn holds_in_memory(queues: QueueType) {
    let broker = Arc::new(Mutex::new(Broker::start().unwrap()));
    let restart = restarting(Arc::clone(&broker), |broker| {
        broker.stop();
        broker.restart().unwrap();
    });
    let open = async || {
        let server = broker.lock().unwrap().url("").trim_end_matches('?').to_owned();
        let restart = Some(Arc::clone(&restart));
        Ok(Place { server, queue: name("contract"), queues, is_in_memory: true, restart })
    };
    let report = check_all(open).await;
    // A confirmation does not say where in the queue the message is; there are no requests.
    let unclaimed = ["receipts_say_where", "requests_get_their_own_replies"];
    report.assert_holds_but(&unclaimed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    let Some(server) = real() else { return };
    let open = async || {
        let queue = name("contract");
        Ok(Place { server: server.clone(), queue, queues: queues(), is_in_memory: false, restart: None })
    };
    let report = check_all(open).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// The broker is stopped and started again, with SIGKILL. The messages that it has confirmed are on its disk. For quorum queues, it is
/// SIGTERM: one of RabbitMQ 3.10 that is killed within seconds of its declaration may have no leader ever after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker_that_is_interrupted() {
    if real().is_none() {
        return;
    }
    let folder = env::temp_dir().join(name("cloudevents-rabbitmq"));
    let broker = match queues() {
        QueueType::Quorum => "quorum",
        _ => "classic",
    };
    let Some(process) = block_in_place(|| Process::broker(&folder, "rabbitmq", broker)) else { return };
    let server = format!("rabbitmq://guest:guest@127.0.0.1:{}/", process.port());
    let process = if queues() == QueueType::Quorum { process.that_ends_orderly() } else { process };
    let process = Arc::new(Mutex::new(process));
    let restart = restarting(process, |process| process.kill_and_restart().unwrap());
    let open = async || {
        let (server, restart) = (server.clone(), Some(Arc::clone(&restart)));
        Ok(Place { server, queue: name("contract"), queues: queues(), is_in_memory: false, restart })
    };
    let report = check_some(open, |check| STOPS_THE_BROKER.contains(&check)).await;
    report.assert_holds_but(&[]);
}
