//! Behaviour of a log beyond the contract: watermarks, rebalances, the dead-letter sink.

use crate::{event, events, id};
use cloudevents_core::{DecodeOptions, ErrorKind, Event};
use cloudevents_transport::{
    Delivery, Receiver, ReceiverOptions,
    binding::log::LogOptions,
    fake::{FakeConsumer, FakeLog},
};
use futures_util::FutureExt;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

const SOON: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3600);

async fn filled(count: usize) -> FakeLog {
    let log = FakeLog::new(1);
    log.sender().send_all(events(count)).await.unwrap();
    log
}

fn open(log: &FakeLog) -> (Receiver, FakeConsumer) {
    log.receiver(DecodeOptions::strict(), LogOptions::default().with_sink(log.sink())).unwrap()
}

async fn next(receiver: &mut Receiver) -> Delivery {
    receiver.next().await.unwrap().unwrap()
}

/// Paused time advances only when nothing else can run, so this is a condition, not a delay.
async fn nothing_comes(receiver: &mut Receiver) -> bool {
    tokio::time::timeout(Duration::from_millis(1), receiver.next()).await.is_err()
}

#[tokio::test]
async fn a_log_that_is_never_empty_lets_others_run() {
    const COUNT: usize = 1000;
    let log = filled(COUNT).await;
    let (mut receiver, _consumer) = open(&log);
    let ran = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let ran = Arc::clone(&ran);
        async move { ran.store(true, Ordering::Relaxed) }
    });
    let mut before = 0;
    while !ran.load(Ordering::Relaxed) {
        drop(next(&mut receiver).await.accept());
        before += 1;
        assert!(before < COUNT, "no other task ran");
    }
    other.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_holds_the_watermark_and_comes_again_from_memory() {
    let log = filled(2).await;
    let (mut receiver, _) = open(&log);
    let since = Instant::now();
    next(&mut receiver).await.retry(Duration::from_secs(60)).await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    let again = next(&mut receiver).await;
    assert_eq!((id(&again).as_str(), again.attempt(), since.elapsed()), ("0", 2, Duration::from_secs(60)));
    again.retry(Duration::from_secs(60)).await.unwrap();
    // Draining does not wait for messages that wait for a retry, and says that what is settled behind them comes again.
    let since = Instant::now();
    assert_eq!(receiver.drain(SOON).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!((since.elapsed(), log.committed(0)), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reject_passes_the_watermark_when_the_sink_has_it() {
    let log = filled(2).await;
    let (mut receiver, consumer) = open(&log);
    log.append_garbage(0, ErrorKind::MissingAttribute, b"?");
    let outcome = next(&mut receiver).await.reject("no such customer");
    assert!(log.dead_letters().is_empty()); // on its way
    assert_eq!(consumer.ledger().outstanding(), 1);
    outcome.await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    let garbage = next(&mut receiver).await;
    drop(garbage.reject("not an event")); // not awaited
    receiver.drain(SOON).await.unwrap();
    assert_eq!(log.committed(0), 3);
    let letters = log.dead_letters();
    assert_eq!((&*letters[0].reason, letters[0].attempt), ("no such customer", 1));
    assert_eq!(letters[1].received.body().as_deref(), Some(&b"?"[..]));
    assert_eq!(letters[1].received.offset(), Some(2));
    assert!(letters[1].received.message().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_the_sink_declines_is_tried_again_by_itself() {
    let log = filled(2).await;
    log.sink_declines(true);
    let (mut receiver, consumer) = open(&log);
    let error = next(&mut receiver).await.reject("bad").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    next(&mut receiver).await.accept().await.unwrap();
    assert!(timeout(HOUR, receiver.next()).await.is_err(), "it is delivered again");
    assert_eq!((consumer.ledger().outstanding(), log.dead_letters().len()), (1, 0));
    log.sink_declines(false);
    sleep(Duration::from_secs(60)).await; // the longest pause
    let letters = log.dead_letters();
    assert_eq!((letters.len(), letters[0].attempt, consumer.ledger().outstanding()), (1, 1, 0));
    receiver.drain(SOON).await.unwrap();
    assert_eq!((log.committed(0), receiver.metrics().settlements_failed), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_sink_does_not_have_when_the_receiver_ends_stays_in_the_log() {
    let log = filled(2).await;
    log.sink_declines(true);
    let (mut receiver, _) = open(&log);
    next(&mut receiver).await.accept().await.unwrap();
    next(&mut receiver).await.reject("bad").await.unwrap_err();
    let since = Instant::now();
    receiver.drain(HOUR).await.unwrap();
    assert_eq!((since.elapsed(), log.committed(0)), (Duration::ZERO, 1));
    drop(receiver);
    log.sink_declines(false);
    let (mut receiver, _) = open(&log);
    let again = next(&mut receiver).await;
    assert_eq!((id(&again).as_str(), log.dead_letters().len()), ("1", 0));
}

#[tokio::test(start_paused = true)]
async fn retries_end_in_rejection() {
    let log = filled(1).await;
    let mut options = ReceiverOptions::default();
    options.attempts = Some(3);
    let (mut receiver, _) = log.receiver(options, LogOptions::default().with_sink(log.sink())).unwrap();
    for attempt in 1..=3 {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.attempt(), attempt);
        delivery.retry(Duration::from_secs(1)).await.unwrap();
    }
    let letter = log.dead_letters().remove(0);
    assert_eq!((&*letter.reason, letter.attempt), ("given up after 3 attempts", 3));
    receiver.drain(SOON).await.unwrap();
    assert_eq!(log.committed(0), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_come_again_is_bounded() {
    let log = filled(10).await;
    let mut options = LogOptions::default().dropping_rejected();
    options.waiting.messages = 3;
    let (mut receiver, _) = log.receiver(DecodeOptions::strict(), options).unwrap();
    for _ in 0..3 {
        next(&mut receiver).await.retry(Duration::from_secs(60)).await.unwrap();
    }
    let since = Instant::now();
    let again = next(&mut receiver).await; // not number 3, but number 0 again
    assert_eq!((id(&again).as_str(), since.elapsed()), ("0", Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn of_a_revoked_partition_nothing_can_be_settled() {
    let log = filled(5).await;
    let (mut receiver, consumer) = open(&log);
    let [zero, one, two, three] = [
        next(&mut receiver).await,
        next(&mut receiver).await,
        next(&mut receiver).await,
        next(&mut receiver).await,
    ];
    zero.accept().await.unwrap();
    let rejecting = one.reject("on its way to the sink");
    consumer.revoke(0);
    assert_eq!(log.committed(0), 1); // settled messages are committed before the partition is given up
    assert_eq!(rejecting.await.unwrap_err().kind(), ErrorKind::Revoked);
    assert_eq!(two.accept().await.unwrap_err().kind(), ErrorKind::Revoked);
    assert!(nothing_comes(&mut receiver).await);

    consumer.assign(0); // it comes back, in a new epoch
    assert_eq!(three.accept().await.unwrap_err().kind(), ErrorKind::Revoked);
    for expected in 1..5 {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), expected.to_string());
        delivery.accept().await.unwrap();
    }
    receiver.drain(SOON).await.unwrap();
    assert_eq!(log.committed(0), 5);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_forgets_what_waits_and_draining_does_not_wait_for_it() {
    let log = filled(3).await;
    let (mut receiver, consumer) = open(&log);
    next(&mut receiver).await.retry(Duration::from_millis(1)).await.unwrap();
    let (released, held) = (next(&mut receiver).await, next(&mut receiver).await);
    drop(released);
    consumer.revoke(0);
    assert!(nothing_comes(&mut receiver).await);
    drop(held); // released without a failure: none is counted
    receiver.drain(SOON).await.unwrap();
    assert_eq!((log.committed(0), receiver.metrics().settlements_failed), (0, 0));
}

/// Another consumer gets them again, and this one ends.
#[tokio::test(start_paused = true)]
async fn what_is_settled_in_vain_is_told_though_its_partition_goes_at_the_end() {
    for goes_at_the_end in [true, false] {
        let log = filled(3).await;
        let (mut receiver, consumer) = open(&log);
        let held = next(&mut receiver).await;
        for _ in 0..2 {
            next(&mut receiver).await.accept().await.unwrap();
        }
        let goes = async {
            consumer.revoke(0);
            drop(held);
        };
        if goes_at_the_end {
            let (drained, ()) = tokio::join!(receiver.drain(SOON), goes);
            let error = drained.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert!(error.detail().ends_with("one before them is not settled: 2"), "{error}");
        } else {
            goes.await; // a rebalance, of which the end knows nothing
            receiver.drain(SOON).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn released_messages_come_again_in_order() {
    let log = filled(4).await;
    let (mut receiver, _) = open(&log);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(next(&mut receiver).await);
    }
    held.reverse();
    drop(held);
    for expected in 0..4 {
        let delivery = next(&mut receiver).await;
        assert_eq!((id(&delivery), delivery.attempt()), (expected.to_string(), 1));
        delivery.accept().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_commits_nothing_and_says_so() {
    let log = filled(2).await;
    let (mut receiver, _) = open(&log);
    let (zero, one) = (next(&mut receiver).await, next(&mut receiver).await);
    drop(receiver);
    assert_eq!(zero.accept().await.unwrap_err().kind(), ErrorKind::Closed);
    drop(one);
    let (mut second, _) = open(&log);
    assert_eq!(id(&next(&mut second).await), "0");
}

#[tokio::test]
async fn undecided_about_rejected_messages_it_does_not_start() {
    let error = FakeLog::new(1).receiver(DecodeOptions::strict(), LogOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let help = error.help().unwrap();
    assert!(
        help.contains("LogOptions::with_sink") && help.contains("LogOptions::dropping_rejected"),
        "{help}"
    );
}

#[test]
fn without_a_runtime_it_does_not_start() {
    let error = FakeLog::new(1)
        .receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn keys_have_partitions() {
    let log = FakeLog::new(4);
    let keyed = |id: usize| -> Event {
        event(id).into_builder().extension("partitionkey", format!("key{}", id % 5)).build().unwrap()
    };
    log.sender().send_all((0..40).map(keyed)).await.unwrap();
    let (mut receiver, _) = open(&log);
    let mut partitions = std::collections::BTreeMap::new();
    for _ in 0..40 {
        let delivery = next(&mut receiver).await;
        let key = delivery.attribute("partitionkey").unwrap().unwrap();
        let partition = delivery.partition().unwrap().clone();
        assert_eq!(delivery.topic(), Some("fake"));
        assert_eq!(*partitions.entry(key).or_insert_with(|| partition.clone()), partition);
        delivery.accept().await.unwrap();
    }
    assert!(receiver.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_longest_delay_is_no_overflow() {
    let log = filled(1).await;
    let (mut receiver, _) = open(&log);
    next(&mut receiver).await.retry(Duration::MAX).await.unwrap();
    assert!(nothing_comes(&mut receiver).await);
    receiver.drain(Duration::MAX).await.unwrap();
}
