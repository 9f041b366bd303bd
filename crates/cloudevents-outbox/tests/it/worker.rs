//! What workers do, with virtual time.

use crate::tools::{Arrived, MINUTE, SECOND, at, event, sender, tokio_clock};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{
    Attempt, Claim, Claimed, Counts, Entry, Health, NewMessage, Outbox, OutboxOptions, Query, Record,
    Retention, RetrySchedule, Settled, Settlement, State, Store, Target, Ticket, rusqlite041::SqliteStore,
};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{Outgoing, Receipt, Sender};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};
use tracing::Level;

pub(crate) fn outbox() -> Outbox<SqliteStore> {
    Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(tokio_clock())
}

pub(crate) fn options() -> OutboxOptions {
    let mut options = OutboxOptions::default();
    options.clock = tokio_clock();
    // The store is looked at seldom: hours pass in these tests.
    options.poll = 2 * SECOND;
    options.retry = RetrySchedule::exponential(SECOND, MINUTE).with_jitter(0);
    options
}

/// For tests of many hours: the store is looked at each ten seconds, in place of every two seconds.
pub(crate) fn for_hours() -> OutboxOptions {
    let mut options = options();
    options.poll = 10 * SECOND;
    options
}

pub(crate) fn to<const N: usize>(senders: [(&str, Sender); N]) -> HashMap<String, Sender> {
    senders.into_iter().map(|(target, sender)| (target.to_owned(), sender)).collect()
}

pub(crate) async fn enqueue(outbox: &Outbox<impl Store>, target: &str, ids: std::ops::Range<usize>) {
    outbox.enqueue_all(ids.map(|id| Entry::new(target, event(id)))).await.unwrap();
}

/// Waits until the store has no pending messages, or this time.
pub(crate) async fn done(outbox: &Outbox<impl Store>) {
    let waiting = async {
        let mut pause = Duration::from_millis(50);
        while outbox.counts().await.unwrap().pending > 0 {
            sleep(pause).await;
            pause = pause.mul_f64(1.1).min(10 * SECOND);
        }
    };
    tokio::time::timeout(30 * 24 * 60 * MINUTE, waiting).await.expect("messages are still pending");
}

async fn statuses(outbox: &Outbox<impl Store>, number: u64) -> Vec<String> {
    outbox.attempts(number).await.unwrap().iter().map(|attempt| attempt.status.to_string()).collect()
}

