//! Incidents of connections, over MQTT 5 and 3.1.1: the broker in memory, and the one that `CE_TEST_MQTT_URL` names.

use crate::tools::{id, large, within};
use cloudevents_core::Error;
use cloudevents_mqtt::rumqttc_next034::{
    MqttConnection, MqttReceiverOptions, MqttSenderOptions, receiver, sender,
};
use cloudevents_testkit::{
    behaviours::name,
    fault_proxy::{FaultProxy, Flow},
    incidents::{Patience, Proxied, check_all, check_replaced},
    mqtt::Broker,
    patience,
};
use cloudevents_transport::{
    Bounds, Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};

use std::{num::NonZeroU32, time::Duration};

struct Topic {
    proxy: FaultProxy,
    /// All but the options.
    url: String,
    name: String,
    version: &'static str,
    patience: Patience,
}

impl Topic {
    fn new(prefix: &str, version: &'static str, patience: Patience) -> Self {
        let host = Endpoint::parse(prefix).unwrap().host().unwrap().to_string();
        let proxy = FaultProxy::start(host.parse().unwrap()).unwrap();
        let name = name("incident");
        let url = format!("{}{name}", prefix.replace(&host, &proxy.address().to_string()));
        Self { proxy, url, name, version, patience }
    }

    fn url(&self, query: &str) -> String {
        format!("{}?version={}{query}", self.url, self.version)
    }

    /// A connection is lost after a silence of one and a half Keep Alives at the latest.
    fn connection(&self) -> MqttConnection {
        let mut connection = MqttConnection::default();
        connection.keep_alive = self.patience.silence / 2;
        connection
    }
}

impl Venue for Topic {
    fn claims(&self) -> Claims {
        Claims::default()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = MqttSenderOptions::default();
        (options.connection, options.sender.timeout) = (self.connection(), Some(self.patience.send));
        options.sender.enqueue_timeout = self.patience.send;
        sender(&self.url(""), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = MqttReceiverOptions::from(options);
        options.connection = self.connection();
        receiver(&self.url(&format!("&client={}&reject=drop&session=10m", self.name)), options).await
    }
}

impl Proxied for Topic {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

async fn holds(prefix: &str, version: &'static str) {
    let report = check_all(async |patience| Ok(Topic::new(prefix, version, patience))).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// What confirms earlier messages is read while others are written, though as many wait as may be in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_over_a_slow_line_are_no_silence() {
    let broker = Broker::start().unwrap();
    let topic = Topic::new(&broker.url(""), "5", Patience::LONG);
    topic.proxy.slow(Flow::ToServer, NonZeroU32::new(4 << 20).unwrap());
    let mut options = MqttSenderOptions::default();
    // Half of all takes longer to write than a broker may be silent. One message does not by far, so that something is heard all the time.
    options.connection.keep_alive = Duration::from_secs(3);
    options.sender.in_flight = Some(Bounds { bytes: 28 << 20, ..Bounds::default() });
    options.sender.timeout = Some(Duration::from_secs(120));
    options.sender.enqueue_timeout = Duration::from_secs(120);
    let sender = sender(&topic.url(""), options).await.unwrap();
    let sending = (0..900).map(|number| {
        let sender = sender.clone();
        async move { sender.send(&large(number, 64 << 10)).await }
    });
    for sent in futures_util::future::join_all(sending).await {
        sent.unwrap();
    }
    assert_eq!(sender.connectivity().losses(), 0);
}

/// The confirmation of the subscription comes after the messages that have waited. The line takes longer for these than a connection may
/// take to open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_with_a_backlog_is_resumed_over_a_slow_line() {
    for (count, bytes) in [(20, 20_000), (1, 400_000)] {
        let broker = Broker::start().unwrap();
        let topic = Topic::new(&broker.url(""), "5", Patience::LONG);
        let open = async || {
            let mut options = MqttReceiverOptions::from(ReceiverOptions::default());
            options.connection.connect_timeout = Duration::from_secs(5);
            receiver(&topic.url("&client=slow&reject=drop&session=10m"), options).await.unwrap()
        };
        open().await.drain(patience()).await.unwrap();
        let sender = topic.sender().await.unwrap();
        sender.send_all((0..count).map(|number| large(number, bytes))).await.unwrap();
        topic.proxy.slow(Flow::ToClient, NonZeroU32::new(60_000).unwrap());
        let mut receiver = open().await;
        for number in 0..count {
            let delivery = within(receiver.next()).await.unwrap().unwrap();
            assert_eq!(id(&delivery), number.to_string());
            delivery.accept().await.unwrap();
        }
        assert_eq!(receiver.connectivity().losses(), 0);
    }
}

/// It has no session, so the receiver subscribes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_replaced_by_an_empty_one() {
    for version in ["5", "3.1.1"] {
        let (broker, empty) = (Broker::start().unwrap(), Broker::start().unwrap());
        let topic = Topic::new(&broker.url(""), version, Patience::LONG);
        check_replaced(&topic, ([127, 0, 0, 1], empty.port()).into()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_mqtt() {
    let broker = Broker::start().unwrap();
    holds(&broker.url(""), "5").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_mqtt_3() {
    let broker = Broker::start().unwrap();
    holds(&broker.url(""), "3.1.1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_on_a_real_broker() {
    let Ok(prefix) = std::env::var("CE_TEST_MQTT_URL") else {
        println!("SKIPPED: CE_TEST_MQTT_URL is not set");
        return;
    };
    tokio::join!(holds(&prefix, "5"), holds(&prefix, "3.1.1"));
}
