//! The messages that a topic takes, and that come out of a queue.

use crate::tools::{Place, event, large, sending, take, url, within};
use cloudevents_core::{ErrorKind, Event};
use cloudevents_sns::awssdk1::{BINDING, sender};
use cloudevents_transport::{Endpoint, Outgoing, ReceiverOptions};
use std::collections::BTreeMap;

/// The attributes and the body of a message, as the queue has them.
async fn raw(place: &Place) -> (BTreeMap<String, String>, String) {
    let request = place.queues().receive_message().queue_url(place.queue_url());
    let found = request.message_attribute_names("All").send().await.unwrap().messages.unwrap().remove(0);
    let attributes = found.message_attributes.unwrap().into_iter();
    (attributes.map(|(name, value)| (name, value.string_value.unwrap())).collect(), found.body.unwrap())
}

fn all(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn what_is_in_a_queue_is_a_document_and_binary_mode_is_attributes() {
    let Some(place) = Place::new("forms").await else { return };
    let receipt = place.sender("").await.send(&event(1)).await.unwrap();
    assert_eq!(receipt.place(), Some(&*place.name));
    let document = r#"{"specversion":"1.0","id":"1","source":"/tests","type":"t"}"#;
    let content_type = ("content-type", "application/cloudevents+json");
    let wanted = all(&[content_type, ("ce-source", "/tests"), ("ce-type", "t")]);
    assert_eq!(raw(&place).await, (wanted, document.into()));
    let other = Outgoing::from(large(2, 3)).header("tenant", "7");
    place.sender("mode=binary").await.send(other).await.unwrap();
    let wanted = [
        ("ce-id", "2"),
        ("ce-source", "/tests"),
        ("ce-specversion", "1.0"),
        ("ce-type", "t"),
        ("content-type", "text/plain"),
        ("tenant", "7"),
    ];
    assert_eq!(raw(&place).await, (all(&wanted), "xxx".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_of_sqs_reads_both_modes() {
    let Some(place) = Place::new("both").await else { return };
    let mut receiver = place.receiver().await;
    for mode in ["structured", "binary"] {
        place.sender(&format!("mode={mode}")).await.send(&large(mode, 3)).await.unwrap();
        let delivery = within(receiver.next()).await.unwrap().unwrap();
        let event = delivery.event().unwrap();
        assert_eq!((event.id(), event.data_bytes().unwrap().to_vec()), (mode, b"xxx".to_vec()));
        within(delivery.accept()).await.unwrap();
    }
}

/// With a filter policy of attributes, which is the default of its scope.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_policy_sees_type_source_and_subject() {
    let policy = r#"{"ce-type":["placed"],"ce-source":[{"prefix":"/shop"}],"ce-subject":["7"]}"#;
    let Some(place) = Place::filtered("filtered", policy).await else { return };
    let of = |id: &str, ty: &str, source: &str, subject: &str| {
        Event::builder().id(id).ty(ty).source(source).subject(subject).build().unwrap()
    };
    let sender = place.sender("").await;
    for event in [
        of("1", "shipped", "/shop/1", "7"),
        of("2", "placed", "/other", "7"),
        of("3", "placed", "/shop/1", "8"),
        of("4", "placed", "/shop/1", "7"),
    ] {
        within(sender.send(&event)).await.unwrap();
    }
    assert_eq!(take(&mut place.receiver().await).await, "4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why() {
    let Some(place) = Place::new("opened").await else { return };
    let missing = url(&place.server, "no-such-topic", "");
    let error = within(sender(&missing, sending())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert!(error.help().unwrap().contains("create the topic"), "{error}");
    let away = url("http://127.0.0.1:1", "orders", "connect-timeout=5s");
    assert_eq!(within(sender(&away, sending())).await.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn nothing_is_received_from_a_topic() {
    let endpoint = Endpoint::parse("sns://eu-central-1/123456789012/orders").unwrap();
    let error = (BINDING.receiver.unwrap())(endpoint, ReceiverOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.help().unwrap().contains("raw message delivery"), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_blocks_nothing() {
    let Some(place) = Place::new("fits").await else { return };
    let binary = place.sender("mode=binary").await;
    let error = within(binary.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "a body is not empty: {error}");
    let sender = place.sender("").await;
    let error = within(sender.send(&large(2, 256 << 10))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(sender.refuses_message(&error) && error.detail().contains("262144"), "{error}");
    let many = |count| (0..count).fold(Outgoing::from(event(3)), |all, n| all.header(format!("h{n}"), "x"));
    // Beside the content type and three attributes of the event, of which this one has two.
    assert!(within(sender.send(many(7))).await.is_err());
    within(sender.send(many(6))).await.unwrap();
    within(sender.send(&large("last", 1))).await.unwrap();
}