/// A peer that fails so many times with this error, then takes everything.
pub(crate) fn fails_first(times: usize, error: Error, arrived: &Arrived) -> Sender {
    let (arrived, left) = (arrived.clone(), AtomicUsize::new(times));
    sender(move |outgoing| {
        let fails =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        let result = if fails { Err(error.clone()) } else { Ok(Receipt::new()) };
        if result.is_ok() {
            arrived.note(&outgoing);
        }
        async move { result }
    })
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_with_growing_waits() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let number = outbox.enqueue(Entry::new("a", event(1))).await.unwrap();
    let failure = Error::new(ErrorKind::Refused).with_temporary(true).with_detail("a sick peer");
    let peer = fails_first(4, failure, &arrived);
    outbox.run(to([("a", peer)]), options()).until(done(&outbox)).await.unwrap();
    let waited = arrived.times()[0].1 - begin;
    assert!(waited >= 15 * SECOND && waited < 17 * SECOND, "{waited:?}"); // 1 + 2 + 4 + 8
    assert_eq!(statuses(&outbox, number).await, ["refused", "refused", "refused", "refused", "delivered"]);
    let attempts = outbox.attempts(number).await.unwrap();
    assert_eq!(&*attempts[0].detail, "the peer refused this: a sick peer [refused]");
    assert_eq!((outbox.metrics().retried, outbox.metrics().delivered), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_dead_letter_with_its_reason() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "a", 0..2).await;
    let said = format!("a\n\u{1b}[2J\0\u{9b}\u{202e}{}", "x".repeat(5000));
    let peer = fails_first(1, Error::new(ErrorKind::TooLarge).with_detail(said), &arrived);
    outbox.run(to([("a", peer)]), options()).until(done(&outbox)).await.unwrap();
    let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
    assert_eq!((dead.len(), dead[0].attempts), (1, 1));
    let reason = dead[0].reason.as_deref().unwrap();
    // In one line, and without what acts on a terminal.
    assert!(reason.contains(r": a\n\u{1b}[2J\u{0}\u{9b}\u{202e}xxx") && reason.len() == 1024, "{reason}");
    assert_eq!(outbox.attempts(dead[0].number).await.unwrap()[0].detail.len(), 1024);
    assert_eq!((arrived.len(), outbox.metrics().dead), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_makes_a_dead_letter() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    let number = outbox.enqueue(Entry::new("a", event(1))).await.unwrap();
    let mut options = options();
    (options.poll, options.retry) = (SECOND / 4, options.retry.with_attempts(3));
    let failure = Error::new(ErrorKind::Refused).with_temporary(true);
    let peer = fails_first(usize::MAX, failure.clone(), &arrived);
    outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
    let dead = outbox.find(Query::default()).await.unwrap().remove(0);
    assert_eq!((dead.state, dead.attempts), (State::Dead, 3));
    assert!(dead.reason.unwrap().starts_with("given up after 3 attempts in 3 s: the peer refused this"));
    assert_eq!(statuses(&outbox, number).await, ["refused"; 3]);
    // A replay gives it three more.
    assert_eq!(outbox.replay(Query::default().with_number(number)).await.unwrap(), 1);
    let peer = fails_first(2, failure, &arrived);
    outbox.run(to([("a", peer)]), self::options()).until(done(&outbox)).await.unwrap();
    assert_eq!(arrived.ids(), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn no_message_is_dead_while_its_target_is_unavailable() {
    const AWAY: Duration = Duration::from_secs(2 * 3600);
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let tries = Arc::new(AtomicUsize::new(0));
    let peer = {
        let (arrived, tries) = (arrived.clone(), Arc::clone(&tries));
        sender(move |outgoing| {
            tries.fetch_add(1, Ordering::Relaxed);
            let is_away = begin.elapsed() < AWAY;
            if !is_away {
                arrived.note(&outgoing);
            }
            async move { if is_away { Err(Error::new(ErrorKind::Unreachable)) } else { Ok(Receipt::new()) } }
        })
    };
    let others = Arrived::default();
    enqueue(&outbox, "away", 0..200).await;
    enqueue(&outbox, "there", 200..300).await;
    let mut options = options();
    options.retry = options.retry.with_attempts(3);
    let route = to([("away", peer), ("there", others.sender())]);
    let looking = async {
        others.until(100).await;
        assert!(begin.elapsed() < SECOND, "the other target waited {:?}", begin.elapsed());
        sleep(MINUTE * 60).await;
        let targets = outbox.targets("").await.unwrap();
        assert_eq!((targets.len(), &*targets[0].name), (1, "away"));
        assert!(targets[0].health.is_outage() && targets[0].health.reason.contains("unreachable"));
        done(&outbox).await;
    };
    outbox.run(route, options).until(looking).await.unwrap();
    assert_eq!(outbox.counts().await.unwrap().dead, 0);
    assert_eq!(arrived.ids().into_iter().collect::<BTreeSet<_>>().len(), 200);
    assert_eq!(arrived.len(), 200);
    // A burst, then a few: one at a time with pauses of up to five minutes.
    let tries = tries.load(Ordering::Relaxed) - 200;
    assert!((20..100).contains(&tries), "{tries} tries in vain");
    assert!(arrived.times()[0].1 - begin < AWAY + 6 * MINUTE);
    assert!(outbox.targets("").await.unwrap().is_empty());
    assert!((20..80).contains(&outbox.metrics().pauses), "{}", outbox.metrics());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_an_outage_for_a_message() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "away", 0..5).await;
    let mut options = options();
    options.retry = options.retry.with_deadline(60 * MINUTE);
    let peer = fails_first(usize::MAX, Error::new(ErrorKind::Unreachable), &arrived);
    let begin = Instant::now();
    outbox.run(to([("away", peer)]), options).until(done(&outbox)).await.unwrap();
    assert_eq!(outbox.counts().await.unwrap().dead, 5);
    assert!(begin.elapsed() > 50 * MINUTE && begin.elapsed() < 120 * MINUTE, "{:?}", begin.elapsed());
    let dead = outbox.find(Query::default()).await.unwrap();
    assert!(dead.iter().all(|dead| dead.reason.as_deref().unwrap().starts_with("given up after ")));
}

#[tokio::test(start_paused = true)]
async fn a_target_is_not_tried_before_the_time_it_requested() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    enqueue(&outbox, "a", 0..1).await;
    let busy = Error::new(ErrorKind::Refused).with_retry_after(100 * SECOND);
    let looking = async {
        sleep(10 * SECOND).await;
        enqueue(&outbox, "a", 1..2).await; // the request concerns this one, too
        done(&outbox).await;
    };
    let peer = fails_first(1, busy, &arrived);
    outbox.run(to([("a", peer)]), options()).until(looking).await.unwrap();
    let times: Vec<_> = arrived.times().iter().map(|(_, time)| *time - begin).collect();
    assert!(times.iter().all(|time| *time >= 100 * SECOND && *time < 102 * SECOND), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_wait_beyond_the_deadline_makes_a_dead_letter() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    enqueue(&outbox, "a", 0..1).await;
    let busy = Error::new(ErrorKind::Refused).with_retry_after(100 * SECOND);
    let mut options = options();
    options.retry = options.retry.with_deadline(50 * SECOND);
    let looking = async {
        done(&outbox).await;
        assert_eq!(outbox.counts().await.unwrap().dead, 1);
        sleep(60 * SECOND).await;
        enqueue(&outbox, "a", 1..2).await;
        arrived.until(1).await;
    };
    let peer = fails_first(1, busy, &arrived);
    outbox.run(to([("a", peer)]), options).until(looking).await.unwrap();
    assert!(arrived.times()[0].1 - begin >= 100 * SECOND, "the target did not pause");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_or_panics_is_a_failure() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    let number = outbox.enqueue(Entry::new("a", event(1))).await.unwrap();
    let times = AtomicUsize::new(0);
    let route = {
        let arrived = arrived.clone();
        move |_: Arc<str>| {
            let time = times.fetch_add(1, Ordering::Relaxed);
            let arrived = arrived.clone();
            async move {
                match time {
                    0 => Ok(sender(|_| std::future::pending())),
                    1 => panic!("on purpose"),
                    2 => std::future::pending().await,
                    _ => Ok(arrived.sender()),
                }
            }
        }
    };
    outbox.run(route, options()).until(done(&outbox)).await.unwrap();
    assert_eq!(statuses(&outbox, number).await, ["timeout", "transport", "timeout", "delivered"]);
    let attempts = outbox.attempts(number).await.unwrap();
    assert_eq!(attempts[0].latency, 45 * SECOND);
    assert!(attempts[1].detail.contains("the sender panicked"));
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_dead_without_an_attempt() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    let outgoing = Outgoing::from(event(1)).expires_after(10 * SECOND);
    let number = outbox.enqueue(Entry::new("a", outgoing).not_before(at(11))).await.unwrap();
    outbox.run(to([("a", arrived.sender())]), options()).until(done(&outbox)).await.unwrap();
    let dead = outbox.find(Query::default().with_number(number)).await.unwrap().remove(0);
    assert_eq!(dead.reason.as_deref(), Some("it expired before it could be delivered"));
    assert!(outbox.attempts(number).await.unwrap().is_empty() && arrived.len() == 0);
}

/// A message for next week has its deadline then.
#[tokio::test(start_paused = true)]
async fn what_is_due_after_its_deadline_is_tried_again_when_it_fails() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    outbox.enqueue(Entry::new("a", event(1)).not_before(at(120))).await.unwrap();
    let mut options = options();
    options.retry = options.retry.with_deadline(MINUTE);
    let peer = fails_first(1, Error::new(ErrorKind::Timeout), &arrived);
    outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
    assert_eq!((arrived.ids(), outbox.metrics().dead), (vec!["1".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_no_message_is_a_dead_letter() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    let mut messages = Vec::new();
    for (id, body) in
        [r#"{"v":0}"#, "", r#"{"v":1}"#, r#"{"v":1,"document":["json",false,"%"]}"#].iter().enumerate()
    {
        let mut message = Entry::new("a", event(id)).in_order().encode(at(0)).unwrap();
        message.body = (*body).to_owned();
        messages.push(message);
    }
    messages.push(Entry::new("a", event("good")).in_order().encode(at(0)).unwrap());
    outbox.store().enqueue(messages).await.unwrap();
    outbox.run(to([("a", arrived.sender())]), options()).until(done(&outbox)).await.unwrap();
    let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
    assert_eq!((dead.len(), arrived.ids()), (4, vec!["good".to_owned()]));
    assert!(dead[0].reason.as_deref().unwrap().contains("version 0"), "{:?}", dead[0].reason);
}

/// A newer worker has written it, or a newer program, while this one still runs.
#[tokio::test(start_paused = true)]
async fn a_text_of_a_later_release_is_left_to_a_worker_that_reads_it() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    let later = |in_order: bool| {
        let entry = Entry::new(if in_order { "in order" } else { "apart" }, event("later"));
        let mut message = if in_order { entry.in_order() } else { entry }.encode(at(0)).unwrap();
        message.body = message.body.replacen("\"v\":1", "\"v\":2,\"event\":7,\"new\":[]", 1);
        message
    };
    let numbers = outbox.store().enqueue([false, true].map(later).to_vec()).await.unwrap();
    outbox.enqueue(Entry::new("in order", event("behind")).in_order()).await.unwrap();
    enqueue(&outbox, "apart", 0..1).await;
    let mut options = options();
    options.retry = options.retry.with_attempts(2).with_deadline(60 * MINUTE);
    let route = || to([("apart", arrived.sender()), ("in order", arrived.sender())]);
    let looking = async {
        sleep(10 * MINUTE).await;
        let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
        assert!(dead.is_empty(), "{dead:?}");
        assert_eq!(arrived.ids(), ["0"]);
        for number in numbers {
            assert!(outbox.attempts(number).await.unwrap().is_empty());
        }
    };
    outbox.run(route(), options.clone()).until(looking).await.unwrap();
    // Where no such worker comes, the deadline is the end.
    outbox.run(route(), options).until(done(&outbox)).await.unwrap();
    let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
    let reasons: Vec<_> = dead.iter().filter_map(|record| record.reason.as_deref()).collect();
    assert!(reasons.len() == 2 && reasons.iter().all(|reason| reason.contains("version 2")), "{reasons:?}");
    assert_eq!(arrived.ids(), ["0", "behind"]);
}

/// A program that is stopped by force again and again, before its target has responded.
#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_uses_up_no_attempts() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "a", 0..1).await;
    let mut options = options();
    options.retry = options.retry.with_attempts(3);
    for _ in 0..5 {
        let hangs = sender(|_: Outgoing| std::future::pending());
        tokio::select! {
            ended = outbox.run(to([("a", hangs)]), options.clone()) => panic!("{ended:?}"),
            () = sleep(SECOND) => {}
        }
        sleep(options.lease).await;
    }
    let peer = fails_first(2, Error::new(ErrorKind::Refused).with_temporary(true), &arrived);
    outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
    assert_eq!(arrived.ids(), ["0"]);
}

/// It does not wait for the next look between the groups of messages that it claims.
#[tokio::test(start_paused = true)]
async fn messages_in_order_go_as_fast_as_their_target_answers() {
    for apart in [0, 50] {
        let (outbox, arrived) = (outbox(), Arrived::default());
        let in_order = (0..1000).map(|id| Entry::new("a", event(id)).in_order());
        let apart = (1000..1000 + apart).map(|id| Entry::new("a", event(id)));
        let entries: Vec<_> = in_order.chain(apart).collect();
        let number = entries.len();
        outbox.enqueue_all(entries).await.unwrap();
        let begin = Instant::now();
        outbox.run(to([("a", arrived.sender())]), options()).until(arrived.until(number)).await.unwrap();
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_without_a_sender_pauses() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "unknown", 0..10).await;
    enqueue(&outbox, "known", 10..20).await;
    let old = outbox.run(to([("known", arrived.sender())]), options());
    old.until(sleep(10 * MINUTE)).await.unwrap();
    let counts = outbox.counts().await.unwrap();
    assert_eq!((counts.pending, counts.delivered, counts.dead), (10, 10, 0));
    let targets = outbox.targets("").await.unwrap();
    assert!(targets[0].health.reason.contains("no sender for the target unknown"));
    outbox.resume("unknown").await.unwrap();
    outbox.run(to([("unknown", arrived.sender())]), options()).until(done(&outbox)).await.unwrap();
    assert_eq!(arrived.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_target_waits_until_it_is_resumed() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    outbox.disable("a", "the customer left").await.unwrap();
    enqueue(&outbox, "a", 0..3).await;
    let looking = async {
        sleep(60 * MINUTE).await;
        assert_eq!(arrived.len(), 0);
        outbox.resume("a").await.unwrap();
        let resumed = Instant::now();
        arrived.until(3).await;
        assert!(resumed.elapsed() < SECOND);
    };
    outbox.run(to([("a", arrived.sender())]), options()).until(looking).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_enqueued_here_is_sent_at_once_and_elsewhere_after_a_poll() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    let mut options = options();
    options.poll = 100 * SECOND;
    let looking = async {
        sleep(10 * SECOND).await;
        let begin = Instant::now();
        enqueue(&outbox, "a", 0..1).await;
        arrived.until(1).await;
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
        let elsewhere = Entry::new("a", event(2)).encode(at(10)).unwrap();
        outbox.store().enqueue(vec![elsewhere]).await.unwrap();
        arrived.until(2).await;
        assert!(begin.elapsed() > 50 * SECOND && begin.elapsed() < 110 * SECOND, "{:?}", begin.elapsed());
    };
    outbox.run(to([("a", arrived.sender())]), options).until(looking).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_held_at_once_is_bounded() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    for target in ["a", "b", "c"] {
        enqueue(&outbox, target, 0..100).await;
    }
    let now = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let peer = {
        let (arrived, now) = (arrived.clone(), Arc::clone(&now));
        sender(move |outgoing| {
            let (arrived, now) = (arrived.clone(), Arc::clone(&now));
            async move {
                let running = now.0.fetch_add(1, Ordering::Relaxed) + 1;
                now.1.fetch_max(running, Ordering::Relaxed);
                sleep(SECOND).await;
                now.0.fetch_sub(1, Ordering::Relaxed);
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    let mut options = options();
    options.in_flight.messages = 8;
    options.per_target = 2;
    let route = to([("a", peer.clone()), ("b", peer.clone()), ("c", peer)]);
    let begin = Instant::now();
    outbox.run(route, options).until(arrived.until(300)).await.unwrap();
    assert_eq!(now.1.load(Ordering::Relaxed), 6);
    // 300 messages, six at a time, a second each, without pauses in between.
    assert!(begin.elapsed() < 51 * SECOND, "{:?}", begin.elapsed());
    assert_eq!(arrived.len(), 300);
}

#[tokio::test(start_paused = true)]
async fn leases_last_as_long_as_attempts() {
    let store = SqliteStore::in_memory().unwrap();
    let (one, two) = (Outbox::new(store.clone()).with_clock(tokio_clock()), Outbox::new(store));
    let arrived = Arrived::default();
    enqueue(&one, "a", 0..1).await;
    let slow = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let arrived = arrived.clone();
            async move {
                arrived.note(&outgoing);
                sleep(10 * MINUTE).await;
                Ok(Receipt::new())
            }
        })
    };
    let mut options = options();
    options.attempt_timeout = 60 * MINUTE;
    let first = one.run(to([("a", slow.clone())]), options.clone()).until(done(&one));
    let second = two.run(to([("a", slow)]), options).until(done(&two));
    let (first, second) = tokio::join!(first, second);
    first.and(second).unwrap();
    assert_eq!(arrived.len(), 1);
    assert_eq!((one.metrics().lost_leases, two.metrics().lost_leases), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_attempts_and_returns_the_rest() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    outbox.enqueue_all((0..10).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let slow = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let arrived = arrived.clone();
            async move {
                sleep(5 * SECOND).await;
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    let begin = Instant::now();
    outbox.run(to([("a", slow)]), options()).until(sleep(SECOND)).await.unwrap();
    assert_eq!((begin.elapsed().as_secs(), arrived.len()), (5, 1));
    let counts = outbox.counts().await.unwrap();
    assert_eq!((counts.pending, counts.delivered), (9, 1));
    // No lease is left, and no attempt was counted for what was returned.
    let pending = outbox.find(Query::default().with_state(State::Pending)).await.unwrap();
    assert!(pending.iter().all(|record| record.attempts == 0 && record.due <= at(5)), "{pending:?}");
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_are_no_overflow() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "a", 0..1).await;
    let mut options = options();
    (options.drain, options.poll) = (Duration::MAX, Duration::MAX);
    let slow = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            arrived.note(&outgoing);
            async {
                sleep(20 * SECOND).await;
                Ok(Receipt::new())
            }
        })
    };
    outbox.run(to([("a", slow)]), options).until(sleep(SECOND)).await.unwrap();
    assert_eq!((arrived.len(), outbox.counts().await.unwrap().delivered), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn draining_ends_at_the_deadline() {
    let (outbox, begin) = (outbox(), Instant::now());
    enqueue(&outbox, "a", 0..1).await;
    let mut options = options();
    (options.drain, options.attempt_timeout) = (7 * SECOND, 60 * MINUTE);
    let hangs = sender(|_| std::future::pending());
    let ended = outbox.run(to([("a", hangs)]), options).until(sleep(SECOND)).await.unwrap_err();
    assert_eq!((ended.kind(), begin.elapsed().as_secs()), (ErrorKind::Timeout, 8));
    assert!(ended.detail().contains("1 messages were not settled within 7s"), "{ended}");
    // The lease ends, and another worker has the message.
    let arrived = Arrived::default();
    outbox.run(to([("a", arrived.sender())]), self::options()).until(done(&outbox)).await.unwrap();
    assert!(arrived.times()[0].1 - begin >= 59 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_a_while_loses_nothing_and_sends_nothing_twice() {
    let inner = SqliteStore::in_memory().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let error = Error::new(ErrorKind::Disconnected);
    let flaky = Flaky { inner, broken: Arc::clone(&broken), error, takes: Duration::ZERO };
    let outbox = Outbox::new(flaky).with_clock(tokio_clock());
    let arrived = Arrived::default();
    enqueue(&outbox, "a", 0..4).await;
    let peer = {
        let (arrived, broken) = (arrived.clone(), Arc::clone(&broken));
        sender(move |outgoing| {
            broken.store(true, Ordering::Relaxed); // while they are under way
            arrived.note(&outgoing);
            async { Ok(Receipt::new()) }
        })
    };
    let looking = async {
        arrived.until(4).await;
        sleep(30 * SECOND).await;
        broken.store(false, Ordering::Relaxed);
        done(&outbox).await;
    };
    outbox.run(to([("a", peer)]), options()).until(looking).await.unwrap();
    assert_eq!((arrived.len(), outbox.metrics().delivered), (4, 4));
    assert_eq!(outbox.counts().await.unwrap().delivered, 4);
}

/// A server says nothing, and each call takes as long as its driver waits.
#[tokio::test(start_paused = true)]
async fn draining_ends_though_the_store_does_not_answer() {
    let (broken, arrived) = (Arc::new(AtomicBool::new(false)), Arrived::default());
    let (inner, error) = (SqliteStore::in_memory().unwrap(), Error::new(ErrorKind::Timeout));
    let flaky = Flaky { inner, broken: Arc::clone(&broken), error, takes: 30 * SECOND };
    let outbox = Outbox::new(flaky).with_clock(tokio_clock());
    enqueue(&outbox, "a", 0..4).await;
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            broken.store(true, Ordering::Relaxed); // while they are under way
            arrived.note(&outgoing);
            async { Ok(Receipt::new()) }
        })
    };
    let begin = Instant::now();
    let run = outbox.run(to([("a", peer)]), options()).until(arrived.until(4));
    let ended = tokio::time::timeout(10 * MINUTE, run).await.unwrap().unwrap_err();
    // The deadline, and the calls that have begun before it.
    assert!(begin.elapsed() <= 61 * SECOND, "{:?}", begin.elapsed());
    assert!(ended.detail().contains("4 messages were not settled within 30s"), "{ended}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_ready_while_it_reaches_its_store() {
    let (inner, arrived) = (SqliteStore::in_memory().unwrap(), Arrived::default());
    let broken = Arc::new(AtomicBool::new(false));
    let error = Error::new(ErrorKind::Refused).with_temporary(true);
    let outbox = Outbox::new(Flaky { inner, broken: Arc::clone(&broken), error, takes: Duration::ZERO });
    let breaking = async {
        sleep(SECOND).await;
        assert!(outbox.is_ready());
        broken.store(true, Ordering::Relaxed);
        sleep(MINUTE).await;
        assert!(!outbox.is_ready());
        broken.store(false, Ordering::Relaxed);
        enqueue(&outbox, "a", 0..1).await;
        arrived.until(1).await;
        assert!(outbox.is_ready());
        broken.store(true, Ordering::Relaxed);
        sleep(MINUTE).await;
        assert!(!outbox.is_ready());
    };
    drop(outbox.run(to([("a", arrived.sender())]), options()).until(breaking).await);
    assert!(outbox.is_ready(), "no worker is left");
}

/// The log has the begin of an outage, and its end once.
#[tokio::test(start_paused = true)]
async fn the_end_of_an_outage_of_the_store_is_said() {
    let logged = Logged::begin();
    let (inner, arrived) = (SqliteStore::in_memory().unwrap(), Arrived::default());
    let broken = Arc::new(AtomicBool::new(true));
    let error = Error::new(ErrorKind::Refused).with_temporary(true);
    let flaky = Flaky { inner, broken: Arc::clone(&broken), error, takes: Duration::ZERO };
    let outbox = Outbox::new(flaky).with_clock(tokio_clock());
    let lines = |words: &str| {
        let lines = logged.lines(Level::INFO).into_iter();
        lines
            .filter(|line| line.text.contains(words) && line.text.contains("messages are not claimed"))
            .count()
    };
    let outages = async {
        for times in 1..=2 {
            sleep(10 * SECOND).await;
            assert!(
                lines("failures=1") >= times && lines("it works again") == times - 1,
                "{}",
                logged.text()
            );
            broken.store(false, Ordering::Relaxed);
            enqueue(&outbox, "a", 0..1).await;
            arrived.until(times).await;
            assert_eq!(lines("it works again"), times);
            broken.store(true, Ordering::Relaxed);
        }
    };
    drop(outbox.run(to([("a", arrived.sender())]), options()).until(outages).await);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_good_ends_the_worker() {
    let inner = SqliteStore::in_memory().unwrap();
    let broken = Arc::new(AtomicBool::new(true));
    let error = Error::new(ErrorKind::Transport).with_detail("no such table");
    let outbox = Outbox::new(Flaky { inner, broken, error, takes: Duration::ZERO });
    let ended = outbox.run(to([]), options()).await.unwrap_err();
    assert_eq!(ended.detail(), "no such table");
}

/// A peer that may refuse messages in a way that says nothing about whose fault it is: for a wrong token, for example.
pub(crate) fn refuses(
    refuses: impl Fn(&str) -> bool + Send + Sync + 'static,
    arrived: &Arrived,
    tries: &Arc<AtomicUsize>,
) -> Sender {
    let (arrived, tries) = (arrived.clone(), Arc::clone(tries));
    sender(move |outgoing| {
        tries.fetch_add(1, Ordering::Relaxed);
        let is_refused = refuses(&crate::tools::id(&outgoing));
        if !is_refused {
            arrived.note(&outgoing);
        }
        async move { if is_refused { Err(Error::new(ErrorKind::Refused)) } else { Ok(Receipt::new()) } }
    })
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_not_about_the_message_makes_no_dead_letters() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    enqueue(&outbox, "a", 0..500).await;
    outbox.enqueue_all((500..1000).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    let peer = refuses(move |_| begin.elapsed() < 60 * MINUTE, &arrived, &tries);
    let later = async {
        sleep(59 * MINUTE).await;
        let counts = outbox.counts().await.unwrap();
        assert_eq!((counts.pending, counts.dead), (1000, 0));
        let tries = tries.load(Ordering::Relaxed);
        // At the end of a pause one message, or up to 32 in order.
        assert!(tries < 500, "{tries} tries");
        done(&outbox).await;
    };
    outbox.run(to([("a", peer)]), options()).until(later).await.unwrap();
    assert_eq!((arrived.len(), outbox.metrics().dead), (1000, 0));
    assert!(begin.elapsed() < 70 * MINUTE, "{:?}", begin.elapsed());
    let in_order = arrived.ids().into_iter().map(|id| id.parse::<u32>().unwrap()).filter(|id| *id >= 500);
    assert!(in_order.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_while_others_pass_is_a_dead_letter() {
    for in_order in [false, true] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let entry = |id: usize| Entry::new("a", event(id));
        let entries = (0..20).map(|id| if in_order { entry(id).in_order() } else { entry(id) });
        outbox.enqueue_all(entries).await.unwrap();
        let tries = Arc::new(AtomicUsize::new(0));
        let peer = refuses(|id| id == "0" || id == "7", &arrived, &tries);
        outbox.run(to([("a", peer)]), options()).until(done(&outbox)).await.unwrap();
        let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
        let ids: Vec<_> = dead.iter().map(|dead| dead.id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["0", "7"]);
        let reason = dead[0].reason.as_deref().unwrap();
        assert!(
            reason.starts_with("refused while other messages are accepted: the peer refused this"),
            "{reason}"
        );
        assert_eq!(outbox.metrics().dead, 2);
        assert!(
            begin.elapsed() < MINUTE && tries.load(Ordering::Relaxed) <= 22,
            "{:?} {tries:?}",
            begin.elapsed()
        );
        assert!(!in_order || arrived.ids().iter().map(|id| id.parse::<u32>().unwrap()).is_sorted());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_that_a_target_requests_does_not_replace_the_pauses_of_an_outage() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "a", 0..20).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let busy = sender(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err(Error::new(ErrorKind::Refused).with_retry_after(SECOND)) }
    });
    outbox.run(to([("a", busy)]), options()).until(sleep(60 * MINUTE)).await.unwrap();
    let tries = tries.load(Ordering::Relaxed);
    assert!(tries < 50, "{tries} tries in an hour");
    drop(arrived);
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_paused_target_reach_their_deadline() {
    for disabled in [false, true] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let mut options = options();
        options.retry = options.retry.with_deadline(60 * MINUTE);
        options.retention = None;
        if disabled {
            outbox.disable("a", "by hand").await.unwrap();
        }
        let busy = Error::new(ErrorKind::Refused).with_retry_after(20 * 60 * MINUTE);
        enqueue(&outbox, "a", 0..5).await;
        let expiring = Outgoing::from(event(5)).expires_after(10 * MINUTE);
        outbox.enqueue(Entry::new("a", expiring)).await.unwrap();
        enqueue(&outbox, "other", 6..7).await;
        let looking = async {
            sleep(12 * MINUTE).await;
            let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
            let expired = dead.iter().find(|dead| dead.id.as_deref() == Some("5")).unwrap();
            assert_eq!(expired.reason.as_deref(), Some("it expired before it could be delivered"));
            enqueue(&outbox, "a", 7..8).await; // young
            sleep(50 * MINUTE).await;
            assert_eq!(outbox.counts().await.unwrap().pending, 1);
        };
        let peer = fails_first(usize::MAX, busy, &arrived);
        outbox.run(to([("a", peer), ("other", arrived.sender())]), options).until(looking).await.unwrap();
        assert!(begin.elapsed() < 70 * MINUTE, "{:?}", begin.elapsed());
        let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
        assert_eq!(dead.len(), 6);
        let late = dead.iter().filter(|dead| {
            dead.reason.as_deref().unwrap().contains("while its target was paused or disabled")
        });
        assert_eq!(late.count(), if disabled { 5 } else { 1 }, "{dead:?}");
        assert_eq!(outbox.metrics().dead, 6);
    }
}

/// The first worker cannot reach the store while the second one takes over.
#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_its_lease_has_ended() {
    let store = SqliteStore::in_memory().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let away = Flaky {
        inner: store.clone(),
        broken: Arc::clone(&broken),
        error: Error::new(ErrorKind::Disconnected),
        takes: Duration::ZERO,
    };
    let (one, two) =
        (Outbox::new(away).with_clock(tokio_clock()), Outbox::new(store).with_clock(tokio_clock()));
    two.enqueue_all((1..=4).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let noting = |name: &'static str, takes: Duration| {
        let log = Arc::clone(&log);
        sender(move |outgoing| {
            log.lock().unwrap().push(format!("{name}{}", crate::tools::id(&outgoing)));
            async move {
                sleep(takes).await;
                Ok(Receipt::new())
            }
        })
    };
    let mut options = options();
    options.attempt_timeout = 10 * MINUTE;
    options.clock = tokio_clock();
    let first = {
        let (one, options, peer) = (one.clone(), options.clone(), noting("A", 5 * MINUTE));
        tokio::spawn(async move { one.run(to([("a", peer)]), options).until(sleep(20 * MINUTE)).await })
    };
    sleep(SECOND).await;
    broken.store(true, Ordering::Relaxed);
    two.run(to([("a", noting("B", SECOND))]), options).until(sleep(4 * MINUTE)).await.unwrap();
    sleep(3 * MINUTE).await;
    broken.store(false, Ordering::Relaxed);
    first.await.unwrap().unwrap();
    assert_eq!(*log.lock().unwrap(), ["A1", "B1", "B2", "B3", "B4"]);
}

/// A store that fails while it is broken, after some time.
struct Flaky {
    inner: SqliteStore,
    broken: Arc<AtomicBool>,
    error: Error,
    takes: Duration,
}

impl Flaky {
    async fn store(&self) -> Result<&SqliteStore, Error> {
        if !self.broken.load(Ordering::Relaxed) {
            return Ok(&self.inner);
        }
        sleep(self.takes).await;
        Err(self.error.clone())
    }
}

impl Store for Flaky {
    async fn enqueue(&self, messages: Vec<NewMessage>) -> Result<Vec<u64>, Error> {
        self.store().await?.enqueue(messages).await
    }
    async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        self.store().await?.claim(claim).await
    }
    async fn renew(&self, tickets: Vec<Ticket>, until: SystemTime) -> Result<Vec<Ticket>, Error> {
        self.store().await?.renew(tickets, until).await
    }
    async fn settle(&self, settlements: Vec<Settlement>, now: SystemTime) -> Result<Settled, Error> {
        self.store().await?.settle(settlements, now).await
    }
    async fn find(&self, query: Query) -> Result<Vec<Record>, Error> {
        self.inner.find(query).await
    }
    async fn attempts(&self, number: u64) -> Result<Vec<Attempt>, Error> {
        self.inner.attempts(number).await
    }
    async fn replay(&self, query: Query, now: SystemTime) -> Result<u64, Error> {
        self.inner.replay(query, now).await
    }
    async fn give_up(
        &self,
        held_back: Vec<Arc<str>>,
        deadline: Option<Duration>,
        now: SystemTime,
        limit: usize,
    ) -> Result<usize, Error> {
        self.store().await?.give_up(held_back, deadline, now, limit).await
    }
    async fn prune(&self, retention: Retention, now: SystemTime, limit: usize) -> Result<usize, Error> {
        self.store().await?.prune(retention, now, limit).await
    }
    async fn targets(&self, after: Box<str>) -> Result<Vec<Target>, Error> {
        self.inner.targets(after).await
    }
    async fn set_health(&self, target: Box<str>, health: Health) -> Result<(), Error> {
        self.inner.set_health(target, health).await
    }
    async fn counts(&self) -> Result<Counts, Error> {
        self.inner.counts().await
    }
}

#[tokio::test(start_paused = true)]
async fn old_messages_go_while_a_worker_runs() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "a", 0..1200).await;
    let mut options = options();
    options.retention = Some(Retention { delivered: 10 * MINUTE, dead: 10 * MINUTE });
    let looking = async {
        done(&outbox).await;
        assert_eq!(outbox.counts().await.unwrap().delivered, 1200);
        sleep(12 * MINUTE).await;
        assert_eq!(outbox.counts().await.unwrap(), Counts::default());
    };
    outbox.run(to([("a", arrived.sender())]), options).until(looking).await.unwrap();
}

/// Seconds since 1970 where a number of seconds belongs, and more than any clock can express.
#[tokio::test(start_paused = true)]
async fn a_pause_that_a_target_requests_lasts_a_day_at_most() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    for requested in [Duration::from_secs(1_795_219_200), Duration::MAX] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        enqueue(&outbox, "a", 0..1).await;
        let peer = fails_first(1, Error::new(ErrorKind::Refused).with_retry_after(requested), &arrived);
        let mut options = options();
        options.poll = MINUTE / 2;
        let done = tokio::time::timeout(3 * DAY, done(&outbox));
        outbox.run(to([("a", peer)]), options).until(done).await.unwrap();
        let waited = arrived.times()[0].1 - begin;
        assert!(waited >= DAY && waited < DAY + MINUTE, "{requested:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_does_not_shorten_a_pause_that_the_target_requests() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let logged = Logged::begin();
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let (arrived, is_refused) =
                (arrived.clone(), crate::tools::id(&outgoing) == "0" && begin.elapsed() < SECOND);
            async move {
                if is_refused {
                    return Err(Error::new(ErrorKind::Refused).with_retry_after(60 * MINUTE));
                }
                sleep(SECOND).await;
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    // The second is on its way when the target requests the pause. The third is enqueued afterwards.
    enqueue(&outbox, "a", 0..2).await;
    let late = async {
        arrived.until(1).await;
        enqueue(&outbox, "a", 2..3).await;
        done(&outbox).await;
    };
    outbox.run(to([("a", peer)]), options()).until(late).await.unwrap();
    assert_eq!(arrived.ids()[0], "1");
    for (id, at) in &arrived.times()[1..] {
        assert!(*at - begin >= 60 * MINUTE, "{id} was sent {:?} after the start", *at - begin);
    }
    let warnings = logged.lines(Level::WARN);
    let says = "the target requested a pause to=a pause=3600s number=1 reason=the peer refused this";
    assert!(warnings.len() == 1 && warnings[0].text.contains(says), "{warnings:?}");
}
