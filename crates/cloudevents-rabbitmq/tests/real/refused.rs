//! What the broker refuses is an error, or is tried again with a pause.

use crate::tools::{event, id, next, sender_to, strict, until, within};
use cloudevents_core::ErrorKind;
use cloudevents_rabbitmq::lapin4::{QueueType, RabbitSenderOptions, create, receiver, sender};
use cloudevents_testkit::rabbitmq::{Answer, Broker};
use cloudevents_transport::Endpoint;
use std::time::{Duration, Instant};

/// The retry goes to the queue itself, which refuses it. Without a pause, the message would go from the broker to the handler and back in
/// a hot loop.
#[tokio::test]
async fn a_retry_that_the_broker_refuses_comes_again_after_a_pause() {
    let broker = Broker::start().unwrap();
    within(sender_to(&broker, "q").await.send(&event(1))).await.unwrap();
    let queue = broker.queue("q");
    queue.answer(Answer::Nack);
    let mut receiver = receiver(&broker.url("queue=q"), strict()).await.unwrap();
    for round in 1..=2 {
        let delivery = next(&mut receiver).await;
        let begun = Instant::now();
        let error = within(delivery.retry(Duration::ZERO)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "round {round}: {error}");
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(500), "round {round}: {took:?}");
    }
    queue.answer(Answer::Ack);
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "1");
    within(delivery.retry(Duration::ZERO)).await.unwrap();
    within(next(&mut receiver).await.accept()).await.unwrap();
    until(&queue, |queue| queue.is_empty() && queue.unsettled() == 0).await;
}

/// RabbitMQ keeps names with this prefix for itself. Nothing else is declared in place of them.
#[tokio::test]
async fn a_name_of_the_broker_cannot_be_declared() {
    let broker = Broker::start().unwrap();
    let mut options = RabbitSenderOptions::default();
    options.declare = Some(QueueType::Classic);
    let url = broker.url("queue=amq.orders");
    let declared = within(sender(&url, options)).await.map(drop);
    let mut options = strict();
    options.declare = Some(QueueType::Classic);
    let received = within(receiver(&url, options)).await.map(drop);
    let created = within(create(Endpoint::parse(&url).unwrap(), Vec::new())).await.map(drop);
    for (who, refused) in [("sender", declared), ("receiver", received), ("create", created)] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{who}: {error}");
        assert!(error.detail().contains("reserved prefix"), "{who}: {error}");
    }
    assert!(broker.queues().is_empty(), "{:?}", broker.queues());
    // Exchanges of the broker itself take messages.
    broker.bind("amq.topic", "topic", "orders.*", "orders");
    let sender =
        sender(&broker.url("exchange=amq.topic&routing-key=orders.eu"), RabbitSenderOptions::default()).await;
    within(sender.unwrap().send(&event(1))).await.unwrap();
    assert_eq!(broker.queue("orders").len(), 1);
}
