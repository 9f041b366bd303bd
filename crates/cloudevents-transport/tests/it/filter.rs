//! Filters in front of a receiver.

use crate::{event, events, id};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Formats, Message};
use cloudevents_json::Json;
use cloudevents_transport::{
    EventFilter, ReceiverCapabilities,
    binding::log::LogOptions,
    fake::{FakeLog, FakeQueue},
};
use std::time::Duration;

fn only(wanted: &'static [&'static str]) -> EventFilter {
    EventFilter::new(move |message, with| {
        Ok(message.attribute("id", with)?.is_some_and(|id| wanted.contains(&&*id)))
    })
}

fn with() -> DecodeOptions {
    DecodeOptions::strict().with_formats(Formats::none().with(Json::new()))
}

#[tokio::test(start_paused = true)]
async fn what_does_not_match_is_accepted_and_counted_on_a_log() {
    let log = FakeLog::new(1);
    log.sender().send_all(events(5)).await.unwrap();
    let (receiver, _) =
        log.receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected()).unwrap();
    let mut receiver = receiver.filter(only(&["2"])).unwrap();
    let delivery = receiver.next().await.unwrap().unwrap();
    assert_eq!(id(&delivery), "2");
    delivery.accept().await.unwrap();
    let waits = tokio::time::timeout(Duration::from_secs(1), receiver.next()).await;
    assert!(waits.is_err(), "the last two do not match");
    let metrics = receiver.metrics();
    assert_eq!((metrics.received, metrics.unmatched, metrics.accepted), (5, 4, 5));
    receiver.drain(Duration::from_secs(1)).await.unwrap();
    assert_eq!(log.committed(0), 5);
}

#[tokio::test(start_paused = true)]
async fn on_a_queue_it_has_to_be_allowed() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(3)).await.unwrap();
    let error = queue.receiver(DecodeOptions::strict()).filter(only(&["1"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.help().unwrap().contains("drop_unmatched"), "{error}");
    assert_eq!(queue.len(), 3); // nothing was taken

    let mut receiver = queue.receiver(DecodeOptions::strict()).filter(only(&["1"]).drop_unmatched()).unwrap();
    let delivery = receiver.next().await.unwrap().unwrap();
    assert_eq!(id(&delivery), "1");
    delivery.accept().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1), receiver.next()).await.is_err());
    receiver.drain(Duration::from_secs(1)).await.unwrap();
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_of_ones_own_needs_no_permission() {
    let mut own = ReceiverCapabilities::queue();
    own.shared = false;
    let queue = FakeQueue::with_capabilities(own);
    assert!(queue.receiver(DecodeOptions::strict()).filter(only(&["1"])).is_ok());
    for (capabilities, shared) in [
        (ReceiverCapabilities::queue(), true),
        (ReceiverCapabilities::log(), false),
        (ReceiverCapabilities::unsettled(), false),
        (ReceiverCapabilities::exchange(), false),
    ] {
        assert_eq!(capabilities.shared, shared);
    }
}

#[tokio::test(start_paused = true)]
async fn several_filters_and_what_cannot_be_read() {
    let queue = FakeQueue::new();
    let sender = queue.sender();
    sender.send_all(events(3)).await.unwrap();
    queue.push_garbage(ErrorKind::InvalidDocument, b"x");
    let batch = |ids: &[&str]| {
        let events: Vec<Event> = ids.iter().map(event).collect();
        Message::batched(&events, &Json::new()).unwrap().0
    };
    sender.send(batch(&["7", "1"])).await.unwrap();
    sender.send(batch(&["7", "8"])).await.unwrap();
    let structured = |id: &str| Message::structured(&event(id), &Json::new()).unwrap().0;
    sender.send(structured("1")).await.unwrap();
    sender.send(structured("9")).await.unwrap();
    let fails = EventFilter::new(|message, _| match message {
        Message::Structured(_) => Err(Error::new(ErrorKind::InvalidDocument)),
        _ => Ok(true),
    });
    let receiver = queue.receiver(with()).filter(only(&["1", "2"]).drop_unmatched()).unwrap();
    let mut receiver =
        receiver.filter(only(&["0", "1"]).drop_unmatched()).unwrap().filter(fails.drop_unmatched()).unwrap();
    let mut seen = Vec::new();
    while let Ok(next) = tokio::time::timeout(Duration::from_secs(1), receiver.next()).await {
        let delivery = next.unwrap().unwrap();
        seen.push(delivery.events().map_or(0, |events| events.len()));
        delivery.accept().await.unwrap();
    }
    // The event 1, the unreadable message, the batch with a 1, and the document for which a filter fails.
    assert_eq!(seen, [1, 0, 2, 1]);
    assert_eq!(receiver.metrics().unmatched, 4);
}
