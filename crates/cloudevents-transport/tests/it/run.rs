//! How `run` settles by the results of handlers, normally and during an outage.

use crate::{event, events};
use cloudevents_core::{
    Codec, CodecContext, Data, Decode, DecodeOptions, Encode, Error, ErrorKind, Event, EventData, Payload,
    TypedEvent,
};
use cloudevents_json::{Json, JsonEventExt};
use cloudevents_transport::{
    Counters, Delivery, Failure, OrderBy, ReceiverOptions, UnreadablePolicy,
    fake::{FakeLog, FakeQueue},
    log::LogOptions,
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, timeout},
};

const HOUR: Duration = Duration::from_secs(3600);

async fn filled(count: usize) -> FakeQueue {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(count)).await.unwrap();
    queue
}

/// Ready when this many messages were accepted or rejected.
async fn until_settled(counters: Arc<Counters>, count: u64) {
    loop {
        let metrics = counters.snapshot();
        if metrics.accepted + metrics.rejected >= count {
            return;
        }
        sleep(Duration::from_millis(100)).await; // paused time: passes when nothing else can run
    }
}

fn options() -> ReceiverOptions {
    ReceiverOptions::default()
}

#[tokio::test(start_paused = true)]
async fn ok_accepts_and_an_error_is_retried_with_backoff_then_rejected() {
    let queue = filled(2).await;
    let mut options = options();
    options.retry.attempts = 3;
    let receiver = queue.receiver(options);
    let (counters, seen, begun) = (receiver.counters(), Mutex::new(Vec::new()), Instant::now());
    let handle = async |event: Event| -> Result<(), std::fmt::Error> {
        seen.lock().unwrap().push((event.id().to_owned(), begun.elapsed().as_secs()));
        if event.id() == "1" { Err(std::fmt::Error) } else { Ok(()) }
    };
    let shutdown = until_settled(counters.clone(), 2);
    receiver.run(4, OrderBy::None, handle).until(shutdown).await.unwrap();
    let seen = seen.into_inner().unwrap();
    let at = |id: &str| seen.iter().filter(|(known, _)| known == id).map(|(_, at)| *at).collect::<Vec<_>>();
    assert_eq!((at("0"), at("1")), (vec![0], vec![0, 1, 3]));
    let reason = format!("attempt 3: {}", std::fmt::Error);
    assert_eq!((queue.len(), queue.rejected()[0].1.as_str()), (0, reason.as_str()));
    let metrics = counters.snapshot();
    assert_eq!((metrics.accepted, metrics.retried, metrics.rejected, metrics.handlers_failed), (1, 2, 1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_what_happens_to_the_message() {
    let queue = filled(2).await;
    let receiver = queue.receiver(options());
    let (counters, begun) = (receiver.counters(), Instant::now());
    let handle = async |(event, delivery): (Event, Delivery)| -> Result<(), Failure> {
        match event.id() {
            "0" => Err(Failure::reject("total must be positive")),
            _ if delivery.attempt() == 1 => Err(Failure::retry_after(Duration::from_secs(7), "busy")),
            _ => Ok(()),
        }
    };
    let shutdown = until_settled(counters.clone(), 2);
    receiver.run(1, OrderBy::None, handle).until(shutdown).await.unwrap();
    assert_eq!((queue.rejected()[0].1.as_str(), begun.elapsed().as_secs()), ("total must be positive", 7));
}

struct OrderPlaced(u64);

impl EventData for OrderPlaced {
    const TYPE: &'static str = "com.example.order.placed";
    type Codec = Number;
}

/// A number as text.
struct Number;

impl Codec for Number {
    const CONTENT_TYPE: &'static str = "text/plain";
}

impl Encode<OrderPlaced> for Number {
    fn encode(value: &OrderPlaced, _: &CodecContext<'_>) -> Result<Payload, Error> {
        Ok(Payload::text(value.0.to_string()))
    }
}

impl Decode<OrderPlaced> for Number {
    fn decode(data: Data<'_>, _: &CodecContext<'_>) -> Result<OrderPlaced, Error> {
        let text = String::from_utf8_lossy(data.as_bytes()).into_owned();
        text.parse().map(OrderPlaced).map_err(|_| Error::new(ErrorKind::InvalidData))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_cannot_take_goes_by_policy_and_blocks_nothing() {
    let unreadable = async || {
        let queue = FakeQueue::new();
        queue.push_garbage(ErrorKind::MissingAttribute, b"malformed");
        queue.push_garbage(ErrorKind::NotACloudEvent, b"foreign");
        queue.sender().send(&event("of another type")).await.unwrap();
        let typed = TypedEvent::build(Event::builder().id("1").source("/s"), OrderPlaced(7)).unwrap();
        queue.sender().send(typed.event()).await.unwrap();
        queue
    };
    for policy in [UnreadablePolicy::Reject, UnreadablePolicy::Skip] {
        let queue = unreadable().await;
        let mut options = options();
        options.malformed = policy;
        let receiver = queue.receiver(options);
        let (counters, seen) = (receiver.counters(), Cell::new(0));
        let handle = async |order: TypedEvent<OrderPlaced>| seen.set(seen.get() + order.data().0);
        let shutdown = until_settled(counters.clone(), 4);
        receiver.run(4, OrderBy::None, handle).until(shutdown).await.unwrap();
        let rejected = if policy == UnreadablePolicy::Reject { 3 } else { 0 };
        let metrics = counters.snapshot();
        assert_eq!((seen.get(), queue.len(), queue.rejected().len()), (7, 0, rejected), "{policy:?}");
        assert_eq!((metrics.skipped, metrics.handlers_failed), (3 - rejected as u64, 0), "{policy:?}");
    }
    let queue = unreadable().await;
    let mut options = options();
    options.malformed = UnreadablePolicy::Deliver;
    let error = queue.receiver(options).run(1, OrderBy::None, async |_: Event| ()).await.unwrap_err();
    assert_eq!((error.kind(), queue.len()), (ErrorKind::MissingAttribute, 4)); // it is delivered again
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_fit_is_not_tried_again() {
    let queue = filled(1).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |event: Event| -> Result<(), Failure> {
        let _: u32 = event.data_as_json()?;
        Ok(())
    };
    let shutdown = until_settled(counters.clone(), 1);
    receiver.run(1, OrderBy::None, handle).until(shutdown).await.unwrap();
    assert_eq!((queue.rejected().len(), counters.snapshot().retried), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_has_failed() {
    let queue = filled(2).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |delivery: Delivery| {
        assert!(delivery.attempt() > 1, "a bug");
    };
    let shutdown = until_settled(counters.clone(), 2);
    receiver.run(4, OrderBy::None, handle).until(shutdown).await.unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.handlers_failed, metrics.retried, metrics.accepted), (2, 2, 2));
}

/// A handler with the delivery may settle by itself. Otherwise, its result settles the message.
#[tokio::test(start_paused = true)]
async fn a_delivery_is_lent() {
    let queue = filled(5).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        match delivery.event()?.id() {
            "0" => drop(delivery),
            "1" => delivery.reject("by hand").await?,
            "2" if delivery.attempt() == 1 => Err("no")?,
            // After a move to another task, that task settles it.
            "3" => drop(tokio::spawn(async move {
                sleep(Duration::from_secs(2)).await;
                delivery.reject("later").await
            })),
            _ => {}
        }
        Ok(())
    };
    let shutdown = until_settled(counters.clone(), 5);
    receiver.run(4, OrderBy::None, handle).until(shutdown).await.unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.accepted, metrics.rejected, metrics.retried, metrics.released), (3, 2, 1, 0));
    let reasons: Vec<_> = queue.rejected().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, ["by hand", "later"]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_receives_nothing_more_and_waits_for_handlers_that_run() {
    let queue = filled(3).await;
    let receiver = queue.receiver(options());
    let (counters, begun) = (receiver.counters(), Instant::now());
    let handle = async |_: Event| sleep(Duration::from_secs(5)).await;
    receiver.run(2, OrderBy::None, handle).until(sleep(Duration::from_secs(1))).await.unwrap();
    assert_eq!((counters.snapshot().accepted, queue.len(), begun.elapsed().as_secs()), (2, 1, 5));
}

#[tokio::test(start_paused = true)]
async fn handlers_that_do_not_end_are_dropped_at_the_deadline() {
    let queue = filled(1).await;
    let mut options = options();
    options.drain = Duration::from_secs(10);
    let never = async |_: Event| std::future::pending::<()>().await;
    let begun = Instant::now();
    let run = queue.receiver(options).run(1, OrderBy::None, never);
    let error = run.until(sleep(Duration::from_secs(1))).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed().as_secs(), queue.len()), (ErrorKind::Timeout, 11, 1));
}

/// A source that always has another message and a handler that never waits starve neither the shutdown nor
/// other tasks.
#[tokio::test]
async fn a_busy_receiver_hears_of_its_shutdown() {
    let queue = filled(100_000).await;
    let receiver = queue.receiver(options());
    let other = Arc::new(AtomicBool::new(false));
    let counters = receiver.counters();
    let task = tokio::spawn({
        let other = Arc::clone(&other);
        async move { other.store(true, Ordering::Relaxed) }
    });
    let shutdown = async {
        while !other.load(Ordering::Relaxed) {
            yield_now().await;
        }
    };
    receiver.run(64, OrderBy::None, async |_: Event| ()).until(shutdown).await.unwrap();
    task.await.unwrap();
    assert!(counters.snapshot().accepted < 100_000);
}

fn keyed(id: usize, key: &str) -> Event {
    event(id).into_builder().extension("partitionkey", key).build().unwrap()
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
    receiver.run(2, OrderBy::attribute("partitionkey"), handle).until(shutdown).await.unwrap();
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
    receiver.run(1, OrderBy::attribute("partitionkey"), handle).until(shutdown).await.unwrap();
    let expected =
        [("0", 1), ("2", 1), ("0", 2), ("0", 3), ("1", 1)].map(|(id, attempt)| (id.to_owned(), attempt));
    assert_eq!(seen.into_inner().unwrap(), expected);
    assert_eq!((counters.snapshot().retried, counters.snapshot().accepted), (0, 3));

    let queue = filled(2).await;
    let never = async |_: Event| Err::<(), _>("never");
    let run = queue.receiver(options()).run(4, OrderBy::Partition, never);
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
    receiver.run(64, OrderBy::Topic, handle).until(shutdown).await.unwrap();
    assert_eq!(counters.snapshot().handlers_failed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_waited_for() {
    let queue = filled(1).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let shutdown = async {
        until_settled(counters.clone(), 1).await;
        queue.cut();
        queue.sender().send(&event(1)).await.unwrap();
        until_settled(counters.clone(), 2).await;
    };
    receiver.run(4, OrderBy::None, async |_: Event| ()).until(shutdown).await.unwrap();
    assert!(queue.is_empty());
}

/// The database is unavailable for an hour. Only what the handler itself rejects is rejected, and afterwards
/// everything is handled.
///
/// With few lanes, few messages are tried. `given_up` messages may be rejected before it is known that others
/// fail, too.
async fn survives_an_outage(order: OrderBy, limit: usize, given_up: u64) {
    const COUNT: usize = 200;
    let log = FakeLog::new(4);
    log.sender().send_all((0..COUNT).map(|id| keyed(id, &format!("key {}", id % 40)))).await.unwrap();
    let mut options = options();
    options.retry.attempts = 3;
    let (receiver, _) = log.receiver(options, LogOptions::default().with_sink(log.sink())).unwrap();
    let (counters, begun) = (receiver.counters(), Instant::now());
    let (attempts, running, most) = (Mutex::new(BTreeMap::<u64, usize>::new()), Cell::new(0), Cell::new(0));
    let handle = async |event: Event| -> Result<(), Failure> {
        if event.id() == "3" {
            return Err(Failure::reject("never"));
        }
        let minute = begun.elapsed().as_secs() / 60;
        *attempts.lock().unwrap().entry(minute).or_default() += 1;
        running.set(running.get() + 1);
        sleep(Duration::from_millis(10)).await;
        if minute > 0 {
            most.set(most.get().max(running.get()));
        }
        running.set(running.get() - 1);
        if begun.elapsed() < HOUR { Err("the database is away")? } else { Ok(()) }
    };
    let shutdown = until_settled(counters.clone(), COUNT as u64);
    timeout(2 * HOUR, receiver.run(limit, order, handle).until(shutdown)).await.unwrap().unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.accepted + metrics.rejected, metrics.outages), (COUNT as u64, 1));
    assert!((1..=1 + given_up).contains(&metrics.rejected), "{metrics}");
    assert_eq!(log.dead_letters().len() as u64, metrics.rejected);
    // One at a time was tried, with pauses of half a minute, and shorter ones after the message that its
    // handler rejects.
    let attempts = attempts.into_inner().unwrap();
    let during: Vec<_> = (10..59).map(|minute| attempts.get(&minute).copied().unwrap_or_default()).collect();
    let all: usize = during.iter().sum();
    assert!(all < 130 && during.iter().all(|attempts| (1..=6).contains(attempts)), "{during:?}");
    assert_eq!((0..4).map(|partition| log.committed(partition)).sum::<u64>(), COUNT as u64);
    assert!(begun.elapsed() < HOUR + Duration::from_secs(120), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_outage_rejects_nothing() {
    survives_an_outage(OrderBy::None, 16, 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_rejects_nothing_in_order() {
    survives_an_outage(OrderBy::attribute("partitionkey"), 16, 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_rejects_nothing_with_one_handler() {
    survives_an_outage(OrderBy::Partition, 1, 2).await;
}

/// Twelve messages in a row that cannot be handled look like an outage. They do not block others for ever.
#[tokio::test(start_paused = true)]
async fn what_looks_like_an_outage_is_passed() {
    for limit in [1, 4, 64] {
        let log = FakeLog::new(1);
        log.sender().send_all(events(40)).await.unwrap();
        let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
        let counters = receiver.counters();
        let handle = async |event: Event| -> Result<(), Failure> {
            let id: usize = event.id().parse()?;
            if id < 12 { Err("a bug")? } else { Ok(()) }
        };
        let shutdown = until_settled(counters.clone(), 28);
        timeout(HOUR, receiver.run(limit, OrderBy::None, handle).until(shutdown)).await.unwrap().unwrap();
        let metrics = counters.snapshot();
        assert_eq!((metrics.accepted, metrics.rejected), (28, 0), "{limit}: {metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_are_handled_as_one() {
    let queue = FakeQueue::new();
    let all: Vec<_> = events(3).collect();
    let batch = cloudevents_core::Message::batched(&all, &Json::new()).unwrap().0;
    queue.sender().send(batch).await.unwrap();
    let decoding = DecodeOptions::strict().with_formats(cloudevents_core::Formats::none().with(Json::new()));
    let receiver = queue.receiver(decoding);
    let (counters, seen) = (receiver.counters(), Cell::new(0));
    let handle = async |events: Vec<Event>| seen.set(events.len());
    let shutdown = until_settled(counters.clone(), 1);
    receiver.run(4, OrderBy::None, handle).until(shutdown).await.unwrap();
    assert_eq!((seen.get(), counters.snapshot().accepted), (3, 1));
}
