//! What is blocked in one partition of a log does not stop the others.

use crate::keyed;
use cloudevents_core::{DecodeOptions, ErrorKind, Event};
use cloudevents_testkit::size;
use cloudevents_transport::{
    Bounds, Failure, OrderBy, ReceiverOptions, RunState,
    binding::log::LogOptions,
    fake::{FakeConsumer, FakeLog},
};
use std::{
    collections::HashMap,
    future::pending,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

const PARTITIONS: u32 = 4;

/// The number of events of each key.
const EACH: usize = size(2_000);

/// The size of a payload.
const SIZE: usize = 1_000;

/// A key for each partition: the first that the log puts there.
async fn keys() -> Vec<String> {
    let mut keys = vec![String::new(); PARTITIONS as usize];
    for candidate in 0.. {
        let log = FakeLog::new(PARTITIONS);
        let key = format!("k{candidate}");
        log.sender().send(&keyed(0, &key)).await.unwrap();
        let number = (0..PARTITIONS).find(|number| log.len(*number) > 0).unwrap();
        if keys[number as usize].is_empty() {
            keys[number as usize] = key;
        }
        if keys.iter().all(|key| !key.is_empty()) {
            break;
        }
    }
    keys
}

/// A log with the events of these keys, in turn.
async fn filled(keys: &[String]) -> FakeLog {
    let log = FakeLog::new(PARTITIONS);
    let events = (0..EACH).flat_map(|number| keys.iter().map(move |key| large(number, key)));
    log.sender().send_all(events).await.unwrap();
    log
}

fn large(number: usize, key: &str) -> Event {
    keyed(number, key).into_builder().binary("application/octet-stream", vec![0_u8; SIZE]).build().unwrap()
}

fn options(messages: usize, bytes: usize) -> ReceiverOptions {
    let mut options = ReceiverOptions::default();
    options.in_flight = Bounds { messages, bytes };
    options
}

fn key(event: &Event) -> String {
    event.attribute("partitionkey").unwrap().to_string()
}

/// Runs until all events of the keys that are not blocked are handled. Returns how long that took.
async fn others(blocked: &[usize], options: ReceiverOptions) -> Duration {
    let keys = keys().await;
    let log = filled(&keys).await;
    let is_blocked = |key: &str| blocked.iter().any(|number| keys[*number] == key);
    let (receiver, _) = log.receiver(options, LogOptions::default().dropping_rejected()).unwrap();
    let (done, ended) = tokio::sync::watch::channel(0_usize);
    let handle = async |event: Event| -> Result<(), Failure> {
        if is_blocked(&key(&event)) {
            pending::<()>().await;
        }
        sleep(Duration::from_millis(10)).await;
        done.send_modify(|done| *done += 1);
        Ok(())
    };
    let since = Instant::now();
    let wanted = (keys.len() - blocked.len()) * EACH;
    let mut ended = ended;
    let all = async { drop(ended.wait_for(|done| *done == wanted).await) };
    let run = receiver.run(handle).concurrency(32).in_order(OrderBy::Key);
    tokio::select! {
        result = run => panic!("{result:?}"),
        () = all => since.elapsed(),
        () = sleep(Duration::from_secs(3600)) => {
            panic!("{} of {wanted} were handled in an hour, beside blocked keys {blocked:?}", *done.borrow())
        }
    }
}

/// A handler that hangs stops its key. What waits behind it takes no more than a share of the room, so all other
/// partitions go on at the rate of their keys.
#[tokio::test(start_paused = true)]
async fn a_blocked_partition_does_not_stop_the_others() {
    let alone = EACH as u64 * 10;
    for blocked in [&[0][..], &[3], &[0, 2], &[0, 1, 2]] {
        let took = others(blocked, options(100, usize::MAX)).await;
        assert!(took <= Duration::from_millis(alone * 10 / 9), "{blocked:?}: {took:?}");
    }
}

/// The same where room is short of bytes.
#[tokio::test(start_paused = true)]
async fn nor_by_its_bytes() {
    let took = others(&[0], options(1_000_000, 100 * SIZE)).await;
    assert!(took <= Duration::from_millis(EACH as u64 * 100 / 9), "{took:?}");
}

/// One partition that is as far ahead of its first unsettled message as allowed does not stop the others, and goes on when that is settled.
#[tokio::test(start_paused = true)]
async fn one_partition_at_its_lead_does_not_stop_the_others() {
    let keys = keys().await;
    let log = filled(&keys).await;
    let mut bounds = LogOptions::default().dropping_rejected();
    bounds.max_lead = 100;
    let (receiver, consumer) = log.receiver(DecodeOptions::strict(), bounds).unwrap();
    let handled: Mutex<HashMap<String, usize>> = Mutex::default();
    let (free, gate) = tokio::sync::watch::channel(false);
    let handle = async |event: Event| {
        if key(&event) == keys[1] && event.id() == "0" {
            drop(gate.clone().wait_for(|free| *free).await);
        }
        *handled.lock().unwrap_or_else(PoisonError::into_inner).entry(key(&event)).or_default() += 1;
    };
    let count = |key: &str| handled.lock().unwrap().get(key).copied().unwrap_or_default();
    let watch = async {
        until(|| keys.iter().enumerate().all(|(number, key)| number == 1 || count(key) == EACH)).await;
        assert_eq!(count(&keys[1]), 99); // all within the lead but the first
        assert_eq!(held_back(&consumer), [1]);
        free.send_replace(true);
        until(|| count(&keys[1]) == EACH).await;
        assert!(held_back(&consumer).is_empty());
    };
    receiver.run(handle).until(watch).await.unwrap();
}

fn held_back(consumer: &FakeConsumer) -> Vec<u32> {
    consumer.ledger().held_back().iter().map(|(partition, _)| partition.number()).collect()
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(3600), wait).await.expect("it stands still");
}

