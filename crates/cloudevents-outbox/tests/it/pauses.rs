//! Whose pause it is: the target's, the sender's or the operator's; and which place a refusal is about.

use crate::{
    tools::{Arrived, MINUTE, SECOND, at, event, id, sender, tokio_clock},
    worker::{done, enqueue, fails_first, options, outbox, to},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{Clock, Entry, Outbox, Query, State, rusqlite041::SqliteStore};
use cloudevents_transport::{Outgoing, Receipt, Sender, binding::OwnWait};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// A peer that refuses what goes to this place until this time.
fn refuses_place(place: &'static str, until: Instant, arrived: &Arrived) -> Sender {
    let arrived = arrived.clone();
    sender(move |outgoing| {
        let is_refused = outgoing.destination() == Some(place) && Instant::now() < until;
        if !is_refused {
            arrived.note(&outgoing);
        }
        async move { if is_refused { Err(Error::new(ErrorKind::Refused)) } else { Ok(Receipt::new()) } }
    })
}

#[tokio::test(start_paused = true)]
async fn what_one_place_accepts_proves_nothing_about_another() {
    for in_order in [false, true] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let entries = (0..20).map(|id| {
            let place = if id % 2 == 0 { "orders" } else { "bills" };
            let entry = Entry::new("a", Outgoing::from(event(id)).to(place));
            if in_order { entry.in_order() } else { entry }
        });
        outbox.enqueue_all(entries).await.unwrap();
        let until = begin + 10 * MINUTE;
        let peer = refuses_place("orders", until, &arrived);
        outbox.run(to([("a", peer)]), options()).until(done(&outbox)).await.unwrap();
        let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
        assert!(dead.is_empty(), "in order: {in_order}: {:?} are dead", dead.len());
        assert_eq!(arrived.len(), 20);
        let ids: Vec<u32> = arrived.ids().iter().map(|id| id.parse().unwrap()).collect();
        assert!(!in_order || ids.is_sorted(), "{ids:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_while_others_pass_to_its_place_is_a_dead_letter() {
    for in_order in [false, true] {
        let (outbox, arrived) = (outbox(), Arrived::default());
        let entries = (0..6).map(|id| {
            let entry = Entry::new("a", Outgoing::from(event(id)).to("orders"));
            if in_order { entry.in_order() } else { entry }
        });
        outbox.enqueue_all(entries).await.unwrap();
        let (tries, seen) = (Arc::new(AtomicUsize::new(0)), arrived.clone());
        let counted = Arc::clone(&tries);
        let peer = sender(move |outgoing| {
            counted.fetch_add(1, Ordering::Relaxed);
            let is_refused = id(&outgoing) == "2";
            if !is_refused {
                seen.note(&outgoing);
            }
            async move { if is_refused { Err(Error::new(ErrorKind::Refused)) } else { Ok(Receipt::new()) } }
        });
        outbox.run(to([("a", peer)]), options()).until(done(&outbox)).await.unwrap();
        assert_eq!((outbox.metrics().dead, arrived.len()), (1, 5));
        assert!(tries.load(Ordering::Relaxed) <= 7);
    }
}

/// The error of a sender that keeps to a rate.
fn own_wait(after: Duration) -> Error {
    OwnWait::error("the rate is used up", after)
}

#[tokio::test(start_paused = true)]
async fn what_a_sender_waits_for_by_itself_is_no_pause_of_the_target() {
    let store = SqliteStore::in_memory().unwrap();
    let (one, two) = (Outbox::new(store.clone()).with_clock(tokio_clock()), Outbox::new(store));
    let (arrived, begin, tries) = (Arrived::default(), Instant::now(), Arc::new(AtomicUsize::new(0)));
    enqueue(&one, "a", 0..100).await;
    let counted = Arc::clone(&tries);
    let busy = sender(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err(own_wait(10 * MINUTE)) }
    });
    let mut options = options();
    options.retry = options.retry.with_attempts(1);
    let looking = async {
        sleep(5 * MINUTE).await;
        // None was given up, and nothing is known of the target. The sender was tried again now and then, and not for each message.
        assert_eq!(one.counts().await.unwrap().pending, 100);
        assert!(one.targets("").await.unwrap().is_empty());
        let tries = tries.load(Ordering::Relaxed);
        assert!((5..=30).contains(&tries), "{tries} tries");
        // Another worker has a rate of its own.
        two.run(to([("a", arrived.sender())]), options.clone()).until(done(&two)).await.unwrap();
        assert!(begin.elapsed() < 6 * MINUTE, "{:?}", begin.elapsed());
    };
    one.run(to([("a", busy)]), options.clone()).until(looking).await.unwrap();
    assert_eq!((arrived.len(), two.counts().await.unwrap().dead), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_sender_holds_back_reach_their_deadline() {
    for in_order in [false, true] {
        let (outbox, begin) = (outbox(), Instant::now());
        let entry = |id| Entry::new("a", event(id));
        outbox
            .enqueue_all((0..3).map(|id| if in_order { entry(id).in_order() } else { entry(id) }))
            .await
            .unwrap();
        let mut options = options();
        options.retry = options.retry.with_deadline(60 * MINUTE);
        let waits = sender(|_| async { Err(own_wait(MINUTE)) });
        outbox.run(to([("a", waits)]), options).until(done(&outbox)).await.unwrap();
        assert_eq!(outbox.counts().await.unwrap().dead, 3);
        assert!(begin.elapsed() > 58 * MINUTE && begin.elapsed() < 70 * MINUTE, "{:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_does_not_undo_that_an_operator_resumes_a_target() {
    for fails in [false, true] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let peer = {
            let arrived = arrived.clone();
            sender(move |outgoing| {
                let (arrived, early) = (arrived.clone(), begin.elapsed() < SECOND);
                async move {
                    match &*id(&outgoing) {
                        "0" if early => {
                            return Err(Error::new(ErrorKind::Refused).with_retry_after(60 * MINUTE));
                        }
                        "1" if early => {
                            sleep(20 * SECOND).await;
                            if fails {
                                return Err(Error::new(ErrorKind::Timeout));
                            }
                        }
                        _ => {}
                    }
                    arrived.note(&outgoing);
                    Ok(Receipt::new())
                }
            })
        };
        enqueue(&outbox, "a", 0..2).await;
        let operating = async {
            sleep(10 * SECOND).await;
            outbox.resume("a").await.unwrap();
            sleep(15 * SECOND).await; // the second message has landed
            let targets = outbox.targets("").await.unwrap();
            assert!(targets.iter().all(|target| target.health.requested_until.is_none()), "{targets:?}");
            enqueue(&outbox, "a", 2..3).await;
            arrived.until(if fails { 1 } else { 2 }).await;
            assert!(begin.elapsed() < MINUTE, "{:?}", begin.elapsed());
        };
        outbox.run(to([("a", peer)]), options()).until(operating).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_requested_after_an_operator_resumed_counts_though_it_is_shorter() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let (arrived, early) = (arrived.clone(), begin.elapsed() < SECOND);
            async move {
                if early {
                    let (late, wait) =
                        if &*id(&outgoing) == "0" { (0, 60 * MINUTE) } else { (20, 10 * MINUTE) };
                    sleep(late * SECOND).await;
                    return Err(Error::new(ErrorKind::Refused).with_retry_after(wait));
                }
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    enqueue(&outbox, "a", 0..2).await;
    let operating = async {
        sleep(10 * SECOND).await;
        outbox.resume("a").await.unwrap();
        sleep(11 * SECOND).await; // the second message was refused
        let mut targets = outbox.targets("").await.unwrap();
        let until = targets.pop().unwrap().health.requested_until.unwrap();
        let wait = until.duration_since(tokio_clock().now()).unwrap();
        assert!(wait > 9 * MINUTE && wait < 11 * MINUTE, "{wait:?}");
    };
    outbox.run(to([("a", peer)]), options()).until(operating).await.unwrap();
}

/// It is set back by an hour while a target pauses for a minute.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_lengthens_a_pause_and_loses_nothing() {
    for resumes in [false, true] {
        let (arrived, begin) = (Arrived::default(), Instant::now());
        let clock = Clock::new(move || {
            let passed = begin.elapsed();
            at(if passed < 5 * SECOND { 3600 } else { 0 }) + passed
        });
        let outbox = Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(clock.clone());
        enqueue(&outbox, "a", 0..1).await;
        let peer = fails_first(1, Error::new(ErrorKind::Refused).with_retry_after(MINUTE), &arrived);
        let mut options = options();
        options.clock = clock;
        let operating = async {
            sleep(10 * SECOND).await;
            enqueue(&outbox, "a", 1..2).await;
            if resumes {
                outbox.resume("a").await.unwrap();
            }
            done(&outbox).await;
        };
        outbox.run(to([("a", peer)]), options).until(operating).await.unwrap();
        let times: Vec<Duration> = arrived.times().iter().map(|(_, at)| *at - begin).collect();
        let [first, second] = times[..] else { panic!("{times:?}") };
        let is_late = |waited: Duration| waited >= 60 * MINUTE && waited < 65 * MINUTE;
        // The message that met the pause is due at its end.
        assert!(is_late(second) && (if resumes { first < MINUTE } else { is_late(first) }), "{times:?}");
        assert_eq!(outbox.metrics().dead, 0);
    }
}

/// The wait that the target requests is beyond the deadline of the first message. The others are younger, or not: none is sent during the
/// pause.
#[tokio::test(start_paused = true)]
async fn messages_in_order_behind_one_that_is_given_up_wait_for_the_pause_that_it_brought() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    outbox.enqueue_all((0..4).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let mut options = options();
    options.retry = options.retry.with_deadline(50 * SECOND);
    let busy = sender(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err(Error::new(ErrorKind::Refused).with_retry_after(100 * SECOND)) }
    });
    let looking = async {
        sleep(40 * SECOND).await;
        assert_eq!((outbox.metrics().dead, tries.load(Ordering::Relaxed)), (1, 1));
        done(&outbox).await;
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    };
    outbox.run(to([("a", busy)]), options).until(looking).await.unwrap();
    assert!(begin.elapsed() < 5 * MINUTE && arrived.len() == 0);
}

/// Of a target in an outage one message is tried at a time. One that the first worker's sender holds back does not keep the second from it.
#[tokio::test(start_paused = true)]
async fn a_probe_that_was_not_sent_leaves_its_place() {
    let store = SqliteStore::in_memory().unwrap();
    let (one, two) = (Outbox::new(store.clone()).with_clock(tokio_clock()), Outbox::new(store));
    let (arrived, begin, options) = (Arrived::default(), Instant::now(), options());
    enqueue(&one, "a", 0..3).await;
    let away = fails_first(usize::MAX, Error::new(ErrorKind::Unreachable), &arrived);
    one.run(to([("a", away)]), options.clone()).until(sleep(MINUTE)).await.unwrap();
    assert!(one.targets("").await.unwrap()[0].health.is_outage());
    sleep(5 * MINUTE).await;
    let waits = sender(|_| async { Err(own_wait(10 * MINUTE)) });
    one.run(to([("a", waits)]), options.clone()).until(sleep(SECOND)).await.unwrap();
    let before = begin.elapsed();
    two.run(to([("a", arrived.sender())]), options).until(arrived.until(3)).await.unwrap();
    assert!(begin.elapsed() < before + 10 * SECOND, "{:?}", begin.elapsed() - before);
}

/// The first worker stops, and its last attempt has a pause requested while the second worker holds messages in order.
#[tokio::test(start_paused = true)]
async fn messages_in_order_stop_for_a_pause_that_another_worker_learns_of() {
    for disables in [false, true] {
        let store = SqliteStore::in_memory().unwrap();
        let (one, two) = (Outbox::new(store.clone()).with_clock(tokio_clock()), Outbox::new(store));
        let (arrived, options) = (Arrived::default(), options());
        let slow = {
            let arrived = arrived.clone();
            sender(move |outgoing| {
                arrived.note(&outgoing);
                async {
                    sleep(SECOND).await;
                    Ok(Receipt::new())
                }
            })
        };
        let busy = sender(|_| async {
            sleep(25 * SECOND + SECOND / 2).await;
            Err(Error::new(ErrorKind::Refused).with_retry_after(60 * MINUTE))
        });
        if !disables {
            enqueue(&one, "a", 100..101).await;
        }
        let first = one.run(to([("a", busy)]), options.clone()).until(sleep(SECOND));
        let second = async {
            sleep(2 * SECOND).await;
            two.enqueue_all((0..64).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
            let looking = async {
                sleep(24 * SECOND).await;
                if disables {
                    two.disable("a", "by hand").await.unwrap();
                }
                let sent = arrived.len();
                assert!(sent > 20, "{sent}");
                sleep(25 * SECOND).await;
                // What was under way, and what began before the store could say so.
                assert!(arrived.len() <= sent + 2, "{} messages during the pause", arrived.len() - sent);
                assert_eq!(two.metrics().lost_leases, 0);
            };
            two.run(to([("a", slow)]), options.clone()).until(looking).await
        };
        let (first, second) = tokio::join!(first, second);
        first.and(second).unwrap();
        let health = two.targets("").await.unwrap().remove(0).health;
        assert_eq!((health.requested_until.is_some(), health.is_disabled), (!disables, disables));
    }
}

/// As 413 with `Retry-After` (RFC 9110, section 15.5.14).
#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_for_now_waits_alone() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let is_large = id(&outgoing) == "0" && begin.elapsed() < 2 * 60 * MINUTE;
            if !is_large {
                arrived.note(&outgoing);
            }
            let error = Error::new(ErrorKind::TooLarge).with_retry_after(60 * MINUTE);
            async move { if is_large { Err(error) } else { Ok(Receipt::new()) } }
        })
    };
    enqueue(&outbox, "a", 0..200).await;
    let looking = async {
        arrived.until(199).await;
        assert!(begin.elapsed() < MINUTE, "{:?}", begin.elapsed());
        assert!(outbox.targets("").await.unwrap().is_empty());
        done(&outbox).await;
    };
    outbox.run(to([("a", peer)]), options()).until(looking).await.unwrap();
    assert_eq!((arrived.len(), outbox.metrics().retried), (200, 2));
    assert!(arrived.times()[199].1 - begin >= 2 * 60 * MINUTE);
}

/// Also for the message that brought the pause, and those in order behind it.
#[tokio::test(start_paused = true)]
async fn an_operator_ends_a_pause_for_all_messages() {
    let outbox = outbox();
    for id in 0..3 {
        outbox.enqueue(Entry::new("a", event(id)).in_order()).await.unwrap();
    }
    let arrived = Arrived::default();
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let is_first = arrived.len() == 0;
            arrived.note(&outgoing);
            async move {
                match is_first {
                    true => Err(Error::new(ErrorKind::Refused).with_retry_after(24 * 60 * MINUTE)),
                    false => Ok(Receipt::new()),
                }
            }
        })
    };
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    let begun = Instant::now();
    let resumed = async {
        arrived.until(1).await;
        tokio::time::sleep(MINUTE).await;
        assert_eq!(arrived.len(), 1);
        outbox.resume("a").await.unwrap();
        arrived.until(4).await;
    };
    outbox.run(route, options()).until(resumed).await.unwrap();
    assert_eq!(arrived.ids(), ["0", "0", "1", "2"]);
    assert!(begun.elapsed() < 2 * MINUTE, "{:?}", begun.elapsed());
}
