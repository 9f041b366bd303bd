//! `run` settles by the results of handlers, rejects after the last attempt, and rejects nothing during an
//! outage.

use super::{
    Failure, Venue, Verdict,
    tools::{ensure, events, within},
};
use crate::{By, Counters, Receiver, ReceiverOptions};
use cloudevents_core::{ErrorKind, Event};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// Opens a receiver with short delays, so that the checks take no longer than necessary.
async fn receiver(venue: &impl Venue, attempts: Option<u32>) -> Result<Receiver, Failure> {
    let mut options = ReceiverOptions::default();
    options.retry.first = Duration::from_millis(20);
    options.retry.longest = Duration::from_millis(100);
    options.attempts = attempts;
    Ok(venue.receiver(options).await?)
}

/// Ready when this many messages were accepted or rejected.
async fn until_settled(counters: Arc<Counters>, count: u64) {
    loop {
        let metrics = counters.snapshot();
        if metrics.accepted.saturating_add(metrics.rejected) >= count {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// A message that a handler accepts is gone.
///
/// A message that it fails is tried again and, if attempts are counted, rejected after the last one. A message that it cannot take is
/// rejected at once. All are settled when `run` returns.
pub async fn run_settles_by_what_handlers_return(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 10;
    const ATTEMPTS: u32 = 3;
    let claims = venue.claims();
    if !claims.redelivers {
        return Ok(Verdict::NotClaimed);
    }
    let receiver = receiver(venue, Some(ATTEMPTS)).await?;
    within(claims.patience, venue.sender().await?.send_all(events(COUNT)?)).await??;
    let malformed = match venue.put_garbage(ErrorKind::MissingAttribute, b"malformed").await {
        Err(error) if error.kind() == ErrorKind::Unsupported => 0,
        put => put.map(|()| 1)?,
    };
    let (counters, tries) = (receiver.counters(), Mutex::new(BTreeMap::<String, u32>::new()));
    let handle = async |event: Event| -> Result<(), &str> {
        let id = event.id().to_owned();
        let mut tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = tries.entry(id.clone()).or_default();
        *tries = tries.saturating_add(1);
        match &*id {
            "3" if claims.counts_attempts => Err("never"),
            "5" if *tries == 1 => Err("not yet"),
            _ => Ok(()),
        }
    };
    let total = (COUNT as u64).saturating_add(malformed);
    let run = receiver.run(handle).concurrency(4).until(until_settled(Arc::clone(&counters), total));
    within(claims.patience, run).await??;
    let (metrics, tries) = (counters.snapshot(), tries.into_inner().unwrap_or_else(PoisonError::into_inner));
    let of = |id: &str| tries.get(id).copied().unwrap_or_default();
    ensure!(!claims.counts_attempts || of("3") == ATTEMPTS, "message 3 was tried {} times", of("3"));
    ensure!(of("5") == 2 && of("0") == 1, "the attempts were {tries:?}");
    let given_up = u64::from(claims.counts_attempts);
    ensure!(metrics.rejected == malformed.saturating_add(given_up), "the receiver counted {metrics}");
    ensure!(metrics.unsettled() == 0 && metrics.settlements_failed == 0, "the receiver counted {metrics}");
    Ok(Verdict::Holds)
}

/// While everything fails, nothing is rejected, however often it fails, and few messages are tried at once.
///
/// Afterwards everything is handled.
pub async fn an_outage_gives_nothing_up(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 40;
    const PROBES: usize = 60;
    let claims = venue.claims();
    if !claims.redelivers {
        return Ok(Verdict::NotClaimed);
    }
    let receiver = receiver(venue, None).await?;
    within(claims.patience, venue.sender().await?.send_all(events(COUNT)?)).await??;
    // Peers that keep their messages are answered at once.
    let slows = receiver.capabilities().redelivers != By::Peer;
    let (counters, out) = (receiver.counters(), AtomicBool::new(true));
    let (tried, running, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let handle = async |_: Event| -> Result<(), &str> {
        let beside = running.fetch_add(1, Ordering::Relaxed);
        let number = tried.fetch_add(1, Ordering::Relaxed);
        if (PROBES / 2..PROBES).contains(&number) {
            most.fetch_max(beside.saturating_add(1), Ordering::Relaxed); // some began before detection
        }
        if number >= PROBES {
            out.store(false, Ordering::Relaxed);
        }
        sleep(Duration::from_millis(1)).await;
        running.fetch_sub(1, Ordering::Relaxed);
        if out.load(Ordering::Relaxed) { Err("out") } else { Ok(()) }
    };
    let until = until_settled(Arc::clone(&counters), COUNT as u64);
    within(claims.patience, receiver.run(handle).concurrency(8).until(until)).await??;
    let (metrics, during) = (counters.snapshot(), most.into_inner());
    ensure!(metrics.rejected == 0 && metrics.accepted == COUNT as u64, "the receiver counted {metrics}");
    ensure!(metrics.outages >= 1, "no outage was found: {metrics}");
    ensure!(!slows || during <= 1, "{during} handlers ran at once during the outage");
    Ok(Verdict::Holds)
}

/// A message that is always retried is tried a bounded number of times, and is then gone from the receiver.
///
/// The binding states the bound: [`Claims::attempts`](super::Claims::attempts).
pub async fn attempts_are_bounded(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let Some(attempts) = claims.attempts else { return Ok(Verdict::NotClaimed) };
    let mut receiver = venue.receiver(ReceiverOptions::default()).await?;
    within(claims.patience, venue.sender().await?.send_all(events(1)?)).await??;
    for attempt in 1..=attempts {
        let delivery = super::tools::next(&mut receiver, claims).await?;
        ensure!(
            delivery.attempt() == attempt,
            "attempt {} came where {attempt} was to come",
            delivery.attempt()
        );
        super::tools::settled(delivery.retry(Duration::ZERO), claims).await?;
    }
    let quiet = super::tools::is_quiet(&mut receiver, claims).await?;
    ensure!(quiet, "it came again after attempt {attempts}, which was to be the last");
    Ok(Verdict::Holds)
}
