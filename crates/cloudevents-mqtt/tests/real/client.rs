//! The sender and the receiver against the broker in memory.

use crate::tools::{
    connected_again, event, events, id, large, lost, next, patience, receiver_from, sender_to, strict, until,
    within,
};
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Mode};
use cloudevents_mqtt::rumqttc_next034::{
    Login, MqttReceiverOptions, MqttRefusal, MqttSenderOptions, Qos, ReceivedPublish, decode, encode,
    publish, receiver, sender,
};
use cloudevents_testkit::{
    fault_proxy::{End, FaultProxy, Flow},
    mqtt::{Answer, Broker, BrokerOptions, Published},
};
use cloudevents_transport::{
    Bounds, Bridge, Confirmed, ConnectionState, EventFilter, Logins, LossPolicy, Outgoing, ReceiverOptions,
    bridge::{BridgePolicy, Redrive},
};
use futures_util::FutureExt;
use rumqttc_v5::{AsyncClient, Event as Polled, Incoming, MqttOptions, PublishOptions, mqttbytes::QoS};
use std::{
    error::Error as _,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

async fn sent(broker: &Broker, topic: &str, options: MqttSenderOptions) -> cloudevents_transport::Sender {
    sender(&broker.url(topic), options).await.unwrap()
}

#[tokio::test]
async fn every_quality_of_service_arrives() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver(&format!("{}?client=c&qos=2", broker.url("t")), strict()).await.unwrap();
    for (number, confirms) in [(0, Confirmed::Written), (1, Confirmed::Accepted), (2, Confirmed::Accepted)] {
        let sender = sender(&format!("{}?qos={number}", broker.url("t")), Default::default()).await.unwrap();
        assert_eq!(sender.capabilities().confirms, confirms);
        within(sender.send_all(events(50))).await.unwrap();
        for expected in 0..50 {
            let delivery = next(&mut receiver).await;
            assert_eq!(id(&delivery), expected.to_string());
            assert_eq!(delivery.native::<ReceivedPublish>().unwrap().qos() as u8, number);
            within(delivery.accept()).await.unwrap();
        }
        within(sender.close()).await.unwrap();
    }
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 0)).await;
    assert!(broker.published().iter().filter(|message| message.qos == 2).count() == 50);
}

#[tokio::test]
async fn the_outcome_is_the_brokers() {
    let broker = Broker::start().unwrap();
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut options = MqttSenderOptions::default();
        options.qos = qos;
        let sender = sent(&broker, "t", options).await;
        broker.answer(Answer::Refuse { code: 0x97, reason: Some("full".into()) });
        let error = within(sender.send(&event(1))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let refusal: &MqttRefusal = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!((refusal.code, refusal.reason.as_deref()), (0x97, Some("full")));
        assert!(error.to_string().contains("quota exceeded (0x97): full"), "{error}");
        // A refusal blocks nothing, and success that finds no subscriber is success.
        broker.answer(Answer::refuse(0x10));
        within(sender.send(&event(2))).await.unwrap();
        broker.answer(Answer::Accept);
        within(sender.send(&event(3))).await.unwrap();
    }
    let published: Vec<_> =
        broker.published().iter().map(|message| message.user_properties[1].1.clone()).collect();
    assert_eq!(published, ["3", "3"]);
}

