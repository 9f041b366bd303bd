//! Claims-based security, with a node `$cbs` that requires what Azure requires.

use crate::tools::{Lasting, event, expired, id, lost, next, patience, sender_to, strict, within};
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpConnection, AmqpReceiverOptions, AmqpSenderOptions, SasPolicy, Token, Tokens, receiver, sender,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::amqp::{Broker, BrokerOptions};
use cloudevents_transport::{Extends, Secret};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::sleep;

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
    let mut sending = AmqpSenderOptions::default();
    sending.connection = with(Lasting::new(3));
    let mut receiving = strict();
    receiving.connection = with(Lasting::new(3));
    let sender = sender(&broker.url("orders"), sending).await.unwrap();
    let mut receiver = receiver(&broker.url("orders"), receiving).await.unwrap();
    within(broker.has_tokens(4)).await;
    expired(&broker).await; // the second tokens, too
    within(sender.send(&event(1))).await.unwrap();
    // An error would mean that the broker has closed the link.
    let delivery = next(&mut receiver).await;
    within(delivery.accept()).await.unwrap();
    assert_eq!((sender.connectivity().losses(), receiver.connectivity().losses()), (0, 0));
}

#[tokio::test]
async fn tokens_are_renewed_over_other_links_when_the_broker_has_ended_the_first() {
    let broker = broker();
    let mut receiver = receiver(&broker.url("orders"), forgetful(3, |_| false)).await.unwrap();
    broker.detach("$cbs");
    expired(&broker).await;
    broker.queue("orders").put(b"x");
    drop(next(&mut receiver).await);
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// Refuses to create some tokens.
#[derive(Debug)]
struct Forgetful {
    policy: Lasting,
    calls: AtomicU32,
    forgets: fn(u32) -> bool,
}

impl Tokens for Forgetful {
    fn token(
        &self,
        audience: String,
        now: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + '_>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match (self.forgets)(call) {
                true => Err(Error::new(ErrorKind::Timeout)),
                false => self.policy.token(audience, now).await,
            }
        })
    }
}

fn forgetful(lifetime: u64, forgets: fn(u32) -> bool) -> AmqpReceiverOptions {
    let mut options = strict();
    options.connection =
        with(Forgetful { policy: Lasting::new(lifetime), calls: AtomicU32::new(0), forgets });
    options
}

#[tokio::test]
async fn a_token_that_was_not_renewed_ends_the_link_and_connecting_again_brings_another() {
    let broker = broker();
    // No renewal of the first connection succeeds: it is tried at most every half second.
    let options = forgetful(2, |call| (1..=4).contains(&call));
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    lost(&receiver).await;
    broker.queue("orders").put(b"x");
    drop(next(&mut receiver).await);
}

