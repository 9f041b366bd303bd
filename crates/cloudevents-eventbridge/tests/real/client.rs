//! What a bus takes, and what the target of a rule gets.

use crate::tools::{ALL, Place, event, large, sending, url, within};
use cloudevents_adapters::find;
use cloudevents_core::{DecodeOptions, ErrorKind, Event};
use cloudevents_eventbridge::awssdk1::{BINDING, sender};
use cloudevents_transport::{Endpoint, Outgoing, ReceiverOptions};

/// The event of a document that a target got, by the adapter.
fn unwrapped(document: String) -> Event {
    let events = find("aws-eventbridge").unwrap().events(&[], &document.into(), &DecodeOptions::strict());
    events.into_iter().next().unwrap().unwrap().value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_reads_what_a_target_gets() {
    let Some(place) = Place::new("unwrapped", ALL).await else { return };
    let sender = place.sender("").await;
    let time = |id: &str| {
        let builder = Event::builder().id(id).source("/shop").ty("placed").subject("7");
        builder.time("2026-01-02T03:04:05Z").build().unwrap()
    };
    let receipt = within(sender.send(&time("1"))).await.unwrap();
    assert_eq!(receipt.place(), Some(&*place.name));
    let document = place.take().await;
    for beside in [
        r#""detail-type": "placed""#,
        r#""source": "/shop""#,
        r#""resources": ["7"]"#,
        r#""time": "2026-01-02T03:04:05Z", "region": "eu-central-1""#,
    ] {
        assert!(document.contains(beside), "{document}");
    }
    assert_eq!(unwrapped(document), time("1"));
    within(sender.send(&large("2", 3))).await.unwrap();
    assert_eq!(unwrapped(place.take().await), large("2", 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_sees_type_source_and_the_event() {
    let pattern = r#"{"detail-type":["placed"],"source":[{"prefix":"/shop"}],"detail":{"subject":["7"]}}"#;
    let Some(place) = Place::new("rule", pattern).await else { return };
    let of = |id: &str, ty: &str, source: &str, subject: &str| {
        Event::builder().id(id).ty(ty).source(source).subject(subject).build().unwrap()
    };
    let events = [
        of("1", "shipped", "/shop/1", "7"),
        of("2", "placed", "/other", "7"),
        of("3", "placed", "/shop/1", "8"),
        of("4", "placed", "/shop/1", "7"),
    ];
    within(place.sender("").await.send_all(events)).await.unwrap();
    assert_eq!(unwrapped(place.take().await).id(), "4");
}

/// More than one request has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives() {
    const COUNT: usize = 35;
    let Some(place) = Place::new("everything", ALL).await else { return };
    let sender = place.sender("").await;
    within(sender.send_all((0..COUNT).map(event))).await.unwrap();
    within(sender.close()).await.unwrap();
    assert_eq!(within(sender.send(&event(1))).await.unwrap_err().kind(), ErrorKind::Closed);
    let mut came = std::collections::BTreeSet::new();
    for _ in 0..COUNT {
        came.insert(unwrapped(place.take().await).id().parse::<usize>().unwrap());
    }
    assert_eq!(came, (0..COUNT).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why() {
    let Some(place) = Place::new("opened", ALL).await else { return };
    let missing = url(&place.server, "no-such-bus", "");
    let error = within(sender(&missing, sending())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert!(error.help().unwrap().contains("create the bus"), "{error}");
    let away = url("http://127.0.0.1:1", "orders", "connect-timeout=5s");
    assert_eq!(within(sender(&away, sending())).await.unwrap_err().kind(), ErrorKind::Disconnected);
    let binary = url(&place.server, &place.name, "mode=binary");
    assert_eq!(within(sender(&binary, sending())).await.unwrap_err().kind(), ErrorKind::InvalidUrl);
}

#[tokio::test]
async fn nothing_is_received_from_a_bus() {
    let endpoint = Endpoint::parse("eventbridge://eu-central-1/123456789012/orders").unwrap();
    let error = (BINDING.receiver.unwrap())(endpoint, ReceiverOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.help().unwrap().contains("`aws-eventbridge`"), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_blocks_nothing() {
    let Some(place) = Place::new("fits", ALL).await else { return };
    let sender = place.sender("").await;
    let error = within(sender.send(&large(1, 1 << 20))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(sender.refuses_message(&error) && error.detail().contains("1048576"), "{error}");
    let reserved = Event::builder().id("1").source("aws.ec2").ty("t").build().unwrap();
    let error = within(sender.send(&reserved)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && sender.refuses_message(&error), "{error}");
    assert!(within(sender.send(Outgoing::from(event(2)).header("tenant", "7"))).await.is_err());
    assert!(within(sender.send(Outgoing::from(event(2)).key("k"))).await.is_err());
    within(sender.send(&event("last"))).await.unwrap();
    assert_eq!(unwrapped(place.take().await).id(), "last");
}