/// Reason codes of PUBACK: MQTT 5.0, section 3.4.2.1.
#[tokio::test]
async fn only_some_reason_codes_are_about_the_message() {
    let broker = Broker::start().unwrap();
    let sender = sent(&broker, "t", MqttSenderOptions::default()).await;
    for (code, about_the_message) in
        [(0x80, false), (0x83, false), (0x87, false), (0x90, false), (0x97, false), (0x99, true)]
    {
        broker.answer(Answer::refuse(code));
        let error = within(sender.send(&event(1))).await.unwrap_err();
        assert_eq!(sender.refuses_message(&error), about_the_message, "{error}");
    }
    broker.answer(Answer::Disconnect);
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert!(!sender.refuses_message(&error), "{error}");
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_a_timeout() {
    let broker = Broker::start().unwrap();
    broker.answer(Answer::Silence);
    let mut options = MqttSenderOptions::default();
    options.sender.timeout = Some(Duration::from_millis(200));
    let sender = sent(&broker, "t", options).await;
    assert_eq!(within(sender.send(&event(1))).await.unwrap_err().kind(), ErrorKind::Timeout);
    broker.answer(Answer::Accept);
    within(async { while sender.send(&event(2)).await.is_err() {} }).await; // it may be late, too
    within(sender.close()).await.unwrap();
}

#[tokio::test]
async fn the_receive_maximum_is_the_room_for_sending() {
    let mut options = BrokerOptions::default();
    options.receive_maximum = Some(3);
    let broker = Broker::with_options(options).unwrap();
    broker.answer(Answer::Silence);
    let sender = sender_to(&broker, "t").await;
    let mut outcomes = Vec::new();
    for number in 0..3 {
        outcomes.push(within(sender.enqueue(event(number))).await.unwrap());
    }
    let fourth = tokio::time::timeout(Duration::from_millis(200), sender.enqueue(event(3)));
    assert!(fourth.await.is_err(), "the fourth message was sent");
    // What waits is sent when the broker is back, which then has room.
    broker.disconnect_all();
    for outcome in outcomes {
        assert_eq!(within(outcome).await.unwrap_err().kind(), ErrorKind::Disconnected);
    }
    broker.answer(Answer::Accept);
    within(sender.send_all((10..20).map(event))).await.unwrap();
    assert_eq!(broker.published().len(), 10);
}

/// Packet identifiers are free again over another connection only.
#[tokio::test]
async fn a_sender_outlives_as_many_missing_confirmations_as_the_receive_maximum() {
    let mut options = BrokerOptions::default();
    options.receive_maximum = Some(3);
    let broker = Broker::with_options(options).unwrap();
    broker.answer(Answer::Silence);
    let mut options = MqttSenderOptions::default();
    options.sender.timeout = Some(Duration::from_millis(200));
    options.sender.enqueue_timeout = Duration::from_secs(10);
    let sender = sent(&broker, "t", options).await;
    for number in 0..3 {
        assert_eq!(within(sender.send(&event(number))).await.unwrap_err().kind(), ErrorKind::Timeout);
    }
    broker.answer(Answer::Accept);
    within(async { while sender.send(&event(3)).await.is_err() {} }).await; // it may be late, too
    assert!(sender.connectivity().losses() >= 1);
}

#[tokio::test]
async fn what_may_be_in_flight_is_bounded_at_the_sender_too() {
    let broker = Broker::start().unwrap();
    broker.answer(Answer::Silence);
    let mut options = MqttSenderOptions::default();
    options.sender.in_flight = Some(Bounds { messages: 2, ..Bounds::default() });
    let sender = sent(&broker, "t", options).await;
    let _outcomes = [sender.enqueue(event(0)).await.unwrap(), sender.enqueue(event(1)).await.unwrap()];
    assert!(tokio::time::timeout(Duration::from_millis(200), sender.enqueue(event(2))).await.is_err());
}

#[tokio::test]
async fn what_is_too_large_for_the_broker_is_not_sent() {
    let mut options = BrokerOptions::default();
    options.max_packet_size = Some(2000);
    let broker = Broker::with_options(options).unwrap();
    let sender = sender_to(&broker, "t").await;
    assert_eq!(within(sender.send(&large(1, 2000))).await.unwrap_err().kind(), ErrorKind::TooLarge);
    within(sender.send(&large(2, 1000))).await.unwrap();
    assert_eq!(sender.connectivity().losses(), 0);
}

/// A header with a name that an attribute may have, or that none may: `data` (CE attribute naming rules) is one to others that read it.
#[tokio::test]
async fn headers_that_would_be_attributes_are_losses() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "t").await;
    let mut options = MqttSenderOptions::default();
    options.sender.losses = LossPolicy::Allow;
    let allowing = sent(&broker, "t", options).await;
    for (number, name) in ["traceparent", "tenant", "data"].into_iter().enumerate() {
        let with = || Outgoing::from(event(1)).header(name, "a").header("x-note", "b");
        let error = within(sender.send(with())).await.unwrap_err();
        assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::Inexact, true), "{name}");
        assert!(error.detail().contains(name), "{error}");
        within(allowing.send(with())).await.unwrap();
        assert_eq!(allowing.metrics().lossy, number as u64 + 1, "{name}");
        // A loss beside another one is reported, too.
        let error = within(sender.send(with().key("42"))).await.unwrap_err();
        assert!(error.detail().contains(name) && error.detail().contains("key"), "{error}");
    }
}

/// MQTT 5.0, section 1.5.4. The payload is not concerned.
#[tokio::test]
async fn what_brokers_may_end_the_connection_for_is_not_sent() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "t").await;
    let named = |name: &str, value: &str| Outgoing::from(event(1)).header(name, value);
    for refused in [named("x-note", "a\tb"), named("x-note", "\u{ffff}"), named("x\nnote", "1")] {
        let error = within(sender.send(refused)).await.unwrap_err();
        assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::Inexact, true));
    }
    let error = within(sender.send(Outgoing::from(event(1)).to("a\tb"))).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::InvalidString, true));
    let payload = cloudevents_core::Payload::text("a\tb\u{ffff}");
    let tab = event(2).into_builder().payload("text/plain", payload).build().unwrap();
    within(sender.send(&tab)).await.unwrap();
    assert_eq!((broker.published().len(), sender.connectivity().losses()), (1, 0));
}

/// It is sent back to the broker that has delivered it.
#[tokio::test]
async fn a_dead_letter_is_stored_whatever_its_headers_and_its_reason_are() {
    let broker = Broker::start().unwrap();
    let url = format!("{}?client=c&dead-letter=rejected", broker.url("t"));
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let mut rejected = receiver_from(&broker, "rejected", "r").await;
    let mut odd = Published::new("t", "x");
    odd.user_properties = vec![("x-note".into(), "a\tb\u{ffff}".into())];
    broker.publish(odd);
    within(next(&mut receiver).await.reject("unknown variant `\u{ffff}`")).await.unwrap();
    let letter = next(&mut rejected).await;
    assert_eq!(letter.header_text("x-note").as_deref(), Some("a\tb\u{ffff}"));
    assert_eq!(letter.header_text("dead-letter-reason").as_deref(), Some("unknown variant ` `"));
}

