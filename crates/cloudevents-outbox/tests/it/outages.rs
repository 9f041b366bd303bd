//! Outages of targets with few messages, or with messages in order: of these, only the first one is tried.

use crate::{
    tools::{Arrived, MINUTE, SECOND, event, id, sender},
    worker::{done, enqueue, for_hours, outbox, to},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{Entry, Outbox, OutboxOptions, Query, RetrySchedule, State, Store};
use cloudevents_transport::{Receipt, Sender};
use futures_util::FutureExt;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// A peer that fails with this error until this time.
fn away_until(until: Instant, error: Error, arrived: &Arrived) -> Sender {
    away_while(move || Instant::now() < until, error, arrived)
}

/// A peer that fails with this error while it is away.
fn away_while(is_away: impl Fn() -> bool + Send + Sync + 'static, error: Error, arrived: &Arrived) -> Sender {
    let arrived = arrived.clone();
    sender(move |outgoing| {
        let is_away = is_away();
        if !is_away {
            arrived.note(&outgoing);
        }
        let error = error.clone();
        async move { if is_away { Err(error) } else { Ok(Receipt::new()) } }
    })
}

/// A peer that fails with this error for these messages, whenever they come.
fn fails_for(poison: &'static [&'static str], error: Error, arrived: &Arrived) -> Sender {
    let arrived = arrived.clone();
    sender(move |outgoing| {
        let is_poison = poison.contains(&&*id(&outgoing));
        if !is_poison {
            arrived.note(&outgoing);
        }
        let error = error.clone();
        async move { if is_poison { Err(error) } else { Ok(Receipt::new()) } }
    })
}

async fn enqueue_in_order(outbox: &Outbox<impl Store>, ids: std::ops::Range<usize>) {
    outbox.enqueue_all(ids.map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
}

async fn dead(outbox: &Outbox<impl Store>) -> Vec<String> {
    let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
    dead.into_iter().map(|record| format!("{}: {}", record.id.unwrap(), record.reason.unwrap())).collect()
}

fn attempts(number: u32) -> OutboxOptions {
    let mut options = for_hours();
    options.retry = options.retry.with_attempts(number).with_deadline(24 * 60 * MINUTE);
    options
}

/// A response that says nothing about a time: it may be about the message.
fn response() -> Error {
    Error::new(ErrorKind::Refused).with_temporary(true)
}

/// They would hold up those behind them for ever: they make their peer hang, a sender panics at them, or they name no target.
#[tokio::test(start_paused = true)]
async fn without_a_deadline_attempts_are_the_end_of_messages_in_order() {
    let unsupported = Error::new(ErrorKind::Unsupported).with_temporary(true);
    let panicked = Error::new(ErrorKind::Transport).with_temporary(true);
    for error in [Error::new(ErrorKind::Timeout), unsupported, panicked] {
        let (outbox, arrived) = (outbox(), Arrived::default());
        enqueue_in_order(&outbox, 0..6).await;
        let mut options = for_hours();
        options.retry = RetrySchedule::exponential(SECOND, MINUTE).with_attempts(8);
        // More than the failures that begin an outage.
        let peer = fails_for(&["0", "1", "2", "3"], error, &arrived);
        // `done` waits for much longer.
        let done = timeout(24 * 60 * MINUTE, done(&outbox)).map(Result::unwrap);
        outbox.run(to([("a", peer)]), options).until(done).await.unwrap();
        let dead = dead(&outbox).await;
        assert!(dead.iter().all(|dead| dead.contains("given up after 8 attempts")), "{dead:?}");
        assert_eq!((dead.len(), arrived.ids()), (4, vec!["4".to_owned(), "5".to_owned()]), "{dead:?}");
    }
}

/// The last wait of the schedule is an hour, and the deadline comes before it.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_shorter_than_a_wait_is_no_limit_of_attempts() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    enqueue_in_order(&outbox, 0..5).await;
    let mut options = for_hours();
    options.retry = OutboxOptions::default().retry.with_deadline(30 * MINUTE).with_jitter(0);
    let peer = away_until(begin + 25 * MINUTE, response(), &arrived);
    outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
    assert_eq!((dead(&outbox).await.len(), arrived.ids().len()), (0, 5), "{:?}", dead(&outbox).await);
}

