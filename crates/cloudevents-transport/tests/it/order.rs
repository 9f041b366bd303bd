//! The order that `run` keeps: lanes and batches.

use crate::{Gives, event, events, filled, id, keyed, unsettled, until_settled};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Formats, Message};
use cloudevents_json::Json;
use cloudevents_testkit::{rng::Rng, size};
use cloudevents_transport::{
    By, DeadLetter, DeadLetterSink, Delivery, Failure, OrderBy, Partition, Receiver, ReceiverCapabilities,
    ReceiverOptions, UnreadablePolicy,
    binding::{log::LogOptions, queue::QueueOptions},
    fake::{FakeLog, FakeQueue},
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

const HOUR: Duration = Duration::from_secs(3600);

fn options() -> ReceiverOptions {
    ReceiverOptions::default()
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_and_a_slow_lane_takes_no_place() {
    let queue = FakeQueue::new();
    let slow = (0..20).map(|id| keyed(id, "slow"));
    queue.sender().send_all(slow.chain((20..40).map(|id| keyed(id, "fast")))).await.unwrap();
    let receiver = queue.receiver(options());
    let (counters, order) = (receiver.counters(), Mutex::new(Vec::<usize>::new()));
    let handle = async |event: Event| {
        let id: usize = event.id().parse().unwrap();
        sleep(if id < 20 { Duration::from_secs(60) } else { Duration::from_secs(1) }).await;
        order.lock().unwrap().push(id);
    };
    let shutdown = until_settled(counters, 40);
    receiver
        .run(handle)
        .concurrency(2)
        .in_order(OrderBy::attribute("partitionkey"))
        .until(shutdown)
        .await
        .unwrap();
    assert_eq!(order.into_inner().unwrap(), (20..40).chain(0..20).collect::<Vec<_>>());
}

/// With an order, the messages behind a retried one wait for it, and others do not. A shutdown releases it.
#[tokio::test(start_paused = true)]
async fn with_an_order_a_retry_keeps_its_place() {
    let queue = FakeQueue::new();
    queue.sender().send_all([keyed(0, "a"), keyed(1, "a"), keyed(2, "b")]).await.unwrap();
    let receiver = queue.receiver(options());
    let (counters, seen) = (receiver.counters(), Mutex::new(Vec::new()));
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        let id = delivery.event()?.id().to_owned();
        seen.lock().unwrap().push((id.clone(), delivery.attempt()));
        if id == "0" && delivery.attempt() < 3 { Err("not yet")? } else { Ok(()) }
    };
    let shutdown = until_settled(counters.clone(), 3);
    // There is only one place, and a message that waits for its next attempt does not take it.
    receiver
        .run(handle)
        .concurrency(1)
        .in_order(OrderBy::attribute("partitionkey"))
        .until(shutdown)
        .await
        .unwrap();
    let expected =
        [("0", 1), ("2", 1), ("0", 2), ("0", 3), ("1", 1)].map(|(id, attempt)| (id.to_owned(), attempt));
    assert_eq!(seen.into_inner().unwrap(), expected);
    assert_eq!((counters.snapshot().retried, counters.snapshot().accepted), (0, 3));

    let queue = filled(2).await;
    let never = async |_: Event| Err::<(), _>("never");
    let run = queue.receiver(options()).run(never).concurrency(4).in_order(OrderBy::Partition);
    let begun = Instant::now();
    run.until(sleep(Duration::from_millis(500))).await.unwrap();
    assert_eq!((queue.len(), begun.elapsed()), (2, Duration::from_millis(500)));
}

#[tokio::test(start_paused = true)]
async fn topics_are_lanes() {
    let log = FakeLog::new(3); // one topic
    log.sender().send_all(events(6)).await.unwrap();
    let (receiver, _) = log.receiver(options(), LogOptions::default().dropping_rejected()).unwrap();
    let (counters, running) = (receiver.counters(), AtomicUsize::new(0));
    let handle = async |_: Event| {
        assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0);
        sleep(Duration::from_secs(1)).await;
        running.fetch_sub(1, Ordering::Relaxed);
    };
    let shutdown = until_settled(counters.clone(), 6);
    receiver.run(handle).concurrency(64).in_order(OrderBy::Topic).until(shutdown).await.unwrap();
    assert_eq!(counters.snapshot().handlers_failed, 0);
}

