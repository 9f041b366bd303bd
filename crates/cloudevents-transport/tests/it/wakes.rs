//! What ends a wait ends it at once: no timer does it later. The clock is a paused one, so that the time says which of them it was.

use crate::{event, events, id};
use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_transport::{
    Delivery, Failure, Receiver, ReceiverOptions,
    binding::log::LogOptions,
    fake::{FakeConsumer, FakeLog, FakeQueue},
};
use std::{sync::Mutex, time::Duration};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

async fn open(messages: usize) -> (Receiver, FakeConsumer, FakeLog) {
    let log = FakeLog::new(1);
    log.sender().send_all(events(messages)).await.unwrap();
    let options = LogOptions::default().with_sink(log.sink());
    let (receiver, consumer) = log.receiver(DecodeOptions::strict(), options).unwrap();
    (receiver, consumer, log)
}

/// The second in which the wait ends. Its end is brought about in the tenth.
async fn ends<T>(wait: impl Future<Output = T>, end: impl AsyncFnOnce()) -> u64 {
    let begun = Instant::now();
    let bring = async {
        sleep(10 * SECOND).await;
        end().await;
        std::future::pending::<()>().await;
    };
    let waited = timeout(2 * HOUR, async {
        tokio::select! {
            _ = wait => {}
            () = bring => {}
        }
    });
    waited.await.expect("the wait has no end");
    begun.elapsed().as_secs()
}

/// Those that wait for another attempt take all room, and go with their partition.
#[tokio::test(start_paused = true)]
async fn a_partition_that_goes_makes_room_for_another_one() {
    let (log, mut options) = (FakeLog::new(2), LogOptions::default());
    log.sender().send_all(events(8)).await.unwrap();
    options.waiting.messages = 2;
    let (mut receiver, consumer) =
        log.receiver(DecodeOptions::strict(), options.with_sink(log.sink())).unwrap();
    for _ in 0..2 {
        receiver.next().await.unwrap().unwrap().retry(HOUR).await.unwrap();
    }
    assert_eq!(ends(receiver.next(), async || consumer.revoke(0)).await, 10);
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_no_message_that_is_settled() {
    let (mut receiver, _consumer, _log) = open(1).await;
    let held = receiver.next().await.unwrap().unwrap();
    assert_eq!(ends(receiver.drain(HOUR), async || drop(held.accept())).await, 10);
}

/// Its message cannot be settled any more, whether the partition goes before the end begins or afterwards.
#[tokio::test(start_paused = true)]
async fn the_end_waits_for_no_message_whose_partition_is_gone() {
    let (mut receiver, consumer, _log) = open(1).await;
    let _held = receiver.next().await.unwrap().unwrap();
    assert_eq!(ends(receiver.drain(HOUR), async || consumer.revoke(0)).await, 10);
    let (mut receiver, consumer, _log) = open(1).await;
    let held = receiver.next().await.unwrap().unwrap();
    consumer.revoke(0);
    assert_eq!(ends(receiver.drain(HOUR), async || {}).await, 0);
    assert_eq!(held.accept().await.unwrap_err().kind(), ErrorKind::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_with_its_partition() {
    let (mut receiver, consumer, _log) = open(1).await;
    consumer.revoke(0);
    assert_eq!(ends(receiver.next(), async || consumer.assign(0)).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_again_when_it_is_released() {
    let (mut receiver, _consumer, _log) = open(1).await;
    let held = receiver.next().await.unwrap().unwrap();
    assert_eq!(ends(receiver.next(), async || drop(held.release())).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_when_there_is_room() {
    let (log, mut options) = (FakeLog::new(1), ReceiverOptions::default());
    log.sender().send_all(events(2)).await.unwrap();
    options.in_flight.messages = 1;
    let (mut receiver, _consumer) =
        log.receiver(options, LogOptions::default().with_sink(log.sink())).unwrap();
    let held = receiver.next().await.unwrap().unwrap();
    assert_eq!(ends(receiver.next(), async || drop(held.accept())).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_handler_hears_that_its_partition_is_gone() {
    let (mut receiver, consumer, _log) = open(1).await;
    let held = receiver.next().await.unwrap().unwrap();
    assert_eq!(ends(held.revoked(), async || consumer.revoke(0)).await, 10);
}

/// A message that its handler refuses does not show whether a system is away. The next message need not wait.
#[tokio::test(start_paused = true)]
async fn in_an_outage_a_refused_message_makes_the_next_one_wait_for_nothing() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(20)).await.unwrap();
    let begun = Mutex::new(Vec::new());
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        let id = id(&delivery);
        begun.lock().unwrap().push((id.clone(), Instant::now()));
        if id.starts_with("refused") { Err(Failure::reject("never")) } else { Err("it is away")? }
    };
    let refused = async {
        sleep(600 * SECOND).await;
        for number in 0..5 {
            queue.sender().send(event(format!("refused {number}"))).await.unwrap();
        }
        sleep(600 * SECOND).await;
    };
    let ended = queue.receiver(ReceiverOptions::default()).run(handle).concurrency(8).until(refused).await;
    ended.unwrap();
    let begun = begun.into_inner().unwrap();
    let after = begun.windows(2).filter(|pair| pair[0].0.starts_with("refused"));
    let waits: Vec<_> = after.map(|pair| pair[1].1 - pair[0].1).collect();
    assert!(waits.len() == 5 && waits.iter().all(|wait| *wait < SECOND), "{waits:?}");
}
