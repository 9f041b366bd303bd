//! Incidents of connections, over AMQP 1.0: the broker in memory, and the one that `CE_TEST_AMQP_URL` names.

use crate::tools::{event, id, large, next, within};
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpConnection, AmqpReceiverOptions, AmqpSenderOptions, receiver, sender,
};
use cloudevents_core::Error;
use cloudevents_testkit::{
    amqp::Broker,
    behaviours::name,
    fault_proxy::FaultProxy,
    incidents::{Patience, Proxied, check_all, check_replaced},
};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};

struct Address {
    proxy: FaultProxy,
    url: String,
    patience: Patience,
}

impl Address {
    fn new(prefix: &str, patience: Patience) -> Self {
        let host = Endpoint::parse(&format!("{prefix}x")).unwrap().host().unwrap().to_string();
        let proxy = FaultProxy::start(host.parse().unwrap()).unwrap();
        let url = prefix.replace(&host, &proxy.address().to_string()) + &name("incident");
        Self { proxy, url, patience }
    }

    fn connection(&self) -> AmqpConnection {
        let mut connection = AmqpConnection::default();
        connection.idle_timeout = self.patience.silence;
        connection
    }
}

impl Venue for Address {
    fn claims(&self) -> Claims {
        Claims::default()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = AmqpSenderOptions::default();
        (options.connection, options.sender.timeout) = (self.connection(), Some(self.patience.send));
        options.sender.enqueue_timeout = self.patience.send;
        sender(&self.url, options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = AmqpReceiverOptions::from(options);
        options.connection = self.connection();
        receiver(&format!("{}?reject=broker", self.url), options).await
    }
}

impl Proxied for Address {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_replaced_by_an_empty_one() {
    let (broker, empty) = (Broker::start().unwrap(), Broker::start().unwrap());
    let address = ([127, 0, 0, 1], empty.port()).into();
    check_replaced(&Address::new(&broker.url(""), Patience::LONG), address).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_amqp() {
    let broker = Broker::start().unwrap();
    let report = check_all(async |patience| Ok(Address::new(&broker.url(""), patience))).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_on_a_real_broker() {
    let Ok(prefix) = std::env::var("CE_TEST_AMQP_URL") else {
        println!("SKIPPED: CE_TEST_AMQP_URL is not set");
        return;
    };
    let report = check_all(async |patience| Ok(Address::new(&prefix, patience))).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// Some brokers send it though the link says how much it takes. It is the first message of each link then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_brokers_that_send_more_than_a_link_takes_stop_no_queue() {
    let Ok(prefix) = std::env::var("CE_TEST_AMQP_URL") else {
        println!("SKIPPED: CE_TEST_AMQP_URL is not set");
        return;
    };
    let url = prefix + &name("limit");
    let mut options = AmqpReceiverOptions::from(ReceiverOptions::default());
    options.max_message_size = Some(20_000);
    let mut receiver = receiver(&format!("{url}?reject=drop"), options).await.unwrap();
    let sender = sender(&url, AmqpSenderOptions::default()).await.unwrap();
    within(sender.send(&large("large", 100_000))).await.unwrap();
    within(sender.send(&event("small"))).await.unwrap();
    loop {
        let delivery = next(&mut receiver).await;
        println!("{} after {} losses", id(&delivery), receiver.connectivity().losses());
        let is_last = id(&delivery) == "small";
        within(delivery.accept()).await.unwrap();
        if is_last {
            return;
        }
    }
}
