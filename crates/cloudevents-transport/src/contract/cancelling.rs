//! Cancelled futures lose nothing.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, each_once, ensure, events, number, receiver, settled, within},
};
use crate::Delivery;
use futures_util::{FutureExt, future::join};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{sleep, timeout},
};

/// Polling `next` once and dropping it, repeatedly while messages arrive, loses no message and takes none twice.
pub async fn a_cancelled_next_loses_nothing(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 100;
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let sending = async {
        for event in events(COUNT)? {
            settled(sender.send(&event), claims).await?;
            yield_now().await;
        }
        Ok::<_, Failure>(())
    };
    let receiving = async {
        let mut seen = Vec::new();
        let mut calls = 0_usize;
        while seen.len() < COUNT {
            calls = calls.saturating_add(1);
            // Mostly dropped after the first poll, and sometimes while waiting, which also gives the broker
            // some time.
            let delivery = if calls.is_multiple_of(64) {
                timeout(Duration::from_millis(1), receiver.next()).await.ok()
            } else {
                yield_now().await;
                receiver.next().now_or_never()
            };
            let Some(delivery) = delivery else { continue };
            let delivery = delivery?.ok_or_else(|| Failure("the receiver ended".into()))?;
            seen.push(number(&delivery)?);
            settled(delivery.accept(), claims).await?;
        }
        Ok::<_, Failure>(seen)
    };
    let (sent, seen) = within(claims.patience, join(sending, receiving)).await?;
    sent?;
    each_once(&seen?, COUNT)?;
    Ok(Verdict::Holds)
}

/// Dropping `run` releases the deliveries of its handlers, and all of them are delivered again to the next receiver.
pub async fn a_cancelled_run_loses_nothing(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 20;
    let claims = venue.claims();
    if !claims.redelivers || !claims.persistent {
        return Ok(Verdict::NotClaimed);
    }
    let first = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(events(COUNT)?)).await??;
    let started = AtomicUsize::new(0);
    let stuck = async |delivery: Delivery| {
        started.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<()>().await;
        drop(delivery);
    };
    let begins = async {
        while started.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(10)).await; // between two looks
        }
        sleep(claims.quiet).await; // so long, no handler too many may begin
    };
    let cancelled = async {
        tokio::select! {
            ended = first.run(stuck).concurrency(8) => Err(Failure(format!("it ended though its handlers did not: {ended:?}"))),
            () = begins => Ok(()),
        }
    };
    within(claims.patience, cancelled).await??;
    let held = started.load(Ordering::Relaxed);
    ensure!(held <= 8, "{held} handlers ran where 8 were allowed");
    let mut receiver = receiver(venue).await?;
    let mut seen = Vec::new();
    for _ in 0..COUNT {
        seen.push(accept(&mut receiver, claims).await?);
    }
    each_once(&seen, COUNT)?;
    Ok(Verdict::Holds)
}
