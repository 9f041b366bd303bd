//! Which records a broker refuses, when it refuses a batch.

use crate::broker::{Topic, event, event_with, next, soon};
use cloudevents_core::{ErrorKind, Event};
use cloudevents_kafka::rdkafka039::{self, KafkaReceiverOptions, KafkaSenderOptions, receiver, sender};
use cloudevents_testkit::kafka::{Broker, Refusal};
use cloudevents_transport::{Outcome, Receipt, Sender};
use std::time::Duration;

/// Records would be in one batch if they were handed over together.
const TOGETHER: &str = "linger.ms=300";

/// Whether a record arrived, or else whether it was refused.
type Sent = Result<(), (ErrorKind, bool)>;

/// Sends all in one batch: records that are handed over while there is no connection are sent together by the next one.
async fn send_as_batch(broker: &Broker, sender: &Sender, events: &[Event]) -> Vec<Sent> {
    broker.go_away().unwrap();
    soon(async {
        while sender.connectivity().state().is_connected() {
            tokio::time::sleep(Duration::from_millis(10)).await; // between two looks
        }
    })
    .await;
    let outcomes = enqueue(sender, events).await;
    broker.come_back().unwrap();
    judge(sender, outcomes).await
}

/// Sends all, each as soon as it may be.
async fn send_together(sender: &Sender, events: &[Event]) -> Vec<Sent> {
    let outcomes = enqueue(sender, events).await;
    judge(sender, outcomes).await
}

async fn enqueue(sender: &Sender, events: &[Event]) -> Vec<Outcome<Receipt>> {
    let mut outcomes = Vec::new();
    for event in events {
        outcomes.push(soon(sender.enqueue(event)).await.unwrap());
    }
    outcomes
}

async fn judge(sender: &Sender, outcomes: Vec<Outcome<Receipt>>) -> Vec<Sent> {
    let mut results = Vec::new();
    for outcome in outcomes {
        let judged = |error| {
            let refused = sender.refuses_message(&error);
            assert_ne!(refused, error.is_temporary(), "{error:?}");
            (error.kind(), refused)
        };
        results.push(soon(outcome).await.map(drop).map_err(judged));
    }
    results
}

#[tokio::test]
async fn a_batch_that_is_refused_condemns_no_record() {
    let lost = Err((ErrorKind::Refused, false));
    for (refusal, refused) in
        [(Refusal::BatchTooLarge, ErrorKind::TooLarge), (Refusal::InvalidRecord, ErrorKind::Refused)]
    {
        let broker = Broker::start().unwrap();
        let topic = Topic::on(&broker, 1);
        let sender = soon(sender(&topic.url(TOGETHER), Default::default())).await.unwrap();
        let events: Vec<_> = (0..4).map(|number| event_with(number, "k", format!("{number}"))).collect();
        broker.refuse_next(refusal, 1).unwrap();
        assert_eq!(send_as_batch(&broker, &sender, &events[..3]).await, [lost; 3]);
        assert_eq!(broker.ends(&topic.name).unwrap(), [0]);
        // Each that was in the batch is sent alone, and so the first is refused, and not with it those that are sent together with it.
        broker.refuse_next(refusal, 1).unwrap();
        let results = send_together(&sender, &events).await;
        assert_eq!(results, [Err((refused, true)), Ok(()), Ok(()), Ok(())]);
        // Nothing is held against those that arrived.
        broker.refuse_next(refusal, 1).unwrap();
        assert_eq!(send_as_batch(&broker, &sender, &events[1..]).await, [lost; 3]);
        assert_eq!(broker.ends(&topic.name).unwrap(), [3]);
    }
}

/// A record that is sent while no other is on its way is alone without more.
#[tokio::test]
async fn a_record_that_was_alone_is_refused_at_once() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let sender = topic.sender().await;
    for number in 0..3 {
        broker.refuse_next(Refusal::BatchTooLarge, 1).unwrap();
        let error = soon(sender.send(&event(number, "k"))).await.unwrap_err();
        assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::TooLarge, true), "{error}");
        soon(sender.send(&event(number, "k"))).await.unwrap();
    }
}

