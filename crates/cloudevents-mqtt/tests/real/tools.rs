//! Helpers for the tests of the client.

use cloudevents_core::DecodeOptions;
use cloudevents_mqtt::rumqttc_next034::{MqttReceiverOptions, MqttSenderOptions, receiver, sender};
use cloudevents_testkit::mqtt::{Broker, SessionView};
pub(crate) use cloudevents_testkit::{
    deliveries::{event, events, id, large_binary as large, next, within},
    patience,
};
use cloudevents_transport::{Endpoint, Receiver, Sender, binding::log::LogOptions};
use rumqttc_v5::{
    AsyncClient, Event as Polled, Incoming, MqttOptions, PublishOptions,
    mqttbytes::{QoS, v5::PublishProperties},
};

pub(crate) async fn sender_to(broker: &Broker, topic: &str) -> Sender {
    sender(&broker.url(topic), MqttSenderOptions::default()).await.unwrap()
}

/// Opens a receiver with a session of this name.
pub(crate) async fn receiver_from(broker: &Broker, filter: &str, client: &str) -> Receiver {
    receiver(&format!("{}?client={client}", broker.url(filter)), strict()).await.unwrap()
}

pub(crate) fn strict() -> MqttReceiverOptions {
    let mut options = MqttReceiverOptions::from(DecodeOptions::strict());
    options.log = LogOptions::default().dropping_rejected();
    options
}

/// Waits until the session of this client is as wanted.
pub(crate) async fn until(broker: &Broker, client: &str, wanted: impl Fn(Option<SessionView>) -> bool) {
    if tokio::time::timeout(patience(), broker.until(client, wanted)).await.is_err() {
        panic!("the session stays {:?}", broker.session(client));
    }
}

/// Publishes with the client library alone: a message with marks of an event that misses attributes, or without any.
pub(crate) async fn publish_bare(url: &str, marked: bool, body: &[u8]) {
    let endpoint = Endpoint::parse(url).unwrap();
    let host = endpoint.host().unwrap();
    let topic = endpoint.segments().collect::<Vec<_>>().join("/");
    let mut options = MqttOptions::new("", (host.name(), host.port().unwrap()));
    options.set_keep_alive(30);
    let (client, mut events) = AsyncClient::builder(options).capacity(10).build();
    let mut properties = PublishProperties::default();
    let mut body = body.to_vec();
    if marked {
        properties.user_properties =
            [("specversion", "1.0"), ("id", "1")].map(|(name, value)| (name.into(), value.into())).into();
    }
    let _ = &mut body;
    let options = PublishOptions::new(QoS::AtLeastOnce).properties(properties);
    client.publish(topic, body, options).await.unwrap();
    within(async { while !matches!(events.poll().await.unwrap(), Polled::Incoming(Incoming::PubAck(_))) {} })
        .await;
}

/// Waits until the receiver has noticed that it lost its connection.
pub(crate) async fn lost(receiver: &Receiver) {
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.losses() == 0 {
            connectivity.changed().await;
        }
    })
    .await;
}

/// Waits until the receiver has its second connection.
pub(crate) async fn connected_again(receiver: &Receiver) {
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.connects() < 2 {
            connectivity.changed().await;
        }
    })
    .await;
}
