//! Helpers for the tests of the client.

use cloudevents_amqp::fe2o3_amqp018::{
    AmqpReceiverOptions, AmqpSenderOptions, Fe2o3Message, SasPolicy, Token, Tokens, receiver, sender,
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_testkit::amqp::{Broker, Queue};
pub(crate) use cloudevents_testkit::{
    deliveries::{event, events, id, large_binary as large, next, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};
use fe2o3_amqp::{Connection, Session, sasl_profile::SaslProfile};
use std::{
    pin::Pin,
    time::{Duration, SystemTime},
};

pub(crate) async fn sender_to(broker: &Broker, address: &str) -> Sender {
    sender(&broker.url(address), AmqpSenderOptions::default()).await.unwrap()
}

pub(crate) async fn receiver_from(broker: &Broker, address: &str) -> Receiver {
    receiver(&broker.url(address), strict()).await.unwrap()
}

pub(crate) fn strict() -> AmqpReceiverOptions {
    let mut options = AmqpReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().rejecting_to_broker();
    options
}

pub(crate) async fn until(queue: &Queue, wanted: impl Fn(&Queue) -> bool) {
    if tokio::time::timeout(patience(), queue.until(wanted)).await.is_err() {
        panic!("the queue stays {queue:?}");
    }
}

/// Sends with only the client library.
pub(crate) async fn send_bare(url: &str, address: &str, message: Fe2o3Message) {
    within(async {
        // A user in the URL takes precedence over the profile.
        let builder = Connection::builder().container_id("bare").sasl_profile(SaslProfile::Anonymous);
        let mut connection = builder.open(url).await.unwrap();
        let mut session = Session::begin(&mut connection).await.unwrap();
        let mut sender = fe2o3_amqp::Sender::attach(&mut session, "bare", address).await.unwrap();
        sender.send(message).await.unwrap();
        // It was accepted; how the broker ends the rest, or that it never does, does not matter.
        let farewell = async { (sender.close().await, session.end().await, connection.close().await) };
        let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
    })
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

/// Tokens that last for three seconds more than they say: the broker ends no link for a renewal that is a little late.
#[derive(Debug)]
pub(crate) struct Lasting(SasPolicy);

impl Lasting {
    const MORE: Duration = Duration::from_secs(3);

    pub(crate) fn new(seconds: u64) -> Self {
        let lifetime = Duration::from_secs(seconds) + Self::MORE;
        Self(SasPolicy::new("policy", "key").with_lifetime(lifetime))
    }
}

impl Tokens for Lasting {
    fn token(
        &self,
        audience: String,
        now: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + '_>> {
        let token = self.0.sign(&audience, now);
        let token = token.map(|token| Token { expires: token.expires - Self::MORE, ..token });
        Box::pin(std::future::ready(token))
    }
}

/// Waits until the tokens that were put until now have expired, so that the broker has ended the links for which there is no other.
pub(crate) async fn expired(broker: &Broker) {
    let last = broker.tokens().iter().filter_map(|put| put.expires).max().unwrap();
    while SystemTime::UNIX_EPOCH + Duration::from_secs(last) > SystemTime::now() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await; // until a link has ended
}
