//! Messages to other addresses than the sender's own, and messages that are sent as they were received.

use crate::tools::{
    Lasting, event, events, expired, id, next, receiver_from, send_bare, sender_to, strict, within,
};
use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, ReceivedMessage, from_sections, receiver, sender};
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{Decoded, Error, ErrorKind, Message};
use cloudevents_testkit::amqp::{Answer, Broker, BrokerOptions};
use cloudevents_transport::{Outgoing, Raw, Received};
use std::{collections::BTreeSet, sync::Arc};

#[tokio::test]
async fn messages_go_to_other_addresses() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    let receipt = within(sender.send(&event("own"))).await.unwrap();
    assert_eq!(receipt.place(), Some("orders"));
    for number in 0..3 {
        let receipt = within(sender.send(Outgoing::from(event(number)).to("orders.eu"))).await.unwrap();
        assert_eq!(receipt.place(), Some("orders.eu"));
    }
    within(sender.send(Outgoing::from(event("named")).to("orders"))).await.unwrap();
    let mut other = receiver_from(&broker, "orders.eu").await;
    for number in 0..3 {
        assert_eq!(id(&next(&mut other).await), number.to_string());
    }
    let mut own = receiver_from(&broker, "orders").await;
    assert_eq!(id(&next(&mut own).await), "own");
    assert_eq!(id(&next(&mut own).await), "named");
    within(sender.close()).await.unwrap();
}

/// More addresses than links are kept, at once and one after the other.
#[tokio::test]
async fn many_addresses_take_turns() {
    const ADDRESSES: usize = 150;
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    for _ in 0..2 {
        let mut outcomes = Vec::new();
        for number in 0..ADDRESSES {
            let outgoing = Outgoing::from(event(number)).to(format!("orders-{number}"));
            outcomes.push(within(sender.enqueue(outgoing)).await.unwrap());
        }
        for outcome in outcomes {
            within(outcome).await.unwrap();
        }
    }
    for number in 0..ADDRESSES {
        assert_eq!(broker.queue(&format!("orders-{number}")).len(), 2);
    }
    within(sender.close()).await.unwrap();
}

#[tokio::test]
async fn what_another_address_declines_concerns_only_its_messages() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    broker.queue("closed").answer(Answer::reject("amqp:not-allowed", "closed for today"));
    let error = within(sender.send(Outgoing::from(event(1)).to("closed"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    // This broker has no such address: it closes the link.
    let error = within(sender.send(Outgoing::from(event(2)).to(""))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("amqp:not-found"), "{error}");
    within(sender.send(&event(3))).await.unwrap();
    assert_eq!(sender.metrics().connects, 1);
}

#[tokio::test]
async fn links_to_other_addresses_are_attached_again() {
    let mut broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(Outgoing::from(event(1)).to("other"))).await.unwrap();
    broker.stop();
    broker.restart().unwrap();
    // The loss may be noticed only now; then the outcome is unknown.
    within(async { while sender.send(Outgoing::from(event(2)).to("other")).await.is_err() {} }).await;
    within(sender.send_all(events(3).map(|event| Outgoing::from(event).to("other")))).await.unwrap();
    assert!(broker.queue("other").len() >= 5);
}

#[tokio::test]
async fn each_address_gets_its_token() {
    let mut options = BrokerOptions::default();
    options.tokens = true;
    let broker = Broker::with_options(options).unwrap();
    let mut options = AmqpSenderOptions::default();
    options.connection.tokens = Some(Arc::new(Lasting::new(3)));
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    within(sender.send(Outgoing::from(event(1)).to("other"))).await.unwrap();
    // They may have been renewed.
    let audiences: BTreeSet<_> = broker.tokens().into_iter().map(|put| put.audience).collect();
    assert!(audiences.iter().eq(["amqp://127.0.0.1/orders", "amqp://127.0.0.1/other"]), "{audiences:?}");
    expired(&broker).await;
    within(sender.send(Outgoing::from(event(2)).to("other"))).await.unwrap();
    assert_eq!((broker.queue("other").len(), sender.metrics().connects), (2, 1));
}

#[tokio::test]
async fn messages_are_sent_as_they_were_received() {
    let broker = Broker::start().unwrap();
    let mut message = AmqpMessage::new(Body::Data("malformed".into()))
        .with_property("cloudEvents_id", AmqpValue::String("2".into()))
        .with_property("cloudEvents_specversion", AmqpValue::String("1.0".into()))
        .with_property("number", AmqpValue::Int(-5));
    message.properties.content_type = Some("text/plain".into());
    message.properties.subject = Some("a subject".into());
    send_bare(&broker.url(""), "orders", from_sections(message).unwrap()).await;
    let received = next(&mut receiver_from(&broker, "orders").await).await;
    assert_eq!(received.event().unwrap_err().kind(), ErrorKind::MissingAttribute);
    let sender = sender_to(&broker, "forwarded").await;
    within(sender.send(received.forward())).await.unwrap();
    let forwarded = next(&mut receiver_from(&broker, "forwarded").await).await;
    assert_eq!(forwarded.body(), received.body());
    let sections = |received: &Received| {
        let native: &ReceivedMessage = received.native().unwrap();
        (native.properties.clone(), native.application_properties.clone())
    };
    assert_eq!(sections(forwarded.received()), sections(received.received()));
}

#[tokio::test]
async fn messages_of_other_protocols_are_sent_as_they_were_received() {
    let broker = Broker::start().unwrap();
    let mut raw = Raw::default();
    raw.body = Some("malformed".into());
    raw.headers = vec![
        ("content-type".into(), Some("text/plain".into())),
        ("ce_id".into(), Some("1".into())),
        ("bytes".into(), Some((&b"\xff"[..]).into())),
        ("absent".into(), None),
    ];
    let error: Result<Decoded<Message>, Error> = Err(Error::new(ErrorKind::MissingAttribute));
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(Received::new(error, raw).forward())).await.unwrap();
    let mut receiver = receiver(&broker.url("orders"), strict()).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.body().unwrap(), "malformed");
    let headers = delivery.received().headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_deref().unwrap())).collect();
    let expected: [(&str, &[u8]); 3] = [("content-type", b"text/plain"), ("ce_id", b"1"), ("bytes", b"\xff")];
    assert_eq!(headers, expected);
}
