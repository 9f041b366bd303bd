//! Requests and their replies.

use crate::tools::{event, id, next, receiver_from, sender_to, within};
use cloudevents_amqp::fe2o3_amqp018::ReceivedMessage;
use cloudevents_core::{ErrorKind, Event};
use cloudevents_testkit::{
    amqp::{Broker, BrokerOptions},
    patience,
};
use cloudevents_transport::{Delivery, Outgoing, Sender};
use fe2o3_amqp_types::messaging::MessageId;
use std::time::Duration;

/// The reply of a responder on any library: to `reply-to`, with the `correlation-id`.
fn reply(delivery: &Delivery, answer: Event) -> Outgoing {
    let answer = Outgoing::from(answer).to(delivery.reply_to().unwrap());
    answer.correlation(delivery.correlation().unwrap())
}

async fn answer(sender: &Sender, delivery: Delivery) {
    let answer = event(format!("re: {}", id(&delivery)));
    within(sender.send(reply(&delivery, answer))).await.unwrap();
    within(delivery.accept()).await.unwrap();
}

#[tokio::test]
async fn a_request_gets_its_reply() {
    let broker = Broker::start().unwrap();
    let mut requests = receiver_from(&broker, "questions").await;
    let replies = sender_to(&broker, "unused").await;
    let sender = sender_to(&broker, "questions").await;
    assert!(sender.capabilities().requests);
    let responder = async {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(next(&mut requests).await);
        }
        // Replies that answer no request are skipped.
        for stray in [&b"99"[..], b"\xff", b"text"] {
            let stray = Outgoing::from(event("stray")).to(held[0].reply_to().unwrap()).correlation(stray);
            within(replies.send(stray)).await.unwrap();
        }
        // Responders may return the `message-id` instead.
        let ids = held[0].received().native::<ReceivedMessage>().unwrap().properties.clone().unwrap();
        assert!(matches!(ids.message_id, Some(MessageId::String(_))) && ids.message_id == ids.correlation_id);
        // In another order than asked.
        for delivery in held.into_iter().rev() {
            answer(&replies, delivery).await;
        }
    };
    let ask = async |number: u32| {
        let answer = sender.request(&event(number), patience()).await.unwrap();
        assert_eq!(answer.id(), format!("re: {number}"));
    };
    tokio::join!(responder, ask(1), ask(2), ask(3));
    // No responder replies in time.
    let error = sender.request(&event(4), Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    within(sender.send(&event(5))).await.unwrap();
}

#[tokio::test]
async fn a_request_goes_to_another_address() {
    let broker = Broker::start().unwrap();
    let mut requests = receiver_from(&broker, "questions").await;
    let sender = sender_to(&broker, "orders").await;
    let question = Outgoing::from(event(1)).to("questions");
    let responder = async { answer(&sender, next(&mut requests).await).await };
    let (answer, ()) = tokio::join!(sender.request(question, patience()), responder);
    assert_eq!(answer.unwrap().id(), "re: 1");
}

#[tokio::test]
async fn what_is_no_event_is_an_error_of_its_request() {
    let broker = Broker::start().unwrap();
    let mut requests = receiver_from(&broker, "questions").await;
    let sender = sender_to(&broker, "questions").await;
    let responder = async {
        let delivery = next(&mut requests).await;
        let address = delivery.reply_to().unwrap().to_owned();
        // The broker's own queue has neither properties nor a correlation: it is skipped.
        broker.queue(&address).put(b"bare");
        broker.queue(&address).put_undecodable();
        answer(&sender, delivery).await;
    };
    let (answer, ()) = tokio::join!(sender.request(event(1), patience()), responder);
    assert_eq!(answer.unwrap().id(), "re: 1");
}

/// Requests of a lost connection fail, later ones get another address.
#[tokio::test]
async fn requests_outlive_the_broker() {
    let mut broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "questions").await;
    let address = {
        let mut requests = receiver_from(&broker, "questions").await;
        let asking = tokio::spawn({
            let sender = sender.clone();
            async move { sender.request(&event(1), patience()).await }
        });
        let delivery = next(&mut requests).await;
        let address = delivery.reply_to().unwrap().to_owned();
        assert!(broker.has_queue(&address));
        within(delivery.accept()).await.unwrap();
        broker.stop();
        assert_eq!(within(asking).await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
        address
    };
    broker.restart().unwrap();
    let mut requests = receiver_from(&broker, "questions").await;
    let asking = async {
        loop {
            match sender.request(&event(2), patience()).await {
                Err(error) if error.kind() == ErrorKind::Disconnected => {} // noticed only now
                answer => break answer,
            }
        }
    };
    let responder = async {
        let mut delivery = next(&mut requests).await;
        // The broker may have stopped before it read that the first request was accepted.
        while delivery.event().unwrap().id() == "1" {
            within(delivery.accept()).await.unwrap();
            delivery = next(&mut requests).await;
        }
        assert_ne!(delivery.reply_to().unwrap(), address);
        answer(&sender, delivery).await;
    };
    let (answer, ()) = within(async { tokio::join!(asking, responder) }).await;
    assert_eq!(answer.unwrap().id(), "re: 2");
}

#[tokio::test]
async fn without_dynamic_nodes_nothing_is_sent() {
    let mut options = BrokerOptions::default();
    options.dynamic = false;
    let broker = Broker::with_options(options).unwrap();
    let sender = sender_to(&broker, "questions").await;
    let error = within(sender.request(&event(1), patience())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    within(sender.send(&event(2))).await.unwrap();
    assert_eq!(broker.queue("questions").len(), 1);
}