/// PUBACKs go in order: a letter that is never stored would stop all that follows.
#[tokio::test]
async fn a_dead_letter_that_is_too_large_loses_headers() {
    let mut options = BrokerOptions::default();
    options.max_packet_size = Some(2000);
    let broker = Broker::with_options(options).unwrap();
    let topic = format!("rejected/{}", "x".repeat(100));
    for (topic, has_note) in [("rejected", true), (&*topic, false)] {
        let url = format!("{}?client=c&dead-letter={topic}", broker.url("t"));
        let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
        let mut rejected = receiver_from(&broker, topic, "r").await;
        let mut large = Published::new("t", vec![b'x'; 1840]);
        large.user_properties = vec![("x-note".into(), "y".repeat(100))];
        broker.publish(large);
        broker.publish(Published::new("t", "small"));
        within(next(&mut receiver).await.reject("no event")).await.unwrap();
        within(next(&mut receiver).await.reject("no event")).await.unwrap();
        let letter = next(&mut rejected).await;
        assert_eq!((letter.body().unwrap().len(), letter.header("dead-letter-reason")), (1840, None));
        assert_eq!(letter.header("x-note").is_some(), has_note);
        let small = next(&mut rejected).await;
        assert_eq!(small.header_text("dead-letter-reason").as_deref(), Some("no event"));
        for delivery in [letter, small] {
            within(delivery.accept()).await.unwrap();
        }
        for mut receiver in [receiver, rejected] {
            within(receiver.drain(patience())).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_topic_is_made_from_attributes() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "plant/{device}/{type}").await;
    let builder = Event::builder().id("1").source("/s").ty("temperature");
    let seven = builder.clone().extension("device", 7).build().unwrap();
    within(sender.send(&seven)).await.unwrap();
    within(sender.send(Outgoing::from(&seven).to("elsewhere"))).await.unwrap();
    let without = builder.clone().build().unwrap();
    assert_eq!(within(sender.send(&without)).await.unwrap_err().kind(), ErrorKind::MissingAttribute);
    let wild = builder.extension("device", "a/#").build().unwrap();
    let error = within(sender.send(&wild)).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::InvalidString, true));
    let error = within(sender.send(Outgoing::from(&seven).to("a/+"))).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::InvalidString, true));
    let topics: Vec<_> = broker.published().into_iter().map(|message| message.topic).collect();
    assert_eq!(topics, ["plant/7/temperature", "elsewhere"]);
}

#[tokio::test]
async fn what_goes_along_with_a_message_arrives() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "t", "c").await;
    let sender =
        sender(&format!("{}?retain=true&expiry=1h", broker.url("t")), Default::default()).await.unwrap();
    let outgoing = Outgoing::from(event(1))
        .header("x-trace", "7")
        .reply_to("answers")
        .correlation([0xff, 0])
        .expires_after(Duration::from_millis(1500));
    within(sender.send(outgoing)).await.unwrap();
    within(sender.send(&large(2, 10))).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(
        (delivery.reply_to(), delivery.correlation().as_deref()),
        (Some("answers"), Some(&[0xff, 0][..]))
    );
    assert_eq!((delivery.header_text("x-trace").unwrap().as_ref(), delivery.topic()), ("7", Some("t")));
    let message: &ReceivedPublish = delivery.native().unwrap();
    assert!(!message.is_retained() && !message.is_duplicate());
    within(delivery.accept()).await.unwrap();
    let published = broker.published();
    assert_eq!((published[0].expiry, published[1].expiry), (Some(2), Some(3600)));
    assert!(published[0].retain);
    // Who subscribes later gets the last message, marked as retained.
    let mut late = receiver_from(&broker, "t", "late").await;
    let delivery = next(&mut late).await;
    assert_eq!(id(&delivery), "2");
    assert!(delivery.native::<ReceivedPublish>().unwrap().is_retained());
    // An empty payload removes it (MQTT 5.0, section 3.3.1.3), and so does an event without data in binary mode.
    within(sender.send(&event(3))).await.unwrap();
    let mut later = receiver_from(&broker, "t", "later").await;
    within(sender.send(&event(4))).await.unwrap();
    assert_eq!(id(&next(&mut later).await), "4");
}

#[tokio::test]
async fn a_request_gets_its_reply() {
    let broker = Broker::start().unwrap();
    let mut requests = receiver_from(&broker, "questions", "responder").await;
    let replies = sender_to(&broker, "unused").await;
    let sender = sender_to(&broker, "questions").await;
    assert!(sender.capabilities().requests);
    let responder = async {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(next(&mut requests).await);
        }
        // In another order than asked; and one that answers nothing.
        let topic = held[0].reply_to().unwrap().to_owned();
        within(replies.send(Outgoing::from(event("stray")).to(topic).correlation([9; 8]))).await.unwrap();
        for delivery in held.into_iter().rev() {
            let answer = event(format!("re: {}", id(&delivery)));
            let answer = Outgoing::from(answer)
                .to(delivery.reply_to().unwrap())
                .correlation(delivery.correlation().unwrap());
            within(replies.send(answer)).await.unwrap();
            within(delivery.accept()).await.unwrap();
        }
    };
    let ask = async |number: u32| {
        let answer = sender.request(&event(number), patience()).await.unwrap();
        assert_eq!(answer.id(), format!("re: {number}"));
    };
    tokio::join!(responder, ask(1), ask(2), ask(3));
    // The responder is gone; the limit passes.
    let error = sender.request(&event(4), Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    within(sender.send(&event(5))).await.unwrap();
}

#[tokio::test]
async fn acknowledgements_are_in_order() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "t", "c").await;
    within(sender_to(&broker, "t").await.send_all(events(4))).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(next(&mut receiver).await);
    }
    let last = held.pop().unwrap();
    within(last.accept()).await.unwrap();
    within(held.remove(1).accept()).await.unwrap();
    // PINGREQ overtakes nothing, so that a message sent now arrives after any acknowledgement.
    within(sender_to(&broker, "t").await.send(&event(9))).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "9");
    assert_eq!(broker.session("c").unwrap().unacknowledged, 5);
    within(held.remove(0).accept()).await.unwrap(); // 0, and with it 1... but not 2
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 3)).await;
    within(held.remove(0).accept()).await.unwrap();
    // All but 9, which was dropped.
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 1)).await;
}

#[tokio::test]
async fn a_session_is_resumed() {
    let mut broker = Broker::start().unwrap();
    let mut receiver = receiver(&format!("{}?client=c&qos=2", broker.url("t")), strict()).await.unwrap();
    let sender = sender(&format!("{}?qos=2", broker.url("t")), Default::default()).await.unwrap();
    within(sender.send_all(events(3))).await.unwrap();
    let first = next(&mut receiver).await;
    let second = next(&mut receiver).await;
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 3)).await;
    within(first.accept()).await.unwrap();
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 2)).await;
    broker.stop();
    lost(&receiver).await;
    let error = within(second.accept()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Revoked);
    broker.restart().unwrap();
    // What was not acknowledged, in order, with the duplicate flag.
    for expected in ["1", "2"] {
        let delivery = next(&mut receiver).await;
        assert_eq!((id(&delivery).as_str(), delivery.is_redelivered()), (expected, Some(true)));
        within(delivery.accept()).await.unwrap();
    }
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 0)).await;
}