#[tokio::test]
async fn a_renewal_that_fails_is_tried_again() {
    let broker = broker();
    // It is tried half a second later, twice, with two seconds left.
    let options = forgetful(12, |call| matches!(call, 1 | 2));
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    expired(&broker).await;
    broker.queue("orders").put(b"x");
    drop(next(&mut receiver).await);
    assert_eq!(receiver.connectivity().losses(), 0);
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

/// Validators repeat what they cannot read.
#[tokio::test]
async fn a_token_that_a_broker_repeats_is_not_in_errors() {
    #[derive(Debug)]
    struct Malformed;
    impl Tokens for Malformed {
        fn token(
            &self,
            audience: String,
            now: SystemTime,
        ) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + '_>> {
            let signed = SasPolicy::new("policy", "key").sign(&audience, now);
            Box::pin(async move {
                let mut token = signed?;
                token.text = Secret::new("SharedAccessSignature sr=orders&sig=s3cr3tS1gn&se=soon&skn=policy");
                Ok(token)
            })
        }
    }
    let mut options = AmqpSenderOptions::default();
    options.connection = with(Malformed);
    let error = sender(&broker().url("orders"), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
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

/// A broker with a message, whose locks end after this time. A receiver that renews them has a shorter one in its options: it may be late.
async fn locking(milliseconds: u64) -> Broker {
    let mut options = BrokerOptions::default();
    options.locks = Some(Duration::from_millis(milliseconds));
    let broker = Broker::with_options(options).unwrap();
    within(sender_to(&broker, "orders").await.send(&event(1))).await.unwrap();
    broker
}

fn renewing(milliseconds: u64) -> AmqpReceiverOptions {
    let mut options = strict();
    options.lock = Some(Duration::from_millis(milliseconds));
    options
}

/// Waits until so many locks were renewed, each after half of its time.
async fn renewed(broker: &Broker, locks: usize) {
    within(async {
        while broker.renewed_locks() < locks {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn locks_are_renewed_while_deliveries_are_held() {
    let broker = locking(4000).await;
    let options = renewing(1000);
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    assert_eq!(receiver.capabilities().extends, Extends::Every(Duration::from_secs(1)));
    let delivery = next(&mut receiver).await;
    renewed(&broker, 10).await; // longer than a lock
    assert_eq!(broker.queue("orders").unsettled(), 1);
    within(delivery.accept()).await.unwrap();
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((broker.queue("orders").len(), broker.queue("orders").unsettled()), (0, 0));
}

/// Events were sent ahead that the bound of bytes does not allow yet. They wait in the receiver for longer than a lock: for a handler that
/// takes long, and for several that need no renewal themselves.
#[tokio::test]
async fn locks_are_renewed_while_large_events_wait_for_slow_handlers() {
    let broker = locking(3500).await;
    let sender = sender_to(&broker, "orders").await;
    for number in 2..=6 {
        within(sender.send(&event(number))).await.unwrap();
    }
    let mut options = renewing(2000);
    options.receiver.in_flight.bytes = 1; // one event at a time
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    let first = next(&mut receiver).await;
    renewed(&broker, 27).await; // that one and the five behind it, for longer than a lock
    within(first.accept()).await.unwrap();
    for number in 2..=6 {
        let delivery = next(&mut receiver).await;
        assert_eq!((id(&delivery), delivery.attempt()), (number.to_string(), 1));
        sleep(Duration::from_millis(800)).await;
        within(delivery.accept()).await.unwrap();
    }
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((broker.queue("orders").len(), broker.queue("orders").unsettled()), (0, 0));
}

/// Azure Service Bus ends a link after ten minutes without activity.
#[tokio::test]
async fn renewing_locks_keeps_the_link_of_their_messages() {
    let mut options = BrokerOptions::default();
    (options.locks, options.idle) = (Some(Duration::from_secs(4)), Some(Duration::from_secs(5)));
    let broker = Broker::with_options(options).unwrap();
    let mut receiver = receiver(&broker.url("orders"), renewing(1000)).await.unwrap();
    broker.queue("orders").put(b"x");
    let delivery = next(&mut receiver).await;
    renewed(&broker, 12).await; // longer than a link may be idle
    assert_eq!((receiver.connectivity().losses(), broker.queue("orders").unsettled()), (0, 1));
    within(delivery.accept()).await.unwrap();
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((broker.queue("orders").len(), broker.queue("orders").unsettled()), (0, 0));
}

#[tokio::test]
async fn locks_are_renewed_over_other_links_when_the_broker_has_ended_the_first() {
    let mut options = BrokerOptions::default();
    options.locks = Some(Duration::from_secs(4));
    let broker = Broker::with_options(options).unwrap();
    let mut receiver = receiver(&broker.url("orders"), renewing(1000)).await.unwrap();
    broker.detach("orders/$management");
    broker.queue("orders").put(b"x");
    let delivery = next(&mut receiver).await;
    renewed(&broker, 10).await; // longer than a lock
    assert_eq!((receiver.connectivity().losses(), delivery.attempt()), (0, 1));
    within(delivery.accept()).await.unwrap();
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((broker.queue("orders").len(), broker.queue("orders").unsettled()), (0, 0));
}

#[tokio::test]
async fn extending_renews_a_lock() {
    let broker = locking(5000).await;
    let options = renewing(2000);
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    let delivery = next(&mut receiver).await;
    for _ in 0..24 {
        sleep(Duration::from_millis(250)).await; // in all, longer than a lock
        delivery.extend().unwrap();
    }
    within(delivery.accept()).await.unwrap();
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((broker.queue("orders").len(), broker.queue("orders").unsettled()), (0, 0));
}

#[tokio::test]
async fn without_renewal_a_locked_message_comes_again() {
    let broker = locking(500).await;
    let mut receiver = receiver(&broker.url("orders"), strict()).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.extend().unwrap_err().kind(), ErrorKind::Unsupported);
    let again = next(&mut receiver).await;
    assert_eq!((id(&again).as_str(), again.attempt()), ("1", 2));
    within(again.accept()).await.unwrap();
    assert_eq!(broker.renewed_locks(), 0);
}

/// A lock that is lost already does not keep the others from being renewed.
#[tokio::test]
async fn a_lost_lock_does_not_cost_the_others() {
    let broker = locking(5000).await;
    let options = renewing(2000);
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    let lost = next(&mut receiver).await;
    broker.lose_locks();
    let held = next(&mut receiver).await; // the same, after its lock ended
    assert_eq!(held.attempt(), 2);
    for _ in 0..24 {
        sleep(Duration::from_millis(250)).await; // in all, longer than a lock
        // Both are in one request.
        lost.extend().unwrap();
        held.extend().unwrap();
    }
    within(held.accept()).await.unwrap();
    within(async {
        while !broker.queue("orders").is_empty() || broker.queue("orders").unsettled() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