/// A disk that is full is no fault of a record: it is sent again until `timeout`, and arrives once, in order, if there is room before.
#[tokio::test]
async fn a_broker_that_cannot_store_refuses_no_record() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let sender = soon(sender(&topic.url(TOGETHER), Default::default())).await.unwrap();
    broker.refuse_next(Refusal::Storage, 5).unwrap();
    let events: Vec<_> = (0..3).map(|number| event_with(number, "k", format!("{number}"))).collect();
    assert_eq!(send_as_batch(&broker, &sender, &events).await, [Ok(()); 3]);
    let ids: Vec<_> = broker.messages(&topic.name).unwrap();
    let ids: Vec<_> = ids.iter().map(|kept| kept.header("ce_id").unwrap().to_vec()).collect();
    assert_eq!(ids, [b"0", b"1", b"2"]);

    let mut options = KafkaSenderOptions::default();
    options.sender.timeout = Some(Duration::from_secs(1));
    let impatient = soon(rdkafka039::sender(&topic.url(""), options)).await.unwrap();
    broker.refuse_next(Refusal::Storage, 1000).unwrap();
    let error = soon(impatient.send(&events[0])).await.unwrap_err();
    assert_eq!((error.kind(), impatient.refuses_message(&error)), (ErrorKind::Timeout, false), "{error}");
}

#[tokio::test]
async fn what_waits_behind_a_record_that_is_sent_alone_arrives() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let sender = soon(sender(&topic.url(TOGETHER), Default::default())).await.unwrap();
    broker.refuse_next(Refusal::BatchTooLarge, 1).unwrap();
    let events: Vec<_> = (0..300).map(|number| event_with(number, "k", format!("{number}"))).collect();
    assert!(send_as_batch(&broker, &sender, &events[..2]).await.iter().all(Result::is_err));
    let results = send_together(&sender, &events).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let ids: Vec<_> = broker.messages(&topic.name).unwrap();
    let ids: Vec<_> = ids.iter().map(|kept| kept.header("ce_id").unwrap().to_vec()).collect();
    assert_eq!(ids, (0..300).map(|number: usize| number.to_string().into_bytes()).collect::<Vec<_>>());
}

/// What librdkafka refuses by itself is about that record.
#[tokio::test]
async fn what_is_too_large_for_the_client_is_refused_at_once() {
    let topic = Topic::new(1);
    let sender = soon(sender(&topic.url("message.max.bytes=1000"), Default::default())).await.unwrap();
    let error = soon(sender.send(&event_with(1, "k", "x".repeat(1001)))).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::TooLarge, true), "{error}");
    soon(sender.send(&event(2, "k"))).await.unwrap();
}

#[tokio::test]
async fn a_sender_does_not_promise_to_stop_at_a_gap() {
    let url = Topic::new(1).url("enable.gapless.guarantee=true");
    let error = soon(sender(&url, Default::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

/// Otherwise it could never send, as no transaction begins.
#[tokio::test]
async fn a_sender_does_not_promise_transactions() {
    let topic = Topic::new(1);
    let error = soon(sender(&topic.url("transactional.id=x"), Default::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("transactional.id"), "{error}");
}

/// The right to write was granted later, say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_librdkafka_has_stopped_is_replaced() {
    let broker = Broker::start().unwrap();
    let (topic, rejected) = (Topic::on(&broker, 1), Topic::on(&broker, 1));
    soon(topic.sender().await.send(&event(1, "k"))).await.unwrap();
    // Until the last of them, at least 3.5 s pass: it is replaced after 0.5 s, 1 s and 2 s, up to twice as long each.
    broker.refuse_next(Refusal::ProducerId, 3).unwrap();
    let sender = topic.sender().await;
    let refused = soon(async {
        loop {
            match sender.send(&event(2, "k")).await {
                Err(error) => break error,
                Ok(_) => tokio::task::yield_now().await,
            }
        }
    });
    let refused = refused.await;
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused:#}");
    assert!(format!("{refused:#}").contains("IDEMPOTENT_WRITE"), "{refused:#}");
    assert!(!sender.refuses_message(&refused));
    soon(async {
        while sender.send(&event(3, "k")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await; // between two tries
        }
    })
    .await;
    soon(sender.close()).await.unwrap();

    broker.refuse_next(Refusal::ProducerId, 1).unwrap();
    let url = topic.url(&format!("group=g&dead-letter={}", rejected.name));
    let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
    drop(next(&mut receiver).await.reject("for this test").await);
    soon(async {
        while broker.ends(&rejected.name).unwrap() != [1] {
            tokio::task::yield_now().await
        }
    })
    .await;
}