#[tokio::test]
async fn retained_messages_come_once_for_each_subscription() {
    let broker = Broker::start().unwrap();
    let sender = sender(&format!("{}?retain=true", broker.url("t")), Default::default()).await.unwrap();
    within(sender.send(&large("retained", 1))).await.unwrap(); // one without a payload would remove what is retained
    let mut receiver = receiver_from(&broker, "t", "c").await;
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "retained");
    within(delivery.accept()).await.unwrap();
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 0)).await;
    broker.disconnect_all();
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.connects() < 2 {
            connectivity.changed().await;
        }
    })
    .await;
    while within(sender.send(&event("next"))).await.is_err() {} // it has lost its connection, too
    assert_eq!(id(&next(&mut receiver).await), "next");
}

/// A program that ends without settling, and its successor with the same client identifier.
#[tokio::test]
async fn a_session_outlives_its_receiver() {
    let broker = Broker::start().unwrap();
    let mut first = receiver_from(&broker, "t", "c").await;
    let sender = sender_to(&broker, "t").await;
    within(sender.send(&event(0))).await.unwrap();
    let held = next(&mut first).await;
    drop((held, first));
    until(&broker, "c", |session| session.is_some_and(|session| !session.connected)).await;
    within(sender.send(&event(1))).await.unwrap();
    // It subscribes to more than before.
    let mut second = receiver_from(&broker, "%23", "c").await;
    assert_eq!((id(&next(&mut second).await), id(&next(&mut second).await)), ("0".into(), "1".into()));
    let filters = broker.session("c").unwrap().filters;
    assert_eq!(filters, ["t", "#"]);
}

#[tokio::test]
async fn a_session_without_a_name_ends_with_its_receiver() {
    let broker = Broker::start().unwrap();
    for version in ["5", "3.1.1"] {
        let mut receiver =
            receiver(&format!("{}?version={version}", broker.url("t")), strict()).await.unwrap();
        let name = broker.clients().pop().unwrap();
        let session = broker.session(&name).unwrap();
        assert_eq!((session.connected, session.filters.len()), (true, 1));
        within(receiver.drain(patience())).await.unwrap();
        drop(receiver);
        until(&broker, &name, |session| session.is_none()).await;
    }
}

/// A reset loses nothing while the program lives, whatever the version is.
#[tokio::test]
async fn a_session_without_a_name_is_resumed() {
    let broker = Broker::start().unwrap();
    for version in ["5", "3.1.1"] {
        let url = format!("{}?version={version}", broker.url("t"));
        let mut receiver = receiver(&url, strict()).await.unwrap();
        let sender = sender(&url, Default::default()).await.unwrap();
        within(sender.send_all(events(3))).await.unwrap();
        let held = [next(&mut receiver).await, next(&mut receiver).await];
        let name =
            broker.clients().into_iter().find(|name| !broker.session(name).unwrap().filters.is_empty());
        broker.disconnect_all();
        connected_again(&receiver).await;
        for expected in 0..3 {
            let delivery = next(&mut receiver).await;
            assert_eq!((id(&delivery), version), (expected.to_string(), version));
            within(delivery.accept()).await.unwrap();
        }
        drop(held);
        // The session ends with the receiver.
        within(receiver.drain(patience())).await.unwrap();
        until(&broker, &name.unwrap(), |session| session.is_none()).await;
    }
}

/// Nothing of it could be resumed, so that none is kept: not even where the program ends in a way that does not end it.
#[test]
fn at_most_once_without_a_name_leaves_no_session() {
    let broker = Broker::start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("{}?version=3.1.1&qos=0", broker.url("t"));
    let receiver = runtime.block_on(within(receiver(&url, strict()))).unwrap();
    let name = broker.clients().pop().unwrap();
    drop((runtime, receiver));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(until(&broker, &name, |session| session.is_none()));
}