#[tokio::test(start_paused = true)]
async fn partitions_are_handled_in_order_and_beside_each_other() {
    let log = FakeLog::new(4);
    log.sender().send_all(events(40)).await.unwrap(); // in turn
    let (receiver, _) = log.receiver(options(), LogOptions::default().dropping_rejected()).unwrap();
    let (stop, seen, since) = (receiver.stopper(), Mutex::new(Vec::<(u32, u64)>::new()), Instant::now());
    let handle = async |delivery: Delivery| {
        let place = (delivery.partition().unwrap().number(), delivery.offset().unwrap());
        // Later messages of a partition are faster, so only lanes keep the order.
        sleep(Duration::from_millis(100 - place.1 * 10)).await;
        seen.lock().unwrap().push(place);
        if seen.lock().unwrap().len() == 40 {
            stop.stop();
        }
    };
    receiver.run(handle).in_order(OrderBy::Partition).await.unwrap();
    let seen = seen.into_inner().unwrap();
    for partition in 0..4 {
        let offsets: Vec<_> =
            seen.iter().filter(|(number, _)| *number == partition).map(|(_, at)| *at).collect();
        assert_eq!(offsets, (0..10).collect::<Vec<_>>());
    }
    assert_eq!(since.elapsed(), Duration::from_millis((1..=10).map(|n| n * 10).sum()));
    assert_eq!((0..4).map(|partition| log.committed(partition)).sum::<u64>(), 40);
}

#[tokio::test(start_paused = true)]
async fn without_partitions_there_is_one_lane() {
    let queue = filled(5).await;
    let receiver = queue.receiver(options());
    let (stop, seen) = (receiver.stopper(), Mutex::new(Vec::new()));
    let handle = async |delivery: Delivery| {
        let number: u64 = id(&delivery).parse().unwrap();
        sleep(Duration::from_millis(10 - number)).await;
        seen.lock().unwrap().push(number);
        if number == 4 {
            stop.stop();
        }
    };
    receiver.run(handle).in_order(OrderBy::Partition).await.unwrap();
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
    let receiver = queue.receiver(DecodeOptions::strict().with_formats(Formats::none().with(Json::new())));
    let (stop, seen, running) = (receiver.stopper(), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let handle = async |delivery: Delivery| {
        let others = running.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
        let batch = delivery.events().unwrap().len() > 1;
        let is_alone = others == 0 && running.load(Ordering::Relaxed) == 1;
        running.fetch_sub(1, Ordering::Relaxed);
        seen.lock().unwrap().push((batch, is_alone));
        if seen.lock().unwrap().len() == 7 {
            stop.stop();
        }
    };
    receiver.run(handle).in_order(OrderBy::attribute("subject")).await.unwrap();
    let beside = (false, false);
    let before_and_after = [beside, beside, beside, (true, true), beside, beside, beside];
    assert_eq!(seen.into_inner().unwrap(), before_and_after);
}

/// A batch that failed waits for its next attempt, and everything behind it waits, too.
#[tokio::test(start_paused = true)]
async fn a_batch_keeps_its_place_while_it_is_tried_again() {
    let queue = FakeQueue::new();
    let sender = queue.sender();
    sender.send(Message::batched(&[event(0)], &Json::new()).unwrap().0).await.unwrap();
    sender.send(event(1)).await.unwrap();
    let receiver = queue.receiver(DecodeOptions::strict().with_formats(Formats::none().with(Json::new())));
    let (counters, seen) = (receiver.counters(), Mutex::new(Vec::new()));
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        let (id, attempt) = (delivery.events()?[0].id().to_owned(), delivery.attempt());
        seen.lock().unwrap().push((id.clone(), attempt));
        if id == "0" && attempt < 3 { Err("not yet")? } else { Ok(()) }
    };
    let run = receiver.run(handle).in_order(OrderBy::attribute("subject"));
    run.until(until_settled(counters, 2)).await.unwrap();
    let expected = [("0", 1), ("0", 2), ("0", 3), ("1", 1)].map(|(id, attempt)| (id.to_owned(), attempt));
    assert_eq!(seen.into_inner().unwrap(), expected);
}

/// A hundred messages that their peers keep until they are answered.
fn requests(key: Option<&'static str>) -> Receiver {
    let mut capabilities = ReceiverCapabilities::queue();
    capabilities.redelivers = By::Peer;
    let mut messages =
        (1..=100).map(move |id| unsettled(key.map_or_else(|| event(id), |key| keyed(id, key))));
    Receiver::new(Gives(capabilities, move || ready(Ok(messages.next()))), options())
}

