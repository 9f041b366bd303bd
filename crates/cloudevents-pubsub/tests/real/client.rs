//! Refusals of a server, and the contents of its subscriptions.

use crate::tools::{Place, event, id, large, name, next, sending, strict, take, until, url, within};
use cloudevents_core::ErrorKind;
use cloudevents_pubsub::reqwest013::{ReceivedMessage, receiver, sender};
use cloudevents_transport::Outgoing;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

fn attributes(message: &Value) -> BTreeMap<&str, &str> {
    let attributes = message["message"]["attributes"].as_object().unwrap();
    attributes.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

fn data(message: &Value) -> String {
    let data = message["message"]["data"].as_str().unwrap_or_default();
    String::from_utf8(base64_simd::STANDARD.decode_to_vec(data).unwrap()).unwrap()
}

/// As in the document of googleapis/google-cloudevents for Pub/Sub.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_mode_is_attributes_and_a_document_is_data() {
    let Some(place) = Place::new("forms").await else { return };
    let outgoing = Outgoing::from(large(1, 3)).header("tenant", "7");
    let receipt = within(place.sender("").await.send(outgoing)).await.unwrap();
    assert_eq!(receipt.place(), Some(&*place.name));
    let found = place.some_messages(&place.name, 1).await;
    assert_eq!(data(&found[0]), "xxx");
    let wanted = [
        ("ce-id", "1"),
        ("ce-source", "/tests"),
        ("ce-specversion", "1.0"),
        ("ce-type", "t"),
        ("content-type", "text/plain"),
        ("tenant", "7"),
    ];
    assert_eq!(attributes(&found[0]), BTreeMap::from(wanted));
    assert!(found[0]["message"].get("orderingKey").is_none_or(|key| key == ""));
    let place = Place::new("forms").await.unwrap();
    within(place.sender("mode=structured").await.send(&event(2))).await.unwrap();
    let found = place.some_messages(&place.name, 1).await;
    assert_eq!(data(&found[0]), r#"{"specversion":"1.0","id":"2","source":"/tests","type":"t"}"#);
    let content_type = [("content-type", "application/cloudevents+json")];
    assert_eq!(attributes(&found[0]), BTreeMap::from(content_type));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why() {
    let Some(place) = Place::new("opened").await else { return };
    let missing = url(&place.server, "no-such-place", "");
    let error = within(sender(&missing, sending())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert!(error.help().unwrap().contains("create the topic"), "{error}");
    let error = within(receiver(&missing, strict())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    let away = url("http://127.0.0.1:1", "orders", "connect-timeout=5s");
    assert_eq!(within(sender(&away, sending())).await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(within(receiver(&away, strict())).await.unwrap_err().kind(), ErrorKind::Disconnected);
    // The subscription is one of the topic, and a rejected message would come again.
    for query in [
        format!("dead-letter={}", place.name),
        "reject=broker".into(),
        "dead-letter=a/b".into(),
        "lock=9s".into(),
        "lock=11m".into(),
        "wait=0s".into(),
    ] {
        let error = within(receiver(&place.url(&query), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{query}: {error}");
    }
    let error = within(receiver(&place.url("dead-letter=no-such-place"), strict())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.detail().contains("no-such-place"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_and_blocks_nothing() {
    let Some(place) = Place::new("fits").await else { return };
    let sender = place.sender("").await;
    // 7.5 million bytes have ten millions in Base64.
    let error = within(sender.send(&large(1, 7_500_000))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(sender.refuses_message(&error));
    let long = cloudevents_core::Event::builder().id("2").source("/s").ty("t").subject("x".repeat(1025));
    let error = within(sender.send(&long.build().unwrap())).await.unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("subject")), "{error}");
    let many = (0..97).fold(Outgoing::from(event(3)), |all, n| all.header(format!("h{n}"), "x"));
    assert!(within(sender.send(many)).await.is_err());
    within(sender.send(&event("last"))).await.unwrap();
    let mut receiver = place.receiver("").await;
    assert_eq!(take(&mut receiver).await, "last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_messages_are_letters_as_they_were_received() {
    let Some(place) = Place::new("rejecting").await else { return };
    let letters = name("letters");
    place.create(&letters, json!({})).await;
    place.publish(json!({"data": "bm8gZXZlbnQ=", "attributes": {"own": "7"}})).await;
    let mut receiver = place.receiver(&format!("dead-letter={letters}")).await;
    let delivery = next(&mut receiver).await;
    let native: &ReceivedMessage = delivery.received().native().unwrap();
    assert_eq!((&*native.subscription, native.attempt), (place.name.as_str(), None));
    assert!(native.published.is_some() && !native.id.is_empty());
    within(delivery.reject("no good")).await.unwrap();
    // With a hundred attributes, there is room for none of the letter.
    let full = (0..96).fold(Outgoing::from(event(1)), |all, n| all.header(format!("h{n}"), "x"));
    within(place.sender("").await.send(full)).await.unwrap();
    within(next(&mut receiver).await.reject("also no good")).await.unwrap();
    let mut found = place.some_messages(&letters, 2).await;
    found.sort_by_key(|message| attributes(message).len());
    let first = attributes(&found[0]);
    assert_eq!((data(&found[0]).as_str(), first["own"]), ("no event", "7"));
    assert_eq!((first["dead-letter-reason"], first["dead-letter-error"]), ("no good", "not-a-cloudevent"));
    assert_eq!(first["dead-letter-topic"], place.name);
    assert_eq!((attributes(&found[1]).len(), attributes(&found[1])["h95"]), (100, "x"));
}

/// The letter is stored before the message is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_not_stored_keeps_its_message() {
    let Some(place) = Place::new("kept").await else { return };
    let letters = name("letters");
    place.create(&letters, json!({})).await;
    within(place.sender("").await.send(&event(1))).await.unwrap();
    let mut receiver = place.receiver(&format!("dead-letter={letters}")).await;
    let delivery = next(&mut receiver).await;
    place.ask("DELETE", &format!("topics/{letters}"), json!({})).await.unwrap();
    assert_eq!(within(delivery.reject("no")).await.unwrap_err().kind(), ErrorKind::Refused);
    // It is tried again. A subscription does not outlive its topic.
    let again = name("again");
    place.ask("PUT", &format!("topics/{letters}"), json!({})).await.unwrap();
    let topic = format!("projects/tests/topics/{letters}");
    place.ask("PUT", &format!("subscriptions/{again}"), json!({"topic": topic})).await.unwrap();
    assert_eq!(attributes(&place.some_messages(&again, 1).await[0])["dead-letter-reason"], "no");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_waits_ends_soon() {
    let Some(place) = Place::new("ends").await else { return };
    let mut waiting = place.receiver("wait=60s").await;
    let nothing = tokio::time::timeout(Duration::from_secs(1), waiting.next()).await;
    assert!(nothing.is_err());
    let begun = Instant::now();
    within(waiting.drain(Duration::from_secs(15))).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // The messages of the open request are given back, so that they are not hidden for the time of the lock.
    within(place.sender("").await.send(&event(1))).await.unwrap();
    let begun = Instant::now();
    assert_eq!(take(&mut place.receiver("").await).await, "1");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// A request that waited for long is not given up: a message that it gets would be hidden until its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_has_waited_for_long_gets_a_message_at_once() {
    let Some(place) = Place::new("waited").await else { return };
    let mut receiver = place.receiver("wait=1s").await;
    let nothing = tokio::time::timeout(Duration::from_secs(4), receiver.next()).await;
    assert!(nothing.is_err());
    let begun = Instant::now();
    within(place.sender("").await.send(&event(1))).await.unwrap();
    assert_eq!(take(&mut receiver).await, "1");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// A subscription that is gone ends a receiver only after a while, and one that is made again goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_made_again_goes_on() {
    let Some(place) = Place::new("remade").await else { return };
    let mut receiver = place.receiver("wait=1s").await;
    place.ask("DELETE", &format!("subscriptions/{}", place.name), json!({})).await.unwrap();
    let mut waiting = Box::pin(receiver.next());
    assert!(tokio::time::timeout(Duration::from_secs(3), &mut waiting).await.is_err());
    let topic = format!("projects/tests/topics/{}", place.name);
    place.ask("PUT", &format!("subscriptions/{}", place.name), json!({"topic": topic})).await.unwrap();
    within(place.sender("").await.send(&event(1))).await.unwrap();
    let delivery = within(waiting).await.unwrap().unwrap();
    assert_eq!(id(&delivery), "1");
    within(delivery.accept()).await.unwrap();
    until(async || place.messages(&place.name).await.is_empty()).await;
}
