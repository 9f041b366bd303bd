//! Claims-based security, with a node `$cbs` that requires what Azure requires.

use crate::tools::{event, id, lost, next, strict, within};
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpConnection, AmqpSenderOptions, SasPolicy, Token, Tokens, receiver, sender,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::amqp::{Broker, BrokerOptions};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

fn broker() -> Broker {
    let mut options = BrokerOptions::default();
    options.tokens = true;
    Broker::with_options(options).unwrap()
}

fn with(tokens: impl Tokens) -> AmqpConnection {
    let mut connection = AmqpConnection::default();
    connection.tokens = Some(Arc::new(tokens));
    connection
}

#[tokio::test]
async fn tokens_are_put_before_anything_else() {
    let broker = broker();
    let url = broker.url("orders").replace("//", "//policy:k%2Fey@") + "?sasl=cbs";
    let sender = sender(&url, AmqpSenderOptions::default()).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "1");
    within(delivery.accept()).await.unwrap();

    let put = broker.tokens();
    assert_eq!(put.len(), 2); // each connection puts its own
    for put in put {
        assert_eq!(put.kind, "servicebus.windows.net:sastoken");
        assert_eq!(put.audience, "amqp://127.0.0.1/orders");
        // The signature is that of the vectors' implementation: see the tests of the policy.
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(put.expires.unwrap());
        let signed =
            SasPolicy::new("policy", "k/ey").sign(&put.audience, expires - Duration::from_secs(3600));
        assert_eq!(put.token, signed.unwrap().text.expose());
    }
}

#[tokio::test]
async fn tokens_are_renewed_before_they_expire() {
    let broker = broker();
    let policy = || SasPolicy::new("policy", "key").with_lifetime(Duration::from_secs(3));
    let mut sending = AmqpSenderOptions::default();
    sending.connection = with(policy());
    let mut receiving = strict();
    receiving.connection = with(policy());
    let sender = sender(&broker.url("orders"), sending).await.unwrap();
    let mut receiver = receiver(&broker.url("orders"), receiving).await.unwrap();
    // When each has put two more tokens, the first tokens of both have expired.
    within(broker.has_tokens(6)).await;
    within(sender.send(&event(1))).await.unwrap();
    // An error would mean that the broker has closed the link.
    let delivery = next(&mut receiver).await;
    within(delivery.accept()).await.unwrap();
}

/// Refuses to create a second token, once.
#[derive(Debug)]
struct Forgetful {
    policy: SasPolicy,
    calls: AtomicU32,
}

impl Tokens for Forgetful {
    fn token(
        &self,
        audience: String,
        now: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + '_>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match call {
                1 => Err(Error::new(ErrorKind::Timeout)),
                _ => self.policy.sign(&audience, now),
            }
        })
    }
}

#[tokio::test]
async fn a_token_that_was_not_renewed_ends_the_link_and_connecting_again_brings_another() {
    let broker = broker();
    let policy = SasPolicy::new("policy", "key").with_lifetime(Duration::from_secs(2));
    let mut options = strict();
    options.connection = with(Forgetful { policy, calls: AtomicU32::new(0) });
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    lost(&receiver).await;
    broker.queue("orders").put(b"x");
    drop(next(&mut receiver).await);
}

#[tokio::test]
async fn a_token_that_is_declined_is_an_error_that_says_so() {
    let broker = broker();
    let mut options = AmqpSenderOptions::default();
    options.connection = with(SasPolicy::new("policy", "key").with_lifetime(Duration::ZERO));
    let error = sender(&broker.url("orders"), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.to_string().contains("the broker declined the token: 400 the token has expired"),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_token_there_is_no_link() {
    let broker = broker();
    let error = match sender(&broker.url("orders"), AmqpSenderOptions::default()).await {
        Ok(sender) => within(sender.send(&event(1))).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("amqp:unauthorized-access"), "{error}");
    assert!(broker.queue("orders").is_empty());
}
