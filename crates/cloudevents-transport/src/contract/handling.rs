//! `run` handles concurrently, in order, and ends well.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, each_once, ensure, event_with, events, number, receiver, settled, within},
};
use crate::{Delivery, OrderBy};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tokio::{sync::Barrier, task::yield_now};

#[derive(Default)]
struct Log {
    running: BTreeMap<String, usize>,
    most: usize,
    overlaps: usize,
    seen: BTreeMap<String, Vec<usize>>,
}

/// Handlers of different keys run concurrently.
///
/// Those of the same key run one after the other, and in order if the protocol keeps one.
pub async fn run_is_concurrent_and_keeps_order(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 60;
    let claims = venue.claims();
    let receiver = receiver(venue).await?;
    let events: Result<Vec<_>, _> = (0..COUNT)
        .map(|number| {
            event_with(number, ["a", "b", "c"].get(number % 3).copied().unwrap_or_default(), Vec::new())
        })
        .collect();
    within(claims.patience, venue.sender().await?.send_all(events?)).await??;
    let (log, stop, all_keys) = (Mutex::new(Log::default()), receiver.stopper(), Barrier::new(3));
    let handle = async |delivery: Delivery| {
        let lock = || log.lock().unwrap_or_else(PoisonError::into_inner);
        let key = delivery.attribute("partitionkey")?.unwrap_or_default();
        let number = number(&delivery)?;
        let first = {
            let mut log = lock();
            let running = log.running.entry(key.clone()).or_default();
            *running = running.saturating_add(1);
            log.overlaps = log.overlaps.saturating_add(usize::from(log.running.get(&key) > Some(&1)));
            log.most = log.most.max(log.running.values().sum());
            let seen = log.seen.entry(key.clone()).or_default();
            seen.push(number);
            seen.len() == 1
        };
        if first {
            all_keys.wait().await; // waits until a handler of each key runs
        }
        for _ in 0..number % 5 {
            yield_now().await;
        }
        settled(delivery.accept(), claims).await?;
        let mut log = lock();
        log.running.entry(key).and_modify(|running| *running = running.saturating_sub(1));
        if log.seen.values().map(Vec::len).sum::<usize>() == COUNT {
            stop.stop();
        }
        Ok::<_, Failure>(())
    };
    let counters = receiver.counters();
    let run = receiver.run(handle).concurrency(COUNT).in_order(OrderBy::attribute("partitionkey"));
    within(claims.patience, run).await??;
    let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
    let metrics = counters.snapshot();
    ensure!(metrics.handlers_failed == 0, "{metrics}");
    ensure!(log.overlaps == 0, "{} handlers of the same key ran at once", log.overlaps);
    ensure!(log.most == 3, "{} handlers ran at once, for three keys", log.most);
    each_once(&log.seen.values().flatten().copied().collect::<Vec<_>>(), COUNT)?;
    for (key, seen) in &log.seen {
        ensure!(!claims.order || seen.is_sorted(), "the events of {key} were handled in the order {seen:?}");
    }
    Ok(Verdict::Holds)
}

/// Stopping a receiver while `run` runs lets the handlers end, and no more messages are taken.
pub async fn stopping_lets_handlers_end(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 10;
    let claims = venue.claims();
    let first = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(events(COUNT)?)).await??;
    let (seen, stop, counters) = (Mutex::new(Vec::new()), first.stopper(), first.counters());
    let handle = async |delivery: Delivery| {
        stop.stop();
        for _ in 0..20 {
            yield_now().await;
        }
        let number = number(&delivery)?;
        settled(delivery.accept(), claims).await?;
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        Ok::<_, Failure>(())
    };
    within(claims.patience, first.run(handle).concurrency(4)).await??;
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let metrics = counters.snapshot();
    ensure!(!seen.is_empty() && seen.len() <= 4, "{} handlers ran to their end", seen.len());
    ensure!(metrics.unsettled() == 0, "the receiver counted {metrics}");
    if claims.persistent {
        let mut second = receiver(venue).await?;
        while seen.len() < COUNT {
            seen.push(accept(&mut second, claims).await?);
        }
        each_once(&seen, COUNT)?;
    }
    Ok(Verdict::Holds)
}