/// Who waits for an answer gets one at once, also in an outage.
#[tokio::test(start_paused = true)]
async fn peers_that_keep_their_messages_do_not_wait_for_each_other() {
    let (receiver, calls, begun) = (requests(Some("a")), Cell::new(0), Instant::now());
    let handle = async |_: Event| -> Result<(), Failure> {
        calls.set(calls.get() + 1);
        Err("the database is away")?
    };
    receiver.run(handle).concurrency(1).await.unwrap();
    assert_eq!((calls.get(), begun.elapsed()), (100, Duration::ZERO));
}

/// Who reads a partition, a topic or a queue in its order gets it so; what has a key is beside it.
#[tokio::test(start_paused = true)]
async fn messages_without_a_key_keep_the_order_of_their_source_and_stop_no_key() {
    for seed in 0..20 {
        let (queue, log, mut rng) = (FakeQueue::new(), FakeLog::new(3), Rng(seed));
        let key = |number: u64| number.is_multiple_of(3).then(|| (number % 2).to_string());
        let events =
            (0..60).map(|number| key(number).map_or_else(|| event(number), |key| keyed(number, &key)));
        queue.sender().send_all(events.clone()).await.unwrap();
        log.sender().send_all(events).await.unwrap();
        let (of_log, _consumer) = log.receiver(options(), LogOptions::default().dropping_rejected()).unwrap();
        for receiver in [queue.receiver(options()), of_log] {
            let (counters, running, most) = (receiver.counters(), AtomicUsize::new(0), AtomicUsize::new(0));
            let (seen, rng) = (Mutex::new(BTreeMap::<_, Vec<u64>>::new()), Mutex::new(&mut rng));
            let handle = async |delivery: Delivery| -> Result<(), Failure> {
                let number: u64 = id(&delivery).parse()?;
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let (pause, fails) = {
                    let mut rng = rng.lock().unwrap();
                    (rng.below(1000), rng.percent(10))
                };
                sleep(Duration::from_millis(pause)).await;
                running.fetch_sub(1, Ordering::Relaxed);
                if fails {
                    return Err(Failure::unavailable("not yet"));
                }
                let lane = (delivery.partition().filter(|_| key(number).is_none()).cloned(), key(number));
                seen.lock().unwrap().entry(lane).or_default().push(number);
                Ok(())
            };
            let run = receiver.run(handle).in_order(OrderBy::Key).until(until_settled(counters, 60));
            run.await.unwrap();
            let seen = seen.into_inner().unwrap();
            assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 60, "seed {seed}");
            for (lane, seen) in &seen {
                assert!(seen.is_sorted(), "seed {seed}, {lane:?}: {seen:?}");
            }
            let most = most.into_inner();
            assert!((2..=seen.len()).contains(&most), "seed {seed}: {most} at once of {} lanes", seen.len());
        }
    }
}

