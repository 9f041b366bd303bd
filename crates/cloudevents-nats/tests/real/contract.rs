//! The contract of senders and receivers, over core NATS and JetStream.
//!
//! Core NATS is the server in memory. JetStream, and core NATS again, are on the server that
//! `CE_TEST_NATS_URL` names: `nats://127.0.0.1:4222`. `CE_TEST_NATS_BIN` names the program of a server that is
//! stopped and started.

use crate::{
    process::Process,
    tools::{create_stream, name, patience, put_raw},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_nats::async_nats051::{NatsReceiverOptions, NatsSenderOptions, receiver, sender};
use cloudevents_testkit::nats::Server;
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Report, Restart, Venue, Verdict, check_all, interrupt},
};
use std::sync::{Arc, Mutex};

/// A subject of core NATS.
struct Subject {
    server: String,
    name: String,
}

impl Venue for Subject {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = patience();
        claims.persistent = false; // a message is forgotten once it was sent
        claims.any_format = false; // NATS-3-b
        claims.too_large = Some(2 << 20);
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&format!("{}/{}", self.server, self.name), NatsSenderOptions::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let url = format!("{}/{}?reject=drop", self.server, self.name);
        receiver(&url, NatsReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        put(&self.server, &self.name, kind, body).await;
        Ok(())
    }
}

/// A subject that a stream has, with a durable consumer.
struct Stream {
    server: String,
    name: String,
    /// How the server is stopped and started again, if it is this test's alone.
    restart: Option<Restart>,
}

impl Venue for Stream {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = patience();
        claims.any_format = false; // NATS-3-b
        claims.too_large = Some(2 << 20);
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let url = format!("{}/{}.x", self.server.replacen("nats:", "nats+jetstream:", 1), self.name);
        sender(&url, NatsSenderOptions::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let server = self.server.replacen("nats:", "nats+jetstream:", 1);
        // What the server sends while a receiver ends comes again when its time is over: within the patience.
        let url = format!("{server}/{}.*?consumer=contract&reject=broker&ack-wait=10s", self.name);
        receiver(&url, NatsReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        put(&self.server, &format!("{}.x", self.name), kind, body).await;
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        interrupt(self.restart.clone()).await
    }
}

/// Publishes without a client. The server has it when this returns: before what is sent next, over another connection.
async fn put(server: &str, subject: &str, kind: ErrorKind, body: &[u8]) {
    let port = Endpoint::parse(server).unwrap().host().unwrap().port().unwrap();
    let headers: &[u8] = match kind {
        ErrorKind::MissingAttribute => b"NATS/1.0\r\nce-specversion: 1.0\r\nce-id: 1\r\n\r\n",
        _ => b"NATS/1.0\r\n\r\n",
    };
    put_raw(port, subject, headers, body).await;
}

fn check(report: &Report, unclaimed: &[&str]) {
    check_but(&[], report, unclaimed);
}

/// Checks that servers before 2.10 may fail: they release deliveries just before the receiver ends. See `withdrawn`.
async fn faults(server: &str) -> &'static [&'static str] {
    let client = async_nats::connect(server).await.unwrap();
    match client.is_server_compatible(2, 10, 0) {
        true => &[],
        false => &[
            "draining_loses_nothing",
            "what_is_left_at_an_end_keeps_its_order",
            "a_cancelled_run_loses_nothing",
        ],
    }
}

/// Leaves out the verdicts of these checks.
fn check_but(faults: &[&str], report: &Report, unclaimed: &[&str]) {
    println!("{report}");
    for (check, verdict) in report.iter().filter(|(check, _)| !faults.contains(check)) {
        let expected = if unclaimed.contains(&check) { Verdict::NotClaimed } else { Verdict::Holds };
        assert!(verdict.as_ref().is_ok_and(|verdict| *verdict == expected), "{check}\n{report}");
    }
}

/// What core NATS does not claim: it confirms nothing, keeps nothing, and answers requests.
const CORE: &[&str] = &[
    "receipts_say_where",
    "requests_without_replies_are_refused",
    "a_broker_that_stops_and_starts_loses_nothing",
    "draining_loses_nothing",
    "an_end_repeats_nothing",
    "what_is_left_at_an_end_keeps_its_order",
    "a_cancelled_run_loses_nothing",
    "a_receiver_outlives_its_broker",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let server = Server::start().unwrap();
    let open =
        async || Ok(Subject { server: server.url("").trim_end_matches('/').into(), name: name("contract") });
    check(&check_all(open).await, CORE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    let Some(server) = crate::tools::real() else { return };
    let open = async || Ok(Subject { server: server.clone(), name: name("contract") });
    let report = check_all(open).await;
    check(&report, CORE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_jetstream() {
    let Some(server) = crate::tools::real() else { return };
    let open = async || {
        let name = name("contract");
        create_stream(&server, &name).await;
        Ok(Stream { server: server.clone(), name, restart: None })
    };
    let report = check_all(open).await;
    let unclaimed = [
        "requests_get_their_own_replies",
        "a_broker_that_stops_and_starts_loses_nothing",
        "a_receiver_outlives_its_broker",
    ];
    check_but(faults(&server).await, &report, &unclaimed);
}

/// The server is killed and started again during two of the checks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_jetstream_that_is_interrupted() {
    let Some(process) = Process::start() else { return };
    let (server, process) = (process.url(), Mutex::new(process));
    let restart: Restart = Arc::new(move || {
        let mut process = process.lock().unwrap();
        process.kill();
        process.restart();
    });
    let open = async || {
        let name = name("contract");
        create_stream(&server, &name).await;
        Ok(Stream { server: server.clone(), name, restart: Some(Arc::clone(&restart)) })
    };
    let report = check_all(open).await;
    check_but(faults(&server).await, &report, &["requests_get_their_own_replies"]);
}
