//! When `run` gives a message up, and when it takes failures for those of something that messages share.

use crate::{event, events, id, keyed, until_settled};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Formats, Message};
use cloudevents_json::Json;
use cloudevents_transport::{
    Delivery, Failure, Metrics, OrderBy, Outgoing, Raw, Received, ReceiverOptions,
    binding::log::LogOptions,
    fake::{FakeLog, FakeQueue},
};
use std::{cell::Cell, collections::BTreeMap, sync::Mutex, time::Duration};
use tokio::time::{Instant, sleep, timeout};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn options() -> ReceiverOptions {
    ReceiverOptions::default()
}

/// What was settled behind a message that waits until the end comes again, which is an error.
fn ends(ended: Result<(), Error>) {
    assert!(
        ended.as_ref().map_err(Error::kind).err().is_none_or(|kind| kind == ErrorKind::Timeout),
        "{ended:?}"
    );
}

/// The database is unavailable for an hour. Only what the handler itself rejects is rejected, and afterwards
/// everything is handled.
async fn survives_an_outage(order: OrderBy, limit: usize) {
    const COUNT: usize = 200;
    let log = FakeLog::new(4);
    log.sender().send_all((0..COUNT).map(|id| keyed(id, &format!("key {}", id % 40)))).await.unwrap();
    let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
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
    timeout(2 * HOUR, receiver.run(handle).concurrency(limit).in_order(order).until(shutdown))
        .await
        .unwrap()
        .unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.accepted + metrics.rejected, metrics.outages), (COUNT as u64, 1));
    assert_eq!((metrics.rejected, log.dead_letters().len()), (1, 1), "{metrics}");
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
    survives_an_outage(OrderBy::None, 16).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_rejects_nothing_in_order() {
    survives_an_outage(OrderBy::attribute("partitionkey"), 16).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_rejects_nothing_with_one_handler() {
    survives_an_outage(OrderBy::Partition, 1).await;
}

/// A program that tries again at once does so with each message. Neither an outage nor a source that is away makes it busy.
#[tokio::test(start_paused = true)]
async fn retries_without_a_pause_are_no_busy_loop_in_an_outage() {
    let mut options = options();
    (options.retry.first, options.retry.longest) = (Duration::ZERO, Duration::ZERO);
    let log = FakeLog::new(1);
    log.sender().send_all(events(3)).await.unwrap();
    let (receiver, _) = log.receiver(options, LogOptions::default().with_sink(log.sink())).unwrap();
    let (counters, begun, calls) = (receiver.counters(), Instant::now(), Cell::new(0));
    let handle = async |_: Event| -> Result<(), Failure> {
        calls.set(calls.get() + 1);
        if calls.get() > 10_000 {
            sleep(MINUTE).await; // or the test would not end
        }
        if begun.elapsed() < MINUTE { Err("the database is away")? } else { Ok(()) }
    };
    let run = receiver.run(handle).concurrency(1).until(until_settled(counters, 3));
    timeout(HOUR, run).await.unwrap().unwrap();
    assert!((100..1_000).contains(&calls.get()), "{}", calls.get());
}

/// Runs over forty messages of which the first twelve always fail, until this many are settled. Returns the numbers and the time.
async fn twelve_of_forty_fail(limit: usize, settled: u64) -> (Metrics, Duration) {
    let log = FakeLog::new(1);
    log.sender().send_all(events(40)).await.unwrap();
    let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
    let (counters, begun) = (receiver.counters(), Instant::now());
    let handle = async |event: Event| -> Result<(), Failure> {
        let id: usize = event.id().parse()?;
        if id < 12 { Err("a bug")? } else { Ok(()) }
    };
    let run = receiver.run(handle).concurrency(limit).until(until_settled(counters.clone(), settled));
    ends(timeout(24 * HOUR, run).await.unwrap());
    (counters.snapshot(), begun.elapsed())
}

/// Twelve messages in a row that cannot be handled look like an outage. Everything ends: after `give_up_after`, their failures count.
#[tokio::test(start_paused = true)]
async fn what_looks_like_an_outage_is_given_up_in_the_end() {
    for limit in [1, 4, 64] {
        let (metrics, after) = twelve_of_forty_fail(limit, 40).await;
        assert_eq!((metrics.accepted, metrics.rejected), (28, 12), "{limit}: {metrics}");
        assert!((HOUR..3 * HOUR).contains(&after), "{limit}: {after:?}");
    }
}

/// A message that was not tried yet tells more than one that has failed.
#[tokio::test(start_paused = true)]
async fn what_looks_like_an_outage_keeps_no_others_from_being_tried() {
    for limit in [1, 4, 64] {
        let (metrics, after) = twelve_of_forty_fail(limit, 28).await;
        assert_eq!((metrics.accepted, metrics.rejected), (28, 0), "{limit}: {metrics}");
        assert!(after < HOUR, "{limit}: {after:?}");
    }
}

/// How a message ended that always failed.
#[derive(Debug, PartialEq, Eq)]
struct GivenUp {
    /// By the dead letter.
    attempt: u32,
    at: Duration,
}

/// What happens to a message that always fails in this way, beside one of this type each minute that succeeds. Returns the number of
/// calls, and whether the message was given up within a day.
async fn poison(
    fails: impl Fn() -> Failure,
    others: &str,
    set: impl Fn(&mut ReceiverOptions),
) -> (u32, Option<GivenUp>) {
    let log = FakeLog::new(1);
    log.sender().send(&event("poison")).await.unwrap();
    let mut options = options();
    set(&mut options);
    let (receiver, _) = log.receiver(options, LogOptions::default().with_sink(log.sink())).unwrap();
    let (calls, begun, last) = (Cell::new(0), Instant::now(), Cell::new(Duration::ZERO));
    let handle = async |event: Event| {
        if event.id() != "poison" {
            return Ok(());
        }
        calls.set(calls.get() + 1);
        last.set(begun.elapsed());
        Err(fails())
    };
    let shutdown = async {
        while log.dead_letters().is_empty() && begun.elapsed() < 24 * HOUR {
            let good = event("good").into_builder().ty(others).build().unwrap();
            log.sender().send(&good).await.unwrap();
            sleep(MINUTE).await;
        }
    };
    ends(receiver.run(handle).until(shutdown).await);
    let given_up = log.dead_letters().pop().map(|letter| {
        assert_eq!(&*letter.reason, format!("attempt {}: {}", letter.attempt, fails()));
        GivenUp { attempt: letter.attempt, at: last.get() }
    });
    (calls.get(), given_up)
}

fn away() -> Failure {
    Failure::retry("away")
}

fn unavailable() -> Failure {
    Failure::unavailable("the bank is away")
}

/// The first failure has none before it, so none that a success could have followed: it does not count.
#[tokio::test(start_paused = true)]
async fn a_message_is_given_up_after_ten_failures_of_its_own() {
    let often = || away().after(2 * MINUTE);
    let (calls, given_up) = poison(often, "t", |_| ()).await;
    assert_eq!((calls, given_up), (11, Some(GivenUp { attempt: 11, at: 20 * MINUTE })));
}

#[tokio::test(start_paused = true)]
async fn successes_of_another_type_do_not_make_a_failure_the_messages_own() {
    let (calls, given_up) = poison(away, "another", |options| options.give_up_after = None).await;
    assert!(calls > 100 && given_up.is_none(), "{calls} {given_up:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_time_without_any_success_failures_count_all_the_same() {
    for after in [10 * MINUTE, HOUR] {
        let (calls, given_up) = poison(away, "another", |options| options.give_up_after = Some(after)).await;
        let at = given_up.unwrap().at;
        assert!((after..after + 5 * MINUTE).contains(&at), "{after:?} {calls} {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_program_sets_counts_every_attempt() {
    for limit in [1, 3] {
        for others in ["t", "another"] {
            let (calls, given_up) = poison(away, others, |options| options.attempts = Some(limit)).await;
            assert_eq!((calls, given_up.map(|given_up| given_up.attempt)), (limit, Some(limit)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_unavailable_counts_no_attempt() {
    for limit in [None, Some(1)] {
        let (calls, given_up) = poison(unavailable, "t", |options| options.attempts = limit).await;
        assert!(calls > 100 && given_up.is_none(), "{calls} {given_up:?}");
    }
    let (_, given_up) = poison(unavailable, "another", |_| ()).await;
    assert!(given_up.unwrap().at >= HOUR);
}

/// [`Failure::unavailable`]: the lane waits with growing pauses, of half a minute in the end.
#[tokio::test(start_paused = true)]
async fn what_is_unavailable_waits_with_growing_pauses() {
    let (calls, _) = poison(unavailable, "t", |_| ()).await;
    assert!(calls < 2 * 60 * 24 + 20, "{calls} calls in a day");
}

/// What a handler gives back by itself has not succeeded: it makes no failure another message's own.
#[tokio::test(start_paused = true)]
async fn what_is_retried_by_hand_is_no_success() {
    let log = FakeLog::new(1);
    log.sender().send_all(events(2)).await.unwrap();
    let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        if id(&delivery) == "0" {
            return Err("the database is away".into());
        }
        delivery.retry(Duration::from_secs(1)).await?;
        Ok(())
    };
    ends(receiver.run(handle).until(sleep(50 * MINUTE)).await);
    // By hand, the tenth attempt is the last.
    let letters: Vec<_> = log.dead_letters().iter().map(|letter| letter.reason.to_string()).collect();
    assert_eq!(letters, ["given up after 10 attempts"]);
}

/// Attempts in an outage are not those of the message, also when the handler requests the next one by itself.
#[tokio::test(start_paused = true)]
async fn what_is_retried_by_hand_after_an_outage_is_not_given_up() {
    let log = FakeLog::new(1);
    log.sender().send_all(events(1)).await.unwrap();
    let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
    let (counters, begun, most) = (receiver.counters(), Instant::now(), Cell::new(0));
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        most.set(most.get().max(delivery.attempt()));
        if begun.elapsed() < HOUR / 2 {
            Err("the database is away")?;
        }
        if begun.elapsed() < HOUR / 2 + MINUTE {
            drop(delivery.retry(MINUTE));
        }
        Ok(())
    };
    let run = receiver.run(handle).until(until_settled(counters.clone(), 1));
    timeout(2 * HOUR, run).await.unwrap().unwrap();
    let metrics = counters.snapshot();
    assert!(most.get() > 10);
    assert_eq!((metrics.retried, metrics.accepted, metrics.rejected), (1, 1, 0), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_attempts_is_that_of_retries_by_hand() {
    let log = FakeLog::new(1);
    log.sender().send(&event(1)).await.unwrap();
    let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
    let (calls, counters) = (Cell::new(0), receiver.counters());
    let handle = async |delivery: Delivery| {
        calls.set(calls.get() + 1);
        delivery.retry(Duration::from_secs(1)).await
    };
    receiver.run(handle).attempts(3).until(until_settled(counters, 1)).await.unwrap();
    assert_eq!((calls.get(), log.dead_letters().len()), (3, 1));
}

/// Attempts that the broker counted are no reason to give a message up at its first failure in an outage.
#[tokio::test(start_paused = true)]
async fn what_was_delivered_often_is_not_given_up_in_an_outage() {
    let queue = FakeQueue::new();
    queue.sender().send(&event(1)).await.unwrap();
    let mut patient = options();
    patient.attempts = Some(100);
    let mut before = queue.receiver(patient);
    for _ in 0..20 {
        before.next().await.unwrap().unwrap().retry(Duration::ZERO).await.unwrap();
    }
    before.drain(MINUTE).await.unwrap();
    let mut receiver = queue.receiver(options());
    let delivery = receiver.next().await.unwrap().unwrap();
    assert!(delivery.attempt() > 10, "{}", delivery.attempt());
    drop(delivery);
    receiver.run(async |_: Event| Err::<(), _>("away")).until(sleep(30 * MINUTE)).await.unwrap();
    assert_eq!(queue.rejected(), []);
}

/// A type that had a poisoned message long ago is treated in the next outage as any other.
#[tokio::test(start_paused = true)]
async fn an_outage_long_after_another_one_gives_nothing_up() {
    let log = FakeLog::new(1);
    let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
    let script = async {
        log.sender().send(&event("first")).await.unwrap();
        sleep(24 * HOUR).await;
        assert_eq!(log.dead_letters().len(), 1);
        log.sender().send(&event("second")).await.unwrap();
        sleep(HOUR - MINUTE).await;
    };
    receiver.run(async |_: Event| Err::<(), _>("away")).until(script).await.unwrap();
    assert_eq!(log.dead_letters().len(), 1);
}

/// A type that is quiet but for one poisoned message: an outage soon after it was given up, or just before, is no fault of other messages.
#[tokio::test(start_paused = true)]
async fn an_outage_around_a_poisoned_message_of_a_quiet_type_gives_nothing_else_up() {
    for outage in [50 * MINUTE, 70 * MINUTE] {
        let log = FakeLog::new(1);
        let (receiver, _) = log.receiver(options(), LogOptions::default().with_sink(log.sink())).unwrap();
        let handle = async |event: Event| match event.id() {
            "second" => Err(Failure::unavailable("away")),
            _ => Err(Failure::retry("away")),
        };
        let script = async {
            log.sender().send(&event("first")).await.unwrap();
            sleep(outage).await;
            log.sender().send(&event("second")).await.unwrap();
            log.sender().send(&event("third")).await.unwrap();
            sleep(30 * MINUTE).await;
            assert_eq!(log.dead_letters().len(), 1, "{outage:?}");
        };
        receiver.run(handle).until(script).await.unwrap();
    }
}

/// Half of the messages succeed, slowly; the other half fails at once.
#[tokio::test(start_paused = true)]
async fn fast_failures_beside_slow_successes_are_no_outage() {
    for seconds in [1, 20] {
        let queue = FakeQueue::new();
        queue.sender().send_all(events(2_000)).await.unwrap();
        let receiver = queue.receiver(options());
        let counters = receiver.counters();
        let handle = async |event: Event| -> Result<(), Failure> {
            if event.id().parse::<u32>()? % 2 == 0 {
                Err("a bug")?
            }
            sleep(Duration::from_secs(seconds)).await;
            Ok(())
        };
        let accepted = async {
            while counters.snapshot().accepted < 200 {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let begun = Instant::now();
        receiver.run(handle).concurrency(16).until(accepted).await.unwrap();
        assert_eq!(counters.snapshot().outages, 0, "{seconds}");
        // At least half of the handlers do what takes long.
        assert!(begun.elapsed() < Duration::from_secs(200 / 8 * seconds), "{seconds}: {:?}", begun.elapsed());
    }
}

/// RabbitMQ ends a channel that has held a message for 30 minutes, and delivers it again: an hour is one all the same. What is new has its
/// own.
#[tokio::test(start_paused = true)]
async fn what_comes_again_over_another_connection_keeps_its_time() {
    let queue = FakeQueue::new();
    let behind = keyed("behind it", "a").into_builder().ty("another").build().unwrap();
    queue.sender().send_all([keyed("poison", "a"), behind]).await.unwrap();
    let (receiver, begun) = (queue.receiver(options()), Instant::now());
    let handle = async |event: Event| -> Result<(), Failure> {
        if event.id() == "behind it" { Ok(()) } else { Err("a bug")? }
    };
    let script = async {
        let mut rounds = 0;
        while queue.rejected().is_empty() && rounds < 4 {
            // Soon after the second loss.
            sleep(2 * MINUTE).await;
            if rounds == 2 {
                queue.sender().send(&keyed("new", "b")).await.unwrap();
            }
            sleep(28 * MINUTE).await;
            rounds += 1;
            queue.cut();
        }
        assert_eq!(queue.rejected().len(), 1, "{:?}", begun.elapsed());
        assert_eq!(rounds, 3);
    };
    receiver.run(handle).in_order(OrderBy::attribute("partitionkey")).until(script).await.unwrap();
    assert_eq!(queue.len(), 1);
}

/// Attempts that were counted over one connection count over the next one.
#[tokio::test(start_paused = true)]
async fn what_comes_again_over_many_short_connections_is_given_up() {
    let queue = FakeQueue::new();
    queue.sender().send(&keyed("poison", "a")).await.unwrap();
    let receiver = queue.receiver(options());
    let handle = async |_: Event| -> Result<(), Failure> { Err("a bug")? };
    let script = async {
        for _ in 0..(180 / 8) {
            sleep(8 * MINUTE).await;
            queue.cut();
        }
        let rejected = queue.rejected();
        let [(_, reason)] = rejected.as_slice() else { panic!("{rejected:?}") };
        // The letter tells of all attempts, not only of those over the last connection.
        let attempts: u32 =
            reason.strip_prefix("attempt ").and_then(|rest| rest.split(':').next()?.parse().ok()).unwrap();
        assert!(attempts > 50, "{reason}");
    };
    receiver.run(handle).in_order(OrderBy::attribute("partitionkey")).until(script).await.unwrap();
}

/// Its handler hangs: there is one failure over each connection, and others of the type succeed.
#[tokio::test(start_paused = true)]
async fn what_fails_once_over_each_connection_is_given_up() {
    let queue = FakeQueue::new();
    queue.sender().send(&keyed("poison", "a")).await.unwrap();
    let (receiver, begun) = (queue.receiver(options()), Instant::now());
    let handle = async |event: Event| -> Result<(), Failure> {
        if event.id() == "poison" { std::future::pending().await } else { Ok(()) }
    };
    let script = async {
        for round in 0..(12 * 60) {
            sleep(MINUTE).await;
            if round % 5 == 0 {
                queue.sender().send(&keyed(round, "b")).await.unwrap();
            }
            if round % 30 == 29 {
                queue.cut();
            }
            if !queue.rejected().is_empty() {
                break;
            }
        }
        assert_eq!(queue.rejected().len(), 1);
        assert!(begun.elapsed() < 6 * HOUR, "{:?}", begun.elapsed());
    };
    let run = receiver.run(handle).time_limit(20 * MINUTE).concurrency(8);
    run.in_order(OrderBy::attribute("partitionkey")).until(script).await.unwrap();
}

/// What is no single event has no source and id: the failures of one are not those of another.
#[tokio::test(start_paused = true)]
async fn batches_that_come_again_are_not_taken_for_one_another() {
    let queue = FakeQueue::new();
    let batch = |id: &str| {
        let events = [keyed(format!("{id} 1"), id), keyed(format!("{id} 2"), id)];
        Message::batched(&events, &Json::new()).unwrap().0
    };
    queue.sender().send(batch("first")).await.unwrap();
    let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
    let receiver = queue.receiver(with);
    let calls = Mutex::new(BTreeMap::<String, usize>::new());
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        let id = delivery.events()?.first().unwrap().id().to_owned();
        let call = { *calls.lock().unwrap().entry(id.clone()).and_modify(|calls| *calls += 1).or_insert(1) };
        match (id.as_str(), call) {
            ("first 1", 1 | 2) | ("second 1", 1) => Err("not now")?,
            _ => Ok(delivery.accept().await?),
        }
    };
    let script = async {
        // Lost between its second failure and its third attempt, which succeeds.
        sleep(Duration::from_millis(1500)).await;
        assert_eq!(calls.lock().unwrap()["first 1"], 2);
        queue.cut();
        sleep(MINUTE).await;
        assert_eq!(queue.len(), 0);
        queue.sender().send(batch("second")).await.unwrap();
        sleep(MINUTE).await;
        assert_eq!((queue.rejected(), queue.len()), (vec![], 0));
    };
    receiver.run(handle).attempts(3).until(script).await.unwrap();
}

/// Messages that are no events are known by all that comes with them.
#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_not_taken_for_another_one_with_the_same_bytes() {
    let queue = FakeQueue::new();
    for key in ["healthy", "failing"] {
        let mut raw = Raw::default();
        raw.body = Some("ON".into());
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
        queue.sender().send(Outgoing::as_received(received).key(key)).await.unwrap();
    }
    let receiver = queue.receiver(options());
    let calls = Mutex::new(BTreeMap::<Vec<u8>, usize>::new());
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        let key = delivery.key().unwrap().into_owned();
        let call = { *calls.lock().unwrap().entry(key.clone()).and_modify(|calls| *calls += 1).or_insert(1) };
        match (key.as_slice(), call) {
            (b"healthy", 1) => std::future::pending().await,
            (b"failing", 1 | 2) | (b"healthy", 2) => Err("not now")?,
            _ => Ok(delivery.accept().await?),
        }
    };
    let script = async {
        // Lost between its second failure and its third attempt.
        sleep(Duration::from_millis(1500)).await;
        assert_eq!(calls.lock().unwrap()[&b"failing".to_vec()], 2);
        queue.cut();
        sleep(MINUTE).await;
        assert_eq!((queue.rejected(), queue.len()), (vec![], 0));
    };
    receiver.run(handle).attempts(3).until(script).await.unwrap();
}

/// A failure that a handler calls unavailable counts no attempt, over another connection either.
#[tokio::test(start_paused = true)]
async fn unavailable_counts_no_attempt_over_another_connection() {
    let queue = FakeQueue::new();
    queue.sender().send(&event(1)).await.unwrap();
    let (receiver, most, calls) = (queue.receiver(options()), Cell::new(0), Cell::new(0));
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        most.set(most.get().max(delivery.attempt()));
        calls.set(calls.get() + 1);
        Err(Failure::unavailable("the database is away"))
    };
    let script = async {
        for _ in 0..3 {
            sleep(5 * MINUTE).await;
            queue.cut();
        }
    };
    receiver.run(handle).until(script).await.unwrap();
    assert!(calls.get() > 10, "{}", calls.get());
    assert_eq!(most.get(), 1);
}
