//! Handlers that take checked events.

use crate::rules::event;
use cloudevents_core::{DecodeOptions, Event, Formats, Message, Value};
use cloudevents_extensions::Checked;
use cloudevents_json::Json;
use cloudevents_transport::{Delivery, FromDelivery, ReceiverOptions, UnreadablePolicy, fake::FakeQueue};
use std::sync::Mutex;

const GOOD: (&str, Value<'_>) = ("sampledrate", Value::Integer(30));
const BAD: [(&str, Value<'_>); 2] = [("sampledrate", Value::Integer(0)), ("sequence", Value::String(""))];

#[tokio::test(start_paused = true)]
async fn the_policy_for_malformed_messages_settles_what_breaks_a_rule() {
    for (policy, rejected, skipped) in [(UnreadablePolicy::Reject, 1, 0), (UnreadablePolicy::Skip, 0, 1)] {
        let queue = FakeQueue::new();
        queue.sender().send(&event(&BAD)).await.unwrap();
        queue.sender().send(&event(&[GOOD])).await.unwrap();
        let mut options = ReceiverOptions::default();
        options.malformed = policy;
        let receiver = queue.receiver(options);
        let (counters, stopper, seen) = (receiver.counters(), receiver.stopper(), Mutex::new(Vec::new()));
        let handle = async |Checked((event, delivery)): Checked<(Event, Delivery)>| {
            seen.lock()
                .unwrap()
                .push((event.extension("sampledrate").unwrap().to_string(), delivery.attempt()));
            stopper.stop();
        };
        receiver.run(handle).concurrency(1).await.unwrap();
        assert_eq!(seen.into_inner().unwrap(), [("30".to_owned(), 1)]);
        let metrics = counters.snapshot();
        assert_eq!((metrics.rejected, metrics.skipped, queue.len()), (rejected, skipped, 0));
        for (_, reason) in queue.rejected() {
            assert!(reason.contains("0 is not greater than zero"), "{reason}");
        }
    }
}

#[tokio::test]
async fn every_violation_is_in_the_error() {
    let queue = FakeQueue::new();
    queue.sender().send(&event(&BAD)).await.unwrap();
    let (batch, _) = Message::batched(&[event(&[GOOD]), event(&BAD)], &Json::new()).unwrap();
    queue.sender().send(batch).await.unwrap();
    let (batch, _) = Message::batched(&[event(&BAD)], &Json::new()).unwrap();
    queue.sender().send(batch).await.unwrap();
    let (batch, _) = Message::batched(&[event(&[GOOD]), event(&[])], &Json::new()).unwrap();
    queue.sender().send(batch).await.unwrap();
    let mut receiver =
        queue.receiver(DecodeOptions::strict().with_formats(Formats::none().with(Json::new())));

    for index in [None, Some(1), Some(0)] {
        let mut delivery = receiver.next().await.unwrap().unwrap();
        let error = Checked::<Vec<Event>>::from_delivery(&mut delivery).unwrap_err();
        let found: Vec<_> =
            error.into_mistakes().iter().map(|error| (error.clause().unwrap(), error.index())).collect();
        assert_eq!(found, [("SAMPLE-sampledrate-b", index), ("SEQ-sequence-b", index)]);
        delivery.accept().await.unwrap();
    }
    let mut delivery = receiver.next().await.unwrap().unwrap();
    let Checked(events) = Checked::<Vec<Event>>::from_delivery(&mut delivery).unwrap();
    assert_eq!(events.len(), 2);
}
