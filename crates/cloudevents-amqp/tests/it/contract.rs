//! What every pair of sender and receiver has to do, over AMQP.
//!
//! The broker is one in memory, and the one that `CE_TEST_AMQP_URL` names, with everything of an address but its end:
//! `amqp://guest:guest@localhost:5672//queue/`.

use crate::tools::send_bare;
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpReceiverOptions, AmqpSenderOptions, from_sections, receiver, sender,
};
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::amqp::Broker;
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue, Verdict, check_all},
};
use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

struct Address {
    url: String,
    /// Whether it is on the broker in memory, which does all it should.
    memory: bool,
}

impl Venue for Address {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = Duration::from_secs(60);
        if !self.memory {
            // RabbitMQ before 4.0 says of a message that came again only that it did.
            claims.counts_attempts = std::env::var("CE_TEST_AMQP_COUNTS").is_ok();
        }
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&self.url, AmqpSenderOptions::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        receiver(&self.url, AmqpReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let mut message = AmqpMessage::new(Body::Data(body.to_vec().into()));
        if kind == ErrorKind::MissingAttribute {
            message = message
                .with_property("cloudEvents_specversion", AmqpValue::String("1.0".into()))
                .with_property("cloudEvents_id", AmqpValue::String("1".into()));
        }
        let address: Vec<_> = Endpoint::parse(&self.url)?.segments().collect();
        send_bare(&self.url, &address.join("/"), from_sections(message)?).await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let broker = Broker::start().unwrap();
    let report = check_all(async || Ok(Address { url: broker.url(&name()), memory: true })).await;
    assert!(report.iter().all(|(_, verdict)| matches!(verdict, Ok(Verdict::Holds))), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_broker() {
    let Ok(prefix) = std::env::var("CE_TEST_AMQP_URL") else {
        println!("skipped: CE_TEST_AMQP_URL is not set");
        return;
    };
    let open = async || Ok(Address { url: format!("{prefix}{}", name()), memory: false });
    let report = check_all(open).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// An address of its own for every check.
fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("contract-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
