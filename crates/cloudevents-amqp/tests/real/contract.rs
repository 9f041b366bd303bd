//! The contract of senders and receivers, over AMQP.
//!
//! The broker is one in memory, and also the one that `CE_TEST_AMQP_URL` names. The variable contains all
//! of an address but its end: `amqp://guest:guest@localhost:5672//queue/`.

use crate::tools::send_bare;
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpReceiverOptions, AmqpSenderOptions, from_sections, receiver, sender,
};
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::amqp::Broker;
use cloudevents_testkit::patience;
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue, Verdict, check_all},
};
use std::sync::{Arc, Mutex};
use tokio::task::spawn_blocking;

struct Address {
    url: String,
    /// The broker in memory, which supports everything. `None` for a real one.
    memory: Option<Arc<Mutex<Broker>>>,
}

impl Venue for Address {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = patience();
        claims.attempts = self.memory.is_some().then_some(10);
        if self.memory.is_none() {
            // RabbitMQ before 4.0 only reports that a message was delivered before.
            claims.counts_attempts = std::env::var("CE_TEST_AMQP_COUNTS").is_ok();
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
        let Some(broker) = self.memory.clone() else { return Err(Error::new(ErrorKind::Unsupported)) };
        let interrupted = spawn_blocking(move || {
            let mut broker = broker.lock().unwrap();
            broker.stop();
            broker.restart()
        });
        interrupted.await.unwrap().unwrap();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let broker = Arc::new(Mutex::new(Broker::start().unwrap()));
    let open = async || {
        let url = broker.lock().unwrap().url(&name());
        Ok(Address { url, memory: Some(Arc::clone(&broker)) })
    };
    let report = check_all(open).await;
    // An acceptance of AMQP does not report an offset; the broker in memory takes any size; there are replies.
    let unclaimed = [
        "receipts_say_where",
        "what_is_too_large_is_refused_and_blocks_nothing",
        "requests_without_replies_are_refused",
    ];
    for (check, verdict) in report.iter() {
        let expected = if unclaimed.contains(&check) { Verdict::NotClaimed } else { Verdict::Holds };
        assert!(verdict.as_ref().is_ok_and(|verdict| *verdict == expected), "{check}\n{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    let Ok(prefix) = std::env::var("CE_TEST_AMQP_URL") else {
        println!("skipped: CE_TEST_AMQP_URL is not set");
        return;
    };
    let open = async || Ok(Address { url: format!("{prefix}{}", name()), memory: None });
    let report = check_all(open).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// A separate address for every check.
fn name() -> String {
    cloudevents_testkit::behaviours::name("contract")
}
