//! Refusals of a server, and the contents of its queues.

use crate::tools::{Place, event, large, name, next, sending, strict, take, url, within};
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use cloudevents_core::ErrorKind;
use cloudevents_sqs::awssdk1::{ReceivedMessage, receiver, sender};
use cloudevents_testkit::slowed;
use cloudevents_transport::Outgoing;
use std::{collections::BTreeMap, time::Duration};

fn attributes(message: &Message) -> BTreeMap<&str, &str> {
    let attributes = message.message_attributes.iter().flatten();
    attributes.map(|(name, value)| (name.as_str(), value.string_value().unwrap_or("(bytes)"))).collect()
}

#[tokio::test]
async fn what_is_in_a_queue_is_a_document_and_binary_mode_is_attributes() {
    let Some(place) = Place::new("forms").await else { return };
    let receipt = place.sender("").await.send(&event(1)).await.unwrap();
    assert_eq!(receipt.place(), Some(&*place.queue));
    let found = place.messages(&place.queue).await;
    assert_eq!(found[0].body(), Some(r#"{"specversion":"1.0","id":"1","source":"/tests","type":"t"}"#));
    let content_type = [("content-type", "application/cloudevents+json")];
    assert_eq!(attributes(&found[0]), BTreeMap::from(content_type));
    let other = Outgoing::from(large(2, 3)).header("tenant", "7").header("bytes", b"\xff");
    place.sender("mode=binary").await.send(other).await.unwrap();
    let found = place.messages(&place.queue).await;
    assert_eq!(found[0].body(), Some("xxx"));
    let wanted = [
        ("bytes", "(bytes)"),
        ("ce-id", "2"),
        ("ce-source", "/tests"),
        ("ce-specversion", "1.0"),
        ("ce-type", "t"),
        ("content-type", "text/plain"),
        ("tenant", "7"),
    ];
    assert_eq!(attributes(&found[0]), BTreeMap::from(wanted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why() {
    let Some(place) = Place::new("opened").await else { return };
    let missing = url(&place.server, "no-such-queue", "");
    let error = within(sender(&missing, sending())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert!(error.help().unwrap().contains("create the queue"), "{error}");
    assert_eq!(within(receiver(&missing, strict())).await.unwrap_err().kind(), ErrorKind::Refused);
    let away = url("http://127.0.0.1:1", "orders", "connect-timeout=5s");
    assert_eq!(within(sender(&away, sending())).await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(within(receiver(&away, strict())).await.unwrap_err().kind(), ErrorKind::Disconnected);
    for query in [
        format!("dead-letter={}", place.queue),
        "reject=broker".into(),
        "dead-letter=a/b".into(),
        "lock=0s".into(),
    ] {
        let error = within(receiver(&place.url(&query), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{query}: {error}");
    }
    let error = within(receiver(&place.url("dead-letter=no-such-queue"), strict())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.detail().contains("no-such-queue"), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_blocks_nothing() {
    let Some(place) = Place::new("fits").await else { return };
    let sender = place.sender("mode=binary").await;
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "a body is not empty: {error}");
    let error = within(sender.send(&large(2, 1 << 20))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    let many = (0..9).fold(Outgoing::from(large(3, 1)), |all, n| all.header(format!("h{n}"), "x"));
    assert!(within(sender.send(many)).await.is_err());
    within(sender.send(&large("last", 1))).await.unwrap();
    assert_eq!(place.counts().await, (1, 0));
}

#[tokio::test]
async fn a_queue_that_takes_less_sets_the_limit() {
    let Some(place) = Place::new("takes-less").await else { return };
    place.limit(2048).await;
    let sender = place.sender("").await;
    let error = within(sender.send(&large(1, 2048))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(sender.refuses_message(&error) && error.detail().contains("2048"), "{error}");
    within(sender.send(&large(2, 1024))).await.unwrap();
    // The limit is lowered, so that SQS refuses a whole request for one of its messages.
    place.limit(1024).await;
    let sizes = [10, 1500, 20, 1600, 30];
    let outcomes = within(futures_util::future::join_all(sizes.map(async |size| {
        sender
            .enqueue(&large(size, size))
            .await
            .unwrap()
            .await
            .map_err(|error| sender.refuses_message(&error))
            .err()
    })));
    assert_eq!(outcomes.await, [None, Some(true), None, Some(true), None]);
    assert_eq!(place.counts().await, (4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_messages_are_letters_as_they_were_received() {
    let Some(place) = Place::new("rejecting").await else { return };
    let letters = name("letters");
    place.create(&letters).await;
    let own = MessageAttributeValue::builder().data_type("Number.custom").string_value("7").build().unwrap();
    let garbage = place.client().send_message().queue_url(place.queue_url(&place.queue));
    garbage.message_body("no event").message_attributes("own", own).send().await.unwrap();
    let mut receiver = place.receiver(&format!("dead-letter={letters}")).await;
    let delivery = next(&mut receiver).await;
    assert!(delivery.received().native::<ReceivedMessage>().is_some());
    within(delivery.reject("no good")).await.unwrap();
    // With ten attributes, there is room for none of the letter.
    let sender = place.sender("").await;
    let full = (0..9).fold(Outgoing::from(event(1)), |all, n| all.header(format!("h{n}"), "x"));
    sender.send(full).await.unwrap();
    within(next(&mut receiver).await.reject("also no good")).await.unwrap();
    let mut found = BTreeMap::new();
    while found.len() < 2 {
        for message in place.messages(&letters).await {
            found.insert(message.body().unwrap().to_owned(), message);
        }
    }
    let first = attributes(&found["no event"]);
    assert_eq!((first["own"], first["dead-letter-reason"]), ("7", "no good"));
    assert_eq!((first["dead-letter-error"], first["dead-letter-topic"]), ("not-a-cloudevent", &*place.queue));
    assert_eq!(found["no event"].message_attributes.as_ref().unwrap()["own"].data_type(), "Number.custom");
    let other = found.values().find(|message| message.body() != Some("no event")).unwrap();
    assert_eq!((attributes(other).len(), attributes(other)["h8"]), (10, "x"));
    assert_eq!(place.counts().await, (0, 0));
}

/// The letter is stored before the message is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_not_stored_keeps_its_message() {
    let Some(place) = Place::new("kept").await else { return };
    let letters = name("letters");
    place.create(&letters).await;
    place.sender("").await.send(&event(1)).await.unwrap();
    let mut receiver = place.receiver(&format!("lock=10m&dead-letter={letters}")).await;
    let delivery = next(&mut receiver).await;
    place.client().delete_queue().queue_url(place.queue_url(&letters)).send().await.unwrap();
    assert_eq!(within(delivery.reject("no")).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(place.counts().await, (0, 1));
    place.create(&letters).await;
    // It is tried again.
    crate::tools::until(async || !place.messages(&letters).await.is_empty()).await;
    crate::tools::until(async || place.counts().await == (0, 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_waits_ends_soon() {
    let Some(place) = Place::new("ends").await else { return };
    let mut waiting = within(receiver(&place.url("wait=20s"), strict())).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_secs(1), waiting.next()).await;
    assert!(nothing.is_err());
    let begun = std::time::Instant::now();
    within(waiting.drain(Duration::from_secs(15))).await.unwrap();
    assert!(begun.elapsed() < slowed(Duration::from_secs(10)), "{:?}", begun.elapsed());
    // The messages of the open request are given back, so that they are not hidden for the time of the lock.
    place.sender("").await.send(&event(1)).await.unwrap();
    assert_eq!(take(&mut place.receiver("").await).await, "1");
}