/// Otherwise each attempt would leave one over, for which nothing is sent.
#[tokio::test]
async fn a_session_without_a_name_ends_with_the_attempt_to_open_it() {
    let mut options = BrokerOptions::default();
    options.forbidden = vec!["closed".into()];
    let broker = Broker::with_options(options).unwrap();
    for version in ["5", "3.1.1"] {
        let url = format!("{}?version={version}&session=0s", broker.url("closed"));
        within(receiver(&url, strict())).await.unwrap_err();
        within(async {
            while !broker.clients().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_shared_subscription_divides_messages() {
    let broker = Broker::start().unwrap();
    let mut one = receiver_from(&broker, "$share/group/t/+", "one").await;
    let mut two = receiver_from(&broker, "$share/group/t/+", "two").await;
    within(sender_to(&broker, "t/{id}").await.send_all(events(20))).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..10 {
        for receiver in [&mut one, &mut two] {
            let delivery = next(receiver).await;
            seen.push(id(&delivery).parse::<u32>().unwrap());
            within(delivery.accept()).await.unwrap();
        }
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..20));
}

/// The conversions alone, as the README has them.
#[tokio::test]
async fn a_program_with_a_client_of_its_own_sends_and_receives_events() {
    let broker = Broker::start().unwrap();
    let options = MqttOptions::new("own", ("127.0.0.1", broker.port()));
    let (client, mut events) = AsyncClient::builder(options).capacity(10).build();
    client.subscribe("plant/+", QoS::AtLeastOnce).await.unwrap();
    within(async { while !matches!(events.poll().await.unwrap(), Polled::Incoming(Incoming::SubAck(_))) {} })
        .await;
    let event = large(1, 100);
    let (message, losses) = encode(&event, Mode::Binary, "plant/7", Qos::AtLeastOnce).unwrap();
    assert!(losses.is_empty());
    let options = PublishOptions::new(message.qos).properties(message.properties.unwrap());
    client.publish("plant/7", message.payload, options).await.unwrap();
    let message = within(async {
        loop {
            if let Polled::Incoming(Incoming::Publish(message)) = events.poll().await.unwrap() {
                break message;
            }
        }
    })
    .await;
    assert_eq!(decode(&message, &DecodeOptions::strict()).unwrap().value, event);
}

#[tokio::test]
async fn dead_letters_go_to_a_topic() {
    let broker = Broker::start().unwrap();
    let url = format!("{}?client=c&dead-letter=rejected/t&attempts=2", broker.url("t"));
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let mut rejected = receiver_from(&broker, "rejected/+", "r").await;
    let sender = sender_to(&broker, "t").await;
    let outgoing = Outgoing::from(event(1)).header("x-a", "b").correlation("c");
    within(sender.send(outgoing)).await.unwrap();
    within(next(&mut receiver).await.reject("no such order")).await.unwrap();
    let letter = next(&mut rejected).await;
    assert_eq!(id(&letter), "1");
    for (header, value) in [
        ("x-a", "b"),
        ("dead-letter-reason", "no such order"),
        ("dead-letter-topic", "t"),
        ("dead-letter-attempt", "1"),
    ] {
        assert_eq!(letter.header_text(header).as_deref(), Some(value), "{header}");
    }
    assert_eq!(letter.correlation().as_deref(), Some(&b"c"[..]));
    assert_eq!(letter.header("dead-letter-error"), None);
    within(letter.accept()).await.unwrap();

    // What is tried too often, and what is no event.
    within(sender.send(&event(2))).await.unwrap();
    within(next(&mut receiver).await.retry(Duration::ZERO)).await.unwrap();
    let again = next(&mut receiver).await;
    assert_eq!(again.attempt(), 2);
    within(again.retry(Duration::ZERO)).await.unwrap();
    let letter = next(&mut rejected).await;
    assert_eq!(letter.header_text("dead-letter-reason").as_deref(), Some("given up after 2 attempts"));
    let mut broken = Published::new("t", "x");
    broken.user_properties = vec![("specversion".into(), "1.0".into())];
    broker.publish(broken);
    let delivery = next(&mut receiver).await;
    let error = delivery.event().unwrap_err();
    within(delivery.reject(error.to_string())).await.unwrap();
    let letter = next(&mut rejected).await;
    assert_eq!(letter.header_text("dead-letter-error").as_deref(), Some("missing-attribute"));
    assert_eq!(letter.body().unwrap(), "x");
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 0)).await;
}

/// A message that was rejected is not gone when its time is over.
#[tokio::test]
async fn a_dead_letter_does_not_expire_with_its_message() {
    let broker = Broker::start().unwrap();
    let url = format!("{}?client=c&dead-letter=rejected", broker.url("t"));
    let _reader = receiver_from(&broker, "rejected", "reader").await;
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let sender = sender(&format!("{}?expiry=1h", broker.url("t")), Default::default()).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    within(next(&mut receiver).await.reject("why")).await.unwrap();
    let expiry: Vec<_> = broker.published().into_iter().map(|message| message.expiry).collect();
    assert_eq!(expiry, [Some(3600), None]);
}

/// Otherwise a message that cannot be read would go round for ever.
#[tokio::test]
async fn dead_letters_go_to_no_topic_that_the_receiver_reads() {
    let broker = Broker::start().unwrap();
    for (filter, topic) in [
        ("plant/%23", "plant/rejected"),
        ("%23", "rejected"),
        ("rejected", "rejected"),
        ("$share/g/+/t", "rejected/t"),
    ] {
        let url = format!("{}?client=c&dead-letter={topic}", broker.url(filter));
        let error = receiver(&url, DecodeOptions::strict().into()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{filter} {topic}");
    }
    let url = format!("{}?client=c&dead-letter=rejected/plant", broker.url("plant/%23"));
    receiver(&url, DecodeOptions::strict().into()).await.unwrap();
}

#[tokio::test]
async fn what_the_dead_letter_topic_declines_is_not_settled() {
    let mut options = BrokerOptions::default();
    options.forbidden.push("closed".into());
    let broker = Broker::with_options(options).unwrap();
    let mut strict = strict();
    strict.log.sink_backoff = Duration::from_millis(50);
    let url = format!("{}?client=c&dead-letter=closed", broker.url("t"));
    let mut receiver = receiver(&url, strict).await.unwrap();
    within(sender_to(&broker, "t").await.send(&event(1))).await.unwrap();
    let error = within(next(&mut receiver).await.reject("why")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(broker.session("c").unwrap().unacknowledged, 1);
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!(broker.session("c").unwrap().unacknowledged, 1);
}

#[tokio::test]
async fn a_receiver_opens_only_when_it_is_decided_what_happens_to_rejected_messages() {
    let broker = Broker::start().unwrap();
    let open = async |query: &str| {
        let url = format!("{}{query}", broker.url("t"));
        receiver(&url, MqttReceiverOptions::default()).await.map(drop).map_err(|error| error.kind())
    };
    assert_eq!(open("").await, Err(ErrorKind::Unsupported));
    assert_eq!(open("?reject=broker").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("?reject=drop&dead-letter=t").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("?dead-letter=").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("?dead-letter=a/%23").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("?reject=drop").await, Ok(()));
}

#[tokio::test]
async fn a_sender_outlives_its_broker() {
    let mut broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "t").await;
    broker.answer(Answer::Silence);
    let outcome = sender.enqueue(event(1)).await.unwrap();
    broker.stop();
    assert_eq!(within(outcome).await.unwrap_err().kind(), ErrorKind::Disconnected);
    broker.answer(Answer::Accept);
    let mut connectivity = sender.connectivity();
    let waiting = sender.send(event(2));
    broker.restart().unwrap();
    within(waiting).await.unwrap();
    within(async {
        while !matches!(connectivity.state(), ConnectionState::Connected { .. }) {
            connectivity.changed().await;
        }
    })
    .await;
    assert_eq!((connectivity.connects(), connectivity.losses()), (2, 1));
    assert_eq!(broker.published().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_a_lost_connection() {
    let mut broker = Broker::start().unwrap();
    broker.stop();
    let error = sender(&broker.url("t"), Default::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.to_string().contains(&broker.port().to_string()), "{error}");
    let error = receiver(&broker.url("t"), strict()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn what_a_dropped_sender_enqueued_arrives() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "t", "c").await;
    for qos in [0, 1, 2] {
        let sender = sender(&format!("{}?qos={qos}", broker.url("t")), Default::default()).await.unwrap();
        for event in events(100) {
            drop(sender.enqueue(event).await.unwrap());
        }
        drop(sender);
        for expected in 0..100 {
            let delivery = next(&mut receiver).await;
            assert_eq!(id(&delivery), expected.to_string());
            within(delivery.accept()).await.unwrap();
        }
    }
    // Their connections are closed, and leave no session.
    within(async {
        while broker.clients().len() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A program may keep a drained receiver. It neither gets messages, nor takes the session back from the next receiver.
#[tokio::test]
async fn a_drained_receiver_has_left_its_session() {
    let broker = Broker::start().unwrap();
    let mut first = receiver_from(&broker, "t", "c").await;
    within(first.drain(patience())).await.unwrap();
    until(&broker, "c", |session| session.is_some_and(|session| !session.connected)).await;
    let sender = sender_to(&broker, "t").await;
    within(sender.send_all(events(100))).await.unwrap();
    let mut second = receiver_from(&broker, "t", "c").await;
    for expected in 0..100 {
        let delivery = next(&mut second).await;
        assert_eq!(id(&delivery), expected.to_string());
        within(delivery.accept()).await.unwrap();
    }
    within(second.drain(patience())).await.unwrap();
    assert_eq!(second.connectivity().losses(), 0);
    assert!(within(first.next()).await.unwrap().is_none());
}

/// The connection ends before the broker has read the last acknowledgement: the message comes again.
#[tokio::test]
async fn a_drain_says_that_an_acknowledgement_was_not_read() {
    let broker = Broker::start().unwrap();
    let proxy = FaultProxy::start(([127, 0, 0, 1], broker.port()).into()).unwrap();
    let url = format!("mqtt://{}/t?client=c", proxy.address());
    let mut receiver = receiver(&url, strict()).await.unwrap();
    within(sender_to(&broker, "t").await.send(&event(1))).await.unwrap();
    let held = next(&mut receiver).await;
    proxy.stall(Flow::ToServer);
    within(held.accept()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await; // until the acknowledgement is on its way
    within(proxy.refuse()).await;
    proxy.end(End::Reset);
    lost(&receiver).await;
    let error = within(receiver.drain(patience())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert_eq!(broker.session("c").unwrap().unacknowledged, 1);
}

/// Over the next connection the message comes again. It is not lost, and the drain does not say that all was settled, unless it was.
#[tokio::test]
async fn a_drain_over_the_next_connection_says_that_a_message_came_again() {
    for settles in [false, true] {
        let broker = Broker::start().unwrap();
        let proxy = FaultProxy::start(([127, 0, 0, 1], broker.port()).into()).unwrap();
        let url = format!("mqtt://{}/t?client=c", proxy.address());
        let mut receiver = receiver(&url, strict()).await.unwrap();
        within(sender_to(&broker, "t").await.send(&event(1))).await.unwrap();
        let held = next(&mut receiver).await;
        proxy.stall(Flow::ToServer);
        within(held.accept()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await; // until the acknowledgement is on its way
        proxy.end(End::Reset);
        lost(&receiver).await;
        proxy.resume();
        connected_again(&receiver).await;
        if settles {
            within(next(&mut receiver).await.accept()).await.unwrap();
        }
        let drained = within(receiver.drain(patience())).await;
        assert_eq!(drained.is_ok(), settles, "{drained:?}");
        assert_eq!(broker.session("c").unwrap().unacknowledged, usize::from(!settles));
    }
}

/// The messages that were not accepted come again, too, and that is no failure.
#[tokio::test]
async fn a_drain_over_the_next_connection_is_clean_unless_what_was_accepted_came_again() {
    for (takes, accepts) in [(1, false), (2, false), (2, true)] {
        let broker = Broker::start().unwrap();
        let proxy = FaultProxy::start(([127, 0, 0, 1], broker.port()).into()).unwrap();
        let url = format!("mqtt://{}/t?client=c", proxy.address());
        let mut receiver = receiver(&url, strict()).await.unwrap();
        within(sender_to(&broker, "t").await.send_all(events(3))).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..takes {
            held.push(next(&mut receiver).await);
        }
        if accepts {
            within(held.pop().unwrap().accept()).await.unwrap(); // behind one that is not
        }
        until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 3)).await;
        proxy.end(End::Reset);
        connected_again(&receiver).await;
        drop(held);
        let drained = within(receiver.drain(patience())).await;
        assert_eq!(drained.is_ok(), !accepts, "{takes}: {drained:?}");
        assert_eq!(broker.session("c").unwrap().unacknowledged, 3);
    }
}

/// The first of two messages is accepted again before the second has come again.
#[tokio::test]
async fn a_drain_says_that_an_accepted_message_came_again_after_others() {
    let broker = Broker::start().unwrap();
    let proxy = FaultProxy::start(([127, 0, 0, 1], broker.port()).into()).unwrap();
    let mut options = strict();
    options.connection.connect_timeout = Duration::from_secs(4); // over the slow line, the second message takes four times as long
    let mut receiver = receiver(&format!("mqtt://{}/t?client=c", proxy.address()), options).await.unwrap();
    let sender = sender_to(&broker, "t").await;
    within(sender.send_all([event(1), large(2, 1 << 20)])).await.unwrap();
    let held = [next(&mut receiver).await, next(&mut receiver).await];
    proxy.stall(Flow::ToServer);
    for delivery in held {
        within(delivery.accept()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await; // until the acknowledgements are on their way
    proxy.end(End::Reset);
    lost(&receiver).await;
    proxy.resume();
    proxy.slow(Flow::ToClient, (64 << 10).try_into().unwrap());
    connected_again(&receiver).await;
    within(next(&mut receiver).await.accept()).await.unwrap();
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 1)).await;
    let resume = async {
        tokio::time::sleep(Duration::from_millis(200)).await; // until nothing more is taken
        proxy.resume();
    };
    let (drained, ()) = tokio::join!(within(receiver.drain(patience())), resume);
    assert_eq!(drained.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(broker.session("c").unwrap().unacknowledged, 1);
}

/// An empty broker sends nothing again, also if its connection is lost.
#[tokio::test]
async fn a_drain_is_clean_when_the_session_is_gone() {
    let (broker, empty) = (Broker::start().unwrap(), Broker::start().unwrap());
    let proxy = FaultProxy::start(([127, 0, 0, 1], broker.port()).into()).unwrap();
    let mut receiver = receiver(&format!("mqtt://{}/t?client=c", proxy.address()), strict()).await.unwrap();
    within(sender_to(&broker, "t").await.send(&event(1))).await.unwrap();
    let held = next(&mut receiver).await;
    proxy.stall(Flow::ToServer);
    within(held.accept()).await.unwrap();
    proxy.forward_to(([127, 0, 0, 1], empty.port()).into());
    proxy.end(End::Reset);
    lost(&receiver).await;
    proxy.resume();
    connected_again(&receiver).await;
    within(proxy.refuse()).await;
    proxy.end(End::Reset);
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.losses() < 2 {
            connectivity.changed().await;
        }
    })
    .await;
    within(receiver.drain(patience())).await.unwrap();
}

/// The broker stops to send when the program holds as many as it may, although the program reads no more; pings keep the connection.
#[tokio::test]
async fn a_stalled_consumer_stops_reading_and_stays_connected() {
    let broker = Broker::start().unwrap();
    let mut options = strict();
    options.receiver = ReceiverOptions::from(DecodeOptions::strict());
    options.receiver.in_flight = Bounds { messages: 2, bytes: 200 << 10 };
    let url = format!("{}?client=c&keep-alive=4s&prefetch=1000", broker.url("t"));
    let mut receiver = receiver(&url, options).await.unwrap();
    // More than sockets buffer.
    let sender = sender_to(&broker, "t").await;
    let count = 400;
    within(sender.send_all((0..count).map(|number| large(number, 100 << 10)))).await.unwrap();
    let held = [next(&mut receiver).await, next(&mut receiver).await];
    // More than one and a half Keep Alives: a client that does not ping would be disconnected.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let session = broker.session("c").unwrap();
    assert!(session.connected && session.waiting > 200, "{session:?}");
    assert_eq!(receiver.connectivity().losses(), 0);
    for delivery in held {
        within(delivery.accept()).await.unwrap();
    }
    for expected in 2..count {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), expected.to_string());
        within(delivery.accept()).await.unwrap();
    }
}

#[tokio::test]
async fn an_unsettled_message_holds_the_broker_back() {
    let broker = Broker::start().unwrap();
    let url = format!("{}?client=c&prefetch=5", broker.url("t"));
    let mut receiver = receiver(&url, strict()).await.unwrap();
    within(sender_to(&broker, "t").await.send_all(events(10))).await.unwrap();
    let first = next(&mut receiver).await;
    for _ in 1..5 {
        within(next(&mut receiver).await.accept()).await.unwrap();
    }
    let more = tokio::time::timeout(Duration::from_millis(300), receiver.next());
    assert!(more.await.is_err(), "a sixth message came while the first is unsettled");
    within(first.accept()).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "5");
}

#[tokio::test]
async fn a_silent_broker_is_lost() {
    let mut options = BrokerOptions::default();
    options.ignores_pings = true;
    let broker = Broker::with_options(options).unwrap();
    let url = format!("{}?keep-alive=1s", broker.url("t"));
    let receiver = receiver(&url, strict()).await.unwrap();
    lost(&receiver).await;
}

#[tokio::test]
async fn a_broker_that_takes_less_is_an_error_when_opening() {
    let mut options = BrokerOptions::default();
    (options.max_qos, options.forbidden) = (Some(1), vec!["closed".into()]);
    let broker = Broker::with_options(options).unwrap();
    let error = sender(&format!("{}?qos=2", broker.url("t")), Default::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    for version in ["5", "3.1.1"] {
        let url = format!("{}?version={version}", broker.url("closed"));
        let error = receiver(&url, strict()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
}

/// With QoS 0, nothing would come again.
#[tokio::test]
async fn a_broker_that_grants_at_most_once_is_an_error_when_opening() {
    let mut options = BrokerOptions::default();
    options.max_qos = Some(0);
    let broker = Broker::with_options(options).unwrap();
    for version in ["5", "3.1.1"] {
        let url = |qos| format!("{}?version={version}&qos={qos}", broker.url("t"));
        for qos in [1, 2] {
            let error = receiver(&url(qos), strict()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }
        receiver(&url(0), strict()).await.unwrap();
    }
}

#[tokio::test]
async fn only_those_who_may_are_let_in() {
    let mut options = BrokerOptions::default();
    options.users.push(("al@ice".into(), "hunter2".into()));
    let broker = Broker::with_options(options).unwrap();
    let url = |user: &str, version| {
        broker.url("t").replace("mqtt://", &format!("mqtt://{user}")) + "?version=" + version
    };
    for version in ["5", "3.1.1"] {
        let sender = sender(&url("al%40ice:hunter2@", version), Default::default()).await.unwrap();
        within(sender.send(&event(1))).await.unwrap();
        assert!(!format!("{sender:?}").contains("hunter2"));
        for user in ["", "al%40ice:secret7@", "bob@"] {
            let error = super::sender_error(&url(user, version)).await;
            assert_eq!(error.kind(), ErrorKind::Refused, "{user}: {error}");
            assert!(!format!("{error:?} {error}").contains("secret7"));
        }
    }
}

#[derive(Debug, Default)]
struct Changing(Mutex<u32>);

impl Logins<Login> for Changing {
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, cloudevents_core::Error>> + Send + '_>> {
        let mut number = self.0.lock().unwrap();
        *number += 1;
        // The first password is the old one.
        Box::pin(std::future::ready(Ok(Login::new("alice", if *number == 2 { "old" } else { "new" }))))
    }
}

#[tokio::test]
async fn credentials_are_requested_before_each_connection() {
    let mut options = BrokerOptions::default();
    options.users.push(("alice".into(), "new".into()));
    let broker = Broker::with_options(options).unwrap();
    let logins = Arc::new(Changing::default());
    let mut options = MqttSenderOptions::default();
    options.connection.logins = Some(Arc::clone(&logins) as Arc<dyn Logins<Login>>);
    let sender = sent(&broker, "t", options).await;
    within(sender.send(&event(1))).await.unwrap();
    broker.disconnect_all();
    within(async {
        while sender.connectivity().losses() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within(sender.send(&event(2))).await.unwrap(); // refused once, then let in
    assert_eq!(*logins.0.lock().unwrap(), 3);
}

#[tokio::test]
async fn mqtt_3_has_structured_mode_only() {
    let broker = Broker::start().unwrap();
    let old = |query: &str| format!("{}?version=3.1.1{query}", broker.url("t"));
    for query in ["&mode=binary", "&expiry=1s"] {
        let error = super::sender_error(&old(query)).await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{query}");
    }
    let mut receiver = receiver(&old("&client=c"), strict()).await.unwrap();
    let sender = sender(&old(""), Default::default()).await.unwrap();
    let refused = within(sender.send(Outgoing::from(event(1)).header("x-a", "b"))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Inexact);
    let error = sender.request(&event(1), Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    within(sender.send(&event(2))).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!((id(&delivery).as_str(), delivery.message().unwrap().mode().as_str()), ("2", "structured"));
    let message = &broker.published()[0];
    assert!(message.payload.starts_with(b"{") && message.user_properties.is_empty());
    within(delivery.accept()).await.unwrap();
}

#[tokio::test]
async fn messages_of_the_client_library_are_understood() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "t", "c").await;
    let (message, _) = cloudevents_mqtt::encode(&event(1), Mode::Binary).unwrap();
    let publish = publish(message, "t", Qos::AtLeastOnce);
    let mut message = Published::new("t", publish.payload);
    message.user_properties = publish.properties.unwrap().user_properties;
    broker.publish(message);
    assert_eq!(id(&next(&mut receiver).await), "1");
}

/// The broker takes one message at a time. Who waits has it before who comes later, also before who sees the confirmation first.
#[tokio::test]
async fn packet_identifiers_are_given_in_the_order_of_waiting() {
    let mut options = BrokerOptions::default();
    options.receive_maximum = Some(1);
    let broker = Broker::with_options(options).unwrap();
    let proxy = FaultProxy::start(([127, 0, 0, 1], broker.port()).into()).unwrap();
    let sender =
        sender(&format!("mqtt://{}/t", proxy.address()), MqttSenderOptions::default()).await.unwrap();
    proxy.stall(Flow::ToClient);
    let first = within(sender.enqueue(&event(0))).await.unwrap();
    let mut waiting: Vec<_> = (1..4).map(|number| Box::pin(sender.send(event(number)))).collect();
    for waits in &mut waiting {
        assert!(waits.as_mut().now_or_never().is_none());
    }
    proxy.resume();
    within(first).await.unwrap();
    let last = sender.send(event(4));
    let (last, waited) =
        within(futures_util::future::join(last, futures_util::future::join_all(waiting))).await;
    last.unwrap();
    waited.into_iter().for_each(|sent| drop(sent.unwrap()));
    let ids: Vec<_> = broker
        .published()
        .iter()
        .map(|published| published.user_properties.iter().find(|(name, _)| name == "id").unwrap().1.clone())
        .collect();
    assert_eq!(ids, ["0", "1", "2", "3", "4"]);
}

/// Messages are acknowledged in order, so that one that stays would bring back what is confirmed behind it.
#[tokio::test]
async fn a_redrive_with_a_filter_does_not_take_letters_out_of_the_session() {
    let broker = Broker::start().unwrap();
    for (is_dry, opens) in [(false, false), (true, true)] {
        let mut redrive = Redrive::default();
        redrive.filter = Some(EventFilter::new(|_, _| Ok(false)));
        redrive.dry_run = is_dry;
        let mut policy = BridgePolicy::default();
        policy.redrive = Some(redrive);
        let receiver = receiver_from(&broker, "letters", "c").await;
        match Bridge::new(receiver, sender_to(&broker, "t").await, policy) {
            Ok(_) => assert!(opens, "it would acknowledge what it leaves"),
            Err(error) => assert_eq!((error.kind(), opens), (ErrorKind::Unsupported, false), "{error}"),
        }
    }
}