/// Letters that wait for a sink that declines them have a limit of their own, of which one partition does not take all, either.
#[tokio::test(start_paused = true)]
async fn letters_of_one_partition_do_not_stop_the_others() {
    let keys = keys().await;
    for waiting in
        [Bounds { messages: 100, bytes: usize::MAX }, Bounds { messages: usize::MAX, bytes: 100 * SIZE }]
    {
        let log = filled(&keys).await;
        log.sink_declines(true);
        let mut bounds = LogOptions::default().with_sink(log.sink());
        bounds.waiting = waiting;
        let (receiver, _) = log.receiver(DecodeOptions::strict(), bounds).unwrap();
        let activity = receiver.activity();
        let done = Mutex::new(0);
        let handle = async |event: Event| match key(&event) == keys[0] {
            true => Err(Failure::reject("as its key says")),
            false => {
                *done.lock().unwrap() += 1;
                Ok(())
            }
        };
        let watch = async {
            until(|| *done.lock().unwrap() == 3 * EACH).await;
            assert_eq!(activity.state(), RunState::Receiving);
            log.sink_declines(false);
            until(|| log.dead_letters().len() == EACH).await;
        };
        receiver.run(handle).until(watch).await.unwrap();
    }
}

/// Nor does it hold its own back: small messages fit beside it.
#[tokio::test(start_paused = true)]
async fn a_large_letter_that_waits_holds_no_partition_back() {
    let keys = keys().await;
    let log = FakeLog::new(PARTITIONS);
    let poison = keyed(0, &keys[0])
        .into_builder()
        .ty("poison")
        .binary("application/octet-stream", vec![0_u8; 100 * SIZE]);
    log.sender().send(&poison.build().unwrap()).await.unwrap();
    log.sender().send_all((1..EACH).flat_map(|n| keys.iter().map(move |key| keyed(n, key)))).await.unwrap();
    log.sink_declines(true);
    let mut bounds = LogOptions::default().with_sink(log.sink());
    bounds.waiting = Bounds { messages: usize::MAX, bytes: 1_000 * SIZE };
    let (receiver, consumer) = log.receiver(DecodeOptions::strict(), bounds).unwrap();
    let done = Mutex::new(0);
    let handle = async |event: Event| {
        if event.ty() == "poison" {
            return Err(Failure::reject("as its type says"));
        }
        sleep(Duration::from_millis(10)).await;
        assert!(held_back(&consumer).is_empty());
        *done.lock().unwrap() += 1;
        Ok(())
    };
    let all = until(|| *done.lock().unwrap() == PARTITIONS as usize * (EACH - 1));
    // What is settled behind the letters comes again.
    let ended = receiver.run(handle).concurrency(100).until(all).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout);
}

/// What is held back everywhere shows as blocked.
#[tokio::test(start_paused = true)]
async fn where_all_partitions_are_held_back_it_is_blocked() {
    let log = FakeLog::new(1);
    log.sender().send_all((0..100).map(crate::event)).await.unwrap();
    let mut bounds = LogOptions::default().dropping_rejected();
    bounds.max_lead = 10;
    let (receiver, _) = log.receiver(DecodeOptions::strict(), bounds).unwrap();
    let activity = receiver.activity();
    let (free, gate) = tokio::sync::watch::channel(false);
    let handle = async |event: Event| {
        if event.id() == "0" {
            drop(gate.clone().wait_for(|free| *free).await);
        }
    };
    let watch = async {
        until(|| activity.state() == RunState::Blocked).await;
        free.send_replace(true);
        until(|| activity.state() == RunState::Receiving).await;
    };
    receiver.run(handle).until(watch).await.unwrap();
}
