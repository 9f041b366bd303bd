//! Messages that the broker changes on their way, and messages that it has moved before: nothing is acknowledged that was not stored.

use crate::{
    bare,
    tools::{
        event, events, id, name, next, patience, queues, real, receiver_from, sender_to, strict, until,
        within,
    },
};
use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_rabbitmq::lapin4::{
    RabbitReceiverOptions, RabbitRefusal, RabbitSenderOptions, receiver, sender,
};
use cloudevents_testkit::rabbitmq::{Broker, BrokerOptions, Interceptor};
use cloudevents_transport::{Outgoing, Receiver};
use futures_util::future::join_all;
use lapin::{
    BasicProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldArray, FieldTable},
};
use std::{error::Error as _, time::Duration};

const SOON: Duration = Duration::from_millis(100);

fn broker(interceptor: Interceptor) -> Broker {
    let mut options = BrokerOptions::default();
    options.interceptor = interceptor;
    Broker::with_options(options).unwrap()
}

fn refusal(error: &cloudevents_core::Error) -> &RabbitRefusal {
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    error.source().unwrap().downcast_ref().unwrap()
}

/// A receiver whose dead letters have no queue: it is deleted when the receiver is open.
async fn without_dead_letters(server: &str, queue: &str) -> Receiver {
    let mut options = RabbitReceiverOptions::from(DecodeOptions::strict());
    options.queue.sink_backoff = Duration::from_millis(50);
    let (server, missing) = (server.trim_end_matches('?'), name("missing"));
    let (_connection, channel) = bare::channel(server).await;
    let declare = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(missing.as_str().into(), declare, FieldTable::default()).await.unwrap();
    let receiver = receiver(&format!("{server}?queue={queue}&dead-letter={missing}"), options).await.unwrap();
    channel.queue_delete(missing.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    receiver
}

#[tokio::test]
async fn a_dead_letter_that_the_broker_stamps_and_returns_is_not_settled() {
    let broker = broker(Interceptor::Stamp);
    within(sender_to(&broker, "orders").await.send(&event(1))).await.unwrap();
    let mut deliveries = without_dead_letters(&broker.url(""), "orders").await;
    let error = within(next(&mut deliveries).await.reject("no")).await.unwrap_err();
    assert!(matches!(refusal(&error), RabbitRefusal::Returned { code: 312, .. }));
    within(deliveries.drain(patience())).await.unwrap();
    assert_eq!(broker.queue("orders").len(), 1); // it is at the broker again
}

#[tokio::test]
async fn a_retry_whose_wait_queue_is_gone_is_not_lost() {
    for interceptor in [Interceptor::None, Interceptor::Stamp] {
        let broker = broker(interceptor);
        within(sender_to(&broker, "orders").await.send(&event(1))).await.unwrap();
        let mut deliveries = receiver_from(&broker, "orders").await;
        within(next(&mut deliveries).await.retry(SOON)).await.unwrap();
        let waiting = broker.queues().into_iter().find(|queue| queue.name().contains("retry")).unwrap();
        let again = next(&mut deliveries).await;
        broker.delete_queue(waiting.name());
        let error = within(again.retry(SOON)).await.unwrap_err();
        assert!(matches!(refusal(&error), RabbitRefusal::Returned { .. }));
        let again = next(&mut deliveries).await;
        assert_eq!((id(&again).as_str(), again.attempt()), ("1", 2));
        // The queue is declared again.
        within(again.retry(SOON)).await.unwrap();
        assert_eq!(next(&mut deliveries).await.attempt(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stamped_messages_that_are_returned_are_told_apart() {
    let broker = broker(Interceptor::Stamp);
    let sender = sender_to(&broker, "orders").await;
    let enqueued = (0..200).map(|number| {
        // The same event to the same place, with other headers: only one of them is missing.
        let known = number % 3 != 0;
        let to = if known { "orders" } else { "missing" };
        let outgoing = Outgoing::from(event(1)).to(to).header("number", number.to_string());
        let sender = &sender;
        async move { (known, sender.enqueue(outgoing).await.unwrap().await) }
    });
    for (known, outcome) in within(join_all(enqueued)).await {
        assert_eq!(outcome.is_ok(), known, "{outcome:?}");
    }
}

/// No known broker does this. What cannot be recognized fails what is on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_returned_message_that_cannot_be_recognized_is_no_success() {
    let broker = broker(Interceptor::Strip);
    broker.queue("orders").put(b"foreign");
    let sender = sender_to(&broker, "orders").await;
    let error = within(sender.send(Outgoing::from(event(1)).to("missing"))).await.unwrap_err();
    assert_eq!(refusal(&error), &RabbitRefusal::Unrecognized);
    assert!(error.is_temporary());
    // Later messages are not affected.
    within(sender.send_all(events(10))).await.unwrap();
    let mut deliveries = without_dead_letters(&broker.url(""), "orders").await;
    let first = next(&mut deliveries).await;
    assert_eq!(first.body().unwrap(), "foreign");
    within(first.reject("no")).await.unwrap_err();
    within(deliveries.drain(patience())).await.unwrap();
    until(&broker.queue("orders"), |queue| queue.len() == 11).await; // it is at the broker again
}

/// What the broker records about a message that expired in this queue and was put back by someone.
fn died_in(queue: &str) -> BasicProperties {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut death = FieldTable::default();
    for (name, value) in [
        ("queue", text(queue)),
        ("reason", text("expired")),
        ("exchange", text("")),
        ("count", AMQPValue::LongLongInt(1)),
    ] {
        death.insert(name.into(), value);
    }
    let mut headers = FieldTable::default();
    let deaths = FieldArray::from(vec![AMQPValue::FieldTable(death)]);
    headers.insert("x-death".into(), AMQPValue::FieldArray(deaths));
    headers.insert("h".into(), text("x"));
    BasicProperties::default().with_headers(headers)
}

/// A message that died in its queue, and then waits to return to it, looks like one that goes round in a cycle.
async fn is_retried(server: &str, queue: &str, deliveries: &mut Receiver) {
    bare::publish_with(server, queue, died_in(queue), b"foreign").await;
    for attempt in 1..4 {
        let delivery = next(deliveries).await;
        assert_eq!((delivery.body().unwrap(), delivery.attempt()), ("foreign".into(), attempt));
        assert_eq!(delivery.header_text("h").as_deref(), Some("x"));
        let native: &cloudevents_rabbitmq::lapin4::ReceivedMessage = delivery.native().unwrap();
        let earlier = if attempt == 1 { "x-death" } else { "x-death-earlier" };
        let before = died_in(queue).headers().as_ref().unwrap().inner()["x-death"].clone();
        assert_eq!(native.properties.headers().as_ref().unwrap().inner().get(earlier), Some(&before));
        within(delivery.retry(SOON)).await.unwrap();
    }
    within(next(deliveries).await.accept()).await.unwrap();
}

#[tokio::test]
async fn a_message_that_died_in_its_queue_is_retried() {
    let broker = Broker::start().unwrap();
    let mut deliveries = receiver_from(&broker, "orders").await;
    is_retried(&broker.url(""), "orders", &mut deliveries).await;
    until(&broker.queue("orders"), |queue| queue.is_empty() && queue.unsettled() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_messages_that_died_in_their_queue_are_retried() {
    let Some(server) = real() else { return };
    for wait in ["classic", "quorum"] {
        let queue = name("died");
        let url = format!("{server}?queue={queue}&declare={}&wait={wait}", queues());
        let mut deliveries = receiver(&url, strict()).await.unwrap();
        is_retried(&server, &queue, &mut deliveries).await;
    }
}

/// `.ci/brokers/rabbitmq` has a broker that stamps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_dead_letters_that_are_returned_are_not_settled() {
    let Some(server) = real() else { return };
    let queue = name("returned");
    let url = format!("{server}?queue={queue}&declare={}", queues());
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    for _ in 0..3 {
        let mut deliveries = without_dead_letters(&server, &queue).await;
        let delivery = next(&mut deliveries).await;
        assert_eq!(id(&delivery), "1");
        let stamped = delivery.header_text("timestamp_in_ms").is_some();
        assert_eq!(stamped, std::env::var_os("CE_TEST_RABBITMQ_STAMPS").is_some());
        let error = within(delivery.reject("no")).await.unwrap_err();
        assert!(matches!(refusal(&error), RabbitRefusal::Returned { code: 312, .. }));
        within(deliveries.drain(patience())).await.unwrap(); // it is at the broker again
    }
    let error = within(sender.send(Outgoing::from(event(2)).to(name("missing")))).await.unwrap_err();
    assert!(matches!(refusal(&error), RabbitRefusal::Returned { code: 312, .. }));
}