/// Each of them waits for its own answer, and none for another.
#[tokio::test(start_paused = true)]
async fn requests_without_a_key_are_handled_beside_each_other() {
    let (receiver, begun) = (requests(None), Instant::now());
    let handle = async |_: Event| sleep(Duration::from_secs(1)).await;
    receiver.run(handle).concurrency(100).in_order(OrderBy::Key).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

/// A message that fails after the source has ended goes back, and those behind it do not overtake it.
#[tokio::test(start_paused = true)]
async fn a_source_that_ends_changes_no_order() {
    let mut messages = (0..2).map(|id| unsettled(keyed(id, "a")));
    let next = move || ready(Ok(messages.next()));
    let receiver = Receiver::new(Gives(ReceiverCapabilities::queue(), next), options());
    let seen = Mutex::new(Vec::new());
    let handle = async |event: Event| {
        sleep(Duration::from_secs(1)).await; // meanwhile, the source ends
        seen.lock().unwrap().push(event.id().to_owned());
        if event.id() == "0" { Err("not yet") } else { Ok(()) }
    };
    receiver.run(handle).in_order(OrderBy::Key).await.unwrap();
    assert_eq!(seen.into_inner().unwrap(), ["0"]);
}

/// Keys of events that a log of two partitions puts into this one.
async fn keys_of(partition: u32, count: usize) -> Vec<String> {
    let mut keys = Vec::new();
    for candidate in 0.. {
        if keys.len() == count {
            break;
        }
        let (log, key) = (FakeLog::new(2), format!("k{candidate}"));
        log.sender().send(&keyed(0, &key)).await.unwrap();
        if log.len(partition) > 0 {
            keys.push(key);
        }
    }
    keys
}

/// While everything fails, nothing of a partition that goes is begun. What is behind it in its lane is not begun either once that is over.
#[tokio::test(start_paused = true)]
async fn what_goes_with_its_partition_is_not_overtaken_in_its_lane() {
    // Twice as many failures in a row are as many as there are handlers: it slows down.
    const FAILING: u64 = 8;
    const PROBE: u64 = 12;
    let (going, staying) = (keys_of(0, 2).await, keys_of(1, FAILING as usize + 1).await);
    let log = FakeLog::new(2);
    let lane = (0..3).map(|number| keyed(number, &going[0]));
    let failing = staying.iter().zip(4..PROBE).map(|(key, number)| keyed(number, key));
    log.sender().send_all(lane.chain([keyed(3, &going[1])]).chain(failing)).await.unwrap();
    let (receiver, consumer) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
    let (counters, begun) = (receiver.counters(), Mutex::new(Vec::new()));
    let (is_probed, is_over) = (Notify::new(), Notify::new());
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        let number: u64 = delivery.event()?.id().parse().unwrap();
        begun.lock().unwrap().push(number);
        match (number, delivery.attempt()) {
            (0, _) => {
                is_probed.notified().await;
                return Err(Failure::reject("the next one of its lane is ready"));
            }
            (3, _) => is_over.notified().await, // the last one of its partition
            (PROBE, 1) => is_probed.notify_one(),
            (4..PROBE, 1) => sleep(HOUR).await,
            (4..PROBE, 2) => return Err(Failure::retry_after(HOUR, "not yet")),
            _ => return Ok(()),
        }
        if number == 3 { Ok(()) } else { Err(Failure::retry_after(Duration::from_secs(1), "not yet")) }
    };
    let script = async {
        sleep(HOUR / 2).await;
        assert_eq!(*begun.lock().unwrap(), [0, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        consumer.ledger().leave(&[Partition::new("fake", 0)], Duration::ZERO);
        sleep(HOUR / 2 + Duration::from_millis(1001)).await;
        log.sender().send(&keyed(PROBE, &staying[FAILING as usize])).await.unwrap();
        until_settled(Arc::clone(&counters), FAILING + 2).await; // one of them is rejected
        is_over.notify_one();
        until_settled(counters, FAILING + 3).await;
    };
    let run = receiver.run(handle).concurrency(16).in_order(OrderBy::Key).until(script);
    // What is settled behind those that were not begun comes again.
    assert_eq!(run.await.unwrap_err().kind(), ErrorKind::Timeout);
    begun.lock().unwrap().retain(|number| *number < 4);
    assert_eq!(begun.into_inner().unwrap(), [0, 3]);
    assert_eq!(log.committed(0), 1);
}

/// What no handler has when a message ends the run goes back as at a stop: together, and in order.
#[tokio::test(start_paused = true)]
async fn an_end_by_a_message_changes_no_order() {
    const COUNT: usize = 3_000; // more than are taken at once
    let queue = FakeQueue::new();
    queue.sender().send_all([keyed(0, "slow"), event(1)]).await.unwrap();
    queue.push_garbage(ErrorKind::InvalidDocument, b"{");
    queue.sender().send_all(events(COUNT).skip(2)).await.unwrap();
    let mut policy = options();
    policy.malformed = UnreadablePolicy::Deliver;
    let seen = Mutex::new(Vec::<usize>::new());
    let handle = async |event: Event| {
        // The other one ends when all others have come, and the slow one long after the run has begun to end.
        sleep(Duration::from_secs(if event.id() == "0" { 10 } else { 1 })).await;
        seen.lock().unwrap().push(event.id().parse().unwrap());
    };
    let ended = queue.receiver(policy).run(handle).concurrency(2).in_order(OrderBy::Key).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::InvalidDocument);
    let mut next = queue.receiver(options());
    while seen.lock().unwrap().len() < COUNT {
        let delivery = next.next().await.unwrap().unwrap();
        if let Ok(event) = delivery.event() {
            seen.lock().unwrap().push(event.id().parse().unwrap());
        }
        delivery.accept().await.unwrap();
    }
    assert_eq!(seen.into_inner().unwrap(), [1, 0].into_iter().chain(2..COUNT).collect::<Vec<_>>());
}

/// Stores letters after a time by chance, up to as many at once as are passed to it.
#[derive(Clone)]
struct Uneven {
    rng: Arc<Mutex<Rng>>,
    stored: Arc<Mutex<Vec<usize>>>,
}

impl DeadLetterSink for Uneven {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let pause = self.rng.lock().unwrap().below(50);
        sleep(Duration::from_millis(pause)).await;
        let event = letter.received.message()?.event(&DecodeOptions::strict())?.value;
        self.stored.lock().unwrap().push(event.id().parse().unwrap());
        Ok(())
    }
}