#[tokio::test(start_paused = true)]
async fn no_message_in_order_and_no_lone_one_is_dead_while_its_target_does_not_respond() {
    const AWAY: Duration = Duration::from_secs(2 * 3600);
    let errors = [
        Error::new(ErrorKind::Unreachable),
        Error::new(ErrorKind::Timeout),
        Error::new(ErrorKind::Disconnected),
        response().with_retry_after(SECOND),
    ];
    for error in errors {
        for (number, in_order) in [(1, false), (2, false), (1, true), (10, true)] {
            let what = format!("{number} of {error}, in order: {in_order}");
            let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
            match in_order {
                true => enqueue_in_order(&outbox, 0..number).await,
                false => enqueue(&outbox, "a", 0..number).await,
            }
            let peer = away_until(begin + AWAY, error.clone(), &arrived);
            let mut options = attempts(6);
            if !in_order {
                // It holds up no other message, so that it may wait for ever.
                options.retry = RetrySchedule::exponential(SECOND, MINUTE).with_jitter(0).with_attempts(6);
            }
            outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
            assert!(dead(&outbox).await.is_empty(), "{what}: {:?}", dead(&outbox).await);
            let ids: Vec<usize> = arrived.ids().iter().map(|id| id.parse().unwrap()).collect();
            assert!(ids.len() == number && (ids.is_sorted() || !in_order), "{what}: {ids:?}");
            // The longest pause is five minutes.
            let late = arrived.times()[0].1 - begin - AWAY;
            assert!(late < 6 * MINUTE, "{what}: late by {late:?}");
            assert!((20..80).contains(&outbox.metrics().pauses), "{what}: {}", outbox.metrics());
        }
    }
}

/// With the schedule of waits up to an hour.
#[tokio::test(start_paused = true)]
async fn a_target_in_order_that_responds_with_failures_is_tried_again_by_the_pauses_of_targets() {
    const AWAY: Duration = Duration::from_secs(10 * 3600);
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    enqueue_in_order(&outbox, 0..5).await;
    let mut options = for_hours();
    options.retry = OutboxOptions::default().retry;
    let peer = away_until(begin + AWAY, response(), &arrived);
    outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
    let late = arrived.times()[0].1 - begin - AWAY;
    assert!(late < 6 * MINUTE && arrived.len() == 5, "late by {late:?}");
    assert!(outbox.metrics().pauses > 20, "{}", outbox.metrics());
}

#[tokio::test(start_paused = true)]
async fn an_operator_ends_the_pause_of_an_outage_for_the_message_that_tried_the_target() {
    for in_order in [false, true] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let entry = Entry::new("a", event(1));
        outbox.enqueue(if in_order { entry.in_order() } else { entry }).await.unwrap();
        // It is back just before the operator acts, and not at a time: pauses are random, and an attempt by itself might pass first.
        let is_away = Arc::new(AtomicBool::new(true));
        let peer = {
            let is_away = Arc::clone(&is_away);
            let is_away = move || is_away.load(Ordering::Relaxed);
            away_while(is_away, Error::new(ErrorKind::Unreachable), &arrived)
        };
        let resuming = async {
            sleep(60 * MINUTE).await;
            is_away.store(false, Ordering::Relaxed);
            // An attempt that began before may end after it, and begin another pause: this clock leaps while the thread of the store works.
            while timeout(SECOND, arrived.until(1)).await.is_err() {
                outbox.resume("a").await.unwrap();
            }
        };
        outbox.run(to([("a", peer)]), for_hours()).until(resuming).await.unwrap();
        // The shortest pause by itself is of minutes.
        assert!(begin.elapsed() < 60 * MINUTE + 20 * SECOND, "{:?}", begin.elapsed());
    }
}

/// The target may be well, and the message at fault.
#[tokio::test(start_paused = true)]
async fn a_message_that_its_target_responds_to_with_failures_is_dead_by_its_attempts() {
    for in_order in [false, true] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let entries =
            |id| if in_order { Entry::new("a", event(id)).in_order() } else { Entry::new("a", event(id)) };
        outbox.enqueue_all((0..5).map(entries)).await.unwrap();
        let mut options = for_hours();
        options.retry = RetrySchedule::exponential(SECOND, 20 * MINUTE).with_jitter(0).with_attempts(9);
        let peer = fails_for(&["0"], response(), &arrived);
        outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
        let dead = dead(&outbox).await;
        assert!(dead.len() == 1 && dead[0].starts_with("0: given up after 9 attempts"), "{dead:?}");
        assert_eq!(arrived.ids(), ["1", "2", "3", "4"]);
        // No attempt came earlier than the schedule says: 1 + 2 + 4 and so on.
        assert!(begin.elapsed() >= 255 * SECOND, "{:?}", begin.elapsed());
    }
}

/// It makes its target hang, and others pass.
#[tokio::test(start_paused = true)]
async fn a_message_that_gets_no_response_while_others_do_is_dead_by_its_attempts() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    enqueue(&outbox, "a", 0..1).await;
    let peer = fails_for(&["0"], Error::new(ErrorKind::Timeout), &arrived);
    let others = async {
        for other in 1..40 {
            enqueue(&outbox, "a", other..other + 1).await;
            sleep(10 * MINUTE).await;
        }
    };
    outbox.run(to([("a", peer)]), attempts(8)).until(others).await.unwrap();
    let dead = dead(&outbox).await;
    assert!(dead.len() == 1 && dead[0].starts_with("0: given up after 8 attempts"), "{dead:?}");
    assert_eq!(arrived.len(), 39);
    // None waited for longer than two pauses.
    let times = arrived.times();
    assert!(times.windows(2).all(|pair| pair[1].1 - pair[0].1 < 21 * MINUTE));
}
