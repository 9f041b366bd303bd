//! `for_each` beyond the contract: lanes, batches, limits, errors.

use crate::{event, events, id};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Formats, Message};
use cloudevents_json::Json;
use cloudevents_transport::{
    Delivery, OrderBy,
    fake::{FakeLog, FakeQueue},
    log::LogOptions,
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn the_limit_holds() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(100)).await.unwrap();
    let mut receiver = queue.receiver(DecodeOptions::strict());
    let (stop, running, most) = (receiver.stopper(), AtomicUsize::new(0), AtomicUsize::new(0));
    let counters = receiver.counters();
    let since = tokio::time::Instant::now();
    receiver
        .for_each(10, OrderBy::None, async |delivery: Delivery| {
            most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            sleep(Duration::from_secs(1)).await; // paused time: work that takes a second
            running.fetch_sub(1, Ordering::Relaxed);
            let outcome = delivery.accept();
            if counters.snapshot().accepted == 100 {
                stop.stop();
            }
            outcome.await
        })
        .await
        .unwrap();
    assert_eq!(most.load(Ordering::Relaxed), 10);
    assert_eq!(since.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn partitions_are_handled_in_order_and_beside_each_other() {
    let log = FakeLog::new(4);
    log.sender().send_all(events(40)).await.unwrap(); // in turn
    let (mut receiver, _) =
        log.receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected()).unwrap();
    let (stop, seen) = (receiver.stopper(), Mutex::new(Vec::<(u32, u64)>::new()));
    let since = tokio::time::Instant::now();
    receiver
        .for_each(64, OrderBy::Partition, async |delivery: Delivery| {
            let place = (delivery.partition().unwrap().number(), delivery.offset().unwrap());
            // Later messages of a partition are faster, so only lanes keep the order.
            sleep(Duration::from_millis(100 - place.1 * 10)).await;
            seen.lock().unwrap().push(place);
            if seen.lock().unwrap().len() == 40 {
                stop.stop();
            }
            delivery.accept().await
        })
        .await
        .unwrap();
    let seen = seen.into_inner().unwrap();
    for partition in 0..4 {
        let offsets: Vec<_> =
            seen.iter().filter(|(number, _)| *number == partition).map(|(_, at)| *at).collect();
        assert_eq!(offsets, (0..10).collect::<Vec<_>>());
    }
    assert_eq!(since.elapsed(), Duration::from_millis((1..=10).map(|n| n * 10).sum()));
    receiver.drain(Duration::from_secs(1)).await.unwrap();
    assert_eq!((0..4).map(|partition| log.committed(partition)).sum::<u64>(), 40);
}

#[tokio::test(start_paused = true)]
async fn without_partitions_there_is_one_lane() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(5)).await.unwrap();
    let mut receiver = queue.receiver(DecodeOptions::strict());
    let (stop, seen) = (receiver.stopper(), Mutex::new(Vec::new()));
    receiver
        .for_each(64, OrderBy::Partition, async |delivery: Delivery| {
            let number: u64 = id(&delivery).parse().unwrap();
            sleep(Duration::from_millis(10 - number)).await;
            seen.lock().unwrap().push(number);
            if number == 4 {
                stop.stop();
            }
            delivery.accept().await
        })
        .await
        .unwrap();
    assert_eq!(seen.into_inner().unwrap(), [0, 1, 2, 3, 4]);
}

/// A batch has several values of an attribute: it is handled after everything before it, and before
/// everything after it.
#[tokio::test(start_paused = true)]
async fn a_batch_is_handled_alone() {
    let queue = FakeQueue::new();
    let sender = queue.sender();
    let all: Vec<_> = events(2).collect();
    sender.send_all(events(3)).await.unwrap();
    sender.send(Message::batched(&all, &Json::new()).unwrap().0).await.unwrap();
    sender.send_all((3..6).map(event)).await.unwrap();
    let decoding = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
    let mut receiver = queue.receiver(decoding);
    let (stop, seen, running) = (receiver.stopper(), Mutex::new(Vec::new()), AtomicUsize::new(0));
    receiver
        .for_each(64, OrderBy::attribute("subject"), async |delivery: Delivery| {
            let others = running.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(10)).await;
            let batch = delivery.events().unwrap().len() > 1;
            assert!(!batch || (others == 0 && running.load(Ordering::Relaxed) == 1));
            running.fetch_sub(1, Ordering::Relaxed);
            seen.lock().unwrap().push(batch);
            if seen.lock().unwrap().len() == 7 {
                stop.stop();
            }
            delivery.accept().await
        })
        .await
        .unwrap();
    assert_eq!(seen.into_inner().unwrap(), [false, false, false, true, false, false, false]);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_connection_waits_for_the_handlers() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(2)).await.unwrap();
    let mut receiver = queue.receiver(DecodeOptions::strict());
    let ended = AtomicUsize::new(0);
    let cut = queue.clone();
    let error = receiver
        .for_each(64, OrderBy::None, async |delivery: Delivery| {
            sleep(Duration::from_secs(1)).await;
            cut.refuse_connections(Some(ErrorKind::Closed));
            cut.cut();
            sleep(Duration::from_secs(1)).await;
            ended.fetch_add(1, Ordering::Relaxed);
            drop(delivery);
        })
        .await
        .unwrap_err();
    assert_eq!((error.kind(), ended.into_inner()), (ErrorKind::Closed, 2));

    // Another receiver continues at its position.
    queue.refuse_connections(None);
    let mut receiver = queue.receiver(DecodeOptions::strict());
    let stop = receiver.stopper();
    let counters = receiver.counters();
    receiver
        .for_each(64, OrderBy::None, async |delivery: Delivery| {
            delivery.accept().await?;
            if counters.snapshot().accepted == 2 {
                stop.stop();
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_is_counted_and_releases() {
    let queue = FakeQueue::new();
    queue.sender().send(&event(1)).await.unwrap();
    let mut receiver = queue.receiver(DecodeOptions::strict());
    let stop = receiver.stopper();
    receiver
        .for_each(0, OrderBy::None, async |_delivery: Delivery| {
            stop.stop();
            Err::<(), _>("out of luck")
        })
        .await
        .unwrap();
    receiver.drain(Duration::from_secs(1)).await.unwrap();
    assert_eq!((receiver.metrics().handlers_failed, receiver.metrics().released, queue.len()), (1, 1, 1));
}