/// The next message of a key waits for the letter of the one before it. Other keys do not.
#[tokio::test(start_paused = true)]
async fn letters_have_the_order_of_their_keys() {
    const COUNT: usize = 300;
    for seed in 0..size(12) as u64 {
        let sink = Uneven { rng: Arc::new(Mutex::new(Rng(seed))), stored: Arc::default() };
        let (queue, log) = (FakeQueue::new(), FakeLog::new(1));
        let of_queue = QueueOptions::default().with_sink(sink.clone());
        let of_log = LogOptions::default().with_sink(sink.clone());
        let sources = [
            (queue.sender(), queue.receiver_with(options(), of_queue)),
            (log.sender(), log.receiver(DecodeOptions::strict(), of_log).unwrap().0),
        ];
        for (sender, receiver) in sources {
            sender.send_all((0..COUNT).map(|id| keyed(id, &(id % 7).to_string()))).await.unwrap();
            let (counters, begun) = (receiver.counters(), Instant::now());
            let refuse = async |_: Event| Err::<(), _>(Failure::reject("no"));
            let run = receiver.run(refuse).concurrency(64).in_order(OrderBy::attribute("partitionkey"));
            run.until(until_settled(counters, COUNT as u64)).await.unwrap();
            let stored = std::mem::take(&mut *sink.stored.lock().unwrap());
            assert_eq!(stored.len(), COUNT);
            for rest in 0..7 {
                let of_key = stored.iter().filter(|id| **id % 7 == rest);
                assert!(of_key.is_sorted(), "seed {seed}: {stored:?}");
            }
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "keys wait for each other: {:?}",
                begun.elapsed()
            );
        }
    }
}

/// A place that does not answer stops no key for ever.
#[tokio::test(start_paused = true)]
async fn a_place_of_letters_that_hangs_stops_no_key() {
    struct Hangs;
    impl DeadLetterSink for Hangs {
        async fn put(&self, _: DeadLetter) -> Result<(), Error> {
            std::future::pending().await
        }
    }
    let queue = FakeQueue::new();
    queue.sender().send_all((0..3).map(|id| keyed(id, "a"))).await.unwrap();
    let receiver = queue.receiver_with(options(), QueueOptions::default().with_sink(Hangs));
    let (counters, begun) = (receiver.counters(), Instant::now());
    let handle = async |event: Event| match event.id() {
        "2" => Ok(()),
        _ => Err(Failure::reject("no")),
    };
    let accepted = async move {
        while counters.snapshot().accepted == 0 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    receiver.run(handle).in_order(OrderBy::attribute("partitionkey")).until(accepted).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// What claims to be a batch and cannot be decoded has no order, and stops nothing.
#[tokio::test(start_paused = true)]
async fn what_only_claims_to_be_a_batch_is_not_waited_for() {
    let queue = FakeQueue::new();
    queue.sender().send(&keyed("poison", "a")).await.unwrap();
    queue.push_garbage(ErrorKind::Batched, b"[");
    queue.sender().send(&keyed("good", "b")).await.unwrap();
    let receiver = queue.receiver(options());
    let (handled, counters) = (Cell::new(Duration::MAX), receiver.counters());
    let begun = Instant::now();
    let handle = async |event: Event| match event.id() {
        "good" => {
            handled.set(begun.elapsed());
            Ok(())
        }
        _ => Err("a bug"),
    };
    let run = receiver.run(handle).in_order(OrderBy::attribute("partitionkey"));
    run.until(until_settled(counters, 2)).await.unwrap();
    assert!(handled.get() < Duration::from_secs(1), "{:?}", handled.get());
}
