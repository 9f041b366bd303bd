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
    contract::{Claims, Venue, Verdict, check_all, check_some},
};
use std::{
    env,
    sync::{Arc, Mutex},
};
use tokio::task::{block_in_place, spawn_blocking};

struct Place {
    /// All but the options.
    server: String,
    queue: String,
    queues: QueueType,
    /// The broker in memory. `None` for a real one.
    memory: Option<Arc<Mutex<Broker>>>,
    /// A real broker of this test alone, which can be interrupted.
    process: Option<Arc<Mutex<Process>>>,
}

impl Venue for Place {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // A broker that starts takes a while.
        claims.patience = if self.process.is_some() { 4 * patience() } else { 2 * patience() };
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
        let (memory, process) = (self.memory.clone(), self.process.clone());
        if memory.is_none() && process.is_none() {
            return Err(Error::new(ErrorKind::Unsupported));
        }
        let interrupted = spawn_blocking(move || {
            if let Some(process) = process {
                process.lock().unwrap().kill_and_restart().unwrap();
            }
            if let Some(broker) = memory {
                let mut broker = broker.lock().unwrap();
                broker.stop();
                broker.restart().unwrap();
            }
        });
        interrupted.await.unwrap();
        Ok(())
    }
}

/// These stop the broker.
const INTERRUPTED: [&str; 2] =
    ["a_broker_that_stops_and_starts_loses_nothing", "a_receiver_outlives_its_broker"];

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
    let open = async || {
        let server = broker.lock().unwrap().url("").trim_end_matches('?').to_owned();
        let memory = Some(Arc::clone(&broker));
        Ok(Place { server, queue: name("contract"), queues, memory, process: None })
    };
    let report = check_all(open).await;
    println!("{report}");
    // A confirmation does not say where in the queue the message is; there are no requests.
    let unclaimed = ["receipts_say_where", "requests_get_their_own_replies"];
    for (check, verdict) in report.iter() {
        let expected = if unclaimed.contains(&check) { Verdict::NotClaimed } else { Verdict::Holds };
        assert!(verdict.as_ref().is_ok_and(|verdict| *verdict == expected), "{check}\n{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    let Some(server) = real() else { return };
    let open = async || {
        let queue = name("contract");
        Ok(Place { server: server.clone(), queue, queues: queues(), memory: None, process: None })
    };
    let report = check_all(open).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// The broker is stopped and started again, with SIGKILL. What it has confirmed is on its disk. For quorum queues, it is SIGTERM: one of
/// RabbitMQ 3.10 that is killed within seconds of its declaration may have no leader ever after.
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
    let open = async || {
        let (server, process) = (server.clone(), Some(Arc::clone(&process)));
        Ok(Place { server, queue: name("contract"), queues: queues(), memory: None, process })
    };
    let report = check_some(open, |check| INTERRUPTED.contains(&check)).await;
    println!("{report}");
    for (check, verdict) in report.iter() {
        assert!(verdict.as_ref().is_ok_and(|verdict| *verdict == Verdict::Holds), "{check}\n{report}");
    }
}
