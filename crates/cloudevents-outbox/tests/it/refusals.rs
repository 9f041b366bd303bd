//! Whose fault a refusal is, where it may be the sender's: of messages at the head of an order, in an outage, and while other attempts are
//! under way.

use crate::{
    tools::{Arrived, MINUTE, SECOND, at, event, id, sender, tokio_clock},
    worker::{done, enqueue, for_hours, outbox, to},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{
    Clock, Entry, Health, Outbox, Query, RetrySchedule, State, Store, rusqlite041::SqliteStore,
};
use cloudevents_transport::{Outgoing, Receipt, Sender};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// A peer that refuses some messages, and is away until this time.
fn refuses(poison: fn(u32) -> bool, away_until: Instant, arrived: &Arrived) -> Sender {
    let arrived = arrived.clone();
    sender(move |outgoing| {
        let result = match id(&outgoing).parse().unwrap() {
            _ if Instant::now() < away_until => Err(Error::new(ErrorKind::Unreachable)),
            number if poison(number) => Err(Error::new(ErrorKind::Refused)),
            _ => Ok(Receipt::new()),
        };
        if result.is_ok() {
            arrived.note(&outgoing);
        }
        async move { result }
    })
}

async fn dead(outbox: &Outbox<impl Store>) -> Vec<u64> {
    let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
    dead.iter().map(|record| record.id.as_deref().unwrap().parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn refused_messages_at_the_head_do_not_cost_those_behind_them() {
    for (per_target, refused) in [(64, 1), (64, 2), (64, 5), (64, 25), (1, 1), (1, 2), (1, 5)] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let number = refused + 5;
        outbox.enqueue_all((0..number).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
        let mut options = for_hours();
        options.per_target = per_target;
        let poison = match refused {
            1 => |id| id < 1,
            2 => |id| id < 2,
            5 => |id| id < 5,
            _ => |id| id < 25,
        };
        let peer = refuses(poison, begin, &arrived);
        outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
        assert!(begin.elapsed() < 10 * MINUTE, "{per_target}, {refused}: {:?}", begin.elapsed());
        assert_eq!(dead(&outbox).await, (0..refused).collect::<Vec<_>>(), "{per_target}");
        let ids: Vec<u64> = arrived.ids().iter().map(|id| id.parse().unwrap()).collect();
        assert_eq!(ids, (refused..number).collect::<Vec<_>>());
    }
}

/// The head of the order would be refused for ever, where nothing behind it shows whose fault that is.
#[tokio::test(start_paused = true)]
async fn after_an_outage_a_refused_head_does_not_hold_up_messages_without_an_order() {
    for pauses_before in [0, 1] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        outbox.enqueue(Entry::new("a", Outgoing::from(event(0)).to("orders")).in_order()).await.unwrap();
        let others = (1..10).map(|id| Entry::new("a", Outgoing::from(event(id)).to("bills")));
        outbox.enqueue_all(others).await.unwrap();
        let mut outage = Health::default();
        (outage.failed, outage.pauses, outage.reason) = (vec![91, 92, 93], pauses_before, "gone".into());
        outbox.store().set_health("a".into(), outage).await.unwrap();
        let peer = refuses(|id| id == 0, begin + 10 * MINUTE, &arrived);
        outbox.run(to([("a", peer)]), for_hours()).until(arrived.until(9)).await.unwrap();
        assert!(begin.elapsed() < 30 * MINUTE, "{:?}", begin.elapsed());
    }
}

/// The target comes back and refuses the first messages, and a program paused it by hand meanwhile.
#[tokio::test(start_paused = true)]
async fn a_pause_during_an_outage_with_refused_messages_at_the_head_ends_as_it_should() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    outbox.enqueue_all((0..12).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let peer = refuses(|id| id < 4, begin + 10 * MINUTE, &arrived);
    let operating = async {
        sleep(5 * MINUTE).await;
        outbox.disable("a", "by hand").await.unwrap();
        sleep(25 * MINUTE).await;
        assert_eq!((outbox.counts().await.unwrap().pending, arrived.len()), (12, 0));
        outbox.resume("a").await.unwrap();
        done(&outbox).await;
    };
    outbox.run(to([("a", peer)]), for_hours()).until(operating).await.unwrap();
    assert!(begin.elapsed() < 40 * MINUTE, "{:?}", begin.elapsed());
    assert_eq!((dead(&outbox).await, arrived.len()), (vec![0, 1, 2, 3], 8));
}

/// The sender has a wrong token until a while after the second attempt at the first message has begun.
#[tokio::test(start_paused = true)]
async fn an_attempt_is_not_judged_by_what_was_accepted_after_it_began() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let peer = {
        let arrived = arrived.clone();
        let (fixed, tries) = (begin + 4 * SECOND, std::sync::atomic::AtomicUsize::new(0));
        sender(move |outgoing| {
            let is_right = Instant::now() >= fixed;
            let is_slow =
                id(&outgoing) == "0" && tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1;
            let arrived = arrived.clone();
            async move {
                if is_slow {
                    sleep(20 * SECOND).await;
                }
                match is_right {
                    true => {
                        arrived.note(&outgoing);
                        Ok(Receipt::new())
                    }
                    false => Err(Error::new(ErrorKind::Refused)),
                }
            }
        })
    };
    enqueue(&outbox, "a", 0..1).await;
    let later = async {
        sleep(10 * SECOND).await;
        enqueue(&outbox, "a", 1..3).await;
        done(&outbox).await;
    };
    outbox.run(to([("a", peer)]), for_hours()).until(later).await.unwrap();
    assert_eq!((dead(&outbox).await, arrived.len()), (vec![], 3));
}

/// A message in order is refused, and waits for what becomes of the next one. Meanwhile another message is accepted.
#[tokio::test(start_paused = true)]
async fn what_a_refusal_said_of_the_target_is_not_recorded_after_a_later_success() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let arrived = arrived.clone();
            async move {
                let (wait, is_refused) = match &*id(&outgoing) {
                    "0" => (1, true),
                    "1" => (10, false),
                    _ => (5, false),
                };
                sleep(Duration::from_secs(wait)).await;
                if is_refused {
                    return Err(Error::new(ErrorKind::Refused));
                }
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    outbox.enqueue_all((0..2).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    enqueue(&outbox, "a", 2..3).await;
    outbox.run(to([("a", peer)]), for_hours()).until(done(&outbox)).await.unwrap();
    assert_eq!((dead(&outbox).await, arrived.len()), (vec![0], 2));
    assert!(outbox.targets("").await.unwrap().is_empty(), "{:?}", outbox.targets("").await);
}

/// The sender of one worker has the right token, that of the other has not.
#[tokio::test(start_paused = true)]
async fn a_worker_whose_token_is_wrong_costs_no_message_in_order() {
    let store = SqliteStore::in_memory().unwrap();
    let (one, two) = (Outbox::new(store.clone()).with_clock(tokio_clock()), Outbox::new(store));
    let (arrived, begin) = (Arrived::default(), Instant::now());
    one.enqueue_all((0..20).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let wrong = refuses(|_| true, begin, &arrived);
    let first = one.run(to([("a", wrong)]), for_hours()).until(done(&one));
    let second = two.run(to([("a", arrived.sender())]), for_hours()).until(done(&two));
    let (first, second) = tokio::join!(first, second);
    first.and(second).unwrap();
    assert_eq!((dead(&one).await, arrived.len()), (vec![], 20));
}

/// A sender's credentials are corrected in an outage of its making. Whatever the jitter, that is between two tries: the second one has
/// ended by 4.2 seconds, and the third one begins after 4.7.
#[tokio::test(start_paused = true)]
async fn credentials_that_are_corrected_in_an_outage_cost_no_messages_in_order() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    outbox.enqueue_all((0..40).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let arrived = arrived.clone();
            async move {
                sleep(Duration::from_millis(200)).await;
                if Instant::now() < begin + Duration::from_millis(4500) {
                    return Err(Error::new(ErrorKind::Refused));
                }
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    let mut options = for_hours();
    options.poll = Duration::from_millis(1);
    outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
    assert_eq!((dead(&outbox).await, arrived.len()), (vec![], 40));
}

/// Each attempt of a row of refused messages takes long, or the fourth one as long as it may. No other worker may take the target for one
/// whose turn it is to be tried meanwhile.
#[tokio::test(start_paused = true)]
async fn a_row_of_refused_messages_does_not_outlast_its_lease() {
    for (each, fourth) in [(10 * SECOND, 10 * SECOND), (9 * SECOND, 44 * SECOND), (14 * SECOND, 44 * SECOND)]
    {
        assert_eq!(most_at_a_time(each, fourth).await, 1, "{each:?}, {fourth:?}");
    }
}

/// The most attempts of two workers at the same time, where each takes so long.
async fn most_at_a_time(each: Duration, fourth: Duration) -> usize {
    let store = SqliteStore::in_memory().unwrap();
    let outbox = Outbox::new(store.clone()).with_clock(tokio_clock());
    let other = Outbox::new(store).with_clock(tokio_clock());
    let under_way = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    outbox.enqueue_all((0..40).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    enqueue(&outbox, "a", 40..41).await;
    let mut outage = Health::default();
    (outage.failed, outage.pauses, outage.reason) = (vec![91, 92, 93], 6, "gone".into());
    outbox.store().set_health("a".into(), outage).await.unwrap();
    let peer = {
        let under_way = Arc::clone(&under_way);
        sender(move |outgoing| {
            let under_way = Arc::clone(&under_way);
            let wait = if id(&outgoing) == "3" { fourth } else { each };
            async move {
                let now = under_way.0.fetch_add(1, Ordering::Relaxed) + 1;
                under_way.1.fetch_max(now, Ordering::Relaxed);
                sleep(wait).await;
                under_way.0.fetch_sub(1, Ordering::Relaxed);
                Err(Error::new(ErrorKind::Refused))
            }
        })
    };
    let first = outbox.run(to([("a", peer.clone())]), for_hours()).until(sleep(30 * MINUTE));
    let second = other.run(to([("a", peer)]), for_hours()).until(sleep(30 * MINUTE));
    let (first, second) = tokio::join!(first, second);
    first.and(second).unwrap();
    under_way.1.load(Ordering::Relaxed)
}

/// What another place of the target accepts ends its pauses, and says nothing about the refused messages at the head.
#[tokio::test(start_paused = true)]
async fn what_another_place_accepts_does_not_keep_rows_of_refused_messages_short() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let orders = (0..8).map(|id| Entry::new("a", Outgoing::from(event(id)).to("orders")).in_order());
    outbox.enqueue_all(orders).await.unwrap();
    let peer = refuses(|id| id < 5, begin, &arrived);
    let bills = async {
        for id in 100.. {
            outbox.enqueue(Entry::new("a", Outgoing::from(event(id)).to("bills"))).await.unwrap();
            sleep(SECOND / 2).await;
            let good = arrived.ids().iter().filter(|id| id.len() == 1).count();
            if good == 3 || begin.elapsed() > 30 * MINUTE {
                assert_eq!(good, 3);
                break;
            }
        }
    };
    outbox.run(to([("a", peer)]), for_hours()).until(bills).await.unwrap();
    assert_eq!(dead(&outbox).await, [0, 1, 2, 3, 4]);
}

/// Each takes more than half of the lease.
#[tokio::test(start_paused = true)]
async fn slow_refusals_show_whose_fault_they_are() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    outbox.enqueue_all((0..5).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let arrived = arrived.clone();
            async move {
                if id(&outgoing) == "0" {
                    sleep(35 * SECOND).await;
                    return Err(Error::new(ErrorKind::Refused));
                }
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    let end = async {
        tokio::select! {
            () = done(&outbox) => {}
            () = sleep(30 * MINUTE) => {}
        }
    };
    outbox.run(to([("a", peer)]), for_hours()).until(end).await.unwrap();
    assert_eq!((dead(&outbox).await, arrived.len()), (vec![0], 4), "{:?}", begin.elapsed());
}

/// The sender's credentials are refused for the first half of some hours, and another message is accepted in the second half. What was
/// refused is tried again an hour later.
#[tokio::test(start_paused = true)]
async fn credentials_that_are_refused_once_more_later_cost_no_messages() {
    for (number, hours) in [(1, 2), (2, 2), (2, 3), (20, 2)] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        let peer = {
            let arrived = arrived.clone();
            sender(move |outgoing| {
                let minutes = begin.elapsed().as_secs() / 60;
                let is_refused = minutes < hours * 60 && minutes % 60 < 30;
                if !is_refused {
                    arrived.note(&outgoing);
                }
                async move { if is_refused { Err(Error::new(ErrorKind::Refused)) } else { Ok(Receipt::new()) } }
            })
        };
        enqueue(&outbox, "a", 0..number).await;
        let mut options = for_hours();
        options.retry = RetrySchedule::exponential(60 * MINUTE, 60 * MINUTE).with_jitter(0);
        let others = async {
            for other in 100..100 + usize::try_from(hours).unwrap() {
                sleep(40 * MINUTE).await;
                enqueue(&outbox, "a", other..other + 1).await;
                sleep(20 * MINUTE).await;
            }
            done(&outbox).await;
        };
        outbox.run(to([("a", peer)]), options).until(others).await.unwrap();
        let expected = number + usize::try_from(hours).unwrap();
        assert_eq!((dead(&outbox).await, arrived.len()), (vec![], expected), "{number}, {hours}");
    }
}

/// The credentials work for a moment, and a backlog was refused before.
#[tokio::test(start_paused = true)]
async fn refusals_after_a_success_begin_an_outage() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let peer = refuses(|id| id < 20, begin, &arrived);
    let corrected = arrived.sender();
    enqueue(&outbox, "a", 0..20).await;
    let working = async {
        sleep(2 * SECOND).await;
        enqueue(&outbox, "a", 20..21).await;
        arrived.until(1).await;
        sleep(30 * MINUTE).await;
    };
    outbox.run(to([("a", peer)]), for_hours()).until(working).await.unwrap();
    outbox.run(to([("a", corrected)]), for_hours()).until(done(&outbox)).await.unwrap();
    let dead = dead(&outbox).await;
    assert!(dead.len() <= 2 && arrived.len() == 21 - dead.len(), "{dead:?}");
}

/// A message that was begun first is accepted after another one was refused, and the clock says that it was begun later.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_proves_nothing() {
    let (arrived, begin) = (Arrived::default(), Instant::now());
    let clock = Clock::new(move || {
        let passed = begin.elapsed();
        at(if passed < 5 * SECOND { 10_000 } else { 9_000 }) + passed
    });
    let outbox = Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(clock.clone());
    enqueue(&outbox, "a", 0..2).await;
    let tries = AtomicUsize::new(0);
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let is_refused = id(&outgoing) == "0" && tries.fetch_add(1, Ordering::Relaxed) < 3;
            let (arrived, wait) = (arrived.clone(), if id(&outgoing) == "0" { 10 } else { 20 });
            async move {
                sleep(Duration::from_secs(wait)).await;
                if is_refused {
                    return Err(Error::new(ErrorKind::Refused));
                }
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    let mut options = for_hours();
    options.clock = clock;
    outbox.run(to([("a", peer)]), options).until(done(&outbox)).await.unwrap();
    assert_eq!((dead(&outbox).await, arrived.ids()), (vec![], vec!["1".to_owned(), "0".to_owned()]));
}

/// Long before and long after each of its refusals, and nothing else is refused meanwhile.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_among_rare_others_is_a_dead_letter() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let peer = refuses(|id| id == 0, begin, &arrived);
    enqueue(&outbox, "a", 0..1).await;
    let mut options = for_hours();
    options.retry = RetrySchedule::exponential(60 * MINUTE, 60 * MINUTE).with_jitter(0);
    let others = async {
        for other in 1..6 {
            sleep(40 * MINUTE).await;
            enqueue(&outbox, "a", other..other + 1).await;
            sleep(20 * MINUTE).await;
        }
    };
    outbox.run(to([("a", peer)]), options).until(others).await.unwrap();
    assert_eq!((dead(&outbox).await, outbox.metrics().retried, arrived.len()), (vec![0], 2, 5));
}
