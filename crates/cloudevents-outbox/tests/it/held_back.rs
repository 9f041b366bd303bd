//! What a sender holds back by itself, with many messages and many targets.

use crate::{
    tools::{Arrived, MINUTE, SECOND, at, event, id, sender},
    worker::{done, for_hours, outbox, to},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{Clock, Entry, Query, State};
use cloudevents_transport::{Receipt, Sender, binding::OwnWait};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// A sender that waits, and the numbers of attempts at each message.
fn waits() -> (Sender, Arc<Mutex<HashMap<String, u32>>>) {
    let tries = Arc::<Mutex<HashMap<String, u32>>>::default();
    let counted = Arc::clone(&tries);
    let sender = sender(move |outgoing| {
        *counted.lock().unwrap().entry(id(&outgoing)).or_default() += 1;
        async { Err(OwnWait::error("the rate is used up", MINUTE)) }
    });
    (sender, tries)
}

#[tokio::test(start_paused = true)]
async fn many_targets_that_are_held_back_are_not_tried_again_and_again() {
    const TARGETS: usize = 1500;
    let (outbox, (sender, tries)) = (outbox(), waits());
    let entries = (0..TARGETS).map(|id| Entry::new(format!("t{id:04}"), event(id)));
    outbox.enqueue_all(entries).await.unwrap();
    let route = move |_: Arc<str>| std::future::ready(Ok(sender.clone()));
    outbox.run(route, for_hours()).until(sleep(50 * SECOND)).await.unwrap();
    let tries = tries.lock().unwrap();
    assert_eq!((tries.len(), tries.values().max()), (TARGETS, Some(&1)));
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_is_held_back_reaches_its_deadlines() {
    for in_order in [false, true] {
        let (outbox, begin, (sender, _)) = (outbox(), Instant::now(), waits());
        let entry = |id| Entry::new("a", event(id));
        let entries = (0..1000).map(|id| if in_order { entry(id).in_order() } else { entry(id) });
        outbox.enqueue_all(entries).await.unwrap();
        let mut options = for_hours();
        options.retry = options.retry.with_deadline(60 * MINUTE);
        let route = move |_: Arc<str>| std::future::ready(Ok(sender.clone()));
        outbox.run(route, options).until(done(&outbox)).await.unwrap();
        assert!(begin.elapsed() < 65 * MINUTE, "in order: {in_order}: {:?}", begin.elapsed());
        let dead = Query::default().with_state(State::Dead).with_limit(2000);
        let dead = outbox.find(dead).await.unwrap();
        let said = |reason: &str| {
            reason.contains("its sender held it back") || reason.contains("the rate is used up")
        };
        assert_eq!(dead.len(), 1000);
        assert!(dead.iter().all(|record| said(record.reason.as_deref().unwrap())));
        assert_eq!(outbox.metrics().dead, 1000);
    }
}

/// A sender to a target that takes a message every 20 seconds, and refuses the first one.
fn at_a_low_rate(arrived: &Arrived) -> Sender {
    let (arrived, last) = (arrived.clone(), Mutex::new(None::<Instant>));
    sender(move |outgoing| {
        let mut last = last.lock().unwrap();
        let wait = last.map_or(Duration::ZERO, |last| (20 * SECOND).saturating_sub(last.elapsed()));
        let result = if wait > Duration::ZERO {
            Err(OwnWait::error("the rate is used up", wait))
        } else {
            *last = Some(Instant::now());
            match &*id(&outgoing) {
                "0" => Err(Error::new(ErrorKind::Refused)),
                _ => Ok(Receipt::new()),
            }
        };
        if result.is_ok() {
            arrived.note(&outgoing);
        }
        async move { result }
    })
}

/// It shows whose fault the refusal was.
#[tokio::test(start_paused = true)]
async fn a_message_in_order_behind_a_refused_one_is_sent_when_the_rate_allows() {
    let (outbox, arrived) = (outbox(), Arrived::default());
    outbox.enqueue_all((0..3).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    outbox.run(to([("a", at_a_low_rate(&arrived))]), for_hours()).until(sleep(5 * MINUTE)).await.unwrap();
    let dead = outbox.find(Query::default().with_state(State::Dead)).await.unwrap();
    assert_eq!((dead.len(), dead[0].id.as_deref()), (1, Some("0")));
    assert_eq!(arrived.ids(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_returns_messages_in_order_that_wait_behind_a_refused_one() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    outbox.enqueue_all((0..3).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let low = at_a_low_rate(&arrived);
    outbox.run(to([("a", low.clone())]), for_hours()).until(sleep(10 * SECOND)).await.unwrap();
    assert!(begin.elapsed() < 11 * SECOND, "{:?}", begin.elapsed());
    outbox.run(to([("a", low)]), for_hours()).until(sleep(2 * MINUTE)).await.unwrap();
    assert_eq!(arrived.ids(), ["1", "2"]);
}

/// What made the target refuse may have been corrected meanwhile, so the refused one has the next turn.
#[tokio::test(start_paused = true)]
async fn what_is_accepted_long_after_a_refusal_shows_nothing_about_it() {
    for is_named in [false, true] {
        let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
        outbox.enqueue_all((0..2).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
        let (noted, refused) = (arrived.clone(), Mutex::new(false));
        let corrected = sender(move |outgoing| {
            let is_first = !std::mem::replace(&mut *refused.lock().unwrap(), true);
            let result = match begin.elapsed() < 10 * MINUTE {
                _ if is_first => Err(Error::new(ErrorKind::Refused)),
                true => {
                    let wait =
                        if is_named { (10 * MINUTE).saturating_sub(begin.elapsed()) } else { 5 * SECOND };
                    Err(OwnWait::error("the target is paused", wait))
                }
                false => Ok(Receipt::new()),
            };
            if result.is_ok() {
                noted.note(&outgoing);
            }
            async move { result }
        });
        outbox.run(to([("a", corrected)]), for_hours()).until(sleep(60 * MINUTE)).await.unwrap();
        assert_eq!(arrived.ids(), ["0", "1"]);
        assert_eq!(outbox.metrics().dead, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_for_a_moment_holds_no_later_message_back() {
    let (outbox, arrived, begin) = (outbox(), Arrived::default(), Instant::now());
    let mut options = for_hours();
    options.clock = Clock::new(move || {
        let ahead = if begin.elapsed() < SECOND { 60 * MINUTE } else { Duration::ZERO };
        at(0) + begin.elapsed() + ahead
    });
    let peer = {
        let arrived = arrived.clone();
        sender(move |outgoing| {
            let wait = (10 * SECOND).saturating_sub(begin.elapsed());
            arrived.note(&outgoing);
            async move {
                if wait > Duration::ZERO { Err(OwnWait::error("it waits", wait)) } else { Ok(Receipt::new()) }
            }
        })
    };
    outbox.enqueue(Entry::new("a", event(0))).await.unwrap();
    let corrected = async {
        arrived.until(1).await; // held back
        sleep(SECOND).await;
        outbox.enqueue(Entry::new("a", event(1))).await.unwrap();
        sleep(2 * MINUTE).await;
        assert!(arrived.ids().contains(&"1".to_owned()), "{:?}", arrived.ids());
    };
    outbox.run(to([("a", peer)]), options).until(corrected).await.unwrap();
}
